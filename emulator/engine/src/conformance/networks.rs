//! Networks.

use super::Verdict;
use super::bench::{Bench, expect, expect_equal};
use crate::Connection;

pub(super) async fn a_network_comes_with_the_first_container(bench: &Bench<'_>) -> Verdict {
    let workloads = &bench.subject.workloads;
    let mut expected = Vec::new();
    let mut addresses = Vec::new();
    for service in ["posts", "users", "users"] {
        let spec = bench.spec(service, &workloads.server).await?;
        let id = bench.create(&spec).await?;
        addresses.push(bench.start(&id).await?.address);
        expected.push(spec.network.service);
    }
    expected.dedup();
    let mut found = bench.succeed("networks", bench.subject.engine.networks(&bench.subject.owner)).await?;
    found.sort();
    expect_equal("networks", &found, &expected)?;
    addresses.sort();
    addresses.dedup();
    expect(addresses.len() == 3, || format!("expected an address for each container, found {addresses:?}"))
}

/// Where an engine has bridges on this machine, which it need not.
pub(super) async fn bridges_are_of_networks(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let mut users = bench.spec("users", &bench.subject.workloads.server).await?;
    let posts = bench.spec("posts", &bench.subject.workloads.server).await?;
    bench.create(&posts).await?;
    users.connections = vec![Connection { name: "posts".into(), network: posts.network.clone() }];
    let before = bench.succeed("bridges", engine.bridges(&bench.subject.owner)).await?;
    if before.is_empty() {
        return Ok(());
    }
    bench.create(&users).await?;
    let bridges = bench.succeed("bridges", engine.bridges(&bench.subject.owner)).await?;
    let services: Vec<_> = bridges.iter().map(|bridge| bridge.service.clone()).collect();
    expect_equal("services with a bridge", &services, &vec![posts.network.service, users.network.service])?;
    expect(bridges[0].gateway != bridges[1].gateway && bridges[0].interface != bridges[1].interface, || {
        format!("expected an address and an interface for each, found {bridges:?}")
    })
}

pub(super) async fn a_network_is_removed_and_again(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let spec = bench.spec("users", &bench.subject.workloads.server).await?;
    let id = bench.create(&spec).await?;
    bench.succeed("remove", engine.remove(&id)).await?;
    bench.succeed("remove_network", engine.remove_network(&spec.network)).await?;
    expect_equal("networks", &bench.succeed("networks", engine.networks(&spec.owner)).await?, &vec![])?;
    bench.succeed("second remove_network", engine.remove_network(&spec.network)).await
}
