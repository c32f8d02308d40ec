//! Container instances: where tasks are placed, and what each has to give (ecs.md 6). Several may share one engine.
//!
//! A container instance's id, in ARNs and events, is its name: AWS makes one up. An instance that says nothing of its CPU or memory has
//! an equal part of what those of the same engine that do leave of it; what an instance says is taken at its word, more than the
//! machine has included.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::world::Cluster;
use crate::{InstanceName, Timestamp, World};

/// The most attributes of a user's own on one instance; those that replace what every instance has are not counted.
pub const MAX_ATTRIBUTES: usize = 10;

/// The version of the ECS agent that instances say they run: whose behaviour this house follows.
pub const AGENT_VERSION: &str = "1.105.1";

/// TCP ports that are taken on every instance: SSH, Docker, the agent (ecs.md 1.3).
pub const RESERVED_PORTS: [u16; 5] = [22, 2375, 2376, 51678, 51679];

/// What a user says of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// Unique in its cluster.
    pub name: InstanceName,
    /// The engine that runs its tasks; the daemon's own where it names none.
    #[serde(default)]
    pub engine: EngineName,
    /// CPU units (1024 a core).
    pub cpu: Option<u32>,
    /// MiB.
    pub memory: Option<u32>,
    /// By name; they replace those that every instance has.
    pub attributes: BTreeMap<String, String>,
}

/// A container instance of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerInstance {
    /// What a user says of it.
    pub spec: InstanceSpec,
    /// Whether tasks are placed on it.
    pub status: InstanceStatus,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// `i-` and 17 hexadecimal digits; `None` for the one that stands for this machine, which has [`crate::Settings::instance`].
    pub ec2_instance_id: Option<String>,
}

/// Whether tasks are placed on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceStatus {
    /// They are.
    Active,
    /// None, and the tasks of services leave for others.
    Draining,
    /// The same, and it is gone when its last task is: the manifest does not name it any more.
    Deregistering,
}

impl InstanceStatus {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Deregistering => "DEREGISTERING",
        }
    }
}

/// Names an engine: `unix://…`, `tcp://…`, `ssh://…`, or nothing for the daemon's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EngineName(std::sync::Arc<str>);

impl EngineName {
    /// The engine at that endpoint.
    #[must_use]
    pub fn at(endpoint: &str) -> Self {
        Self(endpoint.into())
    }

    /// The daemon's own.
    #[must_use]
    pub fn own() -> Self {
        Self::at("")
    }

    /// Whether it is the daemon's own.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.0.is_empty()
    }

    /// Its endpoint; empty for the daemon's own.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for EngineName {
    fn default() -> Self {
        Self::own()
    }
}

/// What an engine has, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineResources {
    /// CPU units: 1024 a core.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// `x86_64`, `arm64` …
    pub architecture: String,
    /// `linux`
    pub os_type: String,
    /// Where this machine reaches what the engine publishes. Default 127.0.0.1.
    #[serde(default = "loopback")]
    pub host: IpAddr,
}

const fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

/// What an instance registers. `None` for all that there may be: nobody has said how much its engine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// CPU units.
    pub cpu: Option<u32>,
    /// MiB.
    pub memory: Option<u32>,
}

impl InstanceSpec {
    /// This machine's engine, with all that it has.
    #[must_use]
    pub fn this_machine() -> Self {
        Self { name: InstanceName::local(), engine: EngineName::own(), cpu: None, memory: None, attributes: BTreeMap::new() }
    }
}

impl ContainerInstance {
    /// One that is new.
    #[must_use]
    pub const fn new(spec: InstanceSpec, ec2_instance_id: Option<String>, now: Timestamp) -> Self {
        Self { spec, status: InstanceStatus::Active, registered_at: now, ec2_instance_id }
    }

    /// What a cluster has that says nothing of instances: this machine.
    pub(crate) fn of_this_machine(now: Timestamp) -> BTreeMap<InstanceName, Self> {
        BTreeMap::from([(InstanceName::local(), Self::new(InstanceSpec::this_machine(), None, now))])
    }

    /// The same, for what was written down before clusters had instances.
    pub(crate) fn of_earlier_versions() -> BTreeMap<InstanceName, Self> {
        Self::of_this_machine(Timestamp::default())
    }
}

impl Cluster {
    /// What an instance registers.
    #[must_use]
    pub fn registered(&self, instance: &ContainerInstance, engines: &BTreeMap<EngineName, EngineResources>) -> Registered {
        let engine = engines.get(&instance.spec.engine);
        let part = |has: fn(&EngineResources) -> u32, says: fn(&InstanceSpec) -> Option<u32>| {
            says(&instance.spec).or_else(|| {
                let same = self.instances.values().filter(|other| other.spec.engine == instance.spec.engine);
                let there = same.filter(|other| other.status != InstanceStatus::Deregistering || other.spec.name == instance.spec.name);
                let (given, silent) = there.fold((0_u32, 0_u32), |(given, silent), other| match says(&other.spec) {
                    Some(own) => (given.saturating_add(own), silent),
                    None => (given, silent + 1),
                });
                engine.map(|engine| has(engine).saturating_sub(given) / silent.max(1))
            })
        };
        Registered { cpu: part(|engine| engine.cpu, |spec| spec.cpu), memory: part(|engine| engine.memory, |spec| spec.memory) }
    }
}

