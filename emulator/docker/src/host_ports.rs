//! Ports of the host that are chosen here, as the agent chooses them (ecs.md 0.3 and 1.3): where as many as a range has are wanted in a
//! row, and where a container that is started again is to keep them. The engine chooses all others itself.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU16, Ordering};

use engine::{EngineError, EngineErrorKind};
use model::{ContainerDefinition, PortMapping, TransportProtocol};

/// Where ephemeral ports come from when the kernel does not say.
const USUAL: RangeInclusive<u16> = 49_153..=65_535;

/// Remembers where the last search ended, so that the next one does not meet ports that are taken and not yet bound.
#[derive(Debug)]
pub(crate) struct HostPorts {
    next: AtomicU16,
}

impl Default for HostPorts {
    /// Anywhere but at the beginning, where the engine looks first for the ports that it chooses.
    fn default() -> Self {
        let somewhere = RandomState::new().hash_one(());
        Self { next: AtomicU16::new(u16::try_from(40_000 + somewhere % 16_000).unwrap_or(40_000)) }
    }
}

impl HostPorts {
    /// What to publish of a container: its mappings, and of each range every port with the host port that it gets.
    ///
    /// # Errors
    /// `PortTaken` when there are not as many free ports in a row.
    pub(crate) fn publish(&self, definition: &ContainerDefinition) -> Result<Vec<PortMapping>, EngineError> {
        let mut mappings = definition.port_mappings.clone();
        // The engine would choose another one at each start, and the target would be another one with it.
        if definition.restart_policy.is_some() {
            for mapping in mappings.iter_mut().filter(|mapping| mapping.host_port == 0) {
                mapping.host_port = self.take(1, mapping.protocol)?;
            }
        }
        for range in &definition.port_ranges {
            let count = range.last - range.first + 1;
            let first = self.take(count, range.protocol)?;
            let pairs = range.ports().zip(first..);
            mappings.extend(pairs.map(|(container_port, host_port)| PortMapping {
                container_port,
                host_port,
                protocol: range.protocol,
                name: None,
                app_protocol: None,
            }));
        }
        Ok(mappings)
    }

    fn take(&self, count: u16, protocol: TransportProtocol) -> Result<u16, EngineError> {
        let table = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let range = ephemeral(&table);
        let from = self.next.load(Ordering::Relaxed);
        let first = in_a_row(range, from, count, |port| is_free(port, protocol))
            .ok_or_else(|| EngineError::new(EngineErrorKind::PortTaken, format!("{count} contiguous host ports are unavailable")))?;
        self.next.store(first.saturating_add(count), Ordering::Relaxed);
        Ok(first)
    }
}

/// The range that the kernel's file names.
fn ephemeral(table: &str) -> RangeInclusive<u16> {
    let mut numbers = table.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(low)), Some(Ok(high))) if low < high => low..=high,
        _ => USUAL,
    }
}

/// The first of `count` free ports in a row: from `from` on if that is in the range, once around.
fn in_a_row(range: RangeInclusive<u16>, from: u16, count: u16, is_free: impl Fn(u16) -> bool) -> Option<u16> {
    let from = if range.contains(&from) { from } else { *range.start() };
    // Those that begin before `from` may reach beyond it.
    let search = |mut first: u16, last: u16| {
        while first <= last && last - first >= count - 1 {
            match (first..=first + (count - 1)).rev().find(|port| !is_free(*port)) {
                None => return Some(first),
                // No row with the taken port in it will do.
                Some(taken) => first = taken.checked_add(1)?,
            }
        }
        None
    };
    search(from, *range.end()).or_else(|| search(*range.start(), *range.end()))
}

fn is_free(port: u16, protocol: TransportProtocol) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    match protocol {
        TransportProtocol::Tcp => TcpListener::bind(address).is_ok(),
        TransportProtocol::Udp => UdpSocket::bind(address).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_a_row_are_found_once_around() {
        for (range, from, count, taken, expected) in [
            (100..=109, 0, 3, vec![], Some(100)),
            (100..=109, 104, 3, vec![], Some(104)),
            (100..=109, 104, 3, vec![105], Some(106)),
            (100..=109, 108, 3, vec![], Some(100)),
            (100..=109, 104, 6, vec![109], Some(100)),
            (100..=109, 0, 10, vec![], Some(100)),
            (100..=109, 0, 10, vec![104], None),
            (100..=109, 0, 11, vec![], None),
            (65_530..=65_535, 65_534, 2, vec![65_535], Some(65_530)),
            (65_530..=65_535, 65_530, 6, vec![], Some(65_530)),
        ] {
            assert_eq!(in_a_row(range, from, count, |port| !taken.contains(&port)), expected, "{count} from {from} without {taken:?}");
        }
    }

    #[test]
    fn the_kernel_says_which_ports_are_ephemeral() {
        assert_eq!(ephemeral("32768\t60999\n"), 32_768..=60_999);
        assert_eq!(ephemeral(""), USUAL);
        assert_eq!(ephemeral("60999 32768"), USUAL);
    }

    #[test]
    fn each_port_of_a_range_has_the_next_host_port() {
        let range = model::PortRange { first: 7000, last: 7002, protocol: TransportProtocol::Tcp, name: None };
        let name = model::ContainerName::new("web").unwrap();
        let definition = ContainerDefinition { port_ranges: vec![range.clone(), range], ..ContainerDefinition::new(name, "web") };
        let published = HostPorts::default().publish(&definition).unwrap();
        let row = |mappings: &[PortMapping]| mappings.iter().map(|mapping| mapping.host_port - mappings[0].host_port).collect::<Vec<_>>();
        assert_eq!((row(&published[..3]), row(&published[3..])), (vec![0, 1, 2], vec![0, 1, 2]));
        assert!(published[3].host_port > published[2].host_port, "the second search goes on after the first: {published:?}");
    }

    #[test]
    fn what_may_be_started_again_has_host_ports_from_the_beginning() {
        let mapping = |host_port| PortMapping { container_port: 80, host_port, protocol: TransportProtocol::Udp, name: None, app_protocol: None };
        let name = model::ContainerName::new("web").unwrap();
        let mut definition = ContainerDefinition { port_mappings: vec![mapping(0), mapping(8080)], ..ContainerDefinition::new(name, "web") };
        assert_eq!(HostPorts::default().publish(&definition).unwrap(), definition.port_mappings);
        definition.restart_policy = Some(model::RestartPolicy { ignored_exit_codes: vec![], restart_attempt_period: 60 });
        let published = HostPorts::default().publish(&definition).unwrap();
        assert!(published[0].host_port > 0 && published[1].host_port == 8080, "{published:?}");
    }
}
