//! Health checks: one task a target, told apart by group and target, following the snapshots (alb.md 5).
//!
//! What a check asks is the data plane's ([`Probe`]), what its answers mean is pure (`routing::health`); here is only the waiting.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use model::{
    HealthCheck, Listener, LogBucket, Speed, Target, TargetGroup, TargetGroupName, TargetHealth, TargetHealthState, TargetKey, Timestamp, World,
};
use routing::HealthCheckRecord;
use routing::health::{Checker, ProbeOutcome};
use tokio::task::{AbortHandle, JoinSet};

use crate::keeper::{Handle, Input, Snapshot};

/// Asks one target once.
pub trait Probe: Send + Sync + 'static {
    /// The answer of the target at `address`, within the check's timeout.
    fn probe<'a>(&'a self, address: SocketAddr, check: &'a HealthCheck) -> Pin<Box<dyn Future<Output = ProbeOutcome> + Send + 'a>>;

    /// Takes a check that is over, of a load balancer that has a log of them.
    fn log(&self, _: HealthCheckRecord) {}
}

/// A target that never passed a check is asked again after this, and later after an eighth of the time that it has been registered,
/// until the interval is reached: whatever an application takes to listen, it is in rotation at most an eighth later.
///
/// AWS waits the full interval (5 s at least) from the first check on. On a laptop an application that needs 300 ms to listen would
/// then be in rotation seconds late, so a new target is asked eagerly; only one failure an interval counts towards unhealthy, as at AWS.
const EAGER: Duration = Duration::from_millis(20);

type Key = (TargetGroupName, TargetKey, Timestamp);

/// What a target's task watches for: it starts over when one of these changes.
#[derive(Clone, PartialEq)]
struct Subject {
    address: SocketAddr,
    check: HealthCheck,
    /// As fast as time runs.
    interval: Duration,
}

/// How long after a check that broke off the target's checks begin again.
const AFTER_A_FAULT: Duration = Duration::from_secs(1);

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
            keep && !task.is_finished()
        });
        for (key, subject) in wanted {
            running.entry(key.clone()).or_insert_with(|| {
                let check = Check { probe: probe.clone(), clock: clock.clone(), keeper: keeper.clone(), key, subject: subject.clone() };
                (subject, tasks.spawn(check.run()))
            });
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            Some(ended) = tasks.join_next() => if let Err(error) = ended && error.is_panic() {
                tracing::error!(%error, "a health check broke off, which is a fault of ecslocal; it begins again");
                clock.sleep(AFTER_A_FAULT).await;
            }
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
        .map(|(group, key, target)| ((group.spec.name.clone(), key.clone(), target.registered_at), subject(group, target, world.settings.speed)))
        .collect()
}

fn subject(group: &TargetGroup, target: &Target, speed: Speed) -> Subject {
    let check = group.spec.health_check.clone();
    let port = check.port.unwrap_or(target.address.port());
    let interval = speed.of(check.interval);
    Subject { address: SocketAddr::new(target.address.ip(), port), check, interval }
}

/// Where checks of a group are written down: at the one load balancer that forwards to it.
fn log_of(world: &World, group: &TargetGroupName) -> Option<(LogBucket, String)> {
    let balancer = world.load_balancers.values().find(|balancer| {
        let mut actions = balancer.listeners.values().flat_map(Listener::actions);
        balancer.attributes.health_check_logs.is_some() && actions.any(|action| action.target_groups().any(|name| name == group))
    })?;
    Some((balancer.attributes.health_check_logs.clone()?, format!("app/{}/{}", balancer.name, balancer.id)))
}

struct Check {
    probe: Arc<dyn Probe>,
    clock: Arc<dyn Clock>,
    keeper: Handle,
    key: Key,
    subject: Subject,
}

impl Check {
    /// Checks until the target is gone.
    ///
    /// ```text
    /// initial     !..!...!.....!        !  failures of the eager checks; the first of each interval counts
    ///             |<- interval ->|
    /// afterwards  x              x      counted from the start of a check: how long it takes does not alter the interval (alb.md 5)
    /// ```
    async fn run(self) {
        let mut checker = Checker::default();
        let mut count_from: Option<Timestamp> = None;
        loop {
            let asked_at = self.clock.now();
            let outcome = self.probe.probe(self.subject.address, &self.subject.check).await;
            self.log(asked_at, outcome);
            let Some(current) = self.health() else { return };
            let passed = matches!(outcome, ProbeOutcome::Status(status) if self.subject.check.passes(status));
            let early = current.state == TargetHealthState::Initial && !passed && count_from.is_some_and(|from| asked_at < from);
            let mut state = current.state;
            if !early {
                count_from = Some(asked_at + self.subject.interval);
                if let Some(health) = checker.observe(&self.subject.check, &current, outcome, self.clock.now()) {
                    state = health.state;
                    if !self.tell(health).await {
                        return;
                    }
                }
            }
            let next = count_from.unwrap_or(asked_at);
            if state == TargetHealthState::Initial {
                let now = self.clock.now();
                let eager = (now.since(self.key.2) / 8).max(EAGER);
                self.clock.sleep_until(next.min(now + eager)).await;
            } else {
                self.clock.sleep_until(next).await;
            }
        }
    }

    fn log(&self, asked_at: Timestamp, outcome: ProbeOutcome) {
        let (target_group, _, _) = &self.key;
        let snapshot = self.keeper.snapshot();
        let Some(log) = log_of(&snapshot.world, target_group) else { return };
        self.probe.log(HealthCheckRecord {
            at: Duration::from_millis(asked_at.as_millis()),
            log,
            latency: self.clock.now().since(asked_at),
            address: self.subject.address,
            target_group: target_group.clone(),
            check: self.subject.check.clone(),
            outcome,
        });
    }

    /// The target's health as it is now; `None` when this registration of it is over.
    fn health(&self) -> Option<TargetHealth> {
        let (target_group, target, registered_at) = &self.key;
        let snapshot = self.keeper.snapshot();
        let target = snapshot.world.target_groups.get(target_group)?.targets.get(target)?;
        (target.registered_at == *registered_at && target.draining_since.is_none()).then(|| target.health.clone())
    }

    async fn tell(&self, health: TargetHealth) -> bool {
        let (target_group, target, registered_at) = self.key.clone();
        self.keeper.tell(Input::Health { target_group, target, registered_at, health }).await
    }
}

#[cfg(test)]
mod tests;
