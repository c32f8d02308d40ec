//! The options and arguments of each command.

use std::net::IpAddr;

use clap::{Args, ValueEnum};
use model::ClusterQuery;

use super::{Files, LongFiles};

/// `up`
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Return when every service is steady, and leave the daemon in the background
    #[arg(short, long, overrides_with = "detach")]
    pub(crate) detach: bool,
    /// Go on watching: what is saved is built and rolled out, and what the manifest then says is applied
    #[arg(long, conflicts_with = "detach")]
    pub(crate) watch: bool,
    /// How long services may take to become steady once images are built
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
    /// How much faster time runs, `1x` to `1000x`, for all clusters until it is said again [default: as before]
    #[arg(long, value_name = "SPEED", value_parser = clap::value_parser!(model::Speed))]
    pub(crate) speed: Option<model::Speed>,
}

/// `down`
#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) files: Files,
    /// How long to wait for the end; the daemon goes on after it
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) timeout: u64,
    /// Remove the manifest's repositories with the images that were pushed to them
    #[arg(long)]
    pub(crate) repositories: bool,
}

/// `ps`
#[derive(Debug, Args)]
pub(crate) struct Ps {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Again after every change, until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Stopped tasks too, with their reasons
    #[arg(short, long)]
    pub(crate) all: bool,
}

/// `scale`
#[derive(Debug, Args)]
pub(crate) struct Scale {
    #[command(flatten)]
    pub(crate) files: Files,
    /// A service and its new number of tasks
    #[arg(required = true, value_name = "SERVICE=N", value_parser = parse_count)]
    pub(crate) counts: Vec<(String, u32)>,
    /// Return at once
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long services may take to become steady
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
}

/// `deploy`
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The service
    pub(crate) service: String,
    /// Another revision: `family:3`, `family` for its latest, or `3` of the family that runs
    #[arg(long, value_name = "NAME")]
    pub(crate) task_definition: Option<String>,
    /// Return at once
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long the service may take to become steady
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
}

/// `rollback`
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The service
    pub(crate) service: String,
    /// Return at once
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long the service may take to become steady
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
}

/// `continue`
#[derive(Debug, Args)]
pub(crate) struct Continue {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The service
    pub(crate) service: String,
    /// Back to what the service ran before, instead of on
    #[arg(long)]
    pub(crate) rollback: bool,
    /// Return at once
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long the service may take to become steady, or to be paused again
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
}

/// `deployments`
#[derive(Debug, Args)]
pub(crate) struct Deployments {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Only those of one service
    pub(crate) service: Option<String>,
}

/// `run`
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) files: Files,
    /// A family of the manifest, or a registered one; `family:3` for a revision
    pub(crate) task_definition: String,
    /// Replaces the command of the container
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Sets a variable, `NAME=value`; `NAME` alone takes the value that it has here; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    pub(crate) environment: Vec<String>,
    /// A file of variables, a path or the ARN of an object of S3, in place of the task definition's; may be repeated
    #[arg(long = "env-file", value_name = "FILE")]
    pub(crate) environment_files: Vec<String>,
    /// The container that command and variables are for [default: the first essential one]
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// How many tasks, up to 10
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub(crate) count: u32,
    /// Only on container instances for which this expression of the cluster query language holds; may be repeated
    #[arg(long, value_name = "EXPRESSION", value_parser = parse_query)]
    pub(crate) member_of: Vec<ClusterQuery>,
    /// No two of them, nor of others of the family, on one container instance
    #[arg(long)]
    pub(crate) distinct_instance: bool,
    /// Let `ecslocal exec` run programs in their containers
    #[arg(long)]
    pub(crate) enable_execute_command: bool,
    /// Print the tasks' ids and return at once
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Shown as who started the tasks
    #[arg(long, value_name = "TEXT")]
    pub(crate) started_by: Option<String>,
}

/// `drain`
#[derive(Debug, Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The container instance
    pub(crate) instance: String,
    /// Return at once
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long its tasks may take to leave
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
}

/// `deregister`
#[derive(Debug, Args)]
pub(crate) struct Deregister {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The container instance
    pub(crate) instance: String,
    /// Also while it has tasks: they are over then, whatever runs there
    #[arg(long)]
    pub(crate) force: bool,
}

/// `activate`
#[derive(Debug, Args)]
pub(crate) struct Activate {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The container instance
    pub(crate) instance: String,
}

/// `protect`
#[derive(Debug, Args)]
pub(crate) struct Protect {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Tasks of services: each an id, or as much of its beginning as names one task only
    #[arg(required = true, value_name = "TASK")]
    pub(crate) tasks: Vec<String>,
    /// For how long, up to 2880
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=2880))]
    pub(crate) minutes: u32,
    /// End the protection
    #[arg(long, conflicts_with = "minutes")]
    pub(crate) off: bool,
}

