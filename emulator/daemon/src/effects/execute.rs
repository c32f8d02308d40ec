//! One piece of work done.

use engine::{ContainerSpec, EngineError, NetworkNamespace, Progress};
use model::{EngineName, Fact, ObservedContainer};
use scheduler::Work;

use super::order::{Order, is_here};
use crate::connections::Connections;
use crate::doors::Doors;
use crate::engines::Engines;
use crate::hooks::Hooks;
use crate::kept_logs::KeptLogs;
use crate::mounts;
use crate::name_servers;
use crate::overlays::Overlays;
use crate::resources::Needed;

/// Completes an order with what its task needs besides images; or says that this cannot be had.
pub(super) async fn supply(work: &Work, mut order: Order, needed: Option<&Needed>) -> Result<Order, Fact> {
    let (Some(needed), Work::PrepareImage { task, container } | Work::Create { task, container }) = (needed, work) else { return Ok(order) };
    let fetched = needed.get().await.map_err(|reason| Fact::ResourcesFailed { task: task.clone(), reason })?;
    if let Order::Create(created) = &mut order {
        let (spec, _, router) = created.as_mut();
        if let Some(values) = fetched.get(container) {
            values.complete(&mut spec.definition);
        }
        if let Some(router) = router {
            router.give_secrets(&mut spec.definition, fetched);
        }
    }
    Ok(order)
}

/// Does a piece of work as its order says. What it found out, if that is anything.
pub(super) async fn execute(
    (engines, name, hooks, overlays): (&Engines, &EngineName, &dyn Hooks, &Overlays),
    (connections, doors, kept_logs): (&Connections, Option<&Doors>, Option<&KeptLogs>),
    work: &Work,
    order: Order,
) -> Result<Option<Fact>, EngineError> {
    if let Order::Refuse(error) = order {
        return Err(error);
    }
    let engine = engines.get(name)?;
    let there = |seen: ObservedContainer| ObservedContainer { engine: name.clone(), ..seen };
    let (task, container) = match work {
        Work::PrepareImage { task, container } | Work::Create { task, container } | Work::Start { task, container, .. } => {
            (Some(task.clone()), Some(container.clone()))
        }
        _ => (None, None),
    };
    Ok(match (work, order) {
        (Work::PrepareImage { .. }, Order::Image { reference }) => {
            let image_id = engines.image(name, &reference, Progress::none()).await?;
            task.zip(container).map(|(task, container)| Fact::ImageReady { task, container, image_id })
        }
        (Work::PrepareImage { .. }, Order::PauseImage) => {
            let image_id = engine.pause_image().await?;
            task.zip(container).map(|(task, container)| Fact::ImageReady { task, container, image_id })
        }
        (Work::Create { .. }, Order::Create(order)) => {
            let (mut spec, wanted, router) = *order;
            if let Some(router) = router {
                router.prepare(&spec).await?;
            }
            spec.name_servers = wanted.asks_for_names().then(name_servers::others);
            if is_here(name) {
                mounts::make_folders(&spec).await?;
            }
            let id = overlays.create(engine.as_ref(), &spec).await?;
            connections.open(&wanted).await?;
            // Before it starts: what it asks first may be its credentials.
            if let Some(doors) = doors {
                open(doors, name, &spec).await;
            }
            task.zip(container).map(|(task, container)| Fact::Created { task, container, id })
        }
        (Work::Start { id, .. }, _) => Some(Fact::Started(there(engine.start(id).await?))),
        (Work::Stop { task, id, .. }, Order::Stop { grace }) => {
            connections.withdraw(task).await;
            engine.stop(id, grace).await?;
            Some(engine.inspect(id).await?.map_or_else(|| Fact::Removed(id.clone()), |seen| Fact::Seen(there(seen))))
        }
        (Work::Hook { service, deployment, stage, hook, .. }, Order::Hook(asked)) => {
            let answer = hooks.ask(&asked.0, &asked.1).await;
            Some(Fact::Hook { service: service.clone(), deployment: deployment.clone(), stage: *stage, hook: *hook, answer })
        }
        (Work::Remove { id, .. }, Order::Remove(whose)) => {
            if let Some((kept_logs, whose)) = kept_logs.zip(whose) {
                kept_logs.keep(engine.as_ref(), id, whose).await;
            }
            engine.remove(id).await?;
            Some(Fact::Removed(id.clone()))
        }
        (Work::BeginFault { fault, task, .. }, Order::Fault(containers)) => {
            for (id, what) in &containers {
                engine.disturb(id, what).await?;
            }
            Some(Fact::FaultBegun { fault: fault.clone(), task: task.clone() })
        }
        (Work::EndFault { fault, task, .. }, Order::Fault(containers)) => {
            for (id, what) in &containers {
                engine.restore(id, what).await?;
            }
            Some(Fact::FaultUndone { fault: fault.clone(), task: task.clone() })
        }
        (Work::RemoveVolume { task, name }, Order::RemoveVolume(owner)) => {
            engine.remove_volume(&owner, name).await?;
            Some(Fact::VolumeRemoved { task: task.clone(), name: name.clone() })
        }
        (Work::RemoveNetwork(service), Order::RemoveNetwork(spec)) => {
            if let Some(doors) = doors {
                doors.close(&spec.service).await;
            }
            // An engine that is away removes it when it is back.
            for engine in engines.all() {
                engine.remove_network(&spec).await?;
            }
            if let Some(doors) = doors {
                doors.leave().await;
            }
            Some(Fact::NetworkRemoved(service.clone()))
        }
        _ => None,
    })
}

/// Opens the door of the network that a container joins. One that shares another's finds it open.
async fn open(doors: &Doors, engine: &EngineName, spec: &ContainerSpec) {
    match spec.namespace {
        NetworkNamespace::Own => doors.open(engine, Some(&spec.network.service)).await,
        NetworkNamespace::Host => doors.open(engine, None).await,
        NetworkNamespace::Shared(_) | NetworkNamespace::None => {}
    }
}
