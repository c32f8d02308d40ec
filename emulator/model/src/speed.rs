//! How much faster than AWS's time runs: what ECS and the load balancer wait for on purpose takes so much less (design, decision 9).
//!
//! Shortened are waits: deregistration delay, intervals of health checks, bake times, cooldowns, the longest back-off, CloudWatch's
//! minute.
//! What limits a real process or a real request stays as it is (stop timeouts, timeouts of health checks, grace periods, start timeouts,
//! idle timeouts), and so does what goes by the clock (schedules, task protection).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A whole number from 1 to [`Speed::MAX`]: 1 is AWS's own pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Speed(u32);

impl Speed {
    /// The fastest.
    pub const MAX: u32 = 1000;

    /// How long a wait takes.
    #[must_use]
    pub fn of(self, wait: Duration) -> Duration {
        wait / self.0
    }

    /// Whether time runs as at AWS.
    #[must_use]
    pub const fn is_real(self) -> bool {
        self.0 == 1
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u32> for Speed {
    type Error = String;
    fn try_from(times: u32) -> Result<Self, String> {
        if (1..=Self::MAX).contains(&times) { Ok(Self(times)) } else { Err(format!("a speed is from 1x to {}x, found {times}x", Self::MAX)) }
    }
}

impl From<Speed> for u32 {
    fn from(speed: Speed) -> Self {
        speed.0
    }
}

impl std::str::FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix(['x', 'X']).unwrap_or(text);
        let times: u32 = number.parse().map_err(|_| format!("`{text}` is no speed: for example `10x`"))?;
        Self::try_from(times)
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_written_with_an_x_or_without() {
        for (text, times) in [("10x", 10), ("1", 1), ("1000X", 1000)] {
            assert_eq!(text.parse::<Speed>().map(u32::from), Ok(times));
        }
        for text in ["0x", "1001x", "x", "", "-1x", "2.5x", "10xx"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
        assert_eq!("60x".parse::<Speed>().unwrap().of(Duration::from_secs(300)), Duration::from_secs(5));
    }
}
