//! What the keeper sees of the engines: [`Observed`], kept from listings, single looks and work that ended.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use model::{ContainerId, EngineName, Fact, Observed, ObservedContainer, RunState, World};

use crate::keeper::News;

/// The last look at each engine.
#[derive(Debug)]
pub(crate) struct Sight {
    observed: Observed,
    problems: BTreeMap<EngineName, String>,
    news: News,
    /// When, in the count of news, a container was last heard of, and on which engine it is or was.
    heard: BTreeMap<ContainerId, (u64, EngineName)>,
}

impl Sight {
    /// Nothing was seen yet.
    #[must_use]
    pub(crate) fn new(news: News) -> Self {
        Self { observed: Observed::default(), problems: BTreeMap::new(), news, heard: BTreeMap::new() }
    }

    /// What was seen.
    #[must_use]
    pub(crate) const fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Why engines cannot be reached, of those that cannot.
    #[must_use]
    pub(crate) const fn problems(&self) -> &BTreeMap<EngineName, String> {
        &self.problems
    }

    /// An engine cannot be reached: from now on absence proves nothing of it.
    pub(crate) fn lost(&mut self, engine: EngineName, problem: String) {
        self.observed.listed.remove(&engine);
        self.observed.away.insert(engine.clone());
        self.problems.insert(engine, problem);
    }

    /// Nothing is known of an engine any more.
    pub(crate) fn forget(&mut self, engine: &EngineName) {
        self.observed.listed.remove(engine);
        self.observed.away.remove(engine);
        self.observed.containers.retain(|_, seen| seen.engine != *engine);
        self.heard.retain(|_, (_, of)| of != engine);
        self.problems.remove(engine);
    }

    /// Takes a full listing of an engine and gives what is new in it. What was heard of after the question was put is newer than the
    /// answer and stays.
    pub(crate) fn listing(&mut self, engine: &EngineName, containers: Vec<ObservedContainer>, asked_at: u64) -> Vec<Fact> {
        self.problems.remove(engine);
        self.observed.listed.insert(engine.clone());
        self.observed.away.remove(engine);
        let newer = |heard: &BTreeMap<ContainerId, (u64, EngineName)>, id: &ContainerId| heard.get(id).is_some_and(|(at, _)| *at > asked_at);
        let listed: BTreeMap<_, _> = containers.into_iter().map(|container| (container.id.clone(), container)).collect();
        let known = self.observed.containers.values().filter(|seen| seen.engine == *engine).map(|seen| &seen.id);
        let gone = known.filter(|id| !listed.contains_key(*id) && !newer(&self.heard, id));
        let mut facts: Vec<Fact> = gone.cloned().map(Fact::Removed).collect();
        let changed = listed.into_values().filter(|seen| !newer(&self.heard, &seen.id) && self.observed.containers.get(&seen.id) != Some(seen));
        facts.extend(changed.map(Fact::Seen));
        // What was heard of other engines is still news to listings of theirs.
        self.heard.retain(|_, (at, of)| *at > asked_at || of != engine);
        facts
    }

    /// Takes what a fact says of a container.
    pub(crate) fn learn(&mut self, world: &World, fact: &Fact) {
        match fact {
            Fact::Seen(seen) | Fact::Started(seen) => self.put(seen.clone()),
            Fact::Created { task, container, id } => {
                let known = world.tasks.get(task).and_then(|task| Some((task, task.container(container)?)));
                if let Some((task, record)) = known.filter(|_| !self.observed.containers.contains_key(id)) {
                    self.put(ObservedContainer {
                        engine: task.engine.clone(),
                        id: id.clone(),
                        runtime_name: record.runtime_name.clone(),
                        service: task.service_key(),
                        task: task.id.clone(),
                        container: container.clone(),
                        state: RunState::Created,
                        health: record.health,
                        address: None,
                        direct: false,
                        network_bindings: Vec::new(),
                    });
                }
            }
            Fact::Removed(id) => {
                if let Some(gone) = self.observed.containers.remove(id) {
                    self.heard(id, gone.engine);
                }
            }
            Fact::ImageReady { .. }
            | Fact::Failed { .. }
            | Fact::ResourcesFailed { .. }
            | Fact::NetworkRemoved(_)
            | Fact::VolumeRemoved { .. }
            | Fact::Hook { .. }
            | Fact::TargetHealth { .. }
            | Fact::AlarmMeasured { .. }
            | Fact::Measured { .. }
            | Fact::FaultBegun { .. }
            | Fact::FaultFailed { .. }
            | Fact::FaultUndone { .. } => {}
        }
    }

    /// What a container that has ended looks like, from how it looked before; `None` for one that was never seen.
    pub(crate) fn died(&self, id: &ContainerId, code: i64, out_of_memory: bool) -> Option<ObservedContainer> {
        let before = self.observed.containers.get(id)?;
        let state = RunState::Exited { code, out_of_memory, at: None };
        Some(ObservedContainer { state, address: None, direct: false, network_bindings: Vec::new(), ..before.clone() })
    }

    /// Whether a fact says that a container runs of which it is known that it has ended; not of one that was started because it had.
    pub(crate) fn is_overtaken(&self, world: &World, fact: &Fact) -> bool {
        let seen = match fact {
            Fact::Seen(seen) => seen,
            Fact::Started(seen) if !restarting(world, seen) => seen,
            _ => return false,
        };
        !ended(&seen.state) && self.observed.containers.get(&seen.id).is_some_and(|known| ended(&known.state))
    }

