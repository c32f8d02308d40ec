//! Faults on purpose.

use std::time::Duration;

use model::{ContainerId, FaultId, NetworkFault, NetworkFaultKind, TrafficDirection, TransportProtocol};

use super::Verdict;
use super::bench::{Bench, expect, expect_exit};
use crate::Disturbance;

/// A port of a container that nobody can reach any more.
fn blackhole(bench: &Bench<'_>, fault: &str) -> Disturbance {
    let kind = NetworkFaultKind::Blackhole { port: 80, protocol: TransportProtocol::Tcp, direction: TrafficDirection::Ingress };
    let fault = FaultId::from_text(fault);
    Disturbance::Network { owner: bench.subject.owner.clone(), fault, what: NetworkFault::new(kind), time: Duration::from_secs(600) }
}

pub(super) async fn a_network_is_struck_and_let_go(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    // Nothing of it was done yet.
    let never = blackhole(bench, "fault-c0");
    bench.succeed("end of a fault that was never", engine.restore(&id, &never)).await?;
    let (one, other) = (blackhole(bench, "fault-c1"), blackhole(bench, "fault-c2"));
    for what in [&one, &one, &other] {
        bench.succeed("a fault of a network", engine.disturb(&id, what)).await?;
    }
    let listed = bench.list(&bench.subject.owner).await?;
    expect(listed.len() == 1, || format!("expected that what does a fault is no container of a task, found {listed:?}"))?;
    for what in [&one, &other, &other] {
        bench.succeed("end of a fault of a network", engine.restore(&id, what)).await?;
    }
    bench.stop(&id, LONG).await?;
    bench.succeed("end of a fault of what has ended", engine.restore(&id, &one)).await?;
    let again = engine.disturb(&id, &one).await;
    expect(again.is_err(), || format!("expected that the network of what has ended cannot be struck, found {again:?}"))
}

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
    // It goes on where it was.
    expect_exit(&bench.look(&frozen).await?, 0)
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
