//! An Application Load Balancer: a name, attributes, listeners (alb.md 1).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, Listener, LoadBalancerName, ResourceId, Timestamp};

/// A load balancer of the World.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Unique in the region.
    pub name: LoadBalancerName,
    /// The end of its ARN.
    pub id: ResourceId,
    /// The cluster whose manifest made it and may remove it.
    pub owner: ClusterName,
    /// Settings of the whole.
    pub attributes: LoadBalancerAttributes,
    /// By port.
    pub listeners: BTreeMap<u16, Listener>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Timestamp,
}

/// Load balancer attributes that act today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadBalancerAttributes {
    /// `idle_timeout.timeout_seconds`: 1 to 4000 seconds, default 60.
    pub idle_timeout: Duration,
    /// `client_keep_alive.seconds`: 60 to 604800 seconds, default 3600.
    pub client_keep_alive: Duration,
    /// `routing.http.xff_header_processing.mode`, default append.
    pub xff_mode: XffMode,
    /// `routing.http.xff_client_port.enabled`, default false.
    pub xff_client_port: bool,
    /// `routing.http.preserve_host_header.enabled`, default false.
    pub preserve_host_header: bool,
    /// `routing.http.drop_invalid_header_fields.enabled`: whether targets get only headers whose names are letters, digits and hyphens.
    /// Default false.
    pub drop_invalid_header_fields: bool,
    /// `routing.http.desync_mitigation_mode`, default defensive.
    pub desync_mode: DesyncMode,
    /// `routing.http2.enabled`: whether HTTPS listeners offer HTTP/2. Default true.
    pub http2: bool,
    /// `routing.http.x_amzn_tls_version_and_cipher_suite.enabled`: whether targets are told what HTTPS clients agreed on. Default false.
    pub tls_headers: bool,
    /// `access_logs.s3.*`: where requests are written down. Default nowhere.
    pub access_logs: Option<LogBucket>,
    /// `connection_logs.s3.*`: where connections are written down. Default nowhere.
    pub connection_logs: Option<LogBucket>,
    /// `health_check_logs.s3.*`: where health checks are written down. Default nowhere.
    pub health_check_logs: Option<LogBucket>,
    /// `routing.ecslocal.debug_header.enabled`, ours: whether responses name the rule, the target group and the target that answered.
    /// Default false.
    pub debug_header: bool,
}

impl Default for LoadBalancerAttributes {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(60),
            client_keep_alive: Duration::from_secs(3600),
            xff_mode: XffMode::Append,
            xff_client_port: false,
            preserve_host_header: false,
            drop_invalid_header_fields: false,
            desync_mode: DesyncMode::Defensive,
            http2: true,
            tls_headers: false,
            access_logs: None,
            connection_logs: None,
            health_check_logs: None,
            debug_header: false,
        }
    }
}

/// Where logs go: a bucket of S3 on AWS, a folder of that name in the state folder here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBucket {
    /// `bucket`
    pub bucket: String,
    /// `prefix`; may be empty.
    pub prefix: String,
}

/// What happens to requests whose framing leaves doubt (alb.md 6.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DesyncMode {
    /// All are served.
    Monitor,
    /// Severe ones are refused; Ambiguous ones are served, and both connections end.
    #[default]
    Defensive,
    /// Only compliant ones are served.
    Strictest,
}

/// What happens to `X-Forwarded-For` (alb.md 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum XffMode {
    /// The client's address is added at the end.
    #[default]
    Append,
    /// Passed on as it came.
    Preserve,
    /// Taken out.
    Remove,
}
