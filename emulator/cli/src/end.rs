//! How a command ends.

use std::io;

use wire::local::{Failure, Fault};

/// How a command ends when it is not simply done.
#[derive(Debug)]
pub(crate) enum End {
    /// It failed, and this is to be said.
    Failure(Box<Failure>),
    /// Everything is said; only the exit code is left.
    Said(u8),
    /// Nobody reads what we print (`ecslocal logs | head`): end quietly.
    Unread,
}

/// What a command returns.
pub(crate) type Outcome<T = ()> = Result<T, End>;

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failure(Box::new(failure))
    }
}

impl From<io::Error> for End {
    /// Of printing: the only place where an `io::Error` is not mapped by hand.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Unread } else { Failure::environment(format!("could not print: {error}")).into() }
    }
}

/// The exit code that a failure earns: 1 the user's input or a failed deployment, 2 the environment or our fault.
pub(crate) const fn exit_code(fault: Fault) -> u8 {
    match fault {
        Fault::Input => INPUT,
        Fault::Environment => ENVIRONMENT,
    }
}

/// The user's input, or a deployment that failed.
pub(crate) const INPUT: u8 = 1;
/// The environment, or our fault.
pub(crate) const ENVIRONMENT: u8 = 2;
