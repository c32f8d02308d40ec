//! From paths to one tree: reads each file, substitutes variables, follows `file:` includes, spells keys as the tables do, merges.

use std::path::{Path, PathBuf};

use crate::environment::{Environment, read_dotenv};
use crate::files::{Files, normalise as normalise_path};
use crate::interpolate::interpolate;
use crate::keys::MANIFEST;
use crate::merge::merge;
use crate::node::{Entry, Node, Span, Value};
use crate::normalise::normalise;
use crate::parse::parse;
use crate::problem::Report;
use crate::shape::Shape;
use crate::{Request, Source};

/// The most files that may be included.
const MAX_INCLUDES: usize = 256;

/// What reading the files gave.
pub(crate) struct Loaded {
    pub(crate) files: Files,
    pub(crate) report: Report,
    /// All files in one tree; `None` when none could be parsed.
    pub(crate) tree: Option<Node>,
    /// Every file is in the tree: what is not there is nowhere.
    pub(crate) complete: bool,
}

/// Reads and merges the files of a request.
pub(crate) fn load(request: &Request<'_>) -> Loaded {
    let mut loader = Loader {
        source: request.source,
        files: Files::default(),
        report: Report::default(),
        environment: Environment::new(request.environment, std::collections::BTreeMap::new()),
        complete: true,
        includes: 0,
    };
    let dotenv = loader.dotenv(request);
    loader.environment = Environment::new(request.environment, dotenv);
    if request.files.is_empty() {
        let file = loader.files.add("cluster.yaml".into(), request.directory.join("cluster.yaml"), "");
        loader.report.file_problem(file, "no manifest was given").hint("name one with `-f FILE`");
        loader.complete = false;
    }
    let mut tree: Option<Node> = None;
    for path in request.files {
        let Some(next) = loader.manifest(path, &normalise_path(&request.directory.join(path))) else {
            loader.complete = false;
            continue;
        };
        match &mut tree {
            None => tree = Some(next),
            Some(base) => merge(Shape::Object(&MANIFEST), base, next),
        }
    }
    Loaded { files: loader.files, report: loader.report, tree, complete: loader.complete }
}

struct Loader<'a> {
    source: &'a dyn Source,
    files: Files,
    report: Report,
    environment: Environment<'a>,
    complete: bool,
    includes: usize,
}

impl Loader<'_> {
    /// The variables of `.env` beside the first file. No such file is no problem.
    fn dotenv(&mut self, request: &Request<'_>) -> std::collections::BTreeMap<String, String> {
        let Some(first) = request.files.first() else { return std::collections::BTreeMap::new() };
        let shown = first.parent().unwrap_or_else(|| Path::new("")).join(".env");
        let absolute = normalise_path(&request.directory.join(&shown));
        match self.source.read(&absolute) {
            Err(_) => std::collections::BTreeMap::new(),
            Ok(text) => {
                let file = self.files.add(shown, absolute, &text);
                read_dotenv(file, &text, &mut self.report)
            }
        }
    }

    /// One file of the command line.
    fn manifest(&mut self, shown: &Path, absolute: &Path) -> Option<Node> {
        let text = match self.source.read(absolute) {
            Ok(text) => text,
            Err(error) => {
                let file = self.files.add(shown.to_path_buf(), absolute.to_path_buf(), "");
                self.report.file_problem(file, format!("cannot read it: {error}")).hint("name a manifest with `-f FILE`");
                return None;
            }
        };
        let file = self.files.add(shown.to_path_buf(), absolute.to_path_buf(), &text);
        let mut tree = parse(file, &text, &mut self.report)?;
        interpolate(&mut tree, &text, &self.environment, &mut self.report);
        if let Value::Map(entries) = &mut tree.value
            && let Some(entry) = entries.iter_mut().find(|entry| entry.key == "taskDefinitions")
        {
            self.expand(&mut entry.node, &mut vec![absolute.to_path_buf()]);
        }
        normalise(Shape::Object(&MANIFEST), &mut tree, &mut self.report);
        Some(tree)
    }

    /// Replaces each `{file: path}` of a list by what the file holds.
    fn expand(&mut self, list: &mut Node, chain: &mut Vec<PathBuf>) {
        if let Value::List(items) = &mut list.value {
            let all = std::mem::take(items);
            *items = all.into_iter().flat_map(|item| self.expand_item(item, chain)).collect();
        }
    }

    fn expand_item(&mut self, item: Node, chain: &mut Vec<PathBuf>) -> Vec<Node> {
        let Some((path, place)) = item.get("file").and_then(|node| node.text().map(|text| (text.to_owned(), node.span))) else {
            return vec![item];
        };
        let Some(mut definitions) = self.include(&path, place, chain) else {
            self.complete = false;
            return Vec::new();
        };
        let Value::Map(entries) = item.value else { return definitions };
        let rest: Vec<Entry> = entries.into_iter().filter(|entry| entry.key != "file").collect();
        if let Some(first) = rest.first().map(|entry| entry.key_span) {
            match definitions.as_mut_slice() {
                [only] => merge(Shape::Object(&crate::keys::task_definition::TASK_DEFINITION), only, Node::map(rest, item.span)),
                _ => {
                    self.report.problem(first, "keys beside `file` need a file with exactly one task definition");
                }
            }
        }
        definitions
    }

    /// The task definitions of an included file, its own includes followed.
    fn include(&mut self, path: &str, place: Span, chain: &mut Vec<PathBuf>) -> Option<Vec<Node>> {
        let absolute = normalise_path(&self.files.folder(place.file).join(path));
        if chain.contains(&absolute) {
            self.report.problem(place, format!("`{path}` includes itself")).hint("break the circle of `file` keys");
            return None;
        }
        self.includes += 1;
        if self.includes > MAX_INCLUDES {
            self.report.problem(place, format!("more than {MAX_INCLUDES} files are included"));
            return None;
        }
        let text = match self.source.read(&absolute) {
            Ok(text) => text,
            Err(error) => {
                self.report.problem(place, format!("cannot read `{path}`: {error}")).hint("the path is relative to the file that names it");
                return None;
            }
        };
        let shown = self.files.get(place.file).and_then(|file| file.shown.parent()).map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
        let file = self.files.add(shown, absolute.clone(), &text);
        let mut root = parse(file, &text, &mut self.report)?;
        // AWS gives `$` no meaning in its JSON, so those files are taken as they are.
        if absolute.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("json")) {
            interpolate(&mut root, &text, &self.environment, &mut self.report);
        }
        chain.push(absolute);
        let found = definitions(root).into_iter().flat_map(|item| self.expand_item(item, chain)).collect();
        chain.pop();
        Some(found)
    }
}

/// The task definitions of a file: one, a list of them, or one as DescribeTaskDefinition wraps it.
fn definitions(root: Node) -> Vec<Node> {
    match root.value {
        Value::List(items) => items,
        Value::Map(mut entries) => match entries.iter().position(|entry| entry.key == "taskDefinition" && entry.node.is_map()) {
            Some(index) => vec![entries.swap_remove(index).node],
            None => vec![Node::map(entries, root.span)],
        },
        _ => vec![root],
    }
}
