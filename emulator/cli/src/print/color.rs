//! Colours: a second voice, never the only one. Every coloured word says the same without its colour.

use anstyle::{AnsiColor, Style};

use crate::args::Color;

/// Whether a stream gets colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    colored: bool,
}

/// What a text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// A heading.
    Heading,
    /// All is well.
    Good,
    /// On its way, or worth reading.
    Warning,
    /// Wrong.
    Error,
    /// A next step.
    Hint,
    /// Of less weight.
    Faint,
    /// One of several names: the number chooses among the colours that are left.
    Name(usize),
}

const NAMES: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::BrightGreen, AnsiColor::BrightYellow, AnsiColor::BrightCyan];

impl Palette {
    /// No colours.
    pub(crate) const fn plain() -> Self {
        Self { colored: false }
    }

    /// What the user asked for; `auto` wants a terminal and neither NO_COLOR nor a dumb TERM.
    pub(crate) fn choose(color: Color, terminal: bool, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let refused = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = environment("TERM").is_some_and(|term| term == "dumb");
                terminal && !refused && !dumb
            }
        };
        Self { colored }
    }

    /// Whether there are colours.
    pub(crate) const fn colored(self) -> bool {
        self.colored
    }

    /// The text in its colour.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let style = style(tone);
        if self.colored && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn style(tone: Tone) -> Style {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    match tone {
        Tone::Plain => Style::new(),
        Tone::Heading => Style::new().bold(),
        Tone::Good => color(AnsiColor::Green),
        Tone::Warning => color(AnsiColor::Yellow),
        Tone::Error => color(AnsiColor::Red).bold(),
        Tone::Hint => color(AnsiColor::Cyan).bold(),
        Tone::Faint => Style::new().dimmed(),
        Tone::Name(number) => color(NAMES.get(number % NAMES.len()).copied().unwrap_or(AnsiColor::Cyan)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_chosen() {
        let none: &dyn Fn(&str) -> Option<String> = &|_| None;
        let refused: &dyn Fn(&str) -> Option<String> = &|name| (name == "NO_COLOR").then(|| "1".into());
        let empty: &dyn Fn(&str) -> Option<String> = &|name| (name == "NO_COLOR").then(String::new);
        let dumb: &dyn Fn(&str) -> Option<String> = &|name| (name == "TERM").then(|| "dumb".into());
        for (color, terminal, environment, colored) in [
            (Color::Auto, true, none, true),
            (Color::Auto, false, none, false),
            (Color::Auto, true, refused, false),
            (Color::Auto, true, empty, true),
            (Color::Auto, true, dumb, false),
            (Color::Always, false, refused, true),
            (Color::Never, true, none, false),
        ] {
            assert_eq!(Palette::choose(color, terminal, environment).colored(), colored);
        }
    }

    #[test]
    fn a_painted_text_keeps_its_words() {
        assert_eq!(Palette::plain().paint(Tone::Good, "healthy"), "healthy");
        assert_eq!(Palette { colored: true }.paint(Tone::Good, "healthy"), "\u{1b}[32mhealthy\u{1b}[0m");
        assert_eq!(Palette { colored: true }.paint(Tone::Plain, "x"), "x");
    }
}
