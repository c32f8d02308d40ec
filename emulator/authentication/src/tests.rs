//! Whole logins against a simulated identity provider.

mod failures;
mod idp;
mod login;
mod sessions;
