//! Sticky sessions of a target group (alb.md 4 and 7).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `stickiness.*`: a client comes back to the target that it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stickiness {
    /// By which cookie.
    pub cookie: StickyCookie,
    /// How long after a response the client may take to come back. 1 second to 7 days, default a day.
    pub duration: Duration,
}

/// `stickiness.type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StickyCookie {
    /// `lb_cookie`: the load balancer's own.
    LoadBalancer,
    /// `app_cookie`: as long as the application's cookie of this name is there.
    Application(String),
}
