//! `alarms`: what they look at, and what they say.

use wire::local::{ClusterView, Seconds};

use super::{age, number, tone};
use crate::print::table::{Table, cell, toned};

/// One row an alarm.
pub(crate) fn alarms(cluster: &ClusterView, now: Seconds) -> Table {
    let mut table = Table::new(&["ALARM", "STATE", "SINCE", "METRIC", "OF", "VALUE", "CONDITION", "DEPLOYMENTS OF"])
        .giving_way(&["SINCE", "DEPLOYMENTS OF", "OF", "METRIC"])
        .open_ended();
    for alarm in &cluster.alarms {
        table.row(vec![
            cell(&alarm.alarm_name),
            toned(&alarm.state_value, tone(&alarm.state_value)),
            cell(age(now - alarm.state_updated_at)),
            cell(&alarm.metric_name),
            cell(&alarm.of),
            cell(alarm.value.map_or_else(String::new, number)),
            cell(&alarm.condition),
            cell(alarm.services.join(", ")),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use wire::local::AlarmView;

    use super::*;
    use crate::print::color::Palette;
    use crate::sample;

    #[test]
    fn alarms_are_listed_with_what_they_say() {
        let mut cluster = sample::view().clusters[0].clone();
        cluster.alarms = vec![AlarmView {
            alarm_name: "users-5xx".into(),
            metric_name: "HTTPCode_Target_5XX_Count".into(),
            of: "users".into(),
            condition: "> 5 for 1 datapoint".into(),
            state_value: "ALARM".into(),
            state_updated_at: 88.0,
            value: Some(7.5),
            measured_at: Some(90.0),
            services: vec!["users".into()],
        }];
        insta::assert_snapshot!(alarms(&cluster, 100.0).render(Palette::plain(), None), @r#"
        ALARM      STATE  SINCE  METRIC                     OF     VALUE  CONDITION            DEPLOYMENTS OF
        users-5xx  ALARM  12s    HTTPCode_Target_5XX_Count  users  7.5    > 5 for 1 datapoint  users
        "#);
    }
}
