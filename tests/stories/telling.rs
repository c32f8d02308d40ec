//! What a story is told of the house.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::{DesiredStatus, Target, TargetHealthState, Task, TaskId, TaskStatus, World};

use crate::house::{BEGINNING, House};

impl House {
    pub(super) fn show(&self, only: Option<&str>) -> String {
        let snapshot = self.keeper.snapshot();
        let world = &snapshot.world;
        let mut out = String::new();
        for (key, service) in world.services.iter().filter(|(key, _)| only.is_none_or(|only| key.name.as_str() == only)) {
            let running = world.tasks_of(key).filter(|task| task.is_live() && task.last_status == TaskStatus::Running).count();
            let steady = if service.steady { ", steady" } else { "" };
            let stage = |d: &model::Deployment| d.shift.as_ref().map(|shift| format!(" at {}", shift.stage.as_str())).unwrap_or_default();
            let deployment = |d: &model::Deployment| format!("{} {}{}", d.revision, d.rollout_state.as_str(), stage(d));
            let deployments: Vec<String> = service.deployments.iter().map(deployment).collect();
            writeln!(out, "{}: {running} of {} running{steady}; {}", key.name, service.spec.desired_count, deployments.join(", ")).unwrap();
            if let Some(attachment) = service.attachment {
                writeln!(out, "  {} {attachment}, {} wanted without it", attachment.state.as_str(), service.wanted_count()).unwrap();
            }
            let mut tasks: Vec<_> = world.tasks_of(key).filter(|task| task.last_status != TaskStatus::Stopped).collect();
            tasks.sort_by_key(|task| (task.created_at, self.words.task(task.id.as_str())));
            for task in tasks {
                let wanted = if task.desired_status == DesiredStatus::Stopped { ", to stop" } else { "" };
                let target = self.target(world, &task.id);
                writeln!(out, "  {} {} {}{wanted}{target}", self.words.task(task.id.as_str()), task.revision, task.last_status.as_str()).unwrap();
            }
            for waiting in snapshot.waiting.iter().filter(|waiting| waiting.service == *key) {
                writeln!(out, "  waiting: {}", self.words.put(&waiting.reason)).unwrap();
            }
            for hopeless in snapshot.hopeless.iter().filter(|hopeless| hopeless.service == *key) {
                writeln!(out, "  in vain: {}", hopeless.hint).unwrap();
            }
        }
        if only.is_none() {
            self.show_lone(world, &mut out);
        }
        if world.services.is_empty() {
            writeln!(out, "no service; {} containers", self.fleet.containers().len()).unwrap();
        }
        out
    }

    fn target(&self, world: &World, task: &TaskId) -> String {
        let found = world.target_groups.values().flat_map(|group| group.targets.values()).find(|target| target.task.as_ref() == Some(task));
        found.map_or_else(String::new, |target| format!(", target {}", health(target)))
    }

    pub(super) fn registered_targets(&self, shown: impl Fn(&str, &Target) -> bool) -> String {
        let world = self.world();
        let all = world.target_groups.values().flat_map(|group| group.targets.iter().map(|(key, target)| (&group.spec.name, key, target)));
        all.filter(|(group, _, target)| shown(group.as_str(), target)).fold(String::new(), |mut out, (group, key, target)| {
            writeln!(out, "{group}: {key} {}", health(target)).unwrap();
            out
        })
    }

    pub(super) fn containers(&self, task: &str) -> String {
        let world = self.world();
        world.tasks[&self.task(task)].containers.iter().fold(String::new(), |mut out, container| {
            let exit = container.exit_code.map(|code| format!("; exit code {code}")).unwrap_or_default();
            let reason = container.reason.as_ref().map(|reason| format!("; {reason}")).unwrap_or_default();
            let restarts = if container.restart_count == 0 { String::new() } else { format!("; restarts {}", container.restart_count) };
            writeln!(out, "{} {}{exit}{reason}{restarts}", container.name, container.last_status.as_str()).unwrap();
            out
        })
    }

    pub(super) fn stopped(&self, service: &str) -> String {
        let snapshot = self.keeper.snapshot();
        let of = |task: &&Task| task.service.as_ref().map_or("task", |name| name.as_str()) == service;
        let mut tasks: Vec<_> = snapshot.world.tasks.values().filter(of).filter(|task| task.last_status == TaskStatus::Stopped).collect();
        tasks.sort_by_key(|task| task.created_at);
        tasks.iter().fold(String::new(), |mut out, task| {
            let stop = task.stop.as_ref().map(|stop| format!("{}: {}", stop.code.as_str(), self.words.put(&stop.reason))).unwrap_or_default();
            let container = &task.containers[0];
            let exit = container.exit_code.map(|code| format!("; exit code {code}")).unwrap_or_default();
            let reason = container.reason.as_ref().map(|reason| format!("; {reason}")).unwrap_or_default();
            writeln!(out, "{} {stop}{exit}{reason}", self.words.task(task.id.as_str())).unwrap();
            out
        })
    }

