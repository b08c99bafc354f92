//! Whether a `wait` has one end, and one that can come.

use super::Checker;
use super::attribute::value;
use crate::ast::{Attribute, ValueKind, find_attribute};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::literal::TextPart;

impl<'a> Checker<'a> {
    /// Checks what the tables of attributes cannot see.
    pub(super) fn end_of_wait(&mut self, attributes: &'a [Attribute]) {
        let given: Vec<&Attribute> = ["for", "until", "event"]
            .into_iter()
            .filter_map(|name| find_attribute(attributes, name))
            .collect();
        if let [first, second, ..] = given.as_slice() {
            let message = format!("`{}` and `{}` exclude each other", first.key.text, second.key.text);
            let diagnostic = Diagnostic::error(Code::ExclusiveAttributes, second.key.span, message);
            self.report(
                diagnostic
                    .also(first.key.span, "the other one")
                    .help("a wait has one end; a limit for an event is `timeout`"),
            );
        }
        if let (Some(correlation), None) = (
            find_attribute(attributes, "correlation"),
            find_attribute(attributes, "event"),
        ) {
            let message = "`correlation` has no effect: it tells events apart, and this waits for none";
            let diagnostic =
                Diagnostic::doubtful(Code::IgnoredAttribute, self.has_edition, correlation.key.span, message);
            self.report(diagnostic.help("remove it, or write `event = \"topic\"`"));
        }
        let until = value(attributes, "until");
        if let Some(ValueKind::Text(text)) = until.map(|until| &until.kind)
            && !text.parts.iter().any(|part| matches!(part, TextPart::Placeholder(_)))
            && !is_moment(text.plain.trim())
        {
            let message = format!("`until` takes a moment, not `{}`", text.plain);
            let diagnostic = Diagnostic::error(Code::WrongValue, text.span, message);
            self.report(diagnostic.help("for example `until = \"2026-12-31T18:00:00Z\"`, or `for = 2h` from now on"));
        }
    }
}

/// Returns whether a text has the form of a moment (RFC 3339).
fn is_moment(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00";
    let Some((minutes, rest)) = text.split_at_checked(FORM.len()) else {
        return false;
    };
    let fits = |(byte, wanted): (u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        wanted => byte == *wanted,
    };
    let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.'));
    let is_offset = || zone.len() == 6 && zone.starts_with(['+', '-']) && zone[1..].contains(':');
    minutes.bytes().zip(FORM).all(fits) && (zone.eq_ignore_ascii_case("z") || is_offset())
}