impl World {
    /// The EC2 id of an instance, which names it in target groups.
    #[must_use]
    pub fn ec2_instance_id<'w>(&'w self, instance: Option<&'w ContainerInstance>) -> &'w str {
        instance.and_then(|instance| instance.ec2_instance_id.as_deref()).unwrap_or(&self.settings.instance)
    }

    /// The instance that a task runs on; `None` once it is gone, which is after its last task.
    #[must_use]
    pub fn instance_of(&self, task: &crate::Task) -> Option<&ContainerInstance> {
        self.clusters.get(&task.cluster)?.instances.get(&task.instance)
    }

    /// An attribute of an instance: the user's own, else one that every instance has.
    #[must_use]
    pub fn attribute<'w>(&'w self, instance: &'w ContainerInstance, name: &str) -> Option<Cow<'w, str>> {
        if let Some(own) = instance.spec.attributes.get(name) {
            return Some(Cow::Borrowed(own));
        }
        let engine = self.engines.get(&instance.spec.engine);
        Some(match name {
            "ecs.availability-zone" => Cow::Owned(format!("{}a", self.settings.region)),
            "ecs.instance-type" => Cow::Borrowed("local"),
            "ecs.os-type" => Cow::Borrowed(engine.map_or("linux", |engine| engine.os_type.as_str())),
            "ecs.os-family" => Cow::Owned(engine.map_or("linux", |engine| engine.os_type.as_str()).to_ascii_uppercase()),
            "ecs.cpu-architecture" => Cow::Borrowed(engine?.architecture.as_str()),
            _ => return None,
        })
    }

    /// All attributes of an instance by name.
    #[must_use]
    pub fn attributes(&self, instance: &ContainerInstance) -> BTreeMap<String, String> {
        let built_in = ["ecs.availability-zone", "ecs.instance-type", "ecs.os-type", "ecs.os-family", "ecs.cpu-architecture"];
        let built_in = built_in.into_iter().filter_map(|name| Some((name.to_owned(), self.attribute(instance, name)?.into_owned())));
        built_in.chain(instance.spec.attributes.clone()).collect()
    }

    /// `arn:aws:ecs:<region>:<account>:container-instance/<cluster>/<name>`
    #[must_use]
    pub fn container_instance_arn(&self, cluster: &crate::ClusterName, name: &InstanceName) -> String {
        let crate::Settings { account, region, .. } = &self.settings;
        format!("arn:aws:ecs:{region}:{account}:container-instance/{cluster}/{name}")
    }
}

/// Whether a text may be an attribute's name: 1 to 128 letters, digits and `-_/.\` (ecs.md 6).
#[must_use]
pub fn is_attribute_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/.\\".contains(&byte))
}

/// Whether a text may be an attribute's value: 1 to 128 letters, digits and `-_.@/\:`, or spaces that are not at an edge.
#[must_use]
pub fn is_attribute_value(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@/\\: ".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed) && text.trim() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, cpu: Option<u32>) -> InstanceSpec {
        InstanceSpec { name: InstanceName::new(name).unwrap(), cpu, ..InstanceSpec::this_machine() }
    }

    #[test]
    fn instances_that_say_nothing_share_what_the_others_leave() {
        let engine = EngineResources { cpu: 4096, memory: 8000, architecture: "x86_64".into(), os_type: "linux".into(), host: loopback() };
        let engines = BTreeMap::from([(EngineName::own(), engine)]);
        for (given, expected) in [
            (vec![None], vec![4096]),
            (vec![None, None], vec![2048, 2048]),
            (vec![Some(1000), None, None], vec![1000, 1548, 1548]),
            (vec![Some(9000), None], vec![9000, 0]),
        ] {
            let mut cluster = Cluster::new(Timestamp::default());
            let specs = given.iter().enumerate().map(|(index, cpu)| spec(&format!("i{index}"), *cpu));
            cluster.instances = specs.map(|spec| (spec.name.clone(), ContainerInstance::new(spec, None, Timestamp::default()))).collect();
            let found: Vec<_> = cluster.instances.values().map(|instance| cluster.registered(instance, &engines).cpu.unwrap()).collect();
            assert_eq!(found, expected, "{given:?}");
            assert_eq!(cluster.registered(&cluster.instances["i0"], &BTreeMap::new()).cpu, given[0], "nothing is known of the engine");
        }
    }

    #[test]
    fn attributes_obey_aws_s_limits() {
        for (text, expected) in [("ecs.zone", true), ("a/b_c-1\\", true), ("", false), ("a b", false), ("é", false)] {
            assert_eq!(is_attribute_name(text), expected, "{text}");
        }
        for (text, expected) in [("us-east-1a", true), ("a b", true), (" a", false), ("", false), ("a,b", false)] {
            assert_eq!(is_attribute_value(text), expected, "{text}");
        }
        assert!(is_attribute_name(&"a".repeat(128)) && !is_attribute_name(&"a".repeat(129)));
    }
}
