//! Which of two values comes first?

use std::cmp::Ordering;

use cofferdam_plugin::Value;

/// Compares values: first `null`, then `false` and `true`, numbers, texts, lists, objects.
pub(crate) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(_), Value::Number(_)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => {
            let different = left
                .iter()
                .zip(right)
                .map(|(left, right)| compare(left, right))
                .find(|it| it.is_ne());
            different.unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        (Value::Object(left), Value::Object(right)) => {
            let entry = |left: (&String, &Value), right: (&String, &Value)| {
                left.0.cmp(right.0).then_with(|| compare(left.1, right.1))
            };
            let different = left
                .iter()
                .zip(right)
                .map(|(left, right)| entry(left, right))
                .find(|it| it.is_ne());
            different.unwrap_or_else(|| left.len().cmp(&right.len()))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

fn compare_numbers(left: &Value, right: &Value) -> Ordering {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => left.cmp(&right),
        // JSON has no number that is none, so numbers are always in an order.
        _ => left
            .as_f64()
            .unwrap_or_default()
            .total_cmp(&right.as_f64().unwrap_or_default()),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Value, json};

    use super::compare;

    #[test]
    fn every_value_has_a_place() {
        let sorted =
            json!([null, false, true, -1, 0.5, 1, 9_007_199_254_740_993_i64, "a", "b", [], [1], [2], {}, { "a": 1 }]);
        let sorted = sorted.as_array().unwrap();
        let mut shuffled: Vec<Value> = sorted.iter().rev().cloned().collect();
        shuffled.sort_by(compare);
        assert_eq!(&shuffled, sorted);
        assert!(compare(&json!(1), &json!(1.0)).is_eq());
    }
}
