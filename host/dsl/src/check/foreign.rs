//! Placeholders as other systems write them: `${x}`, `${{ x }}`, `{x}`, and blocks such as `{{#if x}}`.

use super::step_table::Scope;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::literal::{Fragment, Text, TextForm, TextPart};
use crate::source::Span;

/// The roots that no other system has: in one brace, they are meant as ours.
const ROOTS: &[&str] = &["inputs", "steps", "vars", "prior", "secrets"];

/// The longest path that is looked at.
const LONGEST: usize = 200;

/// Returns whether a placeholder is the head or end of a block, or a partial.
pub(super) fn is_block(fragment: &Fragment) -> bool {
    fragment.written.trim_start().starts_with(['#', '/', '>', '^'])
}

/// Returns what to say about the first block of a text, if it has one.
pub(super) fn block_in(text: &Text, is_modern: bool) -> Option<Diagnostic> {
    let fragment = text.parts.iter().find_map(|part| match part {
        TextPart::Placeholder(fragment) if is_block(fragment) => Some(fragment),
        TextPart::Placeholder(_) | TextPart::Plain(_) => None,
    })?;
    let message = format!(
        "there are no blocks in templates, such as `{{{{{}}}}}`",
        fragment.written.trim()
    );
    let diagnostic = if is_modern {
        Diagnostic::error(Code::ForeignPlaceholder, fragment.span, message)
    } else {
        Diagnostic::warning(Code::ForeignPlaceholder, fragment.span, message).note("it is replaced by nothing")
    };
    Some(
        diagnostic
            .help("choose with an expression: `{{ inputs.full ? \"…\" : \"\" }}`, or give a list with `text.template`"),
    )
}

/// Returns a warning for each part of a text that looks like a placeholder of another system and names one of ours.
pub(super) fn placeholders_in(text: &Text, scope: &Scope<'_>) -> Vec<Diagnostic> {
    if !text.written.contains('{') {
        return Vec::new();
    }
    let delimiter = if text.form == TextForm::Block { 3 } else { 1 };
    // Escapes and indentation apart, the text stands in the file as it is here.
    let is_verbatim = text.span.range().len() == text.written.len() + 2 * delimiter;
    let place = |start: usize, end: usize| {
        if is_verbatim {
            let begin = text.span.start as usize + delimiter;
            Span::new(begin + start, begin + end)
        } else {
            text.span
        }
    };
    let names_ours = |path: &str| {
        let root = path.split(['.', '[']).next().unwrap_or_default();
        root.len() < path.len() && (ROOTS.contains(&root) || scope.items.contains(&root))
    };
    let mut found = Vec::new();
    let bytes = text.written.as_bytes();
    let mut at = 0;
    while let Some(open) = text.written[at..].find('{').map(|offset| at + offset) {
        let rest = &text.written[open..];
        let has_dollar = open > 0 && bytes[open - 1] == b'$' && (open < 2 || bytes[open - 2] != b'\\');
        let braces = if rest.starts_with("{{") { 2 } else { 1 };
        at = open + braces;
        let Some(length) = text.written[at..].bytes().take(LONGEST).position(|byte| byte == b'}') else {
            continue;
        };
        let inner = &text.written[at..at + length];
        let path = inner.trim();
        let is_path = path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte));
        let escaped = open > 0 && bytes[open - 1] == b'\\';
        // `${{vars.price}}` may be an amount of money; the notation of others has blanks inside.
        let foreign = match braces {
            2 => has_dollar && inner.starts_with(' ') && text.written[at + length..].starts_with("}}"),
            _ => !escaped,
        };
        if !foreign || !is_path || !names_ours(path) {
            continue;
        }
        let start = open - usize::from(has_dollar);
        let end = (at + length + braces).min(text.written.len());
        let written = &text.written[start..end];
        let meant = format!("{{{{{path}}}}}");
        let message = format!("`{written}` is not a placeholder as this language writes it");
        let diagnostic = Diagnostic::warning(Code::ForeignPlaceholder, place(start, end), message)
            .label(format!("did you mean `{meant}`?"));
        found.push(if is_verbatim {
            diagnostic.suggest(place(start, end), meant)
        } else {
            diagnostic
        });
    }
    found
}
