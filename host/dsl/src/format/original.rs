//! What the tree does not hold of the author's text: how many blanks stood somewhere.

use crate::source::Span;

/// The text that is written again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Original<'a> {
    text: &'a str,
}

impl<'a> Original<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// Returns how many blanks stand between `span` and what is before it on its line; none if a line begins there.
    pub(super) fn blanks_before(self, span: Span) -> usize {
        let before = self.text.get(..span.range().start).unwrap_or_default();
        let words = before.trim_end_matches(' ');
        if words.is_empty() || words.ends_with(['\n', '\t']) {
            return 0;
        }
        before.len() - words.len()
    }

    /// Returns how many blanks stand between `span` and what is after it on its line.
    pub(super) fn blanks_after(self, span: Span) -> usize {
        let after = self.text.get(span.range().end..).unwrap_or_default();
        let words = after.trim_start_matches(' ');
        if words.starts_with(['\n', '\r', '\t']) {
            return 0;
        }
        after.len() - words.len()
    }
}
