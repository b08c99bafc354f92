//! Which parts of a text does a pattern find?

use cofferdam_plugin::{Context, Failure, Map, Value, action, data};
use regex::{Captures, Regex};

use crate::pattern::compile;

/// What a pattern found.
#[data]
pub(crate) struct Extracted {
    count: usize,
    /// One object per match: the whole `match` and each named group, `null` where a group took no part.
    matches: Vec<Map<String, Value>>,
}

/// Finds all matches of a regular expression and returns their named groups.
#[action(example = { "text": "a=1 b=2", "pattern": "(?<key>\\w)=(?<value>\\d)" })]
pub(crate) fn extract(
    /// The text to look at.
    text: String,
    /// A regular expression; groups are named like `(?<name>..)`.
    pattern: String,
    /// At most this many matches.
    limit: Option<usize>,
    ctx: &Context,
) -> Result<Extracted, Failure> {
    let expression = compile(&pattern)?;
    let mut matches = Vec::new();
    for captures in expression.captures_iter(&text).take(limit.unwrap_or(usize::MAX)) {
        ctx.check_cancelled()?;
        matches.push(groups(&expression, &captures));
    }
    Ok(Extracted {
        count: matches.len(),
        matches,
    })
}

fn groups(expression: &Regex, captures: &Captures<'_>) -> Map<String, Value> {
    let mut groups = Map::new();
    groups.insert("match".into(), captures[0].into());
    for name in expression.capture_names().flatten() {
        let found = captures.name(name).map_or(Value::Null, |group| group.as_str().into());
        groups.insert(name.into(), found);
    }
    groups
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, json};

    use crate::plugin;

    #[test]
    fn conventional_commits_of_a_log_are_found() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let log = format!("{hash}\tfeat(cli): says more\n{hash}\tchore: nothing\n{hash}\tfix: crashes less\n");
        let pattern = r"(?m)^(?<hash>[0-9a-f]{40})\t(?<type>feat|fix|docs)(\((?<area>[^)]+)\))?: (?<title>.+)$";
        let found = plugin()
            .call(
                "extract",
                json!({ "text": log, "pattern": pattern }),
                &Context::for_test(),
            )
            .unwrap();
        assert_eq!(found["count"], 2);
        assert_eq!(found["matches"][0]["area"], "cli");
        assert_eq!(found["matches"][1]["area"], json!(null));
        assert_eq!(found["matches"][1]["title"], "crashes less");
        assert_eq!(found["matches"][1]["match"], format!("{hash}\tfix: crashes less"));
    }

    #[test]
    fn a_bad_pattern_is_refused_with_the_reason() {
        let params = json!({ "text": "", "pattern": "(" });
        let refused = plugin().call("extract", params, &Context::for_test()).unwrap_err();
        assert!(
            refused.message().starts_with("`pattern` is no regular expression: "),
            "{refused}"
        );
        assert!(refused.message().contains("unclosed group"), "{refused}");
    }
}
