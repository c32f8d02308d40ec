//! The options of `attach` and `detach`.

use std::num::NonZeroU16;

use clap::Args;

use super::Files;

/// `attach`
#[derive(Debug, Args)]
pub(crate) struct Attach {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The service
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Where the process listens, on 127.0.0.1
    #[arg(long, value_name = "PORT")]
    pub(crate) port: NonZeroU16,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// `detach`
#[derive(Debug, Args)]
pub(crate) struct Detach {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The service
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// How long `attach` and `detach` wait.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// Return at once
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait until the exchange is over; it goes on after that
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
}
