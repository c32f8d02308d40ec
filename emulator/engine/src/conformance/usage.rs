//! What containers use.

use model::ContainerId;

use super::Verdict;
use super::bench::{Bench, expect, expect_equal};
use crate::Usage;

async fn usage(bench: &Bench<'_>, id: &ContainerId) -> Result<Option<Usage>, String> {
    bench.succeed("usage", bench.subject.engine.usage(id)).await
}

pub(super) async fn usage_grows(bench: &Bench<'_>) -> Verdict {
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    let first = usage(bench, &id).await?.ok_or("usage: expected that of a running container, found none")?;
    expect(first.memory > 0, || format!("expected some memory, found {first:?}"))?;
    let second = usage(bench, &id).await?.ok_or("usage: expected that of a running container, found none")?;
    expect(second.at >= first.at && second.cpu_time >= first.cpu_time, || format!("expected no less than {first:?}, found {second:?}"))?;
    // A container that has just started has not used more than the time since on every core of a large machine.
    expect(second.cpu_time.as_secs() < 3600, || format!("expected a moment of CPU time, found {second:?}"))
}

pub(super) async fn what_does_not_run_uses_nothing(bench: &Bench<'_>) -> Verdict {
    let created = bench.create(&bench.spec("users", &bench.subject.workloads.server).await?).await?;
    let ended = bench.ended("users", &bench.subject.workloads.exits_with_7).await?;
    for id in [created, ended, ContainerId::from_text(&"0".repeat(64))] {
        expect_equal("usage", &usage(bench, &id).await?, &None)?;
    }
    Ok(())
}
