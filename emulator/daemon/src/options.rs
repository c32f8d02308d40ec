//! Where the daemon keeps its state and where it listens: read once from the environment, then passed on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use wire::local::Failure;

/// The port that AWS-emulator tooling expects.
pub const DEFAULT_CONTROL_PORT: u16 = 4566;

/// The daemon's settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// Holds the state file, the lock, the log. `ECSLOCAL_HOME`; default `$XDG_STATE_HOME/ecslocal`, else `~/.local/state/ecslocal`.
    pub state_folder: PathBuf,
    /// Where the control endpoint listens; loopback only. `ECSLOCAL_CONTROL`, as `address:port` or a port; default `127.0.0.1:4566`;
    /// port 0 takes a free one, which `daemon.json` in the state folder tells.
    pub control: SocketAddr,
    /// The address that listeners bind. Loopback.
    pub bind: IpAddr,
    /// How long a minute of CloudWatch's takes ([`scheduler::Pace::metric_period`]). `ECSLOCAL_METRIC_PERIOD`, in seconds from 2 to 60;
    /// default 10. Docker 20.10 takes a second to say what a container uses, so a shorter one could not be kept.
    pub metric_period: Duration,
    /// How to find the engine.
    pub docker: docker::Settings,
}

impl Options {
    /// Reads the settings through `get` (the process's environment, or a test's).
    ///
    /// # Errors
    /// A [`Failure`] of the user's input: no home folder, an address that is none or not loopback.
    pub fn from_environment(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        Ok(Self {
            state_folder: state_folder(&set)?,
            control: control(set("ECSLOCAL_CONTROL").as_deref())?,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            metric_period: metric_period(set("ECSLOCAL_METRIC_PERIOD").as_deref())?,
            docker: docker::Settings::from_environment(set),
        })
    }
}

fn state_folder(set: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf, Failure> {
    if let Some(home) = set("ECSLOCAL_HOME") {
        return std::path::absolute(&home).map_err(|error| Failure::input(format!("`ECSLOCAL_HOME` is `{home}`: {error}")));
    }
    if let Some(state) = set("XDG_STATE_HOME") {
        return Ok(PathBuf::from(state).join("ecslocal"));
    }
    let home = set("HOME").ok_or_else(|| {
        Failure::input("there is no folder to keep the state in: neither `ECSLOCAL_HOME` nor `HOME` is set")
            .hint("set `ECSLOCAL_HOME` to a folder of yours")
    })?;
    Ok(PathBuf::from(home).join(".local/state/ecslocal"))
}

fn metric_period(text: Option<&str>) -> Result<Duration, Failure> {
    let Some(text) = text else { return Ok(scheduler::Pace::default().metric_period) };
    match text.parse() {
        Ok(seconds @ 2..=60) => Ok(Duration::from_secs(seconds)),
        _ => Err(Failure::input(format!("`ECSLOCAL_METRIC_PERIOD` is `{text}`, which is no number of seconds from 2 to 60"))
            .hint("60 is AWS's own; leave it out for 10")),
    }
}

fn control(text: Option<&str>) -> Result<SocketAddr, Failure> {
    let Some(text) = text else {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_CONTROL_PORT)));
    };
    // As `doctor` prints it, it is a URL.
    let bare = text.strip_prefix("http://").map_or(text, |rest| rest.trim_end_matches('/'));
    let address = match bare.parse::<u16>() {
        Ok(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        Err(_) => bare.parse().map_err(|_| {
            Failure::input(format!("`ECSLOCAL_CONTROL` is `{text}`, which is neither a port nor `address:port`")).hint("for example `127.0.0.1:4566`")
        })?,
    };
    if !address.ip().is_loopback() {
        return Err(Failure::input(format!("`ECSLOCAL_CONTROL` is `{text}`, which is not a loopback address"))
            .hint("the control endpoint can start containers, so it listens on 127.0.0.1 or [::1] only"));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Options, Failure> {
        Options::from_environment(&|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn settings_come_from_the_environment() {
        let options = read(&[("HOME", "/home/u")]).unwrap();
        assert_eq!(options.state_folder, PathBuf::from("/home/u/.local/state/ecslocal"));
        assert_eq!(options.control.to_string(), "127.0.0.1:4566");
        let options = read(&[("HOME", "/home/u"), ("XDG_STATE_HOME", "/s"), ("ECSLOCAL_CONTROL", "0")]).unwrap();
        assert_eq!(options.state_folder, PathBuf::from("/s/ecslocal"));
        assert_eq!(options.control.port(), 0);
        assert_eq!(read(&[("ECSLOCAL_HOME", "/x"), ("ECSLOCAL_CONTROL", "[::1]:5")]).unwrap().control.to_string(), "[::1]:5");
    }

    #[test]
    fn a_minute_of_cloudwatch_s_is_ten_seconds_or_what_is_said() {
        let period = |text: &str| read(&[("HOME", "/h"), ("ECSLOCAL_METRIC_PERIOD", text)]).map(|options| options.metric_period.as_secs());
        assert_eq!((period("").unwrap(), period("60").unwrap(), period("2").unwrap()), (10, 60, 2));
        for bad in ["1", "61", "1m", "-1"] {
            assert!(period(bad).unwrap_err().message.contains(bad), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(read(&[]).unwrap_err().message.contains("ECSLOCAL_HOME"));
        for (good, expected) in [("5000", "127.0.0.1:5000"), ("http://127.0.0.1:4577/", "127.0.0.1:4577"), ("[::1]:80", "[::1]:80")] {
            assert_eq!(control(Some(good)).unwrap().to_string(), expected);
        }
        for bad in ["nonsense", "http://x", "70000", "0.0.0.0:4566", "192.0.2.1:80"] {
            assert!(read(&[("HOME", "/h"), ("ECSLOCAL_CONTROL", bad)]).unwrap_err().message.contains(bad), "{bad}");
        }
    }
}
