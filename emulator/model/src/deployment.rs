//! A deployment: one revision of a service rolling out (ecs.md 3.5).

use serde::{Deserialize, Serialize};

use crate::{DeploymentId, Revision, ServiceLoadBalancer, Shift, Timestamp};

/// One deployment of a service. The newest is PRIMARY; older ones are ACTIVE while they have tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/<19 digits>`, also `startedBy` of its tasks.
    pub id: DeploymentId,
    /// PRIMARY or ACTIVE.
    pub status: DeploymentStatus,
    /// What it rolls out.
    pub revision: Revision,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How far it is.
    pub rollout_state: RolloutState,
    /// Tasks that failed to launch, to reach RUNNING or to pass health, before any ran well; 0 from then on.
    pub failed_tasks: u32,
    /// One of its tasks has run and was healthy: from then on failed tasks are not counted.
    #[serde(default)]
    pub has_run_well: bool,
    /// What the circuit breaker has counted (ecs.md 3.5).
    #[serde(default)]
    pub breaker: BreakerCount,
    /// The deployment that failed, and from which the circuit breaker went back to this one.
    #[serde(default)]
    pub rolled_back_from: Option<DeploymentId>,
    /// How far its traffic is shifted; `None` for a rolling one.
    #[serde(default)]
    pub shift: Option<Shift>,
    /// Whether its tasks are registered in the alternate target groups.
    #[serde(default)]
    pub alternate: bool,
    /// Alarms that had gone off before it began: they say nothing about it (ecs.md 3.5).
    #[serde(default)]
    pub ignored_alarms: Vec<String>,
    /// Since when it is watched for alarms that come late: all its tasks run and are healthy, and the old ones are gone.
    #[serde(default)]
    pub bakes_since: Option<Timestamp>,
    /// Where its tasks are registered; what a rollback goes back to. `None` of one of an earlier version's.
    #[serde(default)]
    pub load_balancers: Option<Vec<ServiceLoadBalancer>>,
    /// Why it was given up, where that was not the circuit breaker.
    #[serde(default)]
    pub given_up: Option<String>,
}

/// What the circuit breaker knows of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerCount {
    /// One of its tasks has reached RUNNING: from then on only those count that are replaced for failed health checks.
    pub has_run: bool,
    /// Failures.
    pub failures: u32,
}

impl Deployment {
    /// AWS's sentence for the state (ecs.md 3.5).
    #[must_use]
    pub fn rollout_state_reason(&self) -> String {
        match self.rollout_state {
            RolloutState::InProgress if self.rolled_back_from.is_some() => match &self.given_up {
                None => format!("ECS deployment circuit breaker: rolling back to deploymentId {}.", self.id),
                Some(why) => format!("ECS deployment rolling back to deploymentId {}: {why}.", self.id),
            },
            RolloutState::InProgress => format!("ECS deployment {} in progress.", self.id),
            RolloutState::Failed if self.given_up.is_some() => {
                format!("ECS deployment {} failed: {}.", self.id, self.given_up.as_deref().unwrap_or_default())
            }
            RolloutState::Failed => "ECS deployment circuit breaker: tasks failed to start.".to_owned(),
            RolloutState::Completed => format!("ECS deployment {} completed.", self.id),
        }
    }
}

/// Newest or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentStatus {
    /// The newest.
    Primary,
    /// An older one that still has tasks.
    Active,
}

impl DeploymentStatus {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Active => "ACTIVE",
        }
    }
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RolloutState {
    /// On its way.
    InProgress,
    /// Reached steady state once.
    Completed,
    /// Given up by the circuit breaker: nothing is launched for it.
    Failed,
}

impl RolloutState {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}
