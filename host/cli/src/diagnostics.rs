//! How findings are drawn: the place in the text, what there is to say about it, and what to do.

use crate::talk::Look;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use cofferdam_dsl::{Diagnostic, Severity, Source, Span};
use cofferdam_runtime::configuration::Problem;
use std::ops::Range;

/// Returns a finding about a workflow as text.
pub(crate) fn draw(diagnostic: &Diagnostic, source: &Source, look: &Look) -> String {
    let text = source.text();
    let range = |span: Span| clamp(text, span.start as usize..span.end as usize);
    let mut snippet = Snippet::source(text).path(source.name()).annotation(
        AnnotationKind::Primary
            .span(range(diagnostic.primary.span))
            .label(diagnostic.primary.text.as_str()),
    );
    // Only a line with one place in it is cut to the width of the terminal.
    let spans = diagnostic.secondary.iter().map(|label| label.span);
    let is_long = spans
        .chain([diagnostic.primary.span])
        .any(|span| line_length(text, range(span).start) > LONGEST_LINE);
    let (near, far): (&[_], &[_]) = match is_long {
        true => (&[], &diagnostic.secondary),
        false => (&diagnostic.secondary, &[]),
    };
    for label in near {
        snippet = snippet.annotation(
            AnnotationKind::Context
                .span(range(label.span))
                .label(label.text.as_str()),
        );
    }
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.number())
        .element(snippet);
    for place in &diagnostic.elsewhere {
        let other = &place.source;
        let span = place.label.span;
        let at = clamp(other.text(), span.start as usize..span.end as usize);
        let annotation = AnnotationKind::Context.span(at).label(place.label.text.as_str());
        group = group.element(Snippet::source(other.text()).path(other.name()).annotation(annotation));
    }
    let far: Vec<String> = far
        .iter()
        .map(|label| {
            let at = source.position(label.span.start);
            format!("{}:{}: {}", at.line, at.column, label.text)
        })
        .collect();
    for note in far.iter().chain(&diagnostic.notes) {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer(look).render(&[group])
}

/// The longest line, in bytes, that is shown with all places in it.
const LONGEST_LINE: usize = 2_000;

/// Returns how many bytes the line around `at` has.
fn line_length(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    let end = text[at..].find('\n').map_or(text.len(), |after| at + after);
    end - start
}

/// Returns a problem of a configuration as text; `content` is the file's.
pub(crate) fn draw_problem(problem: &Problem, content: &str, look: &Look) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path = crate::station::shortened(&problem.file, &here);
    let start = offset(content, problem.line, problem.column);
    let end = content[start..]
        .char_indices()
        .nth(problem.length)
        .map_or(content.len(), |(at, _)| start + at);
    let snippet = Snippet::source(content)
        .path(path)
        .annotation(AnnotationKind::Primary.span(clamp(content, start..end)));
    let mut group = Level::ERROR
        .primary_title(problem.message.as_str())
        .id(problem.code.number())
        .element(snippet);
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer(look).render(&[group])
}

/// A failure of a run, placed in the text of its workflow.
pub(crate) struct Placed<'a> {
    /// The code of the explanation.
    pub(crate) code: &'a str,
    /// What went wrong.
    pub(crate) title: &'a str,
    /// The file, as the user named it.
    pub(crate) file: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
    /// Line and column from 1, and length in characters.
    pub(crate) place: (usize, usize, usize),
    /// What stands beside the place.
    pub(crate) label: &'a str,
    /// Further lines: a word and what it says.
    pub(crate) facts: &'a [(&'a str, String)],
}

/// Returns a failure of a run as text.
pub(crate) fn draw_failure(failure: &Placed<'_>, look: &Look) -> String {
    let (line, column, length) = failure.place;
    let start = offset(failure.text, line, column);
    let end = failure.text[start..]
        .char_indices()
        .nth(length)
        .map_or(failure.text.len(), |(at, _)| start + at);
    let snippet = Snippet::source(failure.text).path(failure.file).annotation(
        AnnotationKind::Primary
            .span(clamp(failure.text, start..end))
            .label(failure.label),
    );
    let mut group = Level::ERROR
        .primary_title(failure.title)
        .id(failure.code)
        .element(snippet);
    for (word, text) in failure.facts {
        group = group.element(Level::NOTE.with_name(*word).message(text.as_str()));
    }
    renderer(look).render(&[group])
}

fn renderer(look: &Look) -> Renderer {
    let renderer = if look.colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.term_width(look.width.max(60))
}

/// Returns the byte at which a line and column (from 1, in characters) stand.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum::<usize>()
        .min(text.len());
    let rest = &text[start..];
    start
        + rest
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(rest.len(), |(at, _)| at)
}

/// Returns `range` within `text`, on character boundaries.
fn clamp(text: &str, range: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(range.start.min(text.len()));
    let end = text.floor_char_boundary(range.end.min(text.len()));
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::{draw, offset};
    use crate::talk::Look;
    use cofferdam_dsl::{Code, Diagnostic, Source, Span};

    const LOOK: Look = Look {
        live: false,
        colour: false,
        signs: true,
        width: 100,
        height: 40,
    };

    #[test]
    fn a_line_of_a_megabyte_is_not_printed() {
        let text = format!("workflow w {{\n{}", "{".repeat(1_000_000));
        let source = Source::new("w.wf", text.as_str());
        let finding = Diagnostic::error(Code::UnexpectedToken, Span::new(500_000, 500_001), "here")
            .also(Span::new(13, 14), "and there")
            .also(Span::new(0, 8), "and before");
        let drawn = draw(&finding, &source, &LOOK);
        assert!(drawn.len() < 2_000, "{} bytes", drawn.len());
        assert!(
            drawn.contains("2:1: and there") && drawn.contains("1:1: and before"),
            "{drawn}"
        );
    }

    #[test]
    fn columns_are_counted_in_characters() {
        let text = "ä = 1\nxü = 2\n";
        assert_eq!(offset(text, 1, 2), 2);
        assert_eq!(offset(text, 2, 1), 7);
        assert_eq!(offset(text, 2, 3), 10);
        assert_eq!(offset(text, 9, 9), text.len());
    }
}
