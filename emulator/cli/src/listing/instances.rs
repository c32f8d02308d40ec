//! `instances`: where tasks are placed.

use wire::local::{ClusterView, ContainerInstanceView};

use super::tone;
use crate::print::table::{Table, cell, toned};

/// One row an instance.
pub(crate) fn instances(cluster: &ClusterView) -> Table {
    let mut table = Table::new(&["INSTANCE", "STATUS", "AGENT", "RUNNING", "PENDING", "CPU LEFT", "MEMORY LEFT", "ATTRIBUTES"])
        .giving_way(&["PENDING", "AGENT", "RUNNING"])
        .open_ended();
    for instance in &cluster.container_instances {
        let agent = if instance.agent_connected { "connected" } else { "away" };
        let name = instance.endpoint.as_ref().map_or_else(|| instance.name.clone(), |endpoint| format!("{} ({endpoint})", instance.name));
        let (registered, remaining) = (&instance.registered_resources, &instance.remaining_resources);
        table.row(vec![
            cell(name),
            toned(&instance.status, tone(&instance.status)),
            cell(agent),
            cell(instance.running_tasks_count.to_string()),
            cell(instance.pending_tasks_count.to_string()),
            cell(of(remaining.cpu, registered.cpu)),
            cell(of(remaining.memory, registered.memory)),
            cell(attributes(instance)),
        ]);
    }
    table
}

/// `1536 of 2048`
fn of(remaining: Option<u64>, registered: Option<u64>) -> String {
    remaining.zip(registered).map_or_else(String::new, |(remaining, registered)| format!("{remaining} of {registered}"))
}

fn attributes(instance: &ContainerInstanceView) -> String {
    instance.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::color::Palette;
    use crate::sample;

    #[test]
    fn instances_are_listed_with_what_is_left() {
        let view = sample::view();
        insta::assert_snapshot!(instances(&view.clusters[0]).render(Palette::plain(), None), @r#"
        INSTANCE  STATUS  AGENT      RUNNING  PENDING  CPU LEFT      MEMORY LEFT   ATTRIBUTES
        local     ACTIVE  connected  3        1        1536 of 2048  3072 of 4096  ecs.availability-zone=us-east-1a ecs.os-type=linux
        "#);
    }
}
