//! FireLens: a container of the task that routes the logs of the others, and the configuration that it is given (ecs.md 1.10).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::{ContainerDefinition, ContainerDependency, ContainerName, DependencyCondition, LogConfiguration, LogDriver, NetworkMode, TaskDefinition};

/// Where routers listen for the logs of others, within their container.
pub const SOCKET_FOLDER: &str = "/var/run/";

/// The name of the socket there.
pub const SOCKET: &str = "fluent.sock";

/// Where routers listen for what containers send by themselves.
pub const PORT: u16 = 24224;

/// The option of a container's logs that is for Docker's driver, not for the router.
const BUFFER_LIMIT: &str = "log-driver-buffer-limit";

/// `firelensConfiguration`: the container is its task's log router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirelensConfiguration {
    /// Which program it is, and so which configuration it reads.
    pub kind: FirelensKind,
    /// `enable-ecs-log-metadata`: whether each record says of which task it is. Default true.
    pub ecs_log_metadata: bool,
    /// What its configuration includes of the user's.
    pub config_file: Option<FirelensConfigFile>,
}

/// A log router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirelensKind {
    /// `fluentd`
    Fluentd,
    /// `fluentbit`
    Fluentbit,
}

/// `config-file-type` and `config-file-value`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirelensConfigFile {
    /// A file of the router's image.
    File(String),
    /// An object of S3, which here is a file.
    S3 {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
}

impl FirelensKind {
    /// Where it reads its configuration.
    #[must_use]
    pub const fn config_path(self) -> &'static str {
        match self {
            Self::Fluentd => "/fluentd/etc/fluent.conf",
            Self::Fluentbit => "/fluent-bit/etc/fluent-bit.conf",
        }
    }

    /// Where it finds what comes from S3.
    #[must_use]
    pub const fn external_path(self) -> &'static str {
        match self {
            Self::Fluentd => "/fluentd/etc/external.conf",
            Self::Fluentbit => "/fluent-bit/etc/external.conf",
        }
    }

    /// The option that names the plugin that logs go to.
    #[must_use]
    pub const fn output_key(self) -> &'static str {
        match self {
            Self::Fluentd => "@type",
            Self::Fluentbit => "Name",
        }
    }

    /// How its configuration takes a variable's value.
    fn variable(self, name: &str) -> String {
        match self {
            Self::Fluentd => format!("\"#{{ENV['{name}']}}\""),
            Self::Fluentbit => format!("${{{name}}}"),
        }
    }
}

/// What a router's records say of their task.
#[derive(Clone, Debug)]
pub struct FirelensMetadata {
    /// The cluster's name.
    pub cluster: String,
    /// The task's ARN.
    pub task_arn: String,
    /// `family:revision`
    pub task_definition: String,
    /// The instance's id, `i-…`.
    pub instance: String,
}

/// The variable in which a router is given a secret option of a container's logs.
#[must_use]
pub fn secret_variable(option: &str, container: &ContainerName) -> String {
    format!("{option}_{container}")
}

/// What Docker's driver is told for a container whose logs go to the router's socket, which is at that path on the engine's host.
#[must_use]
pub fn driver_configuration(configuration: &LogConfiguration, container: &ContainerName, task_id: &str, socket: &str) -> LogConfiguration {
    let mut options = BTreeMap::from([
        ("tag".to_owned(), format!("{container}-firelens-{task_id}")),
        ("fluentd-address".to_owned(), format!("unix://{socket}")),
        ("fluentd-async".to_owned(), "true".to_owned()),
        ("fluentd-sub-second-precision".to_owned(), "true".to_owned()),
    ]);
    if let Some(limit) = configuration.options.get(BUFFER_LIMIT) {
        options.insert("fluentd-buffer-limit".into(), limit.clone());
    }
    LogConfiguration { driver: LogDriver::Fluentd, options, secret_options: BTreeMap::new() }
}

