//! How often one address may ask for one path: 40 times a second, 60 at once (ecs.md 5.1); for an operation on a fault once in five seconds
//! (ecs.md 5.8).

use std::collections::HashMap;
use std::net::IpAddr;

use model::Timestamp;

/// Thousandths of a request in a second, and requests at once.
#[derive(Clone, Copy, Debug)]
struct Pace {
    per_second: u64,
    at_once: u64,
}

const USUAL: Pace = Pace { per_second: 40_000, at_once: 60 };
const FAULTS: Pace = Pace { per_second: 200, at_once: 1 };

/// Whoever has not asked for so many milliseconds may ask as often as anybody.
const FORGOTTEN: u64 = 5000;

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
        let Pace { per_second, at_once } = if path.contains("/fault/v1/") { FAULTS } else { USUAL };
        let full = at_once * 1000;
        if self.left.len() >= MOST {
            self.left.retain(|_, (seen, _)| millis(*seen, now) < FORGOTTEN);
            if self.left.len() >= MOST {
                self.left.clear();
            }
        }
        let (seen, left) = self.left.entry((address, path.to_owned())).or_insert((now, full));
        let gained = millis(*seen, now) * per_second / 1000;
        // What is less than a thousandth is not lost by asking often.
        if gained > 0 {
            *left = (*left + gained).min(full);
            *seen = now;
        }
        let Some(rest) = left.checked_sub(1000) else { return false };
        *left = rest;
        true
    }
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX).min(60_000)
}
