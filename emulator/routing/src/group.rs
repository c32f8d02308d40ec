//! A target group as the data plane sees it: who takes the next request (alb.md 4, Selection).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use model::{
    Algorithm, ProtocolVersion, Stickiness, Target, TargetGroup, TargetGroupAttributes, TargetGroupName, TargetGroupSpec, TargetHealthState,
    Timestamp,
};

use crate::anomaly;
use crate::metrics::TargetMetrics;
use crate::sticky::{TargetMemory, fingerprint, returning};
use crate::{Given, Memory, RequestHead, TargetState};

/// A target group that some listener forwards to.
#[derive(Debug)]
pub struct GroupTable {
    identity: Arc<GroupIdentity>,
    version: ProtocolVersion,
    eligible: Vec<Arc<TargetState>>,
    fail_open: bool,
    algorithm: Algorithm,
    slow_start: Duration,
    /// When anomalies were looked for last, in milliseconds of the Unix epoch; `None` without mitigation. Shared from table to table.
    mitigation: Option<Arc<AtomicU64>>,
    stickiness: Option<Stickiness>,
    /// What cookies call it.
    fingerprint: u64,
    /// Shared with the tables before and after this one: the rotation goes on over a swap.
    rotation: Arc<AtomicUsize>,
    /// Added to the rotation, so that the target whose turn it was stays next when others come or go.
    offset: usize,
}

/// What stays the same of a target group for as long as it is in use, from table to table.
#[derive(Debug)]
pub struct GroupIdentity {
    name: TargetGroupName,
    arn: Box<str>,
    metrics: TargetMetrics,
}

impl GroupIdentity {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &TargetGroupName {
        &self.name
    }

    /// Its ARN.
    #[must_use]
    pub const fn arn(&self) -> &str {
        &self.arn
    }

    /// What CloudWatch calls it: `targetgroup/<name>/<id>`.
    #[must_use]
    pub fn log_name(&self) -> &str {
        self.arn.rsplit_once(':').map_or(&*self.arn, |(_, name)| name)
    }

    /// What is counted of it.
    #[must_use]
    pub const fn metrics(&self) -> &TargetMetrics {
        &self.metrics
    }
}

/// Who takes a request.
#[derive(Clone, Copy, Debug)]
pub enum Pick<'t> {
    /// This target.
    Target(&'t Arc<TargetState>),
    /// The target that its cookie names.
    Again(&'t Arc<TargetState>),
    /// Nobody is registered: 503.
    None,
}

impl<'t> Pick<'t> {
    /// The target, if there is one.
    #[must_use]
    pub const fn target(self) -> Option<&'t Arc<TargetState>> {
        match self {
            Self::Target(target) | Self::Again(target) => Some(target),
            Self::None => None,
        }
    }
}

