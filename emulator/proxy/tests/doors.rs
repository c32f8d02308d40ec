//! Doors on this machine's loopback, with servers of the test's own behind them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use model::{ClusterName, ServiceKey, ServiceName, TaskId};
use proxy::{Door, Proxy};
use routing::connection::{Connection, ConnectionKey};
use routing::rotation::Member;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

fn service(name: &str) -> ServiceKey {
    ServiceKey { cluster: ClusterName::new("c").unwrap(), name: ServiceName::new(name).unwrap() }
}

fn key(port: u16) -> ConnectionKey {
    ConnectionKey { client: service("users"), server: service("posts"), port }
}

fn member(address: SocketAddr) -> Member {
    Member { task: TaskId::from_text(&address.to_string()), address }
}

fn leading_to(addresses: &[SocketAddr]) -> Connection {
    Connection { members: addresses.iter().map(|address| member(*address)).collect(), ..Connection::default() }
}

/// A server that sends its own port as two bytes, then everything back until the client has ended.
async fn server(owner: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    owner.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                stream.write_u16(address.port()).await.ok();
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.ok();
            });
        }
    });
    address
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn door(address: SocketAddr) -> Door {
    Door { address, interface: "lo".into() }
}

/// Which server answers behind the door.
async fn ask(address: SocketAddr) -> std::io::Result<(u16, TcpStream)> {
    let mut stream = timeout(PATIENCE, TcpStream::connect(address)).await.unwrap()?;
    let port = timeout(PATIENCE, stream.read_u16()).await.unwrap()?;
    Ok((port, stream))
}

#[tokio::test]
async fn each_server_has_its_turn_and_bytes_go_both_ways_to_the_end() {
    let mut owner = JoinSet::new();
    let (first, second, at) = (server(&mut owner).await, server(&mut owner).await, nobody().await);
    let proxy = Proxy::default();
    proxy.open(&key(1), door(at), &leading_to(&[first, second])).unwrap();
    let mut served = BTreeSet::new();
    for _ in 0..4 {
        let (port, mut stream) = ask(at).await.unwrap();
        served.insert(port);
        let sent: Vec<u8> = (0..100_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let (mut read, mut write) = stream.split();
        let (mut back, writing) = (Vec::new(), async { write.write_all(&sent).await.and(write.shutdown().await) });
        let (written, read) = timeout(PATIENCE, async { tokio::join!(writing, read.read_to_end(&mut back)) }).await.unwrap();
        assert_eq!((written.unwrap(), read.unwrap()), ((), sent.len()), "the end of one side is not that of the other");
        assert_eq!(back, sent);
    }
    assert_eq!(served, BTreeSet::from([first.port(), second.port()]));
    assert_eq!(proxy.doors()[&key(1)].address, at);
}

#[tokio::test]
async fn who_does_not_accept_is_stood_in_for_and_without_anybody_the_connection_is_reset() {
    let mut owner = JoinSet::new();
    let (good, gone, at) = (server(&mut owner).await, nobody().await, nobody().await);
    let proxy = Proxy::default();
    proxy.open(&key(1), door(at), &leading_to(&[gone, good])).unwrap();
    for _ in 0..4 {
        assert_eq!(ask(at).await.unwrap().0, good.port());
    }
    for members in [&[gone][..], &[]] {
        proxy.open(&key(1), door(at), &leading_to(members)).unwrap();
        assert_eq!(ask(at).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    proxy.open(&key(1), door(at), &leading_to(&[good])).unwrap();
    assert_eq!(ask(at).await.unwrap().0, good.port(), "the same door, as soon as somebody is behind it");
}

#[tokio::test]
async fn a_connection_stays_with_its_task_until_it_is_silent_or_the_door_is_shut() {
    let mut owner = JoinSet::new();
    let (first, second, at) = (server(&mut owner).await, server(&mut owner).await, nobody().await);
    let proxy = Proxy::default();
    proxy.open(&key(1), door(at), &leading_to(&[first])).unwrap();
    let (port, mut kept) = ask(at).await.unwrap();
    assert_eq!(port, first.port());
    let brief = Connection { idle_timeout: Some(Duration::from_millis(50)), ..leading_to(&[second]) };
    proxy.open(&key(1), door(at), &brief).unwrap();
    kept.write_all(b"x").await.unwrap();
    assert_eq!(timeout(PATIENCE, kept.read_u8()).await.unwrap().unwrap(), b'x', "it is no longer in rotation, and goes on");
    let (port, mut silent) = ask(at).await.unwrap();
    assert_eq!(port, second.port());
    assert_eq!(timeout(PATIENCE, silent.read(&mut [0])).await.unwrap().unwrap(), 0, "nothing moved for too long");
    proxy.close(&key(1)).await;
    assert!(!matches!(timeout(PATIENCE, kept.read(&mut [0])).await.unwrap(), Ok(1..)), "cut with its door");
    assert_eq!(TcpStream::connect(at).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(proxy.doors().is_empty());
}

#[tokio::test]
async fn a_door_that_cannot_be_opened_says_why() {
    let mut owner = JoinSet::new();
    let taken = server(&mut owner).await;
    let proxy = Proxy::default();
    let refused = |door| proxy.open(&key(1), door, &leading_to(&[])).unwrap_err().kind();
    assert_eq!(refused(door(taken)), ErrorKind::AddrInUse);
    let nowhere = Door { interface: "none-such".into(), ..door(taken) };
    assert!(proxy.open(&key(1), nowhere, &leading_to(&[])).is_err());
    assert_eq!(refused(door(([192, 0, 2, 77], 1).into())), ErrorKind::AddrNotAvailable);
    assert!(proxy.doors().is_empty());
}
