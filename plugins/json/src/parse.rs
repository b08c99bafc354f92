//! How does the text of a file become a value?

use cofferdam_plugin::{Failure, Value, action, data};

/// How the text is written.
#[data]
#[derive(Copy, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// One value.
    #[default]
    Json,
    /// One value per line.
    #[serde(alias = "jsonl")]
    Ndjson,
}

/// What a text says.
#[data]
pub(crate) struct Parsed {
    /// The value; for one value per line, the list of them.
    value: Value,
}

/// Parses JSON, or lines of JSON.
#[action(example = { "text": "{\"a\": 1}" })]
pub(crate) fn parse(
    /// The text.
    text: String,
    /// `json` or `ndjson`.
    #[serde(default)]
    format: Format,
) -> Result<Parsed, Failure> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match format {
        Format::Json => Ok(Parsed {
            value: parse_value(text, 0)?,
        }),
        Format::Ndjson => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let values = lines
                .map(|(index, line)| parse_value(line, index))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Parsed { value: values.into() })
        }
    }
}

/// Parses TOML.
#[action(example = { "text": "[package]\nname = \"x\"" })]
pub(crate) fn parse_toml(
    /// The text.
    text: String,
) -> Result<Parsed, Failure> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map(|span| text[..span.start].matches('\n').count() + 1)
            .unwrap_or(1);
        not_valid("TOML", line, error.message())
    })?;
    Ok(Parsed {
        value: from_toml(toml::Value::Table(table))?,
    })
}

fn parse_value(text: &str, lines_before: usize) -> Result<Value, Failure> {
    text.parse().map_err(|error: cofferdam_plugin::JsonError| {
        let message = error.to_string();
        // The place is said once, in front.
        let problem = message.split(" at line ").next().unwrap_or(&message);
        not_valid("JSON", lines_before + error.line(), problem)
    })
}

fn not_valid(format: &str, line: usize, problem: &str) -> Failure {
    Failure::invalid_input(format!("line {line} of `text` is not valid {format}: {problem}"))
        .with_code("not-valid")
        .with_detail("line", line)
}

fn from_toml(value: toml::Value) -> Result<Value, Failure> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) if number.is_finite() => number.into(),
        toml::Value::Float(number) => {
            return Err(Failure::invalid_input(format!(
                "the TOML has `{number}`, which is not a number of JSON"
            )));
        }
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(from_toml).collect::<Result<Vec<_>, _>>()?.into(),
        toml::Value::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| Ok((key, from_toml(value)?)));
            Value::Object(entries.collect::<Result<_, Failure>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn parsed(action: &str, params: Value) -> Result<Value, String> {
        let parsed = plugin().call(action, params, &Context::for_test());
        parsed
            .map(|parsed| parsed["value"].clone())
            .map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn json_and_lines_of_json() {
        assert_eq!(
            parsed("parse", json!({ "text": "\u{feff} {\"a\": [1]}" })).unwrap(),
            json!({ "a": [1] })
        );
        let lines = json!({ "text": "1\n\n{\"a\": 2}\n", "format": "ndjson" });
        assert_eq!(parsed("parse", lines).unwrap(), json!([1, { "a": 2 }]));
        let wrong = parsed("parse", json!({ "text": "1\n\n{", "format": "jsonl" })).unwrap_err();
        assert_eq!(wrong, "line 3 of `text` is not valid JSON: EOF while parsing an object");
    }

    #[test]
    fn toml() {
        let text = "[[package]]\nname = \"a\"\nat = 2026-11-21\n\n[[package]]\nname = 'b'\nsize = 1.5\n";
        let expected = json!({ "package": [{ "name": "a", "at": "2026-11-21" }, { "name": "b", "size": 1.5 }] });
        assert_eq!(parsed("parse-toml", json!({ "text": text })).unwrap(), expected);
        let wrong = parsed("parse-toml", json!({ "text": "a = 1\nb = = 2\n" })).unwrap_err();
        assert!(wrong.starts_with("line 2 of `text` is not valid TOML: "), "{wrong}");
        assert!(parsed("parse-toml", json!({ "text": "a = nan" })).is_err());
    }
}
