//! HTTP/2 frame by frame: what a connection must refuse, and with which error (RFC 9113, in the order of its sections). Where the RFC
//! names a more special error, or one of the request alone, the library behind it may give up the connection with PROTOCOL_ERROR.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::secure::Secure;
use crate::support::{Front, within};

const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
pub(crate) const END: u8 = 5;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header line that refers to no table.
fn line(name: &str, value: &str) -> Vec<u8> {
    let short = |text: &str| u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap();
    [&[0, short(name)], name.as_bytes(), &[short(value)], value.as_bytes()].concat()
}

/// The head of `GET <path>`.
fn get(path: &str) -> Vec<u8> {
    [(":method", "GET"), (":scheme", "https"), (":path", path), (":authority", "one.test")].map(|(name, value)| line(name, value)).concat()
}

/// What comes of a connection.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// The whole connection is given up.
    GoAway(u32),
    /// One request is.
    Reset(u32, u32),
    /// A response begins.
    Answer(u32),
    Pong(Vec<u8>),
    /// Nothing more comes.
    Closed,
}

struct Frames {
    stream: TlsStream<TcpStream>,
    acknowledged: usize,
}

impl Frames {
    async fn open(secure: &Secure, front: &Front) -> Self {
        let mut own = Self::bare(secure, front).await;
        own.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
        own
    }

    /// Without the preface.
    async fn bare(secure: &Secure, front: &Front) -> Self {
        Self { stream: secure.connect(front.port, "one.test", &["h2"]).await.unwrap(), acknowledged: 0 }
    }

    async fn send(&mut self, bytes: &[u8]) {
        // Who is refused early may find the connection closed; what was said shows in reading.
        within(self.stream.write_all(bytes)).await.unwrap_or_default();
    }

    /// The next frame that says something.
    async fn see(&mut self) -> Seen {
        loop {
            let mut head = [0; 9];
            if within(self.stream.read_exact(&mut head)).await.is_err() {
                return Seen::Closed;
            }
            let [a, b, c, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap()];
            if within(self.stream.read_exact(&mut payload)).await.is_err() {
                return Seen::Closed;
            }
            let stream = u32::from_be_bytes(stream);
            let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match kind {
                GOAWAY => return Seen::GoAway(number(4)),
                RST_STREAM => return Seen::Reset(stream, number(0)),
                HEADERS => return Seen::Answer(stream),
                PING if flags == ACK => return Seen::Pong(payload),
                SETTINGS if flags == ACK => self.acknowledged += 1,
                _ => {}
            }
        }
    }
}

/// Each case on a connection of its own: what is sent behind the preface, and what comes of it.
async fn check(cases: &[(&str, Vec<u8>, Seen)]) {
    let secure = Secure::new();
    let front = secure.front(&[]);
    let mut wrong = Vec::new();
    for (name, bytes, expected) in cases {
        let mut frames = Frames::open(&secure, &front).await;
        frames.send(bytes).await;
        let seen = frames.see().await;
        if seen != *expected {
            wrong.push(format!("{name}: {seen:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Nobody else is worse off.
    let mut frames = Frames::open(&secure, &front).await;
    frames.send(&frame(HEADERS, END, 1, &get("/"))).await;
    assert_eq!(frames.see().await, Seen::Answer(1));
}

#[tokio::test]
async fn a_connection_begins_with_its_preface() {
    let secure = Secure::new();
    let front = secure.front(&[]);
    for bytes in [&b"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"] {
        let mut frames = Frames::bare(&secure, &front).await;
        frames.send(bytes).await;
        let seen = frames.see().await;
        assert!(matches!(seen, Seen::GoAway(PROTOCOL_ERROR) | Seen::Closed), "{seen:?}");
    }
}

#[tokio::test]
async fn frames_have_sizes_and_places() {
    let goaway = Seen::GoAway;
    check(&[
        ("4.1 an unknown kind is ignored", [frame(22, 0, 0, b"?"), frame(HEADERS, END, 1, &get("/"))].concat(), Seen::Answer(1)),
        ("4.2 a frame over the size", frame(HEADERS, END, 1, &vec![0; 16_385]), goaway(FRAME_SIZE_ERROR)),
        ("4.3 a head that cannot be unpacked", frame(HEADERS, END, 1, &[0x80]), goaway(PROTOCOL_ERROR)),
        ("5.1 DATA before HEADERS", frame(DATA, 0, 1, b"x"), goaway(PROTOCOL_ERROR)),
        ("5.1 RST_STREAM before HEADERS", frame(RST_STREAM, 0, 1, &[0; 4]), goaway(PROTOCOL_ERROR)),
        ("5.1 WINDOW_UPDATE before HEADERS", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]), goaway(PROTOCOL_ERROR)),
        ("5.1.1 an even stream", frame(HEADERS, END, 2, &get("/")), goaway(PROTOCOL_ERROR)),
        ("6.1 DATA of no stream", frame(DATA, 0, 0, b"x"), goaway(PROTOCOL_ERROR)),
        (
            "6.1 more padding than there is",
            [frame(HEADERS, END_HEADERS, 1, &get("/")), frame(DATA, PADDED, 1, &[9, 1])].concat(),
            goaway(PROTOCOL_ERROR),
        ),
        ("6.2 HEADERS of no stream", frame(HEADERS, END, 0, &get("/")), goaway(PROTOCOL_ERROR)),
        ("6.3 PRIORITY of no stream", frame(PRIORITY, 0, 0, &[0; 5]), goaway(PROTOCOL_ERROR)),
        ("6.4 RST_STREAM of no stream", frame(RST_STREAM, 0, 0, &[0; 4]), goaway(PROTOCOL_ERROR)),
        ("6.5 SETTINGS of a stream", frame(SETTINGS, 0, 1, &[]), goaway(PROTOCOL_ERROR)),
        ("6.5 SETTINGS of half a setting", frame(SETTINGS, 0, 0, &[0; 3]), goaway(PROTOCOL_ERROR)),
        ("6.5 an acknowledgement with settings", frame(SETTINGS, ACK, 0, &[0; 6]), goaway(PROTOCOL_ERROR)),
        ("6.5.2 a push that is neither on nor off", frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]), goaway(PROTOCOL_ERROR)),
        ("6.5.2 a frame size that is none", frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1]), goaway(PROTOCOL_ERROR)),
        ("6.7 PING of a stream", frame(PING, 0, 1, &[0; 8]), goaway(PROTOCOL_ERROR)),
        ("6.7 PING of another size", frame(PING, 0, 0, &[0; 6]), goaway(PROTOCOL_ERROR)),
        ("6.7 PING", frame(PING, 0, 0, b"12345678"), Seen::Pong(b"12345678".to_vec())),
        ("6.8 GOAWAY of a stream", frame(GOAWAY, 0, 1, &[0; 8]), goaway(PROTOCOL_ERROR)),
        ("6.9 a window that grows by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4]), goaway(PROTOCOL_ERROR)),
        ("6.9 WINDOW_UPDATE of another size", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), goaway(PROTOCOL_ERROR)),
        ("6.9.1 a window over its most", frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), goaway(FLOW_CONTROL_ERROR)),
        ("6.10 CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, &get("/")), goaway(PROTOCOL_ERROR)),
        ("6.10 something within a head", [frame(HEADERS, END_STREAM, 1, &get("/")), frame(PING, 0, 0, &[0; 8])].concat(), goaway(PROTOCOL_ERROR)),
    ])
    .await;
}

