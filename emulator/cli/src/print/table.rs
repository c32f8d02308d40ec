//! Columns of text.

use super::color::{Palette, Tone};
use super::sanitize::visible;

/// A heading and rows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
}

/// A text and what it means.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// A text, made safe to print.
pub(crate) fn cell(text: impl AsRef<str>) -> Cell {
    toned(text, Tone::Plain)
}

/// A text with a tone, made safe to print. An empty one is shown as `-`, so that columns can be cut apart.
pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Cell {
    let text = visible(text.as_ref()).into_owned();
    Cell { text: if text.is_empty() { "-".into() } else { text }, tone }
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new(), indent: 0 }
    }

    /// The same with every line moved to the right.
    pub(crate) const fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each with its end.
    pub(crate) fn render(&self, palette: Palette) -> String {
        let heading: Vec<Cell> = self.heading.iter().map(|text| Cell { text: (*text).to_owned(), tone: Tone::Heading }).collect();
        let mut widths = vec![0; self.heading.len()];
        for row in std::iter::once(&heading).chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let mut text = String::new();
        for row in std::iter::once(&heading).chain(&self.rows) {
            text.push_str(&" ".repeat(self.indent));
            for (number, (cell, width)) in row.iter().zip(&widths).enumerate() {
                text.push_str(&palette.paint(cell.tone, &cell.text));
                if number + 1 < row.len() {
                    text.push_str(&" ".repeat(width - cell.text.chars().count() + 2));
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["SERVICE", "TASKS", "NOTE"]);
        table.row(vec![cell("posts"), cell("3"), cell("\u{1b}[2Jx")]);
        table.row(vec![cell("a-longer-name"), toned("", Tone::Good), cell("")]);
        insta::assert_snapshot!(table.render(Palette::plain()), @r#"
        SERVICE        TASKS  NOTE
        posts          3      \x1b[2Jx
        a-longer-name  -      -
        "#);
    }
}
