//! An engine and a keeper in memory. The clock jumps to what is due next and nowhere else, so a missing `wake_at` is a service that
//! never comes to rest; work ends one piece at a time in an order drawn from a seed; a crash forgets all but the World and the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{
    Change, ContainerId, ContainerName, EngineName, Fact, FaultId, HealthStatus, Ids, Observed, ObservedContainer, OwnerId, RunState, ServiceEvent,
    Settings, Step, TargetGroupName, TargetHealth, TargetHealthState, TargetKey, Task, TaskId, TaskStatus, Timestamp, World,
};

use super::checks;
use super::setup::{Setup, cluster, group, key};
use crate::{Input, Pace, Plan, Work, learn, plan};

/// What becomes of the containers of one name, in milliseconds after their start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Behaviour {
    /// When it exits, its code, and whether the kernel killed it for its memory.
    pub(super) exits: Option<(u64, i64, bool)>,
    /// When its check gives its first verdict, and which.
    pub(super) verdict: Option<(u64, bool)>,
}

/// Failures to come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Script {
    pub(super) fail_pulls: u32,
    pub(super) fail_creates: u32,
    pub(super) fail_starts: u32,
    /// Started containers that exit with code 1 after two seconds.
    pub(super) crashes: u32,
    /// Faults that cannot be done, though half of each was.
    pub(super) fail_faults: u32,
    /// Hooks that say no, or not yet.
    pub(super) hooks_no: u32,
    pub(super) hooks_later: u32,
    /// Work that ends without a fact, done or not.
    pub(super) lost: u32,
    /// The first check of a target fails it for good.
    pub(super) sick: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Due {
    Done(Work),
    Exit(ContainerId, i64, bool),
    Verdict(ContainerId, bool),
    Probe(TargetGroupName, TargetKey),
}

pub(super) struct Fleet {
    pub(super) world: World,
    pub(super) observed: Observed,
    /// What really runs.
    pub(super) engine: BTreeMap<ContainerId, ObservedContainer>,
    /// Volumes of tasks that the engine has.
    pub(super) volumes: BTreeSet<String>,
    /// What is frozen, and by which fault.
    pub(super) frozen: BTreeSet<(TaskId, FaultId)>,
    pub(super) ids: Ids,
    pub(super) now: Timestamp,
    pub(super) pace: Pace,
    pub(super) script: Script,
    pub(super) behaviours: BTreeMap<&'static str, Behaviour>,
    pub(super) wake_at: Option<Timestamp>,
    pub(super) waiting: Vec<String>,
    pub(super) hopeless: Vec<crate::Hopeless>,
    pub(super) busy: BTreeSet<Work>,
    /// The longest that a piece of work takes, in milliseconds.
    pub(super) slowness: u64,
    /// How long a target's first check takes, in milliseconds.
    pub(super) probe: u64,
    /// Every step since the beginning.
    pub(super) steps: Vec<Step>,
    pub(super) due: BTreeMap<(Timestamp, u64), Due>,
    probed: BTreeSet<(TargetGroupName, TargetKey, Timestamp)>,
    pub(super) made: BTreeSet<(TaskId, ContainerName)>,
    chance: Ids,
    pub(super) next: u16,
}

/// The second engine, where there are two.
pub(super) fn other() -> EngineName {
    EngineName::at("tcp://other")
}

fn engines() -> BTreeSet<EngineName> {
    [EngineName::own(), other()].into()
}

impl Fleet {
    /// The services, not yet planned for.
    pub(super) fn new(setups: &[Setup]) -> Self {
        let settings = Settings {
            owner: OwnerId::from_text("o"),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            instance: "i-1".into(),
            speed: model::Speed::default(),
        };
        let mut fleet = Self {
            world: World::new(settings),
            observed: Observed { listed: engines(), ..Observed::default() },
            engine: BTreeMap::new(),
            volumes: BTreeSet::new(),
            frozen: BTreeSet::new(),
            ids: Ids::seeded(1),
            now: Timestamp::from_millis(1_000_000),
            pace: Pace::default(),
            script: Script::default(),
            behaviours: BTreeMap::new(),
            wake_at: None,
            waiting: vec![],
            hopeless: vec![],
            busy: BTreeSet::new(),
            slowness: 0,
            probe: 100,
            steps: vec![],
            due: BTreeMap::new(),
            probed: BTreeSet::new(),
            made: BTreeSet::new(),
            chance: Ids::seeded(2),
            next: 40000,
        };
        fleet.record_change(Change::CreateCluster(cluster()));
        for (setup, port) in setups.iter().zip(80..) {
            setup.changes(port).into_iter().for_each(|change| fleet.record_change(change));
        }
        fleet
    }

