//! Everything of TLS that is not a socket: certificates and the choice among them, what a security policy offers, certificates of
//! clients, the local authority, and what a handshake came to (alb.md 1).
//!
//! **Lives here:** reading PEM with messages for a person, the facts of a certificate, the choice by name and by what a client can
//! use, both sides' configurations for rustls, verification of clients and the headers that tell targets of them, the development
//! authority in its folder.
//!
//! **Does not live here:** connections and their bytes (room `alb`), the names and tables of the policies (`model`), which files a
//! manifest names and when they are read again (`manifest`, `daemon`).
//!
//! **Structure:** a handshake has two steps, as with tokio-rustls' `LazyConfigAcceptor`: the client's first message is read, then
//! [`Server::accept`] answers with the configuration for just this client. So the certificate that was chosen is known without
//! asking, and a client that speaks no protocol of ours after TLS is served without ALPN.
//!
//! **Invariants:** the provider of cryptography is always named, never the process's default; no file but the authority's own is
//! read or written; private keys are never printed; nothing here waits.
//!
//! **Entry points:** [`Certificate::from_pem`], [`ServerSetup::build`], [`Server::accept`], [`Negotiated::of`], [`client_headers`],
//! [`ClientSetup::build`], [`Authority::open`].

mod authority;
mod certificate;
mod choice;
mod client;
mod client_certificate;
mod distinguished_name;
mod error;
mod facts;
mod folder;
mod headers;
mod key;
mod mutual;
mod negotiated;
mod pem;
mod policy;
mod refusal;
mod server;
mod signature;
mod trust;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use authority::{Authority, AuthorityError};
pub use certificate::Certificate;
pub use choice::choose;
pub use client::{ClientSetup, target_name};
pub use client_certificate::ClientCertificate;
pub use error::{PemError, PemFile, PemProblem};
pub use facts::{Facts, KeyKind, SignatureHash};
pub use headers::{MutualMode, client_headers};
pub use mutual::{Mutual, TrustStore};
pub use negotiated::Negotiated;
pub use refusal::{Failure, Refusal};
pub use server::{Accepting, Server, ServerSetup, SetupError};
pub use trust::{TrustStep, trust_steps};
