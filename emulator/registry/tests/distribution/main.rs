//! The registry as a client meets it: the behaviours of the OCI distribution specification, case by case, and ECR's ways in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod admission;
mod blobs;
mod lab;
mod listings;
mod manifests;
mod uploads;
