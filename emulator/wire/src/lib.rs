//! Bytes and typed operations, one module a wire.
//!
//! **Lives here:** the types that cross a wire, with their spelling. Today: [`local`], our own versioned JSON between the command
//! line (and, later, the dashboard) and the daemon; [`json11`], AWS's JSON 1.1 protocol, and [`ecr`] on it; [`query`], AWS's Query
//! protocol, and [`sts`] on it; [`metadata`], what a task sees of itself; [`oci`], what a registry speaks. The other AWS wires get modules
//! beside them: `ecs` (JSON 1.1), `elbv2` (Query and XML), each with one table from errors to codes.
//!
//! **Does not live here:** sockets, HTTP servers, decisions, the World.
//!
//! **Invariants:** pure; AWS's spelling wherever AWS has a word; a time is seconds since the Unix epoch with a fraction, as in
//! AWS's JSON; a field once published keeps its name and meaning within a version.
//!
//! **Entry point:** [`local::path`] lists every operation.

pub mod ecr;
pub mod json11;
pub mod local;
pub mod metadata;
pub mod oci;
pub mod query;
pub mod sts;
