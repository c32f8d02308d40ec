//! Images.

use super::Verdict;
use super::bench::{Bench, expect, expect_equal};
use futures_util::StreamExt as _;

use crate::{EngineError, EngineErrorKind, Progress};

pub(super) async fn an_image_has_one_id(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let reference = &bench.subject.workloads.server.image;
    let first = bench.succeed("image", engine.image(reference, Progress::none())).await?;
    expect(first.starts_with("sha256:"), || format!("expected an id such as `sha256:…`, found `{first}`"))?;
    expect_equal("the second answer", &bench.succeed("image", engine.image(reference, Progress::none())).await?, &first)
}

pub(super) async fn an_image_goes_from_engine_to_engine(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let id = bench.succeed("image", engine.image(&bench.subject.workloads.server.image, Progress::none())).await?;
    let stream = bench.succeed("export", engine.export(&id)).await?;
    expect_equal("the imported image", &bench.succeed("import", engine.import(stream)).await?, &id)?;
    expect_equal("the image by its id", &bench.succeed("find_image", engine.find_image(&id)).await?, &Some(id.clone()))?;
    let missing = &bench.subject.workloads.missing_image;
    expect_equal("an image that is not there", &bench.succeed("find_image", engine.find_image(missing)).await?, &None)?;
    bench.fail("export", EngineErrorKind::NotFound, engine.export(missing)).await?;
    let broken = futures_util::stream::iter([Err(EngineError::new(EngineErrorKind::Unreachable, "gone"))]).boxed();
    bench.fail("import", EngineErrorKind::Unreachable, engine.import(broken)).await
}

pub(super) async fn a_missing_image_cannot_be_pulled(bench: &Bench<'_>) -> Verdict {
    let missing = &bench.subject.workloads.missing_image;
    bench.fail("image", EngineErrorKind::CannotPull, bench.subject.engine.image(missing, Progress::none())).await
}

pub(super) async fn nothing_is_created_from_no_image(bench: &Bench<'_>) -> Verdict {
    let mut spec = bench.spec("users", &bench.subject.workloads.server).await?;
    spec.image_id = format!("sha256:{}", "0".repeat(64));
    bench.fail("create", EngineErrorKind::NotFound, bench.subject.engine.create(&spec)).await?;
    expect_equal("list", &bench.list(&bench.subject.owner).await?, &vec![])
}

pub(super) async fn the_pause_image_is_made_once(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let first = bench.succeed("pause_image", engine.pause_image()).await?;
    expect(first.starts_with("sha256:"), || format!("expected an id such as `sha256:…`, found `{first}`"))?;
    expect_equal("the second answer", &bench.succeed("pause_image", engine.pause_image()).await?, &first)?;
    expect_equal("the image by its name", &bench.succeed("image", engine.image(model::PAUSE_IMAGE, Progress::none())).await?, &first)
}
