//! What a task sees at 169.254.170.2: what it is, the credentials of its role, its protection, and faults that it injects on itself; nothing of anybody else's (ecs.md 5).
//!
//! **Lives here:** the variables that a container gets ([`variables`]), whose request it is ([`find`]), and the answers, as values.
//!
//! **Does not live here:** sockets, the engine, the World's keeper. What only they know (statistics, whether a protection was accepted) is
//! asked for by whoever serves.
//!
//! **Invariants:** no sockets, no clock: the World and the time are arguments. Nobody is answered by an id alone: the request must come from the network and the address of the container whose
//! id it is. A container's id and its credentials' id are drawn from the state folder's secret, so they are the same after a restart.
//!
//! **Entry point:** [`Request::read`], [`find`].

mod answer;
mod credentials;
mod fault;
mod limiter;
mod metadata;
mod protection;
mod request;
#[cfg(test)]
mod tests;
mod variables;
mod whose;

pub use answer::{Answer, not_found};
pub use credentials::{credentials, role_of};
pub use fault::{FaultAction, FaultStep, FaultType, ORIGIN, broken, decide, status, timed_out};
pub use limiter::Limiter;
pub use metadata::{container, task};
pub use protection::{Protect, protected, refused};
pub use request::{Request, What};
pub use variables::{ADDRESS, Variables, variables};
pub use whose::{Found, Source, Whose, find};
