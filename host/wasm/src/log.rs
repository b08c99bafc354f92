//! What a guest says while it works: log lines and progress, bounded and without control characters.

use crate::action::Observer;
use crate::limits::{LimitName, Limits};
use crate::report::LogTotals;
use crate::secret::Released;
use cofferdam_engine::Data;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Detail for whoever debugs the plugin.
    Trace,
    /// Detail for whoever debugs the workflow.
    Debug,
    /// What a user likes to see.
    Info,
    /// Something odd that did not stop the work.
    Warn,
    /// Something that did.
    Error,
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// The guest called `log.write`.
    Log,
    /// The guest printed it.
    Stdout,
    /// The guest printed it to its standard error stream.
    Stderr,
}

/// One line of a step's log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// Where it came from.
    pub source: LogSource,
    /// The text, without control characters.
    pub message: String,
    /// Named values.
    pub fields: Vec<(String, Data)>,
}

/// How far the work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How much is done.
    pub done: u64,
    /// Of how much, if that is known.
    pub total: Option<u64>,
    /// Of what.
    pub message: String,
}

/// The longest line; the rest of it is cut.
const MAX_LINE: usize = 8 * 1024;
/// What is kept of the standard error stream for the report of a trap.
const STDERR_TAIL: usize = 4 * 1024;

/// The log of one attempt, shared by the interface `log` and the standard streams.
#[derive(Clone)]
pub(crate) struct LogBook(Arc<Mutex<Pages>>);

struct Pages {
    observer: Arc<dyn Observer>,
    totals: LogTotals,
    max_bytes: u64,
    max_lines: u64,
    stderr: VecDeque<u8>,
    released: Released,
}

impl LogBook {
    pub(crate) fn new(observer: Arc<dyn Observer>, limits: &Limits, released: Released) -> Self {
        Self(Arc::new(Mutex::new(Pages {
            observer,
            totals: LogTotals::default(),
            max_bytes: limits.get(LimitName::Log),
            max_lines: limits.get(LimitName::LogLines),
            stderr: VecDeque::new(),
            released,
        })))
    }

    /// Passes a line on, or drops and counts it when the log is full.
    pub(crate) fn write(&self, level: LogLevel, source: LogSource, message: &str, fields: Vec<(String, Data)>) {
        let mut pages = self.pages();
        let (message, fields) = if pages.released.is_empty() {
            (printable(message, MAX_LINE), fields)
        } else {
            let cover = |(name, value): (String, Data)| (pages.released.cover(name), pages.released.cover_data(&value));
            let message = pages.released.cover(message.to_owned());
            (printable(&message, MAX_LINE), fields.into_iter().map(cover).collect())
        };
        let size = message.len()
            + fields
                .iter()
                .map(|(name, value)| name.len() + value.to_json().len())
                .sum::<usize>();
        let bytes = pages.totals.bytes.saturating_add(size as u64);
        if pages.totals.lines >= pages.max_lines || bytes > pages.max_bytes {
            pages.totals.dropped += 1;
            return;
        }
        pages.totals.lines += 1;
        pages.totals.bytes = bytes;
        let observer = Arc::clone(&pages.observer);
        drop(pages);
        observer.log(LogLine {
            level,
            source,
            message,
            fields,
        });
    }

    /// Keeps the end of what the guest writes to its standard error stream.
    pub(crate) fn remember_stderr(&self, bytes: &[u8]) {
        let mut pages = self.pages();
        let kept = &bytes[bytes.len().saturating_sub(STDERR_TAIL)..];
        let surplus = (pages.stderr.len() + kept.len()).saturating_sub(STDERR_TAIL);
        pages.stderr.drain(..surplus);
        pages.stderr.extend(kept);
    }

    /// Returns the end of the standard error stream, lines kept, other control characters removed.
    pub(crate) fn stderr_tail(&self) -> String {
        let bytes: Vec<u8> = self.pages().stderr.iter().copied().collect();
        let text = self
            .pages()
            .released
            .cover(String::from_utf8_lossy(&bytes).into_owned());
        // What was cut may have been the beginning of a value, which is not recognised without it.
        let text = if bytes.len() == STDERR_TAIL && !self.pages().released.is_empty() {
            text.split_once('\n').map_or("", |(_, rest)| rest)
        } else {
            &text
        };
        text.chars().filter(|c| *c == '\n' || !steers(*c)).collect()
    }

    pub(crate) fn totals(&self) -> LogTotals {
        self.pages().totals
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns `text` on one line, at most `limit` bytes of it, without characters that steer a terminal.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let mut line = String::with_capacity(text.len().min(limit));
    for character in text.chars() {
        let shown = match character {
            '\n' | '\t' => ' ',
            other if steers(other) => continue,
            other => other,
        };
        if line.len() + shown.len_utf8() > limit {
            break;
        }
        line.push(shown);
    }
    line
}

/// Returns whether a character could steer a terminal: control characters, and those that reorder or hide the text around them.
pub fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn lines_lose_what_steers_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc\td\u{202e}e\r", 100), "a[31mb c de");
        assert_eq!(printable("äöü", 5), "äö");
    }
}
