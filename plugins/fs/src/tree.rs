//! Which files lie in a directory and below it?

use std::fs::{self, DirEntry, FileType};
use std::path::{Path, PathBuf};

use cofferdam_plugin::{Context, Failure, data, file_failure};

use crate::glob::Glob;
use crate::ignored::{Rules, is_ignored};

/// Deeper directories are reported as unreadable: a guest has a small stack.
const MOST_LEVELS: usize = 128;

/// A file that was found.
#[data]
#[derive(Eq)]
pub(crate) struct Found {
    /// Path of the file, starting like the root.
    pub(crate) path: String,
    /// Size in bytes.
    pub(crate) size: u64,
}

/// What could not be looked at.
#[data]
#[derive(Eq)]
pub(crate) struct Unreadable {
    pub(crate) path: String,
    /// Why not.
    pub(crate) reason: String,
}

/// Which files are wanted.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    include: Vec<Glob>,
    exclude: Vec<Glob>,
    gitignore: bool,
}

impl Wanted {
    pub(crate) fn new(include: &[String], exclude: &[String], gitignore: bool) -> Result<Self, Failure> {
        let compile = |patterns: &[String]| {
            patterns
                .iter()
                .map(|pattern| Glob::new(pattern))
                .collect::<Result<_, _>>()
        };
        Ok(Self {
            include: compile(include)?,
            exclude: compile(exclude)?,
            gitignore,
        })
    }

    fn takes_file(&self, names: &[&str]) -> bool {
        (self.include.is_empty() || self.include.iter().any(|glob| glob.matches(names)))
            && !self.exclude.iter().any(|glob| glob.matches(names))
    }

    fn enters(&self, names: &[&str]) -> bool {
        !self
            .exclude
            .iter()
            .any(|glob| glob.matches(names) || glob.matches_all_below(names))
    }
}

/// Walks a tree; what cannot be read is reported, not fatal, unless it is the root itself.
pub(crate) fn walk(root: &str, wanted: &Wanted, ctx: &Context) -> Result<(Vec<Found>, Vec<Unreadable>), Failure> {
    let start = Path::new(if root.is_empty() { "." } else { root });
    let metadata = fs::metadata(start).map_err(|error| file_failure(start, &error))?;
    if !metadata.is_dir() {
        return Err(Failure::invalid_input(format!("`{root}` is a file, not a directory")));
    }
    let mut walk = Walk {
        wanted,
        ctx,
        rules: Vec::new(),
        found: Vec::new(),
        unreadable: Vec::new(),
    };
    if wanted.gitignore {
        walk.rules = rules_above(start);
    }
    let above = walk.rules_depth(start);
    walk.enter(start, &above, above.len())?;
    walk.found.sort_by(|left, right| left.path.cmp(&right.path));
    walk.unreadable.sort_by(|left, right| left.path.cmp(&right.path));
    Ok((walk.found, walk.unreadable))
}

struct Walk<'a> {
    wanted: &'a Wanted,
    ctx: &'a Context,
    rules: Vec<Rules>,
    found: Vec<Found>,
    unreadable: Vec<Unreadable>,
}

impl Walk<'_> {
    /// Returns the names that lead from where the rules start to the root.
    fn rules_depth(&self, start: &Path) -> Vec<String> {
        if self.rules.is_empty() {
            Vec::new()
        } else {
            plain_names(start).unwrap_or_default()
        }
    }

    /// Looks at a directory, whose `names` start at the outermost rules; `root` of them lead to the root of the walk.
    fn enter(&mut self, directory: &Path, names: &[String], root: usize) -> Result<(), Failure> {
        self.ctx.check_cancelled()?;
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if names.len() == root => return Err(file_failure(directory, &error)),
            Err(error) => {
                self.report(directory, &error);
                return Ok(());
            }
        };
        let rules = self.rules.len();
        if self.wanted.gitignore
            && let Ok(text) = fs::read_to_string(directory.join(".gitignore"))
        {
            self.rules.push(Rules::parse(&text, names.len()));
        }
        for entry in entries {
            match entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind))) {
                Ok((entry, kind)) => self.look_at(&entry, kind, names, root)?,
                Err(error) => self.report(directory, &error),
            }
        }
        self.rules.truncate(rules);
        Ok(())
    }

    fn look_at(&mut self, entry: &DirEntry, kind: FileType, above: &[String], root: usize) -> Result<(), Failure> {
        let path = joined(entry);
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            self.unreadable.push(Unreadable {
                path: shown(&path),
                reason: "the name is not UTF-8".into(),
            });
            return Ok(());
        };
        let is_directory = kind.is_dir();
        if name == ".git" || !(is_directory || kind.is_file()) {
            return Ok(());
        }
        let mut names = above.to_vec();
        names.push(name);
        let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
        if is_ignored(&self.rules, &borrowed, is_directory) {
            return Ok(());
        }
        if !is_directory {
            if self.wanted.takes_file(&borrowed[root..]) {
                match entry.metadata() {
                    Ok(metadata) => self.found.push(Found {
                        path: shown(&path),
                        size: metadata.len(),
                    }),
                    Err(error) => self.report(&path, &error),
                }
            }
            return Ok(());
        }
        if !self.wanted.enters(&borrowed[root..]) {
            return Ok(());
        }
        if names.len() - root > MOST_LEVELS {
            self.unreadable.push(Unreadable {
                path: shown(&path),
                reason: "it lies too deep".into(),
            });
            return Ok(());
        }
        self.enter(&path, &names, root)
    }

    fn report(&mut self, path: &Path, error: &std::io::Error) {
        self.unreadable.push(Unreadable {
            path: shown(path),
            reason: error.to_string(),
        });
    }
}

/// Returns the path of an entry without a leading `./`, so that what is listed is what people write.
fn joined(entry: &DirEntry) -> PathBuf {
    let path = entry.path();
    path.strip_prefix(".").map(Path::to_path_buf).unwrap_or(path)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Reads the `.gitignore` files above a relative root, which git would use too.
fn rules_above(start: &Path) -> Vec<Rules> {
    let names = plain_names(start).unwrap_or_default();
    let read = |depth: usize| {
        let directory: PathBuf = [".".to_owned()].iter().chain(&names[..depth]).collect();
        fs::read_to_string(directory.join(".gitignore"))
            .ok()
            .map(|text| Rules::parse(&text, depth))
    };
    (0..names.len()).filter_map(read).collect()
}

/// Returns the names of a relative path that does not climb.
fn plain_names(path: &Path) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::Normal(name) => names.push(name.to_str()?.to_owned()),
            _ => return None,
        }
    }
    Some(names)
}
