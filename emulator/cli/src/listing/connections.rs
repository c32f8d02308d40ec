//! `connections`: which service reaches which, and where that leads.

use wire::local::ConnectionView;

use crate::print::table::{Table, cell};

/// One row a connection.
pub(crate) fn connections(connections: &[ConnectionView]) -> Table {
    let mut table = Table::new(&["SERVICE", "REACHES", "AS", "TASKS", "AT"]).giving_way(&["AT"]).open_ended();
    for connection in connections {
        table.row(vec![
            cell(&connection.client),
            cell(&connection.server),
            cell(connection.endpoints.join(", ")),
            cell(connection.task_ids.len().to_string()),
            cell(connection.address.as_deref().unwrap_or("nowhere")),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::color::Palette;

    #[test]
    fn connections_are_listed_with_where_they_lead() {
        let open = ConnectionView {
            client: "users".into(),
            server: "posts".into(),
            endpoints: vec!["posts:3000".into()],
            address: Some("10.213.4.1:3000".into()),
            task_ids: vec!["a".into(), "b".into()],
            problem: None,
        };
        let shut = ConnectionView { server: "threads".into(), address: None, task_ids: Vec::new(), ..open.clone() };
        insta::assert_snapshot!(connections(&[open, shut]).render(Palette::plain(), None), @r#"
        SERVICE  REACHES  AS          TASKS  AT
        users    posts    posts:3000  2      10.213.4.1:3000
        users    threads  posts:3000  0      nowhere
        "#);
    }
}
