//! Which items of a list fulfil conditions?

use cofferdam_plugin::{Failure, Value, action, data};

use crate::condition::{Condition, Operator, Prepared};

/// How several conditions go together.
#[data]
#[derive(Copy, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Logic {
    /// All must hold.
    #[default]
    And,
    /// One must hold.
    Or,
}

/// The items that were kept.
#[data]
#[derive(Eq)]
pub(crate) struct Filtered {
    items: Vec<Value>,
    count: usize,
    /// How many items were left out.
    dropped: usize,
}

/// Keeps the items that fulfil one condition or several.
#[action(example = { "items": [{ "n": 1 }, { "n": 5 }], "field": "n", "op": ">", "value": 2 })]
pub(crate) fn filter(
    /// The items.
    items: Vec<Value>,
    /// Path of the value that is compared; for a single condition.
    field: Option<String>,
    /// How it is compared.
    op: Option<Operator>,
    /// What it is compared with.
    value: Option<Value>,
    /// Several conditions, instead of `field`, `op` and `value`.
    conditions: Option<Vec<Condition>>,
    /// Whether all conditions must hold (`and`) or one (`or`).
    #[serde(default)]
    logic: Logic,
) -> Result<Filtered, Failure> {
    let conditions = match (conditions, field.is_some() || op.is_some() || value.is_some()) {
        (Some(conditions), false) => conditions,
        (None, true) => {
            vec![Condition::new(
                field.unwrap_or_default(),
                op.unwrap_or_default(),
                value.unwrap_or(Value::Null),
            )]
        }
        _ => {
            return Err(Failure::invalid_input(
                "give either `conditions`, or `field`, `op` and `value`",
            ));
        }
    };
    let conditions = conditions
        .into_iter()
        .map(Condition::prepare)
        .collect::<Result<Vec<Prepared>, _>>()?;
    let before = items.len();
    let keeps = |item: &Value| match logic {
        Logic::And => conditions.iter().all(|condition| condition.holds(item)),
        Logic::Or => conditions.iter().any(|condition| condition.holds(item)),
    };
    let items: Vec<Value> = items.into_iter().filter(keeps).collect();
    Ok(Filtered {
        count: items.len(),
        dropped: before - items.len(),
        items,
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn filtered(params: Value) -> Result<Value, String> {
        plugin()
            .call("filter", params, &Context::for_test())
            .map_err(|failure| failure.message().to_owned())
    }

    // row C29
    #[test]
    fn one_condition_or_several() {
        let items = json!([{ "n": 1, "t": "a" }, { "n": 5, "t": "b" }, { "t": "a" }]);
        let one = filtered(json!({ "items": items, "field": "n", "op": ">=", "value": 1 })).unwrap();
        assert_eq!((&one["count"], &one["dropped"]), (&json!(2), &json!(1)));
        let conditions = json!([{ "field": "t", "value": "a" }, { "field": "n", "op": "not-empty" }]);
        let both = filtered(json!({ "items": items, "conditions": conditions })).unwrap();
        assert_eq!(both["items"], json!([{ "n": 1, "t": "a" }]));
        let either = filtered(json!({ "items": items, "conditions": conditions, "logic": "or" })).unwrap();
        assert_eq!(either["count"], 3);
        assert_eq!(
            filtered(json!({ "items": [0, 1], "op": "equals", "value": 1 })).unwrap()["items"],
            json!([1])
        );
    }

    #[test]
    fn conditions_must_make_sense() {
        assert!(filtered(json!({ "items": [] })).unwrap_err().starts_with("give either"));
        let unknown = filtered(json!({ "items": [], "conditions": [{ "fild": "x" }] })).unwrap_err();
        assert!(
            unknown.contains("`conditions[0]") && unknown.contains("unknown field `fild`"),
            "{unknown}"
        );
        assert!(
            filtered(json!({ "items": [], "op": "in", "value": 1 }))
                .unwrap_err()
                .contains("a list")
        );
    }
}
