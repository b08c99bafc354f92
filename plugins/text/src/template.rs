//! How are the places of a template filled in?

use cofferdam_plugin::{Failure, Map, Value, action, data};

/// A template that was filled in.
#[data]
#[derive(Eq)]
pub(crate) struct Filled {
    text: String,
    /// Names that stood in the template without a value, each once.
    missing: Vec<String>,
}

/// Fills in `{{name}}` and `{{name.inner}}` in a text from data.
#[action(example = { "template": "Dear {{who.name}}", "data": { "who": { "name": "Ada" } } })]
pub(crate) fn template(
    /// A text with `{{name}}` where values go.
    template: String,
    /// The values by name.
    data: Map<String, Value>,
    /// What is put where there is no value; without it, a missing value is an error.
    default: Option<String>,
) -> Result<Filled, Failure> {
    let data = Value::Object(data);
    let mut filled = Filled {
        text: String::with_capacity(template.len()),
        missing: Vec::new(),
    };
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else {
            let line = template[..template.len() - after.len()].lines().count();
            return Err(Failure::invalid_input(format!(
                "`{{{{` in line {line} of `template` has no `}}}}`"
            )));
        };
        filled.text.push_str(before);
        let name = name.trim();
        match (lookup(&data, name), &default) {
            (Some(Value::String(text)), _) => filled.text.push_str(text),
            (Some(value), _) => filled.text.push_str(&value.to_string()),
            (None, default) => {
                filled.text.push_str(default.as_deref().unwrap_or_default());
                if !filled.missing.iter().any(|missing| missing == name) {
                    filled.missing.push(name.to_owned());
                }
            }
        }
        rest = behind;
    }
    filled.text.push_str(rest);
    if default.is_none() && !filled.missing.is_empty() {
        let names: Vec<String> = filled.missing.iter().map(|name| format!("`{name}`")).collect();
        return Err(Failure::invalid_input(format!(
            "`data` has no value for {}",
            names.join(", ")
        )));
    }
    Ok(filled)
}

/// Follows a name with dots; `null` counts as no value.
fn lookup<'a>(data: &'a Value, name: &str) -> Option<&'a Value> {
    let mut value = data;
    for part in name.split('.') {
        value = match value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            other => other.get(part)?,
        };
    }
    (!value.is_null()).then_some(value)
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn filled(params: Value) -> Result<Value, String> {
        plugin()
            .call("template", params, &Context::for_test())
            .map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn values_are_found_by_path() {
        let data = json!({ "a": "x", "b": { "c": [1, true] } });
        let params = json!({ "template": "{{a}} {{ b.c.1 }} {{b}}!", "data": data });
        assert_eq!(filled(params).unwrap()["text"], "x true {\"c\":[1,true]}!");
    }

    #[test]
    fn what_is_missing_is_named_or_replaced() {
        let params = json!({ "template": "{{x}}{{y}}{{x}}", "data": { "y": null } });
        assert_eq!(filled(params).unwrap_err(), "`data` has no value for `x`, `y`");
        let params = json!({ "template": "[{{x}}]", "data": {}, "default": "-" });
        assert_eq!(filled(params).unwrap(), json!({ "text": "[-]", "missing": ["x"] }));
    }

    #[test]
    fn values_are_not_filled_in_again() {
        let params = json!({ "template": "{{a}}", "data": { "a": "{{b}}", "b": "x" } });
        assert_eq!(filled(params).unwrap()["text"], "{{b}}");
    }

    #[test]
    fn an_open_place_is_refused() {
        assert_eq!(
            filled(json!({ "template": "a\nb {{c", "data": {} })).unwrap_err(),
            "`{{` in line 2 of `template` has no `}}`"
        );
    }
}
