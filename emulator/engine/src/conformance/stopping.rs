//! Stopping and removing.

use std::time::Duration;

use futures_util::StreamExt;
use model::{ContainerId, RunState};

use super::Verdict;
use super::bench::{Bench, expect, expect_equal, expect_exit};
use crate::LogOptions;

/// Longer than any workload takes to obey.
const LONG: Duration = Duration::from_secs(20);
/// The least that Docker knows.
const SHORT: Duration = Duration::from_secs(1);

/// Waits for the server's first line: the first process of a container gets no signal that it has not asked for yet.
async fn ready(bench: &Bench<'_>, id: &ContainerId) -> Verdict {
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut lines = bench.succeed("logs", bench.subject.engine.logs(id, options)).await?;
    let first = bench.within("logs: the server's first line", lines.next()).await?;
    expect(matches!(first, Some(Ok(_))), || format!("expected the server's first line, found {first:?}"))
}

pub(super) async fn stop_is_obeyed(bench: &Bench<'_>) -> Verdict {
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    ready(bench, &id).await?;
    let began = bench.subject.clock.now();
    bench.stop(&id, LONG).await?;
    let took = bench.subject.clock.now().since(began);
    expect(took < LONG, || format!("expected an end before the grace of {LONG:?} was over, found {took:?}"))?;
    expect_exit(&bench.look(&id).await?, 0)
}

pub(super) async fn stop_kills_after_the_grace(bench: &Bench<'_>) -> Verdict {
    let id = bench.running("users", &bench.subject.workloads.ignores_term).await?;
    let began = bench.subject.clock.now();
    bench.stop(&id, SHORT).await?;
    let took = bench.subject.clock.now().since(began);
    // A tenth of tolerance: the engine has a clock of its own.
    expect(took >= SHORT - SHORT / 10, || format!("expected the whole grace of {SHORT:?}, found {took:?}"))?;
    expect_exit(&bench.look(&id).await?, 137)
}

pub(super) async fn stop_and_remove_of_what_is_gone_succeed(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let nobody = ContainerId::from_text(&"0".repeat(64));
    bench.stop(&nobody, SHORT).await?;
    bench.succeed("remove of nobody", engine.remove(&nobody)).await?;
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    bench.succeed("remove", engine.remove(&id)).await?;
    bench.stop(&id, SHORT).await?;
    bench.succeed("second remove", engine.remove(&id)).await
}

pub(super) async fn stop_of_what_does_not_run_succeeds(bench: &Bench<'_>) -> Verdict {
    let created = bench.create(&bench.spec("users", &bench.subject.workloads.server).await?).await?;
    bench.stop(&created, SHORT).await?;
    expect_equal("state after the stop", &bench.look(&created).await?.state, &RunState::Created)?;
    let ended = bench.ended("users", &bench.subject.workloads.exits_with_7).await?;
    bench.stop(&ended, SHORT).await?;
    expect_exit(&bench.look(&ended).await?, 7)
}

pub(super) async fn remove_takes_away(bench: &Bench<'_>) -> Verdict {
    let created = bench.create(&bench.spec("users", &bench.subject.workloads.server).await?).await?;
    let running = bench.running("users", &bench.subject.workloads.ignores_term).await?;
    let ended = bench.ended("users", &bench.subject.workloads.exits_with_7).await?;
    for id in [created, running, ended] {
        bench.succeed("remove", bench.subject.engine.remove(&id)).await?;
        expect_equal("inspect after remove", &bench.inspect(&id).await?, &None)?;
    }
    expect_equal("list after remove", &bench.list(&bench.subject.owner).await?, &vec![])
}
