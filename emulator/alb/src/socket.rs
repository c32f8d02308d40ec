//! Listening sockets: one per worker on one port, and the check that the port is free.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel keeps waiting per socket.
const BACKLOG: i32 = 4096;

/// The sockets of one listener: for each worker those that it accepts from.
#[derive(Debug)]
pub(crate) struct Group {
    /// The port that all of them are bound to.
    pub(crate) port: u16,
    /// One list per worker.
    pub(crate) per_worker: Vec<Vec<TcpListener>>,
}

/// Binds `workers` sockets on `address:port`, and as many on the same port of its IPv6 sibling where there is one.
///
/// `SO_REUSEPORT` would silently share the port with another process of the same user, so a plain socket asks for it first.
pub(crate) fn bind(address: IpAddr, port: u16, workers: usize) -> io::Result<Group> {
    let port = probe_free(SocketAddr::new(address, port))?;
    let mut group = Group { port, per_worker: Vec::with_capacity(workers) };
    for _ in 0..workers {
        group.per_worker.push(vec![open(SocketAddr::new(address, port), true)?]);
    }
    if let Some(sibling) = sibling(address) {
        // A machine without IPv6, or with the port taken there only, still serves IPv4.
        if let Err(error) = bind_also(&mut group, SocketAddr::new(sibling, port)) {
            tracing::debug!(%sibling, port, %error, "not listening on IPv6");
        }
    }
    Ok(group)
}

fn bind_also(group: &mut Group, address: SocketAddr) -> io::Result<()> {
    probe_free(address)?;
    let sockets = group.per_worker.iter().map(|_| open(address, true)).collect::<io::Result<Vec<_>>>()?;
    for (own, socket) in group.per_worker.iter_mut().zip(sockets) {
        own.push(socket);
    }
    Ok(())
}

/// The port that `address` gets when nobody else has it; the socket that asked is closed again.
fn probe_free(address: SocketAddr) -> io::Result<u16> {
    Ok(open(address, false)?.local_addr()?.port())
}

fn sibling(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Some(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}

fn open(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    // Connections that are accepted inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // Without this the probe would not notice a listener on Linux, where SO_REUSEADDR lets the bind itself pass.
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn every_worker_gets_a_socket_on_one_port() {
        let group = bind(LOCALHOST, 0, 3).unwrap();
        assert_eq!(group.per_worker.len(), 3);
        for sockets in &group.per_worker {
            assert!(sockets.iter().all(|socket| socket.local_addr().unwrap().port() == group.port));
            assert_eq!(sockets[0].local_addr().unwrap().ip(), LOCALHOST);
        }
    }

    #[test]
    fn what_is_accepted_sends_at_once() {
        let group = bind(LOCALHOST, 0, 1).unwrap();
        let listening = &group.per_worker[0][0];
        listening.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        assert!(listening.accept().unwrap().0.nodelay().unwrap());
    }

    #[test]
    fn a_port_that_another_group_shares_with_reuseport_is_taken() {
        let first = bind(LOCALHOST, 0, 2).unwrap();
        assert_eq!(bind(LOCALHOST, first.port, 2).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let port = first.port;
        drop(first);
        assert_eq!(bind(LOCALHOST, port, 1).unwrap().port, port);
    }
}
