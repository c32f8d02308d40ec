//! Where tasks may and should be placed: constraints bind, strategies are best effort (ecs.md 3.3).

use serde::{Deserialize, Serialize};

use crate::{ClusterQuery, InstanceName};

/// The most constraints of a task, those of its definition and of its service together.
pub const MAX_CONSTRAINTS: usize = 10;

/// The most strategies.
pub const MAX_STRATEGIES: usize = 5;

/// What a service or RunTask says of the placement of its tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// All of them bind, beside those of the task definition.
    pub constraints: Vec<PlacementConstraint>,
    /// One after the other; none for that of services: spread over zones, then over instances.
    pub strategy: Vec<PlacementStrategy>,
}

/// What must hold for the instance of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlacementConstraint {
    /// No other task of the group that is to run is there.
    DistinctInstance,
    /// The expression holds for it.
    MemberOf(ClusterQuery),
}

/// Which of the instances that will do is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlacementStrategy {
    /// Any.
    Random,
    /// The one with the fewest tasks of the group.
    Spread(SpreadField),
    /// The one with the least left that still fits.
    Binpack(BinpackField),
}

/// What tasks are spread over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpreadField {
    /// `instanceId`, or `host`.
    InstanceId,
    /// `attribute:NAME`; instances without it are together.
    Attribute(String),
}

/// What instances are filled up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BinpackField {
    /// CPU units.
    Cpu,
    /// Memory.
    Memory,
}

/// The attribute that zones are told apart by.
pub const AVAILABILITY_ZONE: &str = "ecs.availability-zone";

/// An attribute that an instance must have (`requiresAttributes`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredAttribute {
    /// Its name.
    pub name: String,
    /// Its value; `None` for whichever.
    pub value: Option<String>,
}

/// Why a task of RunTask was not placed (ecs.md 9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementFailure {
    /// AWS's word: `RESOURCE:CPU`, `RESOURCE:MEMORY`, `RESOURCE:PORTS`, `AGENT`, `ATTRIBUTE`, `MemberOf placement constraint unsatisfied.` …
    pub reason: String,
    /// The closest container instance.
    pub instance: Option<InstanceName>,
    /// The same for a person.
    pub detail: String,
    /// What would change it.
    pub hint: String,
}

impl PlacementStrategy {
    /// What services have that name none.
    #[must_use]
    pub fn of_services() -> Vec<Self> {
        vec![Self::Spread(SpreadField::Attribute(AVAILABILITY_ZONE.to_owned())), Self::Spread(SpreadField::InstanceId)]
    }
}
