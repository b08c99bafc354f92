//! What the operators of numbers, texts and lists give.

use super::budget::Budget;
use super::compare;
use super::error::Problem;
use super::tree::Operator;
use crate::Data;
use std::cmp::Ordering;
use std::sync::Arc;

/// Applies an operator to its operands.
pub(super) fn apply(operator: Operator, left: &Data, right: &Data, budget: &mut Budget) -> Result<Data, Problem> {
    match operator {
        Operator::Add => add(left, right, budget),
        Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
            calculate(operator, left, right)
        }
        Operator::Equal => compare::equal(left, right, budget).map(Data::Bool),
        Operator::NotEqual => compare::equal(left, right, budget).map(|equal| Data::Bool(!equal)),
        Operator::Less => ordered(left, right, Ordering::is_lt),
        Operator::LessOrEqual => ordered(left, right, Ordering::is_le),
        Operator::Greater => ordered(left, right, Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(left, right, Ordering::is_ge),
        Operator::In => contains(right, left, budget).map(Data::Bool),
    }
}

/// Returns `-operand`.
pub(super) fn negate(operand: &Data) -> Result<Data, Problem> {
    match operand {
        Data::Int(int) => int.checked_neg().map(Data::Int).ok_or_else(overflow),
        Data::Double(double) => Ok(Data::Double(-double)),
        other => Err(no_number("-", other)),
    }
}

/// Returns whether a list holds `item` or a map the key `item`.
pub(super) fn contains(container: &Data, item: &Data, budget: &mut Budget) -> Result<bool, Problem> {
    match (container, item) {
        (Data::List(items), _) => {
            for element in items.iter() {
                budget.step()?;
                if compare::equal(element, item, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Data::Map(entries), Data::Text(key)) => Ok(entries.contains_key(&**key)),
        (Data::Map(_) | Data::Null, _) => Ok(false),
        (Data::Text(_), Data::Text(_)) => {
            Err(Problem::new("`in` looks into a list or a map, not into a text").hint("write `text.contains(part)`"))
        }
        (Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::Text(_), _) => Err(Problem::new(format!(
            "`in` looks into a list or a map, not into {}",
            with_article(container)
        ))),
    }
}

/// Returns the kind of a value with its article, for messages.
pub(super) fn with_article(data: &Data) -> String {
    match data {
        Data::Null => "null".to_owned(),
        Data::Int(_) => "an int".to_owned(),
        other => format!("a {}", other.kind()),
    }
}

fn ordered(left: &Data, right: &Data, accepts: fn(Ordering) -> bool) -> Result<Data, Problem> {
    // A comparison with what is missing is false (LANGUAGE rule R21).
    if left.is_null() || right.is_null() {
        return Ok(Data::Bool(false));
    }
    compare::order(left, right).map(|order| Data::Bool(accepts(order)))
}

fn add(left: &Data, right: &Data, budget: &mut Budget) -> Result<Data, Problem> {
    match (left, right) {
        (Data::Text(a), Data::Text(b)) => {
            budget.produce(a.len() + b.len())?;
            Ok(Data::from([&**a, &**b].concat()))
        }
        (Data::List(a), Data::List(b)) => {
            budget.include(left)?;
            budget.include(right)?;
            Ok(Data::List(Arc::new(a.iter().chain(b.iter()).cloned().collect())))
        }
        (Data::Text(_), Data::Int(_) | Data::Double(_) | Data::Bool(_))
        | (Data::Int(_) | Data::Double(_) | Data::Bool(_), Data::Text(_)) => {
            Err(
                Problem::new(format!("cannot add {} and {}", with_article(left), with_article(right)))
                    .hint("write `string(x)` to join it as text, or `int(x)` to calculate with it"),
            )
        }
        _ => calculate(Operator::Add, left, right),
    }
}

fn calculate(operator: Operator, left: &Data, right: &Data) -> Result<Data, Problem> {
    match (left, right) {
        (Data::Int(a), Data::Int(b)) => integers(operator, *a, *b),
        (Data::Int(_) | Data::Double(_), Data::Int(_) | Data::Double(_)) => {
            doubles(operator, as_double(left), as_double(right))
        }
        (Data::Null, _) | (_, Data::Null) => Err(Problem::new(format!(
            "cannot calculate `{}` with null",
            operator.symbol()
        ))
        .hint("say what counts instead: `x.orValue(0)`")),
        (Data::Int(_) | Data::Double(_), other) | (other, _) => Err(no_number(operator.symbol(), other)),
    }
}

fn integers(operator: Operator, left: i64, right: i64) -> Result<Data, Problem> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide | Operator::Remainder if right == 0 => return Err(by_zero()),
        Operator::Divide => left.checked_div(right),
        // The remainder by -1 is 0, also where the quotient has no place.
        _ => Some(left.wrapping_rem(right)),
    };
    result.map(Data::Int).ok_or_else(overflow)
}

fn doubles(operator: Operator, left: f64, right: f64) -> Result<Data, Problem> {
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right == 0.0 => return Err(by_zero()),
        Operator::Divide => left / right,
        _ => return Err(Problem::new("`%` is for integers").hint("write `int(x) % int(y)`")),
    };
    Data::double(result).ok_or_else(|| Problem::new("the number is too large"))
}

fn as_double(data: &Data) -> f64 {
    match data {
        Data::Int(int) => *int as f64,
        Data::Double(double) => *double,
        // Only called with numbers.
        Data::Null | Data::Bool(_) | Data::Text(_) | Data::List(_) | Data::Map(_) => f64::NAN,
    }
}

fn by_zero() -> Problem {
    Problem::new("division by zero").blame_last_operand()
}

fn overflow() -> Problem {
    Problem::new("the integer does not fit 64 bits").hint("calculate with doubles: `double(x)`")
}

fn no_number(symbol: &str, data: &Data) -> Problem {
    let problem = Problem::new(format!("cannot calculate `{symbol}` with {}", with_article(data)));
    match data {
        Data::Text(_) => problem.hint("write `int(x)` or `double(x)` for the number in a text"),
        Data::Null => problem.hint("say what counts instead: `x.orValue(0)`"),
        Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::List(_) | Data::Map(_) => problem,
    }
}
