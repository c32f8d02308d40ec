//! Secrets and parameters with their values, which are shown to nobody.

use model::{ParameterSpec, ParameterType, Secret, SecretSpec};

use super::{Reader, place};
use crate::node::{Node, Span};

/// The most bytes of a secret's value.
const LONGEST_SECRET: usize = 65_536;
/// The most bytes of a parameter's value.
const LONGEST_PARAMETER: usize = 8192;

/// Where values stand in a manifest.
pub(crate) fn spans(tree: &Node) -> impl Iterator<Item = Span> {
    let of = |list: &'static str, key: &'static str| tree.list(list).iter().filter_map(move |item| Some(item.get(key)?.span));
    of("secrets", "secretString").chain(of("parameters", "value"))
}

pub(super) fn secret(node: &Node, reader: &mut Reader<'_>) -> Option<(String, SecretSpec)> {
    let name = node.get("name")?;
    let text = name.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if text.is_empty() || text.len() > 512 || !text.chars().all(allowed) {
        reader.report.problem(name.span, format!("`{text}` is not a secret's name")).hint("1 to 512 letters, digits and `/_+=.@-`");
    }
    let value = value(node, "secretString", LONGEST_SECRET, reader)?;
    Some((text.to_owned(), SecretSpec { value, description: node.text_of("description").map(str::to_owned) }))
}

pub(super) fn parameter(node: &Node, reader: &mut Reader<'_>) -> Option<(String, ParameterSpec)> {
    let name = node.get("name")?;
    let text = name.text()?;
    if let Err(why) = model::secret_spec::check_parameter_name(text) {
        reader.report.problem(name.span, why).hint("for example `url`, or `/shop/users/url`");
    }
    let value = value(node, "value", LONGEST_PARAMETER, reader)?;
    if value.is_none() && !reader.report.partial {
        reader.report.problem(name.span, "a parameter needs `value`, or `file` with one");
    }
    let kind = node.text_of("type").map_or(Some(ParameterType::default()), ParameterType::from_word);
    Some((text.to_owned(), ParameterSpec { kind: kind?, value: value?, description: node.text_of("description").map(str::to_owned) }))
}

/// The value under `key`, or in the file that is named in its place. `None` when it cannot be read, which has been reported.
#[expect(clippy::option_option, reason = "that there is none is not that it cannot be read")]
fn value(node: &Node, key: &str, longest: usize, reader: &mut Reader<'_>) -> Option<Option<Secret>> {
    let (at, text) = match (node.get(key), node.get("file")) {
        (Some(inline), Some(file)) => {
            reader.report.problem(file.span, format!("the value is both in `{key}` and in `file`")).again(inline.span);
            return None;
        }
        (Some(inline), None) => (inline.span, inline.text()?.to_owned()),
        (None, Some(file)) => {
            let path = file.text()?;
            let absolute = crate::files::normalise(&reader.files.folder(file.span.file).join(path));
            match reader.source.read(&absolute) {
                Ok(text) => (file.span, without_line_end(text)),
                Err(error) => {
                    let hint = "the path is relative to the file that names it";
                    reader.report.problem(file.span, format!("cannot read `{path}`: {error}")).hint(hint);
                    return None;
                }
            }
        }
        (None, None) => return Some(None),
    };
    if text.is_empty() || text.len() > longest {
        let place = if text.is_empty() { at } else { place(node, "name") };
        let found = text.len();
        reader
            .report
            .problem(place, format!("the value has 1 to {longest} bytes, this one has {found}"))
            .hint("is the variable set that it comes from?");
        return None;
    }
    Some(Some(Secret::new(text)))
}

/// Editors end a file with a line end, which nobody means to be of the value.
fn without_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
