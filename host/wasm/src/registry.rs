//! Which plugins there are, and which action a name in a workflow means.

use crate::action::Action;
use crate::component::{Component, LoadError};
use crate::descriptor::is_name;
use crate::precheck::{MAX_FILE, Unfit};
use crate::sandbox::Sandbox;
use cofferdam_engine::Digest;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A plugin that is part of the host.
#[derive(Clone, Debug)]
pub struct Builtin {
    /// Its name, which no file can claim.
    pub name: String,
    /// Its component.
    pub bytes: Arc<[u8]>,
    /// Its version.
    pub version: String,
}

/// Where plugins come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Those that are part of the host.
    pub builtins: Vec<Builtin>,
    /// Directories with files `NAME.wasm`; one that does not exist holds none.
    pub directories: Vec<PathBuf>,
}

/// Where one plugin came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// It is part of the host.
    BuiltIn,
    /// It is a file.
    File(PathBuf),
}

/// A plugin that can be used.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Its version, if it says one.
    pub version: Option<String>,
    /// Where it came from.
    pub source: PluginSource,
    /// What it is.
    pub component: Arc<Component>,
}

/// A file that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file or directory.
    pub file: PathBuf,
    /// The code that explains this kind of problem.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What can be done about it.
    pub remedy: Option<String>,
}

/// What a name in a workflow means.
#[derive(Clone, Debug)]
pub enum Resolution {
    /// One action.
    Found {
        /// Its full name, `plugin.action`.
        name: String,
        /// The action.
        action: Action,
    },
    /// Several; a full name tells them apart.
    Ambiguous {
        /// Their full names.
        candidates: Vec<String>,
    },
    /// None.
    Unknown {
        /// Full names that look like it, the nearest first.
        near: Vec<String>,
    },
}

/// The plugins that were found at one time. It never changes: a run keeps what it started with.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    plugins: Vec<Plugin>,
    problems: Vec<Problem>,
}

impl Registry {
    /// Finds and loads what `sources` hold. A file that cannot be used is a problem and hinders no other.
    pub async fn discover(sandbox: &Sandbox, sources: &Sources) -> Self {
        let mut registry = Self::default();
        for builtin in &sources.builtins {
            match sandbox.load(Arc::clone(&builtin.bytes)).await {
                Ok(component) => registry.plugins.push(Plugin {
                    name: builtin.name.clone(),
                    version: Some(builtin.version.clone()),
                    source: PluginSource::BuiltIn,
                    component,
                }),
                Err(error) => registry.problems.push(problem(Path::new(&builtin.name), &error)),
            }
        }
        for (name, files) in registry.claims(sources) {
            if let [file] = files.as_slice() {
                registry.load(sandbox, name, file).await;
            } else {
                registry.disputed(&name, &files);
            }
        }
        registry.plugins.sort_by(|a, b| a.name.cmp(&b.name));
        registry.problems.sort_by(|a, b| a.file.cmp(&b.file));
        registry
    }

    /// Returns the plugins, by name.
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// Returns the plugin of this name.
    pub fn plugin(&self, name: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }

    /// Returns what could not be used.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the component of this digest, for a run that started with it.
    pub fn component(&self, digest: &Digest) -> Option<&Arc<Component>> {
        self.plugins
            .iter()
            .map(|plugin| &plugin.component)
            .find(|component| component.digest() == digest)
    }

    /// Returns what `name`, as `plugin.action` or as `action` alone, means.
    pub fn resolve(&self, name: &str) -> Resolution {
        let mut candidates: Vec<(String, Action)> = Vec::new();
        for plugin in &self.plugins {
            for action in plugin.component.actions() {
                let full = format!("{}.{}", plugin.name, action.name);
                if (full == name || action.name == name)
                    && let Some(action) = plugin.component.action(&action.name)
                {
                    candidates.push((full, action));
                }
            }
        }
        if candidates.len() > 1 {
            return Resolution::Ambiguous {
                candidates: candidates.into_iter().map(|(name, _)| name).collect(),
            };
        }
        match candidates.pop() {
            Some((name, action)) => Resolution::Found { name, action },
            None => Resolution::Unknown { near: self.near(name) },
        }
    }

