//! A service (ecs.md 3 and 4). Whether what it refers to exists is asked in [`crate::references`].

use std::collections::BTreeSet;
use std::time::Duration;

use model::{
    DesiredService, Family, Placement, ScalableTarget, SchedulingStrategy, ServiceLoadBalancer, ServiceName, ServiceSpec, TargetGroupName,
    TaskDefinitionName,
};

use super::discovery::{self, Discovered};
use super::scaling::{self, Scaled};
use super::target_group::name_of;
use super::{Reader, deployment, service_connect, traffic_shift};
use crate::node::Node;
use crate::problem::Report;

const MAX_TARGET_GROUPS: usize = 5;

pub(super) fn read(node: &Node, (namespace, discovered): (Option<&str>, &[Discovered]), reader: &mut Reader<'_>) -> Option<DesiredService> {
    let configuration = node.get("deploymentConfiguration");
    let traffic_shift = configuration.map_or(Some(None), |configuration| traffic_shift::read(configuration, reader));
    let report = &mut *reader.report;
    let name = super::name_under(node, "serviceName", report);
    let definition = node.get("taskDefinition").and_then(|node| task_definition(node, report));
    let load_balancers = load_balancers(node, report);
    let percent = |key: &str, default| configuration.and_then(|node| node.integer_of(key)).unwrap_or(default);
    let scaled = Scaled { service: node, load_balancers: load_balancers.as_deref() };
    let scalable_target = node.get("scalableTarget").map(|target| scaling::read(target, &scaled, report));
    let scheduling_strategy = if node.text_of("schedulingStrategy") == Some("DAEMON") { daemon(node, report)? } else { SchedulingStrategy::Replica };
    let (minimum, maximum) = if scheduling_strategy == SchedulingStrategy::Daemon { (0, 100) } else { (100, 200) };
    let placement = placement(node, scheduling_strategy, report);
    let connects_to = connects_to(node, report);
    let service_connect = node.get("serviceConnectConfiguration").map_or(Some(None), |found| service_connect::read(found, namespace, report));
    let service_registry = discovery::registry(node, discovered, report);
    let (task_definition, revision) = definition?;
    let minimum_healthy_percent = percent("minimumHealthyPercent", minimum);
    let failure_detection = configuration.map(|node| deployment::read(node, minimum_healthy_percent, report)).unwrap_or_default();
    let spec = ServiceSpec {
        name: name?,
        // A DAEMON names none: one on each container instance.
        desired_count: desired_count(node, scalable_target.as_ref()),
        load_balancers: load_balancers?,
        minimum_healthy_percent,
        maximum_percent: percent("maximumPercent", maximum),
        health_check_grace_period: Duration::from_secs(node.integer_of("healthCheckGracePeriodSeconds").unwrap_or(0)),
        circuit_breaker: failure_detection.circuit_breaker,
        deployment_alarms: failure_detection.alarms,
        early_success: failure_detection.early_success,
        traffic_shift: traffic_shift?,
        scheduling_strategy,
        scalable_target: scalable_target.map_or(Some(None), |target| target.map(Some))?,
        placement: placement?,
        connects_to: connects_to?,
        service_connect: service_connect?,
        service_registry: service_registry?,
        enable_execute_command: node.boolean_of("enableExecuteCommand").unwrap_or(false),
    };
    shiftable(node, &spec, report)?;
    if spec.desired_count > 0 && spec.lower_bound() >= spec.upper_bound() {
        report.note(
            configuration.unwrap_or(node).span,
            format!(
                "service `{}` cannot roll out: minimumHealthyPercent {} and maximumPercent {} of {} leave no task to stop or start first",
                spec.name, spec.minimum_healthy_percent, spec.maximum_percent, spec.desired_count
            ),
        );
    }
    Some(DesiredService { spec, task_definition, revision })
}

/// Whether there are such services is asked where references are.
fn connects_to(node: &Node, report: &mut Report) -> Option<BTreeSet<ServiceName>> {
    let mut complete = true;
    let mut names = BTreeSet::new();
    for item in node.list("connectsTo") {
        match item.text().map(ServiceName::new) {
            Some(Ok(name)) => {
                names.insert(name);
            }
            Some(Err(error)) => {
                report.problem(item.span, error.to_string());
                complete = false;
            }
            None => complete = false,
        }
    }
    complete.then_some(names)
}

/// What a strategy that shifts traffic asks of the service.
fn shiftable(node: &Node, spec: &ServiceSpec, report: &mut Report) -> Option<()> {
    let Some(shift) = &spec.traffic_shift else { return Some(()) };
    let mut fits = true;
    if spec.scheduling_strategy == SchedulingStrategy::Daemon {
        let strategy = node.get("deploymentConfiguration").unwrap_or(node);
        let message = format!("a DAEMON service cannot be deployed {}", shift.pattern.as_str());
        report.problem(super::place(strategy, "strategy"), message).hint("use `strategy: ROLLING`");
        fits = false;
    }
    for entry in node.list("loadBalancers").iter().filter(|entry| entry.get("advancedConfiguration").is_none()) {
        report
            .problem(entry.span, format!("{} needs an `advancedConfiguration`: between what is traffic shifted?", shift.pattern.as_str()))
            .hint("`advancedConfiguration: { alternateTargetGroup: …, productionListenerRule: \"front:80/1\" }`");
        fits = false;
    }
    fits.then_some(())
}

