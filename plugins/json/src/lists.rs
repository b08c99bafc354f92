//! Which items of a list are different, and which come first?

use std::collections::BTreeSet;

use cofferdam_plugin::{Failure, Value, action};

use crate::path::Path;
use crate::sort::{Items, Keys};

/// Keeps the first of the items that are equal, or that have an equal value at a path.
#[action(example = { "items": [1, 2, 1] })]
pub(crate) fn distinct(
    /// The items.
    items: Vec<Value>,
    /// Path of the value that must differ, or several; the item itself if it is left out.
    by: Option<Keys>,
) -> Result<Items, Failure> {
    let paths = by.unwrap_or(Keys::One(String::new())).paths()?;
    Ok(unique(items, &paths).into())
}

/// Keeps some items of a list.
#[action(example = { "items": [1, 2, 3], "count": 2 })]
pub(crate) fn limit(
    /// The items.
    items: Vec<Value>,
    /// How many are kept.
    count: usize,
    /// How many are left out before.
    #[serde(default)]
    offset: usize,
) -> Items {
    items.into_iter().skip(offset).take(count).collect::<Vec<_>>().into()
}

/// Returns the items whose values at the paths did not come before; an item without any of them is kept.
pub(crate) fn unique(items: Vec<Value>, paths: &[Path]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let is_new = |item: &Value| {
        let key: Vec<Option<&Value>> = paths.iter().map(|path| path.first(item)).collect();
        // Objects are sorted by key, so equal values have equal texts.
        key.iter().all(Option::is_none) || seen.insert(serde_text(&key))
    };
    let mut is_new = is_new;
    items.into_iter().filter(|item| is_new(item)).collect()
}

fn serde_text(key: &[Option<&Value>]) -> String {
    key.iter()
        .map(|value| value.map_or_else(|| "-".to_owned(), ToString::to_string))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn items(action: &str, params: Value) -> Value {
        plugin().call(action, params, &Context::for_test()).unwrap()["items"].clone()
    }

    // row C29
    #[test]
    fn the_first_of_equal_items_is_kept() {
        assert_eq!(
            items("distinct", json!({ "items": [1, "1", 1, null, null] })),
            json!([1, "1", null])
        );
        let people = json!([{ "id": 1, "n": "a" }, { "id": 1, "n": "b" }, { "n": "c" }, { "n": "d" }]);
        let kept = items("distinct", json!({ "items": people, "by": "id" }));
        assert_eq!(kept, json!([{ "id": 1, "n": "a" }, { "n": "c" }, { "n": "d" }]));
    }

    // row C29
    #[test]
    fn some_items_are_kept() {
        assert_eq!(
            items("limit", json!({ "items": [1, 2, 3, 4], "count": 2, "offset": 1 })),
            json!([2, 3])
        );
        assert_eq!(items("limit", json!({ "items": [1], "count": 5 })), json!([1]));
    }
}
