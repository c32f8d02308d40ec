//! What is different between two values of one kind, in a few words for a person: `cpu 128 -> 256, environment`.
//!
//! Numbers are shown, and names of images. Other texts are not: they may be long, and what a user keeps to himself.

use serde::Serialize;
use serde_json::{Map, Value};

use std::collections::BTreeMap;

use crate::{ClusterName, InstanceName, InstanceSpec, InstanceStatus, RepositorySpec, Revision, Service, ServiceSpec, TaskDefinition, World};

/// What is shown though it is a text.
const SHOWN: [&str; 2] = ["image", "network_mode"];
/// The image of the same name is another one.
const CONTENTS: &str = "the contents of its image";
/// What follows from the rest, or is said elsewhere.
const UNSAID: [&str; 1] = ["containers"];

/// The keys that differ, by the names that manifests have for them.
pub(crate) fn of<T: Serialize>(old: &T, new: &T) -> Vec<String> {
    let (old, new) = (serde_json::to_value(old).unwrap_or_default(), serde_json::to_value(new).unwrap_or_default());
    let mut words = Vec::new();
    compare("", &old, &new, &mut words);
    words
}

/// The same of a task definition, with what differs of its containers.
pub(crate) fn of_definitions(old: &TaskDefinition, new: &TaskDefinition) -> Vec<String> {
    let mut words = of(old, new);
    for container in &new.containers {
        match old.container(&container.name) {
            Some(known) => {
                let mut own = of(known, container);
                // Another image has other contents.
                let other = own.iter().any(|word| word.starts_with("image "));
                own.retain(|word| word != CONTENTS || !other);
                words.extend(own.into_iter().map(|word| format!("{}: {word}", container.name)));
            }
            None => words.push(format!("+{}", container.name)),
        }
    }
    let gone = old.containers.iter().filter(|known| new.container(&known.name).is_none());
    words.extend(gone.map(|known| format!("-{}", known.name)));
    words
}

/// Differences behind what they are of.
pub(crate) fn told(differences: &[String]) -> String {
    if differences.is_empty() { String::new() } else { format!(": {}", differences.join(", ")) }
}

fn compare(path: &str, old: &Value, new: &Value, words: &mut Vec<String>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Value::Object(known), Value::Object(wanted)) if seconds(old).is_none() => {
            let keys: std::collections::BTreeSet<&String> = known.keys().chain(wanted.keys()).collect();
            for key in keys.into_iter().filter(|key| !UNSAID.contains(&key.as_str())) {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, &of(known), &of(wanted), words);
            }
        }
        _ if path == "image_id" => words.push(CONTENTS.into()),
        _ => {
            let name = camel(path);
            let shown = shown(path, old).zip(shown(path, new));
            words.push(shown.map_or_else(|| name.clone(), |(old, new)| format!("{name} {old} -> {new}")));
        }
    }
}

fn shown(path: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("none".into()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(text) if SHOWN.contains(&path) => Some(text.clone()),
        other => seconds(other),
    }
}

/// How a duration is written down.
fn seconds(value: &Value) -> Option<String> {
    let value = value.as_object().filter(|value| value.len() == 2 && value.contains_key("nanos"))?;
    let seconds = value.get("secs")?.as_u64()?;
    Some(format!("{seconds} s"))
}

/// `health_check.interval` -> `healthCheck.interval`
fn camel(path: &str) -> String {
    let mut upper = false;
    let mut name = String::with_capacity(path.len());
    for letter in path.chars() {
        match letter {
            '_' => upper = true,
            letter if std::mem::take(&mut upper) => name.push(letter.to_ascii_uppercase()),
            letter => name.push(letter),
        }
    }
    name
}

/// Which instances are new, changed and gone.
pub(crate) fn of_instances(before: &World, cluster: &ClusterName, instances: &BTreeMap<InstanceName, InstanceSpec>) -> String {
    let known = before.clusters.get(cluster).map(|found| &found.instances);
    let Some(known) = known else {
        let names = instances.keys().map(InstanceName::as_str).collect::<Vec<_>>();
        return format!("+ container instances {}", names.join(", "));
    };
    let put = instances.values().filter_map(|spec| match known.get(&spec.name) {
        Some(found) if found.spec == *spec && found.status != InstanceStatus::Deregistering => None,
        Some(_) => Some(format!("~{}", spec.name)),
        None => Some(format!("+{}", spec.name)),
    });
    let gone = known.keys().filter(|name| !instances.contains_key(*name)).map(|name| format!("-{name}"));
    format!("~ container instances {}", put.chain(gone).collect::<Vec<_>>().join(", "))
}

