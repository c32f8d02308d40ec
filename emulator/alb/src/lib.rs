//! The data plane: accepts on the listeners' ports, sends each request where `routing` says, streams the answer back (alb.md 6, 9, 10).
//!
//! **Lives here:** sockets, worker threads, TLS handshakes, client connections over HTTP/1 and HTTP/2, connections to targets, bodies on
//! their way, upgraded connections, timeouts of live requests, the calls that logins need, the record of each request on its way out, the
//! wire side of a health check.
//!
//! **Does not live here:** which rule matches, which target is next, which failure earns which status, what the pages and the added
//! headers say, what is counted (room `routing`); how a message of HTTP/1 is read and where it ends (`message`); certificates and
//! policies (`tls`); what a login asks for and what its cookies hold (`authentication`); when health checks are made and what they lead
//! to, when tables change, where records are written (`daemon`).
//!
//! **Structure:** one single-threaded runtime per core on a thread of its own, with its own sockets on every port. A connection never
//! leaves its worker, and neither do the connections to targets that it uses. A request loads one table and keeps to what it found there.
//!
//! **Invariants:** no lock and no shared write on a request's way but the targets' counters (metrics are counted in a shard of the
//! worker's own); no body is held, ever; nothing of a request
//! is sent twice; a request counts as in flight from the choice of its target to the end of its response's body, however that comes;
//! one code path serves every request; a panic costs one connection.
//!
//! **Entry points:** [`DataPlane::start`], [`DataPlane::publish`], [`DataPlane::listen`], [`probe`].

mod admission;
mod body;
mod client;
mod clock;
mod connection;
mod convert;
mod cookie;
mod desync;
mod encryption;
mod endpoints;
mod forward;
mod http1;
mod http2;
mod listener;
mod outgoing;
mod plan;
mod plane;
mod probe;
mod record;
mod respond;
mod rewrite;
mod room;
mod socket;
mod state;
mod transport;
mod tunnel;
mod upstream;
mod worker;

pub use authentication::Keys as IdentityKeys;
pub use cookie::CookieKey;
pub use encryption::HttpsListener;
pub use plane::{DataPlane, Settings};
pub use probe::probe;
pub use record::{Record, RecordSink};
