//! A block of lines that is redrawn in place on a terminal.

use std::io::{self, Write};
use std::os::fd::AsFd;

/// How much a terminal shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    columns: usize,
    rows: usize,
}

impl Size {
    /// Of the terminal behind a stream; 80 by 24 where it does not say.
    pub(crate) fn of(stream: &impl AsFd) -> Self {
        match rustix::termios::tcgetwinsize(stream) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Self { columns: size.ws_col.into(), rows: size.ws_row.into() },
            _ => Self { columns: 80, rows: 24 },
        }
    }

    /// How many characters a line has room for.
    pub(crate) const fn columns(self) -> usize {
        self.columns
    }
}

/// A writer to a terminal that draws blocks. How many lines the block before had is the caller's to keep ([`Block`]).
pub(crate) struct Live<'a> {
    writer: &'a mut dyn Write,
    size: Size,
}

/// What is on the terminal now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Block {
    height: usize,
}

impl<'a> Live<'a> {
    /// On a terminal of that size.
    pub(crate) fn new(writer: &'a mut dyn Write, size: Size) -> Self {
        Self { writer, size }
    }

    /// Draws `lines` in place of `block`. A line too long for the terminal is cut, lines too many are counted.
    pub(crate) fn draw(&mut self, block: &mut Block, lines: &[String]) -> io::Result<()> {
        let room = self.size.rows.saturating_sub(1).max(1);
        let (shown, left) = if lines.len() > room { (room - 1, lines.len() - room + 1) } else { (lines.len(), 0) };
        let mut text = erase(*block);
        for line in lines.iter().take(shown) {
            text.push_str(&cut(line, self.size.columns.saturating_sub(1)));
            text.push_str("\x1b[K\n");
        }
        if left > 0 {
            text.push_str(&format!("… {left} more\x1b[K\n"));
        }
        block.height = shown + usize::from(left > 0);
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()
    }

    /// Takes the block away.
    pub(crate) fn clear(&mut self, block: &mut Block) -> io::Result<()> {
        let text = erase(*block);
        block.height = 0;
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()
    }
}

/// Up to the block's first line, and nothing below.
fn erase(block: Block) -> String {
    if block.height == 0 { String::new() } else { format!("\x1b[{}A\r\x1b[J", block.height) }
}

/// The beginning of a line that may hold colour sequences, at most `columns` characters wide; a cut line ends its colours.
fn cut(line: &str, columns: usize) -> String {
    let mut text = String::with_capacity(line.len());
    let (mut width, mut in_sequence) = (0, false);
    for character in line.chars() {
        if in_sequence || character == '\x1b' {
            in_sequence = character != 'm';
            text.push(character);
            continue;
        }
        if width == columns {
            text.push_str("\x1b[0m");
            break;
        }
        // A tab has no width of its own: in a block it is a space.
        text.push(if character == '\t' { ' ' } else { character });
        width += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(block: &mut Block, lines: &[&str]) -> String {
        let mut bytes = Vec::new();
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Live::new(&mut bytes, Size { columns: 11, rows: 4 }).draw(block, &lines).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_block_takes_the_place_of_the_one_before() {
        let mut block = Block::default();
        assert_eq!(drawn(&mut block, &["one", "two"]), "one\x1b[K\ntwo\x1b[K\n");
        assert_eq!(drawn(&mut block, &["three"]), "\x1b[2A\r\x1b[Jthree\x1b[K\n");
        assert_eq!(drawn(&mut block, &["1", "2", "3", "4", "5"]), "\x1b[1A\r\x1b[J1\x1b[K\n2\x1b[K\n… 3 more\x1b[K\n");
        assert_eq!(block.height, 3);
    }

    #[test]
    fn a_long_line_is_cut_and_its_colour_ended() {
        assert_eq!(cut("0123456789abc", 10), "0123456789\x1b[0m");
        assert_eq!(cut("\x1b[32m0123\x1b[0m", 4), "\x1b[32m0123\x1b[0m");
        assert_eq!(cut("\x1b[32m012345\x1b[0m", 4), "\x1b[32m0123\x1b[0m");
    }
}
