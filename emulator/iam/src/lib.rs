//! Who asks an AWS API, and whether that may be.
//!
//! **Lives here:** the credentials that tasks are given ([`Mint`]), the check of a signature (SigV4) that was made with them
//! ([`SignedRequest`]), and the decision about what a role may do ([`Principal::authorise`]) in AWS's words.
//!
//! **Does not live here:** sockets, a clock, roles and their policies themselves (the room `model`), which resource an operation is about
//! (who answers it knows).
//!
//! **Invariants:** no files, no clock, no runtime: time and the secret are arguments. Credentials are derived from one secret of the state folder, so nothing is kept of them
//! and they outlive the daemon that gave them; what they are good for is looked up in the World each time.
//!
//! **Entry point:** [`Mint`], [`Principal`].

mod credentials;
mod principal;
mod refusal;
mod signature;
#[cfg(test)]
mod tests;

pub use credentials::{Credentials, LIFETIME, Mint, RENEWAL, Session};
pub use principal::{Denied, Principal};
pub use refusal::Refusal;
pub use signature::{MAX_SKEW, SignedRequest, Verified};
