//! A name server on this machine's loopback, with another one behind it.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use proxy::{Answers, Door, NameServer};
use routing::discovery::{Answer, Record, RecordData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// Knows `posts.local`.
struct Known(Vec<SocketAddr>);

impl Answers for Known {
    fn answer(&self, name: &str, kind: RecordType) -> Answer {
        match (name, kind) {
            ("posts.local", RecordType::A) => {
                let record = Record { name: name.into(), ttl: 5, data: RecordData::A(Ipv4Addr::new(10, 1, 2, 3)) };
                Answer::Records { namespace: "local".into(), records: vec![record], additional: Vec::new() }
            }
            _ => Answer::Elsewhere,
        }
    }

    fn elsewhere(&self) -> Vec<SocketAddr> {
        self.0.clone()
    }
}

fn open(elsewhere: Vec<SocketAddr>) -> NameServer {
    let door = Door { address: (Ipv4Addr::LOCALHOST, 0).into(), interface: "lo".into() };
    // The port that the system chooses for one transport may be taken for the other.
    (0..20).find_map(|_| NameServer::open(door.clone(), Arc::new(Known(elsewhere.clone()))).ok()).unwrap()
}

fn question(name: &str) -> Vec<u8> {
    let mut bytes = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

async fn by_udp(to: SocketAddr, question: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(question, to).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = timeout(PATIENCE, socket.recv(&mut answer)).await.unwrap().unwrap();
    answer[..length].to_vec()
}

async fn by_tcp(stream: &mut TcpStream, question: &[u8]) -> Vec<u8> {
    stream.write_u16(u16::try_from(question.len()).unwrap()).await.unwrap();
    stream.write_all(question).await.unwrap();
    let length = timeout(PATIENCE, stream.read_u16()).await.unwrap().unwrap();
    let mut answer = vec![0; length.into()];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

/// Somebody else, who says the question back with a mark at its end; first something that answers another question.
async fn another(owner: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    owner.spawn(async move {
        let mut question = vec![0; 4096];
        loop {
            let (length, peer) = socket.recv_from(&mut question).await.unwrap();
            socket.send_to(&[9, 9, 9, 9], peer).await.unwrap();
            let answer = [&question[..length], b"udp"].concat();
            socket.send_to(&answer, peer).await.unwrap();
        }
    });
    owner.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut question = vec![0; length.into()];
            stream.read_exact(&mut question).await.unwrap();
            question.extend(b"tcp");
            stream.write_u16(length + 3).await.unwrap();
            stream.write_all(&question).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn what_is_known_is_answered_and_the_rest_asked_elsewhere_over_both_transports() {
    let mut owner = JoinSet::new();
    let other = another(&mut owner).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = open(vec![nobody, other]);
    let address = server.address();
    assert!(by_udp(address, &question("posts.local")).await.ends_with(&[0, 4, 10, 1, 2, 3]));
    let example = question("example.com");
    assert_eq!(by_udp(address, &example).await, [&example[..], b"udp"].concat(), "the second one, since nobody is there at the first");
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(by_tcp(&mut stream, &question("posts.local")).await.ends_with(&[0, 4, 10, 1, 2, 3]));
    assert_eq!(by_tcp(&mut stream, &example).await, [&example[..], b"tcp"].concat(), "several over one connection");
    assert!(server.is_open());
    drop(server);
    assert_eq!(timeout(PATIENCE, stream.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0, "its connections end with it");
}

#[tokio::test]
async fn where_nobody_answers_it_says_so() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = open(vec![nobody]);
    let answer = by_udp(server.address(), &question("example.com")).await;
    assert_eq!((answer[3] & 15, &answer[..2]), (2, &[7, 7][..]), "SERVFAIL");
    assert_eq!(by_udp(server.address(), &[1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await[3] & 15, 1, "FORMERR");
}
