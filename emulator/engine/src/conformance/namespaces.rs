//! Whose network a container has (ecs.md 1.6).

use std::time::Duration;

use model::{ContainerId, ContainerName, ObservedContainer, RunState};

use super::Verdict;
use super::bench::{Bench, expect, expect_equal, expect_exit};
use crate::{ContainerSpec, NetworkNamespace};

/// A pause container of the service's own task.
async fn pause(bench: &Bench<'_>, service: &str) -> Result<ContainerSpec, String> {
    let mut spec = bench.spec(service, &bench.subject.workloads.server).await?;
    spec.image_id = bench.succeed("pause_image", bench.subject.engine.pause_image()).await?;
    spec.definition.name = ContainerName::pause();
    (spec.definition.command, spec.definition.entry_point) = (None, None);
    Ok(spec)
}

/// A container of the pause's task that shares its network.
async fn sharer(bench: &Bench<'_>, pause: &ContainerSpec, holder: &ContainerId) -> Result<ContainerSpec, String> {
    let spec = bench.spec("users", &bench.subject.workloads.server).await?;
    Ok(ContainerSpec { task: pause.task.clone(), namespace: NetworkNamespace::Shared(holder.clone()), ..spec })
}

fn expect_bare(what: &str, seen: &ObservedContainer) -> Verdict {
    expect_equal(&format!("state of {what}"), &seen.state, &RunState::Running)?;
    let bare = seen.address.is_none() && !seen.direct && seen.network_bindings.is_empty();
    expect(bare, || format!("{what}: expected neither address nor ports, found {:?} {:?}", seen.address, seen.network_bindings))
}

pub(super) async fn a_pause_waits_and_obeys(bench: &Bench<'_>) -> Verdict {
    let id = bench.create(&pause(bench, "users").await?).await?;
    let seen = bench.start(&id).await?;
    expect_equal("state", &seen.state, &RunState::Running)?;
    expect_equal("name in the task", &seen.container, &ContainerName::pause())?;
    expect(seen.address.is_some(), || "expected an address, found none".into())?;
    expect(seen.direct || !seen.network_bindings.is_empty(), || "expected a way to its ports, found none".into())?;
    expect_equal("inspect after start", &bench.look(&id).await?, &seen)?;
    bench.stop(&id, Duration::from_secs(30)).await?;
    expect_exit(&bench.look(&id).await?, 0)
}

pub(super) async fn a_container_shares_the_network_of_a_pause(bench: &Bench<'_>) -> Verdict {
    let pause = pause(bench, "users").await?;
    let holder = bench.create(&pause).await?;
    bench.start(&holder).await?;
    let mut spec = sharer(bench, &pause, &holder).await?;
    // Both are the pause's matter.
    spec.definition.dns_servers = vec!["127.0.0.1".into()];
    let id = bench.create(&spec).await?;
    let seen = bench.start(&id).await?;
    expect_bare("a sharer", &seen)?;
    let listed = bench.list(&bench.subject.owner).await?;
    expect_equal("the sharer in the list", &listed.iter().find(|found| found.id == id), &Some(&seen))?;
    bench.stop(&id, Duration::from_secs(30)).await?;
    expect_exit(&bench.look(&id).await?, 0)?;
    expect_equal("state of the pause after it", &bench.look(&holder).await?.state, &RunState::Running)
}

pub(super) async fn nobody_shares_the_network_of_what_does_not_run(bench: &Bench<'_>) -> Verdict {
    let pause = pause(bench, "users").await?;
    let holder = bench.create(&pause).await?;
    let id = bench.create(&sharer(bench, &pause, &holder).await?).await?;
    let started = bench.within("start", bench.subject.engine.start(&id)).await?;
    expect(started.is_err(), || "start beside a pause that does not run: expected a failure, found success".into())?;
    bench.start(&holder).await?;
    expect_bare("a sharer once the pause runs", &bench.start(&id).await?)
}

pub(super) async fn neither_address_nor_ports(bench: &Bench<'_>) -> Verdict {
    for (service, namespace) in [("users", NetworkNamespace::Host), ("posts", NetworkNamespace::None)] {
        let mut spec = bench.spec(service, &bench.subject.workloads.server).await?;
        for mapping in &mut spec.definition.port_mappings {
            (mapping.container_port, mapping.host_port) = (bench.subject.workloads.free_host_port, bench.subject.workloads.free_host_port);
        }
        // On the host's network a server must not take a port that somebody else has.
        spec.definition.environment.insert("PORT".into(), bench.subject.workloads.free_host_port.to_string());
        spec.namespace = namespace;
        let id = bench.create(&spec).await?;
        expect_bare(service, &bench.start(&id).await?)?;
    }
    let networks = bench.succeed("networks", bench.subject.engine.networks(&bench.subject.owner)).await?;
    expect_equal("networks", &networks, &vec![])
}