impl TaskDefinition {
    /// Its log router, and how that is configured.
    #[must_use]
    pub fn log_router(&self) -> Option<(&ContainerDefinition, &FirelensConfiguration)> {
        self.containers.iter().find_map(|container| Some((container, container.firelens.as_ref()?)))
    }

    /// What a container waits for: its own dependencies, and the log router where its logs go there; unless the router waits for others
    /// itself, for that could be a circle (ecs.md 2.4).
    pub fn dependencies_of<'d>(&'d self, container: &'d ContainerDefinition) -> impl Iterator<Item = ContainerDependency> + 'd {
        let routed = container.log_configuration.as_ref().is_some_and(|found| found.driver == LogDriver::Awsfirelens);
        let router = self.log_router().map(|(router, _)| router).filter(|router| routed && router.name != container.name);
        let first = router.filter(|router| router.dependencies().next().is_none());
        let first = first.filter(|router| container.dependencies().all(|known| known.container_name != router.name));
        let start = |router: &ContainerDefinition| ContainerDependency { container_name: router.name.clone(), condition: DependencyCondition::Start };
        container.dependencies().chain(first.map(start))
    }

    /// The containers whose logs go to its router, with their options.
    pub fn routed(&self) -> impl Iterator<Item = (&ContainerName, &LogConfiguration)> {
        let configured = self.containers.iter().filter_map(|container| Some((&container.name, container.log_configuration.as_ref()?)));
        configured.filter(|(_, configuration)| configuration.driver == LogDriver::Awsfirelens)
    }

    /// The configuration that the agent writes for a task's router: where it listens, what is left out, what is added to each record, what the
    /// user has said, where each container's logs go.
    #[must_use]
    pub fn router_config(&self, metadata: &FirelensMetadata) -> Option<String> {
        let (_, router) = self.log_router()?;
        let mut config = Config { kind: router.kind, text: String::new() };
        config.inputs(self.network_mode);
        let outputs: Vec<_> = self.routed().map(|(name, configuration)| config.filters(name, configuration)).collect();
        if router.ecs_log_metadata {
            config.metadata(metadata);
        }
        let path = router.config_file.as_ref().map(|file| match file {
            FirelensConfigFile::File(path) => path.as_str(),
            FirelensConfigFile::S3 { .. } => router.kind.external_path(),
        });
        if let Some(path) = path {
            let word = if router.kind == FirelensKind::Fluentd { "@include" } else { "@INCLUDE" };
            write!(config.text, "\n{word} {path}\n").ok();
        }
        if router.kind == FirelensKind::Fluentbit && has_port(self.network_mode) {
            config.section("OUTPUT", &[("Name", "null"), ("Match", HEALTH_CHECK)]);
        }
        for (tag, options) in outputs {
            config.output(&tag, &options);
        }
        Some(config.text)
    }
}

/// What the check of a router of Fluent Bit's says.
const HEALTH_CHECK: &str = "firelens-healthcheck";

const fn has_port(mode: NetworkMode) -> bool {
    matches!(mode, NetworkMode::Bridge | NetworkMode::Awsvpc)
}

/// A configuration that grows.
struct Config {
    kind: FirelensKind,
    text: String,
}

impl Config {
    /// Of Fluent Bit.
    fn section(&mut self, name: &str, lines: &[(&str, &str)]) {
        write!(self.text, "\n[{name}]\n").ok();
        for (key, value) in lines {
            writeln!(self.text, "    {key} {value}").ok();
        }
    }

    /// Of Fluentd.
    fn element(&mut self, name: &str, argument: &str, lines: &[String]) {
        write!(self.text, "\n<{name}{argument}>\n").ok();
        for line in lines {
            writeln!(self.text, "    {line}").ok();
        }
        writeln!(self.text, "</{name}>").ok();
    }

