//! One connection, byte by byte.

use tokio::net::TcpStream;

use crate::pump;
use crate::shared::Shared;

/// Joins the client with a task; resets the connection where none accepts it.
pub(crate) async fn forward(client: TcpStream, shared: &Shared) {
    let Some(server) = shared.dial().await else {
        client.set_zero_linger().ok();
        return;
    };
    client.set_nodelay(true).ok();
    if let Err(error) = pump::run(client, server, shared.settings().idle_timeout).await {
        tracing::trace!(%error, "a connection between services broke");
    }
}
