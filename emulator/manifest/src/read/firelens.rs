//! `firelensConfiguration` (ecs.md 1.10). Whether its task has logs for it is asked in [`crate::references`].

use model::{EnvironmentFile, FirelensConfigFile, FirelensConfiguration, FirelensKind};

use crate::node::Node;
use crate::problem::Report;

/// `None` when it is not there or cannot be read, which has been reported.
pub(super) fn read(container: &Node, fargate: bool, report: &mut Report) -> Option<FirelensConfiguration> {
    let node = container.get("firelensConfiguration").filter(|node| !node.asks_for_nothing())?;
    let kind = if node.text_of("type")? == "fluentd" { FirelensKind::Fluentd } else { FirelensKind::Fluentbit };
    let options = node.get("options");
    let config_file = options.and_then(|options| config_file(options, fargate, report));
    let ecs_log_metadata = options.and_then(|options| options.boolean_of("enable-ecs-log-metadata")).unwrap_or(true);
    Some(FirelensConfiguration { kind, ecs_log_metadata, config_file })
}

fn config_file(options: &Node, fargate: bool, report: &mut Report) -> Option<FirelensConfigFile> {
    let (kind, value) = (options.get("config-file-type"), options.get("config-file-value"));
    let (Some(kind), Some(value)) = (kind, value) else {
        if let Some(lonely) = kind.or(value) {
            report.problem(lonely.span, "`config-file-type` and `config-file-value` go together").hint("add the other one");
        }
        return None;
    };
    let text = value.text()?;
    match kind.text()? {
        "s3" if fargate => {
            report.problem(kind.span, "`config-file-type` on Fargate is `file`").hint("put the file into the router's image");
            None
        }
        "s3" => match EnvironmentFile::from_arn(text) {
            Some(EnvironmentFile::S3 { bucket, key }) => Some(FirelensConfigFile::S3 { bucket, key }),
            _ => {
                report.problem(value.span, format!("`{text}` is not the ARN of an object of S3, `arn:aws:s3:::<bucket>/<key>`"));
                None
            }
        },
        _ if !text.starts_with('/') => {
            report.problem(value.span, format!("`{text}` is not an absolute path in the router's image"));
            None
        }
        _ => Some(FirelensConfigFile::File(text.to_owned())),
    }
}
