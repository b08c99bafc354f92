//! Text with indentation: lines, brackets, comments and empty lines.

use super::WIDTH;
use super::align::{Stop, StopKind, aligned};
use super::flat::Flat;
use super::original::Original;
use crate::ast::{Comment, Trivia};

/// A text that grows line by line.
pub(super) struct Printer<'a> {
    out: String,
    /// What the author wrote.
    pub(super) original: Original<'a>,
    stops: Vec<Stop>,
    /// The beginnings of lines that hold nothing but a comment.
    asides: Vec<usize>,
    /// Where the present line begins.
    line: usize,
    indentation: usize,
    /// Whether the present line belongs to a literal, where a blank would be part of it.
    in_literal: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(original: Original<'a>) -> Self {
        Self {
            out: String::new(),
            original,
            stops: Vec::new(),
            asides: Vec::new(),
            line: 0,
            indentation: 0,
            in_literal: false,
        }
    }

    pub(super) fn finish(self) -> String {
        aligned(&self.out, &self.stops, &self.asides)
    }

    /// Writes the blanks of a place where columns can meet and the author wrote `written` ones.
    pub(super) fn stop(&mut self, kind: StopKind, written: usize) {
        self.stops.push(Stop {
            at: self.out.len(),
            written,
            kind,
        });
        self.text(&"  "[..kind.blanks()]);
    }

    /// Writes text without line breaks.
    pub(super) fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.begin_line();
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

    /// Writes the indentation if nothing stands on the present line yet.
    fn begin_line(&mut self) {
        if self.out.len() == self.line && !self.in_literal {
            self.indent(0);
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
            self.asides.push(self.out.len());
            self.text(&comment.text);
            self.new_line();
        }
    }

    /// Writes the comment after a construct on its last line.
    pub(super) fn after(&mut self, trivia: &Trivia) {
        if let Some(comment) = &trivia.after {
            self.stop(StopKind::Comment, self.original.blanks_before(comment.span));
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
        let mut flat = Flat::new(WIDTH.saturating_sub(used), self.original);
        let fits = write(&mut flat) && flat.fits();
        if fits {
            let (text, stops) = flat.into_parts();
            self.begin_line();
            let start = self.out.len();
            self.stops.extend(stops.into_iter().map(|stop| Stop {
                at: start + stop.at,
                ..stop
            }));
            self.text(&text);
        }
        fits
    }
}
