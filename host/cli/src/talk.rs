//! How the command line talks: data to stdout, talk to stderr, with or without colours and signs.

use crate::mouth::{pause, utter};
use anstyle::{AnsiColor, Style};
use cofferdam_wasm::steers;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

/// What the user wants the output to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether colours and cursor movements are allowed on stderr.
    pub(crate) live: bool,
    /// Whether colours are allowed on stderr.
    pub(crate) colour: bool,
    /// Whether signs beyond ASCII are allowed.
    pub(crate) signs: bool,
    /// Columns of the terminal.
    pub(crate) width: usize,
    /// Rows of the terminal.
    pub(crate) height: usize,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Look {
    /// Returns the look that the command line and the environment ask for.
    pub(crate) fn of(colour: Colour, plain: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !plain && !dumb && !set("NO_COLOR"),
        };
        let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
            .is_none_or(|value| value.to_ascii_uppercase().contains("UTF"));
        let (width, height) = terminal_size();
        Self {
            live: terminal && !plain && !dumb,
            colour,
            signs: utf8 && !plain,
            width,
            height,
        }
    }

    /// Returns the same look for a terminal of the size that it has now.
    pub(crate) fn measured(self) -> Self {
        let (width, height) = terminal_size();
        Self { width, height, ..self }
    }

    /// Returns `text` in `style` if colours are allowed.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Returns the sign for `sign`.
    pub(crate) fn sign(&self, sign: Sign) -> &'static str {
        let (sign, twin) = match sign {
            Sign::Ok => ("✓", "ok"),
            Sign::Fail => ("✗", "fail"),
            Sign::Wait => ("●", "wait"),
            Sign::Skip => ("–", "skip"),
            Sign::Keep => ("=", "keep"),
            Sign::Stop => ("◌", "stop"),
            Sign::Run => ("·", "run"),
        };
        if self.signs { sign } else { twin }
    }

    /// Returns the coloured sign for `sign`.
    pub(crate) fn painted_sign(&self, sign: Sign) -> String {
        let style = match sign {
            Sign::Ok => GOOD,
            Sign::Fail => BAD,
            Sign::Wait => WAITING,
            Sign::Skip | Sign::Keep | Sign::Stop | Sign::Run => DIM,
        };
        self.paint(style, self.sign(sign))
    }
}

fn terminal_size() -> (usize, usize) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse().ok())
            .filter(|n| *n > 0)
    };
    let (columns, rows) = console_size().unwrap_or((100, 40));
    (number("COLUMNS").unwrap_or(columns), number("LINES").unwrap_or(rows))
}

fn console_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// What became of a step, as one sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Completed.
    Ok,
    /// Failed.
    Fail,
    /// Waiting.
    Wait,
    /// Skipped.
    Skip,
    /// Kept from before.
    Keep,
    /// Stopped.
    Stop,
    /// Running.
    Run,
}

/// Things that went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Things that went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Things that wait.
pub(crate) const WAITING: Style = AnsiColor::Yellow.on_default();
/// Things that matter less.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Names.
pub(crate) const STRONG: Style = Style::new().bold();

/// Prints a line of talk to stderr; nobody waits for it.
pub(crate) fn say(line: impl AsRef<str>) {
    let mut text = said(line.as_ref());
    text.push('\n');
    utter(text.into_bytes());
}

/// Why data did not get out, the first time that it did not.
static UNPRINTED: OnceLock<std::io::Error> = OnceLock::new();

/// Prints a line of data to stdout. A reader that went away ends the talk, not the work; what else keeps data from
/// getting out is remembered, see [`unprinted`].
pub(crate) fn print(line: impl AsRef<str>) {
    pause();
    if let Err(error) = writeln!(std::io::stdout().lock(), "{}", visible(line.as_ref()))
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        // The first reason says it.
        let _ = UNPRINTED.set(error);
    }
}

/// Returns why data did not get out, if it did not.
pub(crate) fn unprinted() -> Option<&'static std::io::Error> {
    UNPRINTED.get()
}

/// Returns `text` without characters that could steer a terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => ' ',
            other => other,
        })
        .filter(|character| !steers(*character))
        .collect()
}

/// Returns `text` with its lines and colours, and without anything else that could steer a terminal: whatever is said
/// may quote a file or a name from a repository that nobody here wrote.
fn said(text: &str) -> String {
    without_steering(text, |_, _| {})
}

/// Returns `text` with its lines and colours, and with an escape in the place of anything else that could steer a terminal: in JSON
/// that is the same text.
fn visible(text: &str) -> String {
    without_steering(text, |clean, character| {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            clean.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn without_steering(text: &str, replace: impl Fn(&mut String, char)) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let colour = rest.strip_prefix("\u{1b}[").and_then(|sequence| {
            let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            sequence[end..].starts_with('m').then_some(2 + end + 1)
        });
        let length = colour.unwrap_or(character.len_utf8());
        if colour.is_some() || matches!(character, '\n' | '\t') || !steers(character) {
            clean.push_str(&rest[..length]);
        } else {
            replace(&mut clean, character);
        }
        rest = &rest[length..];
    }
    clean
}

/// Returns a duration as people say it: `41 ms`, `6.8 s`, `3 min 02 s`.
pub(crate) fn duration(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", millis / 60_000, millis % 60_000 / 1_000),
        _ => format!("{} h {:02} min", millis / 3_600_000, millis % 3_600_000 / 60_000),
    }
}

/// Returns a size as people say it: `19 B`, `2.1 MB` (powers of 1 000).
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", (bytes + 500) / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Returns `count` with its noun: `1 step`, `3 steps`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_said_as_people_say_them() {
        assert_eq!(duration(41), "41 ms");
        assert_eq!(duration(6_840), "6.8 s");
        assert_eq!(duration(182_000), "3 min 02 s");
        assert_eq!(size(61_400), "61 KB");
        assert_eq!(size(2_100_000), "2.1 MB");
        assert_eq!(counted(1, "step"), "1 step");
    }

    #[test]
    fn what_guests_say_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{9b}31m\u{202e}"), "a[2Jb c31m");
        assert_eq!(
            said("\u{1b}[1;31mred\u{1b}[0m\n\u{1b}[2J\u{9b}x\u{1b}"),
            "\u{1b}[1;31mred\u{1b}[0m\n[2Jx"
        );
        let text = serde_json::Value::from("a\u{9b}b\u{202e}c\u{1b}d");
        let shown = visible(&text.to_string());
        assert_eq!(shown, r#""a\u009bb\u202ec\u001bd""#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), text);
    }
}