impl GroupTable {
    /// `slow_start`: as fast as time runs.
    pub(crate) fn new((spec, slow_start): (&TargetGroupSpec, Duration), arn: String, eligible: Eligible, previous: Option<&Self>) -> Self {
        let Eligible { targets, fail_open } = eligible;
        let TargetGroupAttributes { algorithm, ref stickiness, .. } = spec.attributes;
        let rotation = previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.rotation));
        let turn = rotation.load(Ordering::Relaxed);
        let next = previous.and_then(|previous| previous.at(turn)).map_or(0, |next| targets.partition_point(|target| target.key < next.key));
        let index = next.checked_rem(targets.len()).unwrap_or(0);
        let offset = index.wrapping_sub(turn);
        let before = previous.and_then(|previous| previous.mitigation.clone());
        let mitigation = spec.attributes.anomaly_mitigation.then(|| before.unwrap_or_default());
        let same = previous.map(|previous| &previous.identity).filter(|identity| *identity.arn == *arn);
        let new = || Arc::new(GroupIdentity { name: spec.name.clone(), arn: arn.as_str().into(), metrics: TargetMetrics::default() });
        let identity = same.map_or_else(new, Arc::clone);
        Self {
            fingerprint: fingerprint(&arn),
            identity,
            version: spec.version,
            eligible: targets,
            fail_open,
            algorithm,
            slow_start,
            mitigation,
            stickiness: stickiness.clone(),
            rotation,
            offset,
        }
    }

    /// What it is called, and what is counted of it.
    #[must_use]
    pub const fn identity(&self) -> &Arc<GroupIdentity> {
        &self.identity
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &TargetGroupName {
        &self.identity.name
    }

    /// What HTTP its targets speak.
    #[must_use]
    pub const fn version(&self) -> ProtocolVersion {
        self.version
    }

    /// Those who take requests, in the order of their keys.
    #[must_use]
    pub fn eligible(&self) -> &[Arc<TargetState>] {
        &self.eligible
    }

    /// Whether requests go to targets that are not healthy, because too few are healthy.
    #[must_use]
    pub const fn is_fail_open(&self) -> bool {
        self.fail_open
    }

    pub(crate) const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The target of a request: the one that the client had, if it may still take requests, else the next one.
    #[must_use]
    pub fn pick(&self, head: &RequestHead<'_>, given: Given<'_>) -> Pick<'_> {
        match self.had(head, given) {
            Some(had) => Pick::Again(had),
            None => self.pick_anew(given).map_or(Pick::None, Pick::Target),
        }
    }

    fn had(&self, head: &RequestHead<'_>, given: Given<'_>) -> Option<&Arc<TargetState>> {
        let token = returning(self.stickiness.as_ref()?, self.fingerprint, &given.cookies(head))?;
        self.eligible.iter().find(|target| target.fingerprint() == token.target)
    }

    fn pick_anew(&self, given: Given<'_>) -> Option<&Arc<TargetState>> {
        match self.algorithm {
            Algorithm::RoundRobin if self.slow_start.is_zero() => self.next(),
            Algorithm::RoundRobin => self.next_by_share(given.random, given.now),
            Algorithm::LeastOutstandingRequests => self.least_busy(),
            Algorithm::WeightedRandom if self.mitigation.is_some() => self.next_by_conduct(given),
            Algorithm::WeightedRandom => self.eligible.get(portion(given.random, self.eligible.len())),
        }
    }

    /// Any target, those that fail far more often than the others more seldom.
    fn next_by_conduct(&self, given: Given<'_>) -> Option<&Arc<TargetState>> {
        self.review(given.now);
        let total: u64 = self.eligible.iter().map(|target| target.anomaly_share()).sum();
        let mut point = u64::try_from((u128::from(given.random) * u128::from(total)) >> 64).unwrap_or(0);
        let chosen = self.eligible.iter().find(|target| {
            let share = target.anomaly_share();
            let hit = point < share;
            point = point.saturating_sub(share);
            hit
        });
        // A review on another thread may have changed the shares in between.
        chosen.or_else(|| self.eligible.last())
    }

    /// Whoever comes first after the interval looks for anomalies.
    fn review(&self, now: Timestamp) {
        let Some(last) = &self.mitigation else { return };
        let before = last.load(Ordering::Relaxed);
        let due = anomaly::is_due(Timestamp::from_millis(before), now);
        if due && last.compare_exchange(before, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            anomaly::review(&self.eligible);
        }
    }

    /// What the response is to tell the client about where it was; `None` where nothing is sticky.
    #[must_use]
    pub fn memory(&self, sticky_forward: bool, pick: Pick<'_>) -> Option<Memory> {
        let target = self.stickiness.as_ref().and_then(|stickiness| {
            let target = pick.target()?.fingerprint();
            let stuck = matches!(pick, Pick::Again(_));
            Some(TargetMemory { cookie: stickiness.cookie.clone(), group: self.fingerprint, target, stuck })
        });
        let forward_group = sticky_forward.then_some(self.fingerprint);
        (target.is_some() || forward_group.is_some()).then_some(Memory { forward_group, target })
    }

    /// The next of the round robin. One rotation serves all threads, so that few requests are spread evenly too.
    fn next(&self) -> Option<&Arc<TargetState>> {
        if self.eligible.is_empty() { None } else { self.at(self.rotation.fetch_add(1, Ordering::Relaxed)) }
    }

    /// The next of the round robin, but one in slow start lets so many of its turns pass as its share is short of a full one. Where
    /// all are in slow start, none is (alb.md 9).
    fn next_by_share(&self, random: u64, now: Timestamp) -> Option<&Arc<TargetState>> {
        if !self.eligible.iter().any(|target| target.is_established(self.slow_start, now)) {
            return self.next();
        }
        let mut random = random;
        loop {
            let target = self.next()?;
            match target.share(self.slow_start, now) {
                Some(share) if random >= share => random = another(random),
                _ => return Some(target),
            }
        }
    }

    /// The one with the fewest requests in flight; among equals the turn goes round.
    fn least_busy(&self) -> Option<&Arc<TargetState>> {
        let turn = self.rotation.fetch_add(1, Ordering::Relaxed);
        (0..self.eligible.len()).filter_map(|step| self.at(turn.wrapping_add(step))).min_by_key(|target| target.in_flight())
    }

    fn at(&self, turn: usize) -> Option<&Arc<TargetState>> {
        self.eligible.get(turn.wrapping_add(self.offset).checked_rem(self.eligible.len())?)
    }
}

/// Which of `count` portions of all 64-bit numbers `random` lies in.
fn portion(random: u64, count: usize) -> usize {
    usize::try_from((u128::from(random) * count as u128) >> 64).unwrap_or(0)
}

/// Another number as random as this one (SplitMix64).
const fn another(random: u64) -> u64 {
    let mut mixed = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What requests of a group may go to.
pub(crate) struct Eligible {
    /// By key.
    pub(crate) targets: Vec<Arc<TargetState>>,
    /// Too few are healthy, so these are all that are registered.
    pub(crate) fail_open: bool,
}

/// The state that counts: `draining` wins over what the last check said.
pub(crate) fn state_of(target: &Target) -> TargetHealthState {
    if target.draining_since.is_some() { TargetHealthState::Draining } else { target.health.state }
}

/// Which states take requests: healthy ones; if too few are, initial and unhealthy ones as well (alb.md 4: the group fails open;
/// unused and draining targets take nothing).
pub(crate) fn takes_requests(group: &TargetGroup) -> Takes {
    use TargetHealthState::{Healthy, Initial, Unhealthy};
    const HEALTHY: Takes = |state| matches!(state, Healthy);
    const ALL: Takes = |state| matches!(state, Healthy | Initial | Unhealthy);
    let count = |takes: Takes| group.targets.values().filter(|target| takes(state_of(target))).count();
    if group.spec.attributes.fail_open.applies(count(HEALTHY), count(ALL)) { ALL } else { HEALTHY }
}

/// Whether a target in that state takes requests.
pub(crate) type Takes = fn(TargetHealthState) -> bool;

#[cfg(test)]
mod tests;
