//! `requests`: what went through the load balancers.

use wire::local::{RequestEvent, RequestRecord, path};

use super::look;
use crate::args::Requests;
use crate::client::with_query;
use crate::cluster;
use crate::end::Outcome;
use crate::interrupt::Interrupts;
use crate::listing::moment;
use crate::print::Printer;
use crate::print::color::{Palette, Tone};
use crate::print::sanitize::visible;
use crate::settings::Settings;

/// Prints them, oldest first.
pub(crate) async fn run(args: &Requests, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    cluster::require(&view, &name)?;
    let follow = if args.follow { "true" } else { "" };
    let tail = args.tail.map(|lines| lines.to_string()).unwrap_or_default();
    let query = [("cluster", name.as_str()), ("tail", &tail), ("follow", follow)];
    let mut lines = client.get_lines::<RequestEvent>(&with_query(path::REQUESTS, &query)).await?;
    let mut interrupts = Interrupts::new()?;
    loop {
        let event = tokio::select! {
            event = lines.next() => event?,
            () = interrupts.next() => None,
        };
        match event {
            None => return Ok(()),
            Some(RequestEvent::Missed { missed }) => printer.notice(&format!("{missed} requests came too fast to be shown"))?,
            Some(RequestEvent::Request(record)) if settings.json => printer.json_line(&record)?,
            Some(RequestEvent::Request(record)) if args.log => printer.data(&record.line)?,
            Some(RequestEvent::Request(record)) => printer.data(&line(&record, printer.data_palette()))?,
        }
    }
}

/// `2026-11-23T16:04:05Z  200     3 ms  GET http://localhost:80/api/users  1 -> users i-0123:32768`
fn line(record: &RequestRecord, palette: Palette) -> String {
    let tone = match record.status {
        200..=399 => Tone::Good,
        400..=499 => Tone::Warning,
        _ => Tone::Error,
    };
    let what = if record.method.is_empty() { "(not HTTP)".to_owned() } else { format!("{} {}", record.method, record.url) };
    let mut text = format!(
        "{}  {}  {:>6} ms  {}",
        palette.paint(Tone::Faint, &moment(record.at)),
        palette.paint(tone, &record.status.to_string()),
        millis(record.seconds),
        visible(&what)
    );
    if let Some(rule) = &record.rule {
        text += &format!("  {rule}");
    }
    let goal = match (&record.target_group, &record.target) {
        (Some(group), Some(target)) => format!(" -> {group} {target}"),
        (Some(group), None) => format!(" -> {group}"),
        (None, _) if record.actions.is_empty() => String::new(),
        (None, _) => format!(" {}", record.actions),
    };
    text += &goal;
    if let Some(failure) = &record.failure {
        text += &format!("  {}", palette.paint(Tone::Error, failure));
    }
    text
}

fn millis(seconds: f64) -> String {
    let millis = seconds * 1000.0;
    if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_became_of_a_request() {
        let record = RequestRecord {
            at: 0.0,
            load_balancer: "front".into(),
            client: "127.0.0.1:5".into(),
            method: "GET".into(),
            url: "http://localhost:80/api/users\u{1b}[2J".into(),
            status: 502,
            target_status: None,
            rule: Some("1".into()),
            actions: "forward".into(),
            target_group: Some("users".into()),
            target: Some("i-1:32768".into()),
            target_seconds: None,
            seconds: 0.0032,
            received_bytes: 1,
            sent_bytes: 2,
            failure: Some("the target refused the connection".into()),
            trace_id: None,
            line: String::new(),
        };
        let plain = |record: &RequestRecord| line(record, Palette::plain());
        let redirected = RequestRecord { status: 301, failure: None, target_group: None, target: None, actions: "redirect".into(), ..record.clone() };
        let unread = RequestRecord { method: String::new(), rule: None, actions: String::new(), status: 400, seconds: 1.5, ..redirected.clone() };
        insta::assert_snapshot!([plain(&record), plain(&redirected), plain(&unread)].join("\n"), @r#"
        1970-01-01T00:00:00Z  502     3.2 ms  GET http://localhost:80/api/users\x1b[2J  1 -> users i-1:32768  the target refused the connection
        1970-01-01T00:00:00Z  301     3.2 ms  GET http://localhost:80/api/users\x1b[2J  1 redirect
        1970-01-01T00:00:00Z  400    1500 ms  (not HTTP)
        "#);
    }
}
