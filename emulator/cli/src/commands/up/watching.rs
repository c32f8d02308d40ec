//! `up --watch`: what is saved is built, rolled out and told.

mod syncing;

use std::collections::BTreeSet;
use std::path::Path;

use model::{Desired, ServiceName};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use wire::local::{DeployRequest, Failure, UpEvent, UpRequest, View, Wanted, path};

use self::syncing::Synced;
use crate::client::Client;
use crate::cluster;
use crate::end::Outcome;
use crate::listing::change_line;
use crate::print::Printer;
use crate::print::color::Tone;
use crate::print::sanitize::visible;
use crate::report::{self, Trouble};
use crate::settings::Settings;
use crate::watch::affected::{Watched, Wish};
use crate::watch::observer::{Observer, Saved, Sight};
use crate::watch::rollout::{Expected, News, Rollouts, What};
use crate::watch::schedule::{Action, Job, Schedule};

/// Steps of jobs that wait to be told.
const WAITING: usize = 64;
/// A build that took fewer seconds found all its steps in the cache.
const WORTH_TELLING: f64 = 0.5;
/// So many paths of a save are named.
const NAMED: usize = 3;

/// Something that a watch goes on with.
pub(super) enum Happening {
    /// Files were saved, or can only be polled.
    Seen(Sight),
    /// Nothing is seen any more.
    Blind,
    /// A job is further.
    Step(Step),
}

/// A step of a job.
pub(super) struct Step {
    /// Which run of which job; steps of one that was let go of are passed over.
    run: u64,
    what: Told,
}

enum Told {
    Event(UpEvent),
    /// The stream is over, in order or not.
    Over(Option<Failure>),
    /// Files were copied without a build; of no run.
    Synced(Synced),
}

/// A job under way.
struct Run {
    number: u64,
    job: Job,
    /// When it began, and when the newest file was saved that it is for.
    begun: Instant,
    since: Instant,
    task: AbortHandle,
    /// What the manifest said that it brings the cluster to.
    desired: Option<Desired>,
    applied: bool,
}

/// A watch over the files of a cluster.
pub(super) struct Watching<'a> {
    settings: &'a Settings,
    client: Client,
    /// What the manifest said when it was applied last.
    desired: Desired,
    watched: Watched,
    observer: Observer,
    schedule: Schedule,
    rollouts: Rollouts,
    /// The newest.
    view: Option<View>,
    /// Dropped with the watch, and all jobs with it.
    tasks: JoinSet<()>,
    runs: Vec<Run>,
    started: u64,
    steps: (mpsc::Sender<Step>, mpsc::Receiver<Step>),
}

impl<'a> Watching<'a> {
    /// What is there when this returns has been saved before.
    pub(super) async fn begin(settings: &'a Settings, client: Client, desired: &Desired) -> Self {
        let files = settings.read_manifest_and_files().map(|(_, files)| files).unwrap_or_default();
        let watched = Watched::of(desired, files);
        let observer = Observer::begin(watched.interest()).await;
        let desired = Desired { speed: None, ..desired.clone() };
        Self {
            settings,
            client,
            desired,
            watched,
            observer,
            schedule: Schedule::default(),
            rollouts: Rollouts::new(None),
            view: None,
            tasks: JoinSet::new(),
            runs: Vec::new(),
            started: 0,
            steps: mpsc::channel(WAITING),
        }
    }

    /// The cluster is up as it was when the watch began.
    pub(super) fn brought_up(&mut self, view: &View, printer: &mut Printer) -> Outcome {
        self.rollouts = Rollouts::new(cluster::find(view, &self.desired.cluster));
        say(printer, "watching the manifest and the build contexts; what is saved is rolled out")
    }

