//! End to end on Docker, driving the built binary as a user types it. Every test has a laboratory of its own (state folder, ports,
//! cluster name), so they run beside each other; every laboratory cleans up, whatever happens.

mod bad_input;
mod http;
mod lab;
mod life;
mod load;
mod tutorial;
