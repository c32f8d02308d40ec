//! How often one address may ask for one path: 40 times a second, 60 at once (ecs.md 5.1).

use std::collections::HashMap;
use std::net::IpAddr;

use model::Timestamp;

const PER_SECOND: u64 = 40;
const AT_ONCE: u64 = 60;

/// More pairs of address and path than these are not told apart: then all begin anew.
const MOST: usize = 4096;

/// What is left of each, in thousandths of a request.
#[derive(Debug, Default)]
pub struct Limiter {
    left: HashMap<(IpAddr, String), (Timestamp, u64)>,
}

impl Limiter {
    /// Whether a request may be answered.
    pub fn admit(&mut self, address: IpAddr, path: &str, now: Timestamp) -> bool {
        let full = AT_ONCE * 1000;
        if self.left.len() >= MOST {
            self.left.retain(|_, (seen, left)| *left + millis(*seen, now) * PER_SECOND < full);
            if self.left.len() >= MOST {
                self.left.clear();
            }
        }
        let (seen, left) = self.left.entry((address, path.to_owned())).or_insert((now, full));
        *left = (*left + millis(*seen, now) * PER_SECOND).min(full);
        *seen = now;
        let Some(rest) = left.checked_sub(1000) else { return false };
        *left = rest;
        true
    }
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX).min(60_000)
}
