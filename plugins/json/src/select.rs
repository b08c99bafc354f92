//! What is at a path in a value?

use cofferdam_plugin::{Failure, Value, action, data};

use crate::path::Path;

/// What a path names.
#[data]
#[derive(Eq)]
pub(crate) struct Selected {
    /// The value; a list of all values for a path with `*`.
    value: Value,
    /// Whether the path names anything.
    found: bool,
}

/// Selects a value by its path, such as `user.tags[0]` or `packages[*].name`.
#[action(example = { "value": { "tags": ["a"] }, "path": "tags[0]" })]
pub(crate) fn select(
    /// The value to look into.
    value: Value,
    /// The path.
    path: String,
    /// What is handed on if there is nothing; without it, that is an error.
    default: Option<Value>,
) -> Result<Selected, Failure> {
    let steps = Path::new(&path)?;
    let found = steps.all(&value);
    if steps.names_several() {
        return Ok(Selected {
            found: !found.is_empty(),
            value: found.into_iter().cloned().collect(),
        });
    }
    match (found.first(), default) {
        (Some(&value), _) => Ok(Selected {
            value: value.clone(),
            found: true,
        }),
        (None, Some(default)) => Ok(Selected {
            value: default,
            found: false,
        }),
        (None, None) => Err(Failure::invalid_input(format!("there is nothing at `{path}`")).with_code("not-found")),
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn selected(params: Value) -> Result<Value, String> {
        plugin()
            .call("select", params, &Context::for_test())
            .map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn one_value_several_or_none() {
        let value = json!({ "a": [{ "b": 1 }, { "b": null }] });
        assert_eq!(
            selected(json!({ "value": value, "path": "a[0].b" })).unwrap(),
            json!({ "value": 1, "found": true })
        );
        let several = selected(json!({ "value": value, "path": "a[*].b" })).unwrap();
        assert_eq!(several, json!({ "value": [1, null], "found": true }));
        assert_eq!(
            selected(json!({ "value": value, "path": "x" })).unwrap_err(),
            "there is nothing at `x`"
        );
        let default = selected(json!({ "value": value, "path": "x", "default": 0 })).unwrap();
        assert_eq!(default, json!({ "value": 0, "found": false }));
    }
}
