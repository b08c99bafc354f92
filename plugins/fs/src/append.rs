//! How does a file get longer?

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use cofferdam_plugin::{Context, Failure, Value, action, append_durably, data, file_failure};

/// A file that was made longer.
#[data]
#[derive(Eq)]
pub(crate) struct Appended {
    path: String,
    /// Size of the file in bytes, now.
    size: u64,
    /// How many lines were added.
    lines: usize,
}

/// Adds text or lines at the end of a file, and makes it if it is missing.
///
/// When a host died meanwhile, the second delivery adds nothing if the file ends in just what was to be added.
#[action(needs = [write], example = { "path": "issues.jsonl", "lines": [{ "number": 1 }] })]
pub(crate) fn append(
    /// Path of the file; missing directories are made.
    path: String,
    /// Text to add as it is; give this or `lines`.
    text: Option<String>,
    /// Lines to add: texts as they are, other values as JSON; give this or `text`.
    lines: Option<Vec<Value>>,
    ctx: &Context,
) -> Result<Appended, Failure> {
    let addition = match (text, lines) {
        (Some(text), None) => text,
        (None, Some(lines)) => lines.iter().map(line).collect(),
        _ => return Err(Failure::invalid_input("give either `text` or `lines`")),
    };
    let size = add(Path::new(&path), addition.as_bytes(), ctx).map_err(|error| file_failure(&path, &error))?;
    Ok(Appended {
        path,
        size,
        lines: addition.lines().count(),
    })
}

fn line(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        other => format!("{other}\n"),
    }
}

fn add(path: &Path, addition: &[u8], ctx: &Context) -> std::io::Result<u64> {
    if ctx.delivery() > 1 && ends_with(path, addition) {
        return Ok(fs::metadata(path)?.len());
    }
    append_durably(path, addition)
}

fn ends_with(path: &Path, tail: &[u8]) -> bool {
    let mut found = vec![0; tail.len()];
    let read = File::open(path).and_then(|mut file| {
        let start = file
            .metadata()?
            .len()
            .checked_sub(tail.len() as u64)
            .ok_or(std::io::ErrorKind::UnexpectedEof)?;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut found)
    });
    read.is_ok() && found == tail
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, TestAttempt, json};

    use crate::plugin;

    #[test]
    fn lines_are_added_once_per_delivery() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/issues.jsonl");
        let params = json!({ "path": path.to_str(), "lines": [{ "n": 1 }, "two"] });
        let first = plugin().call("append", params.clone(), &Context::for_test()).unwrap();
        assert_eq!((&first["size"], &first["lines"]), (&json!(12), &json!(2)));
        let again = Context::for_test_of(TestAttempt {
            delivery: 2,
            ..TestAttempt::default()
        });
        let second = plugin().call("append", params.clone(), &again).unwrap();
        assert_eq!(second["size"], 12);
        plugin().call("append", params, &Context::for_test()).unwrap();
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "{\"n\":1}\ntwo\n{\"n\":1}\ntwo\n"
        );
    }
}
