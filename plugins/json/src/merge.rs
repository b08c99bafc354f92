//! How do several lists become one?

use cofferdam_plugin::{Failure, Value, action};

use crate::lists::unique;
use crate::sort::{Items, Keys};

/// Puts lists one behind the other; of items with an equal value at a path, the first one is kept.
#[action(example = { "lists": [[{ "id": 1 }], [{ "id": 1 }, { "id": 2 }]], "unique_by": "id" })]
pub(crate) fn merge(
    /// The lists; `null` counts as an empty one.
    lists: Vec<Option<Vec<Value>>>,
    /// Path of the value that must differ, or several; all items are kept if it is left out.
    unique_by: Option<Keys>,
) -> Result<Items, Failure> {
    let items: Vec<Value> = lists.into_iter().flatten().flatten().collect();
    match unique_by {
        None => Ok(items.into()),
        Some(keys) => Ok(unique(items, &keys.paths()?).into()),
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn merged(params: Value) -> Value {
        plugin().call("merge", params, &Context::for_test()).unwrap()
    }

    // row C29
    #[test]
    fn lists_are_put_together_in_order() {
        assert_eq!(
            merged(json!({ "lists": [[1], null, [2, 1]] })),
            json!({ "items": [1, 2, 1], "count": 3 })
        );
        let lists = json!([[{ "id": "x", "n": 1 }], [{ "id": "x", "n": 2 }, { "id": "y" }]]);
        let unique = merged(json!({ "lists": lists, "unique_by": "id" }));
        assert_eq!(unique["items"], json!([{ "id": "x", "n": 1 }, { "id": "y" }]));
    }
}
