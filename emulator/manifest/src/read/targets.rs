//! The targets that a target group lists itself: processes of this machine or of a private network, by address (alb.md 4).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::RegisteredTarget;

use super::place;
use crate::node::{Node, Span};
use crate::problem::Report;

/// Quota of alb.md 11.
const MAX_TARGETS: usize = 1000;

/// Every target of a group, sorted.
pub(super) fn all(group: &Node, report: &mut Report) -> Option<Vec<RegisteredTarget>> {
    let items = group.list("targets");
    if items.len() > MAX_TARGETS {
        report.problem(place(group, "name"), format!("a target group has at most {MAX_TARGETS} targets, this one has {}", items.len()));
        return None;
    }
    let mut targets: BTreeMap<RegisteredTarget, Span> = BTreeMap::new();
    let mut complete = true;
    for item in items {
        let Some(target) = read(item, group, report) else {
            complete = false;
            continue;
        };
        let key = target.key();
        if let Some(first) = targets.insert(target, item.span) {
            report.problem(item.span, format!("target {key} is registered twice")).again(first);
        }
    }
    complete.then(|| targets.into_keys().collect())
}

fn read(node: &Node, group: &Node, report: &mut Report) -> Option<RegisteredTarget> {
    let id = node.get("id").and_then(|id| address(id, group, report));
    let port = node.integer_of("port").or_else(|| group.integer_of("port").filter(|_| node.get("port").is_none()));
    Some(RegisteredTarget { id: id?, port: port? })
}

/// The address that a target is named by.
pub(crate) fn address_of(text: &str) -> Option<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") { Some(Ipv4Addr::LOCALHOST.into()) } else { Some(text.parse::<IpAddr>().ok()?.to_canonical()) }
}

fn address(node: &Node, group: &Node, report: &mut Report) -> Option<IpAddr> {
    let text = node.text()?;
    let Some(address) = address_of(text) else {
        let ip = group.text_of("targetType") == Some("ip");
        let wrong = if ip { format!("The IP address '{text}' is not valid") } else { format!("Instance ID '{text}' is not valid") };
        report
            .problem(node.span, wrong)
            .hint("a target is named by its IP address, such as `127.0.0.1`, or `localhost`; tasks of a service register themselves");
        return None;
    };
    match address {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            report
                .problem(node.span, format!("The IP address '{text}' is of one link, and a target cannot say of which"))
                .hint("use another address of that machine");
            None
        }
        _ if is_private(address) => Some(address),
        _ if is_nobodys(address) => {
            report
                .problem(node.span, format!("The IP address '{text}' is not valid"))
                .hint("nobody answers there; for this machine write `127.0.0.1`");
            None
        }
        _ => {
            report
                .problem(node.span, format!("The IP address '{text}' cannot be a target: you can't specify publicly routable IP addresses"))
                .hint("a target is this machine, or in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16 or fc00::/7");
            None
        }
    }
}

/// Loopback, RFC 1918, 100.64.0.0/10, link-local, unique local.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// Addresses that no machine has.
fn is_nobodys(address: IpAddr) -> bool {
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    let this_network = matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 0);
    broadcast || this_network || address.is_multicast() || address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for (text, private) in [
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("10.255.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("100.64.0.0", true),
            ("100.127.255.255", true),
            ("100.63.255.255", false),
            ("100.128.0.0", false),
            ("169.254.1.1", true),
            ("8.8.8.8", false),
            ("0.0.0.0", false),
            ("::1", true),
            ("fd00::1", true),
            ("2001:db8::1", false),
            ("::ffff:10.0.0.1", true),
            ("::ffff:8.8.8.8", false),
            ("LocalHost", true),
        ] {
            assert_eq!(is_private(address_of(text).unwrap()), private, "{text}");
        }
        assert_eq!(address_of("example.com"), None);
    }
}
