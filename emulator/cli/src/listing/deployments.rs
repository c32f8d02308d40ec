//! `deployments`: what was rolled out, and how it ended.

use wire::local::{Seconds, ServiceView};

use super::{age, tone};
use crate::print::table::{Table, cell, toned};

/// One row a deployment, those of each service newest first.
pub(crate) fn deployments<'a>(services: impl Iterator<Item = &'a ServiceView>, now: Seconds) -> Table {
    let mut table = Table::new(&["SERVICE", "STATUS", "FROM", "TO", "STARTED", "TOOK", "DEPLOYMENT", "REASON"])
        .giving_way(&["DEPLOYMENT", "FROM", "TOOK", "STARTED"])
        .open_ended();
    for service in services {
        for known in &service.service_deployments {
            table.row(vec![
                cell(&service.service_name),
                toned(&known.status, tone(&known.status)),
                cell(known.source.as_deref().unwrap_or_default()),
                cell(&known.target),
                cell(format!("{} ago", age(now - known.started_at))),
                cell(known.finished_at.map_or_else(String::new, |end| age(end - known.started_at))),
                cell(&known.id),
                cell(known.status_reason.as_deref().unwrap_or_default()),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use wire::local::ServiceDeploymentView;

    use super::*;
    use crate::print::color::Palette;
    use crate::sample;

    #[test]
    fn deployments_are_listed_with_what_they_replaced() {
        let mut service = sample::view().clusters[0].services[0].clone();
        let deployment = |id: &str, status: &str, source: Option<&str>, target: &str, times: (f64, Option<f64>)| ServiceDeploymentView {
            id: id.into(),
            status: status.into(),
            source: source.map(str::to_owned),
            target: target.into(),
            started_at: times.0,
            finished_at: times.1,
            status_reason: None,
        };
        service.service_deployments = vec![
            deployment("ecs-svc/2", "IN_PROGRESS", Some("posts:1"), "posts:2", (90.0, None)),
            deployment("ecs-svc/1", "SUCCESSFUL", None, "posts:1", (10.0, Some(13.0))),
        ];
        insta::assert_snapshot!(deployments([&service].into_iter(), 100.0).render(Palette::plain(), None), @r#"
        SERVICE  STATUS       FROM     TO       STARTED  TOOK  DEPLOYMENT  REASON
        posts    IN_PROGRESS  posts:1  posts:2  10s ago  -     ecs-svc/2   -
        posts    SUCCESSFUL   -        posts:1  1m ago   3s    ecs-svc/1   -
        "#);
    }
}
