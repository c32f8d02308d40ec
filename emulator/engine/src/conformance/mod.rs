//! The conformance suite: what every engine must do for the rest of the house to be right about it.
//!
//! **Lives here:** the cases, each a named check of one promise of [`Engine`]; what they need of a subject.
//!
//! **Does not live here:** any engine. The simulated fleet passes the suite in this room's tests, Docker in its own room's, when there
//! is one.
//!
//! It is part of the library, not of this room's tests, because other rooms' tests run it too. Nothing of the product calls it, so
//! nothing of it is linked into the binary.
//!
//! **Invariants:** a case waits only with a deadline on the subject's clock, and never for time alone; whatever comes of it, it
//! removes everything that it made.
//!
//! **Entry points:** [`cases`], [`Case::check`], [`run`].

mod bench;
mod disturbing;
mod exec;
mod images;
mod lifecycle;
mod logs;
mod namespaces;
mod networks;
mod putting;
mod stopping;
mod usage;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use model::OwnerId;

use crate::{Clock, Engine};
use bench::Bench;

/// An engine to check, and what to check it with.
pub struct Subject {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// The clock that the deadlines are on.
    pub clock: Arc<dyn Clock>,
    /// How long one wait may take; 30 s suit Docker.
    pub patience: Duration,
    /// Nobody else's: everything of this owner, and of the one named `<owner>-other`, is removed after each case.
    pub owner: OwnerId,
    /// What its containers run.
    pub workloads: Workloads,
}

/// Containers that behave in known ways.
#[derive(Clone, Debug)]
pub struct Workloads {
    /// Writes a line once it obeys SIGTERM, runs until then, and exits with code 0 within a second.
    pub server: Workload,
    /// Runs and ignores SIGTERM.
    pub ignores_term: Workload,
    /// Exits with code 7 within a second or two of its start.
    pub exits_with_7: Workload,
    /// Writes `stdout` and `stderr`, then exits with code 0 within a second or two of its start.
    pub writes: Workload,
    /// The lines that `writes` writes to its standard output, in order; at least two.
    pub stdout: Vec<String>,
    /// The lines that it writes to its standard error, in order; at least one.
    pub stderr: Vec<String>,
    /// A program in the image of `server` that writes the line `careful` to its standard error and ends with exit code 7.
    pub fails_with_7: Vec<String>,
    /// A program in it that gives back what it reads.
    pub echoes: Vec<String>,
    /// A reference to an image that is neither here nor to be had.
    pub missing_image: String,
    /// A TCP port of the host's loopback that is free.
    pub free_host_port: u16,
}

/// What one container runs.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The image, by name.
    pub image: String,
    /// Replaces the image's ENTRYPOINT.
    pub entry_point: Option<Vec<String>>,
    /// Replaces the image's CMD.
    pub command: Option<Vec<String>>,
}

/// What comes of a case: the error says what was expected and what was found.
pub type Verdict = Result<(), String>;

type Checking<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One promise of the trait.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, as a sentence.
    pub name: &'static str,
    checking: for<'a> fn(&'a Bench<'a>) -> Checking<'a>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

impl Case {
    /// Checks the promise on the subject, then removes everything that was made for it.
    ///
    /// # Errors
    /// What was expected and what was found, or what could not be removed.
    pub async fn check(&self, subject: &Subject) -> Verdict {
        let bench = Bench::new(subject);
        let verdict = (self.checking)(&bench).await;
        let cleaned = bench.clean().await;
        match (verdict, cleaned) {
            (Err(found), Err(left)) => Err(format!("{found}; and cleaning up failed: {left}")),
            (verdict, cleaned) => verdict.and(cleaned),
        }
    }
}

/// A case and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The case's name.
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.verdict {
            Ok(()) => write!(f, "ok      {}", self.name),
            Err(found) => write!(f, "FAILED  {}: {found}", self.name),
        }
    }
}

/// Checks every case, one after the other; a failure does not end the run.
pub async fn run(subject: &Subject) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for case in cases() {
        outcomes.push(Outcome { name: case.name, verdict: case.check(subject).await });
    }
    outcomes
}

macro_rules! cases {
    ($($name:literal => $check:path,)*) => {
        vec![$(Case { name: $name, checking: |bench| Box::pin($check(bench)) },)*]
    };
}

