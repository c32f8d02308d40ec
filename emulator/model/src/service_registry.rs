//! What a service registers its tasks in: a service of Cloud Map (ecs.md 8).

use serde::{Deserialize, Serialize};

use crate::{ContainerName, World};

/// One of `serviceRegistries`, with the service of Cloud Map that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRegistry {
    /// What is registered in.
    pub discovery: DiscoveryService,
    /// Whose port is registered. Default the first container that has it.
    pub container_name: Option<ContainerName>,
    /// The container port that is registered; `None` where addresses are all that is asked for.
    pub port: Option<u16>,
}

impl ServiceRegistry {
    /// Whether tasks are registered by the one as by the other. How questions are answered is Cloud Map's business, not theirs.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        let place = |one: &Self| (one.discovery.domain(), one.container_name.clone(), one.port);
        place(self) == place(other)
    }
}

/// A service of Cloud Map in a namespace for DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoveryService {
    /// The name of its namespace, which is a domain.
    pub namespace: String,
    /// Its own name. Its tasks are found as `name.namespace`.
    pub name: String,
    /// Seconds for which an address may be remembered; `None` where there are no records of the type A.
    pub a: Option<u32>,
    /// The same of places, of the type SRV.
    pub srv: Option<u32>,
    /// Which instances a question is answered with.
    pub routing_policy: RoutingPolicy,
    /// `healthCheckCustomConfig`: ECS says which instances are healthy. Otherwise all are.
    pub custom_health: bool,
}

/// Which of the healthy instances a question is answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoutingPolicy {
    /// Up to eight, whichever.
    #[default]
    Multivalue,
    /// One, whichever.
    Weighted,
}

impl RoutingPolicy {
    /// As the API prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Multivalue => "MULTIVALUE",
            Self::Weighted => "WEIGHTED",
        }
    }
}

impl DiscoveryService {
    /// What is asked for: `name.namespace`.
    #[must_use]
    pub fn domain(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }
}

impl World {
    /// The services of a World that register their tasks, with what in.
    pub fn registering(&self) -> impl Iterator<Item = (&crate::Service, &ServiceRegistry)> {
        self.services.values().filter_map(|service| Some((service, service.spec.service_registry.as_ref()?)))
    }
}
