//! Measures what scaling policies and alarms look at, once a minute of CloudWatch's (ecs.md 7): the load balancer's own counters, and the
//! CPU time and memory of containers, which the engine is asked for only where somebody needs them. What follows from it is the scheduler's.

mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, Usage};
use futures_util::{StreamExt as _, stream};
use model::{
    Alarm, ClusterName, ContainerId, Decimal, LoadBalancerName, Metric, ServiceKey, ServiceStatus, TargetGroupName, TargetHealthState, Timestamp,
    World,
};
use routing::metrics::{BalancerMetric, TargetMetric};
use scheduler::Pace;

use crate::engines::Engines;
use crate::keeper::{Handle, Input, Snapshot};

/// How many containers are asked about at once. Docker 20.10 lets each wait for a second, which costs it nothing.
const AT_ONCE: usize = 32;

/// Counts are those of a minute, however long a minute of CloudWatch's takes here.
const MINUTE: Duration = Duration::from_secs(60);

/// Counters as they are at one moment.
#[derive(Debug, Default)]
struct Counters {
    at: Timestamp,
    groups: BTreeMap<TargetGroupName, GroupCount>,
    /// Load balancers' own answers of status 3xx, 4xx, 5xx.
    balancers: BTreeMap<LoadBalancerName, [u64; 3]>,
    /// Of containers that run and that a policy looks at.
    usage: BTreeMap<ContainerId, Usage>,
}

/// Of a target group, since it came into use.
#[derive(Clone, Copy, Debug, Default)]
struct GroupCount {
    requests: u64,
    responses: u64,
    response_micros: u64,
    /// Answers of status 2xx, 3xx, 4xx, 5xx.
    statuses: [u64; 4],
    connection_errors: u64,
}

/// Measures until the keeper ends. While nobody looks at a metric it does nothing.
pub async fn run(engines: Arc<Engines>, clock: Arc<dyn Clock>, keeper: Handle, pace: Pace) {
    let mut snapshots = keeper.follow();
    let mut before: Option<Counters> = None;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        if wanted(&snapshot.world).is_empty() && alarms(&snapshot.world).next().is_none() {
            before = None;
            if snapshots.changed().await.is_err() {
                return;
            }
            continue;
        }
        let earlier = match before.take() {
            Some(earlier) => earlier,
            None => read(&engines, &snapshot, clock.now()).await,
        };
        let period = pace.at(snapshot.world.settings.speed).metric_period;
        let end = end_of_period(clock.now(), period);
        clock.sleep_until(end).await;
        let snapshot = keeper.snapshot();
        // Where the engine is slow to answer, the next look is counted from this one all the same.
        let now = read(&engines, &snapshot, clock.now()).await;
        let values = wanted(&snapshot.world).into_iter().map(|(key, metrics)| {
            let values =
                metrics.into_iter().filter_map(|metric| Some((metric.clone(), value(&snapshot, Some(key), metric, (&earlier, &now), period)?)));
            (key.clone(), values.collect())
        });
        let of_alarms = alarms(&snapshot.world).map(|(cluster, name, alarm)| {
            let key = subject(cluster, alarm);
            (cluster.clone(), name.clone(), value(&snapshot, key.as_ref(), &alarm.spec.alarm.metric, (&earlier, &now), period))
        });
        let measured = Input::Measured { at: end, values: values.collect(), alarms: of_alarms.collect() };
        if !keeper.tell(measured).await {
            return;
        }
        before = Some(now);
    }
}

/// What is to be measured.
fn wanted(world: &World) -> BTreeMap<&ServiceKey, BTreeSet<&Metric>> {
    let active = world.services.iter().filter(|(_, service)| service.status == ServiceStatus::Active);
    active.filter_map(|(key, service)| Some((key, service.spec.scalable_target.as_ref()?.metrics()))).collect()
}

/// The alarms of all clusters.
fn alarms(world: &World) -> impl Iterator<Item = (&ClusterName, &String, &Alarm)> {
    world.clusters.iter().flat_map(|(cluster, known)| known.alarms.iter().map(move |(name, alarm)| (cluster, name, alarm)))
}

/// The service that an alarm is about.
fn subject(cluster: &ClusterName, alarm: &Alarm) -> Option<ServiceKey> {
    alarm.spec.service.as_ref().map(|name| ServiceKey { cluster: cluster.clone(), name: name.clone() })
}

