//! A fault of a network as what the kernel is told: rules of nftables, and for delays the queueing disciplines `netem` and `prio`.

use model::{Cidr, NetworkFault, NetworkFaultKind, TrafficDirection, TransportProtocol};

use super::filter::{Expression, Filter};
use super::message::{ACK, Attributes, CREATE, REPLACE, REQUEST, message};
use super::program::Said;

const NETLINK_ROUTE: u32 = 0;
const NETLINK_NETFILTER: u32 = 12;

/// `RTM_NEWQDISC`, `RTM_DELQDISC`
const NEW_DISCIPLINE: u16 = 36;
const REMOVE_DISCIPLINE: u16 = 37;
/// `TC_H_ROOT`
const ROOT: u32 = u32::MAX;
/// The root discipline of a fault that strikes some packets only, its class for these, and what delays in it.
const SORTER: u32 = 0x1_0000;
const STRUCK: u32 = 0x1_0001;
const DELAYER: u32 = 0x10_0000;
/// Packets that `netem` holds at most; its own default.
const QUEUE: u32 = 1000;

/// The agent of ECS is reached through every fault that strikes by address, so that a task can end it (ecs.md 5.8).
const AGENT: &str = "169.254.170.2/32";

/// What does the fault, and what undoes it; both may be said again.
pub(super) fn said(name: &str, fault: &NetworkFault) -> (Vec<Said>, Vec<Said>) {
    let filter = |filter: Filter| Said { protocol: NETLINK_NETFILTER, bytes: filter.batch() };
    let route = |bytes| Said { protocol: NETLINK_ROUTE, bytes };
    let gone = || filter(Filter::gone(name));
    let root = || route(discipline(REMOVE_DISCIPLINE, REQUEST | ACK, (0, ROOT), &Attributes::default()));
    match fault.kind {
        NetworkFaultKind::Latency { delay_millis, jitter_millis } => {
            let netem = |place| route(netem(place, delay_millis, jitter_millis));
            if fault.strikes_everything() {
                return (vec![netem((SORTER, ROOT))], vec![root()]);
            }
            let marked = struck(name, fault, &[Expression::Class(STRUCK)]);
            (vec![filter(marked), route(prio()), netem((DELAYER, STRUCK))], vec![gone(), root()])
        }
        NetworkFaultKind::Loss { percent } => (vec![filter(struck(name, fault, &[Expression::Chance(percent), Expression::Drop]))], vec![gone()]),
        NetworkFaultKind::Blackhole { port, protocol, direction } => {
            let incoming = direction == TrafficDirection::Ingress;
            let mut rules = Filter::new(name, incoming);
            for except in &fault.except {
                rules = rules.rule([address(except, incoming), vec![Expression::Accept]].concat());
            }
            (
                vec![filter(rules.rule(vec![Expression::Protocol(number(protocol)), Expression::DestinationPort(port), Expression::Drop]))],
                vec![gone()],
            )
        }
    }
}

/// Rules for what goes out: what is spared, then what is struck. Nothing within the task.
fn struck(name: &str, fault: &NetworkFault, then: &[Expression]) -> Filter {
    let mut rules = Filter::new(name, false).rule(vec![Expression::Loopback, Expression::Accept]);
    let agent = AGENT.parse().into_iter();
    for except in agent.chain(fault.except.iter().copied()) {
        rules = rules.rule([address(&except, false), vec![Expression::Accept]].concat());
    }
    let flows = (fault.flows_percent < 100).then_some(Expression::Flows(fault.flows_percent));
    let rest = || flows.clone().into_iter().chain(then.iter().cloned());
    if fault.peers.is_empty() {
        return rules.rule(rest().collect());
    }
    fault.peers.iter().fold(rules, |rules, peer| rules.rule(address(peer, false).into_iter().chain(rest()).collect()))
}

/// The other end: who sends what comes in, who gets what goes out.
fn address(range: &Cidr, incoming: bool) -> Vec<Expression> {
    vec![Expression::Family(range.address().is_ipv4()), Expression::Peer(*range, incoming)]
}

const fn number(protocol: TransportProtocol) -> u8 {
    match protocol {
        TransportProtocol::Tcp => 6,
        TransportProtocol::Udp => 17,
    }
}

fn discipline(kind: u16, flags: u16, (handle, parent): (u32, u32), attributes: &Attributes) -> Vec<u8> {
    // A `struct tcmsg`; the program fills in the interface.
    let header = [0, 0, handle, parent, 0].map(u32::to_le_bytes).concat();
    message(kind, flags, &header, attributes)
}

