//! What a value becomes as another kind.

use super::Work;
use crate::Data;
use crate::expr::arithmetic::with_article;
use crate::expr::error::Problem;

type Outcome = Result<Data, Problem>;

pub(super) fn string(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    match arguments {
        [Data::Text(text)] => Ok(Data::Text(text.clone())),
        [other] => Ok(Data::from(other.to_display())),
        _ => Err(unexpected("string")),
    }
}

pub(super) fn int(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    // 2^63: at and beyond it no double is an integer of 64 bits.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match arguments {
        [Data::Int(int)] => Ok(Data::Int(*int)),
        [Data::Double(double)] if (-LIMIT..LIMIT).contains(double) => Ok(Data::Int(*double as i64)),
        [Data::Double(_)] => Err(Problem::new("the number does not fit an integer of 64 bits")),
        [Data::Text(text)] => text.trim().parse().map(Data::Int).map_err(|_| {
            Problem::new("the text is not an integer").hint("for a number with fraction write `double(x)`")
        }),
        [other] => Err(cannot_become(other, "an int")),
        _ => Err(unexpected("int")),
    }
}

pub(super) fn double(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    match arguments {
        [Data::Int(int)] => Ok(Data::Double(*int as f64)),
        [Data::Double(double)] => Ok(Data::Double(*double)),
        [Data::Text(text)] => text
            .trim()
            .parse()
            .ok()
            .and_then(Data::double)
            .ok_or_else(|| Problem::new("the text is not a number")),
        [other] => Err(cannot_become(other, "a double")),
        _ => Err(unexpected("double")),
    }
}

pub(super) fn boolean(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    match arguments {
        [Data::Bool(value)] => Ok(Data::Bool(*value)),
        [Data::Text(text)] if text.trim().eq_ignore_ascii_case("true") => Ok(Data::Bool(true)),
        [Data::Text(text)] if text.trim().eq_ignore_ascii_case("false") => Ok(Data::Bool(false)),
        [Data::Text(_)] => Err(Problem::new("the text is neither `true` nor `false`")),
        [other] => Err(cannot_become(other, "a boolean")),
        _ => Err(unexpected("bool")),
    }
}

pub(super) fn kind(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    arguments
        .first()
        .map(|data| Data::text(data.kind()))
        .ok_or_else(|| unexpected("type"))
}

pub(super) fn has_value(_: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    arguments
        .first()
        .map(|data| Data::Bool(!data.is_null()))
        .ok_or_else(|| unexpected("hasValue"))
}

pub(super) fn json(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let [data] = arguments else {
        return Err(unexpected("json"));
    };
    work.budget.include(data)?;
    Ok(Data::from(data.to_json()))
}

pub(super) fn parse_json(work: &mut Work<'_>, arguments: &[Data]) -> Outcome {
    let [Data::Text(text)] = arguments else {
        return Err(unexpected("parse_json"));
    };
    // Parsing makes a value for every few bytes.
    work.budget.steps(text.len() / 64)?;
    Data::from_json(text, text.len()).map_err(|error| Problem::new(error.to_string()))
}

fn cannot_become(data: &Data, wanted: &str) -> Problem {
    let problem = Problem::new(format!("{} cannot become {wanted}", with_article(data)));
    if data.is_null() {
        problem.hint("say what counts instead: `x.orValue(..)`")
    } else {
        problem
    }
}

fn unexpected(name: &str) -> Problem {
    Problem::new(format!("`{name}` takes one value"))
}
