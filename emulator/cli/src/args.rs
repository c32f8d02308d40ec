//! What can be typed, with its help.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const ABOUT: &str = "Amazon ECS and an Application Load Balancer on your laptop.";

const START: &str = "\
Start here:
  ecslocal up                  run what cluster.yaml says, then follow its logs and events
  ecslocal up -d               the same in the background: returns when every service is steady
  ecslocal ps                  what runs
  ecslocal scale posts=3       three tasks of the service posts, requests rotate over them
  ecslocal explain GET /api/users
                               which rule decides, and why
  ecslocal down                remove everything that `up` made, and nothing else

Exit codes:
  0  done
  1  your input, or a deployment that failed (also: no daemon is running)
  2  the environment, or our fault

Data goes to standard output, talk to standard error. Every listing takes
`--output json`; `up -d`, `scale` and `wait` then end with the cluster as it is.
On a narrow terminal the least important columns give way, in a pipe none does.
`ECSLOCAL_HOME` is the folder of the state, `ECSLOCAL_CONTROL` the daemon's
address (default 127.0.0.1:4566).";

/// Over the options that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "ecslocal", version, about = ABOUT, after_help = START, max_term_width = 100)]
pub(crate) struct CommandLine {
    /// The manifest; several are merged [default: cluster.yaml, cluster.yml]
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// What every command takes.
    #[command(flatten)]
    pub(crate) common: Common,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// The cluster [default: the manifest's; else the only one there is]
    #[arg(long, global = true, value_name = "NAME", help_heading = EVERYWHERE)]
    pub(crate) cluster: Option<String>,
    /// `text` [default], or `json`: one value, or one a line where the answer is a stream
    #[arg(long, global = true, value_enum, default_value_t = Output::Text, value_name = "FORMAT", help_heading = EVERYWHERE)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub(crate) output: Output,
    /// `always`, `never` or `auto` [default]: on a terminal, unless NO_COLOR is set or TERM is `dumb`
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = EVERYWHERE)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub(crate) color: Color,
}

/// How listings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// The manifest's files, for a command where `-f` is not `--follow`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Files {
    /// The manifest; several are merged [default: cluster.yaml, cluster.yml]
    #[arg(short = 'f', long = "file", value_name = "FILE", id = "own_file")]
    pub(crate) file: Vec<PathBuf>,
}

/// The manifest's files, for a command where `-f` is `--follow`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LongFiles {
    /// The manifest; several are merged [default: cluster.yaml, cluster.yml]
    #[arg(long = "file", value_name = "FILE", id = "own_file")]
    pub(crate) file: Vec<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the cluster to what the manifest says
    #[command(after_help = "\
Without `-d` it then follows logs and events; Ctrl-C takes the cluster down in
order, a second Ctrl-C leaves at once and the containers running.

Examples:
  ecslocal up
  ecslocal up -d --timeout 60
  ecslocal up -f cluster.yaml -f cluster.test.yaml -d")]
    Up(Up),
    /// Remove everything that `up` made, and nothing else
    #[command(after_help = "\
Targets drain, containers get SIGTERM and their stop timeout. What an `up` that
is still under way makes is waited for and removed too. A cluster that is not
there is no error.

Examples:
  ecslocal down
  ecslocal down --cluster tutorial")]
    Down(Down),
    /// List services and tasks
    #[command(
        after_help = "Examples:\n  ecslocal ps\n  ecslocal ps --all      stopped tasks too, with their reasons\n  ecslocal ps --watch    again after every change"
    )]
    Ps(Ps),
    /// Change how many tasks services have
    #[command(after_help = "Examples:\n  ecslocal scale posts=3\n  ecslocal scale posts=3 users=2 --no-wait")]
    Scale(Scale),
    /// List the services that are scaled by policies and schedules: metrics, alarms, and why nothing happens
    #[command(after_help = "\
A datapoint comes every 10 s, which stands for a minute of CloudWatch's: a service
grows after three above its target, and shrinks after fifteen well below it.
`ECSLOCAL_METRIC_PERIOD=60` makes it AWS's minute, when the daemon starts.

Examples:
  ecslocal scaling
  ecslocal scaling --output json")]
    Scaling(Listing),
    /// Show what containers write
    #[command(after_help = "\
Control characters of a container's output are shown, never sent to your terminal.

