//! What the command line and the environment ask for.

use std::env;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

use crate::look::Look;
use crate::milliseconds;

/// Everything that is known at start.
pub(crate) struct Settings {
    /// Serve, only live, or check a running server.
    pub(crate) mode: Mode,
    /// The port to listen on; 0 lets the system choose.
    pub(crate) port: u16,
    /// The value of `X-Served-By`.
    pub(crate) served_by: String,
    /// What is taken off the front of every path.
    pub(crate) prefix: String,
    /// The status of `/` until `/health-becomes` changes it.
    pub(crate) health_status: u16,
    /// How long to wait before listening.
    pub(crate) start_delay: Duration,
    /// When to exit unasked, and with which code.
    pub(crate) exit_after: Option<(Duration, i32)>,
    /// Whether SIGTERM has no effect.
    pub(crate) ignore_sigterm: bool,
    /// Lines for stdout.
    pub(crate) print: Vec<String>,
    /// Files to write: paths and texts.
    pub(crate) writes: Vec<(String, String)>,
    /// What to tell of this container.
    pub(crate) looks: Vec<Look>,
    /// The socket of a log router.
    pub(crate) forward: Option<String>,
    /// Lines for stderr.
    pub(crate) eprint: Vec<String>,
}

/// What this process is.
#[derive(PartialEq, Eq)]
pub(crate) enum Mode {
    /// A server.
    Serve,
    /// A process without a port.
    NoListen,
    /// Gives back what it reads.
    Cat,
    /// A health check of the server in the same container, at this path.
    Check(String),
}

impl Settings {
    /// Reads the words and the environment of this process.
    ///
    /// # Errors
    /// An unknown word, a missing value or a value that is no number, as one sentence.
    pub(crate) fn read() -> Result<Self, String> {
        let mut settings = Self {
            mode: Mode::Serve,
            port: from_environment("PORT", 8080)?,
            served_by: env::var("TASK").ok().filter(|task| !task.is_empty()).unwrap_or_else(host_name),
            prefix: env::var("PREFIX").unwrap_or_default(),
            health_status: from_environment("HEALTH_STATUS", 200)?,
            start_delay: Duration::ZERO,
            exit_after: None,
            ignore_sigterm: false,
            print: Vec::new(),
            writes: Vec::new(),
            looks: Vec::new(),
            forward: None,
            eprint: Vec::new(),
        };
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            settings.take(&word, &mut words)?;
        }
        Ok(settings)
    }

    /// Takes one word and the values that belong to it.
    fn take(&mut self, word: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
        match word {
            "--print" => self.print.push(value()?),
            "--write" => self.writes.push((value()?, value()?)),
            "--see" => self.looks.push(Look::Path(value()?)),
            "--resolve" => self.looks.push(Look::Host(value()?)),
            "--forward" => self.forward = Some(value()?),
            "--eprint" => self.eprint.push(value()?),
            "--start-delay" => self.start_delay = milliseconds(number(word, &value()?)?),
            "--exit-after" => self.exit_after = Some((milliseconds(number(word, &value()?)?), number(word, &value()?)?)),
            "--ignore-sigterm" => self.ignore_sigterm = true,
            "--no-listen" => self.mode = Mode::NoListen,
            "--cat" => self.mode = Mode::Cat,
            "--check" => self.mode = Mode::Check(value()?),
            unknown => return Err(format!("unknown word `{unknown}`")),
        }
        Ok(())
    }
}

/// The number in an environment variable, or the default where it is not set.
fn from_environment<N: FromStr>(name: &str, default: N) -> Result<N, String> {
    env::var(name).map_or(Ok(default), |text| number(name, &text))
}

/// Reads a number; the error names what it was for.
fn number<N: FromStr>(name: &str, text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{name}`: `{text}` is not a number in range"))
}

/// The host name; in a container that is the container's short id unless it was given a name.
fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