    /// Whether a look says that a container has ended which was heard to run after the look was asked for: it was started again meanwhile.
    /// If it has ended since then, that is told once more.
    pub(crate) fn is_stale(&self, seen: &ObservedContainer, asked_at: u64) -> bool {
        let runs = self.observed.containers.get(&seen.id).is_some_and(|known| known.state == RunState::Running);
        ended(&seen.state) && runs && self.heard.get(&seen.id).is_some_and(|(at, _)| *at > asked_at)
    }

    /// Takes the load balancer's count of open requests.
    pub(crate) fn count_in_flight(&mut self, table: &routing::Table) {
        let busy = table.targets().filter(|target| target.in_flight() > 0);
        self.observed.in_flight = busy.map(|target| ((target.group.clone(), target.key.clone()), target.in_flight())).collect();
    }

    fn put(&mut self, seen: ObservedContainer) {
        self.heard(&seen.id, seen.engine.clone());
        self.observed.containers.insert(seen.id.clone(), seen);
    }

    fn heard(&mut self, id: &ContainerId, engine: EngineName) {
        let count = self.news.fetch_add(1, Ordering::AcqRel) + 1;
        self.heard.insert(id.clone(), (count, engine));
    }
}

const fn ended(state: &RunState) -> bool {
    matches!(state, RunState::Exited { .. })
}

/// Whether a container is being started again.
fn restarting(world: &World, seen: &ObservedContainer) -> bool {
    world.tasks.get(&seen.task).and_then(|task| task.container(&seen.container)).is_some_and(|record| record.restarting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ContainerName, HealthStatus, TaskId};

    fn seen(id: &str, state: RunState) -> ObservedContainer {
        ObservedContainer {
            engine: EngineName::own(),
            id: ContainerId::from_text(id),
            runtime_name: id.into(),
            service: None,
            task: TaskId::from_text("t"),
            container: ContainerName::new("c").unwrap(),
            state,
            health: HealthStatus::Unknown,
            address: None,
            direct: false,
            network_bindings: vec![],
        }
    }

    fn world() -> World {
        let nothing = String::new;
        World::new(model::Settings {
            owner: model::OwnerId::from_text("o"),
            account: nothing(),
            region: nothing(),
            instance: nothing(),
            speed: model::Speed::default(),
        })
    }

    #[test]
    fn a_listing_does_not_undo_what_was_heard_after_it_was_asked_for() {
        let news = News::default();
        let mut sight = Sight::new(news.clone());
        let world = world();
        sight.learn(&world, &Fact::Seen(seen("old", RunState::Running)));
        let asked_at = news.load(Ordering::Acquire);
        sight.learn(&world, &Fact::Seen(seen("new", RunState::Running)));
        assert_eq!(sight.listing(&EngineName::own(), vec![], asked_at), [Fact::Removed(ContainerId::from_text("old"))]);
        assert!(sight.observed().containers.contains_key("new"));
        assert_eq!(sight.listing(&EngineName::own(), vec![], news.load(Ordering::Acquire)).len(), 2);
    }

    #[test]
    fn news_of_an_end_is_not_undone_by_an_older_look_but_by_a_listing() {
        let mut sight = Sight::new(News::default());
        let (running, ended) = (seen("a", RunState::Running), seen("a", RunState::Exited { code: 1, out_of_memory: false, at: None }));
        let world = world();
        sight.learn(&world, &Fact::Seen(running.clone()));
        assert!(!sight.is_overtaken(&world, &Fact::Seen(running.clone())));
        let died = sight.died(&running.id, 1, false).unwrap();
        assert_eq!(died, ended);
        sight.learn(&world, &Fact::Seen(died));
        assert!(sight.is_overtaken(&world, &Fact::Seen(running.clone())));
        assert!(sight.is_overtaken(&world, &Fact::Started(running.clone())), "one that is not started again");
        assert!(!sight.is_overtaken(&world, &Fact::Seen(ended)));
        let asked_at = sight.news.load(Ordering::Acquire);
        assert_eq!(sight.listing(&EngineName::own(), vec![running.clone()], asked_at), [Fact::Seen(running)]);
        assert_eq!(sight.died(&ContainerId::from_text("never seen"), 1, false), None);
    }

    #[test]
    fn an_old_look_at_the_end_of_a_container_that_was_started_again_says_nothing() {
        let news = News::default();
        let mut sight = Sight::new(news.clone());
        let world = world();
        let end = seen("a", RunState::Exited { code: 1, out_of_memory: false, at: None });
        sight.learn(&world, &Fact::Seen(end.clone()));
        let asked_at = news.load(Ordering::Acquire);
        assert!(!sight.is_stale(&end, asked_at));
        sight.learn(&world, &Fact::Started(seen("a", RunState::Running)));
        assert!(sight.is_stale(&end, asked_at));
        assert!(!sight.is_stale(&end, news.load(Ordering::Acquire)), "it has ended again");
        assert!(!sight.is_stale(&seen("a", RunState::Running), asked_at));
    }

    #[test]
    fn a_listing_tells_only_what_changed() {
        let news = News::default();
        let mut sight = Sight::new(news.clone());
        let world = world();
        sight.learn(&world, &Fact::Seen(seen("a", RunState::Running)));
        let asked_at = news.load(Ordering::Acquire);
        assert_eq!(sight.listing(&EngineName::own(), vec![seen("a", RunState::Running)], asked_at), []);
        let ended = seen("a", RunState::Exited { code: 1, out_of_memory: false, at: None });
        assert_eq!(sight.listing(&EngineName::own(), vec![ended.clone()], asked_at), [Fact::Seen(ended)]);
    }
}
