//! What all connections through one door share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::TaskId;
use routing::connection::{AppProtocol, Connection};
use routing::rotation::{Member, Rotation};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long a task may take to accept. It is on this machine: one that does not answer at once is on its way out.
const CONNECT: Duration = Duration::from_secs(1);

/// Before the same task is tried once more.
pub(crate) const AGAIN: Duration = Duration::from_millis(50);

pub(crate) struct Shared {
    state: Mutex<State>,
    /// Where time is counted from.
    started: Instant,
}

/// See [`Connection`].
pub(crate) struct Settings {
    pub(crate) app_protocol: Option<AppProtocol>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) request_timeout: Option<Duration>,
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

    /// Takes a task out of rotation before the World says so. True if it was in.
    pub(crate) fn withdraw(&self, task: &TaskId) -> bool {
        let mut state = self.lock();
        state.connection.members.retain(|member| member.task != *task);
        state.rotation.withdraw(task)
    }

    /// How long things may take, and what is spoken.
    pub(crate) fn settings(&self) -> Settings {
        let state = self.lock();
        let Connection { app_protocol, idle_timeout, request_timeout, .. } = state.connection;
        Settings { app_protocol, idle_timeout, request_timeout }
    }

    /// Whose turn it is, and who stands in.
    pub(crate) fn turn(&self) -> Vec<Member> {
        let now = self.now();
        self.lock().rotation.turn(now)
    }

    /// A connection to the task whose turn it is, or to one that stands in for it.
    pub(crate) async fn dial(&self) -> Option<TcpStream> {
        let turn = self.turn();
        for (index, member) in turn.iter().enumerate() {
            if turn[..index].contains(member) {
                tokio::time::sleep(AGAIN).await;
            }
            let stream = self.connect(member).await;
            self.learn(member, stream.is_some());
            if stream.is_some() {
                return stream;
            }
        }
        None
    }

    /// A connection to that task.
    pub(crate) async fn connect(&self, member: &Member) -> Option<TcpStream> {
        let dialled = tokio::time::timeout(CONNECT, TcpStream::connect(member.address)).await;
        match dialled.map_err(|_| std::io::ErrorKind::TimedOut.into()).flatten() {
            Ok(stream) => {
                stream.set_nodelay(true).ok();
                Some(stream)
            }
            Err(error) => {
                tracing::debug!(task = %member.task, address = %member.address, %error, "a task did not accept");
                None
            }
        }
    }

    /// Notes how an attempt ended.
    pub(crate) fn learn(&self, member: &Member, good: bool) {
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
