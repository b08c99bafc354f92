//! How a failed expression is explained: where, why, with which values, and what to write instead.

use crate::Data;
use std::ops::Range;
use std::sync::Arc;

/// The longest piece of source or value that a one-line message quotes, in characters.
const QUOTED: usize = 120;

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The bytes of the source that are wrong.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What the author can write instead.
    pub hint: Option<String>,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.line())]
pub struct EvaluationError {
    /// The source of the expression.
    pub expression: Arc<str>,
    /// The bytes of the source that failed.
    pub range: Range<usize>,
    /// What went wrong.
    pub message: String,
    /// The source text and the value of each operand that explains the failure.
    pub operands: Vec<(String, Data)>,
    /// What the author can write instead.
    pub hint: Option<String>,
}

impl SyntaxError {
    /// Returns the message, the line of `source` with carets below the mistake, and the hint.
    pub fn render(&self, source: &str) -> String {
        let mut text = self.message.clone();
        point_at(&mut text, source, &self.range);
        push_hint(&mut text, self.hint.as_deref());
        text
    }
}

impl EvaluationError {
    /// Returns the message, the line of the expression with carets below the failed part, and the hint.
    pub fn render(&self) -> String {
        let mut text = self.line();
        point_at(&mut text, &self.expression, &self.range);
        push_hint(&mut text, self.hint.as_deref());
        text
    }

    fn line(&self) -> String {
        let mut line = self.message.clone();
        if let Some(part) = self.expression.get(self.range.clone()).filter(|part| !part.is_empty()) {
            line.push_str(&format!(" in ({})", quoted(part)));
        }
        for (index, (name, value)) in self.operands.iter().enumerate() {
            line.push_str(if index == 0 { ": " } else { ", " });
            line.push_str(&format!("{} = {}", quoted(name), quoted(&value.to_json())));
        }
        line
    }
}

/// A failure of an operator or function, which does not know where in the source it stands.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Whether only the last operand explains the failure.
    pub(super) last_operand_only: bool,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            last_operand_only: false,
        }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn blame_last_operand(mut self) -> Self {
        self.last_operand_only = true;
        self
    }
}

/// Returns `text` on one line, cut where it is too long.
fn quoted(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(QUOTED) {
        line.truncate(end);
        line.push_str("..");
    }
    line
}

fn push_hint(text: &mut String, hint: Option<&str>) {
    if let Some(hint) = hint {
        text.push_str(&format!("\n  hint: {hint}"));
    }
}

fn point_at(text: &mut String, source: &str, range: &Range<usize>) {
    let (Some(before), true) = (source.get(..range.start), range.start <= range.end) else {
        return;
    };
    if source.is_empty() {
        return;
    }
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = source[range.start..]
        .find('\n')
        .map_or(source.len(), |newline| range.start + newline);
    let marked = source.get(range.start..range.end.min(line_end)).unwrap_or("");
    let indent: String = source[line_start..range.start]
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let carets = "^".repeat(marked.chars().count().max(1));
    text.push_str(&format!("\n  {}\n  {indent}{carets}", &source[line_start..line_end]));
}
