//! Where a connection comes in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::shared::Shared;
use crate::{http, tcp};

/// Connections through one door at the same time; more wait to be accepted.
const CONNECTIONS: usize = 1024;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long nothing is accepted after the system had no room for one more connection.
const NO_ROOM: Duration = Duration::from_millis(100);

/// An address of this machine's, for what comes in by one network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The address and port.
    pub address: SocketAddr,
    /// The name of the interface.
    pub interface: String,
}

impl Door {
    /// Listens. Another socket may have the same address and port for another interface.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Connections of a door that was here before may still be ending.
        socket.set_reuseaddr(true)?;
        bind_interface(&socket, &self.interface)?;
        socket.bind(self.address)?;
        socket.listen(BACKLOG)
    }
}

#[cfg(target_os = "linux")]
fn bind_interface(socket: &TcpSocket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes()))
}

/// The same for a socket that has no connections.
#[cfg(target_os = "linux")]
pub(crate) fn bind_interface_of(socket: &UdpSocket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn bind_interface_of(_: &UdpSocket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Elsewhere no engine's bridges are this machine's own.
#[cfg(not(target_os = "linux"))]
fn bind_interface(_: &TcpSocket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Serves until `stop`, and then cuts what is left.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let (room, mut connections) = (Arc::new(Semaphore::new(CONNECTIONS)), JoinSet::new());
    loop {
        while connections.try_join_next().is_some() {}
        // The semaphore is never closed, so a permit always comes.
        let permit = tokio::select! {
            permit = room.clone().acquire_owned() => permit,
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((client, _)) => {
                let shared = shared.clone();
                connections.spawn(async move {
                    match shared.settings().app_protocol {
                        None => tcp::forward(client, &shared).await,
                        Some(protocol) => http::serve(client, shared, protocol).await,
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection between services was not accepted");
                tokio::time::sleep(NO_ROOM).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}
