//! How does a text look with all matches of a pattern replaced?

use std::borrow::Cow;

use cofferdam_plugin::{Context, Failure, action, data};
use regex::{NoExpand, Regex};

use crate::pattern::compile;

/// What became of the text, or of the lines.
#[data]
#[derive(Eq)]
pub(crate) struct Replaced {
    /// The text, when a text was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The lines, when lines were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<String>>,
    /// How many matches were replaced.
    count: usize,
}

/// Replaces all matches of a regular expression in a text or in each of some lines.
#[action(example = { "text": "token=abc", "pattern": "=.*", "with": "=…" })]
pub(crate) fn replace(
    /// The text to change; give this or `lines`.
    text: Option<String>,
    /// The lines to change; give this or `text`.
    lines: Option<Vec<String>>,
    /// A regular expression.
    pattern: String,
    /// What stands for a match; `$name` or `$1` is a group of it.
    with: String,
    /// Whether `$` in `with` is just a dollar sign.
    #[serde(default)]
    literal: bool,
    ctx: &Context,
) -> Result<Replaced, Failure> {
    let replacement = Replacement {
        expression: compile(&pattern)?,
        with,
        literal,
    };
    let mut count = 0;
    match (text, lines) {
        (Some(text), None) => {
            let text = replacement.apply(&text, &mut count).into_owned();
            Ok(Replaced {
                text: Some(text),
                lines: None,
                count,
            })
        }
        (None, Some(lines)) => {
            let mut replaced = Vec::with_capacity(lines.len());
            for line in lines {
                ctx.check_cancelled()?;
                replaced.push(replacement.apply(&line, &mut count).into_owned());
            }
            Ok(Replaced {
                text: None,
                lines: Some(replaced),
                count,
            })
        }
        _ => Err(Failure::invalid_input("give either `text` or `lines`")),
    }
}

struct Replacement {
    expression: Regex,
    with: String,
    literal: bool,
}

impl Replacement {
    fn apply<'a>(&self, text: &'a str, count: &mut usize) -> Cow<'a, str> {
        *count += self.expression.find_iter(text).count();
        if self.literal {
            self.expression.replace_all(text, NoExpand(&self.with))
        } else {
            self.expression.replace_all(text, self.with.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn replaced(params: Value) -> Value {
        plugin().call("replace", params, &Context::for_test()).unwrap()
    }

    #[test]
    fn lines_are_redacted_one_by_one() {
        let params = json!({ "lines": ["key = abcdefghijklmnop", "x"], "pattern": "[A-Za-z0-9/+]{12,}", "with": "…" });
        assert_eq!(replaced(params), json!({ "lines": ["key = …", "x"], "count": 1 }));
    }

    #[test]
    fn groups_can_be_used_unless_literal() {
        let params = json!({ "text": "a-b c-d", "pattern": r"(\w)-(?<right>\w)", "with": "$right-$1" });
        assert_eq!(replaced(params), json!({ "text": "b-a d-c", "count": 2 }));
        let params = json!({ "text": "10", "pattern": "10", "with": "$1", "literal": true });
        assert_eq!(replaced(params), json!({ "text": "$1", "count": 1 }));
    }

    #[test]
    fn text_and_lines_exclude_each_other() {
        let params = json!({ "text": "", "lines": [], "pattern": "", "with": "" });
        let refused = plugin().call("replace", params, &Context::for_test()).unwrap_err();
        assert_eq!(refused.message(), "give either `text` or `lines`");
    }
}
