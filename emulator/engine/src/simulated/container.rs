//! One simulated container: where it is in its life, and what its script will do next.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use model::{ContainerId, EngineName, HealthStatus, NetworkBinding, ObservedContainer, RunState, Timestamp};

use super::script::{Moment, Script, SimulatedAnswer};
use crate::{ContainerSpec, Disturbance, EngineError, LogLine, NetworkNamespace, NetworkSpec, Usage};

/// One container. Its state changes only through [`super::state::State`], which tells the watchers.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) id: ContainerId,
    pub(super) spec: ContainerSpec,
    pub(super) script: Script,
    pub(super) phase: Phase,
    /// The ports that it had in its last run: one that may be started again keeps them.
    pub(super) bindings: Vec<NetworkBinding>,
    /// Why the last start failed.
    pub(super) start_error: Option<EngineError>,
    /// What was done to its current run.
    pub(super) disturbed: Vec<Disturbance>,
    /// What was put into it, by path.
    pub(super) files: BTreeMap<String, Bytes>,
    /// Everything that it wrote, over all its runs.
    pub(super) lines: Vec<LogLine>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Created,
    Starting { at: Timestamp },
    Running(Run),
    Exited { code: i64, out_of_memory: bool, at: Timestamp },
}

/// From one start to its end.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) since: Timestamp,
    /// What the script still has to do, in order of time.
    pub(super) agenda: VecDeque<(Timestamp, Moment)>,
    /// When a stop that is under way ends it, and with which exit code.
    pub(super) end: Option<(Timestamp, i64)>,
    pub(super) health: HealthStatus,
    /// None for one that has another's network, the host's, or none.
    pub(super) address: Option<Ipv4Addr>,
    pub(super) bindings: Vec<NetworkBinding>,
}

impl Container {
    /// The moment of the next thing that happens to it without anybody's doing.
    pub(super) fn due(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Created | Phase::Exited { .. } => None,
            Phase::Starting { at } => Some(*at),
            Phase::Running(run) => {
                let next = run.agenda.front().map(|(at, _)| *at);
                let end = run.end.map(|(at, _)| at);
                next.into_iter().chain(end).min()
            }
        }
    }

    /// The run that begins at `since`, with the script's durations turned into moments.
    pub(super) fn run(&self, since: Timestamp, address: Option<Ipv4Addr>, bindings: Vec<NetworkBinding>) -> Run {
        let check = self.spec.definition.health_check.as_ref();
        let scripted = self.script.moments.iter().filter(|(_, moment)| check.is_some() || !matches!(moment, Moment::Health(_)));
        let mut agenda: Vec<(Timestamp, Moment)> = scripted.map(|(after, moment)| (since + *after, moment.clone())).collect();
        if let Some(check) = check
            && !self.script.speaks_of_health()
        {
            agenda.push((since + self.spec.speed.of(Duration::from_secs(check.interval.into())), Moment::Health(HealthStatus::Healthy)));
            agenda.sort_by_key(|(at, _)| *at);
        }
        Run { since, agenda: agenda.into(), end: None, health: HealthStatus::Unknown, address, bindings }
    }

    /// Begins to stop a running container: SIGTERM now, SIGKILL after `grace`. An earlier end stays.
    pub(super) fn signal(&mut self, now: Timestamp, grace: Duration) {
        let frozen = self.is_frozen();
        let Phase::Running(run) = &mut self.phase else { return };
        let obeys = !frozen && !self.script.ignore_term && self.script.stop <= grace;
        let end = if obeys { (now + self.script.stop, 0) } else { (now + grace, 137) };
        run.end = Some(run.end.map_or(end, |earlier| earlier.min(end)));
    }

    /// Whether it runs in that network itself.
    pub(super) fn holds(&self, network: &NetworkSpec) -> bool {
        self.running().is_some() && self.spec.namespace == NetworkNamespace::Own && self.spec.network == *network
    }

    /// Whether its processes do nothing.
    pub(super) fn is_frozen(&self) -> bool {
        self.disturbed.contains(&Disturbance::Pause)
    }

    pub(super) const fn running(&self) -> Option<&Run> {
        match &self.phase {
            Phase::Running(run) => Some(run),
            _ => None,
        }
    }

    /// What somebody who connects at `now` gets, for a container that runs.
    pub(super) fn answer(&self, now: Timestamp) -> SimulatedAnswer {
        if self.is_frozen() && self.running().is_some() {
            return SimulatedAnswer::Silent;
        }
        self.running().map_or(SimulatedAnswer::Refused, |run| self.script.answer(now.since(run.since)))
    }

    /// What it has used, while it runs.
    pub(super) fn usage(&self, now: Timestamp) -> Option<Usage> {
        let run = self.running()?;
        let (cpu_time, memory) = self.script.used(now.since(run.since));
        Some(Usage { at: now, cpu_time, memory })
    }

    /// The container as the trait reports it.
    pub(super) fn observed(&self) -> ObservedContainer {
        let run = self.running();
        let state = match &self.phase {
            Phase::Created | Phase::Starting { .. } => RunState::Created,
            Phase::Running(_) => RunState::Running,
            Phase::Exited { code, out_of_memory, at } => RunState::Exited { code: *code, out_of_memory: *out_of_memory, at: Some(*at) },
        };
        ObservedContainer {
            engine: EngineName::own(),
            id: self.id.clone(),
            runtime_name: self.spec.runtime_name.clone(),
            service: self.spec.service.clone(),
            task: self.spec.task.clone(),
            container: self.spec.definition.name.clone(),
            state,
            health: run.map_or(HealthStatus::Unknown, |run| run.health),
            address: run.and_then(|run| run.address).map(IpAddr::V4),
            direct: run.is_some_and(|run| run.address.is_some()),
            network_bindings: run.map(|run| run.bindings.clone()).unwrap_or_default(),
        }
    }
}
