//! Values of a container that are not in the manifest: `environmentFiles`, `secrets`, and `secretOptions` of a log driver (ecs.md 1.9).

use std::collections::BTreeMap;

use model::environment_file::{ENVIRONMENT_FILE_EXTENSION, MAX_ENVIRONMENT_FILES};
use model::{EnvironmentFile, SecretReference};

use super::{Reader, place};
use crate::node::Node;
use crate::problem::Report;

/// `None` when one cannot be read, which has been reported.
pub(super) fn environment_files(node: &Node, reader: &mut Reader<'_>) -> Option<Vec<EnvironmentFile>> {
    let items = node.list("environmentFiles");
    if let Some(first) = items.get(MAX_ENVIRONMENT_FILES) {
        let message = format!("`environmentFiles` has at most {MAX_ENVIRONMENT_FILES} files, this one has {}", items.len());
        reader.report.problem(first.span, message);
    }
    let files: Vec<_> = items.iter().map(|item| environment_file(item, reader)).collect();
    files.into_iter().collect()
}

fn environment_file(item: &Node, reader: &mut Reader<'_>) -> Option<EnvironmentFile> {
    let value = item.get("value")?;
    let text = value.text()?;
    if !text.ends_with(ENVIRONMENT_FILE_EXTENSION) {
        reader.report.problem(value.span, format!("the name of an environment file ends with `.env`, found `{text}`"));
        return None;
    }
    match item.text_of("type")? {
        "s3" => {
            let file = EnvironmentFile::from_arn(text);
            if file.is_none() {
                let message = format!("`{text}` is not the ARN of an object of S3, `arn:aws:s3:::<bucket>/<key>`");
                reader.report.problem(value.span, message).hint("for a file beside the manifest write `type: file`");
            }
            file
        }
        "file" => local_file(value, text, reader),
        _ => None,
    }
}

/// It is read when a task starts; that it cannot be is better said now.
fn local_file(value: &Node, text: &str, reader: &mut Reader<'_>) -> Option<EnvironmentFile> {
    let absolute = crate::files::normalise(&reader.files.folder(value.span.file).join(text));
    if let Err(error) = reader.source.read(&absolute) {
        reader.report.problem(value.span, format!("cannot read `{text}`: {error}")).hint("the path is relative to the file that names it");
        return None;
    }
    let Some(absolute) = absolute.to_str() else {
        reader.report.problem(value.span, "the file's absolute path is not UTF-8");
        return None;
    };
    Some(EnvironmentFile::Local(absolute.to_owned()))
}

/// The references under `secrets`. A name is a variable's, and no other variable's. `None` when one cannot be read, which has been reported.
pub(super) fn secrets(node: &Node, report: &mut Report) -> Option<BTreeMap<String, SecretReference>> {
    let variables: Vec<&Node> = node.list("environment").iter().filter_map(|item| item.get("name")).collect();
    for name in node.list("secrets").iter().filter_map(|item| item.get("name")) {
        let text = name.text().unwrap_or_default();
        if text.is_empty() || text.contains(['=', '\0']) {
            report.problem(name.span, format!("`{text}` is not a variable's name")).hint("a name has at least one character and no `=`");
        }
        if let Some(twin) = variables.iter().find(|variable| variable.text() == name.text()) {
            let message = format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '{text}'."
            );
            report.problem(name.span, message).again(twin.span);
        }
    }
    references(node, "secrets", report)
}

/// The options of a log driver that are secrets; those under `options` have other names.
pub(super) fn secret_options(node: &Node, report: &mut Report) -> Option<BTreeMap<String, SecretReference>> {
    let given = node.get("options").map(Node::entries).unwrap_or_default();
    for name in node.list("secretOptions").iter().filter_map(|item| item.get("name")) {
        if let Some(twin) = given.iter().find(|entry| name.text() == Some(&entry.key)) {
            report.problem(name.span, format!("`{}` is both in `options` and in `secretOptions`", twin.key)).again(twin.key_span);
        }
    }
    references(node, "secretOptions", report)
}

fn references(node: &Node, key: &str, report: &mut Report) -> Option<BTreeMap<String, SecretReference>> {
    let mut read = |item: &Node| {
        let (name, value) = (item.text_of("name")?, item.text_of("valueFrom")?);
        match SecretReference::parse(value) {
            Ok(reference) => Some((name.to_owned(), reference)),
            Err(why) => {
                let hint = "a parameter's name, `<secret>:<json key>::`, or an ARN of either as it is on AWS";
                report.problem(place(item, "valueFrom"), why).hint(hint);
                None
            }
        }
    };
    let references: Vec<_> = node.list(key).iter().map(&mut read).collect();
    references.into_iter().collect()
}