/// With a `struct tc_netem_qopt`.
fn netem(place: (u32, u32), delay_millis: u32, jitter_millis: u32) -> Vec<u8> {
    let [latency, jitter] = [delay_millis, jitter_millis].map(ticks);
    let options = [latency, QUEUE, 0, 0, 0, jitter].map(u32::to_le_bytes).concat();
    let attributes = Attributes::default().text(1, "netem").bytes(2, &options);
    discipline(NEW_DISCIPLINE, REQUEST | ACK | CREATE | REPLACE, place, &attributes)
}

/// The kernel's tick is 64 ns.
fn ticks(millis: u32) -> u32 {
    u32::try_from(u64::from(millis) * 1_000_000 / 64).unwrap_or(u32::MAX)
}

/// Three bands: a `struct tc_prio_qopt` that puts everything into the second, but for what a rule put into the first.
fn prio() -> Vec<u8> {
    let options = [3_u32.to_le_bytes().as_slice(), &[1; 16]].concat();
    let attributes = Attributes::default().text(1, "prio").bytes(2, &options);
    discipline(NEW_DISCIPLINE, REQUEST | ACK | CREATE | REPLACE, (SORTER, ROOT), &attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `tc` of iproute2 6.1 says it, but for the interface and the sequence number: `tc qdisc replace dev … root handle 1: netem delay
    /// 100ms 20ms`, `tc qdisc del dev … root`.
    #[test]
    fn disciplines_are_told_as_tc_tells_them() {
        let latency = NetworkFault::new(NetworkFaultKind::Latency { delay_millis: 100, jitter_millis: 20 });
        let (first, then) = said("fault-1", &latency);
        let head = |length: u32, kind: u16, flags: u16, handle: u32| {
            let mut bytes = [length.to_le_bytes().as_slice(), &kind.to_le_bytes(), &flags.to_le_bytes(), &[0; 16]].concat();
            bytes.extend([handle, u32::MAX, 0].map(u32::to_le_bytes).concat());
            bytes
        };
        let options = b"\x84\xd7\x17\x00\xe8\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xb4\xc4\x04\x00";
        let netem = [head(76, 36, 0x505, 65536).as_slice(), b"\x0a\x00\x01\x00netem\x00\x00\x00\x1c\x00\x02\x00", options].concat();
        assert_eq!(first, [Said { protocol: 0, bytes: netem }]);
        assert_eq!(then, [Said { protocol: 0, bytes: head(36, 37, 0x5, 0) }]);
    }

    #[test]
    fn only_what_is_asked_for_is_delayed() {
        let kind = NetworkFaultKind::Latency { delay_millis: 100, jitter_millis: 0 };
        let some = NetworkFault { peers: vec!["10.0.0.0/8".parse().unwrap()], ..NetworkFault::new(kind) };
        let (first, then) = said("fault-1", &some);
        assert_eq!(first.iter().map(|said| said.protocol).collect::<Vec<_>>(), [NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_ROUTE]);
        let sorter = b"prio\x00\x00\x00\x00\x18\x00\x02\x00\x03\x00\x00\x00\x01\x01\x01\x01";
        assert!(first[1].bytes.windows(sorter.len()).any(|bytes| bytes == sorter), "{:?}", first[1].bytes);
        // Its handle and the class that it is under.
        assert_eq!(first[2].bytes[24..32], [0, 0, 0x10, 0, 1, 0, 1, 0]);
        assert_eq!(then.len(), 2);
    }

    #[test]
    fn a_batch_has_a_beginning_an_end_and_one_acknowledgement() {
        let loss = NetworkFault { except: vec!["2001:db8::/32".parse().unwrap()], ..NetworkFault::new(NetworkFaultKind::Loss { percent: 10 }) };
        let (first, then) = said("fault-1", &loss);
        for list in [&first, &then] {
            let (mut rest, mut kinds, mut acknowledged) = (list[0].bytes.as_slice(), Vec::new(), 0);
            while let Some((head, _)) = rest.split_at_checked(16) {
                let length = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
                assert_eq!(length % 4, 0);
                kinds.push(u16::from_le_bytes([head[4], head[5]]));
                acknowledged += usize::from(u16::from_le_bytes([head[6], head[7]]) & ACK != 0);
                rest = &rest[length..];
            }
            assert_eq!((kinds[0], kinds[kinds.len() - 1], acknowledged, rest.len()), (0x10, 0x11, 1, 0), "{kinds:x?}");
        }
    }
}
