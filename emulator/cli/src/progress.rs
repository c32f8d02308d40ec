//! How far things are: a block redrawn in place on a terminal, one line a change of state in a pipe.

use std::collections::BTreeMap;
use std::io;

use wire::local::{ClusterView, ServiceView};

use crate::listing::tasks::health;
use crate::print::Printer;
use crate::print::color::{Palette, Tone};
use crate::print::live::Block;
use crate::print::sanitize::visible;

/// What is on the terminal, or was said into the pipe.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    block: Block,
    said: BTreeMap<String, String>,
}

/// The state of one thing.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What it is about: a service, an image.
    pub(crate) key: String,
    /// What is shown, safe to print.
    pub(crate) text: String,
    /// Whether a pipe wants it too; a build's output, for example, is for the eye alone.
    pub(crate) piped: bool,
}

impl Progress {
    /// Shows the lines in place of those before; `heading` is for terminals only.
    pub(crate) fn show(&mut self, printer: &mut Printer, heading: &str, lines: &[Line]) -> io::Result<()> {
        if let Some(mut live) = printer.live_talk() {
            let texts: Vec<String> = std::iter::once(heading.to_owned()).chain(lines.iter().map(|line| line.text.clone())).collect();
            return live.draw(&mut self.block, &texts);
        }
        for line in lines.iter().filter(|line| line.piped) {
            // A count-down is no change of state.
            let state = without_waiting_numbers(&line.text);
            if self.said.get(&line.key) != Some(&state) {
                printer.talk(&line.text)?;
                self.said.insert(line.key.clone(), state);
            }
        }
        Ok(())
    }

    /// A line that stays, above the block.
    pub(crate) fn say(&mut self, printer: &mut Printer, line: &str) -> io::Result<()> {
        self.end(printer)?;
        printer.talk(line)
    }

    /// Takes the block away.
    pub(crate) fn end(&mut self, printer: &mut Printer) -> io::Result<()> {
        match printer.live_talk() {
            Some(mut live) => live.clear(&mut self.block),
            None => Ok(()),
        }
    }
}

/// One line a service: counts, health, what it waits for.
pub(crate) fn services(cluster: Option<&ClusterView>, names: &[String], palette: Palette) -> Vec<Line> {
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let line = |name: &String| {
        let service =
            cluster.and_then(|cluster| cluster.services.iter().find(|service| service.service_name == *name).map(|service| (cluster, service)));
        let state = service.map_or_else(|| "not made yet".to_owned(), |(cluster, service)| state(cluster, service, palette));
        Line { key: name.clone(), text: format!("  {name:width$}  {state}"), piped: true }
    };
    names.iter().map(line).collect()
}

fn state(cluster: &ClusterView, service: &ServiceView, palette: Palette) -> String {
    let mut text = format!("{}/{} running", service.running_count, service.desired_count);
    let checked: Vec<String> = cluster
        .tasks
        .iter()
        .filter(|task| task.service_name.as_deref() == Some(service.service_name.as_str()) && task.last_status == "RUNNING")
        .map(|task| health(cluster, task))
        .filter(|health| health != "UNKNOWN" && !health.is_empty())
        .collect();
    if !checked.is_empty() {
        let healthy = checked.iter().filter(|health| health.eq_ignore_ascii_case("healthy")).count();
        text.push_str(&format!("  {healthy} healthy"));
    }
    if service.steady && !cluster.deleting {
        text.push_str(&format!("  {}", palette.paint(Tone::Good, "steady")));
    }
    let failed = service.deployments.iter().map(|deployment| deployment.failed_tasks).max().unwrap_or(0);
    if failed > 0 {
        text.push_str(&format!("  {}", palette.paint(Tone::Error, &format!("{failed} failed"))));
    }
    match service.waiting.as_slice() {
        [] => {}
        [only] => text.push_str(&format!("{WAITING}{}", visible(only))),
        [first, more @ ..] => text.push_str(&format!("{WAITING}{} (and {} more)", visible(first), more.len())),
    }
    text
}

/// Between the counts and what is waited for.
const WAITING: &str = "  waiting: ";

/// The text with every number behind [`WAITING`] as `#`.
fn without_waiting_numbers(text: &str) -> String {
    let Some((counts, waiting)) = text.split_once(WAITING) else {
        return text.to_owned();
    };
    let mut same = format!("{counts}{WAITING}");
    let mut in_number = false;
    for character in waiting.chars() {
        let number = character.is_ascii_digit() || (in_number && character == '.');
        if !number {
            same.push(character);
        } else if !in_number {
            same.push('#');
        }
        in_number = number;
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::tests::into_pipes;
    use crate::sample;

    #[test]
    fn a_pipe_gets_one_line_a_change_and_no_count_downs() {
        let (mut printer, _, talk) = into_pipes();
        let mut progress = Progress::default();
        let mut view = sample::view();
        let names = ["posts".to_owned(), "users".to_owned(), "billing".to_owned()];
        for second in [5, 4, 3] {
            view.clusters[0].services[0].waiting = vec![format!("posts/beef: target initial, {second} s left")];
            progress.show(&mut printer, "heading", &services(view.clusters.first(), &names, Palette::plain())).unwrap();
        }
        view.clusters[0].services[0].running_count = 2;
        progress.show(&mut printer, "heading", &services(view.clusters.first(), &names, Palette::plain())).unwrap();
        insta::assert_snapshot!(talk.text(), @r#"
        posts    1/2 running  0 healthy  1 failed  waiting: posts/beef: target initial, 5 s left
        users    2/2 running  2 healthy  steady
        billing  not made yet
        posts    2/2 running  0 healthy  1 failed  waiting: posts/beef: target initial, 3 s left
        "#);
    }
}
