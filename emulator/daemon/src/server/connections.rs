//! Which service reaches which.

use hyper::Response;
use model::ClusterName;
use wire::local::{ConnectionView, Failure};

use super::Context;
use super::answer::{self, Body};
use super::query::Query;

pub(super) fn connections(context: &Context, query: &Query) -> Result<Response<Body>, Failure> {
    let cluster: ClusterName = query.required("cluster")?;
    let snapshot = context.keeper.snapshot();
    let (doors, problems) = context.connections.as_ref().map(|connections| (connections.doors(), connections.problems())).unwrap_or_default();
    let granted = routing::connection::connections(&snapshot.world).into_iter().filter(|(key, _)| key.client.cluster == cluster);
    let views = granted.map(|(key, connection)| ConnectionView {
        client: key.client.name.to_string(),
        server: key.server.name.to_string(),
        endpoints: connection.names.iter().map(|name| format!("{name}:{}", key.port)).collect(),
        address: doors.get(&key).map(ToString::to_string),
        task_ids: connection.members.iter().map(|member| member.task.to_string()).collect(),
        problem: problems.get(&key).cloned(),
    });
    Ok(answer::json(&views.collect::<Vec<ConnectionView>>()))
}
