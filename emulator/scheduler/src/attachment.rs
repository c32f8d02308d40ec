//! A process that takes a service's requests (`model::attachment`): whoever comes is healthy before whoever goes.

use model::{Attachment, AttachmentState, Service, ServiceLoadBalancer, ServiceStatus, Step, TargetHealthState};

use crate::context::Context;
use crate::draft::Draft;
use crate::events;

/// Moves an exchange on.
pub(crate) fn advance(context: &Context<'_>, draft: &mut Draft<'_>) {
    let Some((key, service)) = draft.service.filter(|(_, service)| service.status == ServiceStatus::Active) else { return };
    let Some(attachment) = service.attachment else { return };
    let name = &service.spec.name;
    let (next, event) = match attachment.state {
        AttachmentState::Attached { .. } => return,
        AttachmentState::Attaching if serves(context, service, attachment) => {
            let state = AttachmentState::Attached { desired_count: service.spec.desired_count };
            (Some(Attachment { state, ..attachment }), events::attached(name, attachment))
        }
        AttachmentState::Attaching => {
            let reason = format!("{name}: its tasks serve until the process at {attachment} passes the health checks");
            return draft.found.waiting.push((None, reason));
        }
        AttachmentState::Detaching if service.steady => (None, events::detached(name, attachment)),
        AttachmentState::Detaching => {
            return draft.found.waiting.push((None, format!("{name}: the process at {attachment} serves until its tasks are healthy")));
        }
    };
    draft.found.steps.push(Step::SetAttachment { service: key.clone(), at: context.now, attachment: next });
    draft.found.events.push(event);
}

/// Healthy in each target group that a listener forwards to.
fn serves(context: &Context<'_>, service: &Service, attachment: Attachment) -> bool {
    let groups = service.spec.load_balancers.iter().flat_map(ServiceLoadBalancer::groups).filter(|name| context.in_use.contains(*name));
    let found = groups.map(|name| context.world.target_groups.get(name)?.targets.get(&attachment.target().key()));
    found.into_iter().all(|target| target.is_some_and(|target| target.health.state == TargetHealthState::Healthy && target.draining_since.is_none()))
}
