//! Which lines of which files match a pattern?

use cofferdam_plugin::{Context, Failure, action, data};
use regex::{Regex, RegexBuilder};

use crate::selection::{FileReference, Skipped, read_text, select};

/// Largest compiled program; the expressions of people stay below a tenth of it.
const PROGRAM_BYTES: usize = 4 << 20;
/// How many matches are handed on unless `max` says otherwise.
const MOST_MATCHES: usize = 1000;
/// Longer lines are handed on shortened.
const LONGEST_LINE: usize = 500;

/// A line that matches.
#[data]
#[derive(Eq)]
pub(crate) struct Match {
    path: String,
    /// Number of the line, from 1.
    line_number: usize,
    /// The line, shortened if it is very long.
    line: String,
    /// Where the match starts: its first character, from 1.
    column: usize,
}

/// How many lines of a file match.
#[data]
#[derive(Eq)]
pub(crate) struct InFile {
    path: String,
    count: usize,
}

/// What a search found.
#[data]
#[derive(Eq)]
pub(crate) struct Matches {
    /// How many lines match; with `invert`, how many files have no such line.
    count: usize,
    /// The lines, in the order of the files, at most `max`.
    matches: Vec<Match>,
    /// The files with matches; with `invert`, those without.
    by_file: Vec<InFile>,
    /// How many files were searched.
    searched: usize,
    /// Files that were not searched, and why.
    skipped: Vec<Skipped>,
    /// Whether there are more matches than `max`.
    truncated: bool,
}

/// Searches the lines of files for a regular expression.
#[action(needs = [read], example = { "root": "src", "pattern": "\\b(TODO|FIXME)\\b" })]
#[expect(
    clippy::too_many_arguments,
    reason = "the arguments are the parameters of the action"
)]
pub(crate) fn grep(
    /// The files: paths, or objects with a `path`; give this or `root`.
    files: Option<Vec<FileReference>>,
    /// A directory whose files are searched, without what git ignores; the project if neither is given.
    root: Option<String>,
    /// With `root`: patterns of the files that are wanted.
    #[serde(default)]
    include: Vec<String>,
    /// With `root`: patterns of the files and directories that are not wanted.
    #[serde(default)]
    exclude: Vec<String>,
    /// A regular expression for a line.
    pattern: String,
    /// Whether capital and small letters are the same.
    #[serde(default)]
    ignore_case: bool,
    /// Whether the files *without* a match are wanted.
    #[serde(default)]
    invert: bool,
    /// How many matches are handed on; all are counted.
    #[serde(default = "most_matches")]
    max: usize,
    ctx: &Context,
) -> Result<Matches, Failure> {
    let expression = RegexBuilder::new(&pattern)
        .case_insensitive(ignore_case)
        .size_limit(PROGRAM_BYTES)
        .dfa_size_limit(PROGRAM_BYTES)
        .build()
        .map_err(|error| Failure::invalid_input(format!("`pattern` is no regular expression: {error}")))?;
    let (paths, skipped) = select(files, root, &include, &exclude, ctx)?;
    let mut matches = Matches {
        count: 0,
        matches: Vec::new(),
        by_file: Vec::new(),
        searched: 0,
        skipped,
        truncated: false,
    };
    let total = paths.len() as u64;
    for (index, path) in paths.into_iter().enumerate() {
        ctx.check_cancelled()?;
        if index % 64 == 0 {
            ctx.progress(index as u64, total, &path);
        }
        match read_text(&path) {
            Ok(text) => matches.search(&expression, path, &text, invert, max),
            Err(skipped) => matches.skipped.push(skipped),
        }
    }
    ctx.progress(total, total, "done");
    Ok(matches)
}

fn most_matches() -> usize {
    MOST_MATCHES
}

