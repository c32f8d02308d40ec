//! CPU and memory of a service, in per cent of what its tasks reserve (ecs.md 7).

use std::collections::BTreeMap;
use std::time::Duration;

use engine::Usage;
use model::{Container, ContainerId, ContainerStatus, Decimal, ServiceKey, Task, TaskDefinition, TaskStatus, Timestamp, World};

const MEBIBYTE: u128 = 1 << 20;

type UsageById = BTreeMap<ContainerId, Usage>;

/// The tasks of a service that count: those that run and are wanted.
fn tasks<'w>(world: &'w World, key: &'w ServiceKey) -> impl Iterator<Item = (&'w Task, &'w TaskDefinition)> {
    let running = world.tasks_of(key).filter(|task| task.is_live() && task.last_status == TaskStatus::Running);
    running.filter_map(|task| Some((task, world.definition(&task.revision)?)))
}

fn running(task: &Task) -> impl Iterator<Item = (&Container, &ContainerId)> {
    let running = task.containers.iter().filter(|container| container.last_status == ContainerStatus::Running);
    running.filter_map(|container| Some((container, container.runtime_id.as_ref()?)))
}

/// The containers that have to be asked about.
pub(super) fn containers<'w>(world: &'w World, key: &'w ServiceKey) -> impl Iterator<Item = &'w ContainerId> {
    tasks(world, key).flat_map(|(task, _)| running(task)).map(|(_, id)| id)
}

/// Used of reserved CPU units since the look before. A container that was not seen then is reckoned from its start, if that was later. A
/// task that is not known for half a period, or not wholly, is left out.
pub(super) fn cpu_utilization(
    world: &World,
    key: &ServiceKey,
    (looked_at, before): (Timestamp, &UsageById),
    now: &UsageById,
    period: Duration,
) -> Option<Decimal> {
    let (mut used, mut reserved) = (0_u128, 0_u128);
    for (task, definition) in tasks(world, key) {
        let of_container = |(container, id): (&Container, &ContainerId)| {
            let now = now.get(id)?;
            let (from, cpu_time) = match before.get(id) {
                Some(before) => (before.at, before.cpu_time),
                None => (container.started_at.filter(|started| *started >= looked_at)?, Duration::ZERO),
            };
            let elapsed = now.at.since(from);
            let known = elapsed >= period / 2 && !elapsed.is_zero();
            // Thousandths of CPU units.
            known.then(|| now.cpu_time.saturating_sub(cpu_time).as_micros() * 1_024_000 / elapsed.as_micros().max(1))
        };
        if let Some(units) = running(task).map(of_container).collect::<Option<Vec<u128>>>() {
            used += units.iter().sum::<u128>();
            reserved += u128::from(definition.reserved_cpu()) * 1000;
        }
    }
    Decimal::ratio(used * 100, reserved)
}

/// Used of reserved memory. A task that reserves none, or is not wholly known, is left out.
pub(super) fn memory_utilization(world: &World, key: &ServiceKey, now: &UsageById) -> Option<Decimal> {
    let (mut used, mut reserved) = (0_u128, 0_u128);
    for (task, definition) in tasks(world, key) {
        let bytes = running(task).map(|(_, id)| now.get(id).map(|usage| u128::from(usage.memory))).collect::<Option<Vec<u128>>>();
        if let (Some(bytes), Some(mebibytes)) = (bytes, definition.reserved_memory()) {
            used += bytes.iter().sum::<u128>();
            reserved += u128::from(mebibytes) * MEBIBYTE;
        }
    }
    Decimal::ratio(used * 100, reserved)
}
