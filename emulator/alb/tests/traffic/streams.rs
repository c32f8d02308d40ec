//! Streams that last: WebSockets frame by frame, gRPC message by message (alb.md 1, 6.6). Nothing is held back, nothing is joined.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{ProtocolVersion, TargetProtocol};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::secure::Secure;
use crate::support::{Client, Front, origin, within};

/// A frame of a client: masked, `last` of its message or not.
fn masked(last: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0x22, 0x33, 0x44];
    let mut frame = vec![u8::from(last) << 7 | opcode];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        middle @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(middle).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A target that accepts a WebSocket and sends back what comes.
async fn echo() -> SocketAddr {
    origin(|mut connection, _| async move {
        connection.head().await;
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n").await;
        let (mut read, mut write) = tokio::io::split(connection.stream);
        tokio::io::copy(&mut read, &mut write).await.unwrap_or_default();
    })
    .await
}

async fn talks<S: AsyncRead + AsyncWrite + Unpin>(mut client: Client<S>) {
    client.send("GET /chat HTTP/1.1\r\nHost: one.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    let (text, binary, goes_on, ping, close) = (1, 2, 0, 9, 8);
    let conversation = [
        masked(false, text, b"in three "),
        masked(true, ping, b"between fragments"),
        masked(false, goes_on, b"frag"),
        masked(true, goes_on, b"ments"),
        masked(true, text, b""),
        masked(true, binary, &vec![7; 300]),
        masked(true, binary, &vec![8; 1_000_000]),
        masked(true, close, &[3, 232]),
    ];
    for frame in conversation {
        // Written and read side by side: a frame may be larger than what the sockets on its way hold.
        let (mut read, mut write) = tokio::io::split(client.stream);
        let sent = async { within(write.write_all(&frame)).await.unwrap() };
        let mut came = vec![0; frame.len()];
        let got = async { within(tokio::io::AsyncReadExt::read_exact(&mut read, &mut came)).await.unwrap() };
        tokio::join!(sent, got);
        assert!(came == frame, "a frame of {} bytes comes back as it was", frame.len());
        client = Client::over(read.unsplit(write));
    }
}

#[tokio::test]
async fn websocket_messages_pass_in_their_frames() {
    let target = echo().await;
    let front = Front::start(&[("chat", &[target])]);
    talks(front.client().await).await;
    front.settled().await;
    let secure = Secure::new();
    let front = secure.front(&[("chat", &[target])]);
    talks(secure.client(&front, "one.test").await).await;
    front.settled().await;
}

/// A gRPC server that answers each message as it comes.
async fn grpc_echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(|request: Request<Incoming>| async {
                let messages = request.into_body().into_data_stream().map(|data| Ok::<_, Infallible>(Frame::data(data.unwrap_or_default())));
                let end = futures_util::stream::once(async {
                    Ok(Frame::trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))])))
                });
                Ok::<_, Infallible>(Response::new(StreamBody::new(messages.chain(end))))
            });
            tokio::spawn(hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer));
        }
    });
    address
}

#[tokio::test]
async fn grpc_messages_pass_both_ways_one_by_one() {
    let target = grpc_echo().await;
    let secure = Secure::new();
    let mut front = secure.front(&[("chat", &[target])]);
    front.speak("chat", TargetProtocol::Http, ProtocolVersion::Grpc);
    let stream = secure.connect(front.port, "one.test", &["h2"]).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (say, said) = mpsc::channel::<Bytes>(1);
    let messages = futures_util::stream::unfold(said, |mut said| async {
        let message = said.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(message)), said))
    })
    .boxed();
    let call =
        Request::post(format!("https://one.test:{}/chat.Chat/Talk", front.port)).header("content-type", "application/grpc").header("te", "trailers");
    let response = within(sender.send_request(call.body(StreamBody::new(messages)).unwrap()));
    let mut body = response.await.unwrap().into_body();
    for number in 0..20_u8 {
        let message = Bytes::from(vec![0, 0, 0, 0, 1, number]);
        // The next one is said only when this one has come back.
        within(say.send(message.clone())).await.unwrap();
        assert_eq!(within(body.frame()).await.unwrap().unwrap().into_data().unwrap(), message);
    }
    drop(say);
    let trailers = within(body.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    front.settled().await;
}
