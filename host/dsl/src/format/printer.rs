//! Text with indentation: lines, brackets, comments and empty lines.

use super::WIDTH;
use super::flat::Flat;
use crate::ast::{Comment, Trivia};

/// A text that grows line by line.
#[derive(Default)]
pub(super) struct Printer {
    out: String,
    /// Where the present line begins.
    line: usize,
    indentation: usize,
    /// Whether the present line belongs to a literal, where a blank would be part of it.
    in_literal: bool,
}

impl Printer {
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Writes text without line breaks.
    pub(super) fn text(&mut self, text: &str) {
        if self.out.len() == self.line && !text.is_empty() && !self.in_literal {
            self.indent(0);
        }
        self.in_literal &= text.is_empty();
        self.out.push_str(text);
    }

    /// Writes text as it is; line breaks in it are part of a literal.
    pub(super) fn verbatim(&mut self, text: &str) {
        self.text(text);
        if let Some(last) = text.rfind('\n') {
            self.line = self.out.len() - (text.len() - last - 1);
            self.in_literal = true;
        }
    }

    /// Begins a line of a literal: `levels` deeper than the construct that holds it.
    pub(super) fn literal_line(&mut self, levels: usize, text: &str) {
        self.out.push('\n');
        self.line = self.out.len();
        if !text.is_empty() {
            self.indent(levels);
            self.out.push_str(text);
        }
    }

    fn indent(&mut self, more: usize) {
        for _ in 0..self.indentation + more {
            self.out.push_str("  ");
        }
    }

    pub(super) fn new_line(&mut self) {
        self.out.push('\n');
        self.line = self.out.len();
    }

    pub(super) fn blank_line(&mut self) {
        self.new_line();
    }

    pub(super) fn open(&mut self, bracket: char) {
        self.text(bracket.encode_utf8(&mut [0; 4]));
        self.new_line();
        self.indentation += 1;
    }

    pub(super) fn close(&mut self, bracket: char) {
        self.indentation -= 1;
        self.text(bracket.encode_utf8(&mut [0; 4]));
    }

    /// Writes what stands before a construct; `first` says that a bracket stands before that.
    pub(super) fn before(&mut self, trivia: &Trivia, first: bool) {
        if trivia.before.is_empty() {
            if trivia.blank_before && !first {
                self.blank_line();
            }
            return;
        }
        self.comments(&trivia.before, first);
        if trivia.blank_between {
            self.blank_line();
        }
    }

    /// Writes comments on lines of their own.
    pub(super) fn comments(&mut self, comments: &[Comment], first: bool) {
        for (index, comment) in comments.iter().enumerate() {
            if comment.blank_before && !(first && index == 0) {
                self.blank_line();
            }
            self.text(&comment.text);
            self.new_line();
        }
    }

    /// Writes the comment after a construct on its last line.
    pub(super) fn after(&mut self, trivia: &Trivia) {
        if let Some(comment) = &trivia.after {
            self.text("  ");
            self.text(&comment.text);
        }
    }

    /// Writes what `write` gives if it is one line that fits; says whether it did.
    pub(super) fn try_flat(&mut self, write: impl FnOnce(&mut Flat) -> bool) -> bool {
        let used = if self.out.len() == self.line {
            self.indentation * 2
        } else {
            self.out[self.line..].chars().count()
        };
        let mut flat = Flat::new(WIDTH.saturating_sub(used));
        let fits = write(&mut flat) && flat.fits();
        if fits {
            self.text(flat.as_str());
        }
        fits
    }
}
