//! How many lines of which language are there?

use std::collections::BTreeMap;

use cofferdam_plugin::{Context, Failure, action, data};

use crate::language::language_of;
use crate::selection::{FileReference, Skipped, read_text, select};

/// Lines and files by language.
#[data]
#[derive(Eq)]
pub(crate) struct Counted {
    /// Lines by language.
    lines: BTreeMap<String, u64>,
    /// Files by language.
    files: BTreeMap<String, u64>,
    /// Lines of all files.
    total: u64,
    /// Files that were not counted, and why.
    skipped: Vec<Skipped>,
}

/// Counts the lines of files by language, which the extension tells.
#[action(needs = [read], example = { "root": "." })]
pub(crate) fn count_by_extension(
    /// The files: paths, or objects with a `path`; give this or `root`.
    files: Option<Vec<FileReference>>,
    /// A directory whose files are counted, without what git ignores; the project if neither is given.
    root: Option<String>,
    ctx: &Context,
) -> Result<Counted, Failure> {
    let (paths, skipped) = select(files, root, &[], &[], ctx)?;
    let mut counted = Counted {
        lines: BTreeMap::new(),
        files: BTreeMap::new(),
        total: 0,
        skipped,
    };
    let total = paths.len() as u64;
    for (index, path) in paths.iter().enumerate() {
        ctx.check_cancelled()?;
        if index % 64 == 0 {
            ctx.progress(index as u64, total, path);
        }
        match read_text(path) {
            Ok(text) => counted.add(path, text.lines().count() as u64),
            Err(skipped) => counted.skipped.push(skipped),
        }
    }
    ctx.progress(total, total, "done");
    Ok(counted)
}

impl Counted {
    fn add(&mut self, path: &str, lines: u64) {
        let language = language_of(path);
        *self.lines.entry(language.clone()).or_default() += lines;
        *self.files.entry(language).or_default() += 1;
        self.total += lines;
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, json};

    use crate::plugin;

    #[test]
    fn lines_are_counted_by_language() {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a.rs", "1\n2\n"),
            ("b.rs", "1\n2"),
            ("C.TOML", "1\n"),
            ("x.zzz", ""),
            ("bin.rs", "\0"),
        ] {
            std::fs::write(root.path().join(name), text).unwrap();
        }
        let params = json!({ "root": root.path().to_str() });
        let counted = plugin()
            .call("count-by-extension", params, &Context::for_test())
            .unwrap();
        assert_eq!(counted["lines"], json!({ "Rust": 4, "TOML": 1, ".zzz": 0 }));
        assert_eq!(counted["files"], json!({ "Rust": 2, "TOML": 1, ".zzz": 1 }));
        assert_eq!(counted["total"], 5);
        assert_eq!(counted["skipped"][0]["reason"], "binary");
    }
}