    fn inputs(&mut self, mode: NetworkMode) {
        let (socket, port) = (format!("{SOCKET_FOLDER}{SOCKET}"), PORT.to_string());
        let address = if mode == NetworkMode::Awsvpc { "127.0.0.1" } else { "0.0.0.0" };
        match self.kind {
            FirelensKind::Fluentd => {
                self.element("source", "", &["@type unix".into(), format!("path {socket}")]);
                if has_port(mode) {
                    self.element("source", "", &["@type forward".into(), format!("bind {address}"), format!("port {port}")]);
                }
            }
            FirelensKind::Fluentbit => {
                self.section("INPUT", &[("Name", "forward"), ("unix_path", &socket)]);
                if has_port(mode) {
                    self.section("INPUT", &[("Name", "forward"), ("Listen", address), ("Port", &port)]);
                    self.section("INPUT", &[("Name", "tcp"), ("Tag", HEALTH_CHECK), ("Listen", "127.0.0.1"), ("Port", "8877")]);
                }
            }
        }
    }

    /// Which of a container's records go on; with the tag and the options of its output.
    fn filters(&mut self, name: &ContainerName, configuration: &LogConfiguration) -> (String, BTreeMap<String, String>) {
        let tag = format!("{name}-firelens{}", if self.kind == FirelensKind::Fluentd { "**" } else { "*" });
        let mut options = configuration.options.clone();
        options.remove(BUFFER_LIMIT);
        for option in configuration.secret_options.keys() {
            options.insert(option.clone(), self.kind.variable(&secret_variable(option, name)));
        }
        for (option, word, element) in [("include-pattern", "Regex", "regexp"), ("exclude-pattern", "Exclude", "exclude")] {
            let Some(pattern) = options.remove(option) else { continue };
            match self.kind {
                FirelensKind::Fluentd => {
                    let inner = ["    key log".to_owned(), format!("    pattern {pattern}")];
                    let lines = ["@type grep".to_owned(), format!("<{element}>")].into_iter().chain(inner).chain([format!("</{element}>")]);
                    self.element("filter", &format!(" {tag}"), &lines.collect::<Vec<_>>());
                }
                FirelensKind::Fluentbit => {
                    self.section("FILTER", &[("Name", "grep"), ("Match", &tag), (word, &format!("log {pattern}"))]);
                }
            }
        }
        (tag, options)
    }

    fn metadata(&mut self, about: &FirelensMetadata) {
        let fields = [
            ("ec2_instance_id", &about.instance),
            ("ecs_cluster", &about.cluster),
            ("ecs_task_arn", &about.task_arn),
            ("ecs_task_definition", &about.task_definition),
        ];
        let fields = fields.map(|(name, value)| format!("{name} {value}"));
        match self.kind {
            FirelensKind::Fluentd => {
                let inner = fields.into_iter().map(|field| format!("    {field}"));
                let lines = ["@type record_transformer".to_owned(), "<record>".to_owned()].into_iter().chain(inner).chain(["</record>".to_owned()]);
                self.element("filter", " **", &lines.collect::<Vec<_>>());
            }
            FirelensKind::Fluentbit => {
                let records = fields.iter().map(|field| ("Record", field.as_str()));
                let lines: Vec<_> = [("Name", "record_modifier"), ("Match", "*")].into_iter().chain(records).collect();
                self.section("FILTER", &lines);
            }
        }
    }

    /// Nothing where the plugin is not named: the user's own file may say where such records go.
    fn output(&mut self, tag: &str, options: &BTreeMap<String, String>) {
        let Some(plugin) = options.get(self.kind.output_key()) else { return };
        let others = options.iter().filter(|(name, _)| *name != self.kind.output_key());
        match self.kind {
            FirelensKind::Fluentd => {
                let others = others.map(|(name, value)| format!("{name} {value}"));
                let lines: Vec<_> = std::iter::once(format!("@type {plugin}")).chain(others).collect();
                self.element("match", &format!(" {tag}"), &lines);
            }
            FirelensKind::Fluentbit => {
                let others = others.map(|(name, value)| (name.as_str(), value.as_str()));
                let lines: Vec<_> = [("Name", plugin.as_str()), ("Match", tag)].into_iter().chain(others).collect();
                self.section("OUTPUT", &lines);
            }
        }
    }
}

#[cfg(test)]
mod tests;