/// Which settings of a repository differ, by AWS's names.
pub(crate) fn of_repositories(old: &RepositorySpec, new: &RepositorySpec) -> String {
    let differences = [
        (old.tag_rule != new.tag_rule, "imageTagMutability"),
        (old.scan_on_push != new.scan_on_push, "scanOnPush"),
        (old.lifecycle_policy != new.lifecycle_policy, "lifecyclePolicyText"),
        (old.tags != new.tags, "tags"),
    ];
    differences.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| format!(", {name}")).collect()
}

/// Which settings differ, by AWS's names.
fn settings(old: &ServiceSpec, new: &ServiceSpec) -> String {
    let differences = [
        (old.load_balancers != new.load_balancers, "loadBalancers"),
        (old.minimum_healthy_percent != new.minimum_healthy_percent, "minimumHealthyPercent"),
        (old.maximum_percent != new.maximum_percent, "maximumPercent"),
        (old.health_check_grace_period != new.health_check_grace_period, "healthCheckGracePeriodSeconds"),
        (old.circuit_breaker != new.circuit_breaker, "deploymentCircuitBreaker"),
        (old.deployment_alarms != new.deployment_alarms, "alarms"),
        (old.early_success != new.early_success, "earlySuccessCriteria"),
        (old.traffic_shift != new.traffic_shift, "strategy"),
        (old.scheduling_strategy != new.scheduling_strategy, "schedulingStrategy"),
        (old.connects_to != new.connects_to, "connectsTo"),
        (old.service_connect != new.service_connect, "serviceConnectConfiguration"),
        (old.service_registry != new.service_registry, "serviceRegistries"),
        (old.placement.constraints != new.placement.constraints, "placementConstraints"),
        (old.placement.strategy != new.placement.strategy, "placementStrategy"),
        (old.enable_execute_command != new.enable_execute_command, "enableExecuteCommand"),
    ];
    differences.into_iter().filter(|(differs, _)| *differs).map(|(_, name)| format!(", {name}")).collect()
}

/// What an update changes of a service, each part with a comma before it.
pub(crate) fn of_services(old: &Service, spec: &ServiceSpec, revision: &Revision) -> String {
    let mut parts = String::new();
    if old.revision != *revision {
        parts += &format!(", {} -> {revision}", old.revision);
    }
    let count = old.wanted_count();
    if count != spec.desired_count {
        parts += &format!(", desired count {count} -> {}", spec.desired_count);
    }
    parts + &settings(&old.spec, spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContainerDefinition, ContainerName, Family, NetworkMode};

    fn definition(containers: &[(&str, &str, u32)]) -> TaskDefinition {
        let container = |(name, image, cpu): &(&str, &str, u32)| ContainerDefinition {
            cpu: *cpu,
            environment: [("KEY".to_owned(), (*image).to_owned())].into(),
            ..ContainerDefinition::new(ContainerName::new(name).unwrap(), image)
        };
        TaskDefinition::new(Family::new("users").unwrap(), NetworkMode::Bridge, containers.iter().map(container).collect())
    }

    #[test]
    fn numbers_and_images_are_shown_and_other_texts_named() {
        let (old, new) = (definition(&[("web", "web:1", 128)]), definition(&[("web", "web:2", 256)]));
        assert_eq!(of_definitions(&old, &new), ["web: cpu 128 -> 256", "web: environment.KEY", "web: image web:1 -> web:2"]);
        let built = |id: &str, image: &str| {
            let mut built = definition(&[("web", image, 128)]);
            built.containers[0].environment.clear();
            built.containers[0].image_id = Some(id.into());
            built
        };
        assert_eq!(of_definitions(&built("sha256:1", "web"), &built("sha256:2", "web")), ["web: the contents of its image"]);
        assert_eq!(of_definitions(&built("sha256:1", "web"), &built("sha256:2", "web:2")), ["web: image web -> web:2"]);
        assert_eq!(of_definitions(&old, &old), Vec::<String>::new());
        assert_eq!(of_definitions(&old, &definition(&[("other", "web:1", 1)])), ["+other", "-web"]);
        let mut host = old.clone();
        host.network_mode = NetworkMode::Host;
        host.cpu = Some(512);
        assert_eq!(of_definitions(&old, &host), ["cpu none -> 512", "networkMode Bridge -> Host"]);
    }

    #[test]
    fn durations_are_seconds_and_names_are_the_manifest_s() {
        let old = crate::TargetGroupSpec::new(crate::TargetGroupName::new("users").unwrap(), 80);
        let mut new = old.clone();
        new.health_check.interval = std::time::Duration::from_secs(6);
        assert_eq!(of(&old, &new), ["healthCheck.interval 30 s -> 6 s"]);
    }
}
