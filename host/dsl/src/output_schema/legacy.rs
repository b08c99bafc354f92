//! How older schema files write the expression of a marker: `findings[severity == critical].length > 0`.
//!
//! One comparison: `FIELD == VALUE`, `FIELD < NUMBER`, `FIELD.length > NUMBER` or `FIELD[SUBFIELD == VALUE].length > NUMBER`,
//! where a value is a bare word. What the output does not have makes it false.

use super::marker::{MarkerProblem, unknown_field};
use super::{Field, FieldKind};
use crate::diagnostic::did_you_mean;
use cofferdam_engine::Expression;
use cofferdam_engine::expr::Node;
use regex::{Captures, Regex};
use std::ops::Range;
use std::sync::LazyLock;

/// A word with its place in the text.
#[derive(Debug)]
pub(super) struct Word<'t> {
    text: &'t str,
    range: Range<usize>,
}

/// An expression in the older syntax.
#[derive(Debug)]
pub(super) enum Legacy<'t> {
    /// A field and a bare word.
    Equals { field: Word<'t>, value: Word<'t> },
    /// A field and a number.
    Compares {
        field: Word<'t>,
        operator: &'t str,
        number: Word<'t>,
    },
    /// The length of a list or text, or of those items of a list whose subfield has a value.
    Length {
        field: Word<'t>,
        filter: Option<(Word<'t>, Word<'t>)>,
        operator: &'t str,
        number: &'t str,
    },
}

fn word<'t>(captures: &Captures<'t>, group: &str) -> Option<Word<'t>> {
    let found = captures.name(group)?;
    Some(Word {
        text: found.as_str(),
        range: found.range(),
    })
}

fn part<'t>(captures: &Captures<'t>, group: &str) -> &'t str {
    captures.name(group).map_or("", |found| found.as_str())
}

/// Returns what `text` means in the older syntax; nothing if it is not written in it, or means the same in the other.
pub(super) fn read<'t>(text: &'t str, fields: &[Field]) -> Option<Legacy<'t>> {
    static LENGTH: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^\s*(?<field>[\w-]+)\s*(?:\[\s*(?<sub>[\w-]+)\s*==\s*(?<value>[\w./-]+(?: +[\w./-]+)*)\s*\])?\s*\.length\s*(?<operator>==|<|>)\s*(?<number>\d+)\s*$",
        )
        .expect("a constant pattern")
    });
    static EQUALS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*(?<field>[\w-]+)\s*==\s*(?<value>[\w./-]+(?: +[\w./-]+)*)\s*$").expect("a constant pattern")
    });
    static COMPARES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\s*(?<field>[\w-]+)\s*(?<operator><|>)\s*(?<number>-?\d+(?:\.\d+)?)\s*$")
            .expect("a constant pattern")
    });
    if let Some(found) = LENGTH.captures(text) {
        return Some(Legacy::Length {
            field: word(&found, "field")?,
            filter: word(&found, "sub").zip(word(&found, "value")),
            operator: part(&found, "operator"),
            number: part(&found, "number"),
        });
    }
    if let Some(found) = COMPARES.captures(text) {
        return Some(Legacy::Compares {
            field: word(&found, "field")?,
            operator: part(&found, "operator"),
            number: word(&found, "number")?,
        });
    }
    let found = EQUALS.captures(text)?;
    let value = word(&found, "value")?;
    // Two fields are compared in the syntax of workflows only.
    if fields.iter().any(|field| field.name == value.text) {
        return None;
    }
    Some(Legacy::Equals {
        field: word(&found, "field")?,
        value,
    })
}

