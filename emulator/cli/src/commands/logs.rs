//! `logs`: what containers write.

use std::collections::{BTreeMap, VecDeque};

use regex::Regex;
use wire::local::{ClusterView, Failure, LogRecord, path};

use super::look;
use crate::args::{Logs, Moment};
use crate::client::{Lines, with_query};
use crate::cluster;
use crate::end::Outcome;
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::settings::Settings;
use crate::stream::Interleaver;

/// Whose output is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Of {
    Everyone,
    Service(String),
    Task(String),
}

/// What is printed of the lines that come.
struct Shown<'a> {
    grep: Option<&'a Regex>,
    json: bool,
    raw: bool,
    interleaver: Interleaver,
}

/// Prints it, interleaved.
pub(crate) async fn run(args: &Logs, settings: Settings, printer: &mut Printer) -> Outcome {
    if args.raw && printer.data_is_terminal() {
        let failure = Failure::input("what a container writes could command your terminal, so `--raw` is for files and pipes");
        return Err(failure.hint("leave it out, or for example `ecslocal logs --raw > file`").into());
    }
    let (client, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    let (service, task) = match of(args.of.as_deref(), cluster)? {
        Of::Everyone => (String::new(), String::new()),
        Of::Service(service) => (service, String::new()),
        Of::Task(task) => (String::new(), task),
    };
    let names = cluster.services.iter().map(|known| known.service_name.as_str()).filter(|name| service.is_empty() || service == *name);
    let interleaver = Interleaver::for_services(names);
    let mut shown = Shown { grep: args.grep.as_ref(), json: settings.json, raw: args.raw, interleaver };
    let now = jiff::Timestamp::now().as_duration().as_secs_f64();
    let seconds = |moment: Option<Moment>| moment.map(|moment| format!("{:.3}", moment.seconds(now))).unwrap_or_default();
    let query = |since: &str, tail: Option<u32>, follow: bool| {
        let tail = tail.map(|lines| lines.to_string()).unwrap_or_default();
        let (container, until) = (args.container.as_deref().unwrap_or_default(), seconds(args.until));
        let of = [("cluster", name.as_str()), ("service", &service), ("task", &task), ("container", container)];
        let which = [("since", since), ("until", &until), ("tail", &tail), ("follow", if follow { "true" } else { "" })];
        with_query(path::LOGS, &[of, which].concat())
    };
    let mut interrupts = Interrupts::new()?;
    let mut since = seconds(args.since);
    let mut tail = args.tail;
    if let (Some(most), Some(_)) = (args.tail, &args.grep) {
        // The last that match are known when all have been read.
        let lines = client.get_lines(&query(&since, None, false)).await?;
        let Some(last) = last_matching(lines, most, &shown, &mut interrupts).await? else { return Ok(()) };
        for record in &last.matching {
            shown.print(record, printer)?;
        }
        if !args.follow {
            return Ok(());
        }
        (since, tail) = (last.at.map_or(since, |at| format!("{at:.3}")), None);
    }
    let mut lines = client.get_lines::<LogRecord>(&query(&since, tail, args.follow)).await?;
    while let Some(record) = next(&mut lines, &mut interrupts).await? {
        shown.print(&record, printer)?;
    }
    Ok(())
}

/// The next line; `None` at the end, or on Ctrl-C.
async fn next(lines: &mut Lines<LogRecord>, interrupts: &mut Interrupts) -> Outcome<Option<LogRecord>> {
    tokio::select! {
        record = lines.next() => Ok(record?),
        () = interrupts.next() => Ok(None),
    }
}

/// The last lines of each container that match, in their order, and when the last line of all was written.
struct Last {
    matching: Vec<LogRecord>,
    at: Option<f64>,
}

/// `None` on Ctrl-C.
async fn last_matching(mut lines: Lines<LogRecord>, most: u32, shown: &Shown<'_>, interrupts: &mut Interrupts) -> Outcome<Option<Last>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut kept: BTreeMap<(String, String), VecDeque<(usize, LogRecord)>> = BTreeMap::new();
    let (mut count, mut at) = (0, None);
    loop {
        let record = tokio::select! {
            record = lines.next() => record?,
            () = interrupts.next() => return Ok(None),
        };
        let Some(record) = record else { break };
        at = Some(record.at);
        count += 1;
        if shown.wants(&record) {
            let own = kept.entry((record.task.clone(), record.container.clone())).or_default();
            own.push_back((count, record));
            if own.len() > most {
                own.pop_front();
            }
        }
    }
    let mut matching: Vec<_> = kept.into_values().flatten().collect();
    matching.sort_by_key(|(number, _)| *number);
    Ok(Some(Last { matching: matching.into_iter().map(|(_, record)| record).collect(), at }))
}

impl Shown<'_> {
    fn wants(&self, record: &LogRecord) -> bool {
        record.problem.is_some() || self.grep.is_none_or(|expression| expression.is_match(&record.text))
    }

    fn print(&mut self, record: &LogRecord, printer: &mut Printer) -> Outcome {
        match () {
            () if !self.wants(record) => {}
            () if self.json => printer.json_line(record)?,
            () if self.raw && record.problem.is_none() => printer.raw(format!("{}\n", record.text).as_bytes())?,
            () => self.interleaver.log(printer, record)?,
        }
        Ok(())
    }
}

/// A service's name goes before the beginning of a task's id.
fn of(typed: Option<&str>, cluster: &ClusterView) -> Result<Of, Failure> {
    let Some(typed) = typed else {
        return Ok(Of::Everyone);
    };
    if cluster.services.iter().any(|service| service.service_name == typed) {
        return Ok(Of::Service(typed.to_owned()));
    }
    let tasks: Vec<&str> = cluster.tasks.iter().map(|task| task.task_id.as_str()).filter(|id| !typed.is_empty() && id.starts_with(typed)).collect();
    match tasks.as_slice() {
        [] => Err(cluster::unknown_service(typed, cluster)),
        [one] => Ok(Of::Task((*one).to_owned())),
        several => {
            Err(Failure::input(format!("{} tasks begin with `{typed}`", several.len())).hint("type more of the id; `ecslocal ps --all` lists them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_service_or_the_beginning_of_a_task_is_found() {
        let mut view = sample::view();
        let cluster = &mut view.clusters[0];
        assert_eq!(of(None, cluster), Ok(Of::Everyone));
        assert_eq!(of(Some("posts"), cluster), Ok(Of::Service("posts".into())));
        assert_eq!(of(Some("dead"), cluster), Ok(Of::Task("dead0000".repeat(4))));
        assert_eq!(of(Some("post"), cluster).unwrap_err().hint.as_deref(), Some("did you mean `posts`?"));
        assert!(of(Some(""), cluster).is_err());
        cluster.tasks[0].task_id = "dead9".into();
        assert_eq!(of(Some("dead"), cluster).unwrap_err().message, "2 tasks begin with `dead`");
    }
}
