//! Targets that answer as a case says, and remember what came.

use std::collections::{BTreeSet, VecDeque};
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::wire::Wire;

/// What a target does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

/// What comes behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request.
    Next,
    Close,
    Reset,
    Silence,
}

/// A request that came to a target.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) connection: usize,
    pub(crate) request: Vec<u8>,
}

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    arrivals: VecDeque<Arrival>,
    connections: usize,
    /// Those that the load balancer has closed.
    closed: BTreeSet<usize>,
}

/// All targets of a case: they share their script.
#[derive(Clone, Default)]
pub(crate) struct Targets {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

impl Targets {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_one();
    }

    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().answers.extend(answers);
    }

    /// Starts one. Without a script it answers with its name.
    pub(crate) async fn start(&self, name: &str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (targets, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut connection = 0;
                targets.change(|state| {
                    state.connections += 1;
                    connection = state.connections;
                });
                tokio::spawn(targets.clone().serve(stream, connection, name.clone()));
            }
        });
        address
    }

    async fn serve(self, stream: TcpStream, connection: usize, name: String) {
        stream.set_nodelay(true).unwrap();
        let socket = socket2::SockRef::from(&stream).try_clone().unwrap();
        let mut wire = Wire::over(stream);
        while let Some(request) = wire.request().await {
            let head_only = request.starts_with(b"HEAD ");
            let answer = self.state().answers.pop_front();
            self.change(|state| state.arrivals.push_back(Arrival { connection, request }));
            let answer = answer.unwrap_or_else(|| own_name(&name, head_only));
            if wire.send(&answer.bytes).await.is_err() {
                break;
            }
            match answer.then {
                Then::Next => {}
                Then::Close => return,
                Then::Silence => pending().await,
                Then::Reset => {
                    socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
                    return;
                }
            }
        }
        self.change(|state| {
            state.closed.insert(connection);
        });
    }

    /// Waits until `find` finds something.
    async fn wait<T>(&self, mut find: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            if let Some(found) = find(&mut self.state()) {
                return found;
            }
            self.changed.notified().await;
        }
    }

    /// The next request that comes to any target.
    pub(crate) async fn arrival(&self) -> Arrival {
        self.wait(|state| state.arrivals.pop_front()).await
    }

    /// Those that came and nobody asked for.
    pub(crate) fn others(&self) -> Vec<Arrival> {
        self.state().arrivals.drain(..).collect()
    }

    /// Waits until the load balancer has closed the connection.
    pub(crate) async fn closed(&self, connection: usize) {
        self.wait(|state| state.closed.contains(&connection).then_some(())).await;
    }
}

fn own_name(name: &str, head_only: bool) -> Answer {
    let body = if head_only { "" } else { name };
    Answer { bytes: format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", name.len()).into_bytes(), then: Then::Next }
}
