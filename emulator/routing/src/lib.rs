//! Which rule a request matches, which target takes it, and what the load balancer says when none can (alb.md).
//!
//! **Lives here:** the routing [`Table`] and its compilation from the World; conditions, weights, round robin, fixed responses and
//! redirects; which failure earns which status, and the bytes of the pages for them; the headers that a target is sent; the state
//! machine of a target's health; the explanation of a decision; which service may reach which, and whose turn it is there; the record of a request, its line in the access log, what metrics count of it.
//!
//! **Does not live here:** sockets, timers, tasks, HTTP parsing (room `alb`); when a health check is made and where its result is
//! kept (room `daemon`). Time and randomness are arguments.
//!
//! **Invariants:** a [`Table`] never changes, except for its targets' counters and flags; a decision depends on the table, the
//! request's head and what is passed in with it (a random number, the time, the seal of cookies), on nothing else; rules are tried in the order of their priority; the only
//! allocations on a request's way are texts that must be decoded or turned into small letters, cookies, rewrites, and a redirect's
//! `Location`.
//!
//! **Entry points:** [`compile()`], [`Table::listener`], [`decide()`], [`GroupTable::pick`].

mod action;
mod anomaly;
pub mod calendar;
pub mod compile;
mod condition;
pub mod connection;
pub mod connection_record;
pub mod decide;
pub mod discovery;
pub mod explain;
mod expressions;
pub mod group;
pub mod headers;
pub mod health;
pub mod health_check_record;
mod index;
pub mod limits;
pub mod metrics;
pub mod page;
pub mod path;
pub mod pattern;
pub mod protocol;
pub mod record;
pub mod redirect;
pub mod request;
pub mod rotation;
pub mod status;
pub mod sticky;
pub mod table;
pub mod target;
pub mod transform;

pub use action::FixedResponseTable;
pub use compile::compile;
pub use connection_record::ConnectionRecord;
pub use decide::{Decision, Given, MatchedRule, decide};
pub use explain::{Explanation, explain};
pub use group::{GroupIdentity, GroupTable, Pick};
pub use health::{Checker, ProbeOutcome};
pub use health_check_record::HealthCheckRecord;
pub use protocol::ClientProtocol;
pub use record::AccessRecord;
pub use request::{HeaderLines, RequestHead, Scheme};
pub use status::{ClientFailure, UpstreamFailure};
pub use sticky::{Memory, Seal};
pub use table::{Balancer, ListenerTable, Table};
pub use target::{Gone, InFlight, TargetState};
pub use transform::{BadRewrite, Rewritten};

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod testing;
