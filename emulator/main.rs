//! The binary: everything is in the room `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
