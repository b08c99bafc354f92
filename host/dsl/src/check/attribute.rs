//! How the attributes of steps and blocks are read: numbers, durations, words.

use super::Checker;
use crate::ast::{Attribute, Value, ValueKind, find_attribute};
use crate::code::Code;
use crate::literal::{NumberValue, parse_duration};
use crate::source::Span;
use std::time::Duration;

impl Checker<'_> {
    /// Returns the whole number that the attribute `key` is set to.
    pub(super) fn count(&mut self, value: &Value, key: &str) -> Option<u32> {
        self.read(count(value), value, key, "a whole number up to 4294967295")
    }

    /// Returns the number that the attribute `key` is set to.
    pub(super) fn number(&mut self, value: &Value, key: &str) -> Option<f64> {
        self.read(number(value), value, key, "a number")
    }

    /// Returns the duration that the attribute `key` is set to.
    pub(super) fn duration(&mut self, value: &Value, key: &str) -> Option<Duration> {
        self.read(duration(value), value, key, "a duration such as `30s`")
    }

    /// Reports what could not be read. Mostly the tables of attributes have done so, and only one of the findings about
    /// one place is shown; but nothing that is written down may be lost without a word.
    fn read<T>(&mut self, read: Option<T>, value: &Value, key: &str, expected: &str) -> Option<T> {
        if read.is_none() {
            self.error(Code::WrongValue, value.span, format!("`{key}` takes {expected}"));
        }
        read
    }
}

/// Returns the value of the attribute called `key`.
pub(super) fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a Value> {
    find_attribute(attributes, key)?.value()
}

/// Returns the whole number that a value is. A quoted number counts too, as it always did.
fn count(value: &Value) -> Option<u32> {
    match &value.kind {
        ValueKind::Number(number) => match number.value {
            NumberValue::Int(int) => u32::try_from(int).ok(),
            NumberValue::Double(_) => None,
        },
        ValueKind::Text(text) => text.plain.trim().parse().ok(),
        ValueKind::Code(_)
        | ValueKind::Duration(_)
        | ValueKind::Expression(_)
        | ValueKind::Path(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => None,
    }
}

/// Returns the number that a value is, quoted or not.
fn number(value: &Value) -> Option<f64> {
    match &value.kind {
        ValueKind::Number(number) => Some(match number.value {
            NumberValue::Int(int) => int as f64,
            NumberValue::Double(double) => double,
        }),
        ValueKind::Text(text) => text.plain.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        ValueKind::Code(_)
        | ValueKind::Duration(_)
        | ValueKind::Expression(_)
        | ValueKind::Path(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => None,
    }
}

/// Returns the duration that a value is; a bare number counts seconds.
fn duration(value: &Value) -> Option<Duration> {
    match &value.kind {
        ValueKind::Duration(literal) => Some(literal.duration),
        ValueKind::Number(number) => parse_duration(&number.written).ok(),
        ValueKind::Text(text) => parse_duration(text.plain.trim()).ok(),
        ValueKind::Code(_)
        | ValueKind::Expression(_)
        | ValueKind::Path(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => None,
    }
}

/// Returns the word that a value is, bare or quoted, and its place.
pub(super) fn word(value: &Value) -> Option<(String, Span)> {
    match &value.kind {
        ValueKind::Path(path) => Some((path.to_text(), path.span)),
        ValueKind::Text(text) => Some((text.plain.clone(), text.span)),
        ValueKind::Code(_)
        | ValueKind::Number(_)
        | ValueKind::Duration(_)
        | ValueKind::Expression(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => None,
    }
}

/// Returns the words of a list, or the only word.
pub(super) fn words(value: &Value) -> Vec<(String, Span)> {
    match &value.kind {
        ValueKind::List(list) => list.items.iter().filter_map(|item| word(&item.value)).collect(),
        _ => word(value).into_iter().collect(),
    }
}

/// Returns whether the attribute called `key` is there and set to `wanted`.
pub(super) fn is_word(attributes: &[Attribute], key: &str, wanted: &str) -> bool {
    value(attributes, key)
        .and_then(word)
        .is_some_and(|(word, _)| word == wanted)
}

/// Returns the name that a value is, bare or quoted.
pub(super) fn as_name(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::Path(path) => path.single(),
        ValueKind::Text(text) => Some(&text.plain),
        ValueKind::Code(_)
        | ValueKind::Number(_)
        | ValueKind::Duration(_)
        | ValueKind::Expression(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => None,
    }
}
