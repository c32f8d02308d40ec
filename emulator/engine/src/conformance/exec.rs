//! Programs in running containers.

use futures_util::StreamExt as _;
use model::ContainerId;

use super::Verdict;
use super::bench::{Bench, expect, expect_equal};
use crate::exec::NO_SUCH_PROGRAM;
use crate::{EngineErrorKind, ExecInput, ExecOutput, ExecSession, ExecSpec, LogStream};

fn spec(command: &[String], input: bool) -> ExecSpec {
    ExecSpec { command: command.to_vec(), terminal: None, input }
}

/// What a program wrote to each stream, and its exit code.
async fn end(bench: &Bench<'_>, session: ExecSession) -> Result<(String, String, Option<i64>), String> {
    let ExecSession { input, output } = session;
    let outputs: Vec<_> = bench.within("exec: the end of the program", output.collect()).await?;
    drop(input);
    let (mut stdout, mut stderr, mut code) = (Vec::new(), Vec::new(), None);
    for output in outputs {
        match output.map_err(|error| format!("exec: expected output, found {error}"))? {
            ExecOutput::Bytes(LogStream::Stdout, bytes) => stdout.extend_from_slice(&bytes),
            ExecOutput::Bytes(LogStream::Stderr, bytes) => stderr.extend_from_slice(&bytes),
            ExecOutput::Exit(found) => code = Some(found),
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((text(stdout), text(stderr), code))
}

pub(super) async fn exec_gives_output_and_exit_code(bench: &Bench<'_>) -> Verdict {
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    let spec = spec(&bench.subject.workloads.fails_with_7, false);
    let session = bench.succeed("exec", bench.subject.engine.exec(&id, &spec)).await?;
    let (_, stderr, code) = end(bench, session).await?;
    expect_equal("standard error", &stderr.as_str(), &"careful\n")?;
    expect_equal("the exit code", &code, &Some(7))
}

pub(super) async fn exec_reads_its_input_to_its_end(bench: &Bench<'_>) -> Verdict {
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    let spec = spec(&bench.subject.workloads.echoes, true);
    let session = bench.succeed("exec", bench.subject.engine.exec(&id, &spec)).await?;
    for input in [ExecInput::Bytes("one\n".into()), ExecInput::Bytes("two".into()), ExecInput::End] {
        bench.within("exec: input", session.input.send(input)).await?.map_err(|error| format!("exec: input: {error}"))?;
    }
    let (stdout, _, code) = end(bench, session).await?;
    expect_equal("what comes back", &stdout.as_str(), &"one\ntwo")?;
    expect_equal("the exit code", &code, &Some(0))
}

pub(super) async fn exec_of_no_program_says_so(bench: &Bench<'_>) -> Verdict {
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    let spec = spec(&["/no/such/program".to_owned()], false);
    let session = bench.succeed("exec", bench.subject.engine.exec(&id, &spec)).await?;
    let (_, stderr, code) = end(bench, session).await?;
    expect_equal("the exit code", &code, &Some(NO_SUCH_PROGRAM))?;
    expect(stderr.contains("/no/such/program"), || format!("expected the program's name on standard error, found `{stderr}`"))
}

pub(super) async fn nothing_is_run_in_what_does_not_run(bench: &Bench<'_>) -> Verdict {
    let spec = spec(&bench.subject.workloads.fails_with_7, false);
    let ended = bench.ended("users", &bench.subject.workloads.exits_with_7).await?;
    bench.fail("exec", EngineErrorKind::Refused, bench.subject.engine.exec(&ended, &spec)).await?;
    let nobody = ContainerId::from_text(&"0".repeat(64));
    bench.fail("exec", EngineErrorKind::NotFound, bench.subject.engine.exec(&nobody, &spec)).await
}
