//! What is known about a path without reading it?

use std::fs;
use std::io::ErrorKind;
use std::time::UNIX_EPOCH;

use cofferdam_plugin::{Context, Failure, action, data, file_failure};

use crate::selection::FileReference;

/// What lies at a path.
#[data]
#[derive(Eq)]
pub(crate) struct Stat {
    path: String,
    exists: bool,
    /// `file`, `directory`, `link` or `other`; absent if there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Size in bytes, 0 for what is no file.
    size: u64,
    /// When it was changed, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_ms: Option<i64>,
}

/// What lies at one path, or at several.
#[data]
#[derive(Eq)]
pub(crate) struct Stats {
    /// For `path`: what lies there.
    #[serde(flatten)]
    one: Option<Stat>,
    /// What lies at each path.
    items: Vec<Stat>,
    /// How many of them exist.
    count: usize,
    /// Size of the files among them.
    bytes: u64,
}

/// Says whether paths exist, what they are and how large.
#[action(needs = [read], example = { "path": "Cargo.toml" })]
pub(crate) fn stat(
    /// One path; give this or `files`.
    path: Option<String>,
    /// Several paths, or objects with a `path`; give this or `path`.
    files: Option<Vec<FileReference>>,
    ctx: &Context,
) -> Result<Stats, Failure> {
    let (one, paths) = match (path, files) {
        (Some(path), None) => (true, vec![path]),
        (None, Some(files)) => (false, files.into_iter().map(FileReference::into_path).collect()),
        _ => return Err(Failure::invalid_input("give either `path` or `files`")),
    };
    let mut items = Vec::with_capacity(paths.len());
    for path in paths {
        ctx.check_cancelled()?;
        items.push(look(path)?);
    }
    let count = items.iter().filter(|item| item.exists).count();
    let bytes = items.iter().map(|item| item.size).sum();
    Ok(Stats {
        one: items.first().filter(|_| one).cloned(),
        items,
        count,
        bytes,
    })
}

fn look(path: String) -> Result<Stat, Failure> {
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Stat {
                path,
                exists: false,
                kind: None,
                size: 0,
                modified_ms: None,
            });
        }
        Err(error) => return Err(file_failure(&path, &error)),
    };
    let kind = match metadata.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "directory",
        kind if kind.is_symlink() => "link",
        _ => "other",
    };
    let since = metadata
        .modified()
        .ok()
        .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    let modified_ms = since.and_then(|since| i64::try_from(since.as_millis()).ok());
    let size = if metadata.is_file() { metadata.len() } else { 0 };
    Ok(Stat {
        path,
        exists: true,
        kind: Some(kind.into()),
        size,
        modified_ms,
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, json};

    use crate::plugin;

    #[test]
    fn one_path_and_several() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("x");
        std::fs::write(&file, "123").unwrap();
        let ctx = Context::for_test();
        let one = plugin().call("stat", json!({ "path": file.to_str() }), &ctx).unwrap();
        assert_eq!(
            (&one["exists"], &one["kind"], &one["size"]),
            (&json!(true), &json!("file"), &json!(3))
        );
        assert!(one["modified_ms"].as_i64().unwrap() > 0);
        let files =
            json!({ "files": [{ "path": file.to_str() }, root.path().join("y").to_str(), root.path().to_str()] });
        let several = plugin().call("stat", files, &ctx).unwrap();
        assert_eq!((&several["count"], &several["bytes"]), (&json!(2), &json!(3)));
        assert_eq!(several["items"][1]["exists"], false);
        assert_eq!(several["items"][2]["kind"], "directory");
        assert_eq!(several.get("exists"), None);
    }
}
