//! The room from outside: texts in, values or rendered problems out.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails the test")]

mod alarms;
mod authentication;
mod circuit_breaker;
mod connections;
mod container_fields;
mod discovery;
mod encryption;
mod firelens;
mod hints;
mod https;
mod limits;
mod load_balancers;
mod log_configuration;
mod network_modes;
mod outside_values;
mod placement;
mod problems;
mod properties;
mod refused_by_ecs;
mod repositories;
mod roles;
mod scaling;
mod scheduled_tasks;
mod schema;
mod service_connect;
mod strategies;
mod support;
mod targets;
mod values;
mod volumes;
mod watch;
