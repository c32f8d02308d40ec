//! Reads a file of cases (`cases/README.md`).

/// One fact.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Where in its file it begins.
    pub(crate) line: usize,
    pub(crate) steps: Vec<Step>,
}

/// A block of lines with one mark, or one line without.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// `>`: the client sends.
    Send(Vec<String>),
    /// `<`: the client gets.
    Get(Vec<String>),
    /// `>>`: a target gets.
    Forwarded(Vec<String>),
    /// `<<`: a target answers.
    Answer(Vec<String>),
    /// Anything else.
    Verb(String),
}

impl Kind {
    /// The lines of the block, if it has the mark.
    fn lines(&mut self, mark: &str) -> Option<&mut Vec<String>> {
        match (self, mark) {
            (Self::Send(lines), ">") | (Self::Get(lines), "<") | (Self::Forwarded(lines), ">>") | (Self::Answer(lines), "<<") => Some(lines),
            _ => None,
        }
    }

    fn block(mark: &str, line: String) -> Self {
        let lines = vec![line];
        match mark {
            ">" => Self::Send(lines),
            "<" => Self::Get(lines),
            ">>" => Self::Forwarded(lines),
            _ => Self::Answer(lines),
        }
    }
}

/// The mark and what is behind it.
fn marked(line: &str) -> Option<(&str, &str)> {
    let mark = [">>", "<<", ">", "<"].into_iter().find(|mark| line.starts_with(mark))?;
    let rest = &line[mark.len()..];
    Some((mark, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// The cases of a file. What stands before the first one belongs to nobody.
pub(crate) fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut apart = true;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name: name.to_owned(), line: number, steps: Vec::new() });
            apart = true;
            continue;
        }
        let Some(case) = cases.last_mut().filter(|_| !line.is_empty() && !line.starts_with('#')) else {
            apart = true;
            continue;
        };
        match marked(line) {
            Some((mark, rest)) => match case.steps.last_mut().filter(|_| !apart).and_then(|step| step.kind.lines(mark)) {
                Some(lines) => lines.push(rest.to_owned()),
                None => case.steps.push(Step { line: number, kind: Kind::block(mark, rest.to_owned()) }),
            },
            None => case.steps.push(Step { line: number, kind: Kind::Verb(line.trim().to_owned()) }),
        }
        apart = false;
    }
    cases
}