/// Periods begin and end at the same moments whenever the daemon was started.
fn end_of_period(now: Timestamp, period: Duration) -> Timestamp {
    let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
    Timestamp::from_millis((now.as_millis() / millis + 1).saturating_mul(millis))
}

async fn read(engines: &Engines, snapshot: &Snapshot, at: Timestamp) -> Counters {
    let mut counters = Counters { at, ..Counters::default() };
    for group in snapshot.table.groups() {
        let get = |metric| group.identity().metrics().get(metric);
        let count = GroupCount {
            requests: get(TargetMetric::Requests),
            responses: get(TargetMetric::Responses),
            response_micros: get(TargetMetric::ResponseMicros),
            statuses: [TargetMetric::Target2xx, TargetMetric::Target3xx, TargetMetric::Target4xx, TargetMetric::Target5xx].map(get),
            connection_errors: get(TargetMetric::ConnectionErrors),
        };
        counters.groups.insert(group.name().clone(), count);
    }
    for balancer in snapshot.table.listeners().iter().map(routing::ListenerTable::balancer) {
        let counts = [BalancerMetric::Elb3xx, BalancerMetric::Elb4xx, BalancerMetric::Elb5xx].map(|metric| balancer.metrics().get(metric));
        counters.balancers.insert(balancer.name().clone(), counts);
    }
    let of_containers = wanted(&snapshot.world).into_iter().filter(|(_, metrics)| metrics.iter().any(|metric| metric.is_of_containers()));
    let subjects = alarms(&snapshot.world).filter_map(|(cluster, _, alarm)| subject(cluster, alarm));
    let keys: BTreeSet<ServiceKey> = of_containers.map(|(key, _)| key.clone()).chain(subjects).collect();
    let ids: Vec<ContainerId> = keys.iter().flat_map(|key| usage::containers(&snapshot.world, key)).cloned().collect();
    let asked = stream::iter(ids).map(|id| async move {
        let answer = match engines.of(&snapshot.world, &id) {
            Ok(engine) => engine.usage(&id).await,
            Err(error) => Err(error),
        };
        (id, answer)
    });
    let mut answers = asked.buffer_unordered(AT_ONCE);
    while let Some((id, answer)) = answers.next().await {
        match answer {
            Ok(Some(usage)) => drop(counters.usage.insert(id, usage)),
            Ok(None) => {}
            Err(error) => tracing::debug!(%id, %error, "a container could not be measured"),
        }
    }
    counters
}

/// The value of one metric over the time between two looks; `None` where there is none. `key`: of a metric of a service's.
fn value(snapshot: &Snapshot, key: Option<&ServiceKey>, metric: &Metric, looks: (&Counters, &Counters), period: Duration) -> Option<Decimal> {
    let (earlier, now) = looks;
    let world = &snapshot.world;
    let count = |group: &TargetGroupName, of: fn(&GroupCount) -> u64, over: u64| counted(group, of, looks, period, over);
    // CloudWatch has no datapoint of a minute in which nothing happened.
    let if_any = |value: Option<Decimal>| value.filter(|value| *value > Decimal::ZERO);
    match metric {
        Metric::CpuUtilization => usage::cpu_utilization(world, key?, (earlier.at, &earlier.usage), &now.usage, period),
        Metric::MemoryUtilization => usage::memory_utilization(world, key?, &now.usage),
        Metric::RequestCountPerTarget(group) => count(group, |counts| counts.requests, targets(world, group)),
        Metric::RequestCount(group) => count(group, |counts| counts.requests, 1),
        Metric::TargetStatuses(group, class) => if_any(match class {
            2 => count(group, |counts| counts.statuses[0], 1),
            3 => count(group, |counts| counts.statuses[1], 1),
            4 => count(group, |counts| counts.statuses[2], 1),
            _ => count(group, |counts| counts.statuses[3], 1),
        }),
        Metric::TargetConnectionErrors(group) => if_any(count(group, |counts| counts.connection_errors, 1)),
        Metric::OwnStatuses(balancer, class) => {
            let place = usize::from(class.saturating_sub(3)).min(2);
            let before = earlier.balancers.get(balancer).map_or(0, |counts| counts[place]);
            if_any(per_minute(now.balancers.get(balancer)?[place].saturating_sub(before), looks, period, 1))
        }
        Metric::HealthyHosts(group) => hosts(world, group, TargetHealthState::Healthy),
        Metric::UnhealthyHosts(group) => hosts(world, group, TargetHealthState::Unhealthy),
        Metric::TargetResponseTime(group) => {
            let (before, after) = (earlier.groups.get(group).copied().unwrap_or_default(), now.groups.get(group)?);
            let micros = after.response_micros.saturating_sub(before.response_micros);
            let responses = after.responses.saturating_sub(before.responses);
            Decimal::ratio(micros.into(), u128::from(responses) * 1_000_000)
        }
    }
}

