//! A table of nftables with one chain, as the kernel takes it.

use std::net::IpAddr;

use model::Cidr;

use super::message::{ACK, APPEND, Attributes, CREATE, REQUEST, message};

/// What a rule asks, or does, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// It stays within the task.
    Loopback,
    /// It is IPv4, or else IPv6.
    Family(bool),
    /// The other end: the source of what comes in, the destination of what goes out.
    Peer(Cidr, bool),
    /// TCP, UDP by their numbers.
    Protocol(u8),
    /// The port that it goes to.
    DestinationPort(u16),
    /// So many of a hundred flows: of each all packets or none.
    Flows(u8),
    /// So many of a hundred packets.
    Chance(u8),
    /// It is put into that class of the root's queueing discipline.
    Class(u32),
    Accept,
    Drop,
}

/// One table with one chain. What was in a table of that name before goes.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    name: String,
    /// Of what comes in, else of what goes out; no chain at all where there is nothing to filter.
    incoming: Option<bool>,
    rules: Vec<Vec<Expression>>,
}

const SUBSYSTEM: u16 = 10 << 8;
const NEW_TABLE: u16 = SUBSYSTEM;
const REMOVE_TABLE: u16 = SUBSYSTEM | 2;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_RULE: u16 = SUBSYSTEM | 6;
/// A `struct nfgenmsg` of IPv4 and IPv6 together.
const BOTH: [u8; 4] = [1, 0, 0, 0];
const CHAIN: &str = "fault";
/// The register that values are compared in.
const REGISTER: u32 = 1;
const EQUAL: u32 = 0;
const LESS: u32 = 2;

impl Filter {
    pub(super) fn new(name: &str, incoming: bool) -> Self {
        Self { name: name.to_owned(), incoming: Some(incoming), rules: Vec::new() }
    }

    /// No table of that name.
    pub(super) fn gone(name: &str) -> Self {
        Self { name: name.to_owned(), incoming: None, rules: Vec::new() }
    }

    pub(super) fn rule(mut self, expressions: Vec<Expression>) -> Self {
        self.rules.push(expressions);
        self
    }

    /// All of it at once or nothing; the last message is acknowledged.
    pub(super) fn batch(&self) -> Vec<u8> {
        let table = || Attributes::default().text(1, &self.name);
        let mut messages = vec![(NEW_TABLE, CREATE, table()), (REMOVE_TABLE, 0, table())];
        if let Some(incoming) = self.incoming {
            let hook = Attributes::default().number(1, if incoming { 1 } else { 3 }).number(2, 0);
            let chain = Attributes::default().text(1, &self.name).text(3, CHAIN).nested(4, &hook).number(5, 1).text(7, "filter");
            messages.extend([(NEW_TABLE, CREATE, table()), (NEW_CHAIN, CREATE, chain)]);
        }
        for rule in &self.rules {
            let list = rule.iter().flat_map(elements).fold(Attributes::default(), |list, one| list.nested(1, &one));
            messages.push((NEW_RULE, CREATE | APPEND, Attributes::default().text(1, &self.name).text(2, CHAIN).nested(4, &list)));
        }
        let last = messages.len() - 1;
        // `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`, of that subsystem.
        let mark = |kind| message(kind, REQUEST, &[0, 0, 0, 10], &Attributes::default());
        let mut bytes = mark(0x10);
        for (at, (kind, flags, attributes)) in messages.iter().enumerate() {
            let ack = if at == last { ACK } else { 0 };
            bytes.extend(message(*kind, REQUEST | flags | ack, &BOTH, attributes));
        }
        bytes.extend(mark(0x11));
        bytes
    }
}

