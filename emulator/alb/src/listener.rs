//! Accepting: a worker's sockets of one listener.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use model::{ListenerAttributes, LoadBalancerName};
use routing::connection_record::HandshakeRecord;
use routing::metrics::BalancerMetric;
use routing::record::RequestKind;
use routing::table::dns_name;
use routing::{AccessRecord, Balancer, ConnectionRecord};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock;
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
    /// The same, written.
    pub(crate) bound_port_text: Box<str>,
    /// No more connections are accepted: responses end theirs.
    pub(crate) closed: Cell<bool>,
}

impl ListenerContext {
    /// The load balancer of that name on this port, or the first one.
    pub(crate) fn balancer(&self, name: Option<&LoadBalancerName>) -> Option<Arc<Balancer>> {
        let host = name.map(dns_name);
        self.worker.table.borrow_mut().load().listener(self.listener_port, host.as_deref()).map(|found| Arc::clone(found.balancer()))
    }

    /// What the first load balancer's listener on this port does besides its rules; `None` where that is nothing.
    pub(crate) fn own_attributes(&self) -> Option<Arc<ListenerAttributes>> {
        self.worker.table.borrow_mut().load().listener(self.listener_port, None)?.own_attributes().cloned()
    }

    /// Writes down a connection. Whose it is says its name, where TLS told one; `made` is false where its handshake failed.
    pub(crate) fn note_connection(
        &self,
        load_balancer: Option<&LoadBalancerName>,
        client: SocketAddr,
        id: u128,
        handshake: Option<HandshakeRecord>,
        made: bool,
    ) {
        let Some(balancer) = self.balancer(load_balancer) else { return };
        if !made {
            self.worker.recorder.count(&balancer, BalancerMetric::TlsNegotiationErrors);
        }
        let listener_port = self.bound_port;
        self.worker.recorder.keep_connection(ConnectionRecord { at: clock::unix(), balancer, client, listener_port, handshake, connection: id });
    }

    /// Writes down a cleartext request to an HTTPS listener, of which nothing is read.
    pub(crate) fn note_cleartext(&self, client: SocketAddr, id: u128, status: u16, sent: usize) {
        let Some(balancer) = self.balancer(None) else { return };
        let mut record = AccessRecord::begin(RequestKind::Http, clock::unix(), balancer, client, id);
        (record.elb_status, record.sent) = (status, sent as u64);
        self.worker.recorder.keep(Box::new(record));
    }
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
            bound_port_text: bound_port.to_string().into(),
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
    // Owned by the worker's tracker; how it ends is its own business.
    drop(context.worker.tasks.spawn_local(connection::serve(Rc::clone(context), stream, client)));
}
