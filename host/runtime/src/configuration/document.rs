//! How a TOML text becomes tables whose every key has a place, and how problems with them are collected.

use super::keys;
use super::problem::{Problem, ProblemCode};
use super::source::Source;
use cofferdam_wasm::steers;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A larger file is no configuration.
const MAX_BYTES: usize = 1024 * 1024;
/// More problems than anybody reads at once.
const MAX_PROBLEMS: usize = 100;

/// One text with the problems found in it so far.
pub(super) struct Document<'a> {
    file: PathBuf,
    shown: String,
    text: &'a str,
    line_starts: Vec<usize>,
    problems: Vec<Problem>,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// What kind of value a key must have.
type Expected = &'static str;

impl<'a> Document<'a> {
    /// Returns the document and its root table; what is not TOML has become problems.
    pub(super) fn parse(file: &Path, shown: String, text: &'a str) -> (Self, DeTable<'a>) {
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(index, _)| index + 1))
            .collect();
        let mut document = Self {
            file: file.to_owned(),
            shown,
            text,
            line_starts,
            problems: Vec::new(),
        };
        if text.len() > MAX_BYTES {
            let message = format!("the file has {} bytes, of at most {MAX_BYTES}", text.len());
            document.add(ProblemCode::NotToml, 0..0, message);
            return (document, DeTable::new());
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            document.add(ProblemCode::NotToml, error.span().unwrap_or(0..0), message);
        }
        (document, root.into_inner())
    }

    /// Adds a problem.
    pub(super) fn add(&mut self, code: ProblemCode, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        let problem = self.problem(code, span, message.into());
        // The list is cut, not the reading: the caller still gets a problem to add a hint to.
        if self.problems.len() >= MAX_PROBLEMS {
            self.problems.pop();
        }
        self.problems.push(problem);
        self.problems.last_mut().expect("one was pushed")
    }

    /// Adds a problem with a remedy.
    pub(super) fn add_with_help(
        &mut self,
        code: ProblemCode,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(code, span, message).help = Some(help.into());
    }

    /// Returns a problem at a place of this document, without adding it.
    pub(super) fn problem(&self, code: ProblemCode, span: Range<usize>, message: String) -> Problem {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end.max(start));
        let line = self.line(start);
        let line_start = self.line_starts[line - 1];
        let first_line = self.text[start..end].lines().next().unwrap_or_default();
        Problem {
            code,
            message,
            file: self.file.clone(),
            line,
            column: self.text[line_start..start].chars().count() + 1,
            length: first_line.chars().count().max(1),
            help: None,
        }
    }

    /// Returns the place of a value, as a source.
    pub(super) fn source(&self, span: &Range<usize>) -> Source {
        Source::File {
            file: self.shown.clone(),
            line: self.line(span.start),
        }
    }

    /// Returns the problems.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).max(1)
    }

    /// Adds a problem for every key of `table` that no configuration has there. `section` is what the table is called in
    /// messages, `kind` what it is in the lists of keys.
    pub(super) fn check_keys(&mut self, section: &str, kind: &str, table: &DeTable<'_>) {
        self.check_known(section, kind, table, keys::of(kind));
    }

    /// Does the same where `known` are the keys.
    pub(super) fn check_known(&mut self, section: &str, kind: &str, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            if let Some(message) = super::unenforced::message(kind, name) {
                self.add(ProblemCode::NotEnforced, key.span(), message);
                continue;
            }
            let place = if section.is_empty() {
                "this file".to_owned()
            } else {
                format!("`[{section}]`")
            };
            let problem = self.add(
                ProblemCode::UnknownKey,
                key.span(),
                format!("{place} has no key `{}`", printable(name)),
            );
            problem.help = Some(match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            });
        }
    }

    /// Returns the text at `key`.
    pub(super) fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<Placed<String>> {
        let value = get(table, key)?;
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => {
                let message = format!("`{}` is empty", printable(key));
                // What a path means that is relative is not plain where there is no path.
                let help = if key == "host" {
                    "\".\" is the project's directory"
                } else {
                    "name it, or take this key away"
                };
                self.add_with_help(ProblemCode::WrongValue, value.span(), message, help);
                None
            }
            DeValue::String(text) if !text.contains(steers) => Some(Placed {
                value: text.clone().into_owned(),
                span: value.span(),
            }),
            DeValue::String(text) => self.steering(text, value.span()),
            _ => self.wrong(key, value, "a text in quotes"),
        }
    }

    /// Refuses a text that shows as another one than it is.
    fn steering<T>(&mut self, text: &str, span: Range<usize>) -> Option<T> {
        let message = format!("`{}` holds a character that nobody sees", printable(text));
        let help = "no text of this file may hold control characters, or those that turn or hide the text around them";
        self.add_with_help(ProblemCode::WrongValue, span, message, help);
        None
    }

    /// Returns the texts at `key`.
    pub(super) fn texts(&mut self, table: &DeTable<'_>, key: &str) -> Option<Vec<Placed<String>>> {
        const EXPECTED: Expected = "a list of texts such as [\"one\", \"two\"]";
        let value = get(table, key)?;
        let Some(items) = value.get_ref().as_array() else {
            return self.wrong(key, value, EXPECTED);
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) if text.contains(steers) => {
                    self.steering::<()>(text, item.span());
                }
                DeValue::String(text) if !text.is_empty() => {
                    texts.push(Placed {
                        value: text.clone().into_owned(),
                        span: item.span(),
                    });
                }
                _ => {
                    self.wrong::<()>(key, item, EXPECTED);
                }
            }
        }
        Some(texts)
    }

    /// Returns the switch at `key`.
    pub(super) fn switch(&mut self, table: &DeTable<'_>, key: &str) -> Option<Placed<bool>> {
        let value = get(table, key)?;
        match value.get_ref().as_bool() {
            Some(switch) => Some(Placed {
                value: switch,
                span: value.span(),
            }),
            None => self.wrong(key, value, "true or false"),
        }
    }

    /// Returns the section at `key`.
    pub(super) fn table<'t, 'i>(&mut self, table: &'t DeTable<'i>, key: &str) -> Option<&'t DeTable<'i>> {
        let value = get(table, key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(table),
            None => self.wrong(key, value, "a section"),
        }
    }

    /// Adds that the value of `key` is not what it should be.
    pub(super) fn wrong<T>(&mut self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Option<T> {
        let kind = value.get_ref().type_str();
        self.add(
            ProblemCode::WrongValue,
            value.span(),
            format!("`{}` must be {expected}, this is a TOML {kind}", printable(key)),
        );
        None
    }
}

/// Returns the value of `key`.
pub(super) fn get<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
    table
        .iter()
        .find(|(name, _)| name.get_ref() == key)
        .map(|(_, value)| value)
}

/// Returns a whole number.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i64> {
    value
        .as_integer()
        .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok())
}

/// Returns the candidate that `word` may have been meant as.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1) && word.len() < 64)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns `text` without what could play tricks with a terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(80)
        .map(|c| if steers(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}