/// A DAEMON runs on every instance that its constraints allow, so there is nothing to choose. On Fargate there are no instances.
fn placement(node: &Node, scheduling_strategy: SchedulingStrategy, report: &mut Report) -> Option<Placement> {
    let read = super::placement::read(node, report);
    let asks = |key: &str| node.entry(key).filter(|entry| !entry.node.asks_for_nothing());
    if let Some(entry) = asks("placementStrategy").filter(|_| scheduling_strategy == SchedulingStrategy::Daemon) {
        let text = "a DAEMON service has no placement strategy";
        report.problem(entry.key_span, text).hint("remove it: there is one task on each container instance that its constraints allow");
        return None;
    }
    if node.text_of("launchType") == Some("FARGATE") {
        let asked = ["placementConstraints", "placementStrategy"].into_iter().filter_map(asks);
        let refused = asked.map(|entry| {
            let message = format!("`{}` is not supported with the launch type FARGATE", entry.key);
            report.problem(entry.key_span, message).hint("remove it, or say `launchType: EC2`");
        });
        if refused.count() > 0 {
            return None;
        }
    }
    read
}

/// What a DAEMON may not say (ecs.md 3.1).
fn daemon(node: &Node, report: &mut Report) -> Option<SchedulingStrategy> {
    let mut fits = true;
    if node.get("desiredCount").is_some() {
        let text = "The daemon scheduling strategy does not support a desired count for services.";
        report.problem(super::place(node, "desiredCount"), text).hint("remove the desired count: there is one task on each container instance");
        fits = false;
    }
    let configuration = node.get("deploymentConfiguration");
    if let Some(configuration) = configuration.filter(|found| found.integer_of("maximumPercent").is_some_and(|percent: u32| percent != 100)) {
        report
            .problem(super::place(configuration, "maximumPercent"), "maximumPercent of a DAEMON service must be 100")
            .hint("its task stops before the next one starts on the same container instance");
        fits = false;
    }
    fits.then_some(SchedulingStrategy::Daemon)
}

/// A scaled service that says no count begins within its bounds.
fn desired_count(node: &Node, target: Option<&Option<ScalableTarget>>) -> u32 {
    let within = |count: u32| target.and_then(Option::as_ref).map_or(count, |target| target.capacity.clamp(count));
    node.integer_of("desiredCount").unwrap_or_else(|| within(1))
}

fn task_definition(node: &Node, report: &mut Report) -> Option<(Family, Option<u32>)> {
    let (family, revision) = TaskDefinitionName::split(node.text()?);
    let family = match Family::new(family) {
        Ok(family) => family,
        Err(error) => {
            report.problem(node.span, error.to_string());
            return None;
        }
    };
    let Some(text) = revision else { return Some((family, None)) };
    match text.parse() {
        Ok(number @ 1..) => Some((family, Some(number))),
        _ => {
            report.problem(node.span, format!("`{text}` is not a revision")).hint("revisions are numbers from 1: `family:3`");
            None
        }
    }
}

fn load_balancers(node: &Node, report: &mut Report) -> Option<Vec<ServiceLoadBalancer>> {
    let items = node.list("loadBalancers");
    if items.len() > MAX_TARGET_GROUPS {
        report.problem(super::place(node, "loadBalancers"), format!("a service has at most {MAX_TARGET_GROUPS} target groups"));
        return None;
    }
    let mut entries: Vec<(ServiceLoadBalancer, crate::node::Span)> = Vec::with_capacity(items.len());
    let mut complete = true;
    for item in items {
        let Some(entry) = load_balancer(item, report) else {
            complete = false;
            continue;
        };
        if let Some((_, first)) = entries.iter().find(|(other, _)| *other == entry) {
            let first = *first;
            report.problem(item.span, format!("the tasks are registered in target group `{}` twice", entry.target_group)).again(first);
        }
        entries.push((entry, item.span));
    }
    complete.then(|| entries.into_iter().map(|(entry, _)| entry).collect())
}

fn load_balancer(node: &Node, report: &mut Report) -> Option<ServiceLoadBalancer> {
    let target_group = node.get("targetGroup")?;
    let name = TargetGroupName::new(name_of(target_group.text()?)).map_err(|error| {
        report.problem(target_group.span, error.to_string());
    });
    let container_name = super::name_under(node, "containerName", report);
    let advanced = match node.get("advancedConfiguration") {
        Some(node) => Some(traffic_shift::advanced(node, report)?),
        None => None,
    };
    let container_port = node.integer_of("containerPort")?;
    Some(ServiceLoadBalancer { target_group: name.ok()?, container_name: container_name?, container_port, advanced })
}
