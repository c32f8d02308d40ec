//! Targets that a user registers (alb.md 4, "IP targets").

use std::net::{IpAddr, Ipv4Addr};

use model::RegisteredTarget;

use crate::node::Node;
use crate::problem::Report;

/// A quota of alb.md 11.
const MAX_TARGETS: usize = 1000;

/// Of a target group whose targets have `port` where they name none.
pub(super) fn read(group: &Node, port: Option<u16>, report: &mut Report) -> Option<Vec<RegisteredTarget>> {
    let items = group.list("targets");
    if items.len() > MAX_TARGETS {
        report.problem(super::place(group, "targets"), format!("a target group has at most {MAX_TARGETS} targets, this one has {}", items.len()));
    }
    let mut targets: Vec<RegisteredTarget> = Vec::with_capacity(items.len());
    let mut complete = true;
    for item in items {
        match target(item, port, report) {
            Some(target) if targets.contains(&target) => {
                report.problem(item.span, format!("the target {}:{} is listed twice", target.id, target.port));
            }
            Some(target) => targets.push(target),
            None => complete = false,
        }
    }
    complete.then_some(targets)
}

fn target(node: &Node, port: Option<u16>, report: &mut Report) -> Option<RegisteredTarget> {
    let id = node.get("id")?;
    let text = id.text()?;
    let address = match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => text.parse(),
    };
    let Ok(address) = address else {
        report
            .problem(id.span, format!("a target that is listed here has an IP address, found `{text}`"))
            .hint("`id: 127.0.0.1` is a process of this machine; the tasks of services register themselves");
        return None;
    };
    if !is_private(address) {
        report
            .problem(id.span, format!("The IP address '{address}' is not within the ranges of a private network"))
            .hint("targets are in 127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, 100.64.0.0/10, ::1, fc00::/7 or fe80::/10");
        return None;
    }
    Some(RegisteredTarget { id: address, port: node.integer_of("port").or(port)? })
}

/// AWS takes RFC 1918, 100.64.0.0/10 and the addresses of the VPC; on a laptop loopback is where targets are.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = address.octets()[0] == 100 && address.octets()[1] & 0b1100_0000 == 64;
            address.is_loopback() || address.is_private() || address.is_link_local() || shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_none_of_a_laptop() {
        let check = |text: &str| is_private(text.parse().unwrap());
        for private in
            ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "100.127.255.255", "169.254.1.1", "::1", "fd00::1", "fe80::1"]
        {
            assert!(check(private), "{private}");
        }
        for public in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1", "0.0.0.0"] {
            assert!(!check(public), "{public}");
        }
    }
}
