//! What each command does, one file each.

mod attach;
mod chaos;
mod completions;
mod connections;
mod deploy;
mod deployments;
mod diff;
mod doctor;
mod down;
mod drain;
mod ecr;
mod events;
mod exec;
mod explain;
mod instances;
mod listings;
mod logs;
mod names;
mod protect;
mod ps;
mod requests;
mod run;
mod scale;
mod scaling;
mod secrets;
mod stop;
mod up;
mod validate;
mod wait;

use model::ClusterName;
use wire::local::{View, path};

use crate::args::Command;
use crate::client::Client;
use crate::cluster;
use crate::end::Outcome;
use crate::launch::{self, Launcher};
use crate::print::Printer;
use crate::progress;
use crate::settings::Settings;

/// Does what was asked.
pub(crate) async fn run(command: Command, settings: Settings, printer: &mut Printer) -> Outcome {
    match command {
        Command::Up(args) => up::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Down(args) => down::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Ps(args) => ps::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Scale(args) => scale::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Scaling(args) => scaling::run(settings.with_files(&args.files.file), printer).await,
        Command::Names(args) => names::run(settings.with_files(&args.files.file), printer).await,
        Command::Connections(args) => connections::run(settings.with_files(&args.files.file), printer).await,
        Command::Secrets => secrets::run(&settings, printer).await,
        Command::Instances(args) => instances::run(settings.with_files(&args.files.file), printer).await,
        Command::Deregister(args) => drain::deregister(&args, settings.with_files(&args.files.file), printer).await,
        Command::Drain(args) => drain::drain(&args, settings.with_files(&args.files.file), printer).await,
        Command::Activate(args) => drain::activate(&args, settings.with_files(&args.files.file), printer).await,
        Command::Logs(args) => logs::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Events(args) => events::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Exec(args) => exec::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Requests(args) => requests::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Alarms(args) => listings::alarms(settings.with_files(&args.files.file), printer).await,
        Command::Targets(args) => listings::targets(settings.with_files(&args.files.file), printer).await,
        Command::Routes(args) => listings::routes(settings.with_files(&args.files.file), printer).await,
        Command::Explain(args) => explain::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Deploy(args) => deploy::deploy(&args, settings.with_files(&args.files.file), printer).await,
        Command::Attach(args) => attach::attach(&args, settings.with_files(&args.files.file), printer).await,
        Command::Detach(args) => attach::detach(&args, settings.with_files(&args.files.file), printer).await,
        Command::Continue(args) => deploy::continue_deployment(&args, settings.with_files(&args.files.file), printer).await,
        Command::Rollback(args) => deploy::rollback(&args, settings.with_files(&args.files.file), printer).await,
        Command::Deployments(args) => deployments::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Run(args) => run::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Protect(args) => protect::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Chaos(command) => chaos::run(command, settings, printer).await,
        Command::Ecr(command) => ecr::run(command, settings, printer).await,
        Command::Stop(args) => stop::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Wait(args) => wait::run(&args, settings.with_files(&args.files.file), printer).await,
        Command::Validate(args) => validate::run(&settings.with_files(&args.files.file), printer),
        Command::Schema => Ok(printer.data(manifest::schema().trim_end())?),
        Command::Diff(args) => diff::run(settings.with_files(&args.files.file), printer).await,
        Command::Doctor => doctor::run(&settings, printer).await,
        Command::Completions { shell } => completions::run(shell, printer),
        Command::Daemon => launch::run(&settings).await,
    }
}

/// The daemon, what it sees now, and the cluster that a command means; the cluster may be missing from the view.
async fn look(settings: &Settings, printer: &mut Printer) -> Outcome<(Client, View, ClusterName)> {
    let client = Launcher::new(settings)?.require().await?;
    let view: View = client.get(path::VIEW).await?;
    for (_, problem) in progress::problem_texts(&view) {
        printer.notice(&problem)?;
    }
    let name = cluster::choose(settings, &view, printer)?;
    Ok((client, view, name))
}
