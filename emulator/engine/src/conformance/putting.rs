//! Files that are put into containers.

use model::{ContainerId, Timestamp};

use super::Verdict;
use super::bench::Bench;
use crate::{EngineErrorKind, PutFile};

fn file(path: &str, content: &str) -> PutFile {
    PutFile { path: path.into(), mode: 0o644, modified: Timestamp::from_millis(1_700_000_000_000), content: content.to_owned().into() }
}

pub(super) async fn files_are_put_whether_it_runs_or_not(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let spec = bench.spec("users", &bench.subject.workloads.server).await?;
    let created = bench.create(&spec).await?;
    // Into folders that are not there, over itself, and more than one.
    for files in [vec![file("/put/deep/one", "1")], vec![file("/put/deep/one", "2"), file("/put/two", "")]] {
        bench.succeed("put before the start", engine.put(&created, &files)).await?;
    }
    bench.start(&created).await?;
    bench.succeed("put while it runs", engine.put(&created, &[file("/put/deep/one", "3")])).await
}

pub(super) async fn nothing_is_put_into_what_is_not_there(bench: &Bench<'_>) -> Verdict {
    let nobody = ContainerId::from_text(&"0".repeat(64));
    bench.fail("put", EngineErrorKind::NotFound, bench.subject.engine.put(&nobody, &[file("/put", "")])).await
}
