//! Time, injected: the one place that reads the system's clock, and the clock that tests wind by hand.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::Timestamp;
use tokio::sync::oneshot;

/// A future that ends when its moment has come.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What time it is, and waiting for a time.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;

    /// What others take for now: where this clock only counts on from its start, the wall's may have been set, or the machine have slept.
    fn wall(&self) -> Timestamp {
        self.now()
    }

    /// Ends at `deadline`, at once if that is past. Cancelled by dropping.
    fn sleep_until(&self, deadline: Timestamp) -> Sleep;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }
}

/// The wall's time, never running backwards: read once at the start, then counted by the monotonic clock.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
    epoch: Timestamp,
}

impl SystemClock {
    /// A clock that starts at the wall's time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the rest of the house is told to use")]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now(), epoch: wall() }
    }
}

#[expect(clippy::disallowed_methods, reason = "likewise")]
fn wall() -> Timestamp {
    Timestamp::default() + std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.epoch + self.started.elapsed()
    }

    fn wall(&self) -> Timestamp {
        wall()
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        Box::pin(tokio::time::sleep(deadline.since(self.now())))
    }
}

/// A clock that stands still until it is wound. Shared by the daemon and the simulated fleet in tests.
#[derive(Debug, Default)]
pub struct ManualClock {
    inner: Mutex<Hands>,
}

#[derive(Debug, Default)]
struct Hands {
    now: Timestamp,
    next_sleeper: u64,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { inner: Mutex::new(Hands { now, ..Hands::default() }) }
    }

    /// The moment of the earliest sleeper that still waits, if any.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let mut hands = self.hands();
        hands.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        hands.sleepers.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Winds the clock to `to` (never back) and wakes everyone whose moment has come.
    pub fn advance_to(&self, to: Timestamp) {
        let mut hands = self.hands();
        hands.now = hands.now.max(to);
        let moment = (hands.now, u64::MAX);
        let later = hands.sleepers.split_off(&moment);
        for (_, sleeper) in std::mem::replace(&mut hands.sleepers, later) {
            // A sleeper that was dropped no longer waits.
            sleeper.send(()).ok();
        }
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, Hands> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.hands().now
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        let mut hands = self.hands();
        if deadline <= hands.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        let key = (deadline, hands.next_sleeper);
        hands.next_sleeper += 1;
        hands.sleepers.insert(key, wake);
        Box::pin(async move {
            woken.await.ok();
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_those_whose_moment_has_come() {
        let clock = ManualClock::at(Timestamp::from_millis(1000));
        let early = clock.sleep(Duration::from_millis(5));
        let late = clock.sleep(Duration::from_secs(5));
        assert_eq!(clock.next_deadline(), Some(Timestamp::from_millis(1005)));
        clock.advance_to(Timestamp::from_millis(1005));
        early.await;
        assert_eq!(clock.next_deadline(), Some(Timestamp::from_millis(6000)));
        drop(late);
        assert_eq!(clock.next_deadline(), None);
        clock.sleep_until(Timestamp::from_millis(3)).await;
    }
}
