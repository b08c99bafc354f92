//! How does CSV become rows, and rows CSV?

use cofferdam_plugin::{Context, Failure, Map, Value, action, data};

/// The rows of a text.
#[data]
pub(crate) struct Table {
    /// With a header, objects by the names of the columns; without, lists.
    rows: Vec<Value>,
    /// Names of the columns; without a header, their numbers from 1.
    columns: Vec<String>,
    count: usize,
}

/// A text of rows.
#[data]
#[derive(Eq)]
pub(crate) struct Written {
    text: String,
    rows: usize,
}

/// Parses CSV; values are texts.
#[action(example = { "text": "id,name\n1,Ada\n" })]
pub(crate) fn parse_csv(
    /// The text.
    text: String,
    /// Whether the first row has the names of the columns.
    #[serde(default = "yes")]
    header: bool,
    /// What stands between two values.
    #[serde(default = "comma")]
    delimiter: char,
    ctx: &Context,
) -> Result<Table, Failure> {
    check_delimiter(delimiter)?;
    let mut records = Records {
        rest: text.strip_prefix('\u{feff}').unwrap_or(&text),
        delimiter,
        line: 1,
    };
    let mut columns = Vec::new();
    if header {
        let Some((_, names)) = records.read()? else {
            return Ok(Table {
                rows: Vec::new(),
                columns,
                count: 0,
            });
        };
        columns = names;
        if let Some(twice) = columns
            .iter()
            .enumerate()
            .find(|(index, name)| columns[..*index].contains(name))
        {
            return Err(Failure::invalid_input(format!(
                "the column `{}` is there twice",
                twice.1
            )));
        }
    }
    let mut rows = Vec::new();
    while let Some((line, values)) = records.read()? {
        if rows.len() % 10_000 == 0 {
            ctx.check_cancelled()?;
        }
        rows.push(if header {
            if values.len() != columns.len() {
                let message = format!("line {line} has {} values for {} columns", values.len(), columns.len());
                return Err(Failure::invalid_input(message)
                    .with_code("ragged")
                    .with_detail("line", line));
            }
            Value::Object(
                columns
                    .iter()
                    .cloned()
                    .zip(values.into_iter().map(Value::String))
                    .collect(),
            )
        } else {
            for number in columns.len()..values.len() {
                columns.push((number + 1).to_string());
            }
            values.into()
        });
    }
    Ok(Table {
        count: rows.len(),
        rows,
        columns,
    })
}

/// Writes rows as CSV.
#[action(example = { "rows": [{ "id": 1, "name": "Ada" }] })]
pub(crate) fn write_csv(
    /// The rows: objects by the names of the columns, or lists.
    rows: Vec<Value>,
    /// Which columns, in which order; without it, those of the objects in the order of their names.
    columns: Option<Vec<String>>,
    /// Whether the names of the columns come first.
    #[serde(default = "yes")]
    header: bool,
    /// What stands between two values.
    #[serde(default = "comma")]
    delimiter: char,
) -> Result<Written, Failure> {
    check_delimiter(delimiter)?;
    let columns = columns.unwrap_or_else(|| columns_of(&rows));
    let mut text = String::new();
    if header && !columns.is_empty() {
        write_record(&mut text, columns.iter().map(String::as_str), delimiter);
    }
    for (index, row) in rows.iter().enumerate() {
        let values: Vec<String> = match row {
            Value::Array(values) => values.iter().map(plain).collect(),
            Value::Object(map) => columns
                .iter()
                .map(|name| plain(map.get(name).unwrap_or(&Value::Null)))
                .collect(),
            _ => {
                return Err(Failure::invalid_input(format!(
                    "`rows[{index}]` is neither an object nor a list"
                )));
            }
        };
        write_record(&mut text, values.iter().map(String::as_str), delimiter);
    }
    Ok(Written { text, rows: rows.len() })
}

fn yes() -> bool {
    true
}

fn comma() -> char {
    ','
}

fn check_delimiter(delimiter: char) -> Result<(), Failure> {
    if matches!(delimiter, '"' | '\n' | '\r') {
        return Err(Failure::invalid_input("`delimiter` cannot be a quote or a line break"));
    }
    Ok(())
}

/// Reads records of RFC 4180: quoted values may have delimiters, line breaks and doubled quotes in them.
struct Records<'a> {
    rest: &'a str,
    delimiter: char,
    line: usize,
}

