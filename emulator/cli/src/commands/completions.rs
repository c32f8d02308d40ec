//! `completions`

use clap::CommandFactory;

use crate::args::CommandLine;
use crate::end::Outcome;
use crate::print::Printer;

/// Prints a shell's completions.
pub(crate) fn run(shell: clap_complete::Shell, printer: &mut Printer) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "ecslocal", &mut script);
    Ok(printer.raw(&script)?)
}
