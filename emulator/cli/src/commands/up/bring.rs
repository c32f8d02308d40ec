//! From a manifest to steady services: builds, changes, rollout.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Desired;
use tokio::time::{Instant, interval};
use wire::local::{Failure, UpEvent, UpRequest, View, path};

use crate::client::Client;
use crate::cluster;
use crate::commands::diff::change_line;
use crate::end::{End, Outcome};
use crate::follow::{Goal, Reached, known_rollbacks, until_steady};
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::print::color::Tone;
use crate::print::sanitize::visible;
use crate::progress::{Line, Progress};
use crate::report::{self, Trouble};

/// What is to be, and how long services may take to become steady.
pub(super) struct Wanted {
    pub(super) desired: Desired,
    pub(super) timeout: Duration,
}

/// How far it came.
pub(super) enum Brought {
    /// Every service is steady, after so many seconds.
    Steady(View, f64),
    /// Ctrl-C.
    Interrupted,
    /// The changes are made, but services are not steady; the report is printed.
    Failed(End),
}

/// Asks for the changes and waits. An `Err` means that nothing was changed.
pub(super) async fn bring_up(client: Client, wanted: &Wanted, printer: &mut Printer, interrupts: &mut Interrupts) -> Outcome<Brought> {
    let started = Instant::now();
    let rolled_back = Some(known_rollbacks(&client.get(path::VIEW).await?, &wanted.desired.cluster));
    let Some(version) = apply(client, wanted, printer, interrupts).await? else {
        return Ok(Brought::Interrupted);
    };
    let services = wanted.desired.services.keys().map(ToString::to_string).collect();
    let goal = Goal { cluster: wanted.desired.cluster.clone(), services, version, rolled_back, timeout: wanted.timeout };
    let (view, failed, message) = match until_steady(client, &goal, printer, interrupts).await {
        Ok(Reached::Steady(view)) => return Ok(Brought::Steady(view, started.elapsed().as_secs_f64())),
        Ok(Reached::Interrupted) => return Ok(Brought::Interrupted),
        Ok(Reached::Failed(view, services)) => {
            let message = format!("the deployment of {} keeps failing", services.join(", "));
            (view, services, message)
        }
        Ok(Reached::TimedOut(view)) => (view, goal.services.clone(), format!("not steady after {} s (`--timeout`)", wanted.timeout.as_secs())),
        Err(end) => return Ok(Brought::Failed(end)),
    };
    let reported = match cluster::require(&view, &goal.cluster) {
        Ok(cluster) => report::not_steady(&Trouble { client, cluster, services: &failed, message: &message }, printer).await,
        Err(failure) => Ok(failure.into()),
    };
    Ok(Brought::Failed(reported.unwrap_or_else(|end| end)))
}

/// The version of the view that has the changes; `None` when Ctrl-C came first.
async fn apply(client: Client, wanted: &Wanted, printer: &mut Printer, interrupts: &mut Interrupts) -> Outcome<Option<u64>> {
    let mut events = client.post_lines::<UpEvent>(path::UP, &UpRequest { desired: wanted.desired.clone() }).await?;
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
                return Ok(Some(steps.version));
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

/// What an `up` has told so far.
#[derive(Default)]
struct Steps {
    /// Images being built, with the last line of each.
    builds: BTreeMap<String, String>,
    version: u64,
    progress: Progress,
}

impl Steps {
    fn take(&mut self, event: UpEvent, printer: &mut Printer) -> Outcome {
        match event {
            UpEvent::Building { image } => {
                self.builds.insert(image, String::new());
            }
            UpEvent::BuildLine { image, line } => {
                self.builds.insert(image, line);
            }
            UpEvent::Built { image, seconds, .. } => {
                self.builds.remove(&image);
                self.progress.say(printer, &format!("  built {} in {seconds:.1} s", visible(&image)))?;
            }
            UpEvent::Applied { changes, version } => {
                self.version = version;
                self.progress.end(printer)?;
                if changes.is_empty() {
                    printer.talk("nothing to change")?;
                }
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
        for (image, last) in &self.builds {
            let image = visible(image);
            lines.push(Line { key: format!("building {image}"), text: format!("  building {image}"), piped: true, ..Line::default() });
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
            UpEvent::Applied { changes: vec!["+ service posts".into()], version: 7 },
        ] {
            steps.take(event, &mut printer).unwrap();
        }
        assert_eq!((steps.version, data.text().as_str()), (7, ""));
        insta::assert_snapshot!(talk.text(), @r#"
          building posts:v1
          built posts:v1 in 3.2 s
        note: port 80 is not permitted: listening on 8080
          + service posts
        "#);
    }
}
