//! How a task's containers meet the network, and the container that ECS adds for it (ecs.md 1.6).

use serde::{Deserialize, Serialize};

use crate::{ContainerDefinition, ContainerName, PortMapping, TargetType, TaskDefinition};

/// The image of pause containers. The engine makes it: no registry has it.
pub const PAUSE_IMAGE: &str = "ecslocal/pause:latest";

/// How a task's containers meet the network (ecs.md 1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkMode {
    /// A bridge of the service's own, with ports published on loopback. The default.
    #[default]
    Bridge,
    /// The host's own network: what a container listens on, the host listens on.
    Host,
    /// One network namespace and one address a task, on the service's own network; a pause container holds it.
    Awsvpc,
    /// No network but each container's own loopback.
    None,
}

impl NetworkMode {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Host => "host",
            Self::Awsvpc => "awsvpc",
            Self::None => "none",
        }
    }

    /// The mode that AWS's word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Bridge, Self::Host, Self::Awsvpc, Self::None].into_iter().find(|mode| mode.as_str() == word)
    }

    /// The type of target group that tasks register in (ecs.md 4): by address, or by instance and host port.
    #[must_use]
    pub const fn target_type(self) -> TargetType {
        match self {
            Self::Awsvpc => TargetType::Ip,
            Self::Bridge | Self::Host | Self::None => TargetType::Instance,
        }
    }

    /// Whether tasks can register in groups of that type (ecs.md 4).
    #[must_use]
    pub fn registers_in(self, kind: TargetType) -> bool {
        self != Self::None && self.target_type() == kind
    }

    /// ECS's sentence for a service whose tasks cannot register in a group.
    #[must_use]
    pub fn refusal(self, target_group: &str, kind: TargetType) -> String {
        let (kind, mode) = (kind.as_str(), self.as_str());
        format!(
            "The provided target group {target_group} has target type {kind}, which is incompatible with the {mode} network mode specified in the task definition."
        )
    }

    /// Whether a mapping takes the host port that it names: in `awsvpc` mode the port is the task's own.
    #[must_use]
    pub const fn takes_host_ports(self) -> bool {
        matches!(self, Self::Bridge | Self::Host)
    }
}

impl TaskDefinition {
    /// What a task's containers are called: as in the definition, and after them the pause containers, where there are any.
    pub fn container_names(&self) -> impl Iterator<Item = ContainerName> {
        self.containers.iter().map(|container| container.name.clone()).chain(self.pauses().map(|pause| pause.name))
    }

    /// The containers that ECS adds: for the network, and for other namespaces that the task's containers share.
    pub fn pauses(&self) -> impl Iterator<Item = ContainerDefinition> {
        self.pause().into_iter().chain(self.namespace_pause())
    }

    /// The pause container that a task in `awsvpc` mode has besides its own containers. It is essential: without it the others have no
    /// network. The ports of all of them are its ports, and so are their name servers, because they share its `resolv.conf`.
    #[must_use]
    pub fn pause(&self) -> Option<ContainerDefinition> {
        if self.network_mode != NetworkMode::Awsvpc {
            return None;
        }
        let mappings = self.containers.iter().flat_map(|container| &container.port_mappings);
        let mut pause = ContainerDefinition::new(ContainerName::pause(), PAUSE_IMAGE);
        pause.port_mappings = mappings.map(|mapping| PortMapping { host_port: 0, name: None, ..mapping.clone() }).collect();
        pause.dns_servers = each_once(self.containers.iter().flat_map(|container| &container.dns_servers));
        pause.dns_search_domains = each_once(self.containers.iter().flat_map(|container| &container.dns_search_domains));
        Some(pause)
    }
}

fn each_once<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<String> {
    texts.fold(Vec::new(), |mut all, text| {
        if !all.contains(text) {
            all.push(text.clone());
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, TransportProtocol};

    fn mapping(port: u16) -> PortMapping {
        PortMapping { container_port: port, host_port: port, protocol: TransportProtocol::Tcp, name: Some("web".into()), app_protocol: None }
    }

    #[test]
    fn the_pause_has_the_ports_and_name_servers_of_all() {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let container = |name: &str, port, servers: &[&str]| ContainerDefinition {
            port_mappings: vec![mapping(port)],
            dns_servers: texts(servers),
            ..ContainerDefinition::new(ContainerName::new(name).unwrap(), "app")
        };
        let containers = vec![container("app", 3000, &["10.0.0.2", "10.0.0.3"]), container("side", 9000, &["10.0.0.2"])];
        let family = Family::new("users").unwrap();
        let mut definition = TaskDefinition::new(family, NetworkMode::Awsvpc, containers);
        let pause = definition.pause().unwrap();
        assert_eq!(pause.port_mappings.iter().map(|mapping| (mapping.container_port, mapping.host_port)).collect::<Vec<_>>(), [(3000, 0), (9000, 0)]);
        assert_eq!((pause.dns_servers, pause.essential), (texts(&["10.0.0.2", "10.0.0.3"]), true));
        let names = |definition: &TaskDefinition| definition.container_names().map(|name| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&definition), ["app", "side", "~internal~ecs~pause"]);
        definition.network_mode = NetworkMode::Host;
        assert_eq!((definition.pause(), names(&definition)), (None, texts(&["app", "side"])));
    }

    #[test]
    fn every_mode_is_known_by_its_word() {
        for mode in [NetworkMode::Bridge, NetworkMode::Host, NetworkMode::Awsvpc, NetworkMode::None] {
            assert_eq!(NetworkMode::from_word(mode.as_str()), Some(mode));
        }
        assert_eq!(NetworkMode::from_word("vpc"), None);
    }
}
