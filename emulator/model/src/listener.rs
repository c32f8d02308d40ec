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
    /// For requests that no rule matches.
    pub default_action: Action,
    /// By priority.
    pub rules: BTreeMap<Priority, Rule>,
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
