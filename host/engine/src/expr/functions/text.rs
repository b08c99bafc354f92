//! What the functions of texts give.

use super::Work;
use crate::Data;
use crate::expr::arithmetic::{self, with_article};
use crate::expr::error::Problem;
use std::sync::Arc;

type Outcome = Result<Data, Problem>;

/// Bytes that a regular expression looks through for the price of a step: it is slower than a plain search.
const MATCHED_BYTES_PER_STEP: usize = 256;

pub(super) fn contains(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    match arguments {
        [Data::Text(text), Data::Text(part)] => {
            work.budget.scan(text.len())?;
            Ok(Data::Bool(text.contains(&**part)))
        }
        [list @ Data::List(_), item] => arithmetic::contains(list, item, work.budget).map(Data::Bool),
        _ => Err(unexpected("contains", arguments)),
    }
}

pub(super) fn starts_with(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let [text, part] = texts("startsWith", arguments)?;
    Ok(Data::Bool(text.starts_with(part)))
}

pub(super) fn ends_with(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let [text, part] = texts("endsWith", arguments)?;
    Ok(Data::Bool(text.ends_with(part)))
}

pub(super) fn matches(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let [Data::Text(text), Data::Text(pattern)] = arguments else {
        return Err(unexpected("matches", arguments));
    };
    work.budget.steps(text.len() / MATCHED_BYTES_PER_STEP)?;
    Ok(Data::Bool(work.pattern(pattern)?.is_match(text)))
}

pub(super) fn split(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let [text, separator] = texts("split", arguments)?;
    work.budget.scan(text.len())?;
    let mut parts = Vec::new();
    if separator.is_empty() {
        for character in text.chars() {
            work.budget.step()?;
            parts.push(Data::text(character.encode_utf8(&mut [0; 4])));
        }
    } else {
        for part in text.split(separator) {
            work.budget.step()?;
            parts.push(Data::text(part));
        }
    }
    Ok(Data::List(Arc::new(parts)))
}

pub(super) fn join(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let Some(Data::List(items)) = arguments.first() else {
        return Err(unexpected("join", arguments));
    };
    let separator = arguments.get(1).and_then(Data::as_text).unwrap_or("");
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        work.budget.step()?;
        if index > 0 {
            text.push_str(separator);
        }
        match item {
            Data::Text(part) => text.push_str(part),
            Data::Bool(_) | Data::Int(_) | Data::Double(_) => text.push_str(&item.to_json()),
            Data::Null | Data::List(_) | Data::Map(_) => {
                let message = format!("`join` needs texts, element {index} is {}", with_article(item));
                return Err(Problem::new(message).hint("convert them first: `list.map(x, json(x)).join(..)`"));
            }
        }
        work.budget.check_text(text.len())?;
    }
    Ok(Data::from(text))
}

pub(super) fn replace(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let [text, part, replacement] = texts("replace", arguments)?;
    work.budget.scan(text.len())?;
    let occurrences = if part.is_empty() {
        text.chars().count() + 1
    } else {
        text.matches(part).count()
    };
    work.budget.check_text(
        (text.len() - occurrences * part.len()).saturating_add(occurrences.saturating_mul(replacement.len())),
    )?;
    Ok(Data::from(text.replace(part, replacement)))
}

pub(super) fn lower(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    changed("lower", arguments, str::to_lowercase)
}

pub(super) fn upper(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    changed("upper", arguments, str::to_uppercase)
}

pub(super) fn lower_ascii(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    changed("lowerAscii", arguments, str::to_ascii_lowercase)
}

pub(super) fn upper_ascii(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    changed("upperAscii", arguments, str::to_ascii_uppercase)
}

pub(super) fn trim(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    changed("trim", arguments, |text| text.trim().to_owned())
}

pub(super) fn substring(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let (text, start, end) = match arguments {
        [Data::Text(text), Data::Int(start)] => (text, *start, None),
        [Data::Text(text), Data::Int(start), Data::Int(end)] => (text, *start, Some(*end)),
        _ => return Err(unexpected("substring", arguments)),
    };
    work.budget.scan(text.len())?;
    let from = position(text, start)?;
    let to = match end {
        Some(end) => position(text, end)?,
        None => text.len(),
    };
    match text.get(from..to) {
        Some(part) => Ok(Data::text(part)),
        None => Err(Problem::new("the end of a substring is before its start")),
    }
}

pub(super) fn index_of(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let index = match arguments {
        [Data::Text(text), Data::Text(part)] => {
            work.budget.scan(text.len())?;
            text.find(&**part).map(|byte| text[..byte].chars().count())
        }
        [Data::List(items), item] => {
            let mut found = None;
            for (index, element) in items.iter().enumerate() {
                work.budget.step()?;
                if crate::expr::compare::equal(element, item, work.budget)? {
                    found = Some(index);
                    break;
                }
            }
            found
        }
        _ => return Err(unexpected("indexOf", arguments)),
    };
    Ok(Data::Int(
        index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1),
    ))
}

/// Returns the byte at which the character number `index` begins; the one after the last is the end.
fn position(text: &str, index: i64) -> Result<usize, Problem> {
    usize::try_from(index)
        .ok()
        .and_then(|index| text.char_indices().map(|(byte, _)| byte).chain([text.len()]).nth(index))
        .ok_or_else(|| {
            Problem::new(format!(
                "there is no position {index} in a text of {} characters",
                text.chars().count()
            ))
        })
}

fn changed(name: &str, arguments: &[Data], change: impl Fn(&str) -> String) -> Outcome {
    let [text] = texts(name, arguments)?;
    Ok(Data::from(change(text)))
}

/// Returns the arguments if they are exactly `N` texts.
fn texts<'a, const N: usize>(name: &str, arguments: &'a [Data]) -> Result<[&'a str; N], Problem> {
    let mut texts = [""; N];
    if arguments.len() != N {
        return Err(unexpected(name, arguments));
    }
    for (place, argument) in texts.iter_mut().zip(arguments) {
        *place = argument.as_text().ok_or_else(|| unexpected(name, arguments))?;
    }
    Ok(texts)
}

fn unexpected(name: &str, arguments: &[Data]) -> Problem {
    let kinds: Vec<String> = arguments.iter().map(with_article).collect();
    Problem::new(format!("`{name}` cannot work with {}", kinds.join(" and ")))
}
