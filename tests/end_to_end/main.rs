//! End to end on Docker, driving the built binary as a user types it. Every test has a laboratory of its own (state folder, ports,
//! cluster name), so they run beside each other; every laboratory cleans up, whatever happens.

#![expect(clippy::print_stderr, reason = "what the daemon said, beside the failure of a test")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod bad_input;
mod chaos;
mod connections;
mod deployments;
mod discovery;
mod encryption;
mod engines;
mod firelens;
mod http;
mod instances;
mod interrupted;
mod isolation;
mod lab;
mod life;
mod load;
mod logs;
mod network_modes;
mod outside_values;
mod registry;
mod restarts;
mod roles;
mod scaling;
mod second_machine;
mod service_connect;
mod sharing;
mod tutorial;
mod volumes;
mod watching;
