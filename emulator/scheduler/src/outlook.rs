//! Which services wait in vain: those that cannot go on, while nobody else is about to make room for them.

use model::{ServiceStatus, TaskStatus};

use crate::Hopeless;
use crate::draft::{Despair, Draft};

/// The services that will not become steady by waiting. One that lacks room has hope as long as tasks stop, run to an end of their own, or
/// belong to another service that is on its way.
pub(crate) fn hopeless(drafts: &[Draft<'_>]) -> Vec<Hopeless> {
    if drafts.iter().all(|draft| draft.found.hopeless.is_none()) {
        return Vec::new();
    }
    let makes_room = drafts.iter().any(|draft| makes_room(draft));
    let of = |draft: &Draft<'_>| {
        let (key, Despair { reason, hint, room_would_help }) = draft.service.map(|(key, _)| key).zip(draft.found.hopeless.clone())?;
        (!room_would_help || !makes_room).then(|| Hopeless { service: key.clone(), reason, hint })
    };
    drafts.iter().filter_map(of).collect()
}

fn makes_room(draft: &Draft<'_>) -> bool {
    let unstopped = || draft.tasks.iter().filter(|one| one.task.last_status != TaskStatus::Stopped);
    if unstopped().any(|one| !one.task.is_live()) {
        return true;
    }
    match draft.service {
        None => unstopped().next().is_some(),
        Some((_, service)) if service.status == ServiceStatus::Draining => true,
        // A steady one keeps what it has, and so does one that waits itself.
        Some((_, service)) => !service.steady && draft.found.hopeless.is_none(),
    }
}
