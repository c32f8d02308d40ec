//! What containers are given: networks with their subnets, addresses in them, ports of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use model::{ContainerDefinition, NetworkBinding, OwnerId, ServiceKey, TransportProtocol};

use crate::{EngineError, EngineErrorKind};

/// The first ephemeral port of the host, as on Linux.
const FIRST_EPHEMERAL: u16 = 32_768;
/// The last one.
const LAST_EPHEMERAL: u16 = 60_999;

/// A port of the host in use.
pub(super) type HostPort = (u16, TransportProtocol);

/// Networks by owner and service, and the counter of ephemeral ports.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The third byte of each network's subnet `10.213.n.0/24`.
    networks: BTreeMap<(OwnerId, ServiceKey), u8>,
    next_port: u16,
    /// TCP ports that somebody outside the fleet holds.
    pub(super) occupied: BTreeSet<u16>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { networks: BTreeMap::new(), next_port: FIRST_EPHEMERAL, occupied: BTreeSet::new() }
    }
}

impl Ledger {
    /// Makes the network if it is not there, in the lowest free subnet.
    pub(super) fn add_network(&mut self, owner: &OwnerId, service: &ServiceKey) -> Result<(), EngineError> {
        let key = (owner.clone(), service.clone());
        if self.networks.contains_key(&key) {
            return Ok(());
        }
        let free = (0..=u8::MAX).find(|subnet| !self.networks.values().any(|taken| taken == subnet));
        let subnet = free.ok_or_else(|| EngineError::new(EngineErrorKind::Failed, "all 256 subnets of 10.213.0.0/16 are in use"))?;
        self.networks.insert(key, subnet);
        Ok(())
    }

    pub(super) fn subnet(&self, owner: &OwnerId, service: &ServiceKey) -> Option<u8> {
        self.networks.get(&(owner.clone(), service.clone())).copied()
    }

    pub(super) fn remove_network(&mut self, owner: &OwnerId, service: &ServiceKey) {
        self.networks.remove(&(owner.clone(), service.clone()));
    }

    pub(super) fn services(&self, owner: &OwnerId) -> Vec<ServiceKey> {
        self.networks.keys().filter(|(whose, _)| whose == owner).map(|(_, service)| service.clone()).collect()
    }

    /// The lowest address of the subnet that is not in `taken`.
    pub(super) fn address(subnet: u8, taken: &BTreeSet<Ipv4Addr>) -> Result<Ipv4Addr, EngineError> {
        let free = (2..=254).map(|host| Ipv4Addr::new(10, 213, subnet, host)).find(|address| !taken.contains(address));
        free.ok_or_else(|| EngineError::new(EngineErrorKind::Failed, format!("no free address in 10.213.{subnet}.0/24")))
    }

    /// A port of the host for each mapping, and as many in a row for each range, none of them in `taken`; all or nothing.
    pub(super) fn bind(&mut self, wanted: &ContainerDefinition, mut taken: BTreeSet<HostPort>) -> Result<Vec<NetworkBinding>, EngineError> {
        let mut bindings = Vec::new();
        let bind_ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for range in &wanted.port_ranges {
            let count = range.last - range.first;
            let free = |first: u16| (first..=first + count).all(|port| !taken.contains(&(port, range.protocol)) && !self.occupied.contains(&port));
            let first = (FIRST_EPHEMERAL..=LAST_EPHEMERAL - count).find(|first| free(*first));
            let message = || format!("{} contiguous host ports are unavailable", count + 1);
            let first = first.ok_or_else(|| EngineError::new(EngineErrorKind::PortTaken, message()))?;
            for (container_port, host_port) in range.ports().zip(first..) {
                taken.insert((host_port, range.protocol));
                bindings.push(NetworkBinding { bind_ip, container_port, host_port, protocol: range.protocol });
            }
        }
        for mapping in &wanted.port_mappings {
            let host_port = match mapping.host_port {
                0 => self.ephemeral(mapping.protocol, &taken)?,
                fixed => fixed,
            };
            let held_outside = mapping.protocol == TransportProtocol::Tcp && self.occupied.contains(&host_port);
            if held_outside || !taken.insert((host_port, mapping.protocol)) {
                let message = format!("bind for 127.0.0.1:{host_port} failed: port is already allocated");
                return Err(EngineError::new(EngineErrorKind::PortTaken, message));
            }
            bindings.push(NetworkBinding { bind_ip, container_port: mapping.container_port, host_port, protocol: mapping.protocol });
        }
        Ok(bindings)
    }

    /// The next ephemeral port that is free; the counter goes round.
    fn ephemeral(&mut self, protocol: TransportProtocol, taken: &BTreeSet<HostPort>) -> Result<u16, EngineError> {
        for _ in FIRST_EPHEMERAL..=LAST_EPHEMERAL {
            let port = self.next_port;
            self.next_port = if port == LAST_EPHEMERAL { FIRST_EPHEMERAL } else { port + 1 };
            if !taken.contains(&(port, protocol)) && !self.occupied.contains(&port) {
                return Ok(port);
            }
        }
        Err(EngineError::new(EngineErrorKind::PortTaken, "all ephemeral ports of the host are in use"))
    }
}
