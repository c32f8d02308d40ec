//! Which addresses a service's network gets: a /24 of one private /16, away from what is in use.

use std::net::Ipv4Addr;

use sha2::{Digest, Sha256};

/// A private /16 from which every service's network takes a /24. Default `10.213.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkPool {
    first: u8,
    second: u8,
}

impl NetworkPool {
    /// Reads `10.213.0.0/16`.
    ///
    /// # Errors
    /// A sentence saying what is wrong.
    pub fn new(text: &str) -> Result<Self, String> {
        let wrong = || format!("network pool `{text}` is not a private /16, such as `10.213.0.0/16`");
        let network = Subnet::parse(text).filter(|network| network.length == 16).ok_or_else(wrong)?;
        let address = Ipv4Addr::from_bits(network.base);
        if !address.is_private() || !text.starts_with(&format!("{address}/")) {
            return Err(wrong());
        }
        let [first, second, ..] = address.octets();
        Ok(Self { first, second })
    }

    /// The /24 of that number.
    fn subnet(self, number: u8) -> Subnet {
        Subnet { base: Ipv4Addr::new(self.first, self.second, number, 0).to_bits(), length: 24 }
    }

    /// A free /24: the search begins at a place that the network's name decides, so that a service tends to keep its addresses.
    pub(crate) fn choose(self, name: &str, taken: &[Subnet]) -> Option<Subnet> {
        let start = Sha256::digest(name.as_bytes())[0];
        (0..=u8::MAX).map(|step| self.subnet(start.wrapping_add(step))).find(|free| !taken.iter().any(|used| used.overlaps(*free)))
    }
}

impl Default for NetworkPool {
    fn default() -> Self {
        Self { first: 10, second: 213 }
    }
}

impl std::fmt::Display for NetworkPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.0.0/16", self.first, self.second)
    }
}

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    base: u32,
    length: u32,
}

impl Subnet {
    fn new(address: Ipv4Addr, length: u32) -> Self {
        Self { base: address.to_bits() & mask(length), length }
    }

    /// Reads `10.0.0.0/8`; `None` for anything else, IPv6 among it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let length = length.parse().ok().filter(|length| *length <= 32)?;
        Some(Self::new(address.parse().ok()?, length))
    }

    /// The first address, which the bridge takes.
    pub(crate) fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base | 1)
    }

    fn overlaps(self, other: Self) -> bool {
        let shorter = mask(self.length.min(other.length));
        self.base & shorter == other.base & shorter
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.base), self.length)
    }
}

const fn mask(length: u32) -> u32 {
    match u32::MAX.checked_shl(32 - length) {
        Some(mask) => mask,
        None => 0,
    }
}

/// The host's routes, from the text of Linux's `/proc/net/route`, without the default route.
pub(crate) fn routes(table: &str) -> Vec<Subnet> {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask …; numbers are hexadecimal in the machine's byte order.
    let number = |text: &str| u32::from_str_radix(text, 16).ok().map(|value| u32::from_be_bytes(value.to_ne_bytes()));
    let route = |line: &str| {
        let mut fields = line.split_whitespace();
        let destination = number(fields.nth(1)?)?;
        let mask = number(fields.nth(5)?)?;
        (mask != 0).then(|| Subnet::new(Ipv4Addr::from_bits(destination), mask.count_ones()))
    };
    table.lines().skip(1).filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_a_private_16() {
        assert_eq!(NetworkPool::new("10.213.0.0/16"), Ok(NetworkPool::default()));
        assert_eq!(NetworkPool::new("172.20.0.0/16").unwrap().to_string(), "172.20.0.0/16");
        for text in ["", "10.213.0.0", "10.213.0.0/24", "10.213.0.1/16", "8.8.0.0/16", "10.213.0.0/33", "fd00::/16"] {
            assert!(NetworkPool::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_free_subnet_is_found_until_there_is_none() {
        let pool = NetworkPool::default();
        let mut taken = vec![Subnet::parse("10.213.0.0/17").unwrap(), Subnet::parse("172.17.0.0/16").unwrap()];
        for _ in 0..128 {
            let free = pool.choose("ecslocal-users", &taken).unwrap();
            assert!(free.gateway().octets()[2] >= 128 && free.gateway().octets()[3] == 1, "{free}");
            assert!(!taken.contains(&free));
            taken.push(free);
        }
        assert_eq!(pool.choose("ecslocal-users", &taken), None);
        assert_eq!(pool.choose("a", &[]), pool.choose("a", &[]));
        assert_eq!(pool.choose("a", &[Subnet::parse("0.0.0.0/0").unwrap()]), None);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn routes_are_read_from_the_kernel_s_table() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            tun0\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            broken\n";
        let found: Vec<_> = routes(table).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.213.0.0/16", "172.17.0.0/16"]);
    }
}
