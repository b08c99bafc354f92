//! Which files are there?

use cofferdam_plugin::{Context, Failure, action, data};

use crate::tree::{Found, Unreadable, Wanted, walk};

/// The files of a tree.
#[data]
#[derive(Eq)]
pub(crate) struct Listing {
    /// The files, sorted by path.
    files: Vec<Found>,
    count: usize,
    /// Size of all of them.
    bytes: u64,
    /// What could not be looked at.
    unreadable: Vec<Unreadable>,
}

/// Lists the files below a directory, without what git ignores.
#[action(needs = [read], example = { "root": "src", "include": ["**/*.rs"], "exclude": ["generated/**"] })]
pub(crate) fn list(
    /// The directory; by default the project.
    #[serde(default = "here")]
    root: String,
    /// Patterns of the files that are wanted, relative to the root; all if there is none.
    #[serde(default)]
    include: Vec<String>,
    /// Patterns of the files and directories that are not wanted.
    #[serde(default)]
    exclude: Vec<String>,
    /// One more pattern of files that are wanted.
    glob: Option<String>,
    /// Whether `.gitignore` files are obeyed.
    #[serde(default = "yes")]
    gitignore: bool,
    ctx: &Context,
) -> Result<Listing, Failure> {
    let include: Vec<String> = include.into_iter().chain(glob).collect();
    let wanted = Wanted::new(&include, &exclude, gitignore)?;
    let (files, unreadable) = walk(&root, &wanted, ctx)?;
    for it in &unreadable {
        ctx.warn(format!("{}: {}", it.path, it.reason));
    }
    let bytes = files.iter().map(|file| file.size).sum();
    Ok(Listing {
        count: files.len(),
        files,
        bytes,
        unreadable,
    })
}

fn here() -> String {
    ".".into()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use cofferdam_plugin::{Context, Failure, TestAttempt, Value, json};

    use crate::plugin;

    fn plant(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn paths(root: &Path, mut params: Value) -> Vec<String> {
        params["root"] = root.to_str().unwrap().into();
        let listing = plugin().call("list", params, &Context::for_test()).unwrap();
        let path = |file: &Value| file["path"].as_str().unwrap()[root.to_str().unwrap().len() + 1..].to_owned();
        listing["files"].as_array().unwrap().iter().map(path).collect()
    }

    #[test]
    fn patterns_choose_and_gitignore_files_leave_out() {
        let root = tempfile::tempdir().unwrap();
        plant(
            root.path(),
            &[
                ("main.rs", ""),
                ("b/mod.rs", ""),
                ("b/data.bin", ""),
                ("b/.gitignore", "!kept.log\n/local.rs\n"),
                ("b/local.rs", ""),
                ("b/kept.log", ""),
                ("b/lost.log", ""),
                ("target/debug/x.rs", ""),
                (".gitignore", "/target\n*.log\n"),
                (".git/config", ""),
                ("skip/x.rs", ""),
            ],
        );
        assert_eq!(
            paths(root.path(), json!({})),
            [
                ".gitignore",
                "b/.gitignore",
                "b/data.bin",
                "b/kept.log",
                "b/mod.rs",
                "main.rs",
                "skip/x.rs"
            ]
        );
        let chosen = json!({ "include": ["**/*.rs"], "exclude": ["skip/**"] });
        assert_eq!(paths(root.path(), chosen), ["b/mod.rs", "main.rs"]);
        assert_eq!(paths(root.path(), json!({ "glob": "*.rs" })), ["main.rs"]);
        let all = json!({ "gitignore": false, "include": ["target/**"] });
        assert_eq!(paths(root.path(), all), ["target/debug/x.rs"]);
    }

    #[test]
    fn sizes_add_up() {
        let root = tempfile::tempdir().unwrap();
        plant(root.path(), &[("a", "12"), ("b", "345")]);
        let params = json!({ "root": root.path().to_str() });
        let listing = plugin().call("list", params, &Context::for_test()).unwrap();
        assert_eq!((&listing["count"], &listing["bytes"]), (&json!(2), &json!(5)));
        assert_eq!(listing["unreadable"], json!([]));
    }

    fn refused(params: Value, ctx: &Context) -> Failure {
        plugin().call("list", params, ctx).unwrap_err()
    }

    #[test]
    fn a_root_that_is_none_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("missing");
        assert_eq!(
            refused(json!({ "root": missing.to_str() }), &Context::for_test()).code(),
            Some("not-found")
        );
        plant(root.path(), &[("file", "")]);
        let file = json!({ "root": root.path().join("file").to_str() });
        assert!(
            refused(file, &Context::for_test())
                .message()
                .ends_with("is a file, not a directory")
        );
    }

    #[test]
    fn a_listing_stops_when_asked() {
        let root = tempfile::tempdir().unwrap();
        plant(root.path(), &[("a/b/c", "")]);
        let ctx = Context::for_test_of(TestAttempt {
            cancelled_after: Some(1),
            ..TestAttempt::default()
        });
        assert_eq!(
            refused(json!({ "root": root.path().to_str() }), &ctx),
            Failure::cancelled()
        );
    }
}
