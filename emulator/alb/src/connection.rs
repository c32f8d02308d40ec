//! One client connection: what its requests share, and the protocol that it turns out to speak.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use model::LoadBalancerAttributes;
use routing::metrics::BalancerMetric;
use routing::record::RequestKind;
use routing::{Balancer, Scheme};
use tokio::net::TcpStream;

use crate::encryption::{self, Encryption};
use crate::http2::StreamGuard;
use crate::listener::ListenerContext;
use crate::record::Draft;
use crate::state::ConnectionState;
use crate::transport::ClientIo;
use crate::worker::Worker;
use crate::{http1, http2};

/// What a request knows of its connection. Over HTTP/2 each request has one of its own.
pub(crate) struct ConnectionContext {
    pub(crate) listener: Rc<ListenerContext>,
    pub(crate) state: Rc<ConnectionState>,
    pub(crate) client: SocketAddr,
    /// Random, for the access log.
    pub(crate) id: u128,
    /// What it is encrypted with.
    pub(crate) encryption: Option<Arc<Encryption>>,
    /// What an HTTP/2 request holds of its connection until it is over.
    pub(crate) stream: Cell<Option<StreamGuard>>,
}

impl ConnectionContext {
    pub(crate) const fn scheme(&self) -> Scheme {
        if self.encryption.is_some() { Scheme::Https } else { Scheme::Http }
    }

    /// `type` of the access log, until a request is known to be more.
    pub(crate) fn kind(&self) -> RequestKind {
        match self.scheme() {
            Scheme::Http => RequestKind::Http,
            Scheme::Https if self.state.is_multiplexed() => RequestKind::H2,
            Scheme::Https => RequestKind::Https,
        }
    }

    /// A request that could not be read is logged without anything of its own (alb.md 8, "malformed request").
    pub(crate) fn note_unread(&self, status: u16, sent: usize) {
        let Some(balancer) = self.listener.balancer(None) else { return };
        let mut draft = Draft::begin(self, &balancer);
        draft.responds(status);
        self.state.received.set(0);
        self.state.sent.set(sent as u64);
        *self.state.draft.borrow_mut() = Some(draft);
    }
}

/// Serves a client until it or we have enough.
pub(crate) async fn serve(listener: Rc<ListenerContext>, stream: TcpStream, client: SocketAddr) {
    let worker = Rc::clone(&listener.worker);
    let Some(_counted) = Counted::begin(&listener) else { return };
    let id = worker.random_u128();
    let state = Rc::new(ConnectionState::new(first_idle_timeout(&listener), Rc::clone(&worker.recorder)));
    // From here on there are rounds, in which also what a failed handshake leaves is handed over.
    let _watched = worker.watch(listener.listener_port, &state);
    let (stream, encryption) = match worker.https(listener.listener_port) {
        None => {
            listener.note_connection(None, client, id, None, true);
            (ClientIo::Plain(stream), None)
        }
        // Large and soon over: not a part of the connection's future.
        Some(https) => match Box::pin(encryption::accept(&listener, &https, stream, client, id)).await {
            Some((stream, encryption)) => (ClientIo::Tls(Box::new(stream)), Some(Arc::new(encryption))),
            None => return,
        },
    };
    let http2 = encryption.as_ref().is_some_and(|encryption| encryption.http2);
    // The handshake had a limit of its own.
    state.take_cut();
    let context = Rc::new(ConnectionContext { listener, state, client, id, encryption, stream: Cell::new(None) });
    if http2 {
        Box::pin(http2::serve(&context, stream)).await;
    } else {
        http1::serve(&context, stream).await;
    }
    context.state.over();
}

/// One more connection of the load balancer that its listener belongs to, until this is dropped.
struct Counted {
    worker: Rc<Worker>,
    balancer: Option<Arc<Balancer>>,
}

impl Counted {
    /// `None` when there is no room for another one.
    fn begin(listener: &ListenerContext) -> Option<Self> {
        let worker = Rc::clone(&listener.worker);
        let balancer = listener.balancer(None);
        let room = worker.room.get().checked_sub(1);
        if let Some(balancer) = &balancer {
            worker.recorder.count(balancer, if room.is_some() { BalancerMetric::NewConnections } else { BalancerMetric::RejectedConnections });
        }
        worker.room.set(room?);
        Some(Self { worker, balancer })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.worker.room.set(self.worker.room.get() + 1);
        if let Some(balancer) = &self.balancer {
            self.worker.recorder.count(balancer, BalancerMetric::ClosedConnections);
        }
    }
}

/// The idle timeout until a request tells which load balancer is meant.
pub(crate) fn first_idle_timeout(listener: &ListenerContext) -> Duration {
    let mut cache = listener.worker.table.borrow_mut();
    cache
        .load()
        .listener(listener.listener_port, None)
        .map_or_else(|| LoadBalancerAttributes::default().idle_timeout, |table| table.attributes().idle_timeout)
}
