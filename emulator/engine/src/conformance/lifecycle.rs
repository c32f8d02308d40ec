//! Creating, starting, seeing.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use model::{ContainerId, DockerVolume, HealthStatus, RestartPolicy, RunState};

use super::Verdict;
use super::bench::{Bench, CONTAINER_PORT, expect, expect_equal, expect_exit};
use crate::{EngineErrorKind, EngineEvent, Mount, MountSource, VolumeScope, VolumeSpec, missing_volume};

pub(super) async fn describe_says_who_answers(bench: &Bench<'_>) -> Verdict {
    let info = bench.succeed("describe", bench.subject.engine.describe()).await?;
    let texts = [&info.name, &info.version, &info.api_version, &info.endpoint];
    expect(texts.iter().all(|text| !text.is_empty()), || format!("expected every field to be filled, found {info:?}"))
}

pub(super) async fn a_new_owner_has_nothing(bench: &Bench<'_>) -> Verdict {
    expect_equal("list", &bench.list(&bench.subject.owner).await?, &vec![])?;
    let networks = bench.succeed("networks", bench.subject.engine.networks(&bench.subject.owner)).await?;
    expect_equal("networks", &networks, &vec![])
}

pub(super) async fn create_makes_a_container_that_does_not_run(bench: &Bench<'_>) -> Verdict {
    let id = bench.create(&bench.spec("users", &bench.subject.workloads.server).await?).await?;
    let seen = bench.look(&id).await?;
    expect_equal("state", &seen.state, &RunState::Created)?;
    expect_equal("address before the start", &seen.address, &None)?;
    expect_equal("ports before the start", &seen.network_bindings, &vec![])
}

pub(super) async fn create_again_gives_the_same_container(bench: &Bench<'_>) -> Verdict {
    let spec = bench.spec("users", &bench.subject.workloads.server).await?;
    let first = bench.create(&spec).await?;
    expect_equal("id of the second create", &bench.create(&spec).await?, &first)?;
    bench.start(&first).await?;
    expect_equal("id of a create while it runs", &bench.create(&spec).await?, &first)?;
    expect_equal("number of containers", &bench.list(&bench.subject.owner).await?.len(), &1)
}

pub(super) async fn list_tells_whose_containers_they_are(bench: &Bench<'_>) -> Verdict {
    let workloads = &bench.subject.workloads;
    let specs = [bench.spec("users", &workloads.server).await?, bench.spec("posts", &workloads.server).await?];
    for spec in &specs {
        bench.create(spec).await?;
    }
    let listed = bench.list(&bench.subject.owner).await?;
    expect_equal("number of containers", &listed.len(), &2)?;
    for spec in &specs {
        let seen = listed.iter().find(|seen| seen.task == spec.task).ok_or_else(|| format!("list: expected task {}, found {listed:?}", spec.task))?;
        expect_equal("service", &seen.service, &spec.service)?;
        expect_equal("container", &seen.container, &spec.definition.name)?;
        expect_equal("name in the engine", &seen.runtime_name, &spec.runtime_name)?;
        expect_equal("inspect beside list", &bench.look(&seen.id).await?, seen)?;
    }
    Ok(())
}

