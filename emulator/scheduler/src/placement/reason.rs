//! Why a task is placed nowhere: ECS's word for it, its sentence, and what a person may do (ecs.md 3.8 and 9).

use model::{InstanceName, PlacementFailure, ServiceName};

use super::fit::{Obstacle, Request, Unplaced};
use super::ledger::Ledger;

/// What a person reads of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// After `no container instance takes it: `.
    pub(crate) detail: String,
    /// What to change.
    pub(crate) hint: String,
    /// Even with nothing else on any instance.
    pub(crate) never: bool,
}

impl Unplaced {
    /// ECS's sentence for the service's events.
    pub(crate) fn event(&self, ledger: &Ledger<'_>, service: &ServiceName) -> String {
        let why = match &self.closest {
            None => "Reason: No Container Instances were found in your cluster.".to_owned(),
            Some((place, obstacle)) => {
                let what = match obstacle {
                    Obstacle::Agent => "doesn't have the agent connected.",
                    Obstacle::Attribute(_) => "is missing an attribute required by your task.",
                    Obstacle::MemberOf(_) => "encountered error \"MemberOf placement constraint unsatisfied.\"",
                    Obstacle::DistinctInstance => "encountered error \"DistinctInstance placement constraint unsatisfied.\"",
                    Obstacle::Port(_) => "is already using a port required by your task.",
                    Obstacle::Memory => "has insufficient memory available.",
                    Obstacle::Cpu => "has insufficient CPU units available.",
                };
                format!("The closest matching (container-instance {}) {what}", ledger.seats[*place].instance.spec.name)
            }
        };
        format!(
            "(service {service}) was unable to place a task because no container instance met all of its requirements. {why} \
             For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
        )
    }

    /// A failure of RunTask.
    pub(crate) fn failure(&self, ledger: &Ledger<'_>, request: &Request<'_>) -> PlacementFailure {
        let Reason { detail, hint, .. } = self.reason(ledger, request);
        let reason = match self.closest.as_ref().map(|(_, obstacle)| obstacle) {
            None => "No Container Instances were found in your cluster.",
            Some(Obstacle::Agent) => "AGENT",
            Some(Obstacle::Attribute(_)) => "ATTRIBUTE",
            Some(Obstacle::MemberOf(_)) => "MemberOf placement constraint unsatisfied.",
            Some(Obstacle::DistinctInstance) => "DistinctInstance placement constraint unsatisfied.",
            Some(Obstacle::Port(_)) => "RESOURCE:PORTS",
            Some(Obstacle::Memory) => "RESOURCE:MEMORY",
            Some(Obstacle::Cpu) => "RESOURCE:CPU",
        };
        let instance: Option<InstanceName> = self.closest.as_ref().map(|(place, _)| ledger.seats[*place].instance.spec.name.clone());
        PlacementFailure { reason: reason.to_owned(), instance, detail, hint }
    }

    /// The same for a person.
    pub(crate) fn reason(&self, ledger: &Ledger<'_>, request: &Request<'_>) -> Reason {
        let never = self.closest.as_ref().is_none_or(|(_, obstacle)| never(ledger, request, obstacle));
        let (detail, hint) = match &self.closest {
            None => ("none is ACTIVE".to_owned(), "`ecslocal instances` lists them, `ecslocal activate NAME` lets one take tasks again".to_owned()),
            Some((place, obstacle)) => told(ledger, request, (*place, obstacle), never),
        };
        Reason { detail, hint, never }
    }
}

fn told(ledger: &Ledger<'_>, request: &Request<'_>, (place, obstacle): (usize, &Obstacle), never: bool) -> (String, String) {
    let seat = &ledger.seats[place];
    let name = &seat.instance.spec.name;
    let lack = |what: &str, unit: &str, key: &str, needed: u64, (left, registered): (Option<u64>, Option<u32>)| {
        let (left, registered) = (left.unwrap_or_default(), registered.unwrap_or_default());
        let detail = format!("it needs {needed} {unit}, the closest, {name}, has {left} of {registered} left");
        let more = u64::from(registered) + needed.saturating_sub(left);
        let stop = if never { "" } else { " stop something," };
        let register = if seat.instance.spec == model::InstanceSpec::this_machine() {
            format!("`containerInstances: [{{ name: {name}, {key}: {more} }}]`")
        } else {
            format!("`{key}: {more}` on {name} in `containerInstances`")
        };
        let hint = format!("give the task less {what},{stop} or register more: {register} of the manifest");
        (detail, hint)
    };
    let (cpu, memory) = seat.left();
    match obstacle {
        Obstacle::Cpu => lack("`cpu`", "CPU units", "cpu", request.charge.cpu, (cpu, seat.registered.cpu)),
        Obstacle::Memory => lack("`memory`", "MiB of memory", "memory", request.charge.memory, (memory, seat.registered.memory)),
        Obstacle::Port(held) => (
            format!("host port {} is held by {}", held.1, ledger.holder(seat.engine, held)),
            "`hostPort: 0` takes a free one; a static port holds one task an engine".to_owned(),
        ),
        Obstacle::Agent => (format!("the engine of {name} cannot be reached"), "`ecslocal doctor` looks into it".to_owned()),
        Obstacle::Attribute(required) => (
            format!("no ACTIVE one has the attribute {required}"),
            "`ecslocal instances` lists their attributes; `containerInstances` of the manifest gives them more".to_owned(),
        ),
        Obstacle::MemberOf(query) => (
            format!("the constraint `{query}` holds for no ACTIVE one"),
            "`ecslocal instances` lists their attributes; change the constraint, or give `containerInstances` what it asks for".to_owned(),
        ),
        Obstacle::DistinctInstance => {
            (distinct(ledger, request), "lower the number of tasks, add a container instance, or remove the constraint".to_owned())
        }
    }
}

/// `distinctInstance` alone is the reason only where every ACTIVE instance has a task.
fn distinct(ledger: &Ledger<'_>, request: &Request<'_>) -> String {
    let range = ledger.range(request.cluster);
    let active: Vec<usize> = range.clone().filter(|place| ledger.seats[*place].is_active()).collect();
    let with: Vec<&str> = active
        .iter()
        .filter(|place| request.counts[**place - range.start] > 0)
        .map(|place| ledger.seats[*place].instance.spec.name.as_str())
        .collect();
    if with.len() == active.len() {
        return "each has a task of it already, and `distinctInstance` allows no second".to_owned();
    }
    let has = if with.len() == 1 { "has" } else { "have" };
    format!("{} {has} a task of it already, `distinctInstance` allows no second, and no other ACTIVE one is allowed or has room", with.join(", "))
}

/// Whether no ACTIVE instance would take the task with nothing else on it.
fn never(ledger: &Ledger<'_>, request: &Request<'_>, obstacle: &Obstacle) -> bool {
    let larger = |registered: Option<u32>, own: u64| registered.is_none_or(|registered| u64::from(registered) >= own);
    let takes = |place: usize| {
        let seat = &ledger.seats[place];
        larger(seat.registered.cpu, request.charge.cpu) && larger(seat.registered.memory, request.charge.memory)
    };
    let mut active = ledger.range(request.cluster).filter(|place| ledger.seats[*place].is_active());
    match obstacle {
        Obstacle::Agent => false,
        Obstacle::Cpu | Obstacle::Memory | Obstacle::Port(_) => !active.any(|place| ledger.misfit(place, request, None).is_none() && takes(place)),
        Obstacle::Attribute(_) | Obstacle::MemberOf(_) => true,
        Obstacle::DistinctInstance => false,
    }
}