/// An expression as the kernel's, of which it may take several.
fn elements(expression: &Expression) -> Vec<Attributes> {
    match expression {
        // The loopback is the first interface of every network namespace.
        Expression::Loopback => vec![meta(5), compare(EQUAL, &1_u32.to_le_bytes())],
        Expression::Family(v4) => vec![meta(15), compare(EQUAL, &[if *v4 { 2 } else { 10 }])],
        Expression::Peer(range, incoming) => peer(range, *incoming),
        Expression::Protocol(number) => vec![meta(16), compare(EQUAL, &[*number])],
        Expression::DestinationPort(port) => vec![payload(2, 2, 2), compare(EQUAL, &port.to_be_bytes())],
        Expression::Flows(percent) => {
            // Both ports tell flows between two addresses apart.
            let hash = Attributes::default().number(1, REGISTER).number(2, REGISTER).number(3, 4).number(4, 100).number(5, 1);
            vec![payload(2, 0, 4), element("hash", &hash), to_network(), compare(LESS, &u32::from(*percent).to_be_bytes())]
        }
        Expression::Chance(percent) => {
            let random = Attributes::default().number(1, REGISTER).number(2, 100).number(3, 1);
            vec![element("numgen", &random), to_network(), compare(LESS, &u32::from(*percent).to_be_bytes())]
        }
        Expression::Class(class) => {
            let value = Attributes::default().number(1, REGISTER).nested(2, &Attributes::default().bytes(1, &class.to_le_bytes()));
            let set = Attributes::default().number(2, 2).number(3, REGISTER);
            vec![element("immediate", &value), element("meta", &set)]
        }
        Expression::Accept => vec![verdict(1)],
        Expression::Drop => vec![verdict(0)],
    }
}

fn peer(range: &Cidr, incoming: bool) -> Vec<Attributes> {
    let (offset, octets) = match (range.address(), incoming) {
        (IpAddr::V4(address), true) => (12, address.octets().to_vec()),
        (IpAddr::V4(address), false) => (16, address.octets().to_vec()),
        (IpAddr::V6(address), true) => (8, address.octets().to_vec()),
        (IpAddr::V6(address), false) => (24, address.octets().to_vec()),
    };
    let length = u32::try_from(octets.len()).unwrap_or_default();
    let mask: Vec<u8> = (0..octets.len()).map(|at| mask(range.bits(), at)).collect();
    let wanted: Vec<u8> = octets.iter().zip(&mask).map(|(octet, mask)| octet & mask).collect();
    let value = |bytes: &[u8]| Attributes::default().bytes(1, bytes);
    let and = Attributes::default().number(1, REGISTER).number(2, REGISTER).number(3, length);
    let and = and.nested(4, &value(&mask)).nested(5, &value(&vec![0; octets.len()]));
    vec![payload(1, offset, length), element("bitwise", &and), compare(EQUAL, &wanted)]
}

/// The byte at that place of a mask of so many bits.
fn mask(bits: u8, at: usize) -> u8 {
    let bits = usize::from(bits).saturating_sub(8 * at).min(8);
    (0xff00_u16 >> bits).to_le_bytes()[0]
}

fn element(name: &str, data: &Attributes) -> Attributes {
    Attributes::default().text(1, name).nested(2, data)
}

/// Something about the packet into the register.
fn meta(key: u32) -> Attributes {
    element("meta", &Attributes::default().number(1, REGISTER).number(2, key))
}

/// Bytes of its header into the register: of the network's (1) or the transport's (2).
fn payload(base: u32, offset: u32, length: u32) -> Attributes {
    element("payload", &Attributes::default().number(1, REGISTER).number(2, base).number(3, offset).number(4, length))
}

/// Numbers are compared byte by byte.
fn to_network() -> Attributes {
    element("byteorder", &Attributes::default().number(1, REGISTER).number(2, REGISTER).number(3, 1).number(4, 4).number(5, 4))
}

fn compare(how: u32, with: &[u8]) -> Attributes {
    let data = Attributes::default().bytes(1, with);
    element("cmp", &Attributes::default().number(1, REGISTER).number(2, how).nested(3, &data))
}

fn verdict(code: u32) -> Attributes {
    let verdict = Attributes::default().nested(2, &Attributes::default().number(1, code));
    element("immediate", &Attributes::default().number(1, 0).nested(2, &verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_of_so_many_bits() {
        let masks = |bits| (0..4).map(|at| mask(bits, at)).collect::<Vec<_>>();
        assert_eq!(masks(0), [0, 0, 0, 0]);
        assert_eq!(masks(8), [255, 0, 0, 0]);
        assert_eq!(masks(20), [255, 255, 240, 0]);
        assert_eq!(masks(32), [255, 255, 255, 255]);
    }
}
