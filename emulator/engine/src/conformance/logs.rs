//! Logs.

use futures_util::StreamExt;
use model::ContainerId;

use super::Verdict;
use super::bench::{Bench, expect, expect_equal};
use crate::{EngineErrorKind, LogLine, LogOptions, LogStream};

async fn read(bench: &Bench<'_>, id: &ContainerId, options: LogOptions) -> Result<Vec<LogLine>, String> {
    let stream = bench.succeed("logs", bench.subject.engine.logs(id, options)).await?;
    let lines: Vec<_> = bench.within("logs: the end of the stream", stream.collect()).await?;
    lines.into_iter().collect::<Result<_, _>>().map_err(|error| format!("logs: expected a line, found {error}"))
}

fn expect_all(bench: &Bench<'_>, lines: &[LogLine]) -> Verdict {
    let of = |stream| lines.iter().filter(|line| line.stream == stream).map(|line| line.text.clone()).collect::<Vec<_>>();
    expect_equal("standard output", &of(LogStream::Stdout), &bench.subject.workloads.stdout)?;
    expect_equal("standard error", &of(LogStream::Stderr), &bench.subject.workloads.stderr)?;
    // The two streams are read side by side, so only the lines of one stream have an order.
    let in_order = |stream| lines.iter().filter(|line| line.stream == stream).is_sorted_by_key(|line| line.at);
    expect(in_order(LogStream::Stdout) && in_order(LogStream::Stderr), || format!("expected lines in order of time, found {lines:?}"))
}

pub(super) async fn logs_give_every_line(bench: &Bench<'_>) -> Verdict {
    let id = bench.ended("users", &bench.subject.workloads.writes).await?;
    expect_all(bench, &read(bench, &id, LogOptions::default()).await?)
}

pub(super) async fn logs_give_the_last_lines(bench: &Bench<'_>) -> Verdict {
    let id = bench.ended("users", &bench.subject.workloads.writes).await?;
    let all = read(bench, &id, LogOptions::default()).await?;
    for follow in [false, true] {
        let last = read(bench, &id, LogOptions { follow, tail: Some(2), since: None }).await?;
        expect_equal("the last two lines", &last, &all[all.len().saturating_sub(2)..].to_vec())?;
    }
    let since = all.iter().map(|line| line.at).max();
    expect_equal("lines since the last one", &read(bench, &id, LogOptions { follow: false, tail: None, since }).await?, &vec![])
}

pub(super) async fn logs_follow_until_the_end(bench: &Bench<'_>) -> Verdict {
    let id = bench.running("users", &bench.subject.workloads.writes).await?;
    expect_all(bench, &read(bench, &id, LogOptions { follow: true, ..LogOptions::default() }).await?)
}

pub(super) async fn no_logs_of_what_is_not_there(bench: &Bench<'_>) -> Verdict {
    let nobody = ContainerId::from_text(&"0".repeat(64));
    bench.fail("logs", EngineErrorKind::NotFound, bench.subject.engine.logs(&nobody, LogOptions::default())).await
}