/// `logs`
#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) files: LongFiles,
    /// Go on with new lines, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines of each container; with `--grep` the last that match
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<u32>,
    /// Only lines after a moment: `10m` ago, or a time such as `2026-11-28T06:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) since: Option<Moment>,
    /// Only lines until a moment
    #[arg(long, value_name = "TIME", value_parser = parse_moment, conflicts_with = "follow")]
    pub(crate) until: Option<Moment>,
    /// Only lines in which this regular expression is found
    #[arg(long, value_name = "EXPRESSION", value_parser = parse_expression)]
    pub(crate) grep: Option<regex::Regex>,
    /// Only containers of this name in their task definition
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// The lines as they were written, without a prefix and with every control character; not to a terminal
    #[arg(long)]
    pub(crate) raw: bool,
    /// A service, or the beginning of a task's id
    #[arg(value_name = "SERVICE|TASK")]
    pub(crate) of: Option<String>,
}

/// `exec`
#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The container [default: the only one]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Send standard input to the program
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give the program a terminal, yours
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// No terminal, though you sit at one
    #[arg(short = 'T', long, conflicts_with = "tty")]
    pub(crate) no_tty: bool,
    /// The beginning of a task's id, or a service that runs one task
    #[arg(value_name = "TASK")]
    pub(crate) task: String,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// `events`
#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) files: LongFiles,
    /// Go on with new events, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// A service
    pub(crate) service: Option<String>,
}

/// `requests`
#[derive(Debug, Args)]
pub(crate) struct Requests {
    #[command(flatten)]
    pub(crate) files: LongFiles,
    /// Go on with new requests, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last ones
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<u32>,
    /// Lines in the format of ALB's access log
    #[arg(long)]
    pub(crate) log: bool,
}

/// A listing with nothing to choose.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) files: Files,
}

/// `explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) files: Files,
    /// GET, POST …
    #[arg(value_parser = parse_method)]
    pub(crate) method: String,
    /// `http://host:port/path?query`, or a path alone
    pub(crate) url: String,
    /// A request header; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    pub(crate) headers: Vec<(String, String)>,
    /// The address that the request comes from, for conditions on `source-ip`; default 127.0.0.1 (`curl localhost` may come from ::1)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) source_ip: Option<IpAddr>,
}

/// `stop`
#[derive(Debug, Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    pub(crate) files: Files,
    /// The task's id, or as much of its beginning as names one task only
    pub(crate) task: String,
    /// Shown as the task's stopped reason
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// `wait`
#[derive(Debug, Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    pub(crate) files: Files,
    /// `steady`: every service has all its tasks, healthy, and nothing else is under way
    #[arg(value_enum)]
    pub(crate) until: WaitUntil,
    /// How long
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum WaitUntil {
    Steady,
}

/// A command about the manifest.
#[derive(Debug, Args)]
pub(crate) struct Manifest {
    #[command(flatten)]
    pub(crate) files: Files,
}

/// Reads `posts=3`.
pub(super) fn parse_count(text: &str) -> Result<(String, u32), String> {
    let (service, count) = text.split_once('=').ok_or("write it as `SERVICE=N`, for example `posts=3`")?;
    if service.is_empty() {
        return Err("the name of the service is missing before `=`".into());
    }
    let count = count.parse().map_err(|_| format!("`{count}` is not a number of tasks"))?;
    Ok((service.to_owned(), count))
}

/// Reads an expression of the cluster query language.
pub(super) fn parse_query(text: &str) -> Result<ClusterQuery, String> {
    ClusterQuery::parse(text).map_err(|error| format!("{error}: {}", error.hint))
}

/// Reads a method: a token (RFC 9110 5.6.2), in capitals.
pub(super) fn parse_method(text: &str) -> Result<String, String> {
    let is_token = |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
    if text.is_empty() || !text.chars().all(is_token) {
        return Err("it is no method; write for example `GET`".into());
    }
    Ok(text.to_ascii_uppercase())
}

/// Reads `Name: value`.
pub(super) fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    let name = name.trim();
    if name.is_empty() {
        return Err("the name of the header is missing before `:`".into());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

/// A moment as it is typed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moment {
    /// So many seconds before now.
    Ago(f64),
    /// Seconds since the Unix epoch.
    At(f64),
}

impl Moment {
    /// Seconds since the Unix epoch, as of `now`.
    pub(crate) fn seconds(self, now: f64) -> f64 {
        match self {
            Self::Ago(seconds) => (now - seconds).max(0.0),
            Self::At(seconds) => seconds,
        }
    }
}

/// `90s`, `10m`, `2h`, `1d`, or a time of RFC 3339.
pub(super) fn parse_moment(text: &str) -> Result<Moment, String> {
    let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];
    let ago = units.iter().find_map(|(unit, seconds)| Some(text.strip_suffix(unit)?.parse::<u32>().ok().map(f64::from)? * seconds));
    let at = || text.parse::<jiff::Timestamp>().ok().map(|time| time.as_duration().as_secs_f64()).filter(|seconds| *seconds >= 0.0);
    let wrong = || format!("`{text}` is no moment: write `90s`, `10m`, `2h`, `1d`, or a time such as `2026-11-28T06:00:00Z`");
    ago.map(Moment::Ago).or_else(|| at().map(Moment::At)).ok_or_else(wrong)
}

/// A regular expression of a reasonable size.
pub(super) fn parse_expression(text: &str) -> Result<regex::Regex, String> {
    regex::Regex::new(text).map_err(|error| error.to_string().lines().last().unwrap_or("this is no regular expression").to_owned())
}
