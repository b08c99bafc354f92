//! In which order come the items of a list?

use std::cmp::Ordering;

use cofferdam_plugin::{Failure, Value, action, data};

use crate::order::compare;
use crate::path::Path;

/// One path, or several of which the first one that differs decides.
#[data]
#[derive(Eq)]
#[serde(untagged)]
pub(crate) enum Keys {
    /// One path.
    One(String),
    /// Several paths.
    Several(Vec<String>),
}

impl Keys {
    pub(crate) fn paths(self) -> Result<Vec<Path>, Failure> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        };
        texts.iter().map(|text| Path::new(text)).collect()
    }
}

/// A list and its length.
#[data]
#[derive(Eq)]
pub(crate) struct Items {
    pub(crate) items: Vec<Value>,
    pub(crate) count: usize,
}

impl From<Vec<Value>> for Items {
    fn from(items: Vec<Value>) -> Self {
        Self {
            count: items.len(),
            items,
        }
    }
}

/// Sorts a list; items that are equal keep their order, items without a value come last.
#[action(example = { "items": [{ "n": 1 }, { "n": 3 }], "by": "n", "descending": true, "limit": 1 })]
pub(crate) fn sort(
    /// The items.
    items: Vec<Value>,
    /// Path of the value to sort by, or several; the item itself if it is left out.
    by: Option<Keys>,
    /// Whether the largest comes first.
    #[serde(default)]
    descending: bool,
    /// At most this many items are handed on.
    limit: Option<usize>,
) -> Result<Items, Failure> {
    let paths = by.unwrap_or(Keys::One(String::new())).paths()?;
    let key = |item: &Value| -> Vec<Value> {
        paths
            .iter()
            .map(|path| path.first(item).cloned().unwrap_or(Value::Null))
            .collect()
    };
    let mut items: Vec<(Vec<Value>, Value)> = items.into_iter().map(|item| (key(&item), item)).collect();
    items.sort_by(|(left, _), (right, _)| {
        let pairs = left.iter().zip(right);
        pairs
            .map(|(left, right)| compare_keys(left, right, descending))
            .find(|it| it.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    let sorted = items
        .into_iter()
        .map(|(_, item)| item)
        .take(limit.unwrap_or(usize::MAX));
    Ok(sorted.collect::<Vec<_>>().into())
}

fn compare_keys(left: &Value, right: &Value, descending: bool) -> Ordering {
    match (left.is_null(), right.is_null()) {
        (false, false) if descending => compare(right, left),
        (false, false) => compare(left, right),
        (left, right) => left.cmp(&right),
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn sorted(params: Value) -> Value {
        plugin().call("sort", params, &Context::for_test()).unwrap()["items"].clone()
    }

    // row C29
    #[test]
    fn items_are_sorted_by_one_key_or_several() {
        let items = json!([{ "a": 2, "b": "x" }, { "a": 10, "b": "y" }, { "b": "z" }, { "a": 2, "b": "a" }]);
        let by = |by: Value, descending: bool| sorted(json!({ "items": items, "by": by, "descending": descending }));
        let names = |items: Value| {
            items
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["b"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(by(json!("a"), false)), ["x", "a", "y", "z"]);
        assert_eq!(names(by(json!("a"), true)), ["y", "x", "a", "z"]);
        assert_eq!(names(by(json!(["a", "b"]), false)), ["a", "x", "y", "z"]);
    }

    // row C29
    #[test]
    fn plain_values_are_sorted_and_limited() {
        assert_eq!(sorted(json!({ "items": [3, 1, null, 2], "limit": 2 })), json!([1, 2]));
        assert_eq!(sorted(json!({ "items": [] })), json!([]));
    }
}
