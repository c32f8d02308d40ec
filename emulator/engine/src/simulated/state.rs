//! Everything that the fleet knows, behind one lock, and the one way in which time changes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use model::{ContainerId, EngineResources, OwnerId, Timestamp, TransportProtocol};
use tokio::sync::watch;

use super::container::{Container, Phase, Run};
use super::journal::{Call, VerbName};
use super::ledger::{HostPort, Ledger};
use super::script::{Moment, SimulatedAnswer};
use super::ticket::Parked;
use crate::{EngineError, EngineErrorKind, EngineEvent, LogLine, Namespace, NetworkNamespace};

/// How many events wait for one watcher; when there are more its stream fails, as a broken connection does.
pub(super) const WATCHER_EVENTS: usize = 1024;
/// How many calls the journal keeps; older ones are dropped.
pub(super) const JOURNAL_CALLS: usize = 10_000;

/// The whole fleet.
#[derive(Debug)]
pub(super) struct State {
    pub(super) containers: BTreeMap<ContainerId, Container>,
    pub(super) ledger: Ledger,
    /// Volumes by name, and whose each is; nobody's is everybody's.
    pub(super) volumes: BTreeMap<String, Option<OwnerId>>,
    /// By reference: the image's id, and when its pull is over.
    pub(super) images: BTreeMap<String, (String, Timestamp)>,
    /// How often a build context was said to be edited.
    pub(super) edits: BTreeMap<std::path::PathBuf, u64>,
    pub(super) down: bool,
    /// What it says that it has.
    pub(super) resources: EngineResources,
    pub(super) failures: VecDeque<(VerbName, EngineError)>,
    pub(super) calls: VecDeque<Call>,
    pub(super) watchers: BTreeMap<u64, Watcher>,
    /// Verbs under way; `None` while they are not parked.
    pub(super) verbs: BTreeMap<u64, Option<Parked>>,
    /// Of verbs and watchers.
    pub(super) next_number: u64,
    /// How many containers were ever created.
    pub(super) created: u64,
    /// Counts changes, so that nobody who waits misses one.
    pub(super) changes: watch::Sender<u64>,
}

/// One watch stream's queue.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) owner: OwnerId,
    pub(super) events: VecDeque<EngineEvent>,
    /// The stream's last item, when it is to end.
    pub(super) broken: Option<EngineError>,
}

impl State {
    /// The id of an image that is here, by its name or id.
    pub(super) fn image(&self, reference: &str, now: Timestamp) -> Option<String> {
        let here = self.images.iter().filter(|(_, (_, here_at))| *here_at <= now);
        here.into_iter().find(|(name, (id, _))| *name == reference || id == reference).map(|(_, (id, _))| id.clone())
    }

    pub(super) fn new() -> Self {
        Self {
            containers: BTreeMap::new(),
            ledger: Ledger::default(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            edits: BTreeMap::new(),
            down: false,
            resources: EngineResources {
                cpu: 8 * 1024,
                memory: 16 * 1024,
                architecture: "x86_64".into(),
                os_type: "linux".into(),
                host: Ipv4Addr::LOCALHOST.into(),
            },
            failures: VecDeque::new(),
            calls: VecDeque::new(),
            watchers: BTreeMap::new(),
            verbs: BTreeMap::new(),
            next_number: 0,
            created: 0,
            changes: watch::Sender::new(0),
        }
    }

    /// The next number of a verb or a watcher.
    pub(super) const fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Wakes everyone who waits for a change.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// When the next thing happens without anybody's doing.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.containers.values().filter_map(Container::due).min()
    }

    /// Applies everything that is due, in order of time.
    pub(super) fn settle(&mut self, now: Timestamp) {
        loop {
            let next = self.containers.values().filter_map(|container| Some((container.due()?, container.id.clone()))).min();
            match next {
                Some((at, id)) if at <= now => self.step(&id, at),
                _ => return,
            }
        }
    }