    fn near(&self, name: &str) -> Vec<String> {
        const MOST: usize = 3;
        let allowed = (name.chars().count() / 3).max(1);
        let mut near: Vec<(usize, String)> = Vec::new();
        for plugin in &self.plugins {
            for action in plugin.component.actions() {
                let full = format!("{}.{}", plugin.name, action.name);
                let distance =
                    strsim::damerau_levenshtein(name, &full).min(strsim::damerau_levenshtein(name, &action.name));
                if distance <= allowed {
                    near.push((distance, full));
                }
            }
        }
        near.sort();
        near.into_iter().take(MOST).map(|(_, name)| name).collect()
    }

    /// Returns which files claim which name. Names that cannot be claimed are problems at once.
    fn claims(&mut self, sources: &Sources) -> BTreeMap<String, Vec<PathBuf>> {
        let mut claims: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for directory in &sources.directories {
            let files = match plugin_files(directory) {
                Ok(files) => files,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.report(directory, "CF0501", format!("cannot be read: {error}"), None);
                    continue;
                }
            };
            for file in files {
                let name = claimed_name(&file);
                if !is_name(&name) {
                    let reason = format!("`{name}` is no name for a plugin");
                    self.report(
                        &file,
                        "CF0508",
                        reason,
                        Some("use lower-case letters, digits and single hyphens".to_owned()),
                    );
                } else if sources.builtins.iter().any(|builtin| builtin.name == name) {
                    let reason = format!("claims the name `{name}`, which is built in");
                    self.report(&file, "CF0507", reason, Some("give the file another name".to_owned()));
                } else {
                    claims.entry(name).or_default().push(file);
                }
            }
        }
        claims
    }

    fn disputed(&mut self, name: &str, files: &[PathBuf]) {
        for (index, file) in files.iter().enumerate() {
            let other = files[usize::from(index == 0)].display();
            let reason = format!("claims the name `{name}`, which {other} has too; neither is used");
            self.report(file, "CF0507", reason, Some("keep one of them".to_owned()));
        }
    }

    async fn load(&mut self, sandbox: &Sandbox, name: String, file: &Path) {
        let path = file.to_owned();
        let bytes = match tokio::task::spawn_blocking(move || read(&path)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(ReadError::Io(error))) => {
                return self.report(file, "CF0501", format!("cannot be read: {error}"), None);
            }
            Ok(Err(ReadError::Unfit(unfit))) => return self.problems.push(problem(file, &unfit.into())),
            Err(error) => return self.report(file, "CF0510", error.to_string(), None),
        };
        match sandbox.load(bytes).await {
            Ok(component) => self.plugins.push(Plugin {
                name,
                version: component.version().map(str::to_owned),
                source: PluginSource::File(file.to_owned()),
                component,
            }),
            Err(error) => self.problems.push(problem(file, &error)),
        }
    }

    fn report(&mut self, file: &Path, code: &'static str, reason: String, remedy: Option<String>) {
        self.problems.push(Problem {
            file: file.to_owned(),
            code,
            reason,
            remedy,
        });
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}  ({})", self.file.display(), self.reason, self.code)
    }
}

enum ReadError {
    Io(io::Error),
    Unfit(Unfit),
}

fn problem(file: &Path, error: &LoadError) -> Problem {
    Problem {
        file: file.to_owned(),
        code: error.code(),
        reason: error.to_string(),
        remedy: None,
    }
}

/// Returns the files of a directory that want to be plugins, by name; what begins with a dot is being written.
fn plugin_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the name that a file claims: cargo writes `word_count.wasm` for `word-count`.
fn claimed_name(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
        .replace('_', "-")
}

/// Reads a file of reasonable size; one that is not is not read.
fn read(path: &Path) -> Result<Arc<[u8]>, ReadError> {
    // Opening a pipe would wait for whoever writes to it, for ever.
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(ReadError::Io)?;
    let found = file.metadata().map_err(ReadError::Io)?;
    if !found.is_file() {
        return Err(ReadError::Io(io::Error::other("it is no regular file")));
    }
    if found.len() > MAX_FILE {
        return Err(ReadError::Unfit(Unfit::TooLarge {
            what: "bytes",
            found: found.len(),
            allowed: MAX_FILE,
        }));
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    Ok(bytes.into())
}
