//! Bytes and typed operations, one module a wire.
//!
//! **Lives here:** the types that cross a wire, with their spelling. Today: [`local`], our own versioned JSON between the command
//! line (and, later, the dashboard) and the daemon. The AWS wires get modules beside it: `ecs` and `ecr` (JSON 1.1), `elbv2` (Query
//! and XML), `metadata` (what a task sees), each with one table from errors to codes.
//!
//! **Does not live here:** sockets, HTTP servers, decisions, the World.
//!
//! **Invariants:** pure; AWS's spelling wherever AWS has a word; a time is seconds since the Unix epoch with a fraction, as in
//! AWS's JSON; a field once published keeps its name and meaning within a version.
//!
//! **Entry point:** [`local::path`] lists every operation.

pub mod local;
