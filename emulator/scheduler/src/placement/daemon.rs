//! DAEMON services: one task on each ACTIVE instance that matches (ecs.md 3.1).

use model::{SchedulingStrategy, Service, ServiceStatus, Step, TaskStatus};

use super::fit::Request;
use super::ledger::{Charge, Ledger};
use super::strategy::Preference;
use crate::context::Context;
use crate::draft::Draft;

impl<'r> Request<'r> {
    /// The tasks of a service.
    pub(crate) fn of_service(ledger: &Ledger<'_>, draft: &Draft<'_>, (service, definition): (&'r Service, &'r model::TaskDefinition)) -> Self {
        let range = ledger.range(&service.cluster);
        let mut counts = vec![0; range.len()];
        let mut occupied = vec![0; range.len()];
        for task in draft.tasks.iter().map(|one| &one.task).filter(|task| task.last_status != TaskStatus::Stopped) {
            let Some(seat) = ledger.seat_of(task) else { continue };
            occupied[seat - range.start] += 1;
            counts[seat - range.start] += usize::from(task.is_live());
        }
        Self {
            cluster: &service.cluster,
            definition,
            charge: Charge::of(definition, &model::TaskOverrides::default()),
            placement: &service.spec.placement,
            group: format!("service:{}", service.spec.name),
            preference: Preference::new(ledger, &service.cluster, &service.spec.placement, true),
            counts,
            occupied: crate::draft::is_daemon(service).then_some(occupied),
        }
    }
}

/// The desired counts of DAEMON services, which are the cluster's to say, where they are others than recorded.
pub(crate) fn counts(context: &Context<'_>, ledger: &Ledger<'_>, drafts: &[Draft<'_>]) -> Vec<Step> {
    let mut steps = Vec::new();
    for draft in drafts {
        let Some((key, service)) = draft.service.filter(|(_, service)| service.spec.scheduling_strategy == SchedulingStrategy::Daemon) else {
            continue;
        };
        let Some(definition) = context.world.definition(&service.revision).filter(|_| service.status == ServiceStatus::Active) else { continue };
        let request = Request::of_service(ledger, draft, (service, definition));
        let matching = matching(ledger, &request).filter(|matches| *matches).count();
        let desired_count = u32::try_from(matching).unwrap_or(u32::MAX);
        if desired_count != service.spec.desired_count {
            steps.push(Step::SetDesiredCount { service: key.clone(), desired_count });
        }
    }
    steps
}

/// Whether each instance of the cluster is to have a task.
fn matching<'m>(ledger: &'m Ledger<'_>, request: &'m Request<'_>) -> impl Iterator<Item = bool> + 'm {
    let range = ledger.range(request.cluster);
    let begin = range.start;
    range.map(move |place| ledger.seats[place].is_active() && ledger.misfit(place, request, Some(request.counts[place - begin])).is_none())
}

/// What is to become of a DAEMON service's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    /// Its instance is to have it.
    Stays,
    /// Its instance is to have none.
    Goes,
    /// Its instance drains, and has other tasks: it goes after them.
    GoesLast,
}

/// What is to become of the tasks on each instance of the cluster.
pub(crate) fn split(ledger: &Ledger<'_>, request: &Request<'_>) -> Vec<Post> {
    let range = ledger.range(request.cluster);
    let matching: Vec<bool> = matching(ledger, request).collect();
    range
        .clone()
        .map(|place| match &ledger.seats[place] {
            seat if !seat.is_active() && seat.others > 0 => Post::GoesLast,
            _ if matching[place - range.start] => Post::Stays,
            _ => Post::Goes,
        })
        .collect()
}
