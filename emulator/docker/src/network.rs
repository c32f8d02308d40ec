//! A bridge network for each service (engine-facts 4). What is there is asked of the engine each time; nothing is remembered.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use bollard::models::{Ipam, IpamConfig, Network, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptionsBuilder;
use engine::{Bridge, EngineError, EngineErrorKind, NetworkSpec};
use model::{OwnerId, ServiceKey};
use sha2::{Digest, Sha256};

use crate::subnet::{Subnet, routes};
use crate::{Docker, calls, labels};

/// The engine may know of clashes that we cannot see, but not of hundreds.
const TRIES: usize = 16;
/// The options that name a network's interface.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
const PODMAN_BRIDGE_NAME: &str = "interface_name";
/// How much of a network's id is in the name of its interface.
const ID_IN_NAME: usize = 12;
/// Names of networks stay readable and short.
const PART: usize = 40;

/// `ecslocal-<owner>-<cluster>-<service>-<digest>`; the digest tells `a-b` and `c` from `a` and `b-c`.
pub(crate) fn name(spec: &NetworkSpec) -> String {
    let ServiceKey { cluster, name } = &spec.service;
    let digest = Sha256::digest(format!("{}/{}", spec.owner, spec.service).as_bytes());
    let mut text = "ecslocal".to_owned();
    for (part, most) in [(spec.owner.as_str(), 8), (cluster.as_str(), PART), (name.as_str(), PART)] {
        let kept: String = part.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(most).collect();
        write!(text, "-{kept}").ok();
    }
    write!(text, "-{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2]).ok();
    text
}

/// A network of the engine's.
pub(crate) struct Joined {
    pub(crate) id: String,
    /// The host's own address on it, where the bridge is on this host.
    pub(crate) gateway: Option<IpAddr>,
}

impl Docker {
    /// The service's network, made if it is not there.
    pub(crate) async fn ensure_network(&self, spec: &NetworkSpec) -> Result<Joined, EngineError> {
        if let Some(found) = self.find_network(spec).await? {
            return Ok(found);
        }
        let name = name(spec);
        // Docker 20.10 makes a second network of the same name without a word.
        let _gate = self.network_gate(&name).lock().await;
        match self.find_network(spec).await? {
            Some(found) => Ok(found),
            None => self.create_network(&name, spec).await,
        }
    }

    async fn create_network(&self, name: &str, spec: &NetworkSpec) -> Result<Joined, EngineError> {
        let mut taken: Vec<Subnet> = self.list_networks(HashMap::new()).await?.iter().flat_map(subnets).collect();
        taken.extend(tokio::fs::read_to_string("/proc/net/route").await.map(|table| routes(&table)).unwrap_or_default());
        let mut last = None;
        for _ in 0..TRIES {
            let Some(subnet) = self.network_pool().choose(name, &taken) else { break };
            match self.call(calls::NETWORK, self.api().create_network(request(name, spec, subnet))).await {
                Ok(made) => return Ok(Joined { id: made.id, gateway: Some(subnet.gateway().into()) }),
                Err(error) if is_overlap(&error.message) => {
                    taken.push(subnet);
                    last = Some(error.message);
                }
                Err(error) => return Err(error),
            }
        }
        let pool = self.network_pool();
        let why = last.map_or_else(String::new, |message| format!(": {message}"));
        let message = format!(
            "no free /24 in `{pool}` for the network of the service `{}`{why}\nhint: `docker network prune` removes unused networks",
            spec.service
        );
        Err(EngineError::new(EngineErrorKind::Failed, message))
    }

    /// What the engine runs in, where its bridges are not this machine's.
    pub(crate) async fn elsewhere(&self, operating_system: &str) -> Result<Option<String>, EngineError> {
        let networks = self.list_networks(HashMap::new()).await?;
        let gateways: Vec<IpAddr> = networks.into_iter().filter_map(joined).filter_map(|network| network.gateway).collect();
        Ok(foreign(operating_system, !gateways.is_empty(), gateways.into_iter().any(|gateway| self.place().is_here(gateway))))
    }

    /// Removes the service's network; there may be two after two daemons raced.
    pub(crate) async fn remove_service_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        let _gate = self.network_gate(&name(spec)).lock().await;
        for network in self.list_networks(labels::filter(&spec.owner, Some(&spec.service))).await? {
            let Some(id) = network.id else { continue };
            match self.call(calls::REMOVE, self.api().remove_network(&id)).await {
                Err(error) if error.kind != EngineErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The services that have a network.
    pub(crate) async fn services_with_network(&self, owner: &OwnerId) -> Result<Vec<ServiceKey>, EngineError> {
        let networks = self.list_networks(labels::filter(owner, None)).await?;
        let service = |network: Network| ServiceKey::try_from(network.labels?.remove(labels::SERVICE)?).ok();
        let mut services: Vec<_> = networks.into_iter().filter_map(service).collect();
        services.sort();
        services.dedup();
        Ok(services)
    }

    /// The services' networks whose bridges are on this machine.
    pub(crate) async fn bridges_of(&self, owner: &OwnerId) -> Result<Vec<Bridge>, EngineError> {
        let networks = self.list_networks(labels::filter(owner, None)).await?;
        let mut bridges: Vec<Bridge> = networks.into_iter().filter_map(bridge).filter(|bridge| self.place().is_here(bridge.gateway)).collect();
        bridges.sort_by(|a, b| a.service.cmp(&b.service));
        Ok(bridges)
    }

    async fn find_network(&self, spec: &NetworkSpec) -> Result<Option<Joined>, EngineError> {
        let found = self.list_networks(labels::filter(&spec.owner, Some(&spec.service))).await?;
        Ok(found.into_iter().filter_map(joined).min_by(|a, b| a.id.cmp(&b.id)))
    }

    pub(crate) async fn list_networks(&self, filters: HashMap<String, Vec<String>>) -> Result<Vec<Network>, EngineError> {
        let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
        self.call(calls::LIST, self.api().list_networks(Some(options))).await
    }
}

fn joined(network: Network) -> Option<Joined> {
    let configs = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    let gateway = configs.into_iter().find_map(|config| config.gateway?.parse().ok());
    Some(Joined { id: network.id?, gateway })
}

/// The engine names the interface after the network, unless an option does.
fn bridge(network: Network) -> Option<Bridge> {
    let service = ServiceKey::try_from(network.labels.as_ref()?.get(labels::SERVICE)?.clone()).ok()?;
    let named = network.options.as_ref().and_then(|options| options.get(BRIDGE_NAME).or_else(|| options.get(PODMAN_BRIDGE_NAME))).cloned();
    let id: String = network.id.as_ref()?.chars().take(ID_IN_NAME).collect();
    Some(Bridge { service, interface: named.unwrap_or_else(|| format!("br-{id}")), gateway: joined(network)?.gateway? })
}

fn request(name: &str, spec: &NetworkSpec, subnet: Subnet) -> NetworkCreateRequest {
    let labels = [(labels::OWNER, spec.owner.to_string()), (labels::SERVICE, spec.service.to_string())];
    let addresses = IpamConfig { subnet: Some(subnet.to_string()), gateway: Some(subnet.gateway().to_string()), ..IpamConfig::default() };
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".into()),
        // Explicit addresses: Docker's own pools are good for 30 networks.
        ipam: Some(Ipam { config: Some(vec![addresses]), ..Ipam::default() }),
        labels: Some(labels.map(|(name, value)| (name.to_owned(), value)).into()),
        ..NetworkCreateRequest::default()
    }
}

fn subnets(network: &Network) -> Vec<Subnet> {
    let configs = network.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
    configs.into_iter().flatten().filter_map(|config| Subnet::parse(config.subnet.as_deref()?)).collect()
}

/// Docker Desktop on Linux may have bridges of the same addresses as this machine's own engine, but says its name.
fn foreign(operating_system: &str, bridges: bool, here: bool) -> Option<String> {
    match operating_system {
        "Docker Desktop" => Some(operating_system.to_owned()),
        _ if here || !bridges => None,
        other => Some(format!("a virtual machine or a namespace of its own ({other})")),
    }
}

/// Docker's and Podman's words for it.
fn is_overlap(message: &str) -> bool {
    ["Pool overlaps", "is already used on the host", "conflicts with network", "networks have overlapping"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use model::{ClusterName, ServiceName};

    use super::*;

    fn named(cluster: &str, service: &str) -> String {
        let service = ServiceKey { cluster: ClusterName::new(cluster).unwrap(), name: ServiceName::new(service).unwrap() };
        name(&NetworkSpec { owner: OwnerId::from_text("0123456789abcdef"), service })
    }

    #[test]
    fn a_network_s_name_says_whose_it_is_and_is_its_own() {
        let users = named("tutorial", "users");
        assert!(users.starts_with("ecslocal-01234567-tutorial-users-"), "{users}");
        assert_ne!(named("a-b", "c"), named("a", "b-c"));
        let long = "x".repeat(255);
        assert!(named(&long, &long).len() <= 120);
        assert_ne!(named(&long, &long), named(&long, &long[1..]));
    }

    #[test]
    fn an_engine_whose_bridges_are_not_here_is_elsewhere() {
        assert_eq!(foreign("Debian GNU/Linux 12 (bookworm)", true, true), None);
        assert_eq!(foreign("Debian GNU/Linux 12 (bookworm)", false, false), None, "without bridges nothing is known");
        assert_eq!(foreign("Docker Desktop", true, true).as_deref(), Some("Docker Desktop"));
        assert_eq!(foreign("Alpine Linux v3.20", true, false).as_deref(), Some("a virtual machine or a namespace of its own (Alpine Linux v3.20)"));
    }

    #[test]
    fn clashes_are_known_by_their_words() {
        for message in [
            "Pool overlaps with other one on this address space",
            "invalid pool request: Pool overlaps with other one on this address space",
            "subnet 10.213.4.0/24 is already used on the host or by another config",
        ] {
            assert!(is_overlap(message), "{message}");
        }
        assert!(!is_overlap("permission denied"));
    }
}
