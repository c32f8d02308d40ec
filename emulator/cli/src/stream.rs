//! Lines of containers and services, as they come.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use wire::local::{EventRecord, LogRecord};

use crate::listing::{moment, short};
use crate::print::Printer;
use crate::print::color::{Palette, Tone};
use crate::print::sanitize::{colored, visible};

/// Gives each service its colour and the prefixes one width.
#[derive(Debug, Default)]
pub(crate) struct Interleaver {
    colors: BTreeMap<String, usize>,
    width: usize,
}

impl Interleaver {
    /// With room for those services and a task's id, so that the prefixes seldom move.
    pub(crate) fn for_services<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let width = names.map(|name| name.chars().count() + "/3f2a9c1e".len()).max().unwrap_or(0);
        Self { colors: BTreeMap::new(), width }
    }

    /// Prints a container's line: `posts/3f2a9c1e | text`.
    pub(crate) fn log(&mut self, printer: &mut Printer, record: &LogRecord) -> io::Result<()> {
        if let Some(problem) = &record.problem {
            return printer.talk(&unreadable(record, problem));
        }
        let line = self.line(record, printer.data_palette());
        printer.data(&line)
    }

    fn line(&mut self, record: &LogRecord, palette: Palette) -> String {
        let service = if record.service.is_empty() { "task" } else { &record.service };
        let mut name = format!("{service}/{}", short(&record.task));
        if record.container != record.service {
            name.push('/');
            name.push_str(&record.container);
        }
        let name = visible(&name);
        self.width = self.width.max(name.chars().count());
        let prefix = format!("{name:width$} |", width = self.width);
        format!("{} {}", palette.paint(self.color(&record.service), &prefix), text_of(record, palette))
    }

    /// Prints a service's event: `posts * (service posts) has reached a steady state.`
    pub(crate) fn event(&mut self, printer: &mut Printer, record: &EventRecord) -> io::Result<()> {
        let service = visible(&record.service);
        self.width = self.width.max(service.chars().count());
        let prefix = format!("{service:width$} *", width = self.width);
        let painted = printer.data_palette().paint(self.color(&record.service), &prefix);
        printer.data(&format!("{painted} {}", visible(&record.message)))
    }

    fn color(&mut self, service: &str) -> Tone {
        let next = self.colors.len();
        Tone::Name(*self.colors.entry(service.to_owned()).or_insert(next))
    }
}

/// `2026-11-23T16:04:05Z  (service posts) has reached a steady state.`
pub(crate) fn event_line(record: &EventRecord, palette: Palette) -> String {
    format!("{}  {}", palette.paint(Tone::Faint, &moment(record.created_at)), visible(&record.message))
}

/// A container's text, with its colours where there are any.
fn text_of(record: &LogRecord, palette: Palette) -> Cow<'_, str> {
    if palette.colored() { colored(&record.text) } else { visible(&record.text) }
}

/// Why a container has no lines to show, for a person.
pub(crate) fn unreadable(record: &LogRecord, problem: &str) -> String {
    visible(&format!("container {} of task {}: {problem}", record.container, short(&record.task))).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::tests::into_pipes;

    #[test]
    fn lines_carry_their_service_and_task_and_nothing_that_commands() {
        let (mut printer, data, _) = into_pipes();
        let mut interleaver = Interleaver::default();
        let mut record = LogRecord {
            at: 0.0,
            service: "users".into(),
            task: "aaaa0000aaaa0000".into(),
            container: "users".into(),
            stream: "stdout".into(),
            problem: None,
            text: "\u{1b}[32mready\u{1b}[0m \u{1b}[2J".into(),
        };
        interleaver.log(&mut printer, &record).unwrap();
        record.container = "sidecar".into();
        interleaver.log(&mut printer, &record).unwrap();
        (record.service, record.text) = (String::new(), "one-off".into());
        interleaver.log(&mut printer, &record).unwrap();
        let event =
            EventRecord { sequence: 1, created_at: 0.0, service: "users".into(), message: "(service users) has reached a steady state.".into() };
        interleaver.event(&mut printer, &event).unwrap();
        insta::assert_snapshot!(data.text(), @r#"
        users/aaaa0000 | ready \x1b[2J
        users/aaaa0000/sidecar | ready \x1b[2J
        task/aaaa0000/sidecar  | one-off
        users                  * (service users) has reached a steady state.
        "#);
        assert_eq!(event_line(&event, Palette::plain()), "1970-01-01T00:00:00Z  (service users) has reached a steady state.");
    }
}
