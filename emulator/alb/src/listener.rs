//! Accepting: a worker's sockets of one listener.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connection;
use crate::worker::Worker;

/// The pause after a failed accept: usually no file descriptor is left, and one is free soon.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the connections of a listener share.
pub(crate) struct ListenerContext {
    pub(crate) worker: Rc<Worker>,
    /// The listener's port in the World.
    pub(crate) listener_port: u16,
    /// The port on this machine.
    pub(crate) bound_port: u16,
    /// The same, as the value of `X-Forwarded-Port`.
    pub(crate) forwarded_port: HeaderValue,
    /// No more connections are accepted: responses end theirs.
    pub(crate) closed: Cell<bool>,
}

/// A listener that accepts.
pub(crate) struct Listening {
    context: Rc<ListenerContext>,
    stop: CancellationToken,
    accepting: JoinSet<()>,
}

impl Listening {
    pub(crate) fn start(worker: &Rc<Worker>, listener_port: u16, bound_port: u16, sockets: Vec<std::net::TcpListener>) -> Self {
        let context = Rc::new(ListenerContext {
            worker: Rc::clone(worker),
            listener_port,
            bound_port,
            forwarded_port: HeaderValue::from(bound_port),
            closed: Cell::new(false),
        });
        let stop = CancellationToken::new();
        let mut accepting = JoinSet::new();
        for socket in sockets {
            match TcpListener::from_std(socket) {
                Ok(socket) => drop(accepting.spawn_local(accept(Rc::clone(&context), socket, stop.clone()))),
                Err(error) => tracing::error!(port = bound_port, %error, "the listener cannot accept connections"),
            }
        }
        Self { context, stop, accepting }
    }

    /// Closes the sockets. Connections that were waiting in them are served.
    pub(crate) async fn stop(mut self) {
        self.context.closed.set(true);
        self.stop.cancel();
        while self.accepting.join_next().await.is_some() {}
    }
}

async fn accept(context: Rc<ListenerContext>, socket: TcpListener, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => serve(&context, stream, client),
            Err(error) => {
                tracing::warn!(port = context.bound_port, %error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let Ok(socket) = socket.into_std() else { return };
    while let Ok((stream, client)) = socket.accept() {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            serve(&context, stream, client);
        }
    }
}

fn serve(context: &Rc<ListenerContext>, stream: TcpStream, client: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY towards the client");
    }
    // Owned by the worker's tracker; how it ends is its own business.
    drop(context.worker.tasks.spawn_local(connection::serve(Rc::clone(context), stream, client)));
}
