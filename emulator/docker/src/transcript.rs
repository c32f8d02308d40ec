//! What a build says, and what it means when it fails.

use std::collections::{BTreeMap, VecDeque};

use engine::{EngineError, EngineErrorKind};

/// So many last lines go into the error.
const KEPT: usize = 20;

/// Follows a build's output.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    partial: String,
    step: Option<String>,
    arguments: BTreeMap<String, String>,
    last: VecDeque<String>,
}

impl Transcript {
    /// A build with these `--build-arg` values.
    pub(crate) fn new(arguments: &BTreeMap<String, String>) -> Self {
        Self { arguments: arguments.clone(), ..Self::default() }
    }

    /// Takes a piece of output and gives the lines that it completes, without colours.
    pub(crate) fn take(&mut self, text: &str) -> Vec<String> {
        self.partial.push_str(text);
        let Some(end) = self.partial.rfind('\n') else { return Vec::new() };
        let rest = self.partial.split_off(end + 1);
        let whole = std::mem::replace(&mut self.partial, rest);
        whole.lines().filter_map(|line| self.line(line)).collect()
    }

    /// The line that never ended.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.partial);
        self.line(&rest)
    }

    fn line(&mut self, line: &str) -> Option<String> {
        let line = plain(line);
        let line = line.trim_end();
        if line.is_empty() {
            return None;
        }
        if let Some(instruction) = instruction(line) {
            self.step = Some(line.to_owned());
            self.last.clear();
            self.learn_argument(instruction);
        } else {
            self.last.push_back(line.to_owned());
            self.last.truncate_front_to(KEPT);
        }
        Some(line.to_owned())
    }

    fn learn_argument(&mut self, instruction: &str) {
        let default = instruction.strip_prefix("ARG ").and_then(|text| text.trim().split_once('='));
        if let Some((name, value)) = default {
            self.arguments.entry(name.to_owned()).or_insert_with(|| value.trim_matches(['"', '\'']).to_owned());
        }
    }

    /// Why the build failed, in words that help.
    pub(crate) fn failure(&self, error: &EngineError) -> EngineError {
        if error.kind == EngineErrorKind::Unreachable || error.kind == EngineErrorKind::Timeout {
            return error.clone();
        }
        let why = plain(&error.message);
        let Some(step) = &self.step else {
            let kind = if error.kind == EngineErrorKind::Refused { EngineErrorKind::Refused } else { EngineErrorKind::BuildFailed };
            return EngineError::new(kind, format!("the build failed: {why}"));
        };
        if let Some(base) = self.missing_base(step, &why) {
            return base;
        }
        let mut message = format!("`{step}` failed: {why}");
        for line in &self.last {
            message.push_str("\n  ");
            message.push_str(line);
        }
        EngineError::new(EngineErrorKind::BuildFailed, message)
    }

    /// Whether the step failed because the image that it starts from could not be had.
    fn missing_base(&self, step: &str, why: &str) -> Option<EngineError> {
        let instruction = instruction(step)?;
        let from_base = instruction.get(..5).filter(|word| word.eq_ignore_ascii_case("FROM ")).map(|word| &instruction[word.len()..]);
        let copied = instruction.split_once("--from=").filter(|_| instruction.starts_with("COPY")).map(|(_, rest)| rest);
        let written = from_base.or(copied)?.split_whitespace().find(|word| !word.starts_with("--"))?;
        if !is_pull_failure(why) {
            return None;
        }
        let image = self.expand(written);
        let hint = match variable(written) {
            Some(name) => format!("name an image that is here in the build argument `{name}`, or run `docker pull {image}`"),
            None => format!("run `docker pull {image}`, or build it"),
        };
        let message = format!("base image `{image}` is not on this machine and could not be pulled: {why}\nhint: {hint}");
        Some(EngineError::new(EngineErrorKind::CannotPull, message))
    }

    /// Docker prints the instruction as it is written; the arguments were seen before it.
    fn expand(&self, written: &str) -> String {
        let Some(name) = variable(written) else { return written.to_owned() };
        let value = self.arguments.get(name).map_or("", String::as_str);
        [format!("${{{name}}}"), format!("${name}")].iter().fold(written.to_owned(), |text, form| text.replace(form, value))
    }
}

/// Keeps the end of a queue.
trait TruncateFront {
    fn truncate_front_to(&mut self, most: usize);
}

impl TruncateFront for VecDeque<String> {
    fn truncate_front_to(&mut self, most: usize) {
        while self.len() > most {
            self.pop_front();
        }
    }
}

/// What follows `Step 2/5 : `.
fn instruction(line: &str) -> Option<&str> {
    let (count, instruction) = line.strip_prefix("Step ")?.split_once(" : ")?;
    count.split_once('/').filter(|(step, of)| step.parse::<u32>().is_ok() && of.parse::<u32>().is_ok())?;
    Some(instruction)
}

