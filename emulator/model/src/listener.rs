//! A listener: a port of a load balancer, its rules and its default action (alb.md 1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Action, Priority, ResourceId, Rule};

/// One port of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// 1 to 65535; one listener a port of a load balancer.
    pub port: u16,
    /// The end of its ARN; empty in what a user asks for, given when it is made.
    pub id: Option<ResourceId>,
    /// How clients speak to it.
    pub protocol: ListenerProtocol,
    /// Settings of the whole.
    #[serde(default)]
    pub attributes: ListenerAttributes,
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
}

impl Default for ListenerAttributes {
    fn default() -> Self {
        Self { server_header: true, response_headers: BTreeMap::new() }
    }
}

/// How clients speak to a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerProtocol {
    /// Cleartext HTTP/1.1.
    #[default]
    Http,
}

impl Listener {
    /// Every action of it, the default one last.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.rules.values().map(|rule| &rule.action).chain([&self.default_action])
    }
}
