//! `run`: tasks that no service keeps alive, to their end.

use std::collections::BTreeMap;

use model::{ClusterName, ContainerName, EnvironmentFile, Placement, PlacementConstraint, TaskDefinitionName};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::local::{Failure, LogRecord, RunTaskRequest, StopTaskRequest, TaskView, TasksReply, View, Wanted, path};

use crate::args::Run;
use crate::client::{Client, with_query};
use crate::cluster;
use crate::end::{End, INPUT, Outcome};
use crate::interrupt::Interrupts;
use crate::launch::Launcher;
use crate::listing::short;
use crate::print::Printer;
use crate::print::sanitize::visible;
use crate::settings::Settings;
use crate::steps::{self, Applied};
use crate::stream::{Interleaver, unreadable};

/// Lines that wait to be printed.
const LINES: usize = 256;

/// Starts them, prints what they write, and ends with the exit code of the first that failed.
pub(crate) async fn run(args: &Run, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, cluster, what) = find(args, &settings, printer).await?;
    let container = args.container.as_deref().map(ContainerName::new).transpose().map_err(|error| Failure::input(error.to_string()))?;
    let request = RunTaskRequest {
        cluster: cluster.clone(),
        what,
        count: args.count,
        container,
        command: (!args.command.is_empty()).then(|| args.command.clone()),
        environment: environment(&args.environment, &settings)?,
        environment_files: environment_files(&args.environment_files, &settings)?,
        started_by: args.started_by.clone(),
        placement: placement(args),
        enable_execute_command: args.enable_execute_command,
    };
    let mut interrupts = Interrupts::new()?;
    let Some(Applied { tasks, .. }) = steps::follow(client, (path::RUN_TASK, &request), printer, &mut interrupts).await? else {
        printer.talk("no longer waiting; the daemon goes on")?;
        return Err(End::Said(INPUT));
    };
    if args.detach {
        return match settings.json {
            true => Ok(printer.json(&TasksReply { tasks })?),
            false => Ok(tasks.iter().try_for_each(|task| printer.data(&visible(task)))?),
        };
    }
    let follower = Follower { client, cluster, tasks, json: settings.json };
    if !follower.print_lines(printer, &mut interrupts).await? {
        printer.talk("the tasks go on; `ecslocal stop TASK` stops one")?;
        return Err(End::Said(INPUT));
    }
    follower.end(printer).await
}

/// Where the tasks may be placed.
fn placement(args: &Run) -> Placement {
    let distinct = args.distinct_instance.then_some(PlacementConstraint::DistinctInstance);
    let constraints = args.member_of.iter().cloned().map(PlacementConstraint::MemberOf).chain(distinct);
    Placement { constraints: constraints.collect(), strategy: Vec::new() }
}

/// The daemon, the cluster, and what is to run there: the manifest's task definition, else a registered one.
async fn find(args: &Run, settings: &Settings, printer: &mut Printer) -> Outcome<(Client, ClusterName, Wanted)> {
    let name: TaskDefinitionName = args.task_definition.parse().map_err(Failure::input)?;
    let launcher = Launcher::new(settings)?;
    if name.revision.is_none() && settings.manifest_files().is_some() {
        let mut desired = settings.require_manifest(printer)?.desired;
        if let Some(definition) = desired.task_definitions.remove(&name.family) {
            return Ok((launcher.find_or_spawn().await?, desired.cluster, Wanted::Definition(Box::new(definition))));
        }
    }
    let client = launcher.require().await?;
    let view: View = client.get(path::VIEW).await?;
    let cluster = cluster::choose(settings, &view, printer)?;
    Ok((client, cluster, Wanted::Registered(name)))
}

/// `NAME=value`, or `NAME` for the value that it has here.
fn environment(typed: &[String], settings: &Settings) -> Result<BTreeMap<String, String>, Failure> {
    let read = |text: &String| match text.split_once('=') {
        Some(("", _)) => Err(Failure::input(format!("`{text}` gives a value to no variable")).hint("write `-e NAME=value`")),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => {
            let unset = || Failure::input(format!("the variable `{text}` is not set here")).hint(format!("write `-e {text}=value`"));
            settings.variable(text).map(|value| (text.clone(), value)).ok_or_else(unset)
        }
    };
    typed.iter().map(read).collect()
}

/// Objects of S3, and files of this machine's, which must be there.
fn environment_files(typed: &[String], settings: &Settings) -> Result<Vec<EnvironmentFile>, Failure> {
    let read = |text: &String| {
        if text.starts_with("arn:") {
            let wrong =
                || Failure::input(format!("`{text}` is not the ARN of an object of S3")).hint("for example `arn:aws:s3:::settings/users.env`");
            return EnvironmentFile::from_arn(text).ok_or_else(wrong);
        }
        let path = settings.directory().join(text);
        let found = path.canonicalize().map_err(|error| Failure::input(format!("the file `{text}` cannot be read: {error}")))?;
        found.to_str().map(|path| EnvironmentFile::Local(path.to_owned())).ok_or_else(|| Failure::input(format!("the path of `{text}` is not UTF-8")))
    };
    typed.iter().map(read).collect()
}

/// Tasks that are followed to their end.
struct Follower {
    client: Client,
    cluster: ClusterName,
    tasks: Vec<String>,
    json: bool,
}

