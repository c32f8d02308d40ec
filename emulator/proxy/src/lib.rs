//! The way from one service to another: a door for each connection that is granted, and what is behind it.
//!
//! **Lives here:** listening on this machine's address on the server's network, for packets that come in by the client's bridge and no
//! others; dialling a task behind it, another one where that fails; bytes both ways, or requests one by one. And the name servers at such
//! addresses: DNS as bytes, and passing on what this machine's own name servers know.
//!
//! **Does not live here:** which connections and names there are and whose turn it is (room `routing`); where the networks are, and when a
//! door is opened (room `daemon`).
//!
//! **Invariants:** a door is bound to one address, one port and one network interface, so the kernel itself refuses everybody else,
//! this machine's own processes among them; every connection has an owner, a limit on how many there are, and ends with its door.
//!
//! **Entry point:** [`Proxy`].

mod answer;
mod door;
mod http;
mod names;
mod pump;
mod registry;
mod shared;
mod tcp;
mod upstream;

pub use door::Door;
pub use names::{Answers, NameServer, name_servers};
pub use registry::Proxy;
