//! What scaling policies look at: CloudWatch's metrics of a service and of its target groups (ecs.md 7, alb.md 8).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{Decimal, TargetGroupName, Timestamp};

/// A metric of a service. Its datapoints are those of one minute of CloudWatch's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ScalingMetric {
    /// Used of the reserved CPU units of the running tasks, in per cent; may exceed 100. A task that reserves none counts as one core.
    CpuUtilization,
    /// Used of the reserved memory of the running tasks, in per cent.
    MemoryUtilization,
    /// A target group's requests of a minute over its healthy targets, or over the registered ones where none is healthy.
    RequestCountPerTarget(TargetGroupName),
    /// A target group's requests of a minute.
    RequestCount(TargetGroupName),
    /// The mean of the times that targets took to answer, in seconds; nothing in a minute without answers.
    TargetResponseTime(TargetGroupName),
}

impl ScalingMetric {
    /// CloudWatch's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CpuUtilization => "CPUUtilization",
            Self::MemoryUtilization => "MemoryUtilization",
            Self::RequestCountPerTarget(_) => "RequestCountPerTarget",
            Self::RequestCount(_) => "RequestCount",
            Self::TargetResponseTime(_) => "TargetResponseTime",
        }
    }

    /// The target group that it is about.
    #[must_use]
    pub const fn target_group(&self) -> Option<&TargetGroupName> {
        match self {
            Self::CpuUtilization | Self::MemoryUtilization => None,
            Self::RequestCountPerTarget(group) | Self::RequestCount(group) | Self::TargetResponseTime(group) => Some(group),
        }
    }

    /// Whether the engine has to be asked for it.
    #[must_use]
    pub const fn is_of_containers(&self) -> bool {
        self.target_group().is_none()
    }

    /// How minutes become a longer period: counts are added up, all else is averaged.
    #[must_use]
    pub const fn adds_up(&self) -> bool {
        matches!(self, Self::RequestCountPerTarget(_) | Self::RequestCount(_))
    }
}

/// The value of one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datapoint {
    /// The end of the minute.
    pub at: Timestamp,
    /// The value.
    pub value: Decimal,
}

/// The datapoints of one metric, oldest first. A minute without one is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricSeries {
    /// Which metric.
    pub metric: ScalingMetric,
    /// Only as many as alarms look at.
    pub points: VecDeque<Datapoint>,
}
