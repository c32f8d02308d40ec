//! How far things are: a block redrawn in place on a terminal, one line a change of state in a pipe.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use wire::local::{ClusterView, ServiceView, TaskView, View};

use crate::listing::tasks::health;
use crate::print::Printer;
use crate::print::color::{Palette, Tone};
use crate::print::live::Block;
use crate::print::sanitize::visible;

/// What is on the terminal, or was said into the pipe.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    block: Block,
    said: BTreeMap<String, Said>,
}

/// What a pipe was told of one thing.
#[derive(Debug, Default)]
struct Said {
    state: String,
    /// The kinds of waiting since the state is what it is.
    waits: BTreeSet<String>,
}

/// The state of one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// What it is about: a service, an image.
    pub(crate) key: String,
    /// What is shown, safe to print.
    pub(crate) text: String,
    /// What it waits for, safe to print; empty where it waits for nothing.
    pub(crate) waiting: String,
    /// Whether a pipe wants it too; a build's output, for example, is for the eye alone.
    pub(crate) piped: bool,
}

impl Line {
    fn whole(&self) -> String {
        if self.waiting.is_empty() { self.text.clone() } else { format!("{}  waiting: {}", self.text, self.waiting) }
    }
}

impl Said {
    /// Whether the line is news: another state, or a kind of waiting not heard of in this state. That a waiting ends is none: what
    /// follows from it is.
    fn is_news(&mut self, line: &Line) -> bool {
        // Padding follows the longest name that is left, and says nothing.
        let state = line.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let changed = self.state != state;
        if changed {
            self.state = state;
            self.waits.clear();
        }
        let waits_anew = !line.waiting.is_empty() && self.waits.insert(kind(&line.waiting));
        changed || waits_anew
    }
}

