//! The variables that a manifest may use: the process's own, then those of `.env`, which is read here.

use std::collections::BTreeMap;

use crate::node::Span;
use crate::problem::Report;

/// Variables by name; the process's own win over those of `.env`.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    process: &'a BTreeMap<String, String>,
    file: BTreeMap<String, String>,
}

impl<'a> Environment<'a> {
    pub(crate) const fn new(process: &'a BTreeMap<String, String>, file: BTreeMap<String, String>) -> Self {
        Self { process, file }
    }

    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.process.get(name).or_else(|| self.file.get(name)).map(String::as_str)
    }

    /// The names of all variables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.process.keys().chain(self.file.keys()).map(String::as_str)
    }
}

/// Reads `NAME=value` lines: `#` comments, an `export` in front, values in single quotes as they are, in double quotes with
/// `\n`, `\t`, `\"` and `\\`, without quotes up to ` #`. Values are not substituted into each other.
pub(crate) fn read_dotenv(file: usize, text: &str, report: &mut Report) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut offset = 0;
    for raw in text.split_inclusive('\n') {
        let line = raw.trim();
        let start = offset + (raw.len() - raw.trim_start().len());
        offset += raw.len();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let span = Span { file, start, end: start + line.len() };
        let Some((name, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=') else {
            report.problem(span, "this line is not `NAME=value`").hint("begin a comment with `#`");
            continue;
        };
        let name = name.trim();
        if !is_name(name) {
            report.problem(span, format!("`{name}` is not a variable's name")).hint("letters, digits and `_`, no digit first");
            continue;
        }
        match unquote(value.trim()) {
            Some(value) => {
                variables.insert(name.to_owned(), value);
            }
            None => {
                report.problem(span, "the quote is not closed");
            }
        }
    }
    variables
}

/// Whether a text names a variable.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `None` when a quote is not closed.
fn unquote(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.split_once('\'').map(|(inner, _)| inner.to_owned());
    }
    let Some(rest) = value.strip_prefix('"') else {
        let end = value.find(" #").unwrap_or(value.len());
        return Some(value.get(..end).unwrap_or("").trim_end().to_owned());
    };
    let mut unquoted = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(unquoted),
            '\\' => match chars.next()? {
                'n' => unquoted.push('\n'),
                't' => unquoted.push('\t'),
                c @ ('"' | '\\' | '$') => unquoted.push(c),
                other => unquoted.extend(['\\', other]),
            },
            c => unquoted.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotenv_file_is_read_line_by_line() {
        let text = "# comment\nA=1\n export B = two words # note\nC='a # $b\\n'\nD=\"x\\ty\\\"z\\$\"\r\nE=\n\nF=a#b\nA=3\n";
        let mut report = Report::default();
        let variables = read_dotenv(0, text, &mut report);
        assert!(report.is_clean());
        let expected = [("A", "3"), ("B", "two words"), ("C", "a # $b\\n"), ("D", "x\ty\"z$"), ("E", ""), ("F", "a#b")];
        assert_eq!(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
        for wrong in ["oops", "1A=x", "A='x", "A=\"x", "A=\"x\\"] {
            let mut report = Report::default();
            assert!(read_dotenv(0, wrong, &mut report).is_empty() && !report.is_clean(), "{wrong}");
        }
    }
}
