//! What the functions of lists give.

use super::Work;
use crate::Data;
use crate::expr::arithmetic::{self, with_article};
use crate::expr::compare;
use crate::expr::error::Problem;
use crate::expr::tree::Operator;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

type Outcome = Result<Data, Problem>;

pub(super) fn size(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let size = match arguments {
        [Data::Text(text)] => {
            work.budget.scan(text.len())?;
            text.chars().count()
        }
        [Data::List(items)] => items.len(),
        [Data::Map(entries)] => entries.len(),
        _ => return Err(unexpected("size")),
    };
    i64::try_from(size).map(Data::Int).map_err(|_| unexpected("size"))
}

pub(super) fn min(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    extreme(work, arguments, Ordering::Less)
}

pub(super) fn max(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    extreme(work, arguments, Ordering::Greater)
}

fn extreme(work: &mut Work<'_>, arguments: &[Data], wanted: Ordering) -> Outcome {
    let items = match arguments {
        [Data::List(items)] => items.as_slice(),
        several => several,
    };
    work.budget.steps(items.len())?;
    let Some((first, rest)) = items.split_first() else {
        return Ok(Data::Null);
    };
    // A single element has an order too: it must be of a kind that has one.
    compare::order(first, first)?;
    let mut best = first;
    for item in rest {
        if compare::order(item, best)? == wanted {
            best = item;
        }
    }
    Ok(best.clone())
}

pub(super) fn sum(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let items = list("sum", arguments)?;
    let mut sum = Data::Int(0);
    for (index, item) in items.iter().enumerate() {
        work.budget.step()?;
        if !matches!(item, Data::Int(_) | Data::Double(_)) {
            return Err(Problem::new(format!(
                "`sum` needs numbers, element {index} is {}",
                with_article(item)
            )));
        }
        sum = arithmetic::apply(Operator::Add, &sum, item, work.budget)?;
    }
    Ok(sum)
}

pub(super) fn sort(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let items = list("sort", arguments)?;
    work.budget.steps(items.len())?;
    if let Some(first) = items.first() {
        for item in items.iter() {
            compare::order(first, item)?;
        }
    }
    let mut sorted = items.to_vec();
    sorted.sort_by(compare::total);
    Ok(Data::List(Arc::new(sorted)))
}

pub(super) fn distinct(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let items = list("distinct", arguments)?;
    work.budget.steps(items.len())?;
    let mut seen = BTreeSet::new();
    Ok(Data::list(
        items.iter().filter(|item| seen.insert(ByValue(item))).cloned(),
    ))
}

pub(super) fn flatten(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let items = list("flatten", arguments)?;
    let mut flat = Vec::new();
    for item in items.iter() {
        match item {
            Data::List(inner) => {
                work.budget.steps(1 + inner.len())?;
                flat.extend(inner.iter().cloned());
            }
            other => {
                work.budget.step()?;
                flat.push(other.clone());
            }
        }
    }
    Ok(Data::List(Arc::new(flat)))
}

pub(super) fn zip(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let [Data::List(left), Data::List(right)] = arguments else {
        return Err(unexpected("zip"));
    };
    work.budget.steps(left.len().min(right.len()))?;
    Ok(Data::list(
        left.iter()
            .zip(right.iter())
            .map(|(left, right)| Data::list([left.clone(), right.clone()])),
    ))
}

pub(super) fn reverse(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    match arguments {
        [Data::Text(text)] => {
            work.budget.scan(text.len())?;
            Ok(Data::from(text.chars().rev().collect::<String>()))
        }
        [Data::List(items)] => {
            work.budget.steps(items.len())?;
            Ok(Data::list(items.iter().rev().cloned()))
        }
        _ => Err(unexpected("reverse")),
    }
}

pub(super) fn range(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let (start, end) = match arguments {
        [Data::Int(end)] => (0, *end),
        [Data::Int(start), Data::Int(end)] => (*start, *end),
        _ => return Err(unexpected("range")),
    };
    let count = usize::try_from(end.saturating_sub(start).max(0)).unwrap_or(usize::MAX);
    work.budget.steps(count)?;
    Ok(Data::list((start..end).map(Data::Int)))
}

fn list<'a>(name: &str, arguments: &'a [Data]) -> Result<&'a Arc<Vec<Data>>, Problem> {
    match arguments {
        [Data::List(items)] => Ok(items),
        _ => Err(unexpected(name)),
    }
}

fn unexpected(name: &str) -> Problem {
    Problem::new(format!("`{name}` cannot work with these values"))
}

/// A value ordered by [`compare::total`].
struct ByValue<'a>(&'a Data);

impl PartialEq for ByValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for ByValue<'_> {}
impl PartialOrd for ByValue<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for ByValue<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        compare::total(self.0, other.0)
    }
}
