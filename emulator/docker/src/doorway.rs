//! The address of the agent of ECS, 169.254.170.2, and the ways to it (engine-facts 5).
//!
//! A bridge that nobody is attached to brings the address to this host; containers reach it through the gateway of their own network. There
//! is one on a machine, for all who use ecslocal on it, so it has no owner: whoever needs it makes it, and it goes with the last network of
//! a service.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{Ipam, IpamConfig, Network, NetworkCreateRequest};
use engine::{ContainerSpec, Doorway, EngineError, EngineErrorKind};
use model::{OwnerId, ServiceKey};

use crate::{Docker, calls, labels};

/// The name of the bridge, and of its interface, by which this machine itself comes in.
pub const AGENT_INTERFACE: &str = "ecslocal-agent";
/// The label of the bridge.
const LABEL: &str = "dev.ecslocal.agent";
const SUBNET: &str = "169.254.170.0/24";
const ADDRESS: &str = "169.254.170.2";

/// The option that names a bridge's interface.
const INTERFACE: &str = "com.docker.network.bridge.name";

impl Docker {
    pub(crate) async fn doorways_of(&self, owner: &OwnerId, wanted: bool) -> Result<Option<Vec<Doorway>>, EngineError> {
        let networks = self.list_networks(HashMap::new()).await?;
        let mine = networks.iter().filter(|network| label(network, labels::OWNER) == Some(owner.as_str()));
        let doorways: Vec<Doorway> = mine.filter_map(doorway).collect();
        // Where there is no network of ours yet, the engine's own bridge tells.
        let default = networks.iter().filter(|network| network.name.as_deref() == Some("bridge")).filter_map(|network| named_interface(network));
        let here = |interface: &str| Path::new("/sys/class/net").join(interface).exists();
        if !doorways.iter().map(|doorway| doorway.interface.as_str()).chain(default).all(here) {
            return Ok(None);
        }
        let there = networks.iter().any(|network| label(network, LABEL).is_some());
        if !there && (wanted || !doorways.is_empty()) {
            self.make_address().await?;
        }
        Ok(Some(doorways))
    }

    async fn make_address(&self) -> Result<(), EngineError> {
        let _gate = self.network_gate(AGENT_INTERFACE).lock().await;
        match self.call(calls::NETWORK, self.api().create_network(request())).await {
            Ok(_) => Ok(()),
            // Another daemon was faster.
            Err(error) if self.address_is_there().await? => {
                tracing::debug!(%error, "the address of the agent is there already");
                Ok(())
            }
            Err(error) => {
                let message = format!("no network for {ADDRESS}, which tasks ask for metadata and credentials: {}", error.message);
                Err(EngineError::new(error.kind, message))
            }
        }
    }

    async fn address_is_there(&self) -> Result<bool, EngineError> {
        Ok(self.list_networks(HashMap::new()).await?.iter().any(|network| label(network, LABEL).is_some()))
    }

    pub(crate) async fn leave_address(&self) -> Result<(), EngineError> {
        let networks = self.list_networks(HashMap::new()).await?;
        if networks.iter().any(|network| label(network, labels::OWNER).is_some()) {
            return Ok(());
        }
        for id in networks.iter().filter(|network| label(network, LABEL).is_some()).filter_map(|network| network.id.as_ref()) {
            match self.call(calls::REMOVE, self.api().remove_network(id)).await {
                Err(error) if error.kind != EngineErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        // Somebody made a network meanwhile, and took the address for there.
        if self.list_networks(HashMap::new()).await?.iter().any(|network| label(network, labels::OWNER).is_some()) {
            self.make_address().await?;
        }
        Ok(())
    }

    /// With the variables that its image has nothing to say about.
    pub(crate) async fn with_image_defaults(&self, spec: &ContainerSpec) -> Result<ContainerSpec, EngineError> {
        let mut spec = spec.clone();
        if spec.image_defaults.is_empty() {
            return Ok(spec);
        }
        let image = self.call(calls::INSPECT, self.api().inspect_image(&spec.image_id)).await?;
        let said = image.config.and_then(|config| config.env).unwrap_or_default();
        let has = |name: &str| said.iter().any(|line| line.split_once('=').is_some_and(|(known, _)| known == name));
        for group in std::mem::take(&mut spec.image_defaults) {
            if !group.keys().any(|name| has(name)) {
                spec.definition.environment.extend(group);
            }
        }
        Ok(spec)
    }
}

fn label<'n>(network: &'n Network, name: &str) -> Option<&'n str> {
    network.labels.as_ref()?.get(name).map(String::as_str)
}

fn named_interface(network: &Network) -> Option<&str> {
    network.options.as_ref()?.get(INTERFACE).map(String::as_str)
}

/// Docker calls a bridge after the network's id, unless it was told a name.
fn doorway(network: &Network) -> Option<Doorway> {
    let service = ServiceKey::try_from(label(network, labels::SERVICE)?.to_owned()).ok()?;
    let interface = named_interface(network).map(str::to_owned).or_else(|| Some(format!("br-{}", network.id.as_ref()?.get(..12)?)))?;
    Some(Doorway { service, interface })
}

/// Nobody can reach anybody over it, and nothing beyond.
fn request() -> NetworkCreateRequest {
    let addresses = IpamConfig { subnet: Some(SUBNET.into()), gateway: Some(ADDRESS.into()), ..IpamConfig::default() };
    let options = [(INTERFACE, AGENT_INTERFACE), ("com.docker.network.bridge.enable_icc", "false")];
    NetworkCreateRequest {
        name: AGENT_INTERFACE.into(),
        driver: Some("bridge".into()),
        internal: Some(true),
        ipam: Some(Ipam { config: Some(vec![addresses]), ..Ipam::default() }),
        options: Some(options.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
        labels: Some([(LABEL.to_owned(), ADDRESS.to_owned())].into()),
        ..NetworkCreateRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(id: &str, labels: &[(&str, &str)], options: &[(&str, &str)]) -> Network {
        let map = |pairs: &[(&str, &str)]| Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        Network { id: Some(id.into()), labels: map(labels), options: map(options), ..Network::default() }
    }

    #[test]
    fn a_bridge_is_called_after_its_network_or_as_it_was_told() {
        let id = "0123456789abcdef0123";
        let interface = |network: &Network| doorway(network).map(|doorway| doorway.interface);
        assert_eq!(interface(&network(id, &[(labels::SERVICE, "c/web")], &[])).as_deref(), Some("br-0123456789ab"));
        assert_eq!(interface(&network(id, &[(labels::SERVICE, "c/web")], &[(INTERFACE, "mine")])).as_deref(), Some("mine"));
        assert_eq!(interface(&network(id, &[], &[])), None);
        assert_eq!(doorway(&network(id, &[(labels::SERVICE, "c/web")], &[])).unwrap().service.to_string(), "c/web");
    }

    #[test]
    fn the_address_leads_nowhere_else() {
        let request = request();
        assert_eq!((request.internal, request.name.as_str()), (Some(true), AGENT_INTERFACE));
        assert!(AGENT_INTERFACE.len() <= 15, "the name of an interface");
        assert_eq!(request.ipam.unwrap().config.unwrap()[0].gateway.as_deref(), Some(ADDRESS));
    }
}