    /// The services after some seconds.
    pub(super) fn running_for(setups: &[Setup], seconds: u64) -> Self {
        let mut fleet = Self::new(setups);
        fleet.run(seconds);
        fleet
    }

    pub(super) fn seed(&mut self, seed: u64) {
        self.chance = Ids::seeded(seed);
    }

    pub(super) fn record_change(&mut self, change: Change) {
        let (observed, mut dice) = (self.observed.clone(), self.ids.clone());
        let completed = |world: &World, change| match change {
            Change::RunTask(run) => {
                let placed = crate::place_run(world, &observed, &run, &mut dice);
                Change::RunTask(Box::new(model::RunTask { placed, ..*run }))
            }
            other => other,
        };
        self.world.apply_completed(vec![change], self.now, &mut self.ids, completed).unwrap();
    }

    pub(super) fn apply(&mut self, change: Change) {
        self.record_change(change);
        self.settle();
    }

    /// One plan, checked, not recorded.
    pub(super) fn plan_at(&self, now: Timestamp) -> (Plan, Ids) {
        let mut ids = self.ids.clone();
        let input = Input { world: &self.world, observed: &self.observed, busy: &self.busy, pace: &self.pace, now };
        let plan = plan(&input, &mut ids);
        checks::plan(&input, &plan);
        (plan, ids)
    }

    /// One plan, recorded; its work begins.
    pub(super) fn round(&mut self) -> Plan {
        let (plan, ids) = self.plan_at(self.now);
        assert_eq!(self.plan_at(self.now).0, plan, "the same input gives another plan");
        let before = self.world.clone();
        self.ids = ids;
        plan.steps.iter().cloned().for_each(|step| self.world.record(step));
        checks::recorded(&before, &self.world, &plan, (self.now, &self.pace));
        self.steps.extend(plan.steps.iter().cloned());
        for work in &plan.actions {
            self.busy.insert(work.clone());
            let at = self.now + Duration::from_millis(if self.slowness == 0 { 0 } else { self.chance.next_u64() % self.slowness });
            self.at(at, Due::Done(work.clone()));
        }
        self.hopeless.clone_from(&plan.hopeless);
        (self.wake_at, self.waiting) = (plan.wake_at, plan.waiting.iter().map(|waiting| waiting.reason.clone()).collect());
        plan
    }

