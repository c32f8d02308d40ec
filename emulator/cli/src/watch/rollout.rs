//! How far the deployments are that saves have led to, from one view after the other.

use std::collections::BTreeMap;

use tokio::time::Instant;
use wire::local::{ClusterView, ServiceView, TaskView};

use crate::listing::tasks::health;
use crate::report;

/// Something worth telling of a service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct News {
    /// The service.
    pub(crate) service: String,
    /// When the newest file was saved that it comes from.
    pub(crate) since: Instant,
    /// What.
    pub(crate) what: What,
}

/// What is worth telling.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// The first task of the new version gets requests, or does whatever it is for: its `family:revision`.
    Answers(String),
    /// Every task is of the new version, and nothing is under way any more.
    Steady(String),
    /// A lifecycle hook has paused it: how it goes on.
    Paused(String),
    /// It failed, or keeps failing.
    Failed,
    /// There is nothing to roll out: what is made of the files is the same.
    Same,
}

/// Deployments since the watch began.
#[derive(Debug)]
pub(crate) struct Rollouts {
    /// The newest deployment of each service.
    known: BTreeMap<String, String>,
    expected: Vec<Expected>,
    under_way: Vec<Rollout>,
}

/// What a change leads to.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// The view of that version has it.
    pub(crate) version: u64,
    /// The service whose deployment it begins, if it begins one; `None` where it may be several.
    pub(crate) service: Option<String>,
    /// When it was asked for.
    pub(crate) begun: Instant,
    /// When the newest file was saved that it comes from.
    pub(crate) since: Instant,
}

#[derive(Debug)]
struct Rollout {
    service: String,
    deployment: String,
    /// When it was seen first, which may be before we hear that what we asked for is done.
    seen: Instant,
    /// When the newest file was saved that it comes from; `None` as long as it is none of ours.
    since: Option<Instant>,
    /// The cluster when it began.
    first: ClusterView,
    answers: bool,
    paused: bool,
}

impl Rollouts {
    /// What there is by now came from no save.
    pub(crate) fn new(cluster: Option<&ClusterView>) -> Self {
        let services = cluster.map(|cluster| &cluster.services[..]).unwrap_or_default();
        let known = services.iter().filter_map(|service| Some((service.service_name.clone(), primary(service)?.to_owned()))).collect();
        Self { known, expected: Vec::new(), under_way: Vec::new() }
    }

    /// A change is in effect.
    pub(crate) fn expect(&mut self, expected: Expected) {
        let meant = |rollout: &&mut Rollout| rollout.since.is_none() && expected.covers(&rollout.service, rollout.seen);
        let mut known = false;
        for rollout in self.under_way.iter_mut().filter(meant) {
            rollout.since = Some(expected.since);
            known = true;
        }
        if !known {
            self.expected.push(expected);
        }
    }

    /// What is new in a view of that version.
    pub(crate) fn look(&mut self, version: u64, cluster: &ClusterView, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        for service in &cluster.services {
            self.note_deployment(cluster, service, now, &mut news);
        }
        for over in self.expected.extract_if(.., |expected| expected.version <= version) {
            let begun = self.under_way.iter().any(|rollout| rollout.since == Some(over.since) && over.covers(&rollout.service, rollout.seen));
            if let Some(service) = over.service.filter(|_| !begun) {
                news.push(News { service, since: over.since, what: What::Same });
            }
        }
        self.under_way.retain_mut(|rollout| {
            // A service that is gone has nothing more to tell.
            let Some(service) = cluster.services.iter().find(|service| service.service_name == rollout.service) else { return false };
            rollout.look(cluster, service, &mut news)
        });
        news
    }

    fn note_deployment(&mut self, cluster: &ClusterView, service: &ServiceView, now: Instant, news: &mut Vec<News>) {
        let (name, Some(deployment)) = (&service.service_name, primary(service)) else { return };
        if self.known.get(name).is_some_and(|known| known == deployment) {
            return;
        }
        self.known.insert(name.clone(), deployment.to_owned());
        // Whatever was under way is overtaken, or was gone back from.
        for over in self.under_way.extract_if(.., |rollout| rollout.service == *name) {
            if let Some(since) = over.since.filter(|_| report::rolled_back(service) == Some(&over.deployment)) {
                news.push(News { service: name.clone(), since, what: What::Failed });
            }
        }
        if report::rolled_back(service).is_none() {
            let since = self.expected.iter().filter(|expected| expected.covers(name, now)).map(|expected| expected.since).min();
            let (service, deployment) = (name.clone(), deployment.to_owned());
            self.under_way.push(Rollout { service, deployment, seen: now, since, first: cluster.clone(), answers: false, paused: false });
        }
    }
}

impl Expected {
    /// Whether a deployment of that service, seen first then, may come from it.
    fn covers(&self, service: &str, seen: Instant) -> bool {
        self.begun <= seen && self.service.as_ref().is_none_or(|name| name == service)
    }
}

impl Rollout {
    /// Whether there is more to come.
    fn look(&mut self, cluster: &ClusterView, service: &ServiceView, news: &mut Vec<News>) -> bool {
        let mut tell = |what| news.extend(self.since.map(|since| News { service: self.service.clone(), since, what }));
        let answers = cluster.tasks.iter().find(|task| task.started_by.as_ref() == Some(&self.deployment) && is_in_rotation(cluster, task));
        let traffic = service.deployments.iter().find(|deployment| deployment.id == self.deployment);
        let shifted =
            traffic.is_none_or(|traffic| traffic.lifecycle_stage.is_none() || traffic.production_traffic_percent.is_some_and(|share| share > 0.0));
        if let Some(task) = answers.filter(|_| !self.answers && shifted) {
            self.answers = self.since.is_some();
            tell(What::Answers(task.task_definition.clone()));
        }
        if self.since.is_none() {
            return true;
        }
        if service.steady {
            tell(What::Steady(service.task_definition.clone()));
            return false;
        }
        if service.hopeless.is_some() || report::hopeless(&self.first, cluster, service) {
            tell(What::Failed);
            return false;
        }
        let paused = report::paused(service);
        if let Some(how) = paused.clone().filter(|_| !self.paused) {
            tell(What::Paused(how));
        }
        self.paused = paused.is_some();
        true
    }
}

/// Its targets pass, or its own checks; where there are neither, that it runs is all that is known.
fn is_in_rotation(cluster: &ClusterView, task: &TaskView) -> bool {
    let health = health(cluster, task);
    task.last_status == "RUNNING" && (health.is_empty() || health == "UNKNOWN" || health.eq_ignore_ascii_case("healthy"))
}

fn primary(service: &ServiceView) -> Option<&str> {
    service.deployments.iter().find(|deployment| deployment.status == "PRIMARY").map(|deployment| deployment.id.as_str())
}

#[cfg(test)]
mod tests;
