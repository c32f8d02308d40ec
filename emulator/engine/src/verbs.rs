//! The trait.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use model::{ContainerId, ObservedContainer, OwnerId, ServiceKey, Timestamp};

use crate::{
    Bridge, BuildSpec, ContainerSpec, Disturbance, Doorway, EngineError, EngineInfo, ExecSession, ExecSpec, LogLine, LogOptions, NetworkSpec,
    Progress, PutFile, Usage,
};

/// A verb under way.
pub type Verb<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + Send + 'a>>;

/// Items as they come; an error is the last item.
pub type Stream<T> = futures_util::stream::BoxStream<'static, Result<T, EngineError>>;

/// Something happened to a container of the owner's. Events only wake us: then we look (design, decision 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineEvent {
    /// The container started, changed its health, was paused: look at it.
    Changed(ContainerId),
    /// The container ended. The event says how, because a look at it would have to wait: Docker holds a container that has just ended
    /// for as long as it takes its network apart (50 to 90 ms), and until then its target would get requests.
    Died {
        /// Which.
        id: ContainerId,
        /// Its exit code.
        code: i64,
        /// Killed by the kernel for its memory.
        out_of_memory: bool,
    },
    /// The container is gone.
    Removed(ContainerId),
}

/// A container engine. Every verb has a time limit of its own inside.
pub trait Engine: Send + Sync + 'static {
    /// Says who it is; the first thing to ask, to know that it answers.
    fn describe(&self) -> Verb<'_, EngineInfo>;

    /// Every container of `owner`, whatever its state.
    fn list<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<ObservedContainer>>;

    /// One container; `None` when it is gone.
    fn inspect<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, Option<ObservedContainer>>;

    /// Wakes us when something happens to a container of `owner`. The stream ends or fails with the connection.
    fn watch<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Stream<EngineEvent>>;

    /// The engine's id of an image: of the one on this machine, else pulled.
    ///
    /// Fails with `CannotPull` when it is neither here nor to be had.
    fn image<'a>(&'a self, reference: &'a str, progress: Progress) -> Verb<'a, String>;

    /// The engine's id of an image that it has; `None` when it has none of that name or id. Nothing is pulled.
    fn find_image<'a>(&'a self, reference: &'a str) -> Verb<'a, Option<String>>;

    /// An image that it has, as [`Engine::import`] of another engine takes it: streamed, never held whole. Fails with `NotFound`.
    fn export<'a>(&'a self, image_id: &'a str) -> Verb<'a, Stream<Bytes>>;

    /// Takes an image that another engine gave, and says which id it has here: the same, where both engines keep images alike. What
    /// breaks off leaves nothing.
    fn import(&self, image: Stream<Bytes>) -> Verb<'_, String>;

    /// The engine's id of the image of pause containers (ecs.md 1.6), which is made if it is not there: it needs no registry.
    ///
    /// Its program waits, and exits with 0 at once on SIGTERM. Fails with `Refused` for an engine that no such program runs on.
    fn pause_image(&self) -> Verb<'_, String>;

    /// Builds an image and gives its id. Fails with `BuildFailed` (a step of it), `CannotPull` (its base) or `Refused` (no such context).
    fn build<'a>(&'a self, spec: &'a BuildSpec, progress: Progress) -> Verb<'a, String>;

    /// Removes the images that were built for `owner` before `older_than`, have lost their name to a later build, are not among `kept` (by the
    /// engine's ids), and that no container has; says how many. What of them the builder could use again goes too.
    fn remove_superseded<'a>(&'a self, _owner: &'a OwnerId, _kept: &'a BTreeSet<String>, _older_than: Timestamp) -> Verb<'a, usize> {
        Box::pin(std::future::ready(Ok(0)))
    }

    /// Creates a container, and what is not there of the service's network, if it joins that, and of the volumes that it mounts. A container of that name and owner that exists is returned.
    fn create<'a>(&'a self, spec: &'a ContainerSpec) -> Verb<'a, ContainerId>;

    /// Starts a container and says what was seen of it then: running with address and ports, or exited already. Fails where it shares
    /// the network of a container that does not run.
    fn start<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, ObservedContainer>;

    /// Sends the stop signal, and SIGKILL after `grace`; returns when the container has ended. A container that is gone is success.
    fn stop<'a>(&'a self, id: &'a ContainerId, grace: Duration) -> Verb<'a, ()>;

    /// Removes a container, killing it if it runs. A container that is gone is success.
    fn remove<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, ()>;

    /// Does something bad to a container that runs; what is done already is success, and so is the kill of what does not run. Fails with
    /// `Refused` where the engine cannot, and then may have done a part of it.
    fn disturb<'a>(&'a self, id: &'a ContainerId, what: &'a Disturbance) -> Verb<'a, ()>;

    /// Undoes that, whether it was done or not. A container that does not run or is gone is success.
    fn restore<'a>(&'a self, id: &'a ContainerId, what: &'a Disturbance) -> Verb<'a, ()>;

    /// The services that have a network of `owner`'s.
    fn networks<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<ServiceKey>>;

    /// The networks of `owner`'s whose bridges are on this machine.
    fn bridges<'a>(&'a self, owner: &'a OwnerId) -> Verb<'a, Vec<Bridge>>;

    /// Removes a service's network. A network that is gone is success.
    fn remove_network<'a>(&'a self, spec: &'a NetworkSpec) -> Verb<'a, ()>;

    /// Removes a volume of `owner`'s by its name. One that is gone, or that is not the owner's, is success; fails while a container has it.
    fn remove_volume<'a>(&'a self, owner: &'a OwnerId, name: &'a str) -> Verb<'a, ()>;

    /// The doorways from the networks of `owner`'s services to this host, where the address of the agent of ECS is then: it is made if there is
    /// a doorway or `wanted` says so. `None` where the engine's networks are not on this host.
    fn doorways<'a>(&'a self, _owner: &'a OwnerId, _wanted: bool) -> Verb<'a, Option<Vec<Doorway>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Takes the address of the agent away unless somebody, whoever, still has a network for a service.
    fn close_doorways(&self) -> Verb<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// What Docker's API answers for the statistics of a container, its JSON as it is; `None` when it does not run, is gone, or the engine has no
    /// such thing. May take some seconds.
    fn statistics<'a>(&'a self, _id: &'a ContainerId) -> Verb<'a, Option<String>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What a container has used; `None` when it does not run or is gone. May take as long as a second.
    fn usage<'a>(&'a self, id: &'a ContainerId) -> Verb<'a, Option<Usage>>;

    /// Runs a program in a running container; one that is not there ends with exit code 127 (126 where it cannot be run), and what the engine
    /// says of it is its standard error. Fails with `Refused` where the container does not run.
    fn exec<'a>(&'a self, id: &'a ContainerId, spec: &'a ExecSpec) -> Verb<'a, ExecSession>;

    /// Puts files into the file system of a container, whether it runs or not, over what is there. Not all at once: who reads meanwhile may find
    /// some. Fails with `Refused` or `Failed` where one cannot be put, and then may have put others.
    fn put<'a>(&'a self, id: &'a ContainerId, files: &'a [PutFile]) -> Verb<'a, ()>;

    /// A container's log.
    fn logs<'a>(&'a self, id: &'a ContainerId, options: LogOptions) -> Verb<'a, Stream<LogLine>>;
}
