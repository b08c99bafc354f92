//! Which of two values is greater, and whether they are equal.

use super::budget::Budget;
use super::error::Problem;
use crate::Data;
use std::cmp::Ordering;
use std::sync::Arc;

/// Returns whether the values are equal; values of different kinds are not, whole doubles equal integers.
pub(super) fn equal(left: &Data, right: &Data, budget: &mut Budget) -> Result<bool, Problem> {
    match (left, right) {
        (Data::List(a), Data::List(b)) => {
            if Arc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                budget.step()?;
                if !equal(a, b, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Data::Map(a), Data::Map(b)) => {
            if Arc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.len() != b.len() {
                return Ok(false);
            }
            for ((a_key, a), (b_key, b)) in a.iter().zip(b.iter()) {
                budget.step()?;
                if a_key != b_key || !equal(a, b, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Data::Text(a), Data::Text(b)) => {
            budget.scan(a.len().min(b.len()))?;
            Ok(a == b)
        }
        _ => Ok(left == right),
    }
}

/// Returns how two numbers, texts or booleans are ordered.
pub(super) fn order(left: &Data, right: &Data) -> Result<Ordering, Problem> {
    match (left, right) {
        (Data::Text(a), Data::Text(b)) => Ok(a.cmp(b)),
        (Data::Bool(a), Data::Bool(b)) => Ok(a.cmp(b)),
        (Data::Int(_) | Data::Double(_), Data::Int(_) | Data::Double(_)) => Ok(order_numbers(left, right)),
        _ => {
            let (a, b) = (left.kind(), right.kind());
            if a == b {
                Err(Problem::new(format!("values of the kind {a} have no order")))
            } else {
                Err(Problem::new(format!("cannot compare {a} with {b}"))
                    .hint("convert one: `int(x)`, `double(x)`, `string(x)`"))
            }
        }
    }
}

/// Returns an order of all values in which exactly the equal ones are equal.
pub(super) fn total(left: &Data, right: &Data) -> Ordering {
    match (left, right) {
        (Data::Int(_) | Data::Double(_), Data::Int(_) | Data::Double(_)) => order_numbers(left, right),
        (Data::Text(a), Data::Text(b)) => a.cmp(b),
        (Data::Bool(a), Data::Bool(b)) => a.cmp(b),
        (Data::List(a), Data::List(b)) => a
            .iter()
            .zip(b.iter())
            .map(|(a, b)| total(a, b))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.len().cmp(&b.len())),
        (Data::Map(a), Data::Map(b)) => a
            .iter()
            .zip(b.iter())
            .map(|((a_key, a), (b_key, b))| a_key.cmp(b_key).then_with(|| total(a, b)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.len().cmp(&b.len())),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn rank(data: &Data) -> u8 {
    match data {
        Data::Null => 0,
        Data::Bool(_) => 1,
        Data::Int(_) | Data::Double(_) => 2,
        Data::Text(_) => 3,
        Data::List(_) => 4,
        Data::Map(_) => 5,
    }
}

/// Orders numbers by what they say, without rounding integers to doubles.
fn order_numbers(left: &Data, right: &Data) -> Ordering {
    match (left, right) {
        (Data::Int(a), Data::Int(b)) => a.cmp(b),
        (Data::Double(a), Data::Double(b)) => a.partial_cmp(b).unwrap_or_else(|| a.total_cmp(b)),
        (Data::Int(int), Data::Double(double)) => order_mixed(*int, *double),
        (Data::Double(double), Data::Int(int)) => order_mixed(*int, *double).reverse(),
        // Only called with numbers.
        _ => Ordering::Equal,
    }
}

fn order_mixed(int: i64, double: f64) -> Ordering {
    // 2^63: at and beyond it no integer is greater.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if double >= LIMIT {
        return Ordering::Less;
    }
    if double < -LIMIT {
        return Ordering::Greater;
    }
    let whole = double.trunc();
    int.cmp(&(whole as i64))
        .then_with(|| whole.partial_cmp(&double).unwrap_or(Ordering::Less))
}
