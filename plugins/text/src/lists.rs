//! How does a text become a list, and a list a text?

use cofferdam_plugin::{Failure, Value, action, data};

use crate::pattern::compile;

/// The parts of a text.
#[data]
#[derive(Eq)]
pub(crate) struct Parts {
    items: Vec<String>,
    count: usize,
}

/// A text that was put together.
#[data]
#[derive(Eq)]
pub(crate) struct Joined {
    text: String,
}

/// Splits a text into lines, or at a separator, or at a regular expression.
#[action(example = { "text": "a, b,,c", "separator": ",", "trim": true, "skip_empty": true })]
pub(crate) fn split(
    /// The text to split.
    text: String,
    /// What stands between the parts.
    separator: Option<String>,
    /// A regular expression for what stands between the parts.
    pattern: Option<String>,
    /// Whether spaces around the parts are left out.
    #[serde(default)]
    trim: bool,
    /// Whether empty parts are left out.
    #[serde(default)]
    skip_empty: bool,
) -> Result<Parts, Failure> {
    let parts: Vec<&str> = match (&separator, &pattern) {
        (Some(_), Some(_)) => return Err(Failure::invalid_input("give either `separator` or `pattern`")),
        (Some(separator), None) if separator.is_empty() => {
            return Err(Failure::invalid_input("`separator` is empty"));
        }
        (Some(separator), None) => text.split(separator.as_str()).collect(),
        (None, Some(pattern)) => compile(pattern)?.split(&text).collect(),
        (None, None) => text.lines().collect(),
    };
    let trimmed = parts.into_iter().map(|part| if trim { part.trim() } else { part });
    let items: Vec<String> = trimmed
        .filter(|part| !(skip_empty && part.is_empty()))
        .map(str::to_owned)
        .collect();
    Ok(Parts {
        count: items.len(),
        items,
    })
}

/// Joins values to one text; what is no text is written as JSON.
#[action(example = { "items": ["a", 1], "separator": ", " })]
pub(crate) fn join(
    /// What is joined.
    items: Vec<Value>,
    /// What stands between two items; a line break if it is left out.
    #[serde(default = "line_break")]
    separator: String,
    /// What stands before each item.
    #[serde(default)]
    prefix: String,
) -> Joined {
    let items = items.iter().map(|item| match item {
        Value::String(text) => format!("{prefix}{text}"),
        other => format!("{prefix}{other}"),
    });
    Joined {
        text: items.collect::<Vec<_>>().join(&separator),
    }
}

fn line_break() -> String {
    "\n".into()
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::json;

    use super::{join, split};

    #[test]
    fn splits_at_lines_separators_and_patterns() {
        let items = |parts: super::Parts| parts.items;
        assert_eq!(
            items(split("a\r\nb\n".into(), None, None, false, false).unwrap()),
            ["a", "b"]
        );
        assert_eq!(
            items(split("a, b,,c".into(), Some(",".into()), None, true, true).unwrap()),
            ["a", "b", "c"]
        );
        assert_eq!(
            items(split("a1b22c".into(), None, Some(r"\d+".into()), false, false).unwrap()),
            ["a", "b", "c"]
        );
        assert!(split("a".into(), Some(String::new()), None, false, false).is_err());
    }

    #[test]
    fn joins_texts_and_other_values() {
        let items = vec![json!("a"), json!(1), json!({ "b": null })];
        assert_eq!(join(items, "\n".into(), "- ".into()).text, "- a\n- 1\n- {\"b\":null}");
    }
}