impl Matches {
    fn search(&mut self, expression: &Regex, path: String, text: &str, invert: bool, max: usize) {
        self.searched += 1;
        if invert {
            if !text.lines().any(|line| expression.is_match(line)) {
                self.count += 1;
                self.by_file.push(InFile { path, count: 0 });
            }
            return;
        }
        let mut count = 0;
        for (index, line) in text.lines().enumerate() {
            let Some(found) = expression.find(line) else { continue };
            count += 1;
            if self.matches.len() < max {
                let column = line[..found.start()].chars().count() + 1;
                self.matches.push(Match {
                    path: path.clone(),
                    line_number: index + 1,
                    line: shortened(line),
                    column,
                });
            } else {
                self.truncated = true;
            }
        }
        if count > 0 {
            self.count += count;
            self.by_file.push(InFile { path, count });
        }
    }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use cofferdam_plugin::{Context, TestAttempt, Value, json};

    use crate::plugin;

    fn plant(root: &Path) -> Vec<String> {
        let files = [
            ("a.rs", "// SPDX\nfn ä() {} // TODO x\n// todo\n".as_bytes()),
            ("b.rs", b"TODO\r\nx"),
            ("c", b"TODO\0"),
        ];
        let write = |(name, bytes): (&str, &[u8])| {
            let path = root.join(name);
            fs::write(&path, bytes).unwrap();
            path.to_str().unwrap().to_owned()
        };
        files.map(write).to_vec()
    }

    fn grep(params: Value) -> Value {
        plugin().call("grep", params, &Context::for_test()).unwrap()
    }

    #[test]
    fn lines_are_found_with_their_place() {
        let root = tempfile::tempdir().unwrap();
        let [a, b, c]: [String; 3] = plant(root.path()).try_into().unwrap();
        let files = json!([{ "path": a, "size": 1 }, b, c, "/no/such"]);
        let found = grep(json!({ "files": files, "pattern": r"\bTODO\b" }));
        assert_eq!(found["count"], 2);
        assert_eq!(
            found["matches"],
            json!([
                { "path": a, "line_number": 2, "line": "fn ä() {} // TODO x", "column": 14 },
                { "path": b, "line_number": 1, "line": "TODO", "column": 1 },
            ])
        );
        assert_eq!(
            found["by_file"],
            json!([{ "path": a, "count": 1 }, { "path": b, "count": 1 }])
        );
        assert_eq!(found["searched"], 2);
        assert_eq!(found["skipped"][0], json!({ "path": c, "reason": "binary" }));
        assert_eq!(found["skipped"][1]["path"], "/no/such");
    }

    #[test]
    fn all_are_counted_and_some_handed_on() {
        let root = tempfile::tempdir().unwrap();
        plant(root.path());
        let params = json!({ "root": root.path().to_str(), "pattern": "todo", "ignore_case": true, "max": 1 });
        let found = grep(params);
        assert_eq!((&found["count"], &found["truncated"]), (&json!(3), &json!(true)));
        assert_eq!(found["matches"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn inverted_the_files_without_a_match_are_found() {
        let root = tempfile::tempdir().unwrap();
        let [a, b, _]: [String; 3] = plant(root.path()).try_into().unwrap();
        let found = grep(json!({ "files": [a, b], "pattern": "SPDX", "invert": true }));
        assert_eq!((&found["count"], &found["matches"]), (&json!(1), &json!([])));
        assert_eq!(found["by_file"], json!([{ "path": b, "count": 0 }]));
    }

    #[test]
    fn long_lines_are_found_and_shortened() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x");
        fs::write(
            &path,
            format!("{}\n{}\n{}\n", "ü".repeat(120), "ü".repeat(121), "x".repeat(9999)),
        )
        .unwrap();
        let found = grep(json!({ "files": [path.to_str()], "pattern": "^.{121,}$" }));
        assert_eq!(found["count"], 2);
        assert_eq!(found["matches"][1]["line"].as_str().unwrap().chars().count(), 501);
    }

    #[test]
    fn a_search_stops_when_asked_and_reports_progress() {
        let root = tempfile::tempdir().unwrap();
        let files = plant(root.path());
        let ctx = Context::for_test_of(TestAttempt {
            cancelled_after: Some(1),
            ..TestAttempt::default()
        });
        let stopped = plugin()
            .call("grep", json!({ "files": files, "pattern": "x" }), &ctx)
            .unwrap_err();
        assert_eq!(stopped.to_string(), "cancelled: stopped as asked");
        assert_eq!(ctx.recorded(), [format!("progress: 0 of 3 {}", files[0])]);
    }
}
