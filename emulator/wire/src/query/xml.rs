//! XML as answers have it: elements with elements or with text.

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xml {
    name: String,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Elements(Vec<Xml>),
    Text(String),
}

impl Xml {
    /// An empty element.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), content: Content::Elements(Vec::new()) }
    }

    /// An element with a text.
    #[must_use]
    pub fn text(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), content: Content::Text(text.to_owned()) }
    }

    /// A list: one `<member>` an item.
    #[must_use]
    pub fn list(name: &str, items: impl IntoIterator<Item = Self>) -> Self {
        Self { name: name.to_owned(), content: Content::Elements(items.into_iter().map(|item| item.named("member")).collect()) }
    }

    /// With one element more. A text is replaced.
    #[must_use]
    pub fn with(mut self, element: Self) -> Self {
        match &mut self.content {
            Content::Elements(elements) => elements.push(element),
            Content::Text(_) => self.content = Content::Elements(vec![element]),
        }
        self
    }

    /// The same by another name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// As text, with that namespace.
    #[must_use]
    pub fn document(&self, namespace: Option<&str>) -> String {
        let mut text = String::new();
        self.write(namespace, &mut text);
        text
    }

    fn write(&self, namespace: Option<&str>, into: &mut String) {
        into.push('<');
        into.push_str(&self.name);
        if let Some(namespace) = namespace {
            into.push_str(" xmlns=\"");
            escape(namespace, into);
            into.push('"');
        }
        into.push('>');
        match &self.content {
            Content::Text(text) => escape(text, into),
            Content::Elements(elements) => elements.iter().for_each(|element| element.write(None, into)),
        }
        into.push_str("</");
        into.push_str(&self.name);
        into.push('>');
    }
}

/// Characters that XML cannot have are left out.
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\t' | '\n' | '\r' => into.push(c),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => {}
            c => into.push(c),
        }
    }
}
