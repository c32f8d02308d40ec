//! Blue/green, linear and canary deployments: the new tasks stand beside the old ones, and the weights of listener rules move the
//! traffic (ecs.md 3.10).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{LifecycleHook, LifecycleStage, LoadBalancerName, Priority, Speed, TargetGroupName, Timestamp};

/// A share of the traffic in thousandths, 0 to 1000: AWS's percentages have one decimal place.
pub type Permille = u16;

/// All of the traffic.
pub const ALL: Permille = 1000;

/// How a service shifts traffic to a new deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficShift {
    /// In which steps.
    pub pattern: ShiftPattern,
    /// How long the old tasks stay once all traffic is shifted. 0 to 1440 minutes.
    pub bake_time: Duration,
    /// What is asked on the way.
    pub hooks: Vec<LifecycleHook>,
}

/// In which steps traffic is shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShiftPattern {
    /// `BLUE_GREEN`
    AllAtOnce,
    /// `LINEAR`: equal steps, with a wait after each but the last.
    Linear {
        /// 30 to 1000; `stepPercent`, default 10 %.
        step: Permille,
        /// `stepBakeTimeInMinutes`, default 6.
        bake: Duration,
    },
    /// `CANARY`: a first step, a wait, the rest.
    Canary {
        /// 1 to 1000; `canaryPercent`, default 5 %.
        step: Permille,
        /// `canaryBakeTimeInMinutes`, default 10.
        bake: Duration,
    },
}

impl TrafficShift {
    /// The hooks of a stage, in the manifest's order.
    pub fn hooks_at(&self, stage: LifecycleStage) -> impl Iterator<Item = &LifecycleHook> {
        self.hooks.iter().filter(move |hook| stage.has_hooks() && hook.stages.contains(&stage))
    }
}

impl ShiftPattern {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllAtOnce => "BLUE_GREEN",
            Self::Linear { .. } => "LINEAR",
            Self::Canary { .. } => "CANARY",
        }
    }

    /// The share that follows a share, and how long it stays before the next one.
    #[must_use]
    pub const fn next(self, share: Permille) -> (Permille, Duration) {
        match self {
            Self::Linear { step, bake } if share.saturating_add(step) < ALL => (share.saturating_add(step), bake),
            Self::Canary { step, bake } if share == 0 && step < ALL => (step, bake),
            Self::AllAtOnce | Self::Linear { .. } | Self::Canary { .. } => (ALL, Duration::ZERO),
        }
    }
}

/// Where a service's traffic can be shifted (`advancedConfiguration`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvancedConfiguration {
    /// The other target group: the two change roles with each deployment.
    pub alternate_target_group: TargetGroupName,
    /// The rule whose weights move the traffic.
    pub production_rule: RuleName,
    /// The rule that leads to the new tasks first.
    pub test_rule: Option<RuleName>,
}

impl AdvancedConfiguration {
    /// Its rules.
    pub fn rules(&self) -> impl Iterator<Item = &RuleName> {
        std::iter::once(&self.production_rule).chain(&self.test_rule)
    }
}

/// A rule of a listener. AWS has an ARN here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleName {
    /// The load balancer.
    pub load_balancer: LoadBalancerName,
    /// The listener's port.
    pub port: u16,
    /// The rule's priority; `None` for the listener's default action.
    pub priority: Option<Priority>,
}

impl std::fmt::Display for RuleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}/", self.load_balancer, self.port)?;
        match self.priority {
            Some(priority) => write!(f, "{priority}"),
            None => f.write_str("default"),
        }
    }
}

impl std::str::FromStr for RuleName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('/').and_then(|(listener, rule)| Some((listener.rsplit_once(':')?, rule)));
        let Some(((load_balancer, port), rule)) = parts else { return Err(format!("`{text}` names no rule")) };
        Ok(Self {
            load_balancer: LoadBalancerName::new(load_balancer).map_err(|error| error.to_string())?,
            port: port.parse().map_err(|_| format!("`{port}` is no port"))?,
            priority: match rule {
                "default" => None,
                number => Some(number.parse().map_err(|_| format!("`{number}` is no priority, nor `default`"))?),
            },
        })
    }
}

