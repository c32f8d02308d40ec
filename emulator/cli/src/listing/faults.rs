//! `chaos ls`: what is done to whom, until when.

use wire::local::{FaultView, Seconds};

use super::{age, short, tone};
use crate::print::table::{Table, cell, toned};

/// One row a fault.
pub(crate) fn faults(faults: &[FaultView], now: Seconds) -> Table {
    let mut table = Table::new(&["FAULT", "STATUS", "SERVICE", "TASKS", "LEFT", "WHAT"]).giving_way(&["TASKS", "SERVICE"]).open_ended();
    for fault in faults {
        let tasks: Vec<_> = fault.task_ids.iter().map(|task| short(task)).collect();
        let left = match fault.over_at {
            Some(at) => format!("{} ago", age(now - at)),
            None if fault.origin == "task" => "until it is stopped".to_owned(),
            None => age(fault.until - now),
        };
        // What to do about it is said to whoever asked.
        let problem = fault.problem.as_deref().and_then(|problem| problem.lines().next());
        let what = problem.map_or_else(|| fault.description.clone(), |problem| format!("{}: {problem}", fault.description));
        table.row(vec![
            cell(&fault.fault_id),
            toned(&fault.status, tone(&fault.status)),
            cell(fault.service_name.as_deref().unwrap_or_default()),
            cell(tasks.join(", ")),
            cell(left),
            cell(what),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::color::Palette;

    #[test]
    fn faults_are_listed_with_what_is_left_of_them() {
        let pause = FaultView {
            fault_id: "fault-0a0a0a0a".into(),
            kind: "pause".into(),
            description: "pause".into(),
            status: "ACTIVE".into(),
            service_name: Some("posts".into()),
            task_ids: vec!["3f2a9c1e00".into(), "4f2a9c1e00".into()],
            origin: "user".into(),
            started_at: 100.0,
            until: 130.0,
            over_at: None,
            problem: None,
        };
        let failed = FaultView {
            fault_id: "fault-0b0b0b0b".into(),
            status: "FAILED".into(),
            service_name: None,
            over_at: Some(100.0),
            problem: Some("the engine does not answer\nhint: ask it".into()),
            ..pause.clone()
        };
        insta::assert_snapshot!(faults(&[pause, failed], 110.0).render(Palette::plain(), None), @r#"
        FAULT           STATUS  SERVICE  TASKS               LEFT     WHAT
        fault-0a0a0a0a  ACTIVE  posts    3f2a9c1e, 4f2a9c1e  20s      pause
        fault-0b0b0b0b  FAILED  -        3f2a9c1e, 4f2a9c1e  10s ago  pause: the engine does not answer
        "#);
    }
}
