//! Text to a tree: YAML 1.2, and JSON, which is part of it. The parser is the one underneath serde-saphyr; here are the places of
//! values, anchors, merge keys (`<<`), duplicate keys and the limits.

use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span as ParserSpan, Tag, options};

use crate::node::{Entry, Node, Span, Style, Value};
use crate::problem::Report;

/// The largest file, in bytes.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
/// The deepest nesting, aliases followed.
const MAX_DEPTH: usize = 64;
/// The most values in one file, aliases followed.
const MAX_NODES: usize = 100_000;

/// The tree of a file's only document; `None` after a problem that leaves no tree.
pub(crate) fn parse(file: usize, text: &str, report: &mut Report) -> Option<Node> {
    if text.len() > MAX_BYTES {
        report
            .file_problem(file, format!("the file has {} bytes; the most is {MAX_BYTES}", text.len()))
            .hint("split it: several files are merged by name");
        return None;
    }
    let mut builder = Builder { file, report, stack: Vec::new(), root: None, anchors: HashMap::new(), nodes: 0, documents: 0 };
    let limits = options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH, emit_comments: false };
    for next in Parser::new_from_str_with_options(text, limits) {
        let going = match next {
            Ok((event, span)) => builder.event(event, builder.span(span)),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                let hint = tab_in_front(text, at).map(|line| format!("line {line} begins with a tab: indent with spaces"));
                builder.report.problem(Span { file, start: at, end: at + 1 }, format!("not YAML: {}", error.info())).hint_if(hint);
                None
            }
        };
        going?;
    }
    let root = builder.root;
    if root.as_ref().is_none_or(Node::is_null) {
        report.file_problem(file, "the file is empty").hint("begin with `cluster: <name>`; `ecslocal schema` describes the rest");
        return None;
    }
    root
}

/// The line (from 1) with a tab in its indentation that is at fault for a problem at that byte: the same line or one of the next two,
/// since the parser points at the end of what came before. JSON may be indented as one likes.
fn tab_in_front(text: &str, at: usize) -> Option<usize> {
    if text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let line = text.get(..at).unwrap_or(text).matches('\n').count();
    let indentation = |line: &str| line.chars().take_while(|character| character.is_whitespace()).any(|character| character == '\t');
    text.lines().enumerate().skip(line).take(3).find(|(_, line)| indentation(line)).map(|(number, _)| number + 1)
}

struct Builder<'a> {
    file: usize,
    report: &'a mut Report,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    documents: usize,
}

/// A list or a map whose end has not come yet.
struct Frame {
    anchor: usize,
    start: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Span)> },
}

/// What an alias stands for.
struct Anchored {
    node: Node,
    size: usize,
    height: usize,
}

