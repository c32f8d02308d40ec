//! Questions that somebody else answers: passed on as they came, to this machine's own name servers one after the other.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long one of them has.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many of them are asked; a resolver reads no more either.
const MOST: usize = 3;

/// The longest message over UDP.
const LONGEST: usize = 65_535;

/// The name servers in the text of `resolv.conf`; without any it is this machine itself, as the C library has it.
#[must_use]
pub fn name_servers(text: &str) -> Vec<SocketAddr> {
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).filter_map(|rest| rest.trim().parse().ok());
    let mut servers: Vec<SocketAddr> = named.map(|address: IpAddr| SocketAddr::new(address, 53)).take(MOST).collect();
    if servers.is_empty() {
        servers.push((Ipv4Addr::LOCALHOST, 53).into());
    }
    servers
}

/// The first answer; `None` where nobody has one in time.
pub(super) async fn ask(servers: &[SocketAddr], question: &[u8], over_udp: bool) -> Option<Vec<u8>> {
    for server in servers.iter().take(MOST) {
        let asked = async { if over_udp { by_udp(*server, question).await } else { by_tcp(*server, question).await } };
        match timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "a name server did not answer"),
            Err(_) => tracing::debug!(%server, "a name server did not answer in time"),
        }
    }
    None
}

async fn by_udp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    // A port of its own for each question, which nobody can guess.
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut answer).await?;
        if length > 2 && answer[..2] == question[..2] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write(&mut stream, question).await?;
    read(&mut stream).await
}

/// A message over TCP, which begins with its length (RFC 1035, 4.2.2).
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(message);
    stream.write_all(&bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_a_resolver_reads_them() {
        let read = |text: &str| name_servers(text).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(read("search a\n nameserver 10.0.0.2\n#nameserver 1.1.1.1\nnameserver\tfd00::1\nnameserver x\n"), "10.0.0.2:53 [fd00::1]:53");
        assert_eq!(read("nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4"), "1.0.0.1:53 1.0.0.2:53 1.0.0.3:53");
        assert_eq!(read(""), "127.0.0.1:53");
    }
}
