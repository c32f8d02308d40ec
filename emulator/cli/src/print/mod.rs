//! All printing: data to standard output, talk to standard error. Nothing else in this room writes to either.

pub(crate) mod color;
pub(crate) mod live;
pub(crate) mod sanitize;
pub(crate) mod table;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use wire::local::Failure;

use color::{Palette, Tone};
use live::Live;
use sanitize::visible;
use table::Table;

use crate::args::Color;

/// The two streams.
pub(crate) struct Printer {
    data: Stream,
    talk: Stream,
}

/// One stream and what its reader can take.
pub(crate) struct Stream {
    writer: Box<dyn Write>,
    terminal: bool,
    palette: Palette,
}

impl Printer {
    /// The process's own streams.
    pub(crate) fn of_process(color: Color, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let stream = |writer: Box<dyn Write>, terminal: bool| Stream { writer, terminal, palette: Palette::choose(color, terminal, environment) };
        let plain = environment("TERM").is_some_and(|term| term == "dumb");
        Self {
            data: stream(Box::new(io::stdout()), io::stdout().is_terminal() && !plain),
            talk: stream(Box::new(io::stderr()), io::stderr().is_terminal() && !plain),
        }
    }

    /// A printer that nobody hears.
    pub(crate) fn silent() -> Self {
        let stream = || Stream { writer: Box::new(io::sink()), terminal: false, palette: Palette::plain() };
        Self { data: stream(), talk: stream() }
    }

    /// The colours of standard output.
    pub(crate) const fn data_palette(&self) -> Palette {
        self.data.palette
    }

    /// The width of the terminal that standard output is; `None` where it is none.
    pub(crate) fn data_columns(&self) -> Option<usize> {
        self.data.terminal.then(|| live::Size::of(&io::stdout()).columns())
    }

    /// Whether standard output is a terminal.
    pub(crate) const fn data_is_terminal(&self) -> bool {
        self.data.terminal
    }

    /// The colours of standard error.
    pub(crate) const fn talk_palette(&self) -> Palette {
        self.talk.palette
    }

    /// A line of data. The caller has made foreign text [`visible`].
    pub(crate) fn data(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.data.writer, "{line}")?;
        self.data.writer.flush()
    }

    /// Text of data as it is, with its own line ends.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.data.writer.write_all(bytes)?;
        self.data.writer.flush()
    }

    /// Text of talk as it is, with its own line ends.
    pub(crate) fn raw_talk(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.talk.writer.write_all(bytes)?;
        self.talk.writer.flush()
    }

    /// A table of data.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        let text = table.render(self.data.palette, self.data_columns());
        self.raw(text.as_bytes())
    }

    /// A value as indented JSON.
    pub(crate) fn json<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        self.data(&text)
    }

    /// A value as one line of JSON.
    pub(crate) fn json_line<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let text = serde_json::to_string(value).map_err(io::Error::other)?;
        self.data(&text)
    }

    /// A line of talk. The caller has made foreign text [`visible`].
    pub(crate) fn talk(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.talk.writer, "{line}")?;
        self.talk.writer.flush()
    }

    /// A line that stops nothing but is worth reading.
    pub(crate) fn notice(&mut self, text: &str) -> io::Result<()> {
        let label = self.talk.palette.paint(Tone::Warning, "note:");
        self.talk(&format!("{label} {}", visible(text)))
    }

    /// A next step.
    pub(crate) fn hint(&mut self, text: &str) -> io::Result<()> {
        let label = self.talk.palette.paint(Tone::Hint, "hint:");
        self.talk(&format!("{label} {}", visible(text)))
    }

    /// A failure: its output, what and why, and the next step.
    pub(crate) fn failure(&mut self, failure: &Failure) -> io::Result<()> {
        for line in &failure.log {
            self.talk(&format!("  | {}", visible(line)))?;
        }
        let label = self.talk.palette.paint(Tone::Error, "error:");
        let mut lines = failure.message.lines();
        self.talk(&format!("{label} {}", visible(lines.next().unwrap_or_default())))?;
        for line in lines {
            self.talk(&format!("  {}", visible(line.trim_start())))?;
        }
        match &failure.hint {
            Some(hint) => self.hint(hint),
            None => Ok(()),
        }
    }

    /// A block of talk that is redrawn in place; `None` where standard error is no terminal.
    pub(crate) fn live_talk(&mut self) -> Option<Live<'_>> {
        self.talk.terminal.then(|| Live::new(self.talk.writer.as_mut(), live::Size::of(&io::stderr())))
    }

    /// A block of data that is redrawn in place; `None` where standard output is no terminal.
    pub(crate) fn live_data(&mut self) -> Option<Live<'_>> {
        self.data.terminal.then(|| Live::new(self.data.writer.as_mut(), live::Size::of(&io::stdout())))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a test's printer has written.
    #[derive(Clone, Default)]
    pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A printer into two pipes.
    pub(crate) fn into_pipes() -> (Printer, Written, Written) {
        let (data, talk) = (Written::default(), Written::default());
        let stream = |written: &Written| Stream { writer: Box::new(written.clone()), terminal: false, palette: Palette::plain() };
        (Printer { data: stream(&data), talk: stream(&talk) }, data, talk)
    }

    #[test]
    fn a_failure_shows_its_output_then_what_and_the_next_step() {
        let (mut printer, data, talk) = into_pipes();
        let failure = Failure::input("the build of `posts:v1` failed\n  at its third step")
            .hint("look at `services/posts/Dockerfile`")
            .log(vec!["\u{1b}[2Jno such file".into()]);
        printer.failure(&failure).unwrap();
        assert_eq!(data.text(), "");
        insta::assert_snapshot!(talk.text(), @r#"
          | \x1b[2Jno such file
        error: the build of `posts:v1` failed
          at its third step
        hint: look at `services/posts/Dockerfile`
        "#);
    }
}
