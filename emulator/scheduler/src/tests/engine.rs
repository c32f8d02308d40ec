//! What the engine of the fleet does with a piece of work.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use model::{
    ContainerFailure, ContainerFailureKind as Kind, ContainerId, ContainerName, Fact, FaultKind, HealthStatus, HookAnswer, NetworkBinding,
    NetworkMode, ObservedContainer, RunState, TaskId, TransportProtocol,
};

use super::fleet::{Due, Fleet};
use crate::Work;

impl Fleet {
    /// What the engine does; each piece may be asked for again.
    pub(super) fn execute(&mut self, work: Work) -> Option<Fact> {
        let take = |left: &mut u32| std::mem::replace(left, left.saturating_sub(1)) > 0;
        let failed = |task, container, kind, message: &str| Some(Fact::Failed { task, container, failure: ContainerFailure::new(kind, message) });
        match work {
            Work::PrepareImage { task, container } if take(&mut self.script.fail_pulls) => {
                failed(task, container, Kind::CannotPullContainerError, "no such image")
            }
            Work::PrepareImage { task, container } => Some(Fact::ImageReady { task, container, image_id: "sha256:1".into() }),
            Work::Create { task, container } if take(&mut self.script.fail_creates) => {
                failed(task, container, Kind::CannotCreateContainerError, "no")
            }
            Work::Create { task, container } => self.create(task, container),
            Work::Start { task, container, .. } if take(&mut self.script.fail_starts) => {
                failed(task, container, Kind::CannotStartContainerError, "no")
            }
            Work::Start { task, container, id } if !self.engine.contains_key(&id) => {
                failed(task, container, Kind::CannotStartContainerError, "no such container")
            }
            Work::Start { task, container, id } if !container.is_pause() && self.pauses(&task).any(|pause| pause.state != RunState::Running) => {
                drop(id);
                failed(task, container, Kind::CannotStartContainerError, "cannot join network of a non running container")
            }
            Work::Start { id, .. } => {
                self.start(&id);
                self.engine.get(&id).cloned().map(Fact::Started)
            }
            Work::Stop { task, id, .. } => {
                assert!(!self.frozen.iter().any(|(frozen, _)| *frozen == task), "a signal to what is frozen");
                if self.engine.get(&id).is_some_and(|seen| seen.container.is_pause()) {
                    let normal = |seen: &&ObservedContainer| seen.task == task && !seen.container.is_pause() && seen.state == RunState::Running;
                    let others = self.engine.values().filter(normal);
                    assert_eq!(others.count(), 0, "the pause stops last");
                }
                let running = self.engine.get_mut(&id).filter(|seen| seen.state == RunState::Running);
                running.into_iter().for_each(|seen| seen.state = RunState::Exited { code: 143, out_of_memory: false, at: None });
                Some(self.engine.get(&id).cloned().map_or(Fact::Removed(id), Fact::Seen))
            }
            Work::Remove { id, .. } => {
                self.engine.remove(&id);
                Some(Fact::Removed(id))
            }
            Work::Hook { service, deployment, stage, hook, .. } => {
                let answer = match (take(&mut self.script.hooks_later), take(&mut self.script.hooks_no)) {
                    (true, _) => HookAnswer::InProgress(Duration::from_secs(3)),
                    (_, true) => HookAnswer::Failed("no".into()),
                    _ => HookAnswer::Succeeded,
                };
                Some(Fact::Hook { service, deployment, stage, hook, answer })
            }
            Work::RemoveVolume { task, name } => {
                assert!(self.engine.values().all(|seen| seen.task != task), "{name} is in use");
                self.volumes.remove(&name);
                Some(Fact::VolumeRemoved { task, name })
            }
            Work::BeginFault { fault, task, .. } => {
                let known = self.world.faults.get(&fault)?;
                let containers = known.tasks.get(&task)?.containers.clone();
                match known.kind {
                    FaultKind::Kill { .. } => containers.into_iter().for_each(|id| self.at(self.now, Due::Exit(id, 137, false))),
                    _ => drop(self.frozen.insert((task.clone(), fault.clone()))),
                }
                if take(&mut self.script.fail_faults) {
                    return Some(Fact::FaultFailed { fault, task, reason: "no".into() });
                }
                Some(Fact::FaultBegun { fault, task })
            }
            Work::EndFault { fault, task, .. } => {
                self.frozen.remove(&(task.clone(), fault.clone()));
                Some(Fact::FaultUndone { fault, task })
            }
            Work::RemoveNetwork(key) => Some(Fact::NetworkRemoved(key)),
        }
    }