    /// The next thing that happens to one container, at the moment when it is due.
    fn step(&mut self, id: &ContainerId, at: Timestamp) {
        let Some(container) = self.containers.get_mut(id) else { return };
        let run = match &mut container.phase {
            Phase::Created | Phase::Exited { .. } => return,
            Phase::Starting { .. } => return self.begin(id, at),
            Phase::Running(run) => run,
        };
        let scripted = run.agenda.front().map(|(at, _)| *at);
        if let Some((end, code)) = run.end
            && scripted.is_none_or(|scripted| end < scripted)
        {
            self.finish(id, at, code, false);
            return;
        }
        match run.agenda.pop_front() {
            Some((_, Moment::Exit { code, out_of_memory })) => {
                self.finish(id, at, code, out_of_memory);
            }
            Some((_, Moment::Line(stream, text))) => {
                container.lines.push(LogLine { at, stream, text, continues: false });
                self.changed();
            }
            Some((_, Moment::Health(health))) if health != run.health => {
                run.health = health;
                self.tell(id, EngineEvent::Changed(id.clone()));
            }
            Some((_, Moment::Health(_))) | None => {}
        }
    }

    /// The end of a start: it runs, or it says why not.
    fn begin(&mut self, id: &ContainerId, at: Timestamp) {
        let given = self.allocate(id);
        let Some(container) = self.containers.get_mut(id) else { return };
        match given {
            Ok((address, bindings)) => {
                container.bindings.clone_from(&bindings);
                container.phase = Phase::Running(container.run(at, address, bindings));
                self.tell(id, EngineEvent::Changed(id.clone()));
            }
            Err(error) => {
                container.phase = Phase::Created;
                container.start_error = Some(error);
                self.changed();
            }
        }
    }

    /// An address and ports for a container that starts, where it has a network of its own.
    fn allocate(&mut self, id: &ContainerId) -> Result<(Option<Ipv4Addr>, Vec<model::NetworkBinding>), EngineError> {
        let container = self.containers.get(id).ok_or_else(|| no_such_container(id))?;
        if container.script.cannot_start {
            return Err(EngineError::new(EngineErrorKind::Refused, "the script says `cannot-start`"));
        }
        for whose in [&container.spec.processes, &container.spec.ipc] {
            if let Namespace::Shared(holder) = whose
                && self.containers.get(holder).is_none_or(|holder| holder.running().is_none())
            {
                let message = format!("cannot join the namespace of a container that does not run: `{holder}`");
                return Err(EngineError::new(EngineErrorKind::Failed, message));
            }
        }
        match &container.spec.namespace {
            NetworkNamespace::Own => {}
            NetworkNamespace::Host | NetworkNamespace::None => return Ok((None, Vec::new())),
            NetworkNamespace::Shared(holder) => {
                let runs = self.containers.get(holder).is_some_and(|holder| holder.running().is_some());
                let refused =
                    || EngineError::new(EngineErrorKind::Failed, format!("cannot join the network of a container that does not run: `{holder}`"));
                return if runs { Ok((None, Vec::new())) } else { Err(refused()) };
            }
        }
        let network = &container.spec.network;
        let subnet = self.ledger.subnet(&network.owner, &network.service);
        let subnet = subnet.ok_or_else(|| EngineError::new(EngineErrorKind::NotFound, format!("no network for `{}`", network.service)))?;
        let runs: Vec<_> = self.containers.values().filter_map(Container::running).collect();
        let addresses: BTreeSet<Ipv4Addr> = runs.iter().filter_map(|run| run.address).collect();
        let ports: BTreeSet<HostPort> = runs.iter().flat_map(|run| &run.bindings).map(|binding| (binding.host_port, binding.protocol)).collect();
        let address = Ledger::address(subnet, &addresses)?;
        // Addresses of the fleet can be dialled, so a pause publishes nothing.
        let definition = &container.spec.definition;
        let kept = definition.restart_policy.as_ref().map(|_| &container.bindings).filter(|bindings| !bindings.is_empty());
        let bindings = match kept {
            _ if definition.name.is_pause() => Vec::new(),
            Some(kept) => kept.clone(),
            None => self.ledger.bind(definition, ports)?,
        };
        Ok((Some(address), bindings))
    }

