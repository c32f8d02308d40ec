//! Lifecycle hooks: who is asked on the way whether a deployment that shifts traffic may go on (ecs.md 3.10).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{DeploymentStatus, RolloutState, Service, Speed, Timestamp};

/// How far a deployment that shifts traffic is, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LifecycleStage {
    /// What an overtaken deployment left is taken away.
    ReconcileService,
    /// Before the new tasks start.
    PreScaleUp,
    /// The new tasks start.
    ScaleUp,
    /// All new tasks are healthy.
    PostScaleUp,
    /// The test rule leads to the new tasks.
    TestTrafficShift,
    /// The same, with the shift behind it.
    PostTestTrafficShift,
    /// Before production traffic moves.
    PreProductionTrafficShift,
    /// Production traffic moves.
    ProductionTrafficShift,
    /// All of it has moved.
    PostProductionTrafficShift,
    /// The old tasks stay a while.
    BakeTime,
    /// The old tasks go.
    CleanUp,
}

impl LifecycleStage {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::ReconcileService,
        Self::PreScaleUp,
        Self::ScaleUp,
        Self::PostScaleUp,
        Self::TestTrafficShift,
        Self::PostTestTrafficShift,
        Self::PreProductionTrafficShift,
        Self::ProductionTrafficShift,
        Self::PostProductionTrafficShift,
        Self::BakeTime,
        Self::CleanUp,
    ];

    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        }
    }

    /// Whether hooks are asked there.
    #[must_use]
    pub const fn has_hooks(self) -> bool {
        !matches!(self, Self::ScaleUp | Self::BakeTime | Self::CleanUp)
    }

    /// Whether a deployment can be paused there.
    #[must_use]
    pub const fn can_pause(self) -> bool {
        self.has_hooks() && !matches!(self, Self::TestTrafficShift | Self::ProductionTrafficShift)
    }

    /// The one that follows; the last one follows itself.
    #[must_use]
    pub fn next(self) -> Self {
        Self::ALL.into_iter().find(|stage| *stage > self).unwrap_or(Self::CleanUp)
    }
}

/// Somebody who is asked whether a deployment may go on. AWS asks a Lambda function; here it is a program or an HTTP endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleHook {
    /// Who.
    pub target: HookTarget,
    /// At which stages.
    pub stages: Vec<LifecycleStage>,
    /// How long it is waited for, and what then.
    #[serde(default)]
    pub timeout: HookTimeout,
    /// Handed on as it is, a JSON text.
    pub details: Option<String>,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookTarget {
    /// A program and its arguments, in the manifest's folder. It reads the question, and its exit code 0 means yes.
    Command {
        /// Program and arguments.
        command: Vec<String>,
        /// Where it runs.
        folder: String,
    },
    /// `http://127.0.0.1:9000/hook`, which gets the question by POST.
    Endpoint(String),
    /// `targetType: PAUSE`: the deployment waits until ContinueServiceDeployment says how it goes on.
    Pause,
}

/// `timeoutConfiguration`: how long a hook is waited for, over all times that it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookTimeout {
    /// `timeoutInMinutes`, 1 to 20160. Default 1440, a day.
    pub after: Duration,
    /// What then. Default ROLLBACK.
    pub action: HookAction,
}

impl Default for HookTimeout {
    fn default() -> Self {
        Self { after: Duration::from_secs(24 * 3600), action: HookAction::RollBack }
    }
}

/// How a deployment goes on behind a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookAction {
    /// `ROLLBACK`
    RollBack,
    /// `CONTINUE`
    Continue,
}

impl HookAction {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RollBack => "ROLLBACK",
            Self::Continue => "CONTINUE",
        }
    }
}

/// What a hook said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookAnswer {
    /// Go on.
    Succeeded,
    /// Go back, and why.
    Failed(String),
    /// Ask again after that time.
    InProgress(Duration),
}

/// The hook that a service's deployment waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitedHook<'a> {
    /// `hookId`: another one for each time that a stage comes to it.
    pub id: String,
    /// The hook.
    pub hook: &'a LifecycleHook,
    /// When it is given up on.
    pub expires_at: Timestamp,
}

impl Service {
    /// The hook that the PRIMARY deployment waits for, if it does.
    #[must_use]
    pub fn awaited_hook(&self, speed: Speed) -> Option<AwaitedHook<'_>> {
        let rolls = |one: &&crate::Deployment| one.status == DeploymentStatus::Primary && one.rollout_state == RolloutState::InProgress;
        let primary = self.deployments.first().filter(rolls).filter(|one| one.given_up.is_none())?;
        let shift = primary.shift.as_ref()?;
        let hook = self.spec.traffic_shift.as_ref()?.hooks_at(shift.stage).nth(shift.hook)?;
        let digits = primary.id.as_str().rsplit('/').next().unwrap_or_default();
        let id = format!("{digits}-{}-{}-{}", shift.stage.as_str(), shift.production, shift.hook);
        Some(AwaitedHook { id, hook, expires_at: shift.hook_expires_at(hook, speed) })
    }
}
