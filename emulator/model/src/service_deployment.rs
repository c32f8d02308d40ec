//! The history of a service's deployments, as ListServiceDeployments tells it (ecs.md 3.11).

use serde::{Deserialize, Serialize};

use crate::deployment::BreakerCount;
use crate::{Deployment, DeploymentId, DeploymentStatus, Ids, LaunchBackoff, Revision, RolloutState, Service, ServiceLoadBalancer, Shift, Timestamp};

/// How many are remembered of a service. AWS: 90 days. Ours: the last 20.
pub const MAX_SERVICE_DEPLOYMENTS: usize = 20;

/// One deployment of a service, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeployment {
    /// `ecs-svc/<19 digits>`
    pub id: DeploymentId,
    /// What it rolled out.
    pub revision: Revision,
    /// What ran before; `None` for the first one.
    pub source: Option<Revision>,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// How far it is.
    pub status: ServiceDeploymentStatus,
    /// Why it was given up.
    #[serde(default)]
    pub reason: Option<String>,
    /// Where its tasks were registered; `None` of one of an earlier version's.
    #[serde(default)]
    pub load_balancers: Option<Vec<ServiceLoadBalancer>>,
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceDeploymentStatus {
    /// On its way.
    InProgress,
    /// Its service reached a steady state with it.
    Successful,
    /// Overtaken by another one, or given up with nothing to go back to.
    Stopped,
    /// Given up; the service is on its way back.
    RollbackInProgress,
    /// Given up; the service is back where it was.
    RollbackSuccessful,
    /// Given up, and what was gone back to failed as well.
    RollbackFailed,
}

impl ServiceDeploymentStatus {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    const fn is_over(self) -> bool {
        !matches!(self, Self::InProgress | Self::RollbackInProgress)
    }
}

impl Deployment {
    /// One that begins.
    #[must_use]
    pub fn new(revision: &Revision, now: Timestamp, ids: &mut Ids) -> Self {
        Self {
            id: ids.deployment(),
            status: DeploymentStatus::Primary,
            revision: revision.clone(),
            created_at: now,
            updated_at: now,
            rollout_state: RolloutState::InProgress,
            failed_tasks: 0,
            has_run_well: false,
            breaker: BreakerCount::default(),
            rolled_back_from: None,
            shift: None,
            alternate: false,
            ignored_alarms: Vec::new(),
            bakes_since: None,
            load_balancers: None,
            given_up: None,
        }
    }

    /// The same once more, after another one was given up.
    #[must_use]
    pub fn again(&self, failed: DeploymentId, why: Option<String>, now: Timestamp) -> Self {
        Self {
            status: DeploymentStatus::Primary,
            rollout_state: RolloutState::InProgress,
            updated_at: now,
            failed_tasks: 0,
            has_run_well: false,
            breaker: BreakerCount::default(),
            rolled_back_from: Some(failed),
            shift: None,
            bakes_since: None,
            given_up: why,
            ..self.clone()
        }
    }
}

impl Service {
    /// Begins a deployment of that revision, and leaves the earlier ones to be drained (ecs.md 3.5). `alarmed`: alarms that have gone off
    /// before.
    pub(crate) fn begin_deployment(&mut self, revision: &Revision, alarmed: Vec<String>, now: Timestamp, ids: &mut Ids) {
        // One whose old tasks are on their way out has all the traffic: nothing else is left to go back to.
        let cleans_up = |one: &Deployment| one.shift.as_ref().is_some_and(|shift| !shift.keeps_old());
        if let Some(completed) = self.primary().filter(|primary| primary.rollout_state == RolloutState::Completed || cleans_up(primary)) {
            self.completed = Some(completed.clone());
        }
        for older in &mut self.deployments {
            older.status = DeploymentStatus::Active;
            older.updated_at = now;
        }
        self.history.iter_mut().filter(|known| !known.status.is_over()).for_each(|known| known.end(ServiceDeploymentStatus::Stopped, now));
        let mut deployment = Deployment::new(revision, now, ids);
        (deployment.ignored_alarms, deployment.load_balancers) = (alarmed, Some(self.spec.load_balancers.clone()));
        let old = self.old();
        let serving = old.or_else(|| self.deployments.first());
        deployment.alternate = serving.is_some_and(|serving| serving.alternate);
        if self.spec.traffic_shift.is_some() && old.is_some() {
            deployment.alternate = !deployment.alternate;
            deployment.shift = Some(Shift::begin(self.deployments.len() > 1, now));
        }
        let source = (!self.deployments.is_empty()).then(|| self.revision.clone());
        self.remember(&deployment, source);
        self.deployments.insert(0, deployment);
        self.backoff = LaunchBackoff::default();
        self.steady = false;
        self.revision = revision.clone();
    }

