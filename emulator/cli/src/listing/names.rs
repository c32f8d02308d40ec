//! `names`: by which names tasks are found, and by whom.

use wire::local::NameView;

use crate::print::table::{Table, cell};

/// One row a name and service.
pub(crate) fn names(names: &[NameView]) -> Table {
    let mut table = Table::new(&["NAME", "SERVICE", "RECORDS", "INSTANCES", "HEALTHY", "SEEN BY"]).giving_way(&["SEEN BY"]).open_ended();
    for name in names {
        let records: Vec<String> = name.dns_records.iter().map(|record| format!("{} {} s", record.kind, record.ttl)).collect();
        let seen: Vec<&str> = name.seen_by.iter().map(|seen| seen.service.as_str()).collect();
        table.row(vec![
            cell(&name.name),
            cell(&name.service),
            cell(records.join(", ")),
            cell(name.instances.len().to_string()),
            cell(name.instances.iter().filter(|instance| instance.health == "HEALTHY").count().to_string()),
            cell(seen.join(", ")),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use wire::local::{DnsRecordView, InstanceView, SeenByView};

    use super::*;
    use crate::print::color::Palette;

    #[test]
    fn names_are_listed_with_who_sees_them() {
        let instance = |health: &str| InstanceView { task_id: "a".into(), address: Some("10.0.0.2".into()), port: Some(80), health: health.into() };
        let record = |kind: &str, ttl| DnsRecordView { kind: kind.into(), ttl };
        let seen = |service: &str| SeenByView { service: service.into(), name_server: None, problem: None };
        let name = NameView {
            name: "posts.tutorial.local".into(),
            service: "posts".into(),
            dns_records: vec![record("A", 60), record("SRV", 10)],
            routing_policy: "MULTIVALUE".into(),
            instances: vec![instance("HEALTHY"), instance("UNHEALTHY")],
            seen_by: vec![seen("posts"), seen("users")],
        };
        insta::assert_snapshot!(names(&[name]).render(Palette::plain(), None), @r#"
        NAME                  SERVICE  RECORDS           INSTANCES  HEALTHY  SEEN BY
        posts.tutorial.local  posts    A 60 s, SRV 10 s  2          1        posts, users
        "#);
    }
}