/// Targets of a group in a state; CloudWatch has them of a group that is registered with and in use.
fn hosts(world: &World, group: &TargetGroupName, state: TargetHealthState) -> Option<Decimal> {
    let found = world.target_groups.get(group).filter(|found| world.in_use(group) && !found.targets.is_empty())?;
    let count = found.targets.values().filter(|target| target.draining_since.is_none() && target.health.state == state).count();
    Some(Decimal::whole(i64::try_from(count).ok()?))
}

/// What was counted of a group between two looks, as that of a minute; a group that came into use in between began with nothing.
fn counted(group: &TargetGroupName, of: fn(&GroupCount) -> u64, looks: (&Counters, &Counters), period: Duration, over: u64) -> Option<Decimal> {
    let (earlier, now) = looks;
    let before = earlier.groups.get(group).map_or(0, of);
    per_minute(of(now.groups.get(group)?).saturating_sub(before), looks, period, over)
}

/// A count between two looks as that of a minute, over so many targets. A look that is too close to the one before says nothing of a whole
/// minute.
fn per_minute(count: u64, (earlier, now): (&Counters, &Counters), period: Duration, over: u64) -> Option<Decimal> {
    let elapsed = now.at.since(earlier.at);
    let known = elapsed >= period / 2;
    known.then(|| Decimal::ratio(u128::from(count) * MINUTE.as_millis(), elapsed.as_millis() * u128::from(over)))?
}

/// The healthy targets of a group, or all that are registered where none is healthy (alb.md 8).
fn targets(world: &World, group: &TargetGroupName) -> u64 {
    let registered =
        || world.target_groups.get(group).into_iter().flat_map(|group| group.targets.values()).filter(|target| target.draining_since.is_none());
    let healthy = registered().filter(|target| target.health.state == TargetHealthState::Healthy).count() as u64;
    if healthy > 0 { healthy } else { registered().count() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_at_the_same_moments_for_everybody() {
        for (now, period, end) in [(0, 10, 10_000), (9_999, 10, 10_000), (10_000, 10, 20_000), (1, 60, 60_000), (123_456, 1, 124_000)] {
            assert_eq!(end_of_period(Timestamp::from_millis(now), Duration::from_secs(period)), Timestamp::from_millis(end));
        }
    }

    #[test]
    fn counts_are_those_of_a_minute_over_the_targets() {
        let group = TargetGroupName::new("users").unwrap();
        let look = |millis: u64, requests: Option<u64>| Counters {
            at: Timestamp::from_millis(millis),
            groups: requests.map(|requests| (group.clone(), GroupCount { requests, ..GroupCount::default() })).into_iter().collect(),
            ..Counters::default()
        };
        let period = Duration::from_secs(10);
        for (earlier, now, over, expected) in [
            (look(0, Some(100)), look(10_000, Some(150)), 1, Some("300")),
            (look(0, Some(100)), look(10_000, Some(150)), 3, Some("100")),
            (look(0, Some(100)), look(10_000, Some(100)), 3, Some("0")),
            // A look that came late; a group that came into use in between; one that is in use no more.
            (look(0, Some(100)), look(12_000, Some(160)), 1, Some("300")),
            (look(0, None), look(10_000, Some(5)), 1, Some("30")),
            (look(0, Some(5)), look(10_000, None), 1, None),
            (look(0, Some(5)), look(4_000, Some(10)), 1, None),
            (look(0, Some(5)), look(10_000, Some(10)), 0, None),
        ] {
            let found = counted(&group, |counts| counts.requests, (&earlier, &now), period, over).map(|value| value.to_string());
            assert_eq!(found.as_deref(), expected, "{earlier:?} {now:?} {over}");
        }
    }
}
