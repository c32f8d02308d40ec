//! The simulated fleet passes the suite, on the wall's clock and on one that is wound.

use std::collections::BTreeSet;

use model::Timestamp;

use super::*;
use crate::simulated::{Fleet, VerbName};
use crate::{EngineError, EngineErrorKind, ManualClock, SystemClock};

fn sim(image: &str, words: &[&str]) -> Workload {
    Workload { image: image.to_owned(), entry_point: None, command: Some(words.iter().map(|word| (*word).to_owned()).collect()) }
}

fn subject(clock: Arc<dyn Clock>) -> (Arc<Fleet>, Subject) {
    let fleet = Fleet::new(Arc::clone(&clock));
    let workloads = Workloads {
        server: sim("sim:pull=20ms", &["start=10ms", "stop=10ms", "out=ready"]),
        ignores_term: sim("sim", &["ignore-term", "out=ready"]),
        exits_with_7: sim("sim", &["exit=7@30ms"]),
        writes: sim("sim", &["out=one", "err=careful@10ms", "out=two@20ms", "exit=0@30ms"]),
        stdout: vec!["one".into(), "two".into()],
        stderr: vec!["careful".into()],
        fails_with_7: ["fail", "7", "careful"].map(str::to_owned).to_vec(),
        echoes: vec!["cat".into()],
        missing_image: "sim:missing_pull=20ms".into(),
        free_host_port: 8080,
    };
    let owner = OwnerId::from_text("conformance-test");
    (Arc::clone(&fleet), Subject { engine: fleet, clock, patience: Duration::from_secs(30), owner, workloads })
}

/// Winds the clock whenever every verb sleeps on it.
async fn wind(clock: &ManualClock, fleet: &Fleet) {
    loop {
        tokio::task::yield_now().await;
        if fleet.pending_verbs() == 0
            && let Some(next) = clock.next_deadline()
        {
            clock.advance_to(next);
        }
    }
}

async fn run_wound(clock: &ManualClock, fleet: &Fleet, subject: &Subject) -> Vec<Outcome> {
    // The suite is polled first, and to the point where it really waits: only then may the clock be wound.
    tokio::select! {
        biased;
        outcomes = tokio::task::unconstrained(run(subject)) => outcomes,
        () = wind(clock, fleet) => Vec::new(),
    }
}

#[track_caller]
fn all_pass(outcomes: &[Outcome], fleet: &Fleet) {
    for outcome in outcomes {
        println!("{outcome}");
    }
    assert_eq!(outcomes.len(), cases().len());
    assert!(outcomes.iter().all(|outcome| outcome.verdict.is_ok()), "see the list above");
    assert_eq!(fleet.containers(), []);
}

#[tokio::test]
async fn the_simulated_fleet_conforms_on_the_system_clock() {
    let (fleet, subject) = subject(Arc::new(SystemClock::new()));
    all_pass(&run(&subject).await, &fleet);
}

#[tokio::test]
async fn the_simulated_fleet_conforms_on_a_manual_clock() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let (fleet, subject) = subject(Arc::clone(&clock) as Arc<dyn Clock>);
    all_pass(&run_wound(&clock, &fleet, &subject).await, &fleet);
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let names: BTreeSet<_> = cases().iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().len());
}

/// A suite that passes whatever happens is worth nothing: wrong workloads must be found, and cleaned up after.
#[tokio::test]
async fn the_suite_finds_what_is_wrong_and_cleans_up() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let (fleet, mut subject) = subject(Arc::clone(&clock) as Arc<dyn Clock>);
    subject.workloads = Workloads {
        server: sim("sim", &["ignore-term"]),
        ignores_term: sim("sim", &[]),
        exits_with_7: sim("sim", &["exit=8"]),
        writes: sim("sim", &["out=else", "exit=0"]),
        missing_image: "sim".into(),
        ..subject.workloads
    };
    fleet.occupy_port(subject.workloads.free_host_port, true);
    fleet.fail_next(VerbName::Describe, EngineError::new(EngineErrorKind::Timeout, "no answer in 5 s"));
    let outcomes = run_wound(&clock, &fleet, &subject).await;
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.verdict.is_err()).map(|outcome| outcome.name).collect();
    let expected = [
        "describe says who answers",
        "watch tells of an end and its exit code is kept",
        "a fixed host port is used, once",
        "stop is obeyed",
        "stop kills after the grace",
        "stop of what never ran or has ended succeeds",
        "what is paused does nothing until it goes on",
        "an image goes from engine to engine",
        "a missing image cannot be pulled",
        "a container shares the network of a pause",
        "logs give every line of both streams",
        "logs follow until the container ends",
    ];
    assert_eq!(failed, expected, "{outcomes:#?}");
    assert!(outcomes[0].to_string().contains("no answer in 5 s"));
    assert_eq!(fleet.containers(), []);
}
