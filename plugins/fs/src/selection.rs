//! Which files does an action work on: those that are listed, or those below a root?

use std::fs;
use std::path::Path;

use cofferdam_plugin::{Context, Failure, data};

use crate::tree::{Wanted, walk};

/// Larger files are left out of searches and counts: a guest has little memory.
const LARGEST: u64 = 16 << 20;

/// A file: its path, or an object with its `path`, such as `fs.list` returns.
#[data]
#[derive(Eq)]
#[serde(untagged)]
pub(crate) enum FileReference {
    /// The path.
    Path(String),
    /// An object that has the path.
    Entry {
        /// The path.
        path: String,
    },
}

impl FileReference {
    pub(crate) fn into_path(self) -> String {
        match self {
            Self::Path(path) | Self::Entry { path } => path,
        }
    }
}

/// A file that was left out.
#[data]
#[derive(Eq)]
pub(crate) struct Skipped {
    pub(crate) path: String,
    /// Why: `binary`, `too large`, or what the system says.
    pub(crate) reason: String,
}

/// Returns the paths of the listed files, or of the files below a root, and what could not be looked at.
pub(crate) fn select(
    files: Option<Vec<FileReference>>,
    root: Option<String>,
    include: &[String],
    exclude: &[String],
    ctx: &Context,
) -> Result<(Vec<String>, Vec<Skipped>), Failure> {
    match (files, root) {
        (Some(_), Some(_)) => Err(Failure::invalid_input("give either `files` or `root`")),
        (Some(_), None) if !(include.is_empty() && exclude.is_empty()) => Err(Failure::invalid_input(
            "`include` and `exclude` go with `root`, not with `files`",
        )),
        (Some(files), None) => Ok((files.into_iter().map(FileReference::into_path).collect(), Vec::new())),
        (None, root) => {
            let wanted = Wanted::new(include, exclude, true)?;
            let (found, unreadable) = walk(root.as_deref().unwrap_or("."), &wanted, ctx)?;
            let skipped = unreadable
                .into_iter()
                .map(|it| Skipped {
                    path: it.path,
                    reason: it.reason,
                })
                .collect();
            Ok((found.into_iter().map(|found| found.path).collect(), skipped))
        }
    }
}

/// Reads a file as text, or says why it is left out.
pub(crate) fn read_text(path: &str) -> Result<String, Skipped> {
    let skip = |reason: String| Skipped {
        path: path.to_owned(),
        reason,
    };
    let place = Path::new(path);
    let metadata = fs::metadata(place).map_err(|error| skip(error.to_string()))?;
    if !metadata.is_file() {
        return Err(skip("not a file".into()));
    }
    if metadata.len() > LARGEST {
        return Err(skip("too large".into()));
    }
    let bytes = fs::read(place).map_err(|error| skip(error.to_string()))?;
    if bytes[..bytes.len().min(8 << 10)].contains(&0) {
        return Err(skip("binary".into()));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
