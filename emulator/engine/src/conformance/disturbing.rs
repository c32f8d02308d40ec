//! Faults on purpose.

use std::time::Duration;

use model::ContainerId;

use super::Verdict;
use super::bench::{Bench, expect, expect_exit};
use crate::Disturbance;

/// The least that Docker knows.
const SHORT: Duration = Duration::from_secs(1);
/// Longer than any workload takes to obey.
const LONG: Duration = Duration::from_secs(20);

pub(super) async fn what_is_killed_has_ended(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    for _ in 0..2 {
        bench.succeed("kill", engine.disturb(&id, &Disturbance::Kill)).await?;
    }
    bench.stop(&id, LONG).await?;
    expect_exit(&bench.look(&id).await?, 137)
}

pub(super) async fn what_is_paused_does_nothing(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let frozen = bench.running("users", &bench.subject.workloads.server).await?;
    for _ in 0..2 {
        bench.succeed("pause", engine.disturb(&frozen, &Disturbance::Pause)).await?;
    }
    let state = bench.look(&frozen).await?.state;
    expect(state == model::RunState::Running, || format!("expected that what is paused runs, found {state:?}"))?;
    for _ in 0..2 {
        bench.succeed("unpause", engine.restore(&frozen, &Disturbance::Pause)).await?;
    }
    bench.stop(&frozen, LONG).await?;
    expect_exit(&bench.look(&frozen).await?, 0)?;
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    bench.succeed("pause", engine.disturb(&id, &Disturbance::Pause)).await?;
    bench.stop(&id, SHORT).await?;
    // It obeys no signal but the last.
    expect_exit(&bench.look(&id).await?, 137)
}

pub(super) async fn faults_of_what_does_not_run(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let nobody = ContainerId::from_text(&"0".repeat(64));
    let ended = bench.ended("users", &bench.subject.workloads.exits_with_7).await?;
    for id in [&nobody, &ended] {
        bench.succeed("unpause of what does not run", engine.restore(id, &Disturbance::Pause)).await?;
        bench.succeed("kill of what does not run", engine.disturb(id, &Disturbance::Kill)).await?;
        let paused = engine.disturb(id, &Disturbance::Pause).await;
        expect(paused.is_err(), || format!("expected that what does not run cannot be paused, found {paused:?}"))?;
    }
    Ok(())
}
