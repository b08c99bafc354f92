//! Which files below a directory hold what is nobody's business?

use std::path::{Path, PathBuf};

/// As many entries as a large project has.
const MOST_ENTRIES: usize = 100_000;
/// Deeper than anything that people look for.
const MOST_LEVELS: usize = 32;

/// Returns the files below `directory` that usually hold secrets, in no order, and whether all of it was looked at. Links are not
/// followed, and what is `hidden` from guests is left out.
pub(super) fn private(directory: &Path, hidden: &[PathBuf]) -> (Vec<PathBuf>, bool) {
    let mut found = Vec::new();
    let mut left = vec![(directory.to_owned(), 0)];
    let mut entries = 0;
    let mut is_whole = true;
    while let Some((directory, level)) = left.pop() {
        let Ok(read) = std::fs::read_dir(&directory) else {
            continue;
        };
        for entry in read.flatten() {
            entries += 1;
            if entries > MOST_ENTRIES {
                return (found, false);
            }
            let (path, name) = (entry.path(), entry.file_name());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && hidden.contains(&path) {
                continue;
            }
            if kind.is_dir() && level < MOST_LEVELS {
                left.push((path, level + 1));
            } else if kind.is_dir() {
                is_whole = false;
            } else if kind.is_file() && is_private(&directory, &name.to_string_lossy()) {
                found.push(path);
            }
        }
    }
    (found, is_whole)
}

fn is_private(directory: &Path, name: &str) -> bool {
    const NAMES: [&str; 9] = [
        ".env",
        ".git-credentials",
        ".netrc",
        ".npmrc",
        ".pypirc",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_rsa",
    ];
    const EXAMPLES: [&str; 5] = ["example", "sample", "template", "dist", "defaults"];
    let of_environment = name.strip_prefix(".env.").is_some_and(|kind| !EXAMPLES.contains(&kind));
    let is_key = [".pem", ".key", ".p12", ".pfx"]
        .iter()
        .any(|ending| name.ends_with(ending));
    let of_git = name == "config" && directory.file_name().is_some_and(|directory| directory == ".git");
    NAMES.contains(&name) || of_environment || is_key || of_git
}

#[cfg(test)]
mod tests {
    use super::is_private;
    use std::path::Path;

    #[test]
    fn names_tell_what_is_private() {
        let private = |path: &str| {
            let path = Path::new(path);
            is_private(path.parent().unwrap(), &path.file_name().unwrap().to_string_lossy())
        };
        for path in [
            "/p/.env",
            "/p/.env.production",
            "/p/certs/a.pem",
            "/p/.git/config",
            "/p/id_rsa",
            "/p/x.key",
        ] {
            assert!(private(path), "{path}");
        }
        for path in [
            "/p/.env.example",
            "/p/config",
            "/p/pem",
            "/p/env",
            "/p/id_rsa.pub",
            "/p/key",
            "/p/git/config",
        ] {
            assert!(!private(path), "{path}");
        }
    }
}