impl Builder<'_> {
    fn span(&self, span: ParserSpan) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        Span { file: self.file, start: range.start, end: range.end.max(range.start) }
    }

    /// `None` when there is no going on.
    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.report.problem(span, "a second document begins here").hint("give it a file of its own: `-f one.yaml -f two.yaml`");
                    return None;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = self.quoted(tag.as_deref(), span)? || style != ScalarStyle::Plain;
                let node = scalar(text.into_owned(), quoted, span);
                self.finish(node, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.quoted(tag.as_deref(), span)?;
                self.open(Frame { anchor, start: span.start, inside: Inside::List(Vec::new()) }, span)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.quoted(tag.as_deref(), span)?;
                self.open(Frame { anchor, start: span.start, inside: Inside::Map { entries: Vec::new(), key: None } }, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(anchor) => self.alias(anchor, span)?,
            _ => {}
        }
        Some(())
    }

    /// Whether a tag makes a scalar text. Tags of YAML's own core are obeyed where they mean something; others are refused.
    fn quoted(&mut self, tag: Option<&Tag>, span: Span) -> Option<bool> {
        match tag {
            None => Some(false),
            Some(tag) if tag.is_yaml_core_schema() => Some(tag.is_yaml_core_schema_tag("str")),
            Some(tag) => {
                self.report.problem(span, format!("the tag `{}` is not supported", tag.original())).hint("remove it");
                None
            }
        }
    }

    fn open(&mut self, frame: Frame, span: Span) -> Option<()> {
        self.stack.push(frame);
        if self.stack.len() > MAX_DEPTH {
            return self.too_deep(span);
        }
        Some(())
    }

    fn too_deep(&mut self, span: Span) -> Option<()> {
        self.report.problem(span, format!("nested more than {MAX_DEPTH} levels deep"));
        None
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Option<()> {
        let Some(found) = self.anchors.get(&anchor) else {
            self.report.problem(span, "this alias stands for something that it is part of").hint("move the anchor `&…` out of it");
            return None;
        };
        self.nodes += found.size;
        let height = found.height;
        if self.nodes > MAX_NODES {
            return self.too_many(span);
        }
        if self.stack.len() + height > MAX_DEPTH {
            return self.too_deep(span);
        }
        let node = self.anchors.get(&anchor).map(|found| found.node.clone())?;
        self.place(node, span)
    }

    fn too_many(&mut self, span: Span) -> Option<()> {
        self.report
            .problem(span, format!("the file has more than {MAX_NODES} values once its aliases are followed"))
            .hint("use fewer aliases `*…` inside what other aliases stand for");
        None
    }

    fn close(&mut self, span: Span) -> Option<()> {
        let frame = self.stack.pop()?;
        let place = Span { start: frame.start, ..span };
        let node = match frame.inside {
            Inside::List(items) => Node { value: Value::List(items), span: place },
            Inside::Map { entries, .. } => Node::map(self.merged(entries), place),
        };
        self.finish(node, frame.anchor)
    }

    /// Keeps a node for aliases and places it.
    fn finish(&mut self, node: Node, anchor: usize) -> Option<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return self.too_many(node.span);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { size: node.size(), height: node.height(), node: node.clone() });
        }
        let span = node.span;
        self.place(node, span)
    }

    /// Puts a node where it belongs. `at` is where it is written here, which is not the node's own place when it came by an alias.
    fn place(&mut self, node: Node, at: Span) -> Option<()> {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut frame.inside {
            Inside::List(items) => items.push(node),
            Inside::Map { entries, key } => match key.take() {
                Some((key, key_span)) => entries.push(Entry { key, key_span, node }),
                None => {
                    let Some(text) = node.text() else {
                        let found = node.describe();
                        self.report.problem(at, format!("a key must be plain text, found {found}"));
                        return None;
                    };
                    *key = Some((text.to_owned(), at));
                }
            },
        }
        Some(())
    }

    /// The entries with merge keys followed and duplicates reported; a key's own entry wins over a merged one.
    fn merged(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let (merges, mut own): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.key == "<<");
        let mut lines: HashMap<String, Span> = HashMap::with_capacity(own.len());
        own.retain(|entry| {
            let first = *lines.entry(entry.key.clone()).or_insert(entry.key_span);
            if first != entry.key_span {
                self.report.problem(entry.key_span, format!("the key `{}` is given twice", entry.key)).again(first);
            }
            first == entry.key_span
        });
        for merge in merges {
            let sources = match merge.node.value {
                Value::Map(_) => vec![merge.node],
                Value::List(items) if items.iter().all(Node::is_map) => items,
                _ => {
                    self.report.problem(merge.key_span, "`<<` merges a mapping, or a list of mappings").hint("write `<<: *name`");
                    continue;
                }
            };
            for entry in sources.into_iter().flat_map(|source| if let Value::Map(entries) = source.value { entries } else { Vec::new() }) {
                if let Vacant(place) = lines.entry(entry.key.clone()) {
                    place.insert(entry.key_span);
                    own.push(entry);
                }
            }
        }
        own
    }
}

fn scalar(text: String, quoted: bool, span: Span) -> Node {
    let value = match (quoted, text.as_str()) {
        (false, "") => Value::Null { written: false },
        (false, "~" | "null" | "Null" | "NULL") => Value::Null { written: true },
        (true, _) => Value::Scalar { text, style: Style::Quoted },
        (false, _) => Value::Scalar { text, style: Style::Plain },
    };
    Node { value, span }
}
