//! The steps of something long that the daemon does for us: builds, then changes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::interval;
use wire::local::{Failure, UpEvent};

use crate::client::Client;
use crate::end::Outcome;
use crate::interrupt::Interrupts;
use crate::listing::change_line;
use crate::print::Printer;
use crate::print::color::Tone;
use crate::print::sanitize::visible;
use crate::progress::{Line, Progress};

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Whether anything was changed that a manifest says.
    pub(crate) changed: bool,
    /// The version of the view that has the changes.
    pub(crate) version: u64,
    /// The tasks that were started without a service.
    pub(crate) tasks: Vec<String>,
}

/// Asks for it and tells how far it is; `None` when Ctrl-C came first. An `Err` means that nothing was changed.
pub(crate) async fn follow<T: Serialize + Sync>(
    client: Client,
    (path, request): (&str, &T),
    printer: &mut Printer,
    interrupts: &mut Interrupts,
) -> Outcome<Option<Applied>> {
    let mut events = client.post_lines::<UpEvent>(path, request).await?;
    let mut steps = Steps::default();
    let mut tick = interval(Duration::from_secs(1));
    loop {
        let event = tokio::select! {
            event = events.next() => event?,
            () = interrupts.next() => {
                steps.progress.end(printer)?;
                return Ok(None);
            }
            _ = tick.tick() => {
                steps.show(printer)?;
                continue;
            }
        };
        match event {
            Some(UpEvent::Done) => {
                steps.progress.end(printer)?;
                return Ok(Some(steps.applied));
            }
            Some(UpEvent::Failed { failure }) => {
                steps.progress.end(printer)?;
                return Err(failure.into());
            }
            Some(event) => steps.take(event, printer)?,
            None => {
                return Err(Failure::environment("the daemon broke off before the changes were made")
                    .hint("see `daemon.log` in the state folder, then `ecslocal up` again")
                    .into());
            }
        }
    }
}

/// What was told so far.
#[derive(Default)]
struct Steps {
    /// Images being built or pulled: which of the two, and the last line of each.
    builds: BTreeMap<String, (&'static str, String)>,
    applied: Applied,
    progress: Progress,
}

impl Steps {
    fn take(&mut self, event: UpEvent, printer: &mut Printer) -> Outcome {
        match event {
            UpEvent::Building { image } => {
                self.builds.insert(image, ("building", String::new()));
            }
            UpEvent::BuildLine { image, line } => {
                // What is built was announced before its first line.
                self.builds.entry(image).or_insert(("pulling", String::new())).1 = line;
            }
            UpEvent::Built { image, seconds, .. } => {
                self.builds.remove(&image);
                self.progress.say(printer, &format!("  built {} in {seconds:.1} s", visible(&image)))?;
            }
            UpEvent::Applied { changes, version, tasks } => {
                self.applied = Applied { changed: !changes.is_empty(), version, tasks };
                self.progress.end(printer)?;
                for change in &changes {
                    printer.talk(&format!("  {}", change_line(change, printer.talk_palette())))?;
                }
            }
            UpEvent::Notice { message } => {
                self.progress.end(printer)?;
                printer.notice(&message)?;
            }
            UpEvent::Done | UpEvent::Failed { .. } => {}
        }
        self.show(printer)
    }

    fn show(&mut self, printer: &mut Printer) -> Outcome {
        if self.builds.is_empty() {
            return Ok(());
        }
        let palette = printer.talk_palette();
        let mut lines = Vec::new();
        for (image, (doing, last)) in &self.builds {
            let image = visible(image);
            lines.push(Line { key: format!("{doing} {image}"), text: format!("  {doing} {image}"), piped: true, ..Line::default() });
            if !last.is_empty() {
                let text = format!("    {}", palette.paint(Tone::Faint, &visible(last)));
                lines.push(Line { key: format!("output of {image}"), text, ..Line::default() });
            }
        }
        Ok(self.progress.show(printer, "images", &lines)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::tests::into_pipes;

    #[test]
    fn the_steps_of_an_up_are_told_once_each() {
        let (mut printer, data, talk) = into_pipes();
        let mut steps = Steps::default();
        let image = || "posts:v1".to_owned();
        for event in [
            UpEvent::Building { image: image() },
            UpEvent::BuildLine { image: image(), line: "Step 1/3 : FROM scratch".into() },
            UpEvent::BuildLine { image: image(), line: "\u{1b}[2J".into() },
            UpEvent::Built { image: image(), image_id: "sha256:1".into(), seconds: 3.25 },
            UpEvent::Notice { message: "port 80 is not permitted: listening on 8080".into() },
            UpEvent::Applied { changes: vec!["+ service posts".into()], version: 7, tasks: Vec::new() },
        ] {
            steps.take(event, &mut printer).unwrap();
        }
        assert_eq!((steps.applied.version, data.text().as_str()), (7, ""));
        insta::assert_snapshot!(talk.text(), @r#"
          building posts:v1
          built posts:v1 in 3.2 s
        note: port 80 is not permitted: listening on 8080
          + service posts
        "#);
    }
}