    fn remember(&mut self, deployment: &Deployment, source: Option<Revision>) {
        if self.history.len() == MAX_SERVICE_DEPLOYMENTS {
            self.history.pop_front();
        }
        self.history.push_back(ServiceDeployment {
            id: deployment.id.clone(),
            revision: deployment.revision.clone(),
            source,
            started_at: deployment.created_at,
            finished_at: None,
            status: ServiceDeploymentStatus::InProgress,
            reason: None,
            load_balancers: deployment.load_balancers.clone(),
        });
    }

    /// Takes what the scheduler made of the deployments, and what that means for the history.
    pub(crate) fn put_deployments(&mut self, deployments: Vec<Deployment>) {
        self.deployments = deployments;
        let Some(primary) = self.primary() else { return };
        let (about, at) = (primary.rolled_back_from.as_ref().unwrap_or(&primary.id).clone(), primary.updated_at);
        let status = match (primary.rollout_state, primary.rolled_back_from.is_some()) {
            (RolloutState::InProgress, true) => ServiceDeploymentStatus::RollbackInProgress,
            (RolloutState::Completed, true) => ServiceDeploymentStatus::RollbackSuccessful,
            (RolloutState::Failed, true) => ServiceDeploymentStatus::RollbackFailed,
            (RolloutState::InProgress, false) => ServiceDeploymentStatus::InProgress,
            (RolloutState::Completed, false) => ServiceDeploymentStatus::Successful,
            (RolloutState::Failed, false) => ServiceDeploymentStatus::Stopped,
        };
        let failed = primary.rolled_back_from.is_some() || primary.rollout_state == RolloutState::Failed;
        let reason = failed.then(|| primary.given_up.clone().unwrap_or_else(|| "tasks failed to start".to_owned()));
        if let Some(known) = self.history.iter_mut().find(|known| known.id == about && !known.status.is_over()) {
            known.end(status, at);
            known.reason = known.reason.take().or(reason);
        }
    }

    /// Goes back at once from a deployment whose traffic is being shifted: the old tasks are still there. `false` where none is.
    pub(crate) fn shift_back(&mut self, now: Timestamp) -> bool {
        let rolls = |one: &&mut Deployment| one.rollout_state == RolloutState::InProgress && one.shift.as_ref().is_some_and(Shift::keeps_old);
        let Some(before) = self.old().cloned() else { return false };
        let Some(primary) = self.deployments.first_mut().filter(|first| rolls(first)) else { return false };
        let why = "stopped by user";
        (primary.status, primary.rollout_state, primary.given_up, primary.updated_at) =
            (DeploymentStatus::Active, RolloutState::Failed, Some(why.to_owned()), now);
        let again = before.again(primary.id.clone(), Some(why.to_owned()), now);
        (self.revision, self.backoff, self.steady) = (again.revision.clone(), LaunchBackoff::default(), false);
        let mut deployments: Vec<Deployment> = self.deployments.drain(..).filter(|one| one.id != before.id).collect();
        deployments.insert(0, again);
        self.put_deployments(deployments);
        true
    }

    /// What a rollback goes back to: the revision of the latest deployment that was successful and ran another one.
    #[must_use]
    pub fn previous_revision(&self) -> Option<&Revision> {
        self.previous().map(|(revision, _)| revision)
    }

    /// The same, with where its tasks were registered, if that is known.
    pub(crate) fn previous(&self) -> Option<(&Revision, Option<&Vec<ServiceLoadBalancer>>)> {
        let successful = self.history.iter().rev().filter(|known| known.status == ServiceDeploymentStatus::Successful);
        let completed = self.completed.iter().map(|completed| (&completed.revision, completed.load_balancers.as_ref()));
        let all = successful.map(|known| (&known.revision, known.load_balancers.as_ref())).chain(completed);
        all.into_iter().find(|(revision, _)| **revision != self.revision)
    }
}

impl ServiceDeployment {
    fn end(&mut self, status: ServiceDeploymentStatus, at: Timestamp) {
        self.status = status;
        self.finished_at = status.is_over().then_some(at);
    }
}
