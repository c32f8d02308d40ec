//! What stories of scaling need: a load, and how the scaling stands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use model::{Timestamp, World};
use routing::metrics::{Shard, TargetMetric};

/// Requests that come by themselves as time goes by.
#[derive(Default)]
pub(crate) struct Loads {
    /// Requests a minute by target group, and what is due of the next one in 60,000ths; then those that are answered with 5xx.
    groups: BTreeMap<String, [(u64, u64); 2]>,
}

impl Loads {
    /// From now on so many requests a minute, and so many answers of status 5xx.
    pub(crate) fn set(&mut self, group: &str, requests: u64, failures: u64) {
        self.groups.insert(group.to_owned(), [(requests, 0), (failures, 0)]);
    }

    /// Counts the requests of some time. One for a group without targets is none of the group's.
    pub(crate) fn send(&mut self, table: &routing::Table, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        for group in table.groups().filter(|group| !group.eligible().is_empty()) {
            let Some(rates) = self.groups.get_mut(group.name().as_str()) else { continue };
            for ((rate, due), metric) in rates.iter_mut().zip([TargetMetric::Requests, TargetMetric::Target5xx]) {
                *due += *rate * millis;
                group.identity().metrics().add(Shard::of_worker(0), metric, *due / 60_000);
                *due %= 60_000;
            }
        }
    }
}

/// What alarms say, and of which value.
pub(crate) fn alarms(world: &World) -> String {
    let mut out = String::new();
    for (name, alarm) in world.clusters.values().flat_map(|cluster| &cluster.alarms) {
        let value = alarm.points.back().filter(|point| point.at == alarm.measured_until).map_or_else(|| "-".into(), |point| point.value.to_string());
        writeln!(out, "{name} {value}: {}", alarm.state.as_str()).unwrap();
    }
    out
}

/// What scales each service, what it sees, why nothing happens, what was done.
pub(crate) fn scaling(world: &World, now: Timestamp) -> String {
    let mut out = String::new();
    for (key, service) in &world.services {
        let Some(status) = scheduler::scaling_status(world, key, &scheduler::Pace::default(), now) else { continue };
        let (min, max) = (status.capacity.min, status.capacity.max);
        writeln!(out, "{}: {} from {min} to {max}, {} running", key.name, service.spec.desired_count, status.running).unwrap();
        for policy in &status.policies {
            let value = policy.latest.map_or_else(|| "-".into(), |point| point.value.to_string());
            let states: Vec<&str> = policy.alarms.iter().map(|alarm| alarm.state.as_str()).collect();
            writeln!(out, "  {} {value}: {}", policy.policy.name, states.join(", ")).unwrap();
        }
        status.waiting.iter().for_each(|reason| writeln!(out, "  waiting: {reason}").unwrap());
        for activity in &service.scaling.activities {
            writeln!(out, "  {} {}", activity.description, activity.status.as_str()).unwrap();
        }
    }
    out
}
