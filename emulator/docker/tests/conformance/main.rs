//! The real engine: the conformance suite, and what is Docker's own (builds, dialling, health). They fail where no engine answers.

#[cfg(test)]
mod build;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod network;

use std::sync::Arc;
use std::time::Duration;

use engine::SystemClock;
use engine::conformance::{Outcome, Subject, Workload, Workloads, cases};
use futures_util::{StreamExt, stream};

/// Cases at the same time; Docker itself gets no faster with more.
const AT_ONCE: usize = 4;

fn workload(words: &[&str]) -> Workload {
    let command = words.iter().map(|word| (*word).to_owned()).collect();
    Workload { image: test_support::test_image(), entry_point: None, command: Some(command) }
}

fn workloads() -> Workloads {
    Workloads {
        server: workload(&[]),
        ignores_term: workload(&["--ignore-sigterm"]),
        exits_with_7: workload(&["--no-listen", "--exit-after", "300", "7"]),
        writes: workload(&["--print", "one", "--print", "two", "--eprint", "careful", "--no-listen", "--exit-after", "300", "0"]),
        stdout: vec!["one".into(), "two".into()],
        stderr: vec!["careful".into()],
        fails_with_7: ["/test-service", "--eprint", "careful", "--no-listen", "--exit-after", "0", "7"].map(str::to_owned).to_vec(),
        echoes: ["/test-service", "--cat"].map(str::to_owned).to_vec(),
        // Nobody listens there, so that the answer comes at once and without a network.
        missing_image: "127.0.0.1:1/ecslocal-test/missing:none".into(),
        free_host_port: lab::free_port(),
    }
}

#[tokio::test]
async fn docker_conforms() {
    let docker = Arc::new(lab::docker().await);
    let outcomes = stream::iter(cases()).map(|case| {
        let subject = Subject {
            engine: Arc::clone(&docker) as Arc<dyn engine::Engine>,
            clock: Arc::new(SystemClock::new()),
            patience: Duration::from_secs(60),
            owner: lab::new_owner(),
            workloads: workloads(),
        };
        async move { Outcome { name: case.name, verdict: case.check(&subject).await } }
    });
    let outcomes: Vec<_> = outcomes.buffer_unordered(AT_ONCE).collect().await;
    for outcome in &outcomes {
        println!("{outcome}");
    }
    assert_eq!(outcomes.len(), cases().len());
    assert!(outcomes.iter().all(|outcome| outcome.verdict.is_ok()), "see the list above");
}
