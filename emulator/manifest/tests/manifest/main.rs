//! The room from outside: texts in, values or rendered problems out.

#![expect(clippy::unwrap_used, reason = "a helper of a test that cannot go on fails the test")]

mod encryption;
mod hints;
mod limits;
mod problems;
mod properties;
mod schema;
mod support;
mod values;
