//! What scaling policies and alarms look at: CloudWatch's metrics of a service and of its target groups (ecs.md 7, alb.md 8).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{Decimal, LoadBalancerName, TargetGroupName, Timestamp};

/// A metric of a service, a target group or a load balancer. Its datapoints are those of one minute of CloudWatch's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Metric {
    /// Used of the reserved CPU units of the running tasks, in per cent; may exceed 100. A task that reserves none counts as one core.
    CpuUtilization,
    /// Used of the reserved memory of the running tasks, in per cent.
    MemoryUtilization,
    /// A target group's requests of a minute over its healthy targets, or over the registered ones where none is healthy.
    RequestCountPerTarget(TargetGroupName),
    /// A target group's requests of a minute.
    RequestCount(TargetGroupName),
    /// Answers of a target group's targets in a minute, of one class of statuses, 2 to 5; nothing in a minute without any.
    TargetStatuses(TargetGroupName, u8),
    /// Connections to a target group's targets that could not be made in a minute; nothing in a minute without any.
    TargetConnectionErrors(TargetGroupName),
    /// A target group's healthy targets.
    HealthyHosts(TargetGroupName),
    /// A target group's unhealthy targets.
    UnhealthyHosts(TargetGroupName),
    /// A load balancer's own answers in a minute, of one class of statuses, 3 to 5; nothing in a minute without any.
    OwnStatuses(LoadBalancerName, u8),
    /// The mean of the times that targets took to answer, in seconds; nothing in a minute without answers.
    TargetResponseTime(TargetGroupName),
}

impl Metric {
    /// CloudWatch's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CpuUtilization => "CPUUtilization",
            Self::MemoryUtilization => "MemoryUtilization",
            Self::RequestCountPerTarget(_) => "RequestCountPerTarget",
            Self::RequestCount(_) => "RequestCount",
            Self::TargetResponseTime(_) => "TargetResponseTime",
            Self::TargetStatuses(_, 2) => "HTTPCode_Target_2XX_Count",
            Self::TargetStatuses(_, 3) => "HTTPCode_Target_3XX_Count",
            Self::TargetStatuses(_, 4) => "HTTPCode_Target_4XX_Count",
            Self::TargetStatuses(..) => "HTTPCode_Target_5XX_Count",
            Self::TargetConnectionErrors(_) => "TargetConnectionErrorCount",
            Self::HealthyHosts(_) => "HealthyHostCount",
            Self::UnhealthyHosts(_) => "UnHealthyHostCount",
            Self::OwnStatuses(_, 3) => "HTTPCode_ELB_3XX_Count",
            Self::OwnStatuses(_, 4) => "HTTPCode_ELB_4XX_Count",
            Self::OwnStatuses(..) => "HTTPCode_ELB_5XX_Count",
        }
    }

    /// The target group that it is about.
    #[must_use]
    pub const fn target_group(&self) -> Option<&TargetGroupName> {
        match self {
            Self::CpuUtilization | Self::MemoryUtilization | Self::OwnStatuses(..) => None,
            Self::RequestCountPerTarget(group)
            | Self::RequestCount(group)
            | Self::TargetResponseTime(group)
            | Self::TargetStatuses(group, _)
            | Self::TargetConnectionErrors(group)
            | Self::HealthyHosts(group)
            | Self::UnhealthyHosts(group) => Some(group),
        }
    }

    /// Whether the engine has to be asked for it.
    #[must_use]
    pub const fn is_of_containers(&self) -> bool {
        matches!(self, Self::CpuUtilization | Self::MemoryUtilization)
    }

    /// The metric and what it is of: `RequestCount of users`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::OwnStatuses(balancer, _) => format!("{} of {balancer}", self.name()),
            _ => self.target_group().map_or_else(|| self.name().to_owned(), |group| format!("{} of {group}", self.name())),
        }
    }

    /// How minutes become a longer period: counts are added up, all else is averaged.
    #[must_use]
    pub const fn adds_up(&self) -> bool {
        matches!(
            self,
            Self::RequestCountPerTarget(_)
                | Self::RequestCount(_)
                | Self::TargetStatuses(..)
                | Self::TargetConnectionErrors(_)
                | Self::OwnStatuses(..)
        )
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
    pub metric: Metric,
    /// Only as many as alarms look at.
    pub points: VecDeque<Datapoint>,
}
