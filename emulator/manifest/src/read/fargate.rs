//! What AWS asks of a task definition that is to run on Fargate (ecs.md 1.1, and the end of 1.2). Here such a task runs like any other.

use model::LogDriver;

use crate::keys::linux_parameters::LINUX_PARAMETERS;
use crate::keys::task_definition::{CONTAINER, TASK_DEFINITION};
use crate::node::{Node, Span};
use crate::problem::Report;
use crate::shape::Object;
use crate::suggest::listed;

/// CPU units, and MiB from, to and in steps of: what there is to choose from.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2048, 1024),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

/// Longest stop and start timeouts, in seconds.
const TIMEOUT: std::ops::RangeInclusive<i64> = 2..=120;

const LOG_DRIVERS: [&str; 3] = ["awslogs", "splunk", "awsfirelens"];

/// Checks a definition that names FARGATE; `cpu` and `memory` as they were read, `None` where they are not written or wrong.
pub(super) fn check(definition: &Node, cpu: Option<u32>, memory: Option<u32>, report: &mut Report) {
    let Some(asked) = asked(definition) else { return };
    if definition.text_of("networkMode") != Some("awsvpc") && !(report.partial && definition.get("networkMode").is_none()) {
        let place = definition.get("networkMode").map_or(asked.span, |node| node.span);
        report.problem(place, "Fargate only supports network mode 'awsvpc'.").hint("`networkMode: awsvpc`, or `requiresCompatibilities: [EC2]`");
    }
    size(definition, asked.span, (cpu, memory), report);
    refuse(&TASK_DEFINITION, definition, &["ipcMode", "placementConstraints"], report);
    if let Some(mode) = definition.get("pidMode").filter(|mode| mode.text() == Some("host")) {
        report.problem(mode.span, "Fargate only supports `pidMode: task`").hint(OR_EC2);
    }
    definition.list("containerDefinitions").iter().for_each(|container| check_container(container, report));
}

fn asked(definition: &Node) -> Option<&Node> {
    definition.list("requiresCompatibilities").iter().find(|item| item.text() == Some("FARGATE"))
}

/// Whether a definition names FARGATE.
pub(super) fn is_asked(definition: &Node) -> bool {
    asked(definition).is_some()
}

const OR_EC2: &str = "remove it, or say `requiresCompatibilities: [EC2]`";

fn size(definition: &Node, asked: Span, (cpu, memory): (Option<u32>, Option<u32>), report: &mut Report) {
    let missing = |key: &str| definition.get(key).is_none() && !report.partial;
    let absent: Vec<&str> = ["cpu", "memory"].into_iter().filter(|key| missing(key)).collect();
    for key in &absent {
        let example = if *key == "cpu" { "`cpu: 256` or `cpu: 0.5 vCPU`" } else { "`memory: 512` or `memory: 1 GB`" };
        report.problem(asked, format!("Fargate requires that '{key}' be defined at the task level.")).hint(format!("for example {example}"));
    }
    let Some(cpu) = cpu else { return };
    let message = "No Fargate configuration exists for given values.";
    let Some((_, from, to, step)) = SIZES.into_iter().find(|(units, ..)| *units == cpu) else {
        let known: Vec<String> = SIZES.iter().map(|(units, ..)| units.to_string()).collect();
        let hint = format!("`cpu` is {} units (1024 a core)", listed(known.iter().map(String::as_str)));
        report.problem(super::place(definition, "cpu"), message).hint(hint);
        return;
    };
    let fits = |memory: u32| (from..=to).contains(&memory) && (memory.is_multiple_of(step) || memory == from);
    if memory.is_some_and(|memory| !fits(memory)) {
        let hint = match cpu {
            256 => "with 256 units `memory` is 512, 1024 or 2048 MiB".to_owned(),
            _ => format!("with {cpu} units `memory` is {from} to {to} MiB in steps of {step}"),
        };
        report.problem(super::place(definition, "memory"), message).hint(hint);
    }
}

fn check_container(container: &Node, report: &mut Report) {
    refuse(&CONTAINER, container, &["links", "privileged", "dockerSecurityOptions"], report);
    if let Some(linux) = container.get("linuxParameters") {
        refuse(&LINUX_PARAMETERS, linux, &["devices", "sharedMemorySize", "maxSwap", "swappiness"], report);
        let added = linux.get("capabilities").map(|node| node.list("add")).unwrap_or_default();
        for capability in added.iter().filter(|capability| capability.text() != Some("SYS_PTRACE")) {
            report.problem(capability.span, "Fargate only allows the capability `SYS_PTRACE` to be added").hint(OR_EC2);
        }
    }
    for key in ["stopTimeout", "startTimeout"] {
        if let Some(node) = container.get(key)
            && node.integer().is_some_and(|seconds| !TIMEOUT.contains(&seconds))
        {
            report.problem(node.span, format!("`{key}` on Fargate is from {} to {} seconds", TIMEOUT.start(), TIMEOUT.end())).hint(OR_EC2);
        }
    }
    let driver = container.get("logConfiguration").and_then(|node| node.get("logDriver"));
    if let Some(driver) =
        driver.filter(|driver| driver.text().is_some_and(|word| LogDriver::from_word(word).is_some() && !LOG_DRIVERS.contains(&word)))
    {
        report
            .problem(driver.span, format!("Fargate only supports the log drivers {}", listed(LOG_DRIVERS)))
            .hint("use `awslogs`: here a log group is a folder, and `ecslocal logs` shows the lines");
    }
}

/// Keys that Fargate does not have. Those that are refused for every task have been reported.
fn refuse(object: &Object, node: &Node, keys: &[&str], report: &mut Report) {
    for key in keys.iter().filter(|key| !refuses(object, key)) {
        if let Some(entry) = node.entry(key).filter(|entry| !entry.node.asks_for_nothing()) {
            report.problem(entry.key_span, format!("`{key}` of a {} is not supported on Fargate", object.noun)).hint(OR_EC2);
        }
    }
}

fn refuses(object: &Object, key: &str) -> bool {
    object.refused.iter().any(|(name, _)| *name == key)
}
