//! Where an engine is, and so how this machine reaches what its containers listen on (engine-facts 3 and 4).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use model::{ContainerId, NetworkBinding, ObservedContainer, RunState, TransportProtocol};

use crate::observe;
use crate::tunnel::Tunnel;

/// Where an engine is.
#[derive(Debug)]
pub(crate) enum Place {
    /// It is the daemon's own: its bridges may be on this host, and then its containers are dialled without a proxy in between.
    Own,
    /// Its ports are published at that address of its host, which this machine reaches. A bridge of it is never dialled, even where an
    /// address of this host looks like its gateway.
    At(IpAddr),
    /// Its ports are published on the loopback of its host and come here through a tunnel.
    Behind(Arc<Tunnel>),
}

impl Place {
    /// An engine of this machine that is not the daemon's own.
    pub(crate) const LOOPBACK: Self = Self::At(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// The address of the engine's host that ports are published at.
    pub(crate) const fn published_at(&self) -> IpAddr {
        match self {
            Self::At(address) => *address,
            Self::Own | Self::Behind(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// Where this machine reaches what is published there.
    pub(crate) fn host(&self) -> IpAddr {
        match self {
            Self::Own => Ipv4Addr::LOCALHOST.into(),
            Self::At(address) => *address,
            Self::Behind(tunnel) => tunnel.address().into(),
        }
    }

    /// Whether the bridge with that gateway can be dialled from here.
    pub(crate) fn is_here(&self, gateway: IpAddr) -> bool {
        matches!(self, Self::Own) && observe::is_here(gateway)
    }

    /// Sees to it that the ports of a container that was looked at are reached, and says where.
    pub(crate) async fn reach(&self, seen: &mut ObservedContainer) {
        let Self::Behind(tunnel) = self else { return };
        let runs = seen.state == RunState::Running;
        let tcp = |binding: &&NetworkBinding| runs && binding.protocol == TransportProtocol::Tcp;
        let ports = seen.network_bindings.iter().filter(tcp).map(|binding| binding.host_port).collect();
        if let Err(why) = tunnel.forward(&seen.id, ports).await {
            // Its targets are found unhealthy, and the next look tries again.
            tracing::warn!(container = seen.runtime_name, "its ports do not come through the tunnel: {why}");
        }
        seen.network_bindings.iter_mut().for_each(|binding| binding.bind_ip = self.host());
    }

    /// A container that is gone is not reached any more.
    pub(crate) async fn release(&self, id: &ContainerId) {
        if let Self::Behind(tunnel) = self
            && let Err(why) = tunnel.forward(id, std::collections::BTreeSet::new()).await
        {
            tracing::debug!(%id, "its ports stay forwarded: {why}");
        }
    }
}
