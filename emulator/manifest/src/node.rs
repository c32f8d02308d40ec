//! A document as a tree in which every value knows where it is written.

use std::fmt::Write as _;

/// A range of bytes of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// Its place in [`crate::files::Files`].
    pub(crate) file: usize,
    /// First byte.
    pub(crate) start: usize,
    /// The byte after the last one.
    pub(crate) end: usize,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing. `written` when the author wrote `null` or `~`, which is the same as leaving the key out.
    Null {
        written: bool,
    },
    /// Text whose type is decided by who reads it.
    Scalar {
        text: String,
        style: Style,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that could not be made out; why has been reported.
    Unknown,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes, or made by a substitution: may be a number or a boolean.
    Plain,
    /// In quotes or as a block: text.
    Quoted,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key, in our spelling once aliases are resolved.
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) const fn map(entries: Vec<Entry>, span: Span) -> Self {
        Self { value: Value::Map(entries), span }
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entry of a map by key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of a map by key; `None` when it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node).filter(|node| !node.is_null())
    }

    /// The items of the list under a key; none when it is absent.
    pub(crate) fn list(&self, key: &str) -> &[Self] {
        self.get(key).map_or(&[], Self::items)
    }

    pub(crate) const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null { .. })
    }

    pub(crate) const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text under a key.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// A whole number, quoted or not.
    pub(crate) fn integer(&self) -> Option<i64> {
        self.text().and_then(|text| text.parse().ok())
    }

    /// The whole number under a key, if it is there and fits.
    pub(crate) fn integer_of<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        self.get(key).and_then(Self::integer).and_then(|number| T::try_from(number).ok())
    }

    /// A port from 1 to 65535.
    pub(crate) fn port_number(&self) -> Option<u16> {
        self.integer().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0)
    }

    /// `true` or `false` in the three spellings of YAML 1.2.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.text()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// The boolean under a key.
    pub(crate) fn boolean_of(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Self::boolean)
    }

    /// The texts of a list under a key.
    pub(crate) fn texts_of(&self, key: &str) -> Vec<String> {
        self.list(key).iter().filter_map(Self::text).map(str::to_owned).collect()
    }

    /// Whether leaving it out would mean the same, whatever the key: AWS's own output prints such values for every key.
    pub(crate) fn asks_for_nothing(&self) -> bool {
        match &self.value {
            Value::Null { .. } => true,
            Value::Unknown => false,
            Value::Scalar { text, .. } => text.is_empty() || self.boolean() == Some(false),
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => {
                let off =
                    |entry: &Entry| matches!(entry.key.to_ascii_lowercase().as_str(), "enable" | "enabled") && entry.node.boolean() == Some(false);
                entries.iter().any(off) || entries.iter().all(|entry| entry.node.asks_for_nothing())
            }
        }
    }

    /// What it is, for "found …".
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null { .. } | Value::Unknown => "nothing".into(),
            Value::Scalar { text, style } => {
                let mut shown = String::new();
                let quote = if *style == Style::Quoted { "\"" } else { "" };
                let short: String = text.chars().take(40).collect();
                let more = if short.len() < text.len() { "…" } else { "" };
                // Writing into a String cannot fail.
                write!(shown, "`{quote}{short}{more}{quote}`").unwrap_or_default();
                shown
            }
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        }
    }

    /// How many nodes it has, itself included.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Self::size).sum::<usize>(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.size()).sum(),
            _ => 0,
        }
    }

    /// How deep it nests: 1 for a scalar.
    pub(crate) fn height(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Self::height).max().unwrap_or(0),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.height()).max().unwrap_or(0),
            _ => 0,
        }
    }
}
