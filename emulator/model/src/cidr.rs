//! A range of addresses in CIDR notation.

use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address and the number of its leading bits that count, such as `10.0.0.0/8` or `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Its address, as it was written.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many of its leading bits count.
    #[must_use]
    pub const fn bits(&self) -> u8 {
        self.bits
    }

    /// One address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Whether `address` lies in it. An IPv4 address is the same in its IPv6 form.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same_start(u128::from(own.to_bits()) << 96, u128::from(other.to_bits()) << 96, self.bits),
            (IpAddr::V6(own), IpAddr::V6(other)) => same_start(own.to_bits(), other.to_bits(), self.bits),
            _ => false,
        }
    }
}

fn same_start(own: u128, other: u128, bits: u8) -> bool {
    (own ^ other).checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((address, bits)) = text.split_once('/') else {
            return Err("it needs a length, such as `10.0.0.0/8`; one address is `/32` (IPv6: `/128`)".into());
        };
        let address: IpAddr = address.parse().map_err(|_| format!("`{address}` is not an IPv4 or IPv6 address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = bits.parse().ok().filter(|bits| digits && *bits <= most).ok_or_else(|| format!("its length is a number from 0 to {most}"))?;
        // Peers are compared in their IPv4 form, so ranges are kept in it.
        Ok(match (address.to_canonical(), bits) {
            (IpAddr::V4(mapped), 96..) if address.is_ipv6() => Self { address: mapped.into(), bits: bits - 96 },
            _ => Self { address, bits },
        })
    }
}

impl TryFrom<String> for Cidr {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_in_or_out() {
        let check = |cidr: &str, inside: &[&str], outside: &[&str]| {
            let cidr: Cidr = cidr.parse().unwrap();
            inside.iter().for_each(|address| assert!(cidr.contains(address.parse().unwrap()), "{address} in {cidr}"));
            outside.iter().for_each(|address| assert!(!cidr.contains(address.parse().unwrap()), "{address} not in {cidr}"));
        };
        check("10.0.0.0/8", &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], &["11.0.0.0", "9.255.255.255", "::1", "a00::"]);
        check("10.1.2.3/8", &["10.9.9.9"], &["11.1.2.3"]);
        check("192.0.2.7/32", &["192.0.2.7"], &["192.0.2.6", "192.0.2.8"]);
        check("192.0.2.4/31", &["192.0.2.4", "192.0.2.5"], &["192.0.2.6"]);
        check("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::1"]);
        check("2001:db8::/32", &["2001:db8::1", "2001:db8:ffff::"], &["2001:db9::", "32.1.13.184"]);
        check("::1/128", &["::1"], &["::2"]);
        check("::ffff:10.0.0.0/104", &["10.1.2.3", "::ffff:10.9.9.9"], &["11.0.0.1", "::1"]);
        check("::/0", &["::1", "ffff::"], &["10.0.0.1"]);
    }

    #[test]
    fn what_is_no_range_says_why() {
        let check = |text: &str, why: &str| assert!(text.parse::<Cidr>().unwrap_err().contains(why), "{text}");
        check("10.0.0.1", "needs a length");
        check("10.0.0/8", "not an IPv4 or IPv6 address");
        check("10.0.0.1/33", "0 to 32");
        check("10.0.0.1/+8", "0 to 32");
        check("10.0.0.1/", "0 to 32");
        check("::1/129", "0 to 128");
    }

    proptest! {
        #[test]
        fn the_first_bits_decide(own: u32, other: u32, bits in 0_u8..=32) {
            let cidr: Cidr = format!("{}/{bits}", std::net::Ipv4Addr::from_bits(own)).parse().unwrap();
            let expected = (0..bits).all(|bit| (own ^ other) & (1 << (31 - bit)) == 0);
            prop_assert_eq!(cidr.contains(std::net::Ipv4Addr::from_bits(other).into()), expected);
        }
    }
}