pub(super) async fn start_gives_an_address_and_a_port_on_loopback(bench: &Bench<'_>) -> Verdict {
    let id = bench.create(&bench.spec("users", &bench.subject.workloads.server).await?).await?;
    let seen = bench.start(&id).await?;
    expect_equal("state", &seen.state, &RunState::Running)?;
    expect(seen.address.is_some(), || "expected an address, found none".into())?;
    expect_equal("health without a check", &seen.health, &HealthStatus::Unknown)?;
    let [binding] = seen.network_bindings.as_slice() else {
        return Err(format!("expected one port, found {:?}", seen.network_bindings));
    };
    expect_equal("address of the published port", &binding.bind_ip, &IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    expect_equal("container port", &binding.container_port, &CONTAINER_PORT)?;
    expect(binding.host_port != 0, || "expected a host port, found 0".into())?;
    expect_equal("inspect after start", &bench.look(&id).await?, &seen)
}

pub(super) async fn a_second_start_is_harmless(bench: &Bench<'_>) -> Verdict {
    let id = bench.create(&bench.spec("users", &bench.subject.workloads.server).await?).await?;
    let first = bench.start(&id).await?;
    expect_equal("what the second start saw", &bench.start(&id).await?, &first)
}

pub(super) async fn watch_tells_of_start_and_removal(bench: &Bench<'_>) -> Verdict {
    let mut events = bench.watch().await?;
    let id = bench.running("users", &bench.subject.workloads.server).await?;
    bench.await_event(&mut events, &EngineEvent::Changed(id.clone())).await?;
    bench.succeed("remove", bench.subject.engine.remove(&id)).await?;
    expect_equal("exit code in the news of its death", &bench.await_death(&mut events, &id).await?, &137)?;
    bench.await_event(&mut events, &EngineEvent::Removed(id)).await
}

pub(super) async fn watch_tells_of_an_end(bench: &Bench<'_>) -> Verdict {
    let id = bench.ended("users", &bench.subject.workloads.exits_with_7).await?;
    let seen = bench.look(&id).await?;
    expect_exit(&seen, 7)?;
    expect(matches!(seen.state, RunState::Exited { at: Some(_), .. }), || format!("expected the time of the end, found {:?}", seen.state))?;
    expect_equal("ports after the end", &seen.network_bindings, &vec![])?;
    expect_equal("address after the end", &seen.address, &None)
}

pub(super) async fn a_fixed_host_port_is_used_once(bench: &Bench<'_>) -> Verdict {
    let workloads = &bench.subject.workloads;
    let mut ids = Vec::new();
    for service in ["users", "posts"] {
        let mut spec = bench.spec(service, &workloads.server).await?;
        for mapping in &mut spec.definition.port_mappings {
            mapping.host_port = workloads.free_host_port;
        }
        ids.push(bench.create(&spec).await?);
    }
    let seen = bench.start(&ids[0]).await?;
    let ports: Vec<u16> = seen.network_bindings.iter().map(|binding| binding.host_port).collect();
    expect_equal("host ports", &ports, &vec![workloads.free_host_port])?;
    bench.fail("start with a port that is taken", EngineErrorKind::PortTaken, bench.subject.engine.start(&ids[1])).await?;
    let refused = bench.look(&ids[1]).await?;
    expect(refused.state != RunState::Running, || "expected a container that does not run after the failed start".into())?;
    bench.succeed("remove", bench.subject.engine.remove(&ids[0])).await?;
    expect_equal("state once the port is free again", &bench.start(&ids[1]).await?.state, &RunState::Running)
}

pub(super) async fn other_owners_are_invisible(bench: &Bench<'_>) -> Verdict {
    let mine = bench.create(&bench.spec("users", &bench.subject.workloads.server).await?).await?;
    let mut spec = bench.spec("users", &bench.subject.workloads.server).await?;
    spec.owner = bench.other_owner();
    spec.network.owner = bench.other_owner();
    let theirs = bench.create(&spec).await?;
    let ids = |listed: Vec<model::ObservedContainer>| listed.into_iter().map(|seen| seen.id).collect::<Vec<_>>();
    expect_equal("my containers", &ids(bench.list(&bench.subject.owner).await?), &vec![mine])?;
    expect_equal("their containers", &ids(bench.list(&bench.other_owner()).await?), &vec![theirs.clone()])?;
    let engine = &bench.subject.engine;
    bench.succeed("remove_network", engine.remove(&theirs)).await?;
    bench.succeed("remove_network", engine.remove_network(&spec.network)).await?;
    expect_equal("my networks", &bench.succeed("networks", engine.networks(&bench.subject.owner)).await?.len(), &1)?;
    expect_equal("their networks", &bench.succeed("networks", engine.networks(&bench.other_owner())).await?.len(), &0)
}

pub(super) async fn what_is_not_there_cannot_be_started(bench: &Bench<'_>) -> Verdict {
    let nobody = ContainerId::from_text(&"0".repeat(64));
    expect_equal("inspect", &bench.inspect(&nobody).await?, &None)?;
    bench.fail("start", EngineErrorKind::NotFound, bench.subject.engine.start(&nobody)).await
}

pub(super) async fn what_may_be_started_again_is_the_same_container_at_the_same_port(bench: &Bench<'_>) -> Verdict {
    let mut spec = bench.spec("users", &bench.subject.workloads.server).await?;
    spec.definition.restart_policy = Some(RestartPolicy { ignored_exit_codes: vec![], restart_attempt_period: 60 });
    let id = bench.create(&spec).await?;
    let first = bench.start(&id).await?;
    bench.stop(&id, Duration::from_secs(20)).await?;
    let second = bench.start(&id).await?;
    expect_equal("state of the second run", &second.state, &RunState::Running)?;
    expect_equal("ports of the second run", &second.network_bindings, &first.network_bindings)
}

pub(super) async fn volumes_are_made_with_containers_and_removed_by_name(bench: &Bench<'_>) -> Verdict {
    let mut spec = bench.spec("users", &bench.subject.workloads.server).await?;
    let volume = |name: &str, scope| {
        let source = MountSource::Volume(VolumeSpec { name: name.to_owned(), scope, volume: DockerVolume::default() });
        vec![Mount { source, container_path: "/data".into(), read_only: false }]
    };
    let (own, missing) = (format!("ecs-own-{}", spec.task), format!("ecs-missing-{}", spec.task));
    spec.mounts = volume(&missing, VolumeScope::Existing);
    let refused = bench.within("create", bench.subject.engine.create(&spec)).await?;
    let message = refused.err().map(|error| error.message).unwrap_or_default();
    expect(message.contains(&missing_volume(&missing)), || format!("create without its volume: expected a refusal by name, found `{message}`"))?;
    spec.mounts = volume(&own, VolumeScope::Task);
    let id = bench.create(&spec).await?;
    let owner = &bench.subject.owner;
    let used = bench.within("remove_volume", bench.subject.engine.remove_volume(owner, &own)).await?;
    expect(used.is_err(), || "removal of a volume in use: expected a failure, found success".into())?;
    bench.succeed("remove", bench.subject.engine.remove(&id)).await?;
    bench.succeed("remove_volume", bench.subject.engine.remove_volume(owner, &own)).await?;
    bench.succeed("remove_volume of one that is gone", bench.subject.engine.remove_volume(owner, &own)).await?;
    // It is gone: somebody who asks for it as it is does not find it.
    let mut other = bench.spec("users", &bench.subject.workloads.server).await?;
    other.mounts = volume(&own, VolumeScope::Existing);
    let gone = bench.within("create", bench.subject.engine.create(&other)).await?;
    expect(gone.is_err(), || "create with a volume that was removed: expected a failure, found success".into())
}