    /// A running container ends. False when it does not run.
    pub(super) fn finish(&mut self, id: &ContainerId, at: Timestamp, code: i64, out_of_memory: bool) -> bool {
        let Some(container) = self.containers.get_mut(id).filter(|container| container.running().is_some()) else { return false };
        container.phase = Phase::Exited { code, out_of_memory, at };
        container.disturbed.clear();
        self.tell(id, EngineEvent::Died { id: id.clone(), code, out_of_memory });
        true
    }

    /// A container goes, killed first if it runs. False when there is none.
    pub(super) fn take_away(&mut self, id: &ContainerId, now: Timestamp) -> bool {
        self.finish(id, now, 137, false);
        if !self.containers.contains_key(id) {
            return false;
        }
        self.tell(id, EngineEvent::Removed(id.clone()));
        self.containers.remove(id);
        true
    }

    /// Nobody can speak to the engine any more: its containers go on, the streams end.
    pub(super) fn go_down(&mut self) {
        self.down = true;
        for watcher in self.watchers.values_mut() {
            watcher.events.clear();
            watcher.broken = Some(unreachable());
        }
        self.changed();
    }

    /// Puts an event into the queue of each watcher of the container's owner.
    fn tell(&mut self, id: &ContainerId, event: EngineEvent) {
        if let Some(container) = self.containers.get(id)
            && !self.down
        {
            for watcher in self.watchers.values_mut().filter(|watcher| watcher.owner == container.spec.owner) {
                if watcher.events.len() < WATCHER_EVENTS {
                    watcher.events.push_back(event.clone());
                } else {
                    watcher.broken = Some(EngineError::new(EngineErrorKind::Failed, "the watcher fell behind"));
                }
            }
        }
        self.changed();
    }

    /// What somebody who connects to `address` over TCP gets.
    pub(super) fn probe(&self, address: SocketAddr, now: Timestamp) -> SimulatedAnswer {
        let at = self.containers.values().find(|container| container.running().is_some_and(|run| self.reaches(container, run, address)));
        at.map_or(SimulatedAnswer::Refused, |container| container.answer(now))
    }

    /// Whether a running container is behind that address: by a published port, at its own address or that of the pause whose network
    /// it has, or at the host's.
    fn reaches(&self, container: &Container, run: &Run, address: SocketAddr) -> bool {
        let tcp = |mapping: &&model::PortMapping| mapping.protocol == TransportProtocol::Tcp;
        let listens = || container.spec.definition.port_mappings.iter().filter(tcp).any(|mapping| mapping.container_port == address.port());
        let published = |binding: &model::NetworkBinding| {
            binding.protocol == TransportProtocol::Tcp && binding.bind_ip == address.ip() && binding.host_port == address.port()
        };
        match &container.spec.namespace {
            // What a pause holds listens, not the pause.
            NetworkNamespace::Own if container.spec.definition.name.is_pause() => false,
            NetworkNamespace::Own => run.bindings.iter().any(published) || (run.address.map(IpAddr::V4) == Some(address.ip()) && listens()),
            NetworkNamespace::Shared(holder) => {
                let holder = self.containers.get(holder).and_then(Container::running);
                holder.and_then(|holder| holder.address).map(IpAddr::V4) == Some(address.ip()) && listens()
            }
            NetworkNamespace::Host => address.ip().is_loopback() && listens(),
            NetworkNamespace::None => false,
        }
    }

    /// Writes a call down.
    pub(super) fn record(&mut self, call: Call) {
        if self.calls.len() == JOURNAL_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }
}

pub(super) fn no_such_container(id: &ContainerId) -> EngineError {
    EngineError::new(EngineErrorKind::NotFound, format!("no such container: `{id}`"))
}

pub(super) fn unreachable() -> EngineError {
    EngineError::new(EngineErrorKind::Unreachable, "the simulated engine does not answer")
}