    /// What happens next. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Happening {
        tokio::select! {
            sight = self.observer.next() => sight.map_or(Happening::Blind, Happening::Seen),
            Some(step) = self.steps.1.recv() => Happening::Step(step),
            // Only so that tasks which have ended are let go of; what they did was told.
            Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => Happening::Step(Step { run: 0, what: Told::Over(None) }),
        }
    }

    /// Goes on with what has happened.
    pub(super) async fn take(&mut self, happening: Happening, printer: &mut Printer) -> Outcome {
        match happening {
            Happening::Blind => return Err(Failure::environment("the watch over files broke off").hint("`ecslocal up --watch` begins again").into()),
            Happening::Seen(Sight::Polling(why)) => printer.notice(&why)?,
            Happening::Seen(Sight::Saved(saved)) => self.saved(&saved, printer)?,
            Happening::Step(step) => {
                self.step(step, printer)?;
                // What the step is about may have been seen already.
                if let Some(view) = self.view.take() {
                    self.look(view, printer).await?;
                }
            }
        }
        for action in self.schedule.next() {
            match action {
                Action::Cancel(job) => self.cancel(&job),
                Action::Begin { job, wish, since } => self.begin_job(job, wish, since, printer)?,
            }
        }
        Ok(())
    }

    fn saved(&mut self, saved: &Saved, printer: &mut Printer) -> Outcome {
        let affected = self.watched.affected(&saved.changed);
        if affected.manifest || !affected.services.is_empty() || !affected.syncs.is_empty() {
            let paths = saved.changed.iter().map(|changed| changed.path.as_path()).collect();
            let names: Vec<&str> = affected.services.keys().chain(affected.syncs.keys()).map(ServiceName::as_str).collect();
            let whose = if affected.manifest { String::new() } else { format!(": {}", names.join(", ")) };
            say(printer, &format!("{} changed{whose}", named(&paths, self.settings.directory())))?;
        }
        let syncs = self.schedule.saved(affected, saved.at);
        self.begin_copies(syncs, saved.at);
        Ok(())
    }

    fn begin_job(&mut self, job: Job, wish: Wish, since: Instant, printer: &mut Printer) -> Outcome {
        match &job {
            Job::Manifest => {
                let Some(desired) = self.reread(printer)? else {
                    self.schedule.ended(&job, false);
                    // What would have gone with the manifest goes by itself.
                    for action in self.schedule.next() {
                        if let Action::Begin { job: Job::Service(name), wish, since } = action {
                            self.begin_service(&name, wish, since);
                        }
                    }
                    return Ok(());
                };
                let request = UpRequest { desired: desired.clone(), attended: true };
                self.spawn((job, since), Some(desired), path::UP, request);
            }
            Job::Service(name) => self.begin_service(name, wish, since),
        }
        Ok(())
    }

    fn begin_service(&mut self, name: &ServiceName, wish: Wish, since: Instant) {
        let job = Job::Service(name.clone());
        let family = self.desired.services.get(name).map(|service| &service.task_definition);
        let Some(definition) = family.and_then(|family| self.desired.task_definitions.get(family)) else {
            // The manifest has it no more.
            self.schedule.ended(&job, true);
            return;
        };
        let request = DeployRequest {
            cluster: self.desired.cluster.clone(),
            service: name.clone(),
            what: Wanted::Definition(Box::new(definition.clone())),
            unless_current: wish == Wish::Build,
            attended: true,
        };
        self.spawn((job, since), None, path::DEPLOY, request);
    }

    /// The manifest as it is now; `None` where it is not right, which is told.
    fn reread(&mut self, printer: &mut Printer) -> Outcome<Option<Desired>> {
        let nothing = "nothing is changed until the manifest is right again";
        let Some((read, files)) = self.settings.read_manifest_and_files() else {
            say(printer, &format!("the manifest is gone: {nothing}"))?;
            return Ok(None);
        };
        let desired = match read {
            Ok(manifest) if manifest.desired.cluster == self.desired.cluster => manifest.desired,
            Ok(manifest) => {
                let (old, new) = (&self.desired.cluster, &manifest.desired.cluster);
                let failure = Failure::input(format!("the manifest describes the cluster `{new}` now, and this is `{old}`"));
                printer.failure(&failure.hint("end this `up` with Ctrl-C and begin another one"))?;
                return Ok(None);
            }
            Err(problems) => {
                self.watched = self.watched.with_files(files);
                self.observer.watch(self.watched.interest());
                printer.talk(problems.render(printer.talk_palette().colored()).trim_end())?;
                say(printer, nothing)?;
                return Ok(None);
            }
        };
        self.watched = Watched::of(&desired, files);
        self.observer.watch(self.watched.interest());
        Ok(Some(desired))
    }

    fn spawn<T: Serialize + Send + Sync + 'static>(
        &mut self,
        (job, since): (Job, Instant),
        desired: Option<Desired>,
        path: &'static str,
        request: T,
    ) {
        self.started += 1;
        let (number, client, sender) = (self.started, self.client, self.steps.0.clone());
        let task = self.tasks.spawn(async move {
            let failure = run(client, (path, &request), (number, &sender)).await.err();
            sender.send(Step { run: number, what: Told::Over(failure) }).await.ok();
        });
        self.runs.push(Run { number, job, begun: Instant::now(), since, task, desired, applied: false });
    }

    fn cancel(&mut self, job: &Job) {
        self.runs.retain(|run| {
            let meant = run.job == *job;
            if meant {
                run.task.abort();
            }
            !meant
        });
    }

    fn step(&mut self, Step { run: number, what }: Step, printer: &mut Printer) -> Outcome {
        let what = match what {
            Told::Synced(synced) => return self.synced(synced, printer),
            what => what,
        };
        let Some(at) = self.runs.iter().position(|run| run.number == number) else { return Ok(()) };
        match what {
            // A manifest's are mostly as they were.
            Told::Event(UpEvent::Building { .. }) if self.runs[at].job == Job::Manifest => Ok(()),
            Told::Event(UpEvent::Building { image }) => say(printer, &format!("building {}", visible(&image))),
            Told::Event(UpEvent::Built { seconds, .. }) if self.runs[at].job == Job::Manifest && seconds < WORTH_TELLING => Ok(()),
            Told::Event(UpEvent::Built { image, seconds, .. }) => say(printer, &format!("built {} in {seconds:.1} s", visible(&image))),
            Told::Event(UpEvent::Notice { message }) => Ok(printer.notice(&message)?),
            Told::Event(UpEvent::Applied { changes, version, .. }) => {
                let run = &mut self.runs[at];
                run.applied = true;
                if let Some(desired) = run.desired.take() {
                    self.desired = desired;
                }
                let service = if let Job::Service(name) = &run.job { Some(name.to_string()) } else { None };
                self.rollouts.expect(Expected { version, service, begun: run.begun, since: run.since });
                applied(&run.job, run.since, &changes, printer)
            }
            Told::Event(UpEvent::BuildLine { .. } | UpEvent::Done) => Ok(()),
            Told::Event(UpEvent::Failed { failure }) | Told::Over(Some(failure)) => {
                let run = self.runs.swap_remove(at);
                self.schedule.ended(&run.job, run.applied);
                printer.failure(&failure)?;
                say(printer, "what runs keeps running; the next save tries again")
            }
            Told::Over(None) | Told::Synced(_) => {
                let run = self.runs.swap_remove(at);
                self.schedule.ended(&run.job, run.applied);
                Ok(())
            }
        }
    }

    /// Tells how far deployments are.
    pub(super) async fn look(&mut self, view: View, printer: &mut Printer) -> Outcome {
        let view = self.view.insert(view);
        let Some(cluster) = cluster::find(view, &self.desired.cluster) else { return Ok(()) };
        for News { service, since, what } in self.rollouts.look(view.version, cluster, Instant::now()) {
            let after = format!("{:.2} s after the save", since.elapsed().as_secs_f64());
            match what {
                What::Answers(definition) => say(printer, &format!("{service}: {definition} answers {after}"))?,
                What::Steady(definition) => say(printer, &format!("{service}: steady with {definition} {after}"))?,
                What::Paused(how) => say(printer, &format!("{service}: {how}"))?,
                What::Same => say(printer, &format!("{service}: what was built is the same as before, nothing rolls"))?,
                What::Failed => {
                    if let Ok(name) = ServiceName::new(&service) {
                        self.schedule.failed(name);
                    }
                    let services = [service];
                    let message = report::summary(cluster, &services);
                    // The exit code is not asked for: the watch goes on.
                    drop(report::not_steady(&Trouble { client: self.client, cluster, services: &services, message: &message }, printer).await?);
                    say(printer, "the next save tries again")?;
                }
            }
        }
        Ok(())
    }
}