/// The first variable in a text: `${BASE}` or `$BASE`.
fn variable(text: &str) -> Option<&str> {
    let rest = text.split_once('$')?.1;
    let rest = rest.strip_prefix('{').unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

fn is_pull_failure(why: &str) -> bool {
    let signs = [
        "pull access denied",
        "manifest for ",
        "manifest unknown",
        "no such host",
        "connection refused",
        "i/o timeout",
        "failed to resolve source metadata",
        "/v2/\":",
        "Client.Timeout exceeded",
        "TLS handshake",
        "network is unreachable",
        "repository does not exist",
        "server gave HTTP response",
        "toomanyrequests",
        "unauthorized",
    ];
    signs.iter().any(|sign| why.contains(sign))
}

/// The text without escape sequences for colours.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|c: char| ('@'..='~').contains(&c)).map_or(after.len(), |at| at + 1);
        rest = &after[end..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(output: &[&str], arguments: &[(&str, &str)], why: &str) -> EngineError {
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut transcript = Transcript::new(&arguments);
        for text in output {
            transcript.take(text);
        }
        transcript.rest();
        transcript.failure(&EngineError::new(EngineErrorKind::Failed, why))
    }

    #[test]
    fn pieces_become_lines_without_colours() {
        let mut transcript = Transcript::default();
        assert_eq!(transcript.take("Step 1/2 : FROM "), Vec::<String>::new());
        assert_eq!(transcript.take("scratch\n ---> \n\u{1b}[91mwarn"), ["Step 1/2 : FROM scratch", " --->"]);
        assert_eq!(transcript.take("ing\u{1b}[0m\n\n"), ["warning"]);
        assert_eq!(transcript.take("tail"), Vec::<String>::new());
        assert_eq!(transcript.rest().as_deref(), Some("tail"));
    }

    #[test]
    fn a_failed_step_is_named_with_its_last_lines() {
        let mut output = vec!["Step 1/2 : FROM base\n".to_owned(), " ---> 1234\n".to_owned(), "Step 2/2 : RUN make\n".to_owned()];
        output.extend((0..30).map(|line| format!("line {line}\n")));
        let output: Vec<_> = output.iter().map(String::as_str).collect();
        let error = failed(&output, &[], "The command 'make' returned a non-zero code: 2");
        assert_eq!(error.kind, EngineErrorKind::BuildFailed);
        assert!(error.message.starts_with("`Step 2/2 : RUN make` failed: The command 'make' returned a non-zero code: 2\n  line 10\n"));
        assert!(error.message.ends_with("\n  line 29"), "{}", error.message);
    }

    #[test]
    fn a_base_that_cannot_be_pulled_is_named_with_the_argument_that_chooses_it() {
        let offline = "Get \"https://registry.example/v2/\": dial tcp: lookup registry.example on 192.0.2.1:53: no such host";
        let from = ["Step 1/3 : ARG BASE=node:22-alpine\n", "Step 2/3 : FROM ${BASE}\n"];
        for (output, arguments, base, hint) in [
            (&from[..], &[][..], "node:22-alpine", "build argument `BASE`"),
            (&from[..], &[("BASE", "mine:1")][..], "mine:1", "build argument `BASE`"),
            (&["Step 1/1 : FROM --platform=linux/amd64 node:22 AS build\n"][..], &[][..], "node:22", "run `docker pull node:22`"),
            (&["Step 3/4 : COPY --from=busybox:1 /bin/sh /sh\n"][..], &[][..], "busybox:1", "run `docker pull busybox:1`"),
        ] {
            let error = failed(output, arguments, offline);
            assert_eq!(error.kind, EngineErrorKind::CannotPull);
            assert!(
                error.message.starts_with(&format!("base image `{base}` is not on this machine and could not be pulled: Get ")),
                "{}",
                error.message
            );
            assert!(error.message.contains(hint), "{}", error.message);
        }
        assert_eq!(failed(&["Step 2/2 : RUN curl x\n"], &[], "no such host").kind, EngineErrorKind::BuildFailed);
        assert_eq!(failed(&["Step 1/2 : FROM A:B:C\n"], &[], "invalid reference format").kind, EngineErrorKind::BuildFailed);
    }

    #[test]
    fn a_failure_before_the_first_step_is_the_input_s() {
        let error = EngineError::new(EngineErrorKind::Refused, "dockerfile parse error line 1: unknown instruction: FROMM");
        let found = Transcript::default().failure(&error);
        assert_eq!(
            (found.kind, found.message.as_str()),
            (EngineErrorKind::Refused, "the build failed: dockerfile parse error line 1: unknown instruction: FROMM")
        );
    }
}
