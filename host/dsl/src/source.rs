//! Where in a file something stands: the text of a file, byte spans in it, and lines and columns for people.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// The longest file that is read, in bytes (LANGUAGE rule R17).
pub const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;
/// The deepest nesting of braces and brackets in a file, and of brackets in an expression (R17, R23).
pub const MAX_LEVELS: usize = 64;
/// The greatest number of steps and blocks in a file (R17).
pub const MAX_NODES: usize = 10_000;
/// The greatest number of values, attributes and list items in a file: bounds the memory of the tree, far above any
/// file written by hand.
pub const MAX_VALUES: usize = 250_000;
/// The longest expression, in bytes (R17).
pub const MAX_EXPRESSION_BYTES: usize = 64 * 1024;

/// A range of bytes in the text of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// Returns the span of the bytes from `start` up to but not including `end`.
    ///
    /// Offsets beyond 4 GiB are clamped; no file of that length is ever read.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            start: clamp(start),
            end: clamp(end.max(start)),
        }
    }

    /// Returns the smallest span that holds this one and `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// Returns the empty span at the beginning of this one.
    #[must_use]
    pub fn at_start(self) -> Self {
        Self {
            start: self.start,
            end: self.start,
        }
    }

    /// Returns the empty span at the end of this one.
    #[must_use]
    pub fn at_end(self) -> Self {
        Self {
            start: self.end,
            end: self.end,
        }
    }

    /// Returns the bytes as a range.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the part of `text` that this span covers, nothing if it does not fit.
    pub fn of(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or_default()
    }
}

/// A place for people: line and column count from one, columns in Unicode scalar values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// The name and the text of one workflow file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// Where each line begins.
    lines: Vec<u32>,
}

impl Source {
    /// Returns the file called `name` with this `text`.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text: Arc<str> = text.into();
        let breaks = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        let lines = std::iter::once(0)
            .chain(breaks)
            .map(|at| u32::try_from(at).unwrap_or(u32::MAX))
            .collect();
        Self {
            name: name.into(),
            text,
            lines,
        }
    }

    /// Returns the file called `name` that consists of `bytes`.
    ///
    /// # Errors
    /// If there are more than [`MAX_FILE_BYTES`], or they are not UTF-8, or one of them is NUL.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Box::new(too_large(bytes.len())));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => match nul(text) {
                Some(diagnostic) => Err(Box::new(diagnostic)),
                None => Ok(Self::new(name, text)),
            },
            Err(error) => {
                let at = error.valid_up_to();
                let message = format!("the file is not UTF-8 text: byte {at} is {:#04x}", bytes[at]);
                let diagnostic = Diagnostic::error(Code::NotUtf8, Span::new(at, at + 1), message);
                Err(Box::new(diagnostic.help("save the file as UTF-8")))
            }
        }
    }

    /// Returns the name under which the file is shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line and column of the byte at `offset`; the end of the text if it is beyond that.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines[line] as usize;
        let end = (offset as usize).min(self.text.len());
        let before = &self.text.as_bytes()[start.min(end)..end];
        // A continuation byte belongs to the character before it; a byte-order mark is not a column.
        let characters = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let mark = usize::from(line == 0 && self.text.starts_with('\u{feff}') && end >= '\u{feff}'.len_utf8());
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Position {
            line: number(line + 1),
            column: number(characters + 1 - mark),
        }
    }
}

/// Returns the refusal of a file of `bytes` bytes.
pub(crate) fn too_large(bytes: usize) -> Diagnostic {
    let message = format!("the file has {bytes} bytes, of at most {MAX_FILE_BYTES} (10 MiB)");
    Diagnostic::error(Code::FileTooLarge, Span::default(), message)
        .help("move data out of the workflow into files that its steps read")
}

/// Returns the refusal of a text that holds a NUL.
pub(crate) fn nul(text: &str) -> Option<Diagnostic> {
    let at = text.find('\0')?;
    Some(Diagnostic::error(
        Code::NulByte,
        Span::new(at, at + 1),
        "the file holds a NUL byte: it is not a text file",
    ))
}
