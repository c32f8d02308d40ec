//! What the engine says of a container, as the house sees it.

use std::collections::HashMap;
use std::net::{IpAddr, UdpSocket};

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, ContainerSummary, ContainerSummaryStateEnum, EndpointSettings,
    HealthStatusEnum, PortMap, PortSummary, PortSummaryTypeEnum,
};
use model::{ContainerId, EngineName, HealthStatus, NetworkBinding, ObservedContainer, OwnerId, RunState, Timestamp, TransportProtocol};

use crate::labels;

/// Whether the host has that address itself. Then the bridge is here, and containers on it can be dialled; in a virtual machine's
/// engine the bridge is elsewhere (engine-facts 0.7).
pub(crate) fn is_here(gateway: IpAddr) -> bool {
    UdpSocket::bind((gateway, 0)).is_ok()
}

/// Reads the answer of an inspection; `None` when the container is not one of ecslocal's.
pub(crate) fn from_inspection(found: ContainerInspectResponse, is_here: impl Fn(IpAddr) -> bool) -> Option<(OwnerId, ObservedContainer)> {
    let identity = labels::identity(&found.config?.labels?)?;
    let state = found.state.unwrap_or_default();
    let run = run_state(&state);
    let network = found.network_settings.filter(|_| run == RunState::Running).unwrap_or_default();
    let (address, direct) = address(network.networks.as_ref(), is_here);
    let container = ObservedContainer {
        engine: EngineName::own(),
        id: ContainerId::from_text(&found.id?),
        runtime_name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        service: identity.service,
        task: identity.task,
        container: identity.container,
        health: match state.health.and_then(|health| health.status) {
            Some(HealthStatusEnum::HEALTHY) => HealthStatus::Healthy,
            Some(HealthStatusEnum::UNHEALTHY) => HealthStatus::Unhealthy,
            _ => HealthStatus::Unknown,
        },
        state: run,
        address,
        direct,
        network_bindings: bindings(network.ports.unwrap_or_default()),
    };
    Some((identity.owner, container))
}

/// Reads a line of a list. `None` when the line does not say enough (the container has ended: its exit code is not in the list)
/// or the container is not one of ecslocal's.
pub(crate) fn from_summary(found: &ContainerSummary, is_here: impl Fn(IpAddr) -> bool) -> Option<ObservedContainer> {
    use ContainerSummaryStateEnum as State;
    let identity = labels::identity(found.labels.as_ref()?)?;
    let state = match found.state? {
        State::CREATED => RunState::Created,
        State::RUNNING | State::PAUSED | State::RESTARTING => RunState::Running,
        _ => return None,
    };
    let networks = found.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let (address, direct) = address(networks.filter(|_| state == RunState::Running), is_here);
    let mut network_bindings: Vec<_> = found.ports.iter().flatten().filter_map(binding_of_summary).collect();
    network_bindings.sort();
    let status = found.status.as_deref().unwrap_or_default();
    Some(ObservedContainer {
        engine: EngineName::own(),
        id: ContainerId::from_text(found.id.as_ref()?),
        runtime_name: found.names.iter().flatten().next()?.trim_start_matches('/').to_owned(),
        service: identity.service,
        task: identity.task,
        container: identity.container,
        // `Up 3 seconds (healthy)`: the same words on every version.
        health: match status {
            _ if status.ends_with("(healthy)") => HealthStatus::Healthy,
            _ if status.ends_with("(unhealthy)") => HealthStatus::Unhealthy,
            _ => HealthStatus::Unknown,
        },
        state,
        address,
        direct,
        network_bindings,
    })
}

fn run_state(state: &ContainerState) -> RunState {
    use ContainerStateStatusEnum as Status;
    match state.status {
        Some(Status::CREATED) => RunState::Created,
        Some(Status::RUNNING | Status::PAUSED | Status::RESTARTING) => RunState::Running,
        _ => RunState::Exited {
            code: state.exit_code.unwrap_or(-1),
            out_of_memory: state.oom_killed.unwrap_or(false),
            at: state.finished_at.as_deref().and_then(timestamp),
        },
    }
}

/// Reads RFC 3339; Docker's zero time, year 1, is `None`.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_millisecond()).ok().map(Timestamp::from_millis)
}

fn address(networks: Option<&HashMap<String, EndpointSettings>>, is_here: impl Fn(IpAddr) -> bool) -> (Option<IpAddr>, bool) {
    let attached = |endpoint: &EndpointSettings| {
        let address: IpAddr = endpoint.ip_address.as_deref()?.parse().ok()?;
        let gateway: Option<IpAddr> = endpoint.gateway.as_deref().and_then(|text| text.parse().ok());
        Some((address, gateway))
    };
    // A container of ours is in one network; if somebody attached more, the choice at least stays the same.
    match networks.into_iter().flatten().filter_map(|(_, endpoint)| attached(endpoint)).min() {
        Some((address, gateway)) => (Some(address), gateway.is_some_and(is_here)),
        None => (None, false),
    }
}

fn bindings(ports: PortMap) -> Vec<NetworkBinding> {
    let mut bindings = Vec::new();
    for (port, published) in ports {
        let Some((container_port, protocol)) = port.split_once('/') else { continue };
        let (Ok(container_port), Some(protocol)) = (container_port.parse(), transport(protocol)) else { continue };
        for one in published.into_iter().flatten() {
            let bind_ip = one.host_ip.and_then(|text| text.parse().ok());
            let host_port = one.host_port.and_then(|text| text.parse().ok());
            if let (Some(bind_ip), Some(host_port)) = (bind_ip, host_port) {
                bindings.push(NetworkBinding { bind_ip, container_port, host_port, protocol });
            }
        }
    }
    bindings.sort();
    bindings
}

