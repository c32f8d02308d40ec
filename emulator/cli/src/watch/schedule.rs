//! What is to be done now, given what was saved and what is under way.
//!
//! The newest save wins: a build of what was saved before is let go of, and none that it was for is forgotten. A manifest is brought up alone,
//! services are rolled beside each other.

use std::collections::{BTreeMap, BTreeSet};

use model::ServiceName;
use tokio::time::Instant;

use super::affected::{Affected, Syncs, Wish};

/// Something that is done in one piece.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    /// Read the manifest and bring the cluster to it, with everything that it builds.
    Manifest,
    /// Roll one service.
    Service(ServiceName),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin a job.
    Begin {
        /// Which.
        job: Job,
        /// What for; of a manifest everything is built.
        wish: Wish,
        /// When the newest file was saved that it is for.
        since: Instant,
    },
    /// Let go of a job; it has ended then.
    Cancel(Job),
}

/// A wish and when it came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    wish: Wish,
    since: Instant,
}

/// What is waited for, and what is under way.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    manifest: Option<Instant>,
    services: BTreeMap<ServiceName, Due>,
    /// With what each does for services.
    busy: BTreeMap<Job, BTreeMap<ServiceName, Due>>,
    /// Services that do not run what was saved last: its build or its deployment has failed.
    behind: BTreeSet<ServiceName>,
}

impl Schedule {
    /// Files were saved. What is given back is copied now; into what is being built, or runs something else, nothing is copied: it is built again.
    pub(crate) fn saved(&mut self, affected: Affected, at: Instant) -> Syncs {
        if affected.manifest {
            self.manifest = Some(at);
        }
        for (service, wish) in affected.services {
            self.add(service, Due { wish, since: at });
        }
        let (now, built): (Syncs, Syncs) = affected.syncs.into_iter().partition(|(service, _)| self.runs_what_was_saved(service));
        for service in built.into_keys() {
            self.add(service, Due { wish: Wish::Build, since: at });
        }
        now
    }

    /// The deployment of a service has failed.
    pub(crate) fn failed(&mut self, service: ServiceName) {
        self.behind.insert(service);
    }

    fn runs_what_was_saved(&self, service: &ServiceName) -> bool {
        let busy = self.busy.contains_key(&Job::Manifest) || self.busy.contains_key(&Job::Service(service.clone()));
        !busy && self.manifest.is_none() && !self.services.contains_key(service) && !self.behind.contains(service)
    }

    /// A job has ended by itself; `done` where what it was for is in effect. What a manifest that came to nothing took along is done one by one; the
    /// service whose own build failed waits for its next save.
    pub(crate) fn ended(&mut self, job: &Job, done: bool) {
        let carried = self.busy.remove(job).unwrap_or_default();
        match job {
            Job::Manifest if done => self.behind.clear(),
            Job::Manifest => {}
            Job::Service(service) if done => drop(self.behind.remove(service)),
            Job::Service(service) => self.failed(service.clone()),
        }
        if *job == Job::Manifest && !done {
            carried.into_iter().for_each(|(service, due)| self.add(service, due));
        }
    }

    /// What to do now. Asked again it says nothing new.
    pub(crate) fn next(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        let stale: Vec<Job> = self.busy.keys().filter(|job| self.is_stale(job)).cloned().collect();
        for job in stale {
            for (service, due) in self.busy.remove(&job).unwrap_or_default() {
                self.add(service, due);
            }
            actions.push(Action::Cancel(job));
        }
        if let Some(saved) = self.manifest {
            if self.busy.is_empty() {
                self.manifest = None;
                let (carried, rest) = std::mem::take(&mut self.services).into_iter().partition(|(_, due)| due.wish == Wish::Build);
                self.services = rest;
                let carried: BTreeMap<ServiceName, Due> = carried;
                let since = carried.values().map(|due| due.since).fold(saved, Instant::max);
                self.busy.insert(Job::Manifest, carried);
                actions.push(Action::Begin { job: Job::Manifest, wish: Wish::Build, since });
            }
            return actions;
        }
        if self.busy.contains_key(&Job::Manifest) {
            return actions;
        }
        let is_busy = |service: &ServiceName| self.busy.contains_key(&Job::Service(service.clone()));
        let (waiting, free): (_, BTreeMap<_, _>) = std::mem::take(&mut self.services).into_iter().partition(|(service, _)| is_busy(service));
        self.services = waiting;
        for (service, due) in free {
            let job = Job::Service(service.clone());
            self.busy.insert(job.clone(), BTreeMap::from([(service, due)]));
            actions.push(Action::Begin { job, wish: due.wish, since: due.since });
        }
        actions
    }

    /// Whether a build is of what was saved before.
    fn is_stale(&self, job: &Job) -> bool {
        match job {
            Job::Manifest => self.manifest.is_some(),
            Job::Service(service) => {
                let builds = self.busy.get(job).is_some_and(|carried| carried.values().any(|due| due.wish == Wish::Build));
                builds && (self.manifest.is_some() || self.services.get(service).is_some_and(|due| due.wish == Wish::Build))
            }
        }
    }