    pub(super) fn events(&mut self) -> String {
        let snapshot = self.keeper.snapshot();
        let mut events: Vec<_> =
            snapshot.world.services.values().flat_map(|service| service.events.iter()).filter(|event| event.sequence > self.told_events).collect();
        events.sort_by_key(|event| event.sequence);
        self.told_events = events.last().map_or(self.told_events, |event| event.sequence);
        events.iter().fold(String::new(), |mut out, event| {
            let at = event.at.since(BEGINNING);
            writeln!(out, "{:>4}.{:03} {}", at.as_secs(), at.subsec_millis(), self.words.put(&event.message)).unwrap();
            out
        })
    }

    pub(super) fn calls(&self) -> String {
        let mut counts = BTreeMap::<String, usize>::new();
        for call in self.fleet.take_calls().into_iter().filter(|call| call.verb.changes()) {
            let service = call.service.as_ref().map(|service| format!(" {}", service.name)).unwrap_or_default();
            *counts.entry(format!("{:?}{service}", call.verb)).or_default() += 1;
        }
        counts.iter().fold(String::new(), |mut out, (what, count)| {
            writeln!(out, "{}: {count}", self.words.put(what)).unwrap();
            out
        })
    }

    /// Tasks that run by themselves.
    fn show_lone(&self, world: &World, out: &mut String) {
        let mut tasks: Vec<_> = world.tasks.values().filter(|task| task.service.is_none() && task.last_status != TaskStatus::Stopped).collect();
        tasks.sort_by_key(|task| (task.created_at, self.words.task(task.id.as_str())));
        for task in tasks {
            writeln!(out, "{} {} {}", self.words.task(task.id.as_str()), task.revision, task.last_status.as_str()).unwrap();
        }
    }

    pub(super) fn asked_hooks(&self) -> String {
        self.hooks.asked.lock().unwrap().drain(..).fold(String::new(), |mut out, line| {
            writeln!(out, "{}", self.words.put(&line)).unwrap();
            out
        })
    }

    pub(super) fn rule(&self, name: &str) -> String {
        let action = self.world().rule_action(&name.parse().unwrap()).map(ToString::to_string);
        format!("{}\n", action.unwrap_or_else(|| "there is no such rule".into()))
    }

    pub(super) fn instances(&self) -> String {
        let snapshot = self.keeper.snapshot();
        let world = &snapshot.world;
        scheduler::instances(world, &snapshot.away()).iter().fold(String::new(), |mut out, usage| {
            let instance = &world.clusters[&usage.cluster].instances[&usage.name];
            let zone = world.attribute(instance, "ecs.availability-zone").unwrap_or_default();
            let (cpu, memory) = (usage.remaining.0.unwrap_or_default(), usage.remaining.1.unwrap_or_default());
            let away = if usage.agent_connected { "" } else { ", agent away" };
            writeln!(out, "{} {} in {zone}{away}: {cpu} CPU units and {memory} MiB left", usage.name, instance.status.as_str()).unwrap();
            let on_it = |task: &&Task| task.instance == usage.name && task.cluster == usage.cluster && task.last_status != TaskStatus::Stopped;
            let mut tasks: Vec<_> = world.tasks.values().filter(on_it).map(|task| (self.words.task(task.id.as_str()), task.last_status)).collect();
            tasks.sort();
            tasks.iter().for_each(|(word, status)| writeln!(out, "  {word} {}", status.as_str()).unwrap());
            out
        })
    }

    pub(super) fn schedules(&self) -> String {
        let world = self.world();
        let known = world.clusters.values().flat_map(|cluster| &cluster.scheduled_tasks);
        let since = |at: model::Timestamp| format!("{} s", at.since(BEGINNING).as_secs());
        known.fold(String::new(), |mut out, (name, known)| {
            let last = known.last.as_ref().map_or_else(String::new, |last| match &last.problem {
                Some(problem) => format!(", at {} {}", since(last.at), self.words.put(problem)),
                None => format!(", {} started at {}", last.tasks.len(), since(last.at)),
            });
            writeln!(out, "{name} next at {}{last}", known.next().map_or_else(|| "no time".to_owned(), since)).unwrap();
            out
        })
    }

    pub(super) fn deployments(&self, service: &str) -> String {
        let world = self.world();
        world.services[&self.service(service)].history.iter().fold(String::new(), |mut out, known| {
            let source = known.source.as_ref().map(|source| format!("{source} -> ")).unwrap_or_default();
            writeln!(out, "{source}{} {}", known.revision, known.status.as_str()).unwrap();
            out
        })
    }
}

fn health(target: &Target) -> String {
    let state = if target.draining_since.is_some() { TargetHealthState::Draining } else { target.health.state };
    let reason = target.health.reason.filter(|_| target.draining_since.is_none()).map(|reason| format!(" ({})", reason.as_str()));
    format!("{}{}", state.as_str(), reason.unwrap_or_default())
}
