//! `routes`: listeners and rules in order of evaluation.

use wire::local::{ClusterView, ConditionView, ListenerView, LoadBalancerView, RuleView};

use crate::print::color::{Palette, Tone};
use crate::print::sanitize::visible;
use crate::print::table::{Table, cell};

/// A heading and a table for each listener.
pub(crate) fn routes(cluster: &ClusterView, palette: Palette, columns: Option<usize>) -> String {
    let mut text = String::new();
    for balancer in &cluster.load_balancers {
        for listener in &balancer.listeners {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&heading(balancer, listener, palette));
            text.push_str(&rules(listener).render(palette, columns));
        }
    }
    text
}

/// `front  http://localhost:8080  (port 80: not permitted)`
pub(crate) fn heading(balancer: &LoadBalancerView, listener: &ListenerView, palette: Palette) -> String {
    let url = listener.url.as_deref().unwrap_or("not reachable");
    let problem = listener.problem.as_deref().map(|problem| format!("  ({})", visible(problem))).unwrap_or_default();
    let name = format!("{} {}:{}", balancer.load_balancer_name, listener.protocol, listener.port);
    format!("{}  {}{problem}\n", palette.paint(Tone::Heading, &visible(&name)), visible(url))
}

fn rules(listener: &ListenerView) -> Table {
    let mut table = Table::new(&["PRIORITY", "CONDITIONS", "ACTION"]).open_ended().indented(2);
    for rule in &listener.rules {
        table.row(vec![cell(&rule.priority), cell(conditions(rule)), cell(&rule.action)]);
    }
    table
}

/// `path-pattern /api/posts* or /p, and host-header a.test`
fn conditions(rule: &RuleView) -> String {
    let texts: Vec<String> = rule.conditions.iter().map(ConditionView::title).collect();
    texts.join(", and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn rules_are_listed_in_order() {
        insta::assert_snapshot!(routes(&sample::view().clusters[0], Palette::plain(), None), @r#"
        front HTTP:80  http://localhost:8080  (port 80 is not permitted)
          PRIORITY  CONDITIONS                                              ACTION
          1         path-pattern /api/posts* or /p, and host-header a.test  forward to posts
          default   -                                                       fixed response 404
        "#);
    }
}