/// How far a deployment's traffic is shifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Where it is.
    pub stage: LifecycleStage,
    /// Since when; of a production shift, since its last step.
    pub since: Timestamp,
    /// The share of production traffic that the new tasks get.
    pub production: Permille,
    /// Whether the test rule leads to the new tasks.
    pub test: bool,
    /// The hook of this stage that is asked next; those before it have said yes.
    pub hook: usize,
    /// How often that one was asked.
    pub attempt: u32,
    /// A hook that is not done is asked again then.
    pub ask_at: Timestamp,
    /// Since when that hook is waited for: its timeout counts from there. `None`: since the stage began.
    #[serde(default)]
    pub hook_since: Option<Timestamp>,
}

impl Shift {
    /// At the beginning. What was overtaken by it is taken away first.
    #[must_use]
    pub const fn begin(overtakes: bool, now: Timestamp) -> Self {
        let stage = if overtakes { LifecycleStage::ReconcileService } else { LifecycleStage::PreScaleUp };
        Self { stage, since: now, production: 0, test: false, hook: 0, attempt: 0, ask_at: now, hook_since: None }
    }

    /// The next hook of the stage is waited for, from `now` on.
    pub fn next_hook(&mut self, now: Timestamp) {
        (self.hook, self.attempt, self.ask_at, self.hook_since) = (self.hook + 1, 0, now, Some(now));
    }

    /// Another stage, or the same once more, begins.
    pub const fn enter(&mut self, stage: LifecycleStage, now: Timestamp) {
        (self.stage, self.since, self.hook, self.attempt, self.ask_at, self.hook_since) = (stage, now, 0, 0, now, None);
    }

    /// When the hook that is waited for is given up on.
    #[must_use]
    pub fn hook_expires_at(&self, hook: &LifecycleHook, speed: Speed) -> Timestamp {
        self.hook_since.unwrap_or(self.since) + speed.of(hook.timeout.after)
    }

    /// Whether the old tasks are still to serve.
    #[must_use]
    pub fn keeps_old(&self) -> bool {
        self.stage < LifecycleStage::CleanUp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_moves_in_the_steps_of_its_pattern() {
        let steps = |pattern: ShiftPattern| {
            let mut shares = vec![pattern.next(0)];
            while let Some((share, _)) = shares.last().copied().filter(|(share, _)| *share < ALL) {
                shares.push(pattern.next(share));
            }
            shares.iter().map(|(share, bake)| (*share, bake.as_secs())).collect::<Vec<_>>()
        };
        let bake = Duration::from_secs(60);
        assert_eq!(steps(ShiftPattern::AllAtOnce), [(1000, 0)]);
        assert_eq!(steps(ShiftPattern::Canary { step: 50, bake }), [(50, 60), (1000, 0)]);
        assert_eq!(steps(ShiftPattern::Canary { step: 1000, bake }), [(1000, 0)]);
        assert_eq!(steps(ShiftPattern::Linear { step: 300, bake }), [(300, 60), (600, 60), (900, 60), (1000, 0)]);
        assert_eq!(steps(ShiftPattern::Linear { step: 500, bake }), [(500, 60), (1000, 0)]);
    }

    #[test]
    fn rules_have_names() {
        for text in ["front:80/1", "front:80/default", "a-b:65535/50000"] {
            assert_eq!(text.parse::<RuleName>().unwrap().to_string(), text);
        }
        for text in ["front", "front:80", "front/1", "front:x/1", "front:80/", "front:80/-1", ":80/1"] {
            assert!(text.parse::<RuleName>().is_err(), "{text}");
        }
    }
}
