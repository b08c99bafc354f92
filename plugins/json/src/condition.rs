//! Does an item fulfil a condition?

use cofferdam_plugin::{Failure, Value, data};

use crate::order::compare;
use crate::path::Path;

/// How a value is compared.
#[data]
#[derive(Copy, Eq, Default)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operator {
    /// The values are equal.
    #[default]
    #[serde(alias = "==")]
    Equals,
    /// The values differ.
    #[serde(alias = "!=")]
    NotEquals,
    /// The value is greater.
    #[serde(alias = ">")]
    Greater,
    /// The value is greater or equal.
    #[serde(alias = ">=")]
    GreaterOrEqual,
    /// The value is less.
    #[serde(alias = "<")]
    Less,
    /// The value is less or equal.
    #[serde(alias = "<=")]
    LessOrEqual,
    /// A text has the other in it, a list has the item, an object has the key.
    Contains,
    /// The opposite of `contains`.
    NotContains,
    /// A text starts with the other.
    StartsWith,
    /// A text ends with the other.
    EndsWith,
    /// The value is one of a list.
    In,
    /// There is nothing, `null`, or an empty text, list or object.
    Empty,
    /// There is something.
    NotEmpty,
}

/// One comparison.
#[data]
#[derive(Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// Path of the value that is compared; the item itself if it is left out.
    #[serde(default)]
    field: String,
    /// How it is compared.
    #[serde(default)]
    op: Operator,
    /// What it is compared with.
    #[serde(default)]
    value: Value,
}

/// A condition whose path is known to make sense.
pub(crate) struct Prepared {
    path: Path,
    op: Operator,
    value: Value,
}

impl Condition {
    pub(crate) fn new(field: String, op: Operator, value: Value) -> Self {
        Self { field, op, value }
    }

    pub(crate) fn prepare(self) -> Result<Prepared, Failure> {
        if matches!(self.op, Operator::In) && !self.value.is_array() {
            return Err(Failure::invalid_input("the operator `in` compares with a list"));
        }
        Ok(Prepared {
            path: Path::new(&self.field)?,
            op: self.op,
            value: self.value,
        })
    }
}

impl Prepared {
    /// Returns whether an item fulfils the condition. What is missing or `null` fulfils only the negative ones.
    pub(crate) fn holds(&self, item: &Value) -> bool {
        let found = self.path.first(item).filter(|value| !value.is_null());
        match self.op {
            Operator::Empty => found.is_none_or(is_empty),
            Operator::NotEmpty => !found.is_none_or(is_empty),
            Operator::NotEquals => !self.equals(found),
            Operator::NotContains => !found.is_some_and(|value| contains(value, &self.value)),
            Operator::Equals => self.equals(found),
            _ => found.is_some_and(|value| self.compares(value)),
        }
    }

    fn equals(&self, found: Option<&Value>) -> bool {
        match found {
            None => self.value.is_null(),
            Some(value) => compare(value, &self.value).is_eq(),
        }
    }

    fn compares(&self, value: &Value) -> bool {
        let same_kind = std::mem::discriminant(value) == std::mem::discriminant(&self.value);
        let order = compare(value, &self.value);
        match self.op {
            Operator::Greater => same_kind && order.is_gt(),
            Operator::GreaterOrEqual => same_kind && order.is_ge(),
            Operator::Less => same_kind && order.is_lt(),
            Operator::LessOrEqual => same_kind && order.is_le(),
            Operator::Contains => contains(value, &self.value),
            Operator::StartsWith => texts(value, &self.value).is_some_and(|(text, start)| text.starts_with(start)),
            Operator::EndsWith => texts(value, &self.value).is_some_and(|(text, end)| text.ends_with(end)),
            Operator::In => contains(&self.value, value),
            Operator::Equals | Operator::NotEquals | Operator::NotContains | Operator::Empty | Operator::NotEmpty => {
                false
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn contains(container: &Value, wanted: &Value) -> bool {
    match (container, wanted) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(list), wanted) => list.iter().any(|item| compare(item, wanted).is_eq()),
        (Value::Object(map), Value::String(key)) => map.contains_key(key),
        _ => false,
    }
}

fn texts<'a>(left: &'a Value, right: &'a Value) -> Option<(&'a str, &'a str)> {
    left.as_str().zip(right.as_str())
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn holds(item: Value, condition: Value) -> bool {
        let params = json!({ "items": [item], "conditions": [condition] });
        plugin().call("filter", params, &Context::for_test()).unwrap()["count"] == 1
    }

    // row C29
    #[test]
    fn operators_and_what_is_missing() {
        let item = json!({ "n": 5, "f": 5.0, "t": "abc", "l": [1, "x"], "e": "", "nil": null, "b": false });
        for (field, op, value, expected) in [
            ("n", "==", json!(5.0), true),
            ("f", "equals", json!(5), true),
            ("n", "!=", json!(6), true),
            ("n", ">", json!(4), true),
            ("n", ">=", json!(5), true),
            ("n", "<", json!(5), false),
            ("n", "<=", json!("9"), false),
            ("t", "contains", json!("b"), true),
            ("l", "contains", json!("x"), true),
            ("l", "not-contains", json!(2), true),
            ("t", "starts-with", json!("ab"), true),
            ("t", "ends-with", json!("ab"), false),
            ("n", "in", json!([4, 5]), true),
            ("e", "empty", json!(null), true),
            ("b", "empty", json!(null), false),
            ("nil", "not-empty", json!(null), false),
            ("x", "empty", json!(null), true),
            ("x", "equals", json!(5), false),
            ("x", "equals", json!(null), true),
            ("nil", "equals", json!(null), true),
            ("x", "not-equals", json!(5), true),
            ("x", "<", json!(5), false),
            ("x", "not-contains", json!("a"), true),
        ] {
            let condition = json!({ "field": field, "op": op, "value": value });
            assert_eq!(holds(item.clone(), condition.clone()), expected, "{condition}");
        }
    }
}
