//! What all connections through one door share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use routing::connection::Connection;
use routing::rotation::{Member, Rotation};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long a task may take to accept. It is on this machine: one that does not answer at once is on its way out.
const CONNECT: Duration = Duration::from_secs(1);

/// Before the same task is tried once more.
const AGAIN: Duration = Duration::from_millis(50);

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Where time is counted from.
    started: Instant,
}

struct State {
    rotation: Rotation,
    connection: Connection,
}

impl Shared {
    pub(crate) fn new(connection: &Connection) -> Self {
        let state = State { rotation: Rotation::default(), connection: Connection::default() };
        let shared = Self { state: Mutex::new(state), started: Instant::now() };
        shared.set(connection);
        shared
    }

    /// From now on this is behind the door. Connections that there are stay with their tasks.
    pub(crate) fn set(&self, connection: &Connection) {
        let mut state = self.lock();
        if state.connection != *connection {
            state.rotation.set(connection.members.clone());
            state.connection = connection.clone();
        }
    }

    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.lock().connection.idle_timeout
    }

    /// A connection to the task whose turn it is, or to one that stands in for it.
    pub(crate) async fn dial(&self) -> Option<TcpStream> {
        let turn = self.lock().rotation.turn(self.now());
        for (index, member) in turn.iter().enumerate() {
            if turn[..index].contains(member) {
                tokio::time::sleep(AGAIN).await;
            }
            let dialled = tokio::time::timeout(CONNECT, TcpStream::connect(member.address)).await;
            let stream = dialled.map_err(|_| std::io::ErrorKind::TimedOut.into()).flatten();
            self.learn(member, stream.is_ok());
            match stream {
                Ok(stream) => return Some(stream),
                Err(error) => tracing::debug!(task = %member.task, address = %member.address, %error, "a task did not accept"),
            }
        }
        None
    }

    fn learn(&self, member: &Member, good: bool) {
        let now = self.now();
        self.lock().rotation.learn(member, good, now);
    }

    fn now(&self) -> model::Timestamp {
        model::Timestamp::from_millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