    fn add(&mut self, service: ServiceName, due: Due) {
        let known = self.services.entry(service).or_insert(due);
        *known = Due { wish: known.wish.max(due.wish), since: known.since.max(due.since) };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What happens, in words: `save a` (builds a), `save a, b`, `variables a`, `sync a`, `manifest`, `done a`, `failed manifest`, `broken a` (its
    /// deployment has failed); and what is done then.
    fn check(story: &[(&str, &[&str])]) {
        let start = Instant::now();
        let mut schedule = Schedule::default();
        for (second, (happens, expected)) in story.iter().enumerate() {
            let at = start + Duration::from_secs(second as u64);
            let (verb, names) = happens.split_once(' ').unwrap_or((happens, ""));
            let names = || names.split(", ").filter(|name| !name.is_empty());
            let job =
                || if names().next() == Some("manifest") { Job::Manifest } else { Job::Service(ServiceName::new(names().next().unwrap()).unwrap()) };
            let of = |wish| names().map(|name| (ServiceName::new(name).unwrap(), wish)).collect::<BTreeMap<_, _>>();
            let saved = |manifest, services| Affected { manifest, services, ..Affected::default() };
            let copied = match verb {
                "save" => schedule.saved(saved(false, of(Wish::Build)), at),
                "variables" => schedule.saved(saved(false, of(Wish::Redeploy)), at),
                "manifest" => schedule.saved(saved(true, of(Wish::Build)), at),
                "sync" => {
                    let syncs = of(Wish::Build).into_keys().map(|service| (service, BTreeMap::new())).collect();
                    schedule.saved(Affected { syncs, ..Affected::default() }, at)
                }
                "done" | "failed" => {
                    schedule.ended(&job(), verb == "done");
                    Syncs::new()
                }
                "broken" => {
                    names().for_each(|name| schedule.failed(ServiceName::new(name).unwrap()));
                    Syncs::new()
                }
                other => panic!("{other}"),
            };
            let name = |job: Job| if let Job::Service(name) = job { name.to_string() } else { "manifest".to_owned() };
            let told = |action| match action {
                Action::Begin { job, wish: Wish::Redeploy, since } => format!("redeploy {} of {}", name(job), (since - start).as_secs()),
                Action::Begin { job, since, .. } => format!("build {} of {}", name(job), (since - start).as_secs()),
                Action::Cancel(job) => format!("cancel {}", name(job)),
            };
            let copied = copied.into_keys().map(|service| format!("copy {service}"));
            assert_eq!(copied.chain(schedule.next().into_iter().map(told)).collect::<Vec<_>>(), *expected, "second {second}: {happens}");
            assert_eq!(schedule.next(), [], "asked again at second {second}: {happens}");
        }
        assert!(schedule.services.is_empty() && schedule.manifest.is_none(), "something is left: {schedule:?}");
    }

    #[test]
    fn services_are_rolled_beside_each_other_each_by_itself() {
        check(&[("save a", &["build a of 0"]), ("save b", &["build b of 1"]), ("failed a", &[]), ("done b", &[]), ("save a", &["build a of 4"])]);
    }

    #[test]
    fn the_newest_save_wins_and_its_time_counts() {
        check(&[("save a", &["build a of 0"]), ("save a, b", &["cancel a", "build a of 1", "build b of 1"]), ("done a", &[]), ("done b", &[])]);
    }

    #[test]
    fn what_is_not_a_build_is_waited_for() {
        check(&[
            ("variables a", &["redeploy a of 0"]),
            ("save a", &[]),
            ("done a", &["build a of 1"]),
            ("variables a", &[]),
            ("failed a", &["redeploy a of 3"]),
        ]);
    }

    #[test]
    fn files_are_copied_only_into_what_runs_all_that_was_saved_before() {
        check(&[
            ("sync a, b", &["copy a", "copy b"]),
            ("save a", &["build a of 1"]),
            // What is under way may have been made without it.
            ("sync a, b", &["copy b", "cancel a", "build a of 2"]),
            ("failed a", &[]),
            ("sync a", &["build a of 4"]),
            ("done a", &[]),
            ("sync a", &["copy a"]),
            ("broken a", &[]),
            ("sync a", &["build a of 8"]),
            ("done a", &[]),
            ("manifest", &["build manifest of 10"]),
            ("sync b", &[]),
            ("done manifest", &["build b of 11"]),
            ("done b", &[]),
            ("variables a", &["redeploy a of 14"]),
            ("sync a", &[]),
            ("done a", &["build a of 15"]),
            ("done a", &[]),
        ]);
    }

    #[test]
    fn a_manifest_is_brought_up_alone_and_takes_builds_along() {
        check(&[
            ("save a", &["build a of 0"]),
            ("variables b", &["redeploy b of 1"]),
            ("manifest", &["cancel a"]),
            ("done b", &["build manifest of 2"]),
            ("save c", &[]),
            ("done manifest", &["build c of 4"]),
            ("done c", &[]),
        ]);
    }

    #[test]
    fn a_manifest_that_comes_to_nothing_loses_no_save() {
        check(&[
            ("manifest a, b", &["build manifest of 0"]),
            ("failed manifest", &["build a of 0", "build b of 0"]),
            ("failed a", &[]),
            ("done b", &[]),
        ]);
        check(&[
            ("manifest a", &["build manifest of 0"]),
            ("manifest", &["cancel manifest", "build manifest of 1"]),
            ("failed manifest", &["build a of 0"]),
            ("done a", &[]),
        ]);
    }
}
