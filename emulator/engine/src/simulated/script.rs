//! The language of the workload: how a pull goes and what a container does. The words are in the module's own documentation.

use std::time::Duration;

use model::{ContainerDefinition, HealthStatus};

use crate::LogStream;

/// What somebody who connects to a simulated container would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulatedAnswer {
    /// An HTTP response of that status.
    Status(u16),
    /// The connection is refused: nothing listens there.
    Refused,
    /// The connection is accepted and nothing comes.
    Silent,
}

/// How the pull of an image goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PullScript {
    pub(super) takes: Duration,
    pub(super) missing: bool,
}

/// What a container does, in durations from the moment when it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) start: Duration,
    pub(super) cannot_start: bool,
    pub(super) ignore_term: bool,
    pub(super) stop: Duration,
    /// In order of time.
    pub(super) moments: Vec<(Duration, Moment)>,
    /// In order of time; none means 200 from the start.
    pub(super) answers: Vec<(Duration, SimulatedAnswer)>,
    /// CPU units from then on, in order of time.
    pub(super) cpu: Vec<(Duration, u32)>,
    /// MiB from then on, in order of time.
    pub(super) memory: Vec<(Duration, u32)>,
}

/// Something that happens to a running container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Exit { code: i64, out_of_memory: bool },
    Health(HealthStatus),
    Line(LogStream, String),
}

impl PullScript {
    /// Reads the tag of an image named `sim`; any other image is simply here.
    pub(super) fn of(reference: &str) -> Result<Self, String> {
        let mut script = Self::default();
        let (true, Some(tag)) = (is_scripted(reference), tag_of(reference)) else { return Ok(script) };
        for word in tag.split('_') {
            if word == "missing" {
                script.missing = true;
            } else if let Some(takes) = word.strip_prefix("pull=").or_else(|| word.strip_prefix("pull-")) {
                script.takes = duration(takes).ok_or_else(|| format!("`{takes}` in the image `{reference}` is no duration such as `10s`"))?;
            } else if word.contains('=') {
                return Err(format!("`{word}` in the image `{reference}` is no word of the simulated fleet; hint: `missing` or `pull=10s`"));
            }
        }
        Ok(script)
    }
}

impl Script {
    /// Reads what `definition` says that its container does.
    pub(super) fn of(definition: &ContainerDefinition) -> Result<Self, String> {
        let command = definition.command.as_deref().unwrap_or_default();
        let words = match command.split_first() {
            Some((first, rest)) if first == "sim" => rest,
            _ if is_scripted(&definition.image) => command,
            _ => &[],
        };
        Self::parse(words)
    }

    fn parse(words: &[String]) -> Result<Self, String> {
        let mut script = Self::default();
        for word in words {
            script.read(word).map_err(|why| {
                format!("`{word}` in the command is no word of the simulated fleet: {why}; hint: the words are listed in the documentation of `engine::simulated`")
            })?;
        }
        script.moments.sort_by_key(|(at, _)| *at);
        script.answers.sort_by_key(|(at, _)| *at);
        script.cpu.sort_by_key(|(at, _)| *at);
        script.memory.sort_by_key(|(at, _)| *at);
        Ok(script)
    }

