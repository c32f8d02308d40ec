//! The checked tree to the values of the room `model`. A reader that cannot give a value has reported why.

mod action;
mod alarm;
mod authenticate;
mod condition;
mod container;
mod container_instance;
mod container_parts;
mod deployment;
mod discovery;
mod fargate;
mod firelens;
mod health_check;
pub(crate) mod links;
mod linux_parameters;
mod listener;
mod load_balancer;
mod log_configuration;
mod metric_alarm;
mod namespaces;
pub(crate) mod network_mode;
mod outside_values;
mod pem;
mod placement;
mod port_ranges;
mod repository;
mod role;
mod rule;
mod scaling;
mod scaling_policy;
mod scheduled_task;
pub(crate) mod secret;
mod service;
mod service_connect;
mod target_group;
mod targets;
mod task_definition;
mod tls;
mod traffic_shift;
mod transform;
mod volume;
mod watch;

use std::collections::BTreeMap;

use model::{Desired, NameError, TargetProtocol};

use crate::Source;
use crate::files::Files;
use crate::node::Node;
use crate::problem::Report;

pub(crate) use action::authenticating;
pub(crate) use alarm::dimension_name;
pub(crate) use discovery::referred;
pub(crate) use listener::{action_lists, actions_of, forwarded_groups};
pub(crate) use service_connect::{dns_name_of, namespace_of};
pub(crate) use target_group::name_of as target_group_name;
pub(crate) use targets::address_of;

/// What a reader needs besides the tree.
pub(crate) struct Reader<'a> {
    pub(crate) files: &'a Files,
    /// For files that a manifest names and somebody else will use.
    pub(crate) source: &'a dyn Source,
    pub(crate) report: &'a mut Report,
}

/// The whole manifest. Problems are in the report; with none, the value is complete.
pub(crate) fn desired(tree: &Node, reader: &mut Reader<'_>) -> Option<Desired> {
    let cluster = tree.get("cluster").and_then(|node| name(node, reader.report));
    let load_balancers = named(tree.list("loadBalancers"), reader, load_balancer::read);
    let target_groups =
        named(tree.list("targetGroups"), reader, |node, reader| target_group::read(node, reader.report).map(|spec| (spec.name.clone(), spec)));
    let task_definitions = named(tree.list("taskDefinitions"), reader, |node, reader| {
        task_definition::read(node, reader).map(|definition| (definition.family.clone(), definition))
    });
    let watch = watch::all(tree.list("taskDefinitions"), reader);
    let namespace = tree.get("serviceConnectDefaults").and_then(|node| node.text_of("namespace"));
    let discovered = discovery::all(tree, reader.report);
    let services = named(tree.list("services"), reader, |node, reader| {
        service::read(node, (namespace, &discovered), reader).map(|service| (service.spec.name.clone(), service))
    });
    let scheduled_tasks = named(tree.list("scheduledTasks"), reader, scheduled_task::read);
    let alarms = named(tree.list("alarms"), reader, |node, reader| alarm::read(node, reader.report));
    let instances = named(tree.list("containerInstances"), reader, |node, reader| container_instance::read(node, reader.report));
    let secrets = named(tree.list("secrets"), reader, secret::secret);
    let parameters = named(tree.list("parameters"), reader, secret::parameter);
    let repositories = repository::all(tree.list("repositories"), reader.report);
    let roles = named(tree.list("roles"), reader, |node, reader| role::read(node, reader.report));
    let desired = Desired { alarms, instances, scheduled_tasks, repositories, secrets, parameters, roles, ..Desired::empty(cluster?) };
    Some(Desired { load_balancers, target_groups, task_definitions, services, watch, ..desired })
}

/// Reads each item. One that gives nothing without a problem being known would be lost silently, so that is a problem of its own.
fn named<K: Ord, V>(items: &[Node], reader: &mut Reader<'_>, read: impl Fn(&Node, &mut Reader<'_>) -> Option<(K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    for item in items {
        match read(item, reader) {
            Some((key, value)) => {
                map.insert(key, value);
            }
            None if reader.report.is_clean() => {
                reader.report.problem(item.span, "this cannot be read").hint("this is a mistake of ecslocal's own; please report it with this file");
            }
            None => {}
        }
    }
    map
}

/// A name that must obey its rule.
fn name<T: std::str::FromStr<Err = NameError>>(node: &Node, report: &mut Report) -> Option<T> {
    match node.text()?.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            report.problem(node.span, error.to_string());
            None
        }
    }
}

/// The name under a key.
fn name_under<T: std::str::FromStr<Err = NameError>>(node: &Node, key: &str, report: &mut Report) -> Option<T> {
    node.get(key).and_then(|node| name(node, report))
}

/// The node under a key, or the whole when it is not there: a place to point at.
fn place(node: &Node, key: &str) -> crate::node::Span {
    node.get(key).unwrap_or(node).span
}

/// How a target group speaks to its targets, or its health check does.
fn target_protocol(node: &Node, key: &str) -> TargetProtocol {
    if node.text_of(key) == Some("HTTPS") { TargetProtocol::Https } else { TargetProtocol::Http }
}

/// A character of a header's name (RFC 9110).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
