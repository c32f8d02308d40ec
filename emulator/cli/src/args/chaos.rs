//! `chaos` and what is under it.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::Files;

/// `chaos`
#[derive(Debug, Subcommand)]
pub(crate) enum Chaos {
    /// SIGKILL the containers of tasks, once
    #[command(
        after_help = "Examples:\n  ecslocal chaos kill posts\n  ecslocal chaos kill posts --share 34%\n  ecslocal chaos kill 3f2a9c1e -c proxy"
    )]
    Kill(Kill),
    /// Freeze the containers of tasks
    #[command(after_help = "\
Connections are accepted and nothing answers; health checks fail by their timeout.

Examples:
  ecslocal chaos pause posts --share 50% --for 20s
  ecslocal chaos pause 3f2a9c1e -c proxy")]
    Pause(Pause),
    /// Let the load balancer answer 5xx in the place of tasks
    #[command(after_help = "\
In the access log, in metrics and in `ecslocal requests` it is the target's answer.
Health checks go through, so the target stays in rotation.

Examples:
  ecslocal chaos errors posts
  ecslocal chaos errors posts --status 500 --percent 20 --delay 300ms")]
    Errors(Errors),
    /// Let the load balancer pass requests on later
    #[command(after_help = "\
What comes through a load balancer is late; what comes otherwise, and health
checks, are not.

Examples:
  ecslocal chaos delay posts --delay 500ms
  ecslocal chaos delay posts --delay 2s --percent 10 --for 5m")]
    Delay(Delay),
    /// Let what tasks send leave later
    #[command(after_help = "\
It is the network's: whoever speaks to them notices, load balancer or not. The
engine's kernel needs `netem`; where it has none that is said, and `chaos delay` is
what is left.

Examples:
  ecslocal chaos latency posts --delay 100ms --jitter 20ms
  ecslocal chaos latency 3f2a9c1e --delay 1s --for 10s")]
    Latency(Latency),
    /// Lose packets that tasks send
    #[command(
        after_help = "Examples:\n  ecslocal chaos loss posts --percent 10\n  ecslocal chaos loss posts --percent 100 --for 5s     nothing comes back from them"
    )]
    Loss(Loss),
    /// Lose what goes to a port: of the tasks themselves, or of whom they call
    #[command(after_help = "\
Nobody is refused: packets go and nothing comes, as behind a security group that
forgot somebody.

Examples:
  ecslocal chaos blackhole posts --port 3000
  ecslocal chaos blackhole posts --port 5432 --egress
  ecslocal chaos blackhole posts --port 53 --protocol udp --egress")]
    Blackhole(Blackhole),
    /// Leave tasks less CPU, as if others took it
    #[command(after_help = "\
What a container may use is cut for the time: of the task's `cpu`, or of the whole
machine where it has none.

Examples:
  ecslocal chaos cpu posts --percent 90
  ecslocal chaos cpu 3f2a9c1e --percent 50 --for 5m")]
    Cpu(Press),
    /// Leave tasks less memory, as if others took it
    #[command(after_help = "\
The limit of each container is cut for the time. What it uses beyond is taken from
it where it can be, and where not the kernel kills it (control groups of version 2)
or the fault is refused (version 1).

Examples:
  ecslocal chaos memory posts --percent 50")]
    Memory(Press),
    /// List faults
    Ls(Ls),
    /// Undo faults before their time is over
    #[command(after_help = "Examples:\n  ecslocal chaos stop fault-1a2b3c4d\n  ecslocal chaos stop --all")]
    Stop(End),
}

/// Whom.
#[derive(Clone, Debug, Args)]
pub(crate) struct Whom {
    #[command(flatten)]
    pub(crate) files: Files,
    /// A service: all its tasks that run now; or one task, by the beginning of its id
    #[arg(value_name = "SERVICE|TASK")]
    pub(crate) whom: String,
    /// Only so many of the service's tasks, drawn at random, at least one
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = parse_percent)]
    pub(crate) share: u8,
}

/// For how long.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Lasting {
    /// For how long, up to 1h
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    pub(crate) lasts: Duration,
}

/// `chaos kill`
#[derive(Debug, Args)]
pub(crate) struct Kill {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Only this container of each task
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
}

/// `chaos pause`
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Only this container of each task
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
}

/// `chaos errors`
#[derive(Debug, Args)]
pub(crate) struct Errors {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// What is answered
    #[arg(long, default_value_t = 503, value_parser = clap::value_parser!(u16).range(500..=599))]
    pub(crate) status: u16,
    /// How many of the requests
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = parse_percent)]
    pub(crate) percent: u8,
    /// How long after the request
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = parse_time)]
    pub(crate) delay: Duration,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
}

/// `chaos delay`
#[derive(Debug, Args)]
pub(crate) struct Delay {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// How much later
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) delay: Duration,
    /// How many of the requests
    #[arg(long, value_name = "PERCENT", default_value = "100%", value_parser = parse_percent)]
    pub(crate) percent: u8,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
}

/// `chaos latency`
#[derive(Debug, Args)]
pub(crate) struct Latency {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// How much later
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) delay: Duration,
    /// By how much more or less at random
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = parse_time)]
    pub(crate) jitter: Duration,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
}

/// `chaos loss`
#[derive(Debug, Args)]
pub(crate) struct Loss {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// How many of the packets
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(crate) percent: u8,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
}

/// `chaos blackhole`
#[derive(Debug, Args)]
pub(crate) struct Blackhole {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// The port that packets go to
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// `tcp` [default] or `udp`
    #[arg(long, default_value = "tcp", hide_default_value = true, value_parser = ["tcp", "udp"], hide_possible_values = true)]
    pub(crate) protocol: String,
    /// What they send, to that port of others; else what comes to their own
    #[arg(long)]
    pub(crate) egress: bool,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
}

/// `chaos cpu`, `chaos memory`
#[derive(Debug, Args)]
pub(crate) struct Press {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// How much of it is gone, up to 99%
    #[arg(long, value_name = "PERCENT", default_value = "80%", value_parser = parse_percent)]
    pub(crate) percent: u8,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
}

/// `chaos ls`
#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Those of the last ten minutes that are over, too
    #[arg(short, long)]
    pub(crate) all: bool,
}

/// `chaos stop`
#[derive(Debug, Args)]
pub(crate) struct End {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Which, by the beginning of the id
    #[arg(value_name = "FAULT", required_unless_present = "all")]
    pub(crate) faults: Vec<String>,
    /// All of the cluster
    #[arg(long, conflicts_with = "faults")]
    pub(crate) all: bool,
}

/// `20`, `20%`: 1 to 100.
fn parse_percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let percent = number.parse().ok().filter(|percent| (1..=100).contains(percent));
    percent.ok_or_else(|| "it is a percentage from 1% to 100%".to_owned())
}

/// `250ms`, `30s`, `5m`, `1h`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("it is a number with a unit: `250ms`, `30s`, `5m`, `1h`".to_owned()),
    };
    let number: u32 = number.parse().map_err(|_| "it is a number with a unit: `250ms`, `30s`, `5m`, `1h`".to_owned())?;
    Ok(Duration::from_millis(u64::from(number) * millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_percentages_are_read() {
        for (text, millis) in [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("0ms", 0)] {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(millis)));
        }
        for text in ["", "s", "30", "-1s", "1.5s", "99999999999s", "1d"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        assert_eq!((parse_percent("20"), parse_percent("100%")), (Ok(20), Ok(100)));
        for text in ["0", "101", "-1", "x", "%", "300%"] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
    }
}
