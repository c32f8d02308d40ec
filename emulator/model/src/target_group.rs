//! A target group: where requests of a forward action go (alb.md 4).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    ClusterName, HealthCheck, ResourceId, TargetGroupAttributes, TargetGroupName, TargetHealth, TargetHealthReason, TargetHealthState, TaskId,
    Timestamp,
};

/// What a user says of a target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroupSpec {
    /// Unique in the region.
    pub name: TargetGroupName,
    /// How targets are spoken to.
    pub protocol: TargetProtocol,
    /// What HTTP they speak.
    #[serde(default)]
    pub version: ProtocolVersion,
    /// What names a target.
    #[serde(default)]
    pub target_type: TargetType,
    /// The port of targets that name none.
    pub port: u16,
    /// Targets that no task stands behind, such as a process started from an editor. Each once, at most 1000; a manifest sorts them.
    #[serde(default)]
    pub targets: Vec<RegisteredTarget>,
    /// How targets are checked.
    pub health_check: HealthCheck,
    /// The rest.
    pub attributes: TargetGroupAttributes,
}

impl TargetGroupSpec {
    /// With AWS's defaults.
    #[must_use]
    pub fn new(name: TargetGroupName, port: u16) -> Self {
        Self {
            name,
            protocol: TargetProtocol::Http,
            version: ProtocolVersion::Http1,
            target_type: TargetType::Instance,
            port,
            targets: Vec::new(),
            health_check: HealthCheck::default(),
            attributes: TargetGroupAttributes::default(),
        }
    }
}

/// Of a target group and of a health check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetProtocol {
    /// Cleartext.
    #[default]
    Http,
    /// Under TLS; certificates of targets are not verified.
    Https,
}

impl TargetProtocol {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        }
    }
}

/// The version of HTTP that targets are spoken to in (alb.md 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProtocolVersion {
    /// HTTP/1.1
    #[default]
    Http1,
    /// HTTP/2
    Http2,
    /// HTTP/2 with gRPC's own health checks.
    Grpc,
}

impl ProtocolVersion {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP1",
            Self::Http2 => "HTTP2",
            Self::Grpc => "GRPC",
        }
    }
}

/// What names a target of a group (alb.md 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetType {
    /// An instance and a port of it.
    #[default]
    Instance,
    /// An IP address and a port.
    Ip,
}

impl TargetType {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Ip => "ip",
        }
    }
}

/// A target that a user registers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RegisteredTarget {
    /// An IP address, also in a group of instances, where this machine's processes have no other name.
    pub id: std::net::IpAddr,
    /// 1 to 65535.
    pub port: u16,
}

impl RegisteredTarget {
    /// What names it in its group.
    #[must_use]
    pub fn key(&self) -> TargetKey {
        TargetKey { id: self.id.to_string(), port: self.port }
    }

    /// Where it is dialled.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(self.id, self.port)
    }
}

/// A target group of the World: what was asked for, and who is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// What a user said.
    pub spec: TargetGroupSpec,
    /// The end of its ARN.
    pub id: ResourceId,
    /// The cluster whose manifest made it and may remove it.
    pub owner: ClusterName,
    /// Deleted; gone when its last target has drained.
    pub deleting: bool,
    /// Registered and draining targets.
    #[serde(with = "crate::target_group::as_list")]
    pub targets: BTreeMap<TargetKey, Target>,
    /// The processes of services that are attached (`attachment.rs`), registered beside those of the specification.
    #[serde(default)]
    pub attached: Vec<RegisteredTarget>,
}

impl TargetGroup {
    /// Makes the targets that no task stands behind those of the specification and of attached services: new ones begin as `initial`, others drain, and one
    /// that drained and is wanted again begins anew (AWS refuses an address that drains, alb.md 9; here a manifest says what is to be).
    pub(crate) fn register(&mut self, now: Timestamp) {
        let asked_for = self.spec.targets.iter().chain(&self.attached);
        let wanted: BTreeMap<TargetKey, SocketAddr> = asked_for.map(|target| (target.key(), target.address())).collect();
        for (key, target) in self.targets.iter_mut().filter(|(_, target)| target.task.is_none()) {
            if !wanted.contains_key(key) {
                target.draining_since.get_or_insert(now);
            }
        }
        for (key, address) in wanted {
            if self.targets.get(&key).is_none_or(|target| target.draining_since.is_some()) {
                let health = TargetHealth::because(TargetHealthState::Initial, TargetHealthReason::RegistrationInProgress, now);
                self.targets.insert(key, Target { address, task: None, registered_at: now, draining_since: None, health });
            }
        }
    }
}

/// Id and port name a target: one id may be registered with many ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetKey {
    /// The instance id, or the IP address (target type `ip`, and whatever a user registers).
    pub id: String,
    /// The host port; of a task in `awsvpc` mode its own, the container's port.
    pub port: u16,
}

impl std::fmt::Display for TargetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.id, self.port)
    }
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where it is dialled: the container's own address where the host can reach it, else the published port (design, decision 7).
    pub address: SocketAddr,
    /// The task behind it.
    pub task: Option<TaskId>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it began to drain; it is gone `deregistration_delay` later.
    pub draining_since: Option<Timestamp>,
    /// The health as last reported; `draining` wins over it.
    pub health: TargetHealth,
}

/// JSON objects have text keys, so a map by [`TargetKey`] is written as a list.
mod as_list {
    use super::{BTreeMap, Target, TargetKey};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<TargetKey, Target>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<TargetKey, Target>, D::Error> {
        Ok(Vec::<(TargetKey, Target)>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_targets_follow_the_specification() {
        let name = TargetGroupName::new("ide").unwrap();
        let mut group = TargetGroup {
            spec: TargetGroupSpec::new(name, 80),
            id: ResourceId::from_text("0000000000000001"),
            owner: ClusterName::new("c").unwrap(),
            deleting: false,
            targets: BTreeMap::new(),
            attached: Vec::new(),
        };
        let target = |port| RegisteredTarget { id: [127, 0, 0, 1].into(), port };
        let at = Timestamp::from_millis;
        let shown = |group: &TargetGroup| -> Vec<(u16, u64, bool)> {
            let show = |(key, target): (&TargetKey, &Target)| (key.port, target.registered_at.as_millis(), target.draining_since.is_some());
            group.targets.iter().map(show).collect()
        };
        group.spec.targets = vec![target(1), target(2)];
        group.register(at(10));
        assert_eq!(shown(&group), [(1, 10, false), (2, 10, false)]);
        group.spec.targets = vec![target(2), target(3)];
        group.register(at(20));
        assert_eq!(shown(&group), [(1, 10, true), (2, 10, false), (3, 20, false)]);
        group.spec.targets.push(target(1));
        group.register(at(30));
        assert_eq!(shown(&group), [(1, 30, false), (2, 10, false), (3, 20, false)], "wanted again, it begins anew");
        let of_task = Target { task: Some(crate::TaskId::from_text("t")), ..group.targets.values().next().unwrap().clone() };
        group.targets.insert(TargetKey { id: "i-1".into(), port: 9 }, of_task);
        group.spec.targets.clear();
        group.register(at(40));
        assert_eq!(shown(&group), [(1, 30, true), (2, 10, true), (3, 20, true), (9, 30, false)], "tasks register their own");
    }
}