    fn read(&mut self, word: &str) -> Result<(), String> {
        let (body, at) = match word.rsplit_once('@').and_then(|(body, at)| Some((body, duration(at)?))) {
            Some((body, at)) => (body, Some(at)),
            None => (word, None),
        };
        let (key, value) = body.split_once('=').map_or((body, None), |(key, value)| (key, Some(value)));
        let from = at.unwrap_or_default();
        match (key, value, at) {
            ("start", Some(value), None) => self.start = required_duration(value)?,
            ("stop", Some(value), None) => self.stop = required_duration(value)?,
            ("cannot-start", None, None) => self.cannot_start = true,
            ("ignore-term", None, None) => self.ignore_term = true,
            ("exit", Some(value), _) => {
                let code = value.parse().map_err(|_| format!("`{value}` is no exit code"))?;
                self.moments.push((from, Moment::Exit { code, out_of_memory: false }));
            }
            ("oom", None, _) => self.moments.push((from, Moment::Exit { code: 137, out_of_memory: true })),
            ("health", Some("healthy"), _) => self.moments.push((from, Moment::Health(HealthStatus::Healthy))),
            ("health", Some("unhealthy"), _) => self.moments.push((from, Moment::Health(HealthStatus::Unhealthy))),
            ("out", Some(text), _) => self.moments.push((from, Moment::Line(LogStream::Stdout, text.to_owned()))),
            ("err", Some(text), _) => self.moments.push((from, Moment::Line(LogStream::Stderr, text.to_owned()))),
            ("http", Some(value), _) => {
                let status =
                    value.parse().ok().filter(|status| (100..=999).contains(status)).ok_or_else(|| format!("`{value}` is no HTTP status"))?;
                self.answers.push((from, SimulatedAnswer::Status(status)));
            }
            ("cpu", Some(value), _) => self.cpu.push((from, amount(value)?)),
            ("memory", Some(value), _) => self.memory.push((from, amount(value)?)),
            ("refuse", None, _) => self.answers.push((from, SimulatedAnswer::Refused)),
            ("silent", None, _) => self.answers.push((from, SimulatedAnswer::Silent)),
            _ => return Err(format!("`{key}` is not known, or not in this form")),
        }
        Ok(())
    }

    /// What somebody who connects gets when it has run for `elapsed`.
    pub(super) fn answer(&self, elapsed: Duration) -> SimulatedAnswer {
        if self.answers.is_empty() {
            return SimulatedAnswer::Status(200);
        }
        self.answers.iter().take_while(|(at, _)| *at <= elapsed).last().map_or(SimulatedAnswer::Refused, |(_, answer)| *answer)
    }

    /// The CPU time and the bytes of memory that it has used when it has run for `elapsed`.
    pub(super) fn used(&self, elapsed: Duration) -> (Duration, u64) {
        let ends = self.cpu.iter().skip(1).map(|(at, _)| *at).chain([Duration::MAX]);
        let spans = self.cpu.iter().zip(ends).map(|((from, units), to)| (to.min(elapsed).saturating_sub(*from), *units));
        let cpu_time = spans.map(|(span, units)| span * units / 1024).sum();
        let mebibytes = self.memory.iter().take_while(|(at, _)| *at <= elapsed).last().map_or(1, |(_, mebibytes)| *mebibytes);
        (cpu_time, u64::from(mebibytes) << 20)
    }

    /// Whether the script speaks of its own health check.
    pub(super) fn speaks_of_health(&self) -> bool {
        self.moments.iter().any(|(_, moment)| matches!(moment, Moment::Health(_)))
    }
}

/// Whether the repository of `reference` ends in `sim`.
fn is_scripted(reference: &str) -> bool {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    last.split([':', '@']).next() == Some("sim")
}

fn tag_of(reference: &str) -> Option<&str> {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    last.split_once(':').map(|(_, tag)| tag)
}

fn required_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| format!("`{text}` is no duration such as `500ms`, `2s` or `1m`"))
}

