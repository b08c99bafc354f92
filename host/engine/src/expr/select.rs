//! What a value has under a name or at a place, and what was meant if it has nothing there.

use super::arithmetic::with_article;
use super::error::Problem;
use super::suggest;
use super::tree::Node;
use crate::Data;
use std::fmt::Display;

/// Why a value has no such member.
pub(super) enum Missing {
    /// It could have one, but has not.
    Member(Problem),
    /// Its kind has no members like this.
    NoMembers(Problem),
}

/// Returns the member of a map, or the element of a list whose place is written like one (`items.0`); what null has is
/// null.
pub(super) fn member(data: &Data, name: &str, operand: &Node, source: &str) -> Result<Data, Missing> {
    match data {
        Data::Map(entries) => entries.get(name).cloned().ok_or_else(|| {
            let mut problem = Problem::new(format!("there is no member `{name}`"));
            let prefix = format!("{}.", source.get(operand.range.clone()).unwrap_or_default());
            problem.hint = minus_hint(name, &prefix, |name| entries.contains_key(name))
                .or_else(|| {
                    suggest::closest(name, entries.keys().map(|key| &**key))
                        .map(|known| format!("did you mean `{known}`?"))
                })
                .or_else(|| Some(known_members(entries.keys().map(|key| &**key), name)));
            Missing::Member(problem)
        }),
        Data::Null => Ok(Data::Null),
        Data::List(items) if is_place(name) => at(items, name.parse().ok(), name, format!("x.?{name}")),
        Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::Text(_) | Data::List(_) => {
            let mut problem = Problem::new(format!("{} has no member `{name}`", with_article(data)));
            if matches!(name, "length" | "size" | "count") {
                problem = problem.hint("write `size(x)`");
            } else if matches!(data, Data::List(_)) {
                problem = problem.hint(format!("take an element, `x[0].{name}`, or all: `x.map(i, i.{name})`"));
            } else if matches!(data, Data::Text(_)) {
                problem = problem.hint("a text that holds JSON becomes a value by `parse_json(x)`");
            }
            Err(Missing::NoMembers(problem))
        }
    }
}

/// Returns the element of a list or the member of a map.
pub(super) fn element(data: &Data, key: &Data, operand: &Node, source: &str) -> Result<Data, Missing> {
    match (data, key) {
        (Data::Null, _) => Ok(Data::Null),
        (_, Data::Text(name)) if !matches!(data, Data::List(_)) => member(data, name, operand, source),
        (Data::List(items), Data::Int(index)) => at(items, usize::try_from(*index).ok(), index, format!("x[?{index}]")),
        (Data::List(_), other) => Err(Missing::NoMembers(Problem::new(format!(
            "an element of a list has an int as its place, not {}",
            with_article(other)
        )))),
        (Data::Map(_), other) => Err(Missing::NoMembers(not_a_key(other))),
        (other, _) => Err(Missing::NoMembers(Problem::new(format!(
            "{} has no elements",
            with_article(other)
        )))),
    }
}

/// Returns whether a name after a dot is the place of an element.
fn is_place(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the element at `index`, which was written as `shown`; `optional` is how to write that it may be missing.
fn at(items: &[Data], index: Option<usize>, shown: impl Display, optional: String) -> Result<Data, Missing> {
    let found = index.and_then(|index| items.get(index)).cloned();
    found.ok_or_else(|| {
        let shown = shown.to_string();
        let problem = Problem::new(format!("there is no element {shown} in a list of {}", items.len()));
        Missing::Member(if shown.starts_with('-') {
            problem.hint("the last one is `x[size(x) - 1]`")
        } else {
            problem.hint(format!("if it may be missing write `{optional}`"))
        })
    })
}

pub(super) fn not_a_key(key: &Data) -> Problem {
    Problem::new(format!("the key of a map is a text, not {}", with_article(key)))
}

/// Returns the advice for a name like `n-1` where `n` is known (LANGUAGE rule R5).
pub(super) fn minus_hint(name: &str, prefix: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    name.match_indices('-')
        .find(|(at, _)| is_known(&name[..*at]))
        .map(|(at, _)| {
            format!(
                "for minus write `{prefix}{} - {}`",
                &name[..at],
                name[at..].trim_start_matches('-')
            )
        })
}

fn known_members<'k>(keys: impl ExactSizeIterator<Item = &'k str>, missing: &str) -> String {
    const SHOWN: usize = 8;
    let count = keys.len();
    let shown: Vec<&str> = keys.take(SHOWN).collect();
    let members = match count {
        0 => "the map is empty".to_owned(),
        1..=SHOWN => format!("its members are {}", shown.join(", ")),
        _ => format!("its members are {}, ..", shown.join(", ")),
    };
    format!("{members}; if it may be missing write `.?{missing}`")
}