impl Legacy<'_> {
    /// Returns the same in the syntax of workflows.
    pub(super) fn translate(self, fields: &[Field]) -> Result<Expression, MarkerProblem> {
        let text = match &self {
            Self::Equals { field, value } => {
                let known = find(field, fields)?;
                let literal = literal(value, &known.kind)?;
                format!("output{} == {literal}", member(field.text))
            }
            Self::Compares {
                field,
                operator,
                number,
            } => {
                let known = find(field, fields)?;
                if !matches!(known.kind, FieldKind::Number) {
                    return Err(wrong(
                        field,
                        &format!("`{}` is {}, not a number", field.text, phrase(&known.kind)),
                    ));
                }
                format!("output{} {operator} {}", member(field.text), number.text)
            }
            Self::Length {
                field,
                filter: None,
                operator,
                number,
            } => {
                let known = find(field, fields)?;
                let nothing = match known.kind {
                    FieldKind::List(_) => "[]",
                    FieldKind::Text | FieldKind::Enum(_) => "''",
                    FieldKind::Number | FieldKind::Boolean | FieldKind::Map(_) => {
                        return Err(wrong(
                            field,
                            &format!("`{}` is {}, which has no length", field.text, phrase(&known.kind)),
                        ));
                    }
                };
                // Without the field there is no length, not one of 0.
                let member = member(field.text);
                format!("output{member} != null && size(output{member}.orValue({nothing})) {operator} {number}")
            }
            Self::Length {
                field,
                filter: Some((sub, value)),
                operator,
                number,
            } => {
                let item = match &find(field, fields)?.kind {
                    FieldKind::List(item) => item.as_deref(),
                    other => {
                        return Err(wrong(
                            field,
                            &format!("`{}` is {}, not a list", field.text, phrase(other)),
                        ));
                    }
                };
                let text = match item {
                    Some(FieldKind::Map(inner)) if !inner.is_empty() => literal(value, &find(sub, inner)?.kind)?,
                    None | Some(FieldKind::Map(_)) => quoted(value.text),
                    Some(other) => {
                        return Err(wrong(
                            sub,
                            &format!("an item of `{}` is {}, not a map", field.text, phrase(other)),
                        ));
                    }
                };
                let (list, sub) = (member(field.text), member(sub.text));
                format!(
                    "output{list} != null && size(output{list}.orValue([]).filter(item, item{sub} == {text})) {operator} {number}"
                )
            }
        };
        Expression::parse(&text).map_err(|error| MarkerProblem {
            range: 0..0,
            message: error.message,
            help: error.hint,
            mend: None,
        })
    }
}

fn find<'f>(word: &Word<'_>, fields: &'f [Field]) -> Result<&'f Field, MarkerProblem> {
    let found = fields.iter().find(|field| field.name == word.text);
    found.ok_or_else(|| unknown_field(word.text, word.range.clone(), fields))
}

fn wrong(word: &Word<'_>, message: &str) -> MarkerProblem {
    MarkerProblem {
        range: word.range.clone(),
        message: message.to_owned(),
        help: None,
        mend: None,
    }
}

/// Returns how a bare word is written as a value of a field.
fn literal(value: &Word<'_>, kind: &FieldKind) -> Result<String, MarkerProblem> {
    let unfit = |kind: &str| MarkerProblem {
        range: value.range.clone(),
        message: format!("`{}` is never equal to {kind}", value.text),
        help: Some(format!("compare it with {kind}")),
        mend: None,
    };
    match kind {
        FieldKind::Boolean if matches!(value.text, "true" | "false") => Ok(value.text.to_owned()),
        FieldKind::Boolean => Err(unfit("true or false")),
        FieldKind::Number => match value.text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(value.text.to_owned()),
            _ => Err(unfit("a number")),
        },
        FieldKind::Text => Ok(quoted(value.text)),
        FieldKind::Enum(options) if options.iter().any(|option| option == value.text) => Ok(quoted(value.text)),
        FieldKind::Enum(options) => {
            let meant = did_you_mean(value.text, options.iter().map(String::as_str));
            Err(MarkerProblem {
                range: value.range.clone(),
                message: format!("it is never `{}`, so that the marker would never be set", value.text),
                help: Some(match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it is one of {}", options.join(", ")),
                }),
                mend: meant.map(str::to_owned),
            })
        }
        FieldKind::List(_) => Err(unfit("a list")),
        FieldKind::Map(_) => Err(unfit("a map")),
    }
}

fn quoted(text: &str) -> String {
    format!("'{text}'")
}

/// Returns how a member is selected that may be missing.
fn member(name: &str) -> String {
    let is_name =
        |expression: Expression| matches!(expression.tree(), Node { range, .. } if range.len() == name.len() + 3);
    let is_plain = Expression::parse(&format!("x.?{name}")).is_ok_and(is_name);
    if is_plain && !name.starts_with(|c: char| c.is_ascii_digit()) {
        format!(".?{name}")
    } else {
        format!("[?'{name}']")
    }
}

fn phrase(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Text | FieldKind::Enum(_) => "a text",
        FieldKind::Number => "a number",
        FieldKind::Boolean => "true or false",
        FieldKind::List(_) => "a list",
        FieldKind::Map(_) => "a map",
    }
}
