//! What a piece of work needs from the World.

use std::path::Path;
use std::time::Duration;

use engine::{Connection, ContainerSpec, Disturbance, EngineError, EngineErrorKind, NetworkNamespace, NetworkSpec};
use iam::Mint;
use model::{ContainerId, ContainerName, EngineName, FaultId, FaultKind, FaultedTask, HookTarget, OwnerId, Pressure, ServiceKey, TaskId, World};
use scheduler::Work;
use serde_json::Value;

use crate::connections::Wanted;
use crate::firelens::{self, Router};
use crate::kept_logs::Whose;
use crate::{hooks, mounts, namespaces};

/// What a piece of work needs from the World, taken when it starts.
pub(super) enum Order {
    Image {
        reference: String,
    },
    PauseImage,
    Create(Box<(ContainerSpec, Wanted, Option<Router>)>),
    Start,
    Stop {
        grace: Duration,
    },
    /// With whose log it is, if that is to be kept.
    Remove(Option<Whose>),
    RemoveNetwork(NetworkSpec),
    RemoveVolume(OwnerId),
    Hook(Box<(HookTarget, Value)>),
    /// What is done to which containers, or undone.
    Fault(Vec<(ContainerId, Disturbance)>),
    /// It cannot be done where the task is.
    Refuse(EngineError),
    /// Its object is gone from the World: nothing to do.
    Void,
}

/// How much longer than asked a fault may be left by a daemon that died.
const FAULT_GRACE: Duration = Duration::from_secs(10);

/// What the World says of a piece of work now.
pub(super) fn order(world: &World, work: &Work, (file_systems, routers): (&Path, &firelens::Folders), mint: &Mint) -> Order {
    let found = |task: &TaskId, container: &ContainerName| {
        let task = world.tasks.get(task)?;
        let definition = task.overrides.applied_to(world.definition(&task.revision)?);
        let wanted = definition.container(container).cloned().or_else(|| definition.pauses().find(|pause| pause.name == *container))?;
        Some((task, definition, task.container(container)?, wanted))
    };
    match work {
        Work::PrepareImage { container, .. } if container.is_pause() => Order::PauseImage,
        Work::PrepareImage { task, container } => found(task, container)
            .map_or(Order::Void, |(_, _, _, definition)| Order::Image { reference: definition.image_id.unwrap_or(definition.image) }),
        Work::Create { task, container } => found(task, container).map_or(Order::Void, |(task, whole, record, mut definition)| {
            let variables = agent::variables(world, mint, (task, &whole, &definition));
            definition.environment.extend(variables.fixed);
            let owner = world.settings.owner.clone();
            let service = task.service_key();
            // What a pause holds waits for it, so its id is known.
            let Some(namespaces) = namespaces::of(task, &whole, record) else { return Order::Void };
            let pauses = record.kind() != model::ContainerType::Normal;
            let links = definition.links.iter().filter_map(|link| Some((task.container(&link.container_name)?, &link.alias)));
            let links = links.map(|(record, alias)| (record.runtime_name.clone(), alias.clone())).collect();
            let sources = definition.volumes_from.iter().filter_map(|from| Some((task.container(&from.source_container)?, from.read_only)));
            let volumes_from = sources.map(|(record, read_only)| (record.runtime_name.clone(), read_only)).collect();
            let mut mounts = mounts::of(task, &whole, &definition, file_systems);
            if !is_here(&task.engine) && whole.log_router().is_some() {
                return Order::Refuse(no_router(&task.engine));
            }
            let router = match firelens::complete((world, routers), (task, &whole), &mut definition, &mut mounts) {
                Ok(router) => router,
                Err(error) => return Order::Refuse(error),
            };
            if !is_here(&task.engine) && mounts.iter().any(|mount| mount.is_below(file_systems)) {
                return Order::Refuse(elsewhere(&task.engine));
            }
            let reaches = service.as_ref().filter(|_| namespaces.0 == NetworkNamespace::Own);
            let (reached, wanted) = reaches.map(|service| reach(world, service)).unwrap_or_default();
            let spec = ContainerSpec {
                network: NetworkSpec { owner: owner.clone(), service: task.network() },
                owner,
                cluster: task.cluster.clone(),
                service,
                instance: task.instance.clone(),
                task: task.id.clone(),
                task_arn: world.task_arn(task),
                revision: task.revision.clone(),
                runtime_name: record.runtime_name.clone(),
                image_id: record.image_id.clone().unwrap_or_else(|| definition.image.clone()),
                definition,
                image_defaults: variables.defaults,
                namespace: namespaces.0,
                processes: namespaces.1,
                ipc: namespaces.2,
                links,
                connections: reached,
                name_servers: None,
                mounts,
                volumes_from,
                speed: world.settings.speed,
                // A pause asks for nothing of what is the task's.
                task_cpu: whole.cpu.filter(|_| !pauses),
                task_memory: whole.memory.filter(|_| !pauses),
            };
            Order::Create(Box::new((spec, wanted, router)))
        }),
        Work::Start { .. } => Order::Start,
        Work::Stop { grace, .. } => Order::Stop { grace: *grace },
        Work::Hook { service, deployment, stage, hook, .. } => {
            hooks::question(world, service, (deployment, *stage, *hook)).map_or(Order::Void, |asked| Order::Hook(Box::new(asked)))
        }
        Work::BeginFault { fault, task, .. } | Work::EndFault { fault, task, .. } => fault_of(world, fault, task),
        Work::Remove { id, .. } => Order::Remove(Whose::of(world, id)),
        Work::RemoveVolume { .. } => Order::RemoveVolume(world.settings.owner.clone()),
        Work::RemoveNetwork(service) => Order::RemoveNetwork(NetworkSpec { owner: world.settings.owner.clone(), service: service.clone() }),
    }
}

