//! `up` without `-d`: the daemon inside this process unless one runs, then logs and events until Ctrl-C.

use std::pin::pin;
use std::time::Duration;

use model::{ClusterName, ServiceName};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use wire::local::{EventRecord, LogRecord, path};

use super::watching::{Happening, Watching};
use super::{Brought, Wanted, bring_up, summary};
use crate::client::{Client, Lines, with_query};
use crate::cluster;
use crate::commands::down::{shut_down, take_down};
use crate::end::{End, INPUT, Outcome};
use crate::follow::Watcher;
use crate::interrupt::Interrupts;
use crate::launch::{Launcher, OwnDaemon};
use crate::print::Printer;
use crate::settings::Settings;
use crate::stream::Interleaver;

/// The longest that taking down in order may last: draining and stop timeouts included.
const TAKE_DOWN: Duration = Duration::from_secs(600);
/// So many earlier lines of each container are shown when following begins.
const EARLIER_LINES: &str = "10";

/// Why following ended.
enum Ended {
    /// Ctrl-C.
    Interrupted,
    /// Somebody else took the cluster down.
    Gone,
    /// It came to nothing.
    Failed(End),
}

/// An `up` that stays.
struct Foreground<'a> {
    client: Client,
    /// The daemon, where it is inside this process.
    own: Option<OwnDaemon>,
    launcher: &'a Launcher,
    wanted: &'a Wanted,
}

/// Brings the cluster up, follows it, takes it down.
///
/// With `watched`, whose manifest it is, it also goes on with what is saved.
pub(super) async fn run(wanted: &Wanted, watched: Option<&Settings>, launcher: &Launcher, user: (&mut Printer, &mut Interrupts)) -> Outcome {
    let (printer, interrupts) = user;
    let (client, own) = tokio::select! {
        found = launcher.find_or_host() => found?,
        () = interrupts.next() => return Err(End::Said(INPUT)),
    };
    if own.is_none() {
        printer.talk("a daemon is running already: this `up` attaches to it")?;
    }
    let mut foreground = Foreground { client, own, launcher, wanted };
    let outcome = attended(client, (wanted, watched), printer, interrupts).await;
    match foreground.with_the_daemons_word(outcome)? {
        Ended::Interrupted => foreground.leave(printer, interrupts).await,
        Ended::Gone => {
            printer.talk(&format!("the cluster `{}` was taken down", wanted.desired.cluster))?;
            match foreground.own.as_mut() {
                Some(own) => Ok(own.end().await?),
                None => Ok(()),
            }
        }
        Ended::Failed(reason) => {
            if let Some(own) = foreground.own.as_mut() {
                own.end().await?;
                if matches!(reason, End::Said(_)) {
                    printer.hint("the daemon ended with this `up`: `ecslocal up -d` starts it again in the background and finds its containers")?;
                }
            }
            Err(reason)
        }
    }
}

impl Foreground<'_> {
    /// What the daemon itself says of its end is better than that it no longer answers.
    fn with_the_daemons_word(&mut self, outcome: Outcome<Ended>) -> Outcome<Ended> {
        let reason = match outcome {
            Err(End::Failure(failure)) => failure,
            Err(reason) => return Ok(Ended::Failed(reason)),
            Ok(ended) => return Ok(ended),
        };
        match self.own.as_mut().map(OwnDaemon::has_ended) {
            Some(Some(Ok(()))) => Ok(Ended::Gone),
            Some(Some(Err(failure))) => Err(failure.into()),
            // Whoever took the cluster down has ended the daemon in order.
            None if self.launcher.process().is_none() => Ok(Ended::Gone),
            Some(None) | None => Ok(Ended::Failed(End::Failure(reason))),
        }
    }

    /// The first Ctrl-C: in order. The second: at once.
    async fn leave(&mut self, printer: &mut Printer, interrupts: &mut Interrupts) -> Outcome {
        printer.talk(&format!("stopping {} in order; press Ctrl-C again to leave at once", self.wanted.desired.cluster))?;
        let ended = tokio::select! {
            ended = self.end_in_order(printer) => Some(ended),
            () = interrupts.next() => None,
        };
        if let Some(ended) = ended {
            return ended;
        }
        printer.talk("left at once: containers may still run")?;
        printer.hint("`ecslocal down` removes them, `ecslocal up` finds them again")?;
        Err(End::Said(INPUT))
    }

    async fn end_in_order(&mut self, printer: &mut Printer) -> Outcome {
        take_down(self.client, &self.wanted.desired.cluster, (Instant::now() + TAKE_DOWN, false), printer).await?;
        match self.own.as_mut() {
            Some(own) => Ok(own.end().await?),
            None => shut_down(&self.client, self.launcher, printer).await,
        }
    }
}

