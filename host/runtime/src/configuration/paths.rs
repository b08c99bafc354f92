//! What does a path of the configuration lead to, and is it safe to grant?

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

/// Where a host path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A directory, by its absolute path without links.
    Directory(PathBuf),
    /// Nothing is there yet; this is where it would be.
    Missing(PathBuf),
}

/// Follows `path` from `root` part by part. No part may be a link: what the path names now is what is granted.
///
/// # Errors
/// If a part is a link or no directory, or cannot be looked at; the text says which.
pub(super) fn follow(root: &Path, path: &Path) -> Result<Found, String> {
    let mut current = if path.is_absolute() {
        PathBuf::from("/")
    } else {
        root.to_owned()
    };
    let mut missing = false;
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
            Component::ParentDir => {
                current.pop();
                continue;
            }
            Component::Normal(name) => current.push(name),
        }
        match current.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                return Err(format!(
                    "`{}` is a symbolic link: name what it points to",
                    current.display()
                ));
            }
            Ok(metadata) if !metadata.is_dir() => return Err(format!("`{}` is no directory", current.display())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing = true,
            Err(error) => return Err(format!("cannot look at `{}`: {error}", current.display())),
        }
    }
    Ok(if missing {
        Found::Missing(current)
    } else {
        Found::Directory(current)
    })
}

/// Returns `path` from `root`, without `.` and `..`, and without links as far as it exists.
///
/// What it names need not exist: protected places count before they are made.
pub(super) fn resolve(root: &Path, path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in root.join(path).components() {
        match component {
            Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir => {
                resolved.pop();
            }
            Component::RootDir => resolved.push("/"),
            Component::Normal(name) => resolved.push(name),
        }
    }
    for ancestor in resolved.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), resolved.strip_prefix(ancestor)) {
            return if rest.as_os_str().is_empty() {
                real
            } else {
                real.join(rest)
            };
        }
    }
    resolved
}

/// Makes `path` and what is missing above it, without following a link below `root`.
pub(super) fn create(root: &Path, path: &Path) -> io::Result<()> {
    match follow(root, path) {
        Ok(Found::Directory(_)) => Ok(()),
        Ok(Found::Missing(path)) => std::fs::create_dir_all(path),
        Err(reason) => Err(io::Error::other(reason)),
    }
}

/// Makes the directory of the state, for nobody else to read. It is synced like every new directory that the state
/// depends on: without its entry in the one above, a power cut would take the state along.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for parent in missing.into_iter().filter_map(Path::parent) {
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Returns whether `path` is an absolute guest path without `.`, `..` and empty parts.
pub(super) fn is_guest_path(path: &str) -> bool {
    path == "/"
        || path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/').all(|part| !matches!(part, "" | "." | "..")) && !rest.chars().any(char::is_control)
        })
}