impl Records<'_> {
    /// Returns the next record and the number of its first line; empty lines are left out.
    fn read(&mut self) -> Result<Option<(usize, Vec<String>)>, Failure> {
        while let Some(rest) = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix('\n')) {
            self.rest = rest;
            self.line += 1;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (line, mut values) = (self.line, Vec::new());
        loop {
            values.push(self.value()?);
            match self.rest.strip_prefix(self.delimiter) {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        let ending = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix('\n'));
        if let Some(rest) = ending {
            self.rest = rest;
            self.line += 1;
        }
        Ok(Some((line, values)))
    }

    fn value(&mut self) -> Result<String, Failure> {
        let Some(mut rest) = self.rest.strip_prefix('"') else {
            let end = self.rest.find([self.delimiter, '\n']).unwrap_or(self.rest.len());
            let ends_line = !self.rest[end..].starts_with(self.delimiter);
            let end = if ends_line && self.rest[..end].ends_with('\r') {
                end - 1
            } else {
                end
            };
            let (value, rest) = self.rest.split_at(end);
            self.rest = rest;
            return Ok(value.to_owned());
        };
        let (start, mut value) = (self.line, String::new());
        loop {
            let Some((part, behind)) = rest.split_once('"') else {
                return Err(Failure::invalid_input(format!(
                    "the quote in line {start} is never closed"
                )));
            };
            value.push_str(part);
            self.line += part.matches('\n').count();
            match behind.strip_prefix('"') {
                Some(behind) => {
                    value.push('"');
                    rest = behind;
                }
                None => {
                    self.rest = behind;
                    break;
                }
            }
        }
        let ends_well = self.rest.is_empty()
            || self.rest.starts_with(self.delimiter)
            || self.rest.starts_with('\n')
            || self.rest.starts_with("\r\n");
        if ends_well {
            Ok(value)
        } else {
            Err(Failure::invalid_input(format!(
                "line {} goes on behind a quote",
                self.line
            )))
        }
    }
}

fn columns_of(rows: &[Value]) -> Vec<String> {
    let mut columns = Vec::new();
    for key in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(key) {
            columns.push(key.clone());
        }
    }
    columns
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn write_record<'a>(text: &mut String, values: impl Iterator<Item = &'a str>, delimiter: char) {
    let start = text.len();
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push(delimiter);
        }
        let quoted = value.contains([delimiter, '"', '\n', '\r']) || value.starts_with(' ') || value.ends_with(' ');
        if quoted {
            text.push('"');
            text.push_str(&value.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(value);
        }
    }
    // A line with a single empty value would be read as no line at all.
    if text[start..].is_empty() {
        text.push_str("\"\"");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn call(action: &str, params: Value) -> Result<Value, String> {
        plugin()
            .call(action, params, &Context::for_test())
            .map_err(|failure| failure.message().to_owned())
    }

    // row C29
    #[test]
    fn rows_are_objects_by_column() {
        let text = "\u{feff}id,\"full name\"\r\n1,\"Ada, \"\"Countess\"\"\r\nof L.\"\r\n\r\n2,\r\n";
        let table = call("parse-csv", json!({ "text": text })).unwrap();
        assert_eq!(table["columns"], json!(["id", "full name"]));
        assert_eq!(
            table["rows"],
            json!([
                { "id": "1", "full name": "Ada, \"Countess\"\r\nof L." },
                { "id": "2", "full name": "" },
            ])
        );
        assert_eq!(table["count"], 2);
    }

    #[test]
    fn rows_without_header_are_lists() {
        let table = call(
            "parse-csv",
            json!({ "text": "a;b\nc;d;e", "header": false, "delimiter": ";" }),
        )
        .unwrap();
        assert_eq!(
            table,
            json!({ "rows": [["a", "b"], ["c", "d", "e"]], "columns": ["1", "2", "3"], "count": 2 })
        );
        assert_eq!(call("parse-csv", json!({ "text": "" })).unwrap()["count"], 0);
    }

    #[test]
    fn what_is_not_csv_is_refused_with_its_line() {
        let refused = |text: &str| call("parse-csv", json!({ "text": text })).unwrap_err();
        assert_eq!(refused("a,b\n\"x\ny\",1\n3\n"), "line 4 has 1 values for 2 columns");
        assert_eq!(refused("a\n\"x"), "the quote in line 2 is never closed");
        assert_eq!(refused("a\n\"x\"y\n"), "line 2 goes on behind a quote");
        assert_eq!(refused("a,a\n"), "the column `a` is there twice");
    }

    // row C29
    #[test]
    fn what_is_written_can_be_read() {
        let rows = json!([{ "a": "x, \"y\"\n", "b": 1 }, { "a": null, "c": true }]);
        let written = call("write-csv", json!({ "rows": rows })).unwrap();
        assert_eq!(written["text"], "a,b,c\n\"x, \"\"y\"\"\n\",1,\n,,true\n");
        let read = call("parse-csv", json!({ "text": written["text"] })).unwrap();
        assert_eq!(read["rows"][0]["a"], "x, \"y\"\n");
        let some = json!({ "rows": rows, "columns": ["b"], "header": false, "delimiter": "\t" });
        assert_eq!(call("write-csv", some).unwrap()["text"], "1\n\"\"\n");
    }
}