#[tokio::test]
async fn heads_are_requests() {
    let head = |lines: &[(&str, &str)]| lines.iter().map(|(name, value)| line(name, value)).collect::<Vec<_>>().concat();
    let whole = get("/");
    let with = |lines: &[(&str, &str)]| frame(HEADERS, END, 1, &[whole.clone(), head(lines)].concat());
    let reset = || Seen::Reset(1, PROTOCOL_ERROR);
    check(&[
        (
            "8.1.1 a body of another length",
            [frame(HEADERS, END_HEADERS, 1, &[get("/"), line("content-length", "2")].concat()), frame(DATA, END_STREAM, 1, b"x")].concat(),
            reset(),
        ),
        ("8.2 a name with capitals", with(&[("X-Own", "1")]), Seen::GoAway(PROTOCOL_ERROR)),
        ("8.2.2 a header of the connection", with(&[("connection", "close")]), reset()),
        ("8.2.2 TE that says more than trailers", with(&[("te", "gzip")]), reset()),
        ("8.2.2 TE that says trailers", with(&[("te", "trailers")]), Seen::Answer(1)),
        ("8.3 an unknown pseudo header", with(&[(":own", "1")]), Seen::GoAway(PROTOCOL_ERROR)),
        ("8.3 a pseudo header behind others", frame(HEADERS, END, 1, &[line("x-own", "1"), get("/")].concat()), reset()),
        ("8.3 one that only responses have", with(&[(":status", "200")]), reset()),
        ("8.3.1 no path", frame(HEADERS, END, 1, &head(&[(":method", "GET"), (":scheme", "https"), (":authority", "one.test")])), reset()),
        ("8.3.1 an empty path", frame(HEADERS, END, 1, &get("")), reset()),
        ("8.3.1 no method", frame(HEADERS, END, 1, &head(&[(":scheme", "https"), (":path", "/"), (":authority", "one.test")])), reset()),
        ("8.3.1 two paths", with(&[(":path", "/")]), reset()),
    ])
    .await;
}

#[tokio::test]
async fn streams_end_and_are_counted() {
    let secure = Secure::new();
    let front = secure.front(&[]);
    let mut frames = Frames::open(&secure, &front).await;
    frames.send(&frame(HEADERS, END, 5, &get("/"))).await;
    assert_eq!(frames.see().await, Seen::Answer(5));
    assert_eq!(frames.acknowledged, 1, "settings are acknowledged (6.5.3)");
    frames.send(&frame(DATA, 0, 5, b"x")).await;
    let seen = frames.see().await;
    assert!(matches!(seen, Seen::GoAway(STREAM_CLOSED) | Seen::Reset(5, STREAM_CLOSED)), "5.1 DATA behind the end: {seen:?}");

    let mut frames = Frames::open(&secure, &front).await;
    frames.send(&[frame(HEADERS, END, 5, &get("/")), frame(HEADERS, END, 3, &get("/"))].concat()).await;
    let seen = [frames.see().await, frames.see().await];
    assert!(seen.contains(&Seen::GoAway(PROTOCOL_ERROR)), "5.1.1 an earlier stream: {seen:?}");
}

#[tokio::test]
async fn only_so_many_requests_are_under_way_at_once() {
    let target = crate::support::origin(|mut connection, _| async move {
        while connection.try_head().await.is_some() {
            std::future::pending::<()>().await;
        }
    })
    .await;
    let secure = Secure::new();
    let front = secure.front(&[("slow", &[target])]);
    let mut frames = Frames::open(&secure, &front).await;
    let requests: Vec<u8> = (0..129).flat_map(|number| frame(HEADERS, END, 2 * number + 1, &get("/slow"))).collect();
    frames.send(&requests).await;
    let seen = frames.see().await;
    assert!(matches!(seen, Seen::Reset(257, REFUSED_STREAM) | Seen::GoAway(PROTOCOL_ERROR)), "the 129th (alb.md 1): {seen:?}");
}