impl Follower {
    /// Prints their lines until all are over. The first Ctrl-C stops them in order, the second leaves them: `false`.
    async fn print_lines(&self, printer: &mut Printer, interrupts: &mut Interrupts) -> Outcome<bool> {
        let (sender, mut lines) = mpsc::channel(LINES);
        let mut readers = JoinSet::new();
        for task in &self.tasks {
            readers.spawn(read(self.client, self.cluster.clone(), task.clone(), sender.clone()));
        }
        drop(sender);
        let mut interleaver = (self.tasks.len() > 1).then(Interleaver::default);
        let mut interrupted = false;
        loop {
            tokio::select! {
                line = lines.recv() => match line {
                    Some(line) => self.print(line?, interleaver.as_mut(), printer)?,
                    None => return Ok(true),
                },
                () = interrupts.next() => {
                    if interrupted {
                        return Ok(false);
                    }
                    interrupted = true;
                    printer.talk("stopping; Ctrl-C again leaves the tasks running")?;
                    self.stop().await?;
                }
            }
        }
    }

    /// What the one task writes goes where it wrote it; of several, each line has its task in front.
    fn print(&self, line: LogRecord, interleaver: Option<&mut Interleaver>, printer: &mut Printer) -> Outcome {
        if let Some(problem) = line.problem.as_ref().filter(|_| !self.json) {
            return Ok(printer.talk(&unreadable(&line, problem))?);
        }
        match interleaver {
            _ if self.json => printer.json_line(&line)?,
            Some(interleaver) => interleaver.log(printer, &line)?,
            None if line.stream == "stderr" => printer.talk(&visible(&line.text))?,
            None => printer.data(&visible(&line.text))?,
        }
        Ok(())
    }

    async fn stop(&self) -> Outcome {
        for task in &self.tasks {
            let request = StopTaskRequest { cluster: self.cluster.clone(), task: task.clone(), reason: None };
            let _: serde_json::Value = self.client.post(path::STOP_TASK, &request).await?;
        }
        Ok(())
    }

    /// Says of each task that did not end well why, and ends with its exit code.
    async fn end(&self, printer: &mut Printer) -> Outcome {
        let view: View = self.client.get(path::VIEW).await?;
        let known = cluster::find(&view, &self.cluster).map_or(&[][..], |cluster| &cluster.tasks);
        let mut code = 0;
        for id in &self.tasks {
            let task = known.iter().find(|task| task.task_id == *id);
            let own = task.map_or(INPUT, exit_code);
            if let Some(task) = task.filter(|_| own != 0) {
                printer.talk(&format!("task {} ended with exit code {own}: {}", short(id), visible(&why(task))))?;
            }
            code = if code == 0 { own } else { code };
        }
        if code == 0 { Ok(()) } else { Err(End::Said(code)) }
    }
}

async fn read(client: Client, cluster: ClusterName, task: String, sender: mpsc::Sender<Result<LogRecord, Failure>>) {
    let query = with_query(path::LOGS, &[("cluster", cluster.as_str()), ("task", &task), ("follow", "true")]);
    let mut lines = match client.get_lines::<LogRecord>(&query).await {
        Ok(lines) => lines,
        Err(failure) => return drop(sender.send(Err(failure)).await),
    };
    while let Some(line) = lines.next().await.transpose() {
        if sender.send(line).await.is_err() {
            return;
        }
    }
}

/// The exit code of the essential container whose end was the task's: what is stopped with it says nothing of the job. Else that of the first
/// essential container that has one other than 0; 1 where one never ran.
fn exit_code(task: &TaskView) -> u8 {
    let ended = task.ended_by.as_ref().and_then(|name| task.containers.iter().find(|container| container.name == *name));
    if let Some(code) = ended.and_then(|container| container.exit_code) {
        return u8::try_from(code).unwrap_or(INPUT);
    }
    let essential = || task.containers.iter().filter(|container| container.essential);
    match essential().filter_map(|container| container.exit_code).find(|code| *code != 0) {
        Some(code) => u8::try_from(code).unwrap_or(INPUT),
        None if essential().any(|container| container.exit_code.is_none()) => INPUT,
        None => 0,
    }
}

fn why(task: &TaskView) -> String {
    let containers = task.containers.iter().filter_map(|container| container.reason.clone());
    task.stopped_reason.iter().cloned().chain(containers).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_exit_code_is_that_of_an_essential_container() {
        let mut task = sample::view().clusters[0].tasks[0].clone();
        let code = |task: &TaskView, codes: &[(bool, Option<i64>)]| {
            let container = |(essential, exit_code): &(bool, Option<i64>)| wire::local::ContainerView {
                essential: *essential,
                exit_code: *exit_code,
                ..task.containers[0].clone()
            };
            exit_code(&TaskView { containers: codes.iter().map(container).collect(), ..task.clone() })
        };
        task.stopped_reason = None;
        assert_eq!(code(&task, &[(true, Some(0)), (false, Some(3))]), 0);
        assert_eq!(code(&task, &[(false, Some(3)), (true, Some(0)), (true, Some(137))]), 137);
        let job = wire::local::ContainerView { name: "job".into(), essential: true, exit_code: Some(0), ..task.containers[0].clone() };
        let sidecar = wire::local::ContainerView { name: "sidecar".into(), exit_code: Some(137), ..job.clone() };
        let ended = TaskView { ended_by: Some("job".into()), containers: vec![sidecar, job], ..task.clone() };
        assert_eq!(exit_code(&ended), 0, "the sidecar was killed because the job was done");
        assert_eq!(code(&task, &[(true, None)]), INPUT);
        assert_eq!(code(&task, &[(true, Some(4096))]), INPUT);
    }
}
