//! `X-Forwarded-For` (alb.md 6.3).

use std::net::SocketAddr;

use model::{LoadBalancerAttributes, XffMode};

use super::{Text, address};

/// What becomes of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedFor {
    /// One line with what was written takes the place of all that came.
    Replaced,
    /// The lines that came are sent as they are, none if none came.
    Unchanged,
    /// No line is sent.
    Removed,
}

/// Writes the header's value for the target: what came, several lines joined, and the client's address behind it.
///
/// `client` is the other end of the client's connection. Nothing is written unless the answer is [`ForwardedFor::Replaced`].
pub fn forwarded_for<'l>(
    out: &mut Vec<u8>,
    lines: impl Iterator<Item = &'l [u8]>,
    client: SocketAddr,
    attributes: &LoadBalancerAttributes,
) -> ForwardedFor {
    match attributes.xff_mode {
        XffMode::Preserve => return ForwardedFor::Unchanged,
        XffMode::Remove => return ForwardedFor::Removed,
        XffMode::Append => {}
    }
    for line in lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        out.extend_from_slice(line);
        out.extend_from_slice(b", ");
    }
    // A dual-stack socket shows IPv4 clients as `::ffff:a.b.c.d`.
    let ip = client.ip().to_canonical();
    let bracketed = attributes.xff_client_port && ip.is_ipv6();
    if bracketed {
        out.push(b'[');
    }
    address(out, ip);
    if bracketed {
        out.push(b']');
    }
    if attributes.xff_client_port {
        Text(out).put(format_args!(":{}", client.port()));
    }
    ForwardedFor::Replaced
}

/// How many addresses a client sent; more than [`crate::limits::FORWARDED_FOR_ADDRESSES`] earn 463.
pub fn forwarded_for_addresses<'l>(lines: impl Iterator<Item = &'l [u8]>) -> usize {
    let entries = lines.flat_map(|line| line.split(|byte| *byte == b','));
    entries.filter(|entry| !entry.trim_ascii().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_added_as_the_attributes_say() {
        let check = |mode: XffMode, port: bool, lines: &[&str], client: &str, expected: Result<&str, ForwardedFor>| {
            let attributes = LoadBalancerAttributes { xff_mode: mode, xff_client_port: port, ..LoadBalancerAttributes::default() };
            let mut out = Vec::new();
            let outcome = forwarded_for(&mut out, lines.iter().map(|line| line.as_bytes()), client.parse().unwrap(), &attributes);
            let written = if outcome == ForwardedFor::Replaced { Ok(str::from_utf8(&out).unwrap()) } else { Err(outcome) };
            assert_eq!(written, expected, "{mode:?} {lines:?} {client}");
        };
        let (v4, v6) = ("203.0.113.7:54321", "[2001:db8::1]:54321");
        check(XffMode::Append, false, &[], v4, Ok("203.0.113.7"));
        check(XffMode::Append, false, &["198.51.100.1"], v4, Ok("198.51.100.1, 203.0.113.7"));
        check(XffMode::Append, false, &["a, b", "c"], v4, Ok("a, b, c, 203.0.113.7"));
        check(XffMode::Append, false, &["", " "], v4, Ok("203.0.113.7"));
        check(XffMode::Append, false, &["a"], v6, Ok("a, 2001:db8::1"));
        check(XffMode::Append, true, &["a"], v6, Ok("a, [2001:db8::1]:54321"));
        check(XffMode::Append, true, &[], v4, Ok("203.0.113.7:54321"));
        check(XffMode::Append, true, &[], "[::ffff:203.0.113.7]:9", Ok("203.0.113.7:9"));
        check(XffMode::Preserve, true, &["a"], v4, Err(ForwardedFor::Unchanged));
        check(XffMode::Preserve, false, &[], v4, Err(ForwardedFor::Unchanged));
        check(XffMode::Remove, false, &["a"], v4, Err(ForwardedFor::Removed));
    }

    #[test]
    fn addresses_are_counted_over_all_lines() {
        let check = |lines: &[&str], count: usize| assert_eq!(forwarded_for_addresses(lines.iter().map(|line| line.as_bytes())), count);
        check(&[], 0);
        check(&["", " , "], 0);
        check(&["a"], 1);
        check(&["a, b", "c,d,"], 4);
        check(&[&"a,".repeat(31)], 31);
    }
}
