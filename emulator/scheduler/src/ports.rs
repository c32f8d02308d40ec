//! Static host ports on the one machine (ecs.md 3.3). In `host` mode every mapping names one, which the manifest sees to.

use std::collections::{BTreeMap, BTreeSet};

use model::{Revision, TaskDefinition, TaskStatus, TransportProtocol, World};

use crate::draft::Draft;

/// Who holds which static host port.
#[derive(Default)]
pub(crate) struct Ports {
    live: BTreeSet<(TransportProtocol, u16)>,
    stopping: BTreeSet<(TransportProtocol, u16)>,
}

/// Whether a task can be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It names no static port.
    Any,
    /// Once: its static ports are free.
    Once,
    /// A stopping task holds a port of it.
    Soon,
    /// A live task holds a port of it.
    No,
}

impl Ports {
    pub(crate) fn new(world: &World, drafts: &[Draft<'_>]) -> Self {
        let mut ports = Self::default();
        let mut known: BTreeMap<&Revision, Vec<(TransportProtocol, u16)>> = BTreeMap::new();
        for task in drafts.iter().flat_map(|draft| &draft.tasks).map(|draft| &draft.task).filter(|task| task.last_status != TaskStatus::Stopped) {
            let held = known
                .entry(&task.revision)
                .or_insert_with(|| world.definition(&task.revision).into_iter().flat_map(TaskDefinition::static_ports).collect());
            if task.is_live() { ports.live.extend(held.iter()) } else { ports.stopping.extend(held.iter()) }
        }
        ports
    }

    pub(crate) fn fit(&self, definition: &TaskDefinition) -> Fit {
        match (definition.static_ports().next(), definition.static_ports().any(|port| self.live.contains(&port))) {
            (None, _) => Fit::Any,
            (_, true) => Fit::No,
            _ if definition.static_ports().any(|port| self.stopping.contains(&port)) => Fit::Soon,
            _ => Fit::Once,
        }
    }

    pub(crate) fn take(&mut self, definition: &TaskDefinition) {
        self.live.extend(definition.static_ports());
    }
}
