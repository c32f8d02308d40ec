//! `targets`: target groups, targets, the health of each with its reason.

use wire::local::{ClusterView, TargetView};

use super::{short, tone};
use crate::print::table::{Table, cell, toned};

/// One row a target; a group without any has a row that says so.
pub(crate) fn targets(cluster: &ClusterView) -> Table {
    let mut table = Table::new(&["TARGET GROUP", "TARGET", "TASK", "STATE", "IN FLIGHT", "REASON", "DESCRIPTION"])
        .giving_way(&["IN FLIGHT", "TARGET", "TASK"])
        .open_ended();
    for group in &cluster.target_groups {
        if group.targets.is_empty() {
            table.row(vec![cell(&group.target_group_name), cell(""), cell(""), cell("no targets"), cell("0"), cell(""), cell("")]);
        }
        for target in &group.targets {
            table.row(vec![
                cell(&group.target_group_name),
                cell(format!("{}:{}", target.id, target.port)).brief(format!(":{}", target.port)),
                cell(behind(target)),
                toned(&target.state, tone(&target.state)),
                cell(target.in_flight.to_string()),
                cell(target.reason.as_deref().unwrap_or_default()),
                cell(target.description.as_deref().unwrap_or_default()),
            ]);
        }
    }
    table
}

/// The task, or the service that a process of this machine stands for.
fn behind(target: &TargetView) -> String {
    let attached = || target.attached_service.as_ref().map(|service| format!("attached: {service}"));
    target.task_id.as_deref().map(|task| short(task).to_owned()).or_else(attached).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::color::Palette;
    use crate::sample;

    #[test]
    fn targets_are_listed_with_their_reasons() {
        let mut view = sample::view();
        view.clusters[0].target_groups[1].targets.clear();
        insta::assert_snapshot!(targets(&view.clusters[0]).render(Palette::plain(), None), @r#"
        TARGET GROUP  TARGET     TASK      STATE       IN FLIGHT  REASON                       DESCRIPTION
        posts         i-1:32770  beef0000  unhealthy   0          Target.ResponseCodeMismatch  Health checks failed with these codes: [500]
        users         -          -         no targets  0          -                            -
        "#);
    }
}
