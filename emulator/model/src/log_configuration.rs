//! `logConfiguration` of a container definition (ecs.md 1.10).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Container, SecretReference, TaskId};

/// Where a container's output goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfiguration {
    /// Through which driver.
    pub driver: LogDriver,
    /// What the driver is told, by AWS's names.
    pub options: BTreeMap<String, String>,
    /// The same with values that are kept elsewhere.
    #[serde(default)]
    pub secret_options: BTreeMap<String, SecretReference>,
}

/// What takes a container's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogDriver {
    /// CloudWatch Logs. Here the engine keeps the output as if nothing were said, and the log group is a folder.
    Awslogs,
    /// The task's own log router, to which the engine's driver for Fluentd sends.
    Awsfirelens,
    /// The engine's driver of that name, as are all that follow.
    Fluentd,
    /// Graylog.
    Gelf,
    /// Files of the engine's.
    JsonFile,
    /// The journal of systemd.
    Journald,
    /// Splunk.
    Splunk,
    /// Syslog.
    Syslog,
}

impl LogDriver {
    const ALL: [Self; 8] = [Self::Awslogs, Self::Awsfirelens, Self::Fluentd, Self::Gelf, Self::JsonFile, Self::Journald, Self::Splunk, Self::Syslog];

    /// AWS's word for it, and the engine's.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Awslogs => "awslogs",
            Self::Awsfirelens => "awsfirelens",
            Self::Fluentd => "fluentd",
            Self::Gelf => "gelf",
            Self::JsonFile => "json-file",
            Self::Journald => "journald",
            Self::Splunk => "splunk",
            Self::Syslog => "syslog",
        }
    }

    /// The driver that AWS's word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|driver| driver.as_str() == word)
    }
}

/// A log stream of CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogStreamName {
    /// Its group.
    pub group: String,
    /// `prefix/container/task-id`, or the id of the container where there is no prefix.
    pub stream: String,
}

impl LogConfiguration {
    /// The log stream that a container's output goes to, for `awslogs`, once the engine has made the container.
    #[must_use]
    pub fn stream(&self, task: &TaskId, container: &Container) -> Option<LogStreamName> {
        let group = self.options.get("awslogs-group").filter(|_| self.driver == LogDriver::Awslogs)?;
        let id = container.runtime_id.as_ref()?;
        let prefix = self.options.get("awslogs-stream-prefix");
        let stream = prefix.map_or_else(|| id.to_string(), |prefix| format!("{prefix}/{}/{task}", container.name));
        Some(LogStreamName { group: group.clone(), stream })
    }

    /// What the engine's driver is told, with what the agent adds (ecs.md 1.10): a buffer that does not block has ten megabytes.
    #[must_use]
    pub fn engine_options(&self) -> BTreeMap<String, String> {
        let mut options = self.options.clone();
        if self.driver == LogDriver::Awslogs {
            options.retain(|name, _| !name.starts_with("awslogs-"));
        }
        if options.get("mode").is_some_and(|mode| mode == "non-blocking") {
            options.entry("max-buffer-size".into()).or_insert_with(|| "10m".into());
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContainerId, ContainerName};

    fn configuration(driver: LogDriver, options: &[(&str, &str)]) -> LogConfiguration {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        LogConfiguration { driver, options, secret_options: BTreeMap::new() }
    }

    #[test]
    fn a_stream_is_called_as_aws_calls_it() {
        let task = TaskId::from_text("t1");
        let mut container = Container::new(ContainerName::new("web").unwrap(), "ecs-web".into());
        let group = ("awslogs-group", "/ecs/users");
        let stream = |options: &[(&str, &str)], container: &Container| {
            configuration(LogDriver::Awslogs, options).stream(&task, container).map(|found| format!("{} {}", found.group, found.stream))
        };
        assert_eq!(stream(&[group], &container), None, "nothing was made yet");
        container.runtime_id = Some(ContainerId::from_text("c1"));
        assert_eq!(stream(&[group], &container).as_deref(), Some("/ecs/users c1"));
        assert_eq!(stream(&[group, ("awslogs-stream-prefix", "ecs")], &container).as_deref(), Some("/ecs/users ecs/web/t1"));
        assert_eq!(configuration(LogDriver::Syslog, &[group]).stream(&task, &container), None);
    }

    #[test]
    fn the_engine_is_told_what_is_not_of_cloudwatch() {
        let told = |driver, options: &[(&str, &str)]| configuration(driver, options).engine_options().into_iter().collect::<Vec<_>>();
        let pairs = |list: &[(&str, &str)]| list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        assert_eq!(told(LogDriver::Awslogs, &[("awslogs-group", "a")]), []);
        let unblocked = [("awslogs-group", "a"), ("mode", "non-blocking")];
        assert_eq!(told(LogDriver::Awslogs, &unblocked), pairs(&[("max-buffer-size", "10m"), ("mode", "non-blocking")]));
        assert_eq!(told(LogDriver::JsonFile, &[("max-size", "1m"), ("mode", "blocking")]), pairs(&[("max-size", "1m"), ("mode", "blocking")]));
    }
}
