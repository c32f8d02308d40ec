//! What is told of container instances.

use std::collections::BTreeSet;

use model::{ClusterName, EngineName, InstanceName, Registered, World};

use super::ledger::Ledger;

/// One instance as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceUsage {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its name.
    pub name: InstanceName,
    /// Whether its engine can be reached.
    pub agent_connected: bool,
    /// Tasks that are to run.
    pub running_tasks: usize,
    /// Tasks that are PENDING.
    pub pending_tasks: usize,
    /// What it has.
    pub registered: Registered,
    /// What no task holds of it, in CPU units and MiB.
    pub remaining: (Option<u64>, Option<u64>),
    /// TCP ports that are taken, the reserved ones among them, sorted; those of UDP likewise.
    pub ports: (Vec<u16>, Vec<u16>),
}

/// Every instance, by cluster and name; `away` are the engines that cannot be reached.
#[must_use]
pub fn instances(world: &World, away: &BTreeSet<EngineName>) -> Vec<InstanceUsage> {
    let ledger = Ledger::of_world(world, away, false);
    let taken = |engine: usize, protocol: model::TransportProtocol| {
        let machine = &ledger.engines[engine];
        let held = machine.live.keys().chain(machine.stopping.keys()).filter(move |(known, _)| *known == protocol).map(|(_, port)| *port);
        let reserved = model::container_instance::RESERVED_PORTS.into_iter().filter(|_| protocol == model::TransportProtocol::Tcp);
        let mut ports: Vec<u16> = held.chain(reserved).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    let usage = ledger.seats.iter().map(|seat| InstanceUsage {
        cluster: seat.cluster.clone(),
        name: seat.instance.spec.name.clone(),
        agent_connected: seat.connected,
        running_tasks: seat.running,
        pending_tasks: seat.pending,
        registered: seat.registered,
        remaining: seat.left(),
        ports: (taken(seat.engine, model::TransportProtocol::Tcp), taken(seat.engine, model::TransportProtocol::Udp)),
    });
    usage.collect()
}