impl Progress {
    /// Shows the lines in place of those before; `heading` is for terminals only.
    pub(crate) fn show(&mut self, printer: &mut Printer, heading: &str, lines: &[Line]) -> io::Result<()> {
        if let Some(mut live) = printer.live_talk() {
            let texts: Vec<String> = std::iter::once(heading.to_owned()).chain(lines.iter().map(Line::whole)).collect();
            return live.draw(&mut self.block, &texts);
        }
        for line in lines.iter().filter(|line| line.piped) {
            if self.said.entry(line.key.clone()).or_default().is_news(line) {
                printer.talk(&line.whole())?;
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
        let waiting = service.map(|(_, service)| waiting(service)).unwrap_or_default();
        Line { key: name.clone(), text: format!("  {name:width$}  {state}"), waiting, piped: true }
    };
    names.iter().map(line).collect()
}

fn state(cluster: &ClusterView, service: &ServiceView, palette: Palette) -> String {
    if cluster.deleting || is_leaving(service) {
        return leaving(cluster, service);
    }
    let mut text = format!("{}/{} running", service.running_count, service.desired_count);
    let checked: Vec<String> = tasks_of(cluster, service)
        .filter(|task| task.last_status == "RUNNING")
        .map(|task| health(cluster, task))
        .filter(|health| health != "UNKNOWN" && !health.is_empty())
        .collect();
    if !checked.is_empty() {
        let healthy = checked.iter().filter(|health| health.eq_ignore_ascii_case("healthy")).count();
        text.push_str(&format!("  {healthy} healthy"));
    }
    if service.steady {
        text.push_str(&format!("  {}", palette.paint(Tone::Good, "steady")));
    }
    let failed = service.deployments.iter().map(|deployment| deployment.failed_tasks).max().unwrap_or(0);
    if failed > 0 {
        text.push_str(&format!("  {}", palette.paint(Tone::Error, &format!("{failed} failed"))));
    }
    text
}

/// What hinders the daemon: a line each.
pub(crate) fn problems(view: &View) -> Vec<Line> {
    let line = |(key, text): (&str, String)| Line { key: key.into(), text: format!("  {}", visible(&text)), piped: true, ..Line::default() };
    problem_texts(view).into_iter().map(line).collect()
}

/// The engines that cannot be reached, the state that cannot be saved, tasks without credentials: a key and a sentence each.
pub(crate) fn problem_texts(view: &View) -> Vec<(&'static str, String)> {
    let engine = view.engine.problem.as_ref().map(|problem| ("engine", format!("{} cannot be reached just now: {problem}", view.engine.name)));
    let saving = view.problem.clone().map(|problem| ("saving", problem));
    let agent = view.agent_problem.clone().map(|problem| ("credentials", problem));
    let elsewhere = view.clusters.iter().flat_map(|cluster| &cluster.container_instances).filter(|instance| instance.endpoint.is_some());
    let away = elsewhere.filter_map(|instance| {
        let name = &instance.name;
        let why = instance.problem.as_ref()?.lines().next()?;
        Some(format!("container instance {name}: {why}; `ecslocal deregister {name} --force` lets go of it"))
    });
    let away = Some(away.collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty());
    engine.into_iter().chain(saving).chain(agent).chain(away.map(|text| ("instances", text))).collect()
}

/// Whether the service is on its way out, with its cluster or alone.
pub(crate) fn is_leaving(service: &ServiceView) -> bool {
    service.status != "ACTIVE"
}

/// How far it is on its way out.
pub(crate) fn leaving(cluster: &ClusterView, service: &ServiceView) -> String {
    match tasks_of(cluster, service).filter(|task| task.last_status != "STOPPED").count() {
        0 => "stopped".into(),
        1 => "stopping, 1 task left".into(),
        several => format!("stopping, {several} tasks left"),
    }
}

fn waiting(service: &ServiceView) -> String {
    match service.waiting.as_slice() {
        [] => String::new(),
        [only] => visible(only).into_owned(),
        [first, more @ ..] => format!("{} (and {} more)", visible(first), more.len()),
    }
}

fn tasks_of<'a>(cluster: &'a ClusterView, service: &'a ServiceView) -> impl Iterator<Item = &'a TaskView> {
    cluster.tasks.iter().filter(|task| task.service_name.as_deref() == Some(service.service_name.as_str()))
}

/// What sort of waiting it is: the text without its numbers and tasks, so that neither a count-down nor the next task makes another.
fn kind(waiting: &str) -> String {
    let waiting = waiting.split_once(" (and ").map_or(waiting, |(first, _)| first);
    let words = waiting.split_whitespace().filter(|word| !word.contains(|character: char| character.is_ascii_digit() || character == '/'));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::tests::into_pipes;
    use crate::sample;

    #[test]
    fn a_pipe_gets_a_line_for_new_counts_and_new_kinds_of_waiting() {
        let (mut printer, _, talk) = into_pipes();
        let mut progress = Progress::default();
        let mut view = sample::view();
        let names = ["posts".to_owned(), "users".to_owned(), "billing".to_owned()];
        let draining = |task: &str, second: u32| vec![format!("posts/{task} draining, {second} s left")];
        for waiting in [
            vec!["posts/beef: target initial, 5 s left".to_owned()],
            vec!["posts/beef: target initial, 4 s left".to_owned()],
            Vec::new(),
            draining("beef", 10),
            draining("beef", 9),
            Vec::new(),
            draining("dead", 2),
            vec![draining("dead", 1).remove(0), draining("beef", 8).remove(0)],
        ] {
            view.clusters[0].services[0].waiting = waiting;
            progress.show(&mut printer, "heading", &services(view.clusters.first(), &names, Palette::plain())).unwrap();
        }
        view.clusters[0].services[0].running_count = 2;
        progress.show(&mut printer, "heading", &services(view.clusters.first(), &names, Palette::plain())).unwrap();
        insta::assert_snapshot!(talk.text(), @r#"
        posts    1/2 running  0 healthy  1 failed  waiting: posts/beef: target initial, 5 s left
        users    2/2 running  2 healthy  steady
        billing  not made yet
        posts    1/2 running  0 healthy  1 failed  waiting: posts/beef draining, 10 s left
        posts    2/2 running  0 healthy  1 failed  waiting: posts/dead draining, 1 s left (and 1 more)
        "#);
    }

    #[test]
    fn what_goes_away_says_so() {
        let mut view = sample::view();
        let names = ["posts".to_owned(), "users".to_owned()];
        let shown = |cluster: &ClusterView| services(Some(cluster), &names, Palette::plain()).iter().map(Line::whole).collect::<Vec<_>>();
        let cluster = &mut view.clusters[0];
        cluster.services[0].waiting.clear();
        cluster.services[0].status = "DRAINING".into();
        assert_eq!(shown(cluster), ["  posts  stopping, 1 task left", "  users  2/2 running  2 healthy  steady"]);
        cluster.deleting = true;
        cluster.tasks.retain(|task| task.service_name.as_deref() != Some("posts"));
        assert_eq!(shown(cluster), ["  posts  stopped", "  users  stopping, 2 tasks left"]);
    }

    #[test]
    fn what_hinders_the_daemon_is_said() {
        let mut view = sample::view();
        assert_eq!(problem_texts(&view), []);
        view.engine.problem = Some("no such socket".into());
        view.problem = Some("the state cannot be written: \u{1b}[2J".into());
        let texts: Vec<String> = problems(&view).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["  Docker cannot be reached just now: no such socket", "  the state cannot be written: \\x1b[2J"]);
    }

    #[test]
    fn padding_is_no_news() {
        let (mut printer, _, talk) = into_pipes();
        let mut progress = Progress::default();
        let view = sample::view();
        for names in [vec!["users".to_owned(), "posts-of-the-past".to_owned()], vec!["users".to_owned()]] {
            progress.show(&mut printer, "heading", &services(view.clusters.first(), &names, Palette::plain())).unwrap();
        }
        assert_eq!(talk.text().matches("users").count(), 1, "{}", talk.text());
    }
}
