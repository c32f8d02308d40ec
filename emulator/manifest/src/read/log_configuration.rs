//! `logConfiguration` of a container definition, with the options that each driver has (ecs.md 1.10).

use model::{LogConfiguration, LogDriver};

use super::outside_values;
use crate::node::Node;
use crate::problem::Report;
use crate::suggest::listed;

/// What every driver may be told: how its buffer is used.
const GENERAL: [&str; 2] = ["mode", "max-buffer-size"];

/// What most drivers of the engine may be told: what is added to each line.
const METADATA: [&str; 5] = ["tag", "labels", "labels-regex", "env", "env-regex"];

/// Whether a driver takes [`METADATA`], what else it may be told, and what it must be.
const fn options_of(driver: LogDriver) -> (bool, &'static [&'static str], &'static [&'static str]) {
    match driver {
        LogDriver::Awslogs => (
            false,
            &[
                "awslogs-group",
                "awslogs-region",
                "awslogs-stream-prefix",
                "awslogs-create-group",
                "awslogs-datetime-format",
                "awslogs-multiline-pattern",
            ],
            &["awslogs-group", "awslogs-region"],
        ),
        LogDriver::Awsfirelens => (false, &[], &[]),
        LogDriver::Fluentd => (
            true,
            &[
                "fluentd-address",
                "fluentd-async",
                "fluentd-async-connect",
                "fluentd-async-reconnect-interval",
                "fluentd-buffer-limit",
                "fluentd-max-retries",
                "fluentd-request-ack",
                "fluentd-retry-wait",
                "fluentd-sub-second-precision",
                "fluentd-write-timeout",
            ],
            &[],
        ),
        LogDriver::Gelf => (
            true,
            &["gelf-address", "gelf-compression-type", "gelf-compression-level", "gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"],
            &["gelf-address"],
        ),
        LogDriver::JsonFile => (true, &["max-size", "max-file", "compress"], &[]),
        LogDriver::Journald => (true, &[], &[]),
        LogDriver::Splunk => (
            true,
            &[
                "splunk-token",
                "splunk-url",
                "splunk-source",
                "splunk-sourcetype",
                "splunk-index",
                "splunk-capath",
                "splunk-caname",
                "splunk-insecureskipverify",
                "splunk-format",
                "splunk-verify-connection",
                "splunk-gzip",
                "splunk-gzip-level",
            ],
            &["splunk-token", "splunk-url"],
        ),
        LogDriver::Syslog => (
            true,
            &[
                "syslog-address",
                "syslog-facility",
                "syslog-format",
                "syslog-tls-ca-cert",
                "syslog-tls-cert",
                "syslog-tls-key",
                "syslog-tls-skip-verify",
            ],
            &[],
        ),
    }
}

