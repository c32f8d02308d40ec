//! Columns of text. On a terminal that is too narrow, the least important columns give way; a pipe gets them all.

use super::color::{Palette, Tone};
use super::sanitize::visible;

/// A heading and rows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
    giving_way: &'static [&'static str],
    open_ended: bool,
}

/// A text and what it means.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    /// What is shown where the column has to give way.
    brief: Option<String>,
    tone: Tone,
}

/// Of a last column that may run over the terminal's edge, so much at least is to be seen.
const OPEN_END: usize = 24;
/// Between two columns.
const GAP: usize = 2;

/// A text, made safe to print.
pub(crate) fn cell(text: impl AsRef<str>) -> Cell {
    toned(text, Tone::Plain)
}

/// A text with a tone, made safe to print. An empty one is shown as `-`, so that columns can be cut apart.
pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Cell {
    let text = visible(text.as_ref()).into_owned();
    Cell { text: if text.is_empty() { EMPTY.into() } else { text }, brief: None, tone }
}

const EMPTY: &str = "-";

impl Cell {
    /// With a shorter text for a narrow terminal.
    pub(crate) fn brief(mut self, text: impl AsRef<str>) -> Self {
        self.brief = Some(visible(text.as_ref()).into_owned()).filter(|brief| !brief.is_empty());
        self
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new(), indent: 0, giving_way: &[], open_ended: false }
    }

    /// The same with every line moved to the right.
    pub(crate) const fn indented(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// The columns that give way on a narrow terminal, the least important first.
    pub(crate) const fn giving_way(mut self, columns: &'static [&'static str]) -> Self {
        self.giving_way = columns;
        self
    }

    /// The last column is free text: rather than give way it may run over the edge.
    pub(crate) const fn open_ended(mut self) -> Self {
        self.open_ended = true;
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

    /// The lines, each with its end; `columns` is the terminal's width, if there is a terminal.
    pub(crate) fn render(&self, palette: Palette, columns: Option<usize>) -> String {
        match columns {
            Some(columns) => self.fitted(columns).lines(palette),
            None => self.lines(palette),
        }
    }

    /// The same table made narrower until it fits: brief texts first, then without columns that say nothing, then without those that
    /// give way.
    fn fitted(&self, columns: usize) -> Self {
        let mut table = self.clone();
        table.narrow(self.giving_way, columns, Self::shorten);
        table.narrow(&self.heading, columns, Self::drop_if_empty);
        table.narrow(self.giving_way, columns, Self::drop_column);
        table
    }

    /// Takes the step for one of the named columns after the other, until the table fits.
    fn narrow(&mut self, names: &[&str], columns: usize, step: fn(&mut Self, usize)) {
        for name in names {
            if self.width() <= columns {
                return;
            }
            if let Some(column) = self.heading.iter().position(|heading| heading == name) {
                step(self, column);
            }
        }
    }

    fn shorten(&mut self, column: usize) {
        for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            if let Some(brief) = cell.brief.take() {
                cell.text = brief;
            }
        }
    }

    fn drop_if_empty(&mut self, column: usize) {
        let says_nothing = |row: &Vec<Cell>| row.get(column).is_none_or(|cell| cell.text == EMPTY);
        if !self.rows.is_empty() && self.rows.iter().all(says_nothing) {
            self.drop_column(column);
        }
    }

    fn drop_column(&mut self, column: usize) {
        self.open_ended &= column + 1 < self.heading.len();
        self.heading.remove(column);
        for row in self.rows.iter_mut().filter(|row| column < row.len()) {
            row.remove(column);
        }
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heading.iter().map(|text| text.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        widths
    }

    /// The columns that it needs.
    fn width(&self) -> usize {
        let mut widths = self.widths();
        if let (true, Some(last)) = (self.open_ended, widths.last_mut()) {
            *last = (*last).min(OPEN_END);
        }
        self.indent + widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    fn lines(&self, palette: Palette) -> String {
        let heading: Vec<Cell> = self.heading.iter().map(|text| Cell { text: (*text).to_owned(), brief: None, tone: Tone::Heading }).collect();
        let widths = self.widths();
        let mut text = String::new();
        for row in std::iter::once(&heading).chain(&self.rows) {
            text.push_str(&" ".repeat(self.indent));
            for (number, (cell, width)) in row.iter().zip(&widths).enumerate() {
                text.push_str(&palette.paint(cell.tone, &cell.text));
                if number + 1 < row.len() {
                    text.push_str(&" ".repeat(width.saturating_sub(cell.width()) + GAP));
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
        insta::assert_snapshot!(table.render(Palette::plain(), None), @r#"
        SERVICE        TASKS  NOTE
        posts          3      \x1b[2Jx
        a-longer-name  -      -
        "#);
    }

    #[test]
    fn a_table_gives_way_to_a_narrow_terminal() {
        let mut table = Table::new(&["SERVICE", "NOTE", "PORTS", "AGE", "REASON"]).giving_way(&["PORTS", "AGE"]).open_ended();
        table.row(vec![cell("posts"), cell(""), cell("127.0.0.1:32770->3000/tcp").brief("32770->3000"), cell("1m"), cell("x".repeat(40))]);
        let at = |columns| table.render(Palette::plain(), Some(columns));
        assert_eq!(at(200), table.render(Palette::plain(), None));
        let seen = |columns: usize| at(columns).lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(at(71).contains("127.0.0.1:32770"), "{}", at(71));
        assert!(!at(70).contains("127.0.0.1") && at(70).contains(" 32770->3000 "), "{}", at(70));
        for (columns, heading) in [
            (57, "SERVICE NOTE PORTS AGE REASON"),
            (56, "SERVICE PORTS AGE REASON"),
            (51, "SERVICE PORTS AGE REASON"),
            (50, "SERVICE AGE REASON"),
            (37, "SERVICE REASON"),
            (1, "SERVICE REASON"),
        ] {
            assert_eq!(seen(columns), heading, "{columns}");
        }
        assert!(at(1).contains(&"x".repeat(40)), "free text is never cut");
    }
}
