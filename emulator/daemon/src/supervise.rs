//! What becomes of a part of the daemon that breaks off: it is begun again after a pause, for the others go on without it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use engine::Clock;
use futures_util::FutureExt as _;

/// The first and the longest pause before a part that broke off is begun again.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Runs a part until it ends by itself; begins it again when it panics.
pub(crate) async fn supervise<F: Future<Output = ()>>(name: &str, clock: &dyn Clock, mut begin: impl FnMut() -> F) {
    let mut pause = PAUSE.0;
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        tracing::error!("the {name} broke off, which is a fault of ecslocal; it begins again in {} s", pause.as_secs());
        clock.sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::ManualClock;
    use model::Timestamp;

    use super::*;

    #[tokio::test]
    async fn a_part_that_breaks_off_begins_again_after_a_pause() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let begun = std::cell::Cell::new(0);
        let part = supervise("part", clock.as_ref(), || {
            begun.set(begun.get() + 1);
            let again = begun.get() < 3;
            async move { assert!(!again, "breaks off on purpose") }
        });
        let winding = async {
            for (seconds, expected) in [(1, 1), (3, 2)] {
                while begun.get() < expected || clock.next_deadline().is_none() {
                    tokio::task::yield_now().await;
                }
                assert_eq!(begun.get(), expected);
                clock.advance_to(Timestamp::from_millis(seconds * 1000));
            }
        };
        tokio::join!(part, winding);
        assert_eq!(begun.get(), 3);
    }
}
