//! How far the scaling of a service is: what was measured, what alarms say, cooldowns, activities (ecs.md 7).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{AlarmRecord, Capacity, Datapoint, Decimal, Metric, MetricSeries, ScalableTarget, Timestamp};

/// How many activities are remembered. AWS: six weeks of them.
pub const MAX_SCALING_ACTIVITIES: usize = 20;

/// The state of a scalable target. All of it survives the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingState {
    /// The bounds that the last scheduled action left; `None` while those of the scalable target hold.
    pub capacity: Option<Capacity>,
    /// Alarms by policy, in the order of [`crate::ScalingPolicy::alarms`].
    pub alarms: BTreeMap<String, Vec<AlarmRecord>>,
    /// By name of the scheduled action.
    pub scheduled: BTreeMap<String, ScheduledState>,
    /// What was measured.
    pub metrics: Vec<MetricSeries>,
    /// The end of the last minute that was measured.
    pub measured_until: Timestamp,
    /// The end of the last minute that alarms have judged.
    pub evaluated_until: Timestamp,
    /// After a scale-out.
    pub scale_out_cooldown: Option<Cooldown>,
    /// After a scale-in.
    pub scale_in_cooldown: Option<Cooldown>,
    /// Oldest first, at most [`MAX_SCALING_ACTIVITIES`].
    pub activities: VecDeque<ScalingActivity>,
}

/// The time after an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// Its end.
    pub until: Timestamp,
    /// How many tasks ran when the activity was decided; a larger scale-out is reckoned from them, too.
    pub from_count: u32,
}

/// Of a scheduled action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledState {
    /// When it was made.
    pub since: Timestamp,
    /// What was due until then is done.
    pub done_until: Timestamp,
}

/// A change of the desired count or of the bounds, as DescribeScalingActivities has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingActivity {
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// `Setting desired count to 3.`
    pub description: String,
    /// `monitor alarm … in state ALARM triggered policy …`
    pub cause: String,
    /// How far it is.
    pub status: ActivityStatus,
    /// The desired count that it set.
    pub desired_count: Option<u32>,
    /// AWS's sentence for its status.
    pub status_message: String,
}

/// How far an activity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActivityStatus {
    /// The service does not have all its tasks yet, or has too many.
    InProgress,
    /// Done.
    Successful,
    /// Another change came before it was done.
    Overridden,
    /// It could not be.
    Failed,
}

impl ActivityStatus {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Successful => "Successful",
            Self::Overridden => "Overridden",
            Self::Failed => "Failed",
        }
    }
}

impl ScalingState {
    /// The bounds that hold now.
    #[must_use]
    pub fn capacity(&self, target: &ScalableTarget) -> Capacity {
        self.capacity.unwrap_or(target.capacity)
    }

    /// The datapoints of a metric, oldest first.
    pub fn points(&self, metric: &Metric) -> impl DoubleEndedIterator<Item = Datapoint> {
        self.metrics.iter().filter(move |series| series.metric == *metric).flat_map(|series| series.points.iter().copied())
    }

    /// Takes the minute that ends at `at`; keeps what the target's alarms look at. False for a minute that is known already.
    pub fn measure(&mut self, target: &ScalableTarget, at: Timestamp, values: &[(Metric, Decimal)]) -> bool {
        if at <= self.measured_until {
            return false;
        }
        self.measured_until = at;
        let wanted = target.metrics();
        self.metrics.retain(|series| wanted.contains(&series.metric));
        for (metric, value) in values.iter().filter(|(metric, _)| wanted.contains(metric)) {
            let place = self.metrics.iter().position(|series| series.metric == *metric).unwrap_or_else(|| {
                self.metrics.push(MetricSeries { metric: metric.clone(), points: VecDeque::new() });
                self.metrics.len() - 1
            });
            let points = &mut self.metrics[place].points;
            points.push_back(Datapoint { at, value: *value });
            let most = usize::try_from(target.minutes(metric)).unwrap_or(usize::MAX).max(1);
            points.drain(..points.len().saturating_sub(most));
        }
        true
    }

    /// Remembers an activity.
    pub fn push_activity(&mut self, activity: ScalingActivity) {
        if self.activities.len() >= MAX_SCALING_ACTIVITIES {
            self.activities.pop_front();
        }
        self.activities.push_back(activity);
    }

    /// Begins anew with what is new in a service's settings, as AWS does: changed bounds hold at once, a changed policy gets new alarms, a
    /// changed scheduled action knows nothing of the past.
    pub fn adopt(&mut self, old: Option<&ScalableTarget>, new: Option<&ScalableTarget>) {
        let (Some(old), Some(new)) = (old, new) else {
            *self = Self::default();
            return;
        };
        if old.capacity != new.capacity {
            self.capacity = None;
        }
        self.alarms.retain(|name, _| {
            let policy = |target: &ScalableTarget| target.policies.iter().find(|policy| policy.name == *name).cloned();
            policy(old) == policy(new)
        });
        self.scheduled.retain(|name, _| {
            let action = |target: &ScalableTarget| target.scheduled_actions.iter().find(|action| action.name == *name).cloned();
            action(old) == action(new)
        });
        let wanted = new.metrics();
        self.metrics.retain(|series| wanted.contains(&series.metric));
    }
}