fn amount(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is no whole number"))
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number.into())),
        "s" => Some(Duration::from_secs(number.into())),
        "m" => Some(Duration::from_secs(60 * u64::from(number))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expected: Result<Script, &str>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        match (Script::parse(&words), expected) {
            (Ok(script), Ok(expected)) => assert_eq!(script, expected, "{words:?}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{words:?}: `{error}` does not say `{part}`"),
            (found, expected) => panic!("{words:?}: found {found:?}, expected {expected:?}"),
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn scripts_are_read_word_by_word() {
        let empty = Script::default();
        check(&[], Ok(empty.clone()));
        check(&["start=2s", "stop=500ms"], Ok(Script { start: 2 * SECOND, stop: SECOND / 2, ..empty.clone() }));
        check(&["cannot-start", "ignore-term"], Ok(Script { cannot_start: true, ignore_term: true, ..empty.clone() }));
        let exit = |code, out_of_memory| Moment::Exit { code, out_of_memory };
        check(&["oom@1m", "exit=7@3s"], Ok(Script { moments: vec![(3 * SECOND, exit(7, false)), (60 * SECOND, exit(137, true))], ..empty.clone() }));
        check(&["exit=-1"], Ok(Script { moments: vec![(Duration::ZERO, exit(-1, false))], ..empty.clone() }));
        let line = |text: &str| Moment::Line(LogStream::Stdout, text.to_owned());
        check(&["out=a@b", "out=c=d@1s"], Ok(Script { moments: vec![(Duration::ZERO, line("a@b")), (SECOND, line("c=d"))], ..empty.clone() }));
        check(&["health=unhealthy@4s"], Ok(Script { moments: vec![(4 * SECOND, Moment::Health(HealthStatus::Unhealthy))], ..empty }));
    }

    #[test]
    fn words_that_are_not_of_the_language_are_refused_by_name() {
        check(&["exti=7@3s"], Err("`exti=7@3s`"));
        check(&["exit=seven"], Err("no exit code"));
        check(&["exit=7@3x"], Err("no exit code"));
        check(&["http=20"], Err("no HTTP status"));
        check(&["start=2"], Err("no duration"));
        check(&["start=2s@3s"], Err("not in this form"));
        check(&["health=fine"], Err("not in this form"));
        check(&["ignore-term=1"], Err("not in this form"));
    }

    #[test]
    fn answers_follow_the_schedule_and_nothing_listens_before_the_first() {
        let answers = |words: &[&str], seconds: u32| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Script::parse(&words).unwrap().answer(seconds * SECOND)
        };
        assert_eq!(answers(&[], 0), SimulatedAnswer::Status(200));
        assert_eq!(answers(&["http=200@3s"], 2), SimulatedAnswer::Refused);
        assert_eq!(answers(&["http=200@3s"], 3), SimulatedAnswer::Status(200));
        assert_eq!(answers(&["http=200", "http=500@9s", "silent@20s"], 10), SimulatedAnswer::Status(500));
        assert_eq!(answers(&["http=200", "http=500@9s", "silent@20s"], 20), SimulatedAnswer::Silent);
        assert_eq!(answers(&["refuse"], 1), SimulatedAnswer::Refused);
    }

    #[test]
    fn usage_adds_up_over_time() {
        let used = |words: &[&str], seconds: u32| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Script::parse(&words).unwrap().used(seconds * SECOND)
        };
        assert_eq!(used(&[], 10), (Duration::ZERO, 1 << 20));
        let words = ["cpu=512@2s", "cpu=2048@6s", "memory=32@1s", "memory=8@5s"];
        assert_eq!(used(&words, 0), (Duration::ZERO, 1 << 20));
        assert_eq!(used(&words, 4), (SECOND, 32 << 20));
        assert_eq!(used(&words, 8), (6 * SECOND, 8 << 20));
        check(&["cpu=much"], Err("no whole number"));
    }

    #[test]
    fn the_tag_says_how_the_pull_goes() {
        let pull = |seconds: u32, missing| PullScript { takes: seconds * SECOND, missing };
        for (reference, expected) in [
            ("sim", pull(0, false)),
            ("sim:v2", pull(0, false)),
            ("sim:pull=10s", pull(10, false)),
            ("123456789012.dkr.ecr.us-west-2.amazonaws.com/sim:v2_pull-10s", pull(10, false)),
            ("sim:missing_pull-3s", pull(3, true)),
            ("users:missing", pull(0, false)),
            ("localhost:5000/users", pull(0, false)),
        ] {
            assert_eq!(PullScript::of(reference), Ok(expected), "{reference}");
        }
        assert!(PullScript::of("sim:pul=10s").unwrap_err().contains("`pul=10s`"));
        assert!(PullScript::of("sim:pull=ten").unwrap_err().contains("`ten`"));
    }
}
