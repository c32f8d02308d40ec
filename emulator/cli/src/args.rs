//! What can be typed, with its help.

mod attach;
pub(crate) mod chaos;
pub(crate) mod ecr;
mod options;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use attach::*;
pub(crate) use options::*;

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
With `--speed 10x` what ECS and the load balancer wait for on purpose takes a
tenth: drains, intervals of health checks, bake times, cooldowns, back-offs. What
limits your processes and requests stays as it is.
With `--watch` a saved file rolls the services whose build context it is in, one
in the manifest applies the difference, and each time it is said how long it took
until the new version answered. What fails leaves the version before in place.

Examples:
  ecslocal up
  ecslocal up --watch
  ecslocal up -d --timeout 60
  ecslocal up -d --speed 10x
  ecslocal up -f cluster.yaml -f cluster.test.yaml -d")]
    Up(Up),
    /// Remove everything that `up` made, and nothing else
    #[command(after_help = "\
Targets drain, containers get SIGTERM and their stop timeout. What an `up` that
is still under way makes is waited for and removed too. A cluster that is not
there is no error. Of the manifest's repositories those without images go, with
`--repositories` the others too.

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
    /// Let a process on this machine take a service's requests, for a debugger; its tasks go to rest
    #[command(after_help = "\
The process listens on 127.0.0.1. Its target groups get it as a target; once it
passes their health checks the tasks drain and stop, so no request fails. `up`
does not undo it, a restart of the daemon neither.

Examples:
  PORT=3000 node --inspect server.js &
  ecslocal attach users --port 3000
  ecslocal detach users")]
    Attach(Attach),
    /// Bring the tasks of an attached service back: the process serves until they are healthy
    #[command(after_help = "Examples:\n  ecslocal detach users")]
    Detach(Detach),
    /// Begin a deployment of one service: of what the manifest says now, or of another revision
    #[command(after_help = "\
Its images are built or looked for again, its task definition is registered where
it is new, and its tasks roll whether anything has changed or not. The rest of
the manifest is left for `ecslocal up`.

Examples:
  ecslocal deploy posts
  ecslocal deploy posts --task-definition posts:3
  ecslocal deploy posts --task-definition 3 --no-wait")]
    Deploy(Deploy),
    /// Deploy again what a service ran before
    #[command(after_help = "\
That is the revision of its latest successful deployment of another one; a
deployment under way is ended by it.

Examples:
  ecslocal rollback posts
  ecslocal deployments posts     what there is to go back to")]
    Rollback(Rollback),
    /// Let a deployment go on that a lifecycle hook has paused, or send it back
    #[command(after_help = "\
A hook of `targetType: PAUSE` stops a deployment at its stage; `ecslocal ps` says so.

Examples:
  ecslocal continue posts
  ecslocal continue posts --rollback")]
    Continue(Continue),
    /// List what was rolled out, and how it ended
    #[command(after_help = "The last 20 of each service.\n\nExamples:\n  ecslocal deployments\n  ecslocal deployments posts --output json")]
    Deployments(Deployments),
    /// Run tasks that no service keeps alive, to their end
    #[command(after_help = "\
What the task writes is printed where it wrote it, and its exit code is passed
on: that of its first essential container that fails. Ctrl-C stops it in order.
The manifest's task definition is run (built first where it says so), or a
registered revision.

Examples:
  ecslocal run migrate
  ecslocal run migrate -e DRY_RUN=1 -- node migrate.js --all
  ecslocal run reports:3 --count 4 --detach
  ecslocal run reports --member-of 'attribute:disk == ssd'")]
    Run(Run),
    /// Keep tasks from being scaled in or replaced by a deployment
    #[command(after_help = "\
Not from `stop`, from failing health checks, or from their own end.

Examples:
  ecslocal protect 3f2a9c1e
  ecslocal protect 3f2a9c1e --minutes 10
  ecslocal protect 3f2a9c1e --off")]
    Protect(Protect),
    /// List the services that are scaled by policies and schedules: metrics, alarms, and why nothing happens
    #[command(after_help = "\
A datapoint comes every 10 s, which stands for a minute of CloudWatch's: a service
grows after three above its target, and shrinks after fifteen well below it.
`ECSLOCAL_METRIC_PERIOD=60` makes it AWS's minute, when the daemon starts.

