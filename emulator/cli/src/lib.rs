//! The command line: arguments, settings, printing; it talks to the daemon over `wire::local`.
//!
//! **Lives here:** what can be typed ([`run`]), finding and starting the daemon, watching a rollout, tables, colours, and the words
//! with which a failure is told.
//!
//! **Does not live here:** decisions about tasks or requests (the daemon's rooms), what a manifest means (room `manifest`). The
//! room `daemon` is used to run it and to examine the machine, by `launch` and `commands/doctor`, and by nobody else.
//!
//! **Invariants:** standard output is data, standard error is talk; both are written by `print` alone, and a reader that goes away
//! ends the command quietly. Text that a container, an image or an engine wrote reaches the terminal only through
//! `print::sanitize`, but for `exec` and `logs --raw`, which are asked for just that. No meaning by colour alone. Exit codes: 0 done, 1 the user's input or a failed deployment, 2 the environment
//! or our fault.
//!
//! **Entry point:** [`run`].

mod args;
mod client;
mod cluster;
mod commands;
mod end;
mod follow;
mod interrupt;
mod launch;
mod listing;
mod print;
mod progress;
mod report;
#[cfg(test)]
mod sample;
mod settings;
mod steps;
mod stream;
mod terminal;
mod watch;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use wire::local::Failure;

use args::CommandLine;
use end::{End, INPUT, Outcome, exit_code};
use print::Printer;
use settings::Settings;

/// Reads the process's arguments, does what they ask, and says how it went.
#[must_use]
pub fn run() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version come this way too. Nobody reading them is no failure.
            error.print().ok();
            return if error.use_stderr() { ExitCode::from(INPUT) } else { ExitCode::SUCCESS };
        }
    };
    let environment = environment();
    let mut printer = Printer::of_process(line.common.color, &|name| environment.get(name).cloned());
    let outcome = act(line, environment, &mut printer);
    conclude(outcome, &mut printer)
}

fn act(line: CommandLine, environment: BTreeMap<String, String>, printer: &mut Printer) -> Outcome {
    let settings = Settings::resolve(&line.common, line.file, environment)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(format!("the runtime cannot be started: {error}")))?;
    let outcome = runtime.block_on(commands::run(line.command, settings, printer));
    runtime.shutdown_background();
    outcome
}

fn conclude(outcome: Outcome, printer: &mut Printer) -> ExitCode {
    match outcome {
        Ok(()) | Err(End::Unread) => ExitCode::SUCCESS,
        Err(End::Said(code)) => ExitCode::from(code),
        Err(End::Failure(failure)) => {
            // Where even this cannot be printed, the exit code tells.
            printer.failure(&failure).ok();
            ExitCode::from(exit_code(failure.fault))
        }
    }
}

/// The variables that are text.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_exit_code() {
        let broken_pipe = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        for (outcome, code, said) in [
            (Ok(()), 0, ""),
            (Err(End::from(broken_pipe())), 0, ""),
            (Err(End::Said(1)), 1, ""),
            (Err(Failure::input("no").into()), 1, "error: no\n"),
            (Err(Failure::environment("no docker").hint("start it").into()), 2, "error: no docker\nhint: start it\n"),
        ] {
            let (mut printer, data, talk) = print::tests::into_pipes();
            assert_eq!(conclude(outcome, &mut printer), ExitCode::from(code));
            assert_eq!((data.text().as_str(), talk.text().as_str()), ("", said));
        }
    }
}
