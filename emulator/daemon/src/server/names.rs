//! The names of Cloud Map, and who sees them.

use hyper::Response;
use model::ClusterName;
use routing::discovery;
use wire::local::{DnsRecordView, Failure, InstanceView, NameView, SeenByView};

use super::Context;
use super::answer::{self, Body};
use super::query::Query;

pub(super) fn names(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let cluster: ClusterName = query.required("cluster")?;
    let snapshot = context.keeper.snapshot();
    let (servers, problems) = context.connections.as_ref().map(|connections| connections.name_servers()).unwrap_or_default();
    let registering = snapshot.world.registering().filter(|(server, _)| server.cluster == cluster);
    let views = registering.map(|(server, registry)| {
        let seeing = snapshot.world.services.values().filter(|client| discovery::sees(client, server));
        let instances = discovery::instances(&snapshot.world, server, registry);
        let ttls = [("A", registry.discovery.a), ("SRV", registry.discovery.srv)];
        NameView {
            name: registry.discovery.domain(),
            service: server.spec.name.to_string(),
            dns_records: ttls.into_iter().filter_map(|(kind, ttl)| Some(DnsRecordView { kind: kind.into(), ttl: ttl? })).collect(),
            routing_policy: registry.discovery.routing_policy.as_str().into(),
            instances: instances
                .into_iter()
                .map(|instance| InstanceView {
                    task_id: instance.task.to_string(),
                    address: instance.address.map(|address| address.to_string()),
                    port: instance.port,
                    health: if instance.healthy { "HEALTHY" } else { "UNHEALTHY" }.into(),
                })
                .collect(),
            seen_by: seeing
                .map(|client| SeenByView {
                    service: client.spec.name.to_string(),
                    name_server: servers.get(&client.key()).map(|address| address.ip().to_string()),
                    problem: problems.get(&client.key()).cloned(),
                })
                .collect(),
        }
    });
    Ok(answer::json(&views.collect::<Vec<NameView>>()))
}