/// Every case. Each stands alone.
#[must_use]
pub fn cases() -> Vec<Case> {
    cases![
        "describe says who answers" => lifecycle::describe_says_who_answers,
        "a new owner has nothing" => lifecycle::a_new_owner_has_nothing,
        "create makes a container that does not run" => lifecycle::create_makes_a_container_that_does_not_run,
        "create again gives the same container" => lifecycle::create_again_gives_the_same_container,
        "list tells whose containers they are" => lifecycle::list_tells_whose_containers_they_are,
        "start gives an address and a port on loopback" => lifecycle::start_gives_an_address_and_a_port_on_loopback,
        "a second start is harmless" => lifecycle::a_second_start_is_harmless,
        "watch tells of start and removal" => lifecycle::watch_tells_of_start_and_removal,
        "watch tells of an end and its exit code is kept" => lifecycle::watch_tells_of_an_end,
        "a fixed host port is used, once" => lifecycle::a_fixed_host_port_is_used_once,
        "another owner's containers are invisible" => lifecycle::other_owners_are_invisible,
        "what may be started again is the same container at the same port" =>
            lifecycle::what_may_be_started_again_is_the_same_container_at_the_same_port,
        "volumes are made with containers and removed by name" => lifecycle::volumes_are_made_with_containers_and_removed_by_name,
        "what is not there cannot be started" => lifecycle::what_is_not_there_cannot_be_started,
        "stop is obeyed" => stopping::stop_is_obeyed,
        "stop kills after the grace" => stopping::stop_kills_after_the_grace,
        "stop and remove of what is gone succeed" => stopping::stop_and_remove_of_what_is_gone_succeed,
        "stop of what never ran or has ended succeeds" => stopping::stop_of_what_does_not_run_succeeds,
        "what is killed has ended" => disturbing::what_is_killed_has_ended,
        "what is paused does nothing until it goes on" => disturbing::what_is_paused_does_nothing,
        "the network of a container is struck and let go" => disturbing::a_network_is_struck_and_let_go,
        "faults of what does not run are refused, their end succeeds" => disturbing::faults_of_what_does_not_run,
        "remove takes a container away, running or not" => stopping::remove_takes_away,
        "an image has one id" => images::an_image_has_one_id,
        "an image goes from engine to engine" => images::an_image_goes_from_engine_to_engine,
        "a missing image cannot be pulled" => images::a_missing_image_cannot_be_pulled,
        "nothing is created from an image that is not there" => images::nothing_is_created_from_no_image,
        "the image of pause containers is made once" => images::the_pause_image_is_made_once,
        "a pause waits, and obeys" => namespaces::a_pause_waits_and_obeys,
        "a container shares the network of a pause" => namespaces::a_container_shares_the_network_of_a_pause,
        "nobody shares the network of what does not run" => namespaces::nobody_shares_the_network_of_what_does_not_run,
        "the host's network and none have neither address nor ports" => namespaces::neither_address_nor_ports,
        "a service's network comes with its first container" => networks::a_network_comes_with_the_first_container,
        "bridges are those of the owner's networks" => networks::bridges_are_of_networks,
        "a network is removed, and again" => networks::a_network_is_removed_and_again,
        "logs give every line of both streams" => logs::logs_give_every_line,
        "logs give the last lines" => logs::logs_give_the_last_lines,
        "logs follow until the container ends" => logs::logs_follow_until_the_end,
        "there are no logs of what is not there" => logs::no_logs_of_what_is_not_there,
        "exec gives output and exit code" => exec::exec_gives_output_and_exit_code,
        "exec reads its input to its end" => exec::exec_reads_its_input_to_its_end,
        "exec of a program that is not there says so" => exec::exec_of_no_program_says_so,
        "nothing is run in what does not run" => exec::nothing_is_run_in_what_does_not_run,
        "files are put into a container, whether it runs or not" => putting::files_are_put_whether_it_runs_or_not,
        "nothing is put into what is not there" => putting::nothing_is_put_into_what_is_not_there,
        "usage grows while a container runs" => usage::usage_grows,
        "what does not run uses nothing" => usage::what_does_not_run_uses_nothing,
    ]
}

#[cfg(test)]
mod tests;