fn transport(text: &str) -> Option<TransportProtocol> {
    [TransportProtocol::Tcp, TransportProtocol::Udp].into_iter().find(|protocol| protocol.as_str() == text)
}

fn binding_of_summary(port: &PortSummary) -> Option<NetworkBinding> {
    Some(NetworkBinding {
        bind_ip: port.ip.as_deref()?.parse().ok()?,
        container_port: port.private_port,
        host_port: port.public_port?,
        protocol: match port.typ? {
            PortSummaryTypeEnum::TCP => TransportProtocol::Tcp,
            PortSummaryTypeEnum::UDP => TransportProtocol::Udp,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create::tests::spec;

    fn inspection(state: serde_json::Value) -> ContainerInspectResponse {
        let labels = labels::of_container(&spec());
        serde_json::from_value(serde_json::json!({
            "Id": "c1", "Name": "/ecs-users-7-web-00", "State": state, "Config": {"Labels": labels},
            "NetworkSettings": {
                "Ports": {
                    "3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}], "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "32769"}],
                    "9/tcp": null, "10/sctp": [{"HostIp": "127.0.0.1", "HostPort": "1"}],
                },
                "Networks": {"n": {"IPAddress": "10.213.4.2", "Gateway": "10.213.4.1"}},
            },
        }))
        .unwrap()
    }

    fn seen(state: serde_json::Value) -> ObservedContainer {
        from_inspection(inspection(state), |_| true).unwrap().1
    }

    fn binding(container_port: u16, host_port: u16, protocol: TransportProtocol) -> NetworkBinding {
        NetworkBinding { bind_ip: "127.0.0.1".parse().unwrap(), container_port, host_port, protocol }
    }

    #[test]
    fn a_running_container_has_its_address_and_ports() {
        let container = seen(serde_json::json!({"Status": "running", "Health": {"Status": "unhealthy"}}));
        assert_eq!((container.state, container.health), (RunState::Running, HealthStatus::Unhealthy));
        assert_eq!((container.address, container.direct), (Some("10.213.4.2".parse().unwrap()), true));
        assert_eq!(container.network_bindings, [binding(53, 32769, TransportProtocol::Udp), binding(3000, 32768, TransportProtocol::Tcp)]);
        assert_eq!((container.id.as_str(), container.runtime_name.as_str()), ("c1", "ecs-users-7-web-00"));
        let elsewhere = from_inspection(inspection(serde_json::json!({"Status": "running"})), |_| false).unwrap().1;
        assert!(!elsewhere.direct);
    }

    #[test]
    fn every_state_of_docker_s_is_one_of_ours() {
        let exited = |code, out_of_memory, at: Option<u64>| RunState::Exited { code, out_of_memory, at: at.map(Timestamp::from_millis) };
        for (state, expected) in [
            (serde_json::json!({"Status": "created"}), RunState::Created),
            (serde_json::json!({"Status": "paused"}), RunState::Running),
            (
                serde_json::json!({"Status": "exited", "ExitCode": 137, "OOMKilled": true, "FinishedAt": "2026-01-02T03:04:05.678901234Z"}),
                exited(137, true, Some(1_767_323_045_678)),
            ),
            (serde_json::json!({"Status": "dead", "ExitCode": 1, "FinishedAt": "0001-01-01T00:00:00Z"}), exited(1, false, None)),
        ] {
            let container = seen(state.clone());
            assert_eq!(container.state, expected, "{state}");
            assert_eq!(container.address.is_some(), expected == RunState::Running, "{state}");
        }
    }

    #[test]
    fn a_container_of_somebody_else_s_is_not_seen() {
        let mut found = inspection(serde_json::json!({"Status": "running"}));
        found.config.as_mut().unwrap().labels.as_mut().unwrap().remove(labels::OWNER);
        assert_eq!(from_inspection(found, |_| true), None);
    }

    #[test]
    fn a_line_of_a_list_says_the_same_as_an_inspection() {
        let line = |state: &str, status: &str| -> ContainerSummary {
            serde_json::from_value(serde_json::json!({
                "Id": "c1", "Names": ["/ecs-users-7-web-00"], "State": state, "Status": status, "Labels": labels::of_container(&spec()),
                "Ports": [
                    {"IP": "127.0.0.1", "PrivatePort": 3000, "PublicPort": 32768, "Type": "tcp"}, {"PrivatePort": 9, "Type": "tcp"},
                    {"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 32769, "Type": "udp"},
                ],
                "NetworkSettings": {"Networks": {"n": {"IPAddress": "10.213.4.2", "Gateway": "10.213.4.1"}}},
            }))
            .unwrap()
        };
        for (status, health) in [
            ("Up 2 seconds", "none"),
            ("Up 2 seconds (healthy)", "healthy"),
            ("Up 2 seconds (unhealthy)", "unhealthy"),
            ("Up 1 second (health: starting)", "starting"),
        ] {
            let inspected = seen(serde_json::json!({"Status": "running", "Health": {"Status": health}}));
            assert_eq!(from_summary(&line("running", status), |_| true), Some(inspected), "{status}");
        }
        assert_eq!(from_summary(&line("exited", "Exited (0) 2 seconds ago"), |_| true), None);
        assert_eq!(from_summary(&line("created", "Created"), |_| true).unwrap().address, None);
    }
}
