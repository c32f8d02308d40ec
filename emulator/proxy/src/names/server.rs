//! A name server for one network of the engine's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use routing::discovery::{Answer, RecordType};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::message::{self, Question};
use super::upstream;
use crate::door::{self, Door};

/// Questions over UDP that somebody else is asked at once; what comes then is dropped, and asked again.
const QUESTIONS: usize = 256;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 32;

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(10);

/// How long nothing is accepted after the system had no room.
const NO_ROOM: Duration = Duration::from_millis(100);

/// Questions are never longer over UDP.
const LONGEST_QUESTION: usize = 4096;

/// Who knows.
pub trait Answers: Send + Sync + 'static {
    /// What a container of the network is answered when it asks for a name.
    fn answer(&self, name: &str, kind: RecordType) -> Answer;

    /// The name servers that are asked for what is [`Answer::Elsewhere`].
    fn elsewhere(&self) -> Vec<SocketAddr>;
}

/// A name server. Dropped, it is no more.
pub struct NameServer {
    door: Door,
    address: SocketAddr,
    serving: [AbortOnDropHandle<()>; 2],
}

impl NameServer {
    /// Answers questions that come to an address by one interface. Must be called within a runtime.
    ///
    /// # Errors
    /// What the system says against the address: it is taken, not permitted, or not there.
    pub fn open(door: Door, answers: Arc<dyn Answers>) -> io::Result<Self> {
        let listener = door.listen()?;
        let address = listener.local_addr()?;
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        door::bind_interface_of(&socket, &door.interface)?;
        // What came in by another interface before it was held to this one.
        while socket.try_recv(&mut [0; 1]).is_ok() {}
        let datagrams = tokio::spawn(over_udp(Arc::new(socket), answers.clone()));
        let connections = tokio::spawn(over_tcp(listener, answers));
        let serving = [datagrams, connections].map(AbortOnDropHandle::new);
        Ok(Self { door, address, serving })
    }

    /// Where it was opened.
    #[must_use]
    pub const fn door(&self) -> &Door {
        &self.door
    }

    /// Where it answers.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it still answers.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.serving.iter().all(|serving| !serving.is_finished())
    }
}

impl std::fmt::Debug for NameServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NameServer").field(&self.door).finish()
    }
}

async fn over_udp(socket: Arc<UdpSocket>, answers: Arc<dyn Answers>) {
    let room = Arc::new(Semaphore::new(QUESTIONS));
    let (mut asking, mut buffer) = (JoinSet::new(), vec![0; LONGEST_QUESTION]);
    loop {
        while asking.try_join_next().is_some() {}
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // Somebody who asked is gone, or the system has no room.
                tracing::trace!(%error, "a question for a name was not received");
                tokio::time::sleep(NO_ROOM).await;
                continue;
            }
        };
        let question = &buffer[..length];
        match known(question, answers.as_ref(), true) {
            Known::Answer(answer) => send(&socket, &answer, peer).await,
            Known::Nothing => {}
            Known::Elsewhere(asked) => {
                let Ok(place) = room.clone().try_acquire_owned() else { continue };
                let (socket, question, servers) = (socket.clone(), question.to_vec(), answers.elsewhere());
                asking.spawn(async move {
                    let answer = upstream::ask(&servers, &question, true).await.unwrap_or_else(|| asked.failed());
                    send(&socket, &answer, peer).await;
                    drop(place);
                });
            }
        }
    }
}

/// Who does not get an answer asks again.
async fn send(socket: &UdpSocket, answer: &[u8], peer: SocketAddr) {
    if let Err(error) = socket.send_to(answer, peer).await {
        tracing::trace!(%error, "an answer for a name was not sent");
    }
}

async fn over_tcp(listener: TcpListener, answers: Arc<dyn Answers>) {
    let (room, mut connections) = (Arc::new(Semaphore::new(CONNECTIONS)), JoinSet::new());
    loop {
        while connections.try_join_next().is_some() {}
        // The semaphore is never closed, so a permit always comes.
        let place = room.clone().acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let answers = answers.clone();
                connections.spawn(async move {
                    if let Err(error) = converse(stream, answers.as_ref()).await {
                        tracing::trace!(%error, "who asked for names broke off");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection for names was not accepted");
                tokio::time::sleep(NO_ROOM).await;
            }
        }
    }
}

async fn converse(mut stream: TcpStream, answers: &dyn Answers) -> io::Result<()> {
    while let Ok(question) = timeout(SILENCE, upstream::read(&mut stream)).await {
        let question = question?;
        let answer = match known(&question, answers, false) {
            Known::Answer(answer) => answer,
            Known::Nothing => break,
            Known::Elsewhere(asked) => upstream::ask(&answers.elsewhere(), &question, false).await.unwrap_or_else(|| asked.failed()),
        };
        timeout(SILENCE, upstream::write(&mut stream, &answer)).await??;
    }
    Ok(())
}

/// What can be said at once.
enum Known {
    Answer(Vec<u8>),
    /// Nothing is to be said.
    Nothing,
    Elsewhere(Question),
}

fn known(message: &[u8], answers: &dyn Answers, over_udp: bool) -> Known {
    match message::question(message) {
        Ok(question) => {
            let answer = question.name.as_ref().map_or(Answer::Elsewhere, |name| answers.answer(name, question.kind));
            question.answer(&answer, over_udp).map_or_else(|| Known::Elsewhere(question.clone()), Known::Answer)
        }
        Err(Some(answer)) => Known::Answer(answer),
        Err(None) => Known::Nothing,
    }
}
