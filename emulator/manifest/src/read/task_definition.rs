//! A task definition (ecs.md 1.1).

use model::{ContainerDefinition, Family, TaskDefinition};

use super::{Reader, container, fargate, links, linux_parameters, namespaces, network_mode, placement, port_ranges, role, volume};
use crate::node::Node;
use crate::problem::Report;

const MAX_CONTAINERS: usize = 10;
/// CPU units of a task on EC2.
const CPU: std::ops::RangeInclusive<u32> = 128..=196_608;

pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Option<TaskDefinition> {
    let family: Option<Family> = super::name_under(node, "family", reader.report);
    let cpu = node.get("cpu").map(|node| cpu(node, reader.report));
    let memory = node.get("memory").map(|node| memory(node, reader.report));
    let items = node.list("containerDefinitions");
    let read: Vec<Option<ContainerDefinition>> =
        items.iter().map(|item| container::read(item, family.as_ref(), fargate::is_asked(node), reader)).collect();
    let report = &mut *reader.report;
    if items.len() > MAX_CONTAINERS {
        report.problem(
            super::place(node, "family"),
            format!("a task definition has at most {MAX_CONTAINERS} containers, this one has {}", items.len()),
        );
    }
    if !items.is_empty() && items.iter().all(|item| item.boolean_of("essential") == Some(false)) {
        report
            .problem(super::place(node, "family"), "a task definition needs at least one essential container")
            .hint("remove one `essential: false`");
    }
    for item in items {
        container_memory(item, node.get("memory"), memory.flatten(), report);
        linux_parameters::swap(item, node, report);
    }
    let mode = network_mode::of(node);
    network_mode::check(node, mode, report);
    port_ranges::check(node, mode, report);
    links::check(node, mode, report);
    namespaces::check(node, mode, report);
    let volumes = volume::read(node, report);
    volume::check(node, fargate::is_asked(node), report);
    fargate::check(node, cpu.flatten(), memory.flatten(), report);
    let member_of = placement::member_of(node, report);
    let containers = read.into_iter().collect::<Option<Vec<_>>>();
    Some(TaskDefinition {
        family: family?,
        network_mode: mode,
        pid_mode: namespaces::mode(node, "pidMode"),
        ipc_mode: namespaces::mode(node, "ipcMode"),
        cpu: cpu.map_or(Some(None), |cpu| cpu.map(Some))?,
        memory: memory.map_or(Some(None), |memory| memory.map(Some))?,
        containers: network_mode::normalise(mode, containers?),
        member_of: member_of?,
        requires_attributes: placement::required_attributes(node),
        volumes: volumes?,
        enable_fault_injection: node.boolean_of("enableFaultInjection").unwrap_or(false),
        task_role: role::named(node, "taskRoleArn", report),
        execution_role: role::named(node, "executionRoleArn", report),
    })
}

fn cpu(node: &Node, report: &mut Report) -> Option<u32> {
    let units = amount(node.text()?, &["vcpu"], 1024).filter(|units| CPU.contains(units));
    if units.is_none() {
        report
            .problem(node.span, format!("Invalid 'cpu' setting for task: {}", node.describe()))
            .hint("units from 128 to 196608 (1024 a core), or for example `1 vCPU`");
    }
    units
}

fn memory(node: &Node, report: &mut Report) -> Option<u32> {
    let mebibytes = amount(node.text()?, &["gb"], 1024).filter(|mebibytes| *mebibytes >= 6);
    if mebibytes.is_none() {
        report.problem(node.span, format!("Invalid 'memory' setting for task: {}", node.describe())).hint("MiB, at least 6, or for example `1 GB`");
    }
    mebibytes
}

/// A whole number, or a decimal one with a unit that is worth `factor`, in either case, with or without a space.
fn amount(text: &str, units: &[&str], factor: u32) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    let Some(number) = units.iter().find_map(|unit| lower.strip_suffix(unit)) else { return lower.parse().ok() };
    let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    if fraction.len() > 4 || !fraction.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u32.pow(u32::try_from(fraction.len()).ok()?);
    let digits: u32 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.parse::<u32>().ok()?.checked_mul(factor)?.checked_add(digits * factor / scale)
}

/// Memory must be limited somewhere, and a container's limit be within its task's (ecs.md 1.4, 11.5).
fn container_memory(item: &Node, task: Option<&Node>, limit: Option<u32>, report: &mut Report) {
    if let (Some(own), Some(limit)) = (item.integer_of::<u32>("memory"), limit)
        && own > limit
    {
        report.problem(super::place(item, "memory"), format!("container memory limit({own}) greater than task memory limit({limit})"));
    }
    let Some(name) = item.text_of("name").filter(|_| task.is_none() && !report.partial) else { return };
    if item.get("memory").is_none() && item.get("memoryReservation").is_none() && item.entry("memory").is_none() {
        report
            .problem(
                super::place(item, "name"),
                format!("Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."),
            )
            .hint("for example `memory: 256` (MiB), here or on the task definition");
    }
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_have_units() {
        for (text, units, expected) in [
            ("256", "vcpu", Some(256)),
            ("1 vCPU", "vcpu", Some(1024)),
            (".5 vcpu", "vcpu", None),
            ("0.25 vCPU", "vcpu", Some(256)),
            ("2GB", "gb", Some(2048)),
            ("1.5 GB", "gb", Some(1536)),
            ("-1", "gb", None),
            ("1.x GB", "gb", None),
            ("99999999 GB", "gb", None),
            ("lots", "gb", None),
        ] {
            assert_eq!(amount(text, &[units], 1024), expected, "{text}");
        }
    }
}