fn fault_of(world: &World, id: &FaultId, task: &TaskId) -> Order {
    let Some((fault, faulted)) = world.faults.get(id).and_then(|fault| Some((fault, fault.tasks.get(task)?))) else { return Order::Void };
    let what = match &fault.kind {
        FaultKind::Pressure(pressure) => return pressed(world, task, faulted, *pressure),
        FaultKind::Network(what) => Disturbance::Network {
            owner: world.settings.owner.clone(),
            fault: id.clone(),
            what: what.clone(),
            // The daemon is to come first.
            time: fault.until.since(fault.started_at) + FAULT_GRACE,
        },
        FaultKind::Kill { .. } => Disturbance::Kill,
        FaultKind::Pause { .. } => Disturbance::Pause,
        FaultKind::Answers(_) => return Order::Void,
    };
    Order::Fault(faulted.containers.iter().map(|id| (id.clone(), what.clone())).collect())
}

/// Limits, and those that each container had: by its definition, so that a daemon that comes later knows them as well. A task that is gone
/// takes its limits along.
fn pressed(world: &World, id: &TaskId, faulted: &FaultedTask, pressure: Pressure) -> Order {
    let Some(task) = world.tasks.get(id) else { return Order::Fault(Vec::new()) };
    let Some(definition) = world.definition(&task.revision).map(|definition| task.overrides.applied_to(definition)) else {
        return Order::Fault(Vec::new());
    };
    let of = |one: &ContainerId| {
        let record = task.containers.iter().find(|record| record.runtime_id.as_ref() == Some(one))?;
        let container = definition.container(&record.name)?;
        Some(match pressure {
            Pressure::Cpu(_) => {
                let machine = world.engines.get(&faulted.engine).map_or(1024, |engine| engine.cpu);
                Disturbance::Cpu { units: pressure.left_of(definition.cpu.unwrap_or(machine)), before: definition.cpu }
            }
            Pressure::Memory(_) => {
                let before = container.memory.into_iter().chain(definition.memory).min()?;
                let swap = container.linux_parameters.max_swap.unwrap_or(0);
                Disturbance::Memory { mebibytes: pressure.left_of(before).max(LEAST_MEMORY), before, swap }
            }
        })
    };
    Order::Fault(faulted.containers.iter().filter_map(|one| Some((one.clone(), of(one)?))).collect())
}

/// MiB that Docker lets a container have at least.
const LEAST_MEMORY: u32 = 6;

/// What a service's containers call others, and the doors that are open for that before they start.
fn reach(world: &World, client: &ServiceKey) -> (Vec<Connection>, Wanted) {
    let network = |service| NetworkSpec { owner: world.settings.owner.clone(), service };
    let names = routing::connection::names(world, client).into_iter();
    (names.map(|(name, server)| Connection { name, network: network(server) }).collect(), Wanted::by(world, client))
}

/// Whether an engine has the folders of this machine.
pub(super) fn is_here(name: &EngineName) -> bool {
    name.endpoint().is_none_or(|endpoint| endpoint.is_here())
}

fn no_router(name: &EngineName) -> EngineError {
    let message = format!("a log router shares a folder of this machine with its engine, which the engine at `{}` does not have", name.as_str());
    EngineError::new(EngineErrorKind::Refused, message)
}

fn elsewhere(name: &EngineName) -> EngineError {
    let message = format!("a file system of EFS is a folder of this machine, which the engine at `{}` does not have", name.as_str());
    EngineError::new(EngineErrorKind::Refused, message)
}

/// Who does a piece of work. What is nobody's alone is the daemon's own engine's.
pub(super) fn engine_of(world: &World, work: &Work) -> EngineName {
    match work {
        Work::Remove { engine, .. } | Work::BeginFault { engine, .. } | Work::EndFault { engine, .. } => engine.clone(),
        Work::PrepareImage { task, .. }
        | Work::Create { task, .. }
        | Work::Start { task, .. }
        | Work::Stop { task, .. }
        | Work::RemoveVolume { task, .. } => world.tasks.get(task).map(|task| task.engine.clone()).unwrap_or_default(),
        Work::Hook { .. } | Work::RemoveNetwork(_) => EngineName::own(),
    }
}