/// Follows a request to its end.
async fn run<T: Serialize + Sync>(client: Client, (path, request): (&str, &T), (run, sender): (u64, &mpsc::Sender<Step>)) -> Result<(), Failure> {
    let mut events = client.post_lines::<UpEvent>(path, request).await?;
    while let Some(event) = events.next().await? {
        let over = matches!(event, UpEvent::Done | UpEvent::Failed { .. });
        sender.send(Step { run, what: Told::Event(event) }).await.ok();
        if over {
            return Ok(());
        }
    }
    Err(Failure::environment("the daemon broke off before the changes were made").hint("see `daemon.log` in the state folder"))
}

fn applied(job: &Job, since: Instant, changes: &[String], printer: &mut Printer) -> Outcome {
    for change in changes {
        printer.talk(&format!("  {}", change_line(change, printer.talk_palette())))?;
    }
    let after = format!("{:.2} s after the save", since.elapsed().as_secs_f64());
    match job {
        Job::Manifest if changes.is_empty() => say(printer, "the manifest asks for nothing else than what there is"),
        Job::Manifest => say(printer, &format!("the manifest is applied {after}")),
        Job::Service(_) => Ok(()),
    }
}

fn say(printer: &mut Printer, text: &str) -> Outcome {
    let label = printer.talk_palette().paint(Tone::Heading, "watch:");
    Ok(printer.talk(&format!("{label} {text}"))?)
}

/// The first of the paths, relative to the working folder where they are below it, and how many more there are.
fn named(paths: &BTreeSet<&Path>, directory: &Path) -> String {
    let shown = |path: &&Path| visible(&path.strip_prefix(directory).unwrap_or(path).to_string_lossy()).into_owned();
    let first: Vec<String> = paths.iter().take(NAMED).map(shown).collect();
    let more = paths.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", first.join(", ")) } else { first.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_is_named_by_its_first_paths() {
        for (names, expected) in [
            (&["/app/services/users/server.js"][..], "services/users/server.js"),
            (&["/app/a", "/elsewhere/b"], "a, /elsewhere/b"),
            (&["/app/a", "/app/b", "/app/c", "/app/d", "/app/e"], "a, b, c and 2 more"),
            (&["/app/\u{1b}[2J"], "\\x1b[2J"),
        ] {
            let paths = names.iter().map(Path::new).collect();
            assert_eq!(named(&paths, Path::new("/app")), expected);
        }
    }
}
