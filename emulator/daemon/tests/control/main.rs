//! The control endpoint over a real loopback socket: the keeper behind it runs on the simulated fleet, by the system's clock.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod changes;
mod chaos;
mod engines;
mod exec;
mod guard;
mod lab;
mod outside_values;
mod reads;
mod repositories;
mod roles;
mod secrets_api;
mod stopping;
mod sync;
