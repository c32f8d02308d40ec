//! Networks.

use super::Verdict;
use super::bench::{Bench, expect, expect_equal};

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

pub(super) async fn a_network_is_removed_and_again(bench: &Bench<'_>) -> Verdict {
    let engine = &bench.subject.engine;
    let spec = bench.spec("users", &bench.subject.workloads.server).await?;
    let id = bench.create(&spec).await?;
    bench.succeed("remove", engine.remove(&id)).await?;
    bench.succeed("remove_network", engine.remove_network(&spec.network)).await?;
    expect_equal("networks", &bench.succeed("networks", engine.networks(&spec.owner)).await?, &vec![])?;
    bench.succeed("second remove_network", engine.remove_network(&spec.network)).await
}
