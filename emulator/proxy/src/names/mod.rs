//! Questions of containers for names, which their engine passes on to this machine's address on their network (ecs.md 8).

mod message;
mod server;
mod upstream;

pub use server::{Answers, NameServer};
pub use upstream::name_servers;