Examples:
  ecslocal logs -f               every service, interleaved
  ecslocal logs posts --tail 20
  ecslocal logs 3f2a9c1e         one task, by the beginning of its id")]
    Logs(Logs),
    /// Show what services did, in ECS's words
    #[command(after_help = "Examples:\n  ecslocal events\n  ecslocal events -f posts")]
    Events(Events),
    /// Show the requests that went through the load balancers
    #[command(after_help = "\
The last 1000 are kept. Each line: when, the status, how long, what was asked for,
the rule that decided, and where it went.

Examples:
  ecslocal requests -f
  ecslocal requests --tail 20 --output json
  ecslocal requests --log        as ALB writes its access log")]
    Requests(Requests),
    /// List target groups, their targets, and the health of each with its reason
    #[command(after_help = "Examples:\n  ecslocal targets\n  ecslocal targets --output json")]
    Targets(Listing),
    /// List listeners and rules in order of evaluation
    #[command(after_help = "Examples:\n  ecslocal routes")]
    Routes(Listing),
    /// Say where a request would go: every rule, and why it did or did not match
    #[command(after_help = "\
Nothing is sent: the rules are asked.

Examples:
  ecslocal explain GET /api/users
  ecslocal explain POST http://front.localhost/api/posts?draft=1 -H 'X-Version: beta'")]
    Explain(Explain),
    /// Stop one task; its service starts another
    #[command(after_help = "Examples:\n  ecslocal stop 3f2a9c1e\n  ecslocal stop 3f2a9c1e --reason 'trying the replacement'")]
    Stop(Stop),
    /// Wait until every service is steady
    #[command(after_help = "Examples:\n  ecslocal wait steady --timeout 60")]
    Wait(Wait),
    /// Check the manifest without running anything
    #[command(after_help = "Examples:\n  ecslocal validate\n  ecslocal validate -f other.yaml --output json")]
    Validate(Manifest),
    /// Print the manifest's JSON Schema, for completion in editors
    #[command(after_help = "Examples:\n  ecslocal schema > cluster.schema.json")]
    Schema,
    /// Show what `up` would change
    #[command(after_help = "Lines begin with `+` (makes), `~` (changes) or `-` (removes). Asks the running daemon.\n\nExamples:\n  ecslocal diff")]
    Diff(Manifest),
    /// Check this machine: the engine, the ports, the state
    #[command(after_help = "Exit code 2 where a problem is found.\n\nExamples:\n  ecslocal doctor")]
    Doctor,
    /// Print completions for a shell
    #[command(
        after_help = "Examples:\n  ecslocal completions bash > ~/.local/share/bash-completion/completions/ecslocal\n  ecslocal completions zsh > ~/.zfunc/_ecslocal"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Run the daemon in the foreground
    #[command(hide = true)]
    Daemon,
}

/// `up`
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Return when every service is steady, and leave the daemon in the background
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// How long services may take to become steady once images are built
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) timeout: u64,
}

/// `down`
#[derive(Debug, Args)]
pub(crate) struct Down {
    #[command(flatten)]
    pub(crate) files: Files,
    /// How long to wait for the end; the daemon goes on after it
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) timeout: u64,
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

/// `logs`
#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) files: LongFiles,
    /// Go on with new lines, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines of each container
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<u32>,
    /// A service, or the beginning of a task's id
    #[arg(value_name = "SERVICE|TASK")]
    pub(crate) of: Option<String>,
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
fn parse_count(text: &str) -> Result<(String, u32), String> {
    let (service, count) = text.split_once('=').ok_or("write it as `SERVICE=N`, for example `posts=3`")?;
    if service.is_empty() {
        return Err("the name of the service is missing before `=`".into());
    }
    let count = count.parse().map_err(|_| format!("`{count}` is not a number of tasks"))?;
    Ok((service.to_owned(), count))
}

/// Reads a method: a token (RFC 9110 5.6.2), in capitals.
fn parse_method(text: &str) -> Result<String, String> {
    let is_token = |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
    if text.is_empty() || !text.chars().all(is_token) {
        return Err("it is no method; write for example `GET`".into());
    }
    Ok(text.to_ascii_uppercase())
}

/// Reads `Name: value`.
fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    let name = name.trim();
    if name.is_empty() {
        return Err("the name of the header is missing before `:`".into());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests;
