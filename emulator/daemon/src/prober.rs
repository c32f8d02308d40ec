//! Health checks: one task a target, told apart by group and target, following the snapshots (alb.md 5).
//!
//! What a check asks is the data plane's ([`Probe`]), what its answers mean is pure (`routing::health`); here is only the waiting.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use model::{HealthCheck, Target, TargetGroup, TargetGroupName, TargetHealthState, TargetKey, Timestamp};
use routing::health::{Checker, ProbeOutcome};
use tokio::task::{AbortHandle, JoinSet};

use crate::keeper::{Handle, Input, Snapshot};

/// Asks one target once.
pub trait Probe: Send + Sync + 'static {
    /// The answer of the target at `address`, within the check's timeout.
    fn probe<'a>(&'a self, address: SocketAddr, check: &'a HealthCheck) -> Pin<Box<dyn Future<Output = ProbeOutcome> + Send + 'a>>;
}

/// A target that never passed a check is asked again after this, then after twice as long, until the interval is reached.
///
/// AWS waits the full interval (5 s at least) from the first check on. On a laptop an application that needs 300 ms to listen would
/// then be in rotation seconds late, so a new target is asked eagerly; only one failure an interval counts towards unhealthy, as at AWS.
const EAGER: Duration = Duration::from_millis(25);

/// The eager checks come no further apart than this.
const EAGER_MAX: Duration = Duration::from_millis(500);

type Key = (TargetGroupName, TargetKey, Timestamp);

/// What a target's task watches for: it starts over when one of these changes.
#[derive(Clone, PartialEq)]
struct Subject {
    address: SocketAddr,
    check: HealthCheck,
}

/// Follows the snapshots until the keeper ends.
pub async fn run(probe: Arc<dyn Probe>, clock: Arc<dyn Clock>, keeper: Handle) {
    let mut snapshots = keeper.follow();
    let mut tasks: JoinSet<()> = JoinSet::new();
    let mut running: BTreeMap<Key, (Subject, AbortHandle)> = BTreeMap::new();
    loop {
        let wanted = wanted(&snapshots.borrow_and_update());
        running.retain(|key, (subject, task)| {
            let keep = wanted.get(key) == Some(subject);
            if !keep {
                task.abort();
            }
            keep
        });
        for (key, subject) in wanted {
            running.entry(key.clone()).or_insert_with(|| {
                let check = Check { probe: probe.clone(), clock: clock.clone(), keeper: keeper.clone(), key, subject: subject.clone() };
                (subject, tasks.spawn(check.run()))
            });
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            Some(_) = tasks.join_next() => {}
        }
    }
}

/// Every target that is to be checked: registered, not draining, in a group that some listener uses.
fn wanted(snapshot: &Snapshot) -> BTreeMap<Key, Subject> {
    let world = &snapshot.world;
    let groups = world.target_groups.values().filter(|group| !group.deleting && world.in_use(&group.spec.name));
    let targets = groups.flat_map(|group| group.targets.iter().map(move |(key, target)| (group, key, target)));
    targets
        .filter(|(_, _, target)| target.draining_since.is_none())
        .map(|(group, key, target)| ((group.spec.name.clone(), key.clone(), target.registered_at), subject(group, target)))
        .collect()
}

fn subject(group: &TargetGroup, target: &Target) -> Subject {
    let check = group.spec.health_check.clone();
    let port = check.port.unwrap_or(target.address.port());
    Subject { address: SocketAddr::new(target.address.ip(), port), check }
}

struct Check {
    probe: Arc<dyn Probe>,
    clock: Arc<dyn Clock>,
    keeper: Handle,
    key: Key,
    subject: Subject,
}

impl Check {
    async fn run(self) {
        let mut checker = Checker::default();
        let mut eager = EAGER;
        let mut counted: Option<Timestamp> = None;
        loop {
            let asked_at = self.clock.now();
            let outcome = self.probe.probe(self.subject.address, &self.subject.check).await;
            let Some(initial) = self.is_initial() else { return };
            let interval = self.subject.check.interval;
            let passed = matches!(outcome, ProbeOutcome::Status(status) if self.subject.check.matcher.matches(status));
            // An eager failure is no more than "not yet"; the first of each interval counts.
            let counts = !initial || passed || counted.is_none_or(|last| asked_at.since(last) >= interval);
            if counts {
                counted = Some(asked_at);
                if !self.tell(&mut checker, outcome).await {
                    return;
                }
            }
            if initial && !passed {
                let pause = eager.min(interval);
                eager = (eager * 2).min(EAGER_MAX);
                self.clock.sleep(pause).await;
            } else {
                // The result's latency does not alter the interval (alb.md 5).
                self.clock.sleep_until(asked_at + interval).await;
            }
        }
    }

    /// Whether the target waits for its first pass; `None` when it is gone.
    fn is_initial(&self) -> Option<bool> {
        let snapshot = self.keeper.snapshot();
        let target = snapshot.world.target_groups.get(&self.key.0)?.targets.get(&self.key.1)?;
        Some(target.health.state == TargetHealthState::Initial)
    }

    async fn tell(&self, checker: &mut Checker, outcome: ProbeOutcome) -> bool {
        let snapshot = self.keeper.snapshot();
        let Some(target) = snapshot.world.target_groups.get(&self.key.0).and_then(|group| group.targets.get(&self.key.1)) else { return false };
        match checker.observe(&self.subject.check, &target.health, outcome, self.clock.now()) {
            Some(health) => self.keeper.tell(Input::Health { target_group: self.key.0.clone(), target: self.key.1.clone(), health }).await,
            None => true,
        }
    }
}
