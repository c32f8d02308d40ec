//! How much the engine keeps of a container's output. Docker keeps all of it, until the disk is full; so does an instance of ECS unless it was set up otherwise.

use engine::EngineError;
use model::{LogConfiguration, LogDriver};

use crate::{Docker, calls};

/// A file of the log is set aside at this size,
const MAX_SIZE: &str = "10m";

/// and so many files are kept.
const MAX_FILE: &str = "2";

impl Docker {
    /// The log driver that containers have without a word about it; asked for once.
    pub(crate) async fn logging_driver(&self) -> Result<&str, EngineError> {
        let ask = || async { Ok(self.call(calls::INSPECT, self.api().info()).await?.logging_driver.unwrap_or_default()) };
        self.logging_driver_cell().get_or_try_init(ask).await.map(String::as_str)
    }
}

/// The same with a bound, where the output goes into Docker's own files and nobody says how large they may get. Other drivers of the engine's,
/// such as `local`, have bounds of their own, or none that could be set.
pub(crate) fn bounded(configuration: Option<LogConfiguration>, usual: &str) -> Option<LogConfiguration> {
    let json_file = LogDriver::JsonFile.as_str();
    let into_files = match configuration.as_ref().map(|configuration| configuration.driver) {
        None | Some(LogDriver::Awslogs) => usual == json_file,
        Some(driver) => driver == LogDriver::JsonFile,
    };
    if !into_files {
        return configuration;
    }
    let (mut options, secret_options) = match configuration {
        Some(configuration) => (configuration.engine_options(), configuration.secret_options),
        None => Default::default(),
    };
    if !options.contains_key("max-size") {
        options.insert("max-size".into(), MAX_SIZE.into());
        options.entry("max-file".into()).or_insert_with(|| MAX_FILE.into());
    }
    Some(LogConfiguration { driver: LogDriver::JsonFile, options, secret_options })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn told(driver: Option<LogDriver>, options: &[(&str, &str)], usual: &str) -> String {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let configuration = driver.map(|driver| LogConfiguration { driver, options, secret_options: BTreeMap::new() });
        bounded(configuration, usual).map_or_else(String::new, |bounded| {
            let options: Vec<String> = bounded.options.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            format!("{}{}", bounded.driver.as_str(), options.concat())
        })
    }

    #[test]
    fn docker_s_own_files_have_a_bound_unless_somebody_says_one() {
        let bound = "json-file max-file=2 max-size=10m";
        assert_eq!(told(None, &[], "json-file"), bound);
        assert_eq!(told(Some(LogDriver::JsonFile), &[], "journald"), bound);
        assert_eq!(told(Some(LogDriver::Awslogs), &[("awslogs-group", "g")], "json-file"), bound);
        assert_eq!(told(Some(LogDriver::JsonFile), &[("max-file", "5")], "json-file"), "json-file max-file=5 max-size=10m");
        assert_eq!(told(Some(LogDriver::JsonFile), &[("max-size", "1g")], "json-file"), "json-file max-size=1g", "as Docker has it");
        for usual in ["local", "journald", ""] {
            assert_eq!(told(None, &[], usual), "");
            assert_eq!(told(Some(LogDriver::Awslogs), &[], usual), "awslogs");
        }
        assert_eq!(told(Some(LogDriver::Gelf), &[("gelf-address", "a")], "json-file"), "gelf gelf-address=a");
    }
}