    /// Plans until a plan asks for nothing more.
    pub(super) fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 30, "planning does not come to rest: {:#?}", self.steps.iter().rev().take(5).collect::<Vec<_>>());
            let plan = self.round();
            if plan.steps.is_empty() && plan.actions.is_empty() {
                break;
            }
        }
        let known: BTreeSet<&String> = self.world.tasks.values().flat_map(|task| &task.volumes).map(|volume| &volume.runtime_name).collect();
        assert!(self.volumes.iter().all(|name| known.contains(name)), "a volume that nobody would remove: {:?} {known:?}", self.volumes);
        assert!(self.wake_at.is_none_or(|at| at > self.now), "to wake in the past");
        let just_before = self.wake_at.map_or(self.now + Duration::from_secs(30 * 24 * 3600), |at| Timestamp::from_millis(at.as_millis() - 1));
        let (early, _) = self.plan_at(just_before);
        assert!(early.steps.is_empty() && early.actions.is_empty(), "not woken at {:?} for {:#?}", self.wake_at, early);
        self.schedule_probes();
    }

    pub(super) fn at(&mut self, at: Timestamp, due: Due) {
        self.due.insert((at, self.chance.next_u64()), due);
    }

    fn schedule_probes(&mut self) {
        let groups = self.world.target_groups.values();
        let targets = groups.flat_map(|group| group.targets.iter().map(|(key, target)| (group.spec.name.clone(), key.clone(), target)));
        let fresh = targets.filter(|(_, _, target)| target.health.state == TargetHealthState::Initial);
        let fresh: Vec<_> = fresh.map(|(group, key, target)| (group, key, target.registered_at)).collect();
        for probe in fresh {
            if self.probed.insert(probe.clone()) {
                self.at(probe.2 + Duration::from_millis(self.probe), Due::Probe(probe.0, probe.1));
            }
        }
    }

    /// Jumps to the next thing that is due at or before `end` and lets it happen; false when there is none.
    fn step(&mut self, end: Timestamp) -> bool {
        let next = self.due.first_key_value().map(|((at, _), _)| *at);
        let Some(at) = next.into_iter().chain(self.wake_at).min().filter(|at| *at <= end) else { return false };
        self.now = self.now.max(at);
        if next.is_some_and(|next| next <= at)
            && let Some((_, due)) = self.due.pop_first()
        {
            self.happen(due);
        }
        self.settle();
        true
    }

    /// Lets everything happen that is due in so many seconds, and planning at the end of them.
    pub(super) fn run(&mut self, seconds: u64) {
        self.run_for(Duration::from_secs(seconds));
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        let mut count = 0;
        while self.step(end) {
            count += 1;
            assert!(count < 20_000, "too much happens");
        }
        self.now = end;
        self.settle();
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Done(work) => self.done(work),
            Due::Exit(id, code, memory) => self.exit(&id, code, memory),
            Due::Verdict(id, well) => {
                if let Some(seen) = self.engine.get_mut(&id) {
                    seen.health = if well { HealthStatus::Healthy } else { HealthStatus::Unhealthy };
                    self.see(&id);
                }
            }
            Due::Probe(group, key) => {
                let health = self.verdict(!self.script.sick);
                let target = self.world.target_groups.get(&group).and_then(|group| group.targets.get(&key));
                if target.is_some_and(|target| target.health.state == TargetHealthState::Initial) {
                    self.fact(&Fact::TargetHealth { target_group: group, target: key, health });
                }
            }
        }
    }

    fn verdict(&self, well: bool) -> TargetHealth {
        if well { TargetHealth::healthy(self.now) } else { TargetHealth::code_mismatch(TargetHealthState::Unhealthy, 503, self.now) }
    }

    pub(super) fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::Seen(seen) | Fact::Started(seen) => drop(self.observed.containers.insert(seen.id.clone(), seen.clone())),
            Fact::Created { id, .. } => drop(self.engine.get(id).map(|made| self.observed.containers.insert(id.clone(), made.clone()))),
            Fact::Removed(id) => drop(self.observed.containers.remove(id)),
            _ => {}
        }
        for step in learn(&self.world, fact, self.now) {
            self.world.record(step);
        }
    }

    fn done(&mut self, work: Work) {
        self.busy.remove(&work);
        if self.script.lost > 0 {
            self.script.lost -= 1;
            if self.chance.next_u64().is_multiple_of(2) {
                self.execute(work);
            }
            return;
        }
        if let Some(fact) = self.execute(work) {
            self.fact(&fact);
        }
    }

    /// The daemon dies with work under way and comes back.
    pub(super) fn crash(&mut self) {
        let under_way = std::mem::take(&mut self.busy);
        self.forget_work();
        for work in under_way {
            if self.chance.next_u64().is_multiple_of(2) {
                self.execute(work);
            }
        }
        self.world = serde_json::from_str(&serde_json::to_string(&self.world).unwrap()).unwrap();
        self.observed = Observed::default();
        self.ids = Ids::seeded(self.chance.next_u64());
        let containers = self.engine.len();
        self.settle();
        assert_eq!((self.busy.len(), self.engine.len()), (0, containers), "work before a listing");
        self.observed = Observed { listed: engines(), containers: self.engine.clone(), ..Observed::default() };
        self.settle();
    }

    /// An engine goes and comes back; what happens on it meanwhile is known all the same.
    pub(super) fn engine_goes(&mut self, engine: EngineName, seconds: u64) {
        self.observed.listed.remove(&engine);
        self.observed.away.insert(engine.clone());
        self.run(seconds);
        self.observed.away.remove(&engine);
        self.observed.listed.insert(engine);
    }

    /// What is under way will not be reported.
    pub(super) fn forget_work(&mut self) {
        self.due.retain(|_, due| !matches!(due, Due::Done(_)));
    }

    /// Every target of a service that is in that state gets a verdict.
    pub(super) fn judge(&mut self, name: &str, which: TargetHealthState, well: bool) {
        let health = self.verdict(well);
        let targets = self.targets(name, which);
        for target in targets {
            self.fact(&Fact::TargetHealth { target_group: group(name), target, health: health.clone() });
        }
    }

    pub(super) fn targets(&self, name: &str, which: TargetHealthState) -> Vec<TargetKey> {
        let Some(group) = self.world.target_groups.get(&group(name)) else { return vec![] };
        group.targets.iter().filter(|(_, target)| target.health.state == which).map(|(key, _)| key.clone()).collect()
    }

    /// What really runs of a service.
    pub(super) fn running(&self, name: &str) -> Vec<ContainerId> {
        let key = key(name);
        let running = |seen: &&ObservedContainer| seen.state == RunState::Running && seen.service.as_ref() == Some(&key);
        self.engine.values().filter(running).map(|seen| seen.id.clone()).collect()
    }

    /// The tasks of a service, oldest first.
    pub(super) fn tasks(&self, name: &str) -> Vec<&Task> {
        let key = key(name);
        let mut tasks: Vec<_> = self.world.tasks.values().filter(|task| task.service_key().as_ref() == Some(&key)).collect();
        tasks.sort_by_key(|task| (task.created_at, task.id.clone()));
        tasks
    }

    pub(super) fn unstopped(&self, name: &str) -> usize {
        self.tasks(name).iter().filter(|task| task.last_status != TaskStatus::Stopped).count()
    }

    pub(super) fn service(&self, name: &str) -> &model::Service {
        &self.world.services[&key(name)]
    }

    /// All events of a service; in order, with task ids as `T1`, `T2` …, deployments as `D1` … in the order of their appearance.
    pub(super) fn events(&self, name: &str) -> Vec<String> {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut counts = [0, 0];
        let readable = |event: &ServiceEvent| {
            let words = event.message.split_inclusive([' ', ')', ':', '.', ',']);
            let words = words.map(|word| {
                let plain = word.trim_end_matches([' ', ')', ':', '.', ',']);
                let kind = usize::from(plain.starts_with("ecs-svc/"));
                if kind == 0 && !(plain.len() == 32 && plain.chars().all(|c| c.is_ascii_hexdigit())) {
                    return word.to_owned();
                }
                let short = names.entry(plain.to_owned()).or_insert_with(|| {
                    counts[kind] += 1;
                    format!("{}{}", ["T", "D"][kind], counts[kind])
                });
                word.replace(plain, short)
            });
            words.collect::<String>()
        };
        self.service(name).events.iter().map(readable).collect()
    }

    pub(super) fn assert_steady(&self, name: &str) {
        let service = self.service(name);
        let desired = usize::try_from(service.spec.desired_count).unwrap();
        assert!(service.steady, "{name}: {service:#?} {:#?} {:?} {:?}", self.tasks(name), self.waiting, self.wake_at);
        assert_eq!(self.tasks(name).iter().filter(|task| task.last_status == TaskStatus::Running).count(), desired);
        if !service.spec.load_balancers.is_empty() {
            let live = service.spec.load_balancers[0].group_of(service.primary().unwrap());
            let targets = &self.world.target_groups[live].targets;
            assert_eq!(targets.len(), desired, "{name}");
            assert!(targets.values().all(|target| target.health.state == TargetHealthState::Healthy), "{name}");
        }
    }
}
