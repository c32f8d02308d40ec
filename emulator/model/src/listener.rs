//! A listener: a port of a load balancer, its rules and its default action (alb.md 1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Action, Authenticate, Priority, ResourceId, Rule, SecurityPolicy};

/// One port of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// 1 to 65535; one listener a port of a load balancer.
    pub port: u16,
    /// The end of its ARN; empty in what a user asks for, given when it is made.
    pub id: Option<ResourceId>,
    /// How clients speak to it.
    pub protocol: ListenerProtocol,
    /// What it is encrypted with; there with HTTPS, and only there.
    #[serde(default)]
    pub tls: Option<ListenerTls>,
    /// Settings of the whole.
    #[serde(default)]
    pub attributes: ListenerAttributes,
    /// What a request that no rule matches must show first; on HTTPS listeners alone.
    #[serde(default)]
    pub default_authenticate: Option<Authenticate>,
    /// For requests that no rule matches.
    pub default_action: Action,
    /// By priority.
    pub rules: BTreeMap<Priority, Rule>,
}

/// Listener attributes that act today (alb.md 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListenerAttributes {
    /// `routing.http.response.server.enabled`: whether the load balancer's own answers say `Server: awselb/2.0`. Default true.
    pub server_header: bool,
    /// `routing.http.response.<header>.header_value`: headers that every response has, by name, in place of the target's.
    pub response_headers: BTreeMap<String, String>,
    /// `routing.http.request.<header>.header_name`: other names for the headers about TLS that targets are sent, by the stock name.
    pub renamed_headers: BTreeMap<String, String>,
}

impl Default for ListenerAttributes {
    fn default() -> Self {
        Self { server_header: true, response_headers: BTreeMap::new(), renamed_headers: BTreeMap::new() }
    }
}

/// How clients speak to a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerProtocol {
    /// Cleartext HTTP/1.1.
    #[default]
    Http,
    /// HTTP/1.1 and HTTP/2 under TLS.
    Https,
}

impl ListenerProtocol {
    /// AWS's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        }
    }

    /// `http://localhost:8080`; the protocol's own port is left out.
    #[must_use]
    pub fn url(self, host: &str, port: u16) -> String {
        match (self, port) {
            (Self::Http, 80) => format!("http://{host}"),
            (Self::Http, _) => format!("http://{host}:{port}"),
            (Self::Https, 443) => format!("https://{host}"),
            (Self::Https, _) => format!("https://{host}:{port}"),
        }
    }
}

/// What an HTTPS listener is encrypted with (alb.md 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerTls {
    /// The default one first; never empty. Up to 25 more, chosen by SNI.
    pub certificates: Vec<CertificateSource>,
    /// `sslPolicy`
    pub policy: SecurityPolicy,
    /// `mutualAuthentication`
    pub mutual: MutualAuthentication,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateSource {
    /// PEM files of this machine, by their whole paths.
    Files {
        /// The certificate and those up to its authority's.
        certificate: String,
        /// Its private key.
        private_key: String,
    },
    /// Made here by the development authority, for `localhost`, the load balancer's name and the hosts that rules name.
    Development {
        /// The ARN that it stands for, if the manifest gives one.
        arn: Option<String>,
        /// More names that it is for.
        names: Vec<String>,
    },
}

/// Whether clients show certificates (alb.md 1, mTLS).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MutualAuthentication {
    /// They are not asked for one.
    #[default]
    Off,
    /// Whatever they show is passed on to targets, which judge it.
    Passthrough,
    /// Only certificates of a trust store's authorities are let in.
    Verify {
        /// A file of PEM certificates, by its whole path.
        trust_store: String,
        /// `ignoreClientCertificateExpiry`
        ignore_expiry: bool,
        /// `advertiseTrustStoreCaNames`
        advertise_names: bool,
    },
}

impl Listener {
    /// Cleartext, without rules, with AWS's defaults.
    #[must_use]
    pub fn new(port: u16, default_action: Action) -> Self {
        Self {
            port,
            id: None,
            protocol: ListenerProtocol::Http,
            tls: None,
            attributes: ListenerAttributes::default(),
            default_authenticate: None,
            default_action,
            rules: BTreeMap::new(),
        }
    }

    /// What it does with requests that no rule matches, in words.
    #[must_use]
    pub fn default_words(&self) -> String {
        let authenticate = self.default_authenticate.as_ref().map(|authenticate| format!("{}, ", authenticate.log_word())).unwrap_or_default();
        format!("{authenticate}{}", self.default_action)
    }

    /// Whether it or a rule of it asks who is there.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        self.default_authenticate.is_some() || self.rules.values().any(|rule| rule.authenticate.is_some())
    }

    /// Every action of it, the default one last.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.rules.values().map(|rule| &rule.action).chain([&self.default_action])
    }
}