    fn create(&mut self, task: TaskId, container: ContainerName) -> Option<Fact> {
        let found = self.world.tasks.get(&task)?;
        let runtime_name = found.container(&container)?.runtime_name.clone();
        if let Some(known) = self.engine.values().find(|known| known.runtime_name == runtime_name) {
            return Some(Fact::Created { task, container, id: known.id.clone() });
        }
        if found.pauses().next().is_some() && !container.is_pause() {
            let run = found.pauses().all(|record| record.last_status >= model::ContainerStatus::Running);
            assert!(run, "{container} is made before its pauses run");
            if self.pauses(&task).count() < found.pauses().count() {
                // Removed behind our back meanwhile.
                let failure = ContainerFailure::new(Kind::CannotCreateContainerError, "no such container");
                return Some(Fact::Failed { task, container, failure });
            }
        }
        assert!(self.made.insert((task.clone(), container.clone())), "{task} {container} is made twice");
        self.next += 1;
        let id = ContainerId::from_text(&format!("k{}", self.next));
        let made = ObservedContainer {
            engine: found.engine.clone(),
            id: id.clone(),
            runtime_name,
            service: found.service_key(),
            task: task.clone(),
            container: container.clone(),
            state: RunState::Created,
            health: HealthStatus::Unknown,
            address: None,
            direct: false,
            network_bindings: vec![],
        };
        self.engine.insert(id.clone(), made);
        let own: Vec<String> = self.world.tasks[&task].volumes.iter().map(|volume| volume.runtime_name.clone()).collect();
        self.volumes.extend(own);
        Some(Fact::Created { task, container, id })
    }

    /// What holds the network of a task, and its namespaces.
    fn pauses(&self, task: &TaskId) -> impl Iterator<Item = &ObservedContainer> {
        self.engine.values().filter(move |seen| seen.task == *task && seen.container.is_pause())
    }

    fn start(&mut self, id: &ContainerId) {
        let Some(seen) = self.engine.get(id).filter(|seen| seen.state != RunState::Running).cloned() else { return };
        let task = &self.world.tasks[&seen.task];
        let whole = self.world.definition(&task.revision).unwrap();
        let definition = whole.container(&seen.container).cloned().or_else(|| whole.pauses().find(|pause| pause.name == seen.container)).unwrap();
        let own: u16 = id.as_str()[1..].parse().unwrap();
        let bind_ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let bindings = definition.port_mappings.iter().map(|mapping| NetworkBinding {
            bind_ip,
            container_port: mapping.container_port,
            host_port: if mapping.host_port == 0 { own } else { mapping.host_port },
            protocol: TransportProtocol::Tcp,
        });
        // A pause has an address, half of them one that cannot be dialled; what shares its network has neither address nor ports.
        let holds = seen.container.holds_network();
        let network_bindings: Vec<_> = bindings.filter(|_| whole.network_mode == NetworkMode::Bridge || holds).collect();
        let [high, low] = own.to_be_bytes();
        let (address, direct) = (holds.then(|| [10, 213, high, low].into()), holds && own.is_multiple_of(2));
        if whole.network_mode == NetworkMode::Host {
            let same =
                |other: &&ObservedContainer| other.state == RunState::Running && other.service == seen.service && other.container == seen.container;
            assert_eq!(self.engine.values().find(same), None, "two of them on the host's network");
        }
        let taken = |port: &NetworkBinding| {
            self.engine
                .values()
                .any(|other| other.state == RunState::Running && other.network_bindings.iter().any(|held| held.host_port == port.host_port))
        };
        assert!(!network_bindings.iter().any(taken), "port is already allocated: {network_bindings:?}");
        let mut behaviour = self.behaviours.get(seen.container.as_str()).copied().unwrap_or_default();
        if self.script.crashes > 0 && behaviour.exits.is_none() {
            self.script.crashes -= 1;
            behaviour.exits = Some((2000, 1, false));
        }
        if let Some((after, code, memory)) = behaviour.exits {
            self.at(self.now + Duration::from_millis(after), Due::Exit(id.clone(), code, memory));
        }
        if let Some((after, well)) = behaviour.verdict {
            self.at(self.now + Duration::from_millis(after), Due::Verdict(id.clone(), well));
        }
        self.engine.insert(id.clone(), ObservedContainer { state: RunState::Running, network_bindings, address, direct, ..seen });
    }

    pub(super) fn see(&mut self, id: &ContainerId) {
        if let Some(seen) = self.engine.get(id).cloned() {
            self.fact(&Fact::Seen(seen));
        }
    }

    /// A container ends by itself; the fact is learned, nothing is planned yet.
    pub(super) fn exit(&mut self, id: &ContainerId, code: i64, out_of_memory: bool) {
        if let Some(seen) = self.engine.get_mut(id).filter(|seen| seen.state == RunState::Running) {
            seen.state = RunState::Exited { code, out_of_memory, at: None };
            self.see(id);
        }
    }
}
