//! Problems as text for a person.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::problem::{Problem, Problems};

/// Every problem, an empty line after each, and a count.
pub(crate) fn render(problems: &Problems, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for problem in problems {
        text.push_str(&one(problem, &renderer));
        text.push_str("\n\n");
    }
    text.push_str(&problems.summary());
    text.push('\n');
    text
}

fn one(problem: &Problem, renderer: &Renderer) -> String {
    let path = problem.file.display().to_string();
    let title = Level::ERROR.primary_title(problem.message.as_str());
    let mut group = match &problem.excerpt {
        None => title.element(Origin::path(path)),
        Some(excerpt) => {
            let mark = AnnotationKind::Primary.span(excerpt.marked.clone()).label(problem.label.as_deref());
            let snippet = Snippet::source(excerpt.text.as_str()).line_start(problem.line).annotation(mark);
            if excerpt.whole {
                title.element(snippet.path(path))
            } else {
                title.element(snippet).element(Origin::path(path).line(problem.line).char_column(problem.column))
            }
        }
    };
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    let report: [Group<'_>; 1] = [group];
    renderer.render(&report).trim_end().to_owned()
}