Examples:
  ecslocal scaling
  ecslocal scaling --output json")]
    Scaling(Listing),
    /// List alarms: what they look at, and what they say
    #[command(after_help = "Examples:\n  ecslocal alarms\n  ecslocal alarms --output json")]
    Alarms(Listing),
    /// List which service reaches which: as what, where that leads, how many tasks answer
    #[command(after_help = "\
`connectsTo: [posts]` of a service lets its containers reach the container ports of
posts by that name. Nobody else gets in there.

Examples:
  ecslocal connections
  ecslocal connections --output json")]
    Connections(Listing),
    /// List by which names of Cloud Map tasks are found, and which services see them
    #[command(after_help = "Examples:
  ecslocal names
  ecslocal names --output json")]
    Names(Listing),
    /// List secrets and parameters with their versions, never with their values
    #[command(after_help = "\
Values are shown to whoever asks for one by name: `aws secretsmanager
get-secret-value`, `aws ssm get-parameter --with-decryption`, at the control endpoint.

Examples:
  ecslocal secrets
  ecslocal secrets --output json")]
    Secrets,
    /// List the container instances: what each has left, its attributes, its tasks
    #[command(after_help = "\
Without `containerInstances` in the manifest there is one, `local`: this machine's
engine with all that it has.

Examples:
  ecslocal instances
  ecslocal instances --output json")]
    Instances(Listing),
    /// Let the tasks of services leave a container instance, and place none on it
    #[command(after_help = "\
Tasks that are PENDING stop at once, those that run are replaced on other instances
within the percentages of their service, those of DAEMON services go last. Tasks
that no service keeps alive stay to their end. It returns when the others have gone.

Examples:
  ecslocal drain west-1
  ecslocal drain west-1 --no-wait")]
    Drain(Drain),
    /// Place tasks on a container instance again that was drained
    #[command(after_help = "Examples:\n  ecslocal activate west-1")]
    Activate(Activate),
    /// Let go of a container instance
    #[command(after_help = "\
One that has tasks is drained first. Where its engine is gone for good that takes
forever: with --force its tasks are over at once, and services replace them
elsewhere. If the manifest names it still, the next `up` brings it back.

Examples:
  ecslocal deregister west-1
  ecslocal deregister west-1 --force")]
    Deregister(Deregister),
    /// Show what containers write
    #[command(after_help = "\
Control characters of a container's output are shown, never sent to your terminal;
colours are kept where the output is a terminal. Values of secrets are `***`.

Examples:
  ecslocal logs -f               every service, interleaved
  ecslocal logs posts --tail 20
  ecslocal logs 3f2a9c1e         one task, by the beginning of its id
  ecslocal logs --since 10m --grep 'error|panic'
  ecslocal logs posts --container proxy --raw > proxy.log")]
    Logs(Logs),
    /// Run a program in a container of a task
    #[command(after_help = "\
As on ECS it needs `enableExecuteCommand: true` of the service (or `ecslocal run
--enable-execute-command`), and the program is root's. At a terminal it has yours:
`-i` and `-t` are for scripts. Its exit code is passed on; 127 where there is no such
program, 126 where it cannot be run.

Examples:
  ecslocal exec 3f2a9c1e -- sh
  ecslocal exec posts -c proxy -- cat /etc/hosts
  echo 'select 1' | ecslocal exec -i 3f2a9c1e -- psql")]
    Exec(Exec),
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
    /// Repositories and images: a registry that `docker push` and `docker pull` know how to use
    #[command(subcommand)]
    Ecr(ecr::Ecr),
    /// Do something bad to tasks on purpose, for a while: kill, pause, latency, errors ...
    #[command(subcommand)]
    #[command(after_help = "\
Every fault ends by itself, with `chaos stop`, with its task and with `down`; when
the daemon dies, the next one undoes what is over and carries on with the rest.

Examples:
  ecslocal chaos pause posts --share 50% --for 20s
  ecslocal chaos errors posts --percent 20
  ecslocal chaos ls")]
    Chaos(chaos::Chaos),
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

#[cfg(test)]
mod tests;
