//! How does a file get its content?

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cofferdam_plugin::{Context, Failure, OrFailure, action, data, write_durably};

/// A file that was written.
#[data]
#[derive(Eq)]
pub(crate) struct Written {
    path: String,
    /// Size in bytes.
    size: u64,
    /// Whether the content is another than before.
    changed: bool,
}

/// Writes a file in one piece: whoever reads it sees the old content or the new one.
#[action(needs = [write], example = { "path": "notes/1.4.0.md", "text": "# 1.4.0" })]
pub(crate) fn write(
    /// Path of the file; missing directories are made.
    path: String,
    /// The content; give this or `base64`.
    text: Option<String>,
    /// The content in base64; give this or `text`.
    base64: Option<String>,
    /// Whether a file that is there may be replaced.
    #[serde(default = "yes")]
    overwrite: bool,
    ctx: &Context,
) -> Result<Written, Failure> {
    let content = match (text, base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(base64)) => STANDARD.decode(base64.trim()).or_invalid_input()?,
        _ => return Err(Failure::invalid_input("give either `text` or `base64`")),
    };
    let present = fs::read(&path).ok();
    let changed = present.as_deref() != Some(content.as_slice());
    let exists = present.is_some() || fs::symlink_metadata(&path).is_ok();
    // A second delivery finds what the first one wrote: that is no reason to refuse.
    if exists && changed && !overwrite {
        return Err(Failure::permanent(format!("`{path}` is there already")).with_code("exists"));
    }
    write_durably(&path, &content, ctx)?;
    Ok(Written {
        path,
        size: content.len() as u64,
        changed,
    })
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, Value, json};

    use crate::plugin;

    fn write(params: Value) -> Result<Value, String> {
        plugin()
            .call("write", params, &Context::for_test())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn files_are_written_replaced_and_kept() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b.txt");
        let path = path.to_str().unwrap();
        let written = write(json!({ "path": path, "text": "ü" })).unwrap();
        assert_eq!(written, json!({ "path": path, "size": 2, "changed": true }));
        assert_eq!(
            write(json!({ "path": path, "text": "ü", "overwrite": false })).unwrap()["changed"],
            false
        );
        let kept = write(json!({ "path": path, "text": "x", "overwrite": false })).unwrap_err();
        assert!(kept.ends_with("b.txt` is there already"), "{kept}");
        write(json!({ "path": path, "base64": "AAE=" })).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), [0, 1]);
    }

    #[test]
    fn there_must_be_one_content() {
        assert_eq!(
            write(json!({ "path": "x" })).unwrap_err(),
            "invalid-input: give either `text` or `base64`"
        );
        assert!(
            write(json!({ "path": "x", "base64": "?" }))
                .unwrap_err()
                .starts_with("invalid-input: ")
        );
    }
}
