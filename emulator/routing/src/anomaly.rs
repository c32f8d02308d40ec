//! Anomaly mitigation of weighted random groups (alb.md 4): targets that fail far more often than the others get fewer requests.
//!
//! AWS documents that at least three healthy targets are needed, that results are reviewed every five seconds, and what is shown of
//! them; how far "far" is and how much fewer "fewer" are it does not say. Here a target is anomalous that failed at least one in ten
//! of at least five requests since the last review, and three times as often as the others together. Its share is halved with each
//! review, down to a twentieth, and doubled with each one that finds nothing, up to a full one.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use crate::TargetState;
use crate::metrics::TargetMetric;

/// Between two reviews.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);
/// With fewer healthy targets there is nothing to compare with.
pub(crate) const LEAST_TARGETS: usize = 3;
/// A full share of requests.
pub(crate) const FULL: u64 = 1000;
const LEAST: u64 = FULL / 20;
/// With fewer requests a failure is an accident.
const LEAST_REQUESTS: u64 = 5;

/// What a target did since the last review.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) requests: u64,
    pub(crate) failures: u64,
}

/// Which targets fail far more often than the others.
pub(crate) fn anomalous(samples: &[Sample]) -> Vec<bool> {
    let total = |pick: fn(&Sample) -> u64| samples.iter().map(pick).sum::<u64>();
    let (requests, failures) = (total(|sample| sample.requests), total(|sample| sample.failures));
    let judge = |sample: &Sample| {
        let others = (requests - sample.requests).max(1);
        let often = sample.failures * 10 >= sample.requests;
        let more_often = u128::from(sample.failures) * u128::from(others) > 3 * u128::from(failures - sample.failures) * u128::from(sample.requests);
        sample.requests >= LEAST_REQUESTS && often && more_often
    };
    samples.iter().map(judge).collect()
}

/// The share after a review.
pub(crate) const fn share(before: u64, anomalous: bool) -> u64 {
    let next = if anomalous { before / 2 } else { before * 2 };
    if next < LEAST {
        LEAST
    } else if next > FULL {
        FULL
    } else {
        next
    }
}

/// Looks at what targets did since the last review and gives them their shares.
pub(crate) fn review(targets: &[Arc<TargetState>]) {
    let samples: Vec<Sample> = targets.iter().map(|target| target.sample()).collect();
    let found = if targets.len() < LEAST_TARGETS { vec![false; targets.len()] } else { anomalous(&samples) };
    for (target, anomalous) in targets.iter().zip(found) {
        target.judge(anomalous);
    }
}

/// Whether a review is due.
pub(crate) fn is_due(last: Timestamp, now: Timestamp) -> bool {
    now.since(last) >= INTERVAL
}

impl TargetState {
    /// Requests and failures since this was asked last.
    fn sample(&self) -> Sample {
        let count = Sample { requests: self.metrics().get(TargetMetric::Requests), failures: self.metrics().get(TargetMetric::Failures) };
        let before = self.seen(count.requests, count.failures);
        Sample { requests: count.requests.saturating_sub(before.0), failures: count.failures.saturating_sub(before.1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile;
    use crate::metrics::Shard;
    use crate::testing::{forward, given, group_name, head, paths, put_group, put_listener, world};

    #[test]
    fn those_who_fail_far_more_often_are_found() {
        let check = |samples: &[(u64, u64)], expected: &[bool]| {
            let samples: Vec<Sample> = samples.iter().map(|(requests, failures)| Sample { requests: *requests, failures: *failures }).collect();
            assert_eq!(anomalous(&samples), expected, "{samples:?}");
        };
        check(&[(100, 50), (100, 0), (100, 1)], &[true, false, false]);
        check(&[(100, 9), (100, 0), (100, 0)], &[false, false, false]);
        check(&[(4, 4), (100, 0), (100, 0)], &[false, false, false]);
        check(&[(100, 50), (100, 50), (100, 50)], &[false, false, false]);
        check(&[(100, 100), (100, 20), (100, 20)], &[true, false, false]);
        check(&[(100, 50), (100, 20), (100, 20)], &[false, false, false]);
        check(&[(0, 0), (0, 0), (0, 0)], &[false, false, false]);
        check(&[(10, 10), (0, 0), (0, 0)], &[true, false, false]);
    }

    #[test]
    fn a_target_that_fails_gets_fewer_requests_until_it_behaves() {
        let mut world = world();
        put_group(&mut world, "users", "hhh");
        let attributes = &mut world.target_groups.get_mut(&group_name("users")).unwrap().spec.attributes;
        (attributes.algorithm, attributes.anomaly_mitigation) = (model::Algorithm::WeightedRandom, true);
        put_listener(&mut world, "front", 80, vec![(vec![paths(&["*"])], forward(&[("users", 1)]))]);
        let table = compile(&world, None);
        let group = table.groups().next().unwrap();
        let targets: Vec<_> = table.targets().cloned().collect();
        let work = |failures: [u64; 3]| {
            for (target, failures) in targets.iter().zip(failures) {
                target.metrics().add(Shard::of_worker(0), TargetMetric::Requests, 100);
                target.metrics().add(Shard::of_worker(0), TargetMetric::Failures, failures);
            }
        };
        let shares = |millis: u64| -> Vec<u64> {
            let mut counts = vec![0; 3];
            for step in 0..1000 {
                let chosen = group.pick(&head("/"), given(u64::MAX / 1000 * step, millis));
                counts[usize::from(chosen.target().unwrap().key.port) - 1] += 1;
            }
            counts
        };
        let check = |millis: u64, expected: [u64; 3]| {
            let found = shares(millis);
            assert!(found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) <= 1), "{found:?} {expected:?}");
        };
        work([100, 0, 0]);
        check(10_000, [200, 400, 400]);
        assert_eq!((targets[0].anomaly(), targets[1].anomaly()), ((true, true), (false, false)));
        work([100, 0, 0]);
        check(14_999, [200, 400, 400]);
        check(15_000, [111, 444, 444]);
        work([0, 0, 0]);
        check(20_000, [200, 400, 400]);
        work([0, 0, 0]);
        check(25_000, [333, 333, 333]);
        assert_eq!(targets[0].anomaly(), (false, false));
    }

    #[test]
    fn shares_fall_and_rise_by_halves() {
        let mut at = FULL;
        let falling: Vec<u64> = std::iter::repeat_with(|| {
            at = share(at, true);
            at
        })
        .take(6)
        .collect();
        assert_eq!(falling, [500, 250, 125, 62, 50, 50]);
        let rising: Vec<u64> = std::iter::repeat_with(|| {
            at = share(at, false);
            at
        })
        .take(6)
        .collect();
        assert_eq!(rising, [100, 200, 400, 800, 1000, 1000]);
    }
}