/// Until Ctrl-C, or until somebody else takes the cluster down.
async fn attended(
    client: Client,
    (wanted, watched): (&Wanted, Option<&Settings>),
    printer: &mut Printer,
    interrupts: &mut Interrupts,
) -> Outcome<Ended> {
    let after = last_event(client, &wanted.desired.cluster).await;
    // What is saved from now on is seen, also what is saved before all is up.
    let mut watching = match watched {
        Some(settings) => Some(Watching::begin(settings, client, &wanted.desired).await),
        None => None,
    };
    match bring_up(client, wanted, printer, interrupts).await? {
        Brought::Steady(view, seconds) => summary(&view, wanted, seconds, false, printer)?,
        Brought::Interrupted => return Ok(Ended::Interrupted),
        Brought::Failed(End::Said(_)) if watching.is_some() => {}
        Brought::Failed(end) => return Err(end),
    }
    if let Some(watching) = &mut watching {
        watching.brought_up(&client.get(path::VIEW).await?, printer)?;
    }
    printer.talk("following logs (|) and events (*); Ctrl-C takes the cluster down in order")?;
    let mut streams = Streams::open(client, wanted, after).await?;
    streams.follow(client, (&wanted.desired.cluster, watching), printer, interrupts).await
}

/// The sequence of the last event before the changes; 0 for a cluster that is new.
async fn last_event(client: Client, name: &ClusterName) -> u64 {
    let mut last = 0;
    if let Ok(mut lines) = client.get_lines::<EventRecord>(&with_query(path::EVENTS, &[("cluster", name.as_str())])).await {
        while let Ok(Some(event)) = lines.next().await {
            last = event.sequence;
        }
    }
    last
}

/// What is followed.
struct Streams {
    logs: Option<Lines<LogRecord>>,
    events: Option<Lines<EventRecord>>,
    interleaver: Interleaver,
}

impl Streams {
    async fn open(client: Client, wanted: &Wanted, after: u64) -> Outcome<Self> {
        let cluster = wanted.desired.cluster.as_str();
        let logs = with_query(path::LOGS, &[("cluster", cluster), ("tail", EARLIER_LINES), ("follow", "true")]);
        let events = with_query(path::EVENTS, &[("cluster", cluster), ("after", &after.to_string()), ("follow", "true")]);
        Ok(Self {
            logs: Some(client.get_lines(&logs).await?),
            events: Some(client.get_lines(&events).await?),
            interleaver: Interleaver::for_services(wanted.desired.services.keys().map(ServiceName::as_str)),
        })
    }

    async fn follow(
        &mut self,
        client: Client,
        (name, mut watching): (&ClusterName, Option<Watching<'_>>),
        printer: &mut Printer,
        interrupts: &mut Interrupts,
    ) -> Outcome<Ended> {
        let mut watcher = Watcher::new(client);
        loop {
            let mut view = pin!(watcher.next());
            loop {
                tokio::select! {
                    record = next(&mut self.logs) => if let Some(record) = record? { self.interleaver.log(printer, &record)? },
                    event = next(&mut self.events) => if let Some(event) = event? { self.interleaver.event(printer, &event)? },
                    () = interrupts.next() => return Ok(Ended::Interrupted),
                    happened = happening(&mut watching) => if let Some(watching) = &mut watching { watching.take(happened, printer).await? },
                    view = &mut view => {
                        let view = view?;
                        if cluster::find(&view, name).is_none() {
                            return Ok(Ended::Gone);
                        }
                        if let Some(watching) = &mut watching {
                            watching.look(view, printer).await?;
                        }
                        break;
                    }
                }
            }
        }
    }
}

/// What happens to what is watched; nothing, where nothing is.
async fn happening(watching: &mut Option<Watching<'_>>) -> Happening {
    match watching {
        Some(watching) => watching.next().await,
        None => std::future::pending().await,
    }
}

/// The next value of a stream; a stream that has ended never has one again.
async fn next<T: DeserializeOwned>(lines: &mut Option<Lines<T>>) -> Outcome<Option<T>> {
    let Some(stream) = lines else {
        return std::future::pending().await;
    };
    let value = stream.next().await?;
    if value.is_none() {
        *lines = None;
    }
    Ok(value)
}