/// `None` when it is not there or cannot be read, which the tables have reported.
pub(super) fn read(container: &Node, fargate: bool, report: &mut Report) -> Option<LogConfiguration> {
    let node = container.get("logConfiguration")?;
    let driver = LogDriver::from_word(node.text_of("logDriver")?)?;
    let (metadata, own, required) = options_of(driver);
    let entries = node.get("options").map(Node::entries).unwrap_or_default();
    let word = driver.as_str();
    let secret: Vec<&Node> = node.list("secretOptions").iter().filter_map(|item| item.get("name")).collect();
    let given = |name: &str| {
        entries.iter().any(|entry| entry.key == name && !entry.node.asks_for_nothing()) || secret.iter().any(|option| option.text() == Some(name))
    };
    let prefix = ["awslogs-stream-prefix"].into_iter().filter(|_| fargate && driver == LogDriver::Awslogs);
    let missing: Vec<&str> = required.iter().copied().chain(prefix).filter(|name| !given(name)).collect();
    if !missing.is_empty() && !report.partial {
        let place = super::place(node, "logDriver");
        report.problem(place, format!("Log driver {word} requires options: {}", missing.join(", "))).hint("add them under `options`");
    }
    let known: Vec<&str> = GENERAL.iter().chain(METADATA.iter().filter(|_| metadata)).chain(own).copied().collect();
    let named = entries.iter().map(|entry| (entry.key.as_str(), entry.key_span));
    for (name, place) in named.chain(secret.iter().filter_map(|option| Some((option.text()?, option.span)))) {
        // What is told to a plugin of the router's is the router's business.
        if driver != LogDriver::Awsfirelens && !known.contains(&name) {
            let hint = report.suggest(name, known.iter().copied()).unwrap_or_else(|| format!("it has {}", listed(known.iter().copied())));
            report.problem(place, format!("Log driver {word} disallows options: {name}")).hint(hint);
        }
    }
    let secret_options = outside_values::secret_options(node, report);
    buffer(node, report);
    if driver == LogDriver::Awslogs {
        awslogs(node, report);
    }
    let options = entries.iter().filter(|entry| !entry.node.asks_for_nothing());
    let options = options.map(|entry| (entry.key.clone(), entry.node.text().unwrap_or_default().to_owned())).collect();
    Some(LogConfiguration { driver, options, secret_options: secret_options? })
}

fn buffer(node: &Node, report: &mut Report) {
    let Some(options) = node.get("options") else { return };
    if let Some(mode) = options.get("mode").filter(|mode| !matches!(mode.text(), Some("blocking" | "non-blocking"))) {
        report.problem(mode.span, format!("`mode` must be `blocking` or `non-blocking`, found {}", mode.describe()));
    }
    let size = options.get("max-buffer-size");
    if let Some(size) = size.filter(|size| !size.text().is_some_and(is_size)) {
        report.problem(size.span, format!("`max-buffer-size` must be a size, found {}", size.describe())).hint("for example `25m`");
    }
}

/// A number of bytes, or of kilobytes, megabytes or gigabytes.
fn is_size(text: &str) -> bool {
    let number = text.trim_end_matches(['k', 'm', 'g', 'K', 'M', 'G', 'b', 'B']);
    number.len() + 2 >= text.len() && number.parse::<u64>().is_ok()
}

fn awslogs(node: &Node, report: &mut Report) {
    let Some(options) = node.get("options") else { return };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./#".contains(c);
    if let Some((group, name)) = options.get("awslogs-group").and_then(|group| Some((group, group.text()?)))
        && !(1..=512).contains(&name.len()) | !name.chars().all(allowed)
    {
        report.problem(group.span, format!("`{name}` is not a log group's name")).hint("1 to 512 letters, digits, and `-`, `_`, `.`, `/`, `#`");
    }
    if let Some((prefix, text)) = options.get("awslogs-stream-prefix").and_then(|prefix| Some((prefix, prefix.text()?)))
        && (text.is_empty() || text.contains([':', '*']))
    {
        report.problem(prefix.span, format!("`{text}` cannot begin a log stream's name")).hint("any text without `:` and `*`");
    }
    if let Some(create) = options.get("awslogs-create-group").filter(|create| create.text() != Some("true")) {
        report
            .problem(create.span, "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option.")
            .hint("here a log group is a folder, which is made when it is first written to");
    }
    let multiline = ["awslogs-datetime-format", "awslogs-multiline-pattern"].map(|name| options.entry(name));
    if let [Some(first), Some(second)] = multiline {
        report
            .problem(second.key_span, "Log driver awslogs takes 'awslogs-datetime-format' or 'awslogs-multiline-pattern', not both")
            .again(first.key_span);
    } else {
        for entry in multiline.into_iter().flatten() {
            report.note(entry.key_span, format!("`{}` does nothing here: each line is an event of its own", entry.key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_size;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [("25m", true), ("1024", true), ("4MB", true), ("m", false), ("", false), ("1.5g", false), ("1mmm", false)] {
            assert_eq!(is_size(text), expected, "{text}");
        }
    }
}
