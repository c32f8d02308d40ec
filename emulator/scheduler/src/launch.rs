//! The launches of one service in one plan: how many can be placed, where, and why no more.

use std::borrow::Cow;

use model::{Birth, Deployment, DeploymentStatus, Ids, LaunchBackoff, Service, Task, TaskDefinition};

use crate::context::Context;
use crate::draft::{Despair, Draft, TaskDraft};
use crate::events;
use crate::placement::{self, Ledger, Outcome, Request};
use crate::rollout::Decision;
use crate::service::{Side, is_given_up, number};
use crate::shift;

/// What can be launched for one side of a service.
pub(crate) struct Launch<'r> {
    /// `None` where nothing is to be launched or scaled in, or its revision does not exist.
    request: Option<Request<'r>>,
    /// Where each task is placed that can be; the ledger is charged for them.
    places: Vec<usize>,
    outcome: Outcome,
    /// Nothing is launched now whatever there is room for.
    held: bool,
}

/// That a launch cannot be placed, told in every way.
pub(crate) struct Hindrance {
    /// ECS's sentence.
    pub(crate) event: String,
    pub(crate) despair: Despair,
    /// Waiting does not help, unless others make room.
    pub(crate) for_good: bool,
}

impl<'r> Launch<'r> {
    /// Places as many tasks as the side lacks.
    pub(crate) fn seek<'a: 'r>(
        context: &Context<'a>,
        ledger: &mut Ledger<'a>,
        (service, side, backoff): (&'r Service, &Side<'_>, LaunchBackoff),
        draft: &Draft<'_>,
        ids: &mut Ids,
    ) -> Self {
        let newest = side.status() == DeploymentStatus::Primary;
        let held = newest && (is_given_up(service) || context.now < backoff.not_before || !shift::scales_up(service));
        let definition = context.world.definition(&side.deployment.revision);
        let there = side.members.iter().filter(|member| member.primary && !member.leaves && !member.sick).count();
        let desired = number(service.spec.desired_count);
        let lacking = desired.saturating_sub(there);
        // A service that has what it wants asks for nothing.
        let wanted = definition.filter(|_| there != desired);
        let mut request = wanted.map(|definition| Request::of_service(ledger, draft, (service, definition)));
        let (places, outcome) = match &mut request {
            Some(request) if !held && lacking > 0 => ledger.place(request, lacking, ids),
            _ => (Vec::new(), Outcome::All),
        };
        Self { held: held || definition.is_none(), request, places, outcome }
    }

    /// How many can be launched now.
    pub(crate) const fn limit(&self) -> usize {
        match self.outcome {
            _ if self.held => 0,
            Outcome::All => usize::MAX,
            Outcome::Soon | Outcome::No(_) => self.places.len(),
        }
    }

    /// Whether other tasks hold what the first launch needs.
    pub(crate) fn is_full(&self) -> bool {
        let resource =
            matches!(&self.outcome, Outcome::No(unplaced) if unplaced.closest.as_ref().is_some_and(|(_, obstacle)| obstacle.is_resource()));
        resource && self.places.is_empty() && !self.held
    }

    /// Whether the next launch waits for the end of tasks that stop.
    pub(crate) fn waits(&self) -> bool {
        self.outcome == Outcome::Soon && self.places.is_empty() && !self.held
    }

    /// Of the candidates those that go first.
    pub(crate) fn going(&self, ledger: &Ledger<'_>, side: &Side<'_>, candidates: &[usize], count: usize) -> Vec<usize> {
        self.request.as_ref().map_or_else(Vec::new, |request| placement::going(ledger, request, &side.members, candidates, count))
    }

    /// The bounds of a service allow so many of them.
    pub(crate) fn settle_for(&mut self, ledger: &mut Ledger<'_>, count: usize) {
        let Some(request) = &self.request else { return };
        while self.places.len() > count
            && let Some(place) = self.places.pop()
        {
            ledger.give_back(place, (request.definition, request.charge));
        }
    }

    /// Why the next one cannot be placed, if that is so.
    pub(crate) fn unplaced(&self, ledger: &Ledger<'_>, service: &Service) -> Option<Hindrance> {
        let (Outcome::No(unplaced), Some(request)) = (&self.outcome, &self.request) else { return None };
        let name = &service.spec.name;
        let reason = unplaced.reason(ledger, request);
        let resource = unplaced.closest.as_ref().is_some_and(|(_, obstacle)| obstacle.is_resource());
        let away = matches!(&unplaced.closest, Some((_, placement::Obstacle::Agent)));
        let despair = Despair {
            reason: format!("no container instance takes a task of {name}: {}", reason.detail),
            hint: reason.hint,
            room_would_help: resource && !reason.never,
        };
        Some(Hindrance { event: unplaced.event(ledger, name), despair, for_good: !away })
    }
}

/// Makes the tasks that are launched.
pub(crate) fn begin<'a>(
    context: &Context<'a>,
    service: &Service,
    draft: &mut Draft<'a>,
    (launch, deployment, decision): (&Launch<'_>, &Deployment, &Decision),
    ledger: &Ledger<'a>,
    ids: &mut Ids,
) {
    let definition: Option<&'a TaskDefinition> = context.world.definition(&deployment.revision);
    let Some(definition) = definition else { return };
    let (cluster, service_of, revision) = (&service.cluster, Some((&service.spec.name, Some(&deployment.id))), &deployment.revision);
    let mut started = Vec::new();
    for place in &launch.places {
        let instance = &ledger.seats[*place].instance.spec;
        let mut task = Task::new(&Birth { cluster, service: service_of, revision, definition, instance, at: context.now }, ids);
        task.enable_execute_command = service.spec.enable_execute_command;
        started.push(task.id.clone());
        draft.tasks.push(TaskDraft { task: Cow::Owned(task), definition: Some(definition), targets: Vec::new() });
    }
    if !started.is_empty() {
        draft.found.events.push(events::started(&service.spec.name, &started, decision.replaced));
    }
}
