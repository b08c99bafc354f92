//! Which plugins there are, and which action a name in a workflow means.

mod change;
mod files;

pub use change::Change;
pub use files::Listing;

use crate::action::Action;
use crate::component::{Component, LoadError};
use crate::descriptor::is_name;
use crate::log::printable;
use crate::sandbox::Sandbox;
use crate::signature::{SignatureRules, Signatures, Unsigned};
use cofferdam_engine::Digest;
use files::{Content, ReadError, Stamp};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many files the plugin directories may hold together, and how many bytes: all of them are in memory.
const MOST_FILES: usize = 256;
const MOST_BYTES: u64 = 512 * 1024 * 1024;
/// How many files are looked at beside each other.
const AT_ONCE: usize = 16;
const TOO_MANY: &str = "the plugin directories hold more than 256 files or 512 MiB";

/// The most that is said of the name of a file, in bytes.
const MAX_SHOWN: usize = 4096;

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
    /// Which files must be signed, and by whom.
    pub signed: SignatureRules,
}

impl Sources {
    /// Returns what lies in the directories now, to be held against what lies there later.
    pub fn listing(&self) -> Listing {
        Listing::of(&self.directories)
    }
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
    /// Who vouches for it.
    pub signatures: Signatures,
}

/// The code of a component that is not signed as it has to be.
const UNSIGNED: &str = "CF0512";

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
    /// The component that goes on under the name that the file claims, as it was before the file came.
    pub serving: Option<Digest>,
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
    /// What the directories held.
    listing: Listing,
    /// The files that were read, and need not be read again while they are the same.
    known: BTreeMap<PathBuf, Stamp>,
    /// Whether a file may have changed since without looking different.
    unsettled: bool,
}

/// What is asked about each file.
#[derive(Clone, Copy)]
struct Look<'a> {
    sandbox: &'a Sandbox,
    sources: &'a Sources,
    /// What the directories hold.
    listing: &'a Listing,
    /// What was found before.
    former: &'a Registry,
}

impl Registry {
    /// Finds and loads what `sources` hold. A file that cannot be used is a problem and hinders no other.
    pub async fn discover(sandbox: &Sandbox, sources: &Sources) -> Self {
        let mut registry = Self::default();
        let loading = sources.builtins.iter();
        let loaded = join_all(loading.map(|builtin| sandbox.load(Arc::clone(&builtin.bytes)))).await;
        for (builtin, loaded) in sources.builtins.iter().zip(loaded) {
            match loaded {
                Ok(component) => registry.plugins.push(Plugin {
                    name: builtin.name.clone(),
                    version: Some(builtin.version.clone()),
                    source: PluginSource::BuiltIn,
                    component,
                    signatures: Signatures::default(),
                }),
                Err(error) => registry.problems.push(problem(Path::new(&builtin.name), &error)),
            }
        }
        registry.find(sandbox, sources, &Self::default()).await
    }

    /// Looks again at the directories of the same `sources`, and returns what they hold by now. Only what changed is read. Where
    /// a file cannot be used, the plugin that had its name before stays: a damaged file takes nothing away.
    pub async fn renewed(&self, sandbox: &Sandbox, sources: &Sources) -> Self {
        let is_built_in = |problem: &&Problem| {
            let mut builtins = sources.builtins.iter();
            builtins.any(|builtin| problem.file == Path::new(&builtin.name))
        };
        let built_in = self
            .plugins
            .iter()
            .filter(|plugin| plugin.source == PluginSource::BuiltIn);
        let registry = Self {
            plugins: built_in.cloned().collect(),
            problems: self.problems.iter().filter(is_built_in).cloned().collect(),
            ..Self::default()
        };
        registry.find(sandbox, sources, self).await
    }

    /// Returns whether the directories of the same `sources` hold what they held, as far as can be seen without reading files.
    pub fn is_current(&self, sources: &Sources) -> bool {
        !self.unsettled && sources.listing() == self.listing
    }

    /// Returns whether the same keys vouch for the same plugins as in another one.
    pub fn is_signed_like(&self, other: &Self) -> bool {
        let signatures = |registry: &Self| -> Vec<(String, Signatures)> {
            let plugins = registry.plugins.iter();
            plugins
                .map(|plugin| (plugin.name.clone(), plugin.signatures.clone()))
                .collect()
        };
        signatures(self) == signatures(other)
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

    /// Adds what the directories of `sources` hold. What did not change since `former` is taken from there; where a candidate
    /// cannot be used, the plugin that had its name before stays.
    async fn find(mut self, sandbox: &Sandbox, sources: &Sources, former: &Self) -> Self {
        self.listing = sources.listing();
        let listing = self.listing.clone();
        for (directory, error) in &listing.unreadable {
            self.report(directory, "CF0501", format!("cannot be read: {error}"));
        }
        let (mut count, mut bytes) = (0, 0);
        let look = Look {
            sandbox,
            sources,
            listing: &listing,
            former,
        };
        let mut considering = Vec::new();
        for (name, files) in listing.claims() {
            count += files.len();
            bytes += files.iter().map(|file| listing.size(file)).sum::<u64>();
            if count > MOST_FILES || bytes > MOST_BYTES {
                for file in files {
                    self.report(file, "CF0503", format!("is left out: {TOO_MANY}"))
                        .help("move what is not needed elsewhere, or strip the components (wasm-tools strip)");
                }
            } else if !is_name(&name) {
                for file in files {
                    self.report(
                        file,
                        "CF0508",
                        format!("`{}` is no name for a plugin", printable(&name, MAX_SHOWN)),
                    )
                    .help("use lower-case letters, digits and single hyphens");
                }
            } else if sources.builtins.iter().any(|builtin| builtin.name == name) {
                for file in files {
                    self.report(file, "CF0507", format!("claims the name `{name}`, which is built in"))
                        .help("give the file another name");
                }
            } else if let [file] = *files.as_slice() {
                considering.push(Self::considered(look, name, file));
            } else {
                self.disputed(&name, &files, former);
            }
        }
        // One that takes long, by whatever it is made of, holds up no other.
        let found: Vec<Self> = stream::iter(considering).buffered(AT_ONCE).collect().await;
        for found in found {
            self.plugins.extend(found.plugins);
            self.problems.extend(found.problems);
            self.known.extend(found.known);
            self.unsettled |= found.unsettled;
        }
        // That a directory cannot be read now says nothing about what lies in it.
        for plugin in &former.plugins {
            if let PluginSource::File(file) = &plugin.source
                && file
                    .parent()
                    .is_some_and(|parent| listing.unreadable.contains_key(parent))
                && self.plugin(&plugin.name).is_none()
            {
                self.plugins.push(plugin.clone());
            }
        }
        self.plugins.sort_by(|a, b| a.name.cmp(&b.name));
        self.problems.sort_by(|a, b| a.file.cmp(&b.file));
        self
    }

    /// Returns what comes of the only file that claims `name`.
    async fn considered(look: Look<'_>, name: String, file: &Path) -> Self {
        let mut found = Self::default();
        found.consider(look, &name, file).await;
        found
    }

    /// Decides about the only file that claims `name`.
    async fn consider(&mut self, look: Look<'_>, name: &str, file: &Path) {
        let Look {
            sandbox,
            sources,
            listing,
            former,
        } = look;
        let serving = former.plugin(name);
        let known = former.known.get(file).copied();
        let path = file.to_owned();
        let content = match tokio::task::spawn_blocking(move || files::read(&path, known.as_ref())).await {
            Ok(Ok(content)) => content,
            // It was taken away while it was looked for.
            Ok(Err(ReadError::Io(error))) if error.kind() == io::ErrorKind::NotFound => {
                self.unsettled = true;
                return;
            }
            Ok(Err(ReadError::Io(error))) => {
                // What the system refuses now it may give later, with nothing about the file being different.
                self.unsettled |= error.raw_os_error().is_some();
                self.report(file, "CF0501", format!("cannot be read: {error}"));
                return self.keep_serving(serving);
            }
            Ok(Err(ReadError::Unfit(unfit))) => {
                self.problems.push(problem(file, &unfit.into()));
                return self.keep_serving(serving);
            }
            Err(error) => {
                self.report(file, "CF0510", error.to_string());
                return self.keep_serving(serving);
            }
        };
        let signatures = self.signatures(listing, file).await;
        let (bytes, digest, stamp) = match content {
            Content::Same => {
                self.known.extend(known.map(|stamp| (file.to_owned(), stamp)));
                let mut told = former.problems.iter().filter(|problem| problem.file == file);
                if let Some(problem) = told.find(|problem| problem.code != UNSIGNED) {
                    self.problems.push(problem.clone());
                    self.plugins.extend(serving.cloned());
                } else if let Some(serving) = serving {
                    // The component is what it was; what lies beside it need not be.
                    match sources.signed.check(name, serving.component.digest(), &signatures) {
                        Ok(()) => self.plugins.push(Plugin {
                            signatures,
                            ..serving.clone()
                        }),
                        Err(unsigned) => self.reject(name, file, &unsigned, Some(serving)),
                    }
                }
                return;
            }
            Content::Read { bytes, digest, stamp } => (bytes, digest, stamp),
        };
        self.unsettled |= stamp.is_none();
        if let Err(unsigned) = sources.signed.check(name, &digest, &signatures) {
            // Nothing of it is looked at. It is not known either: what is put beside it may make it good.
            return self.reject(name, file, &unsigned, serving);
        }
        let loaded = match serving {
            Some(serving) if *serving.component.digest() == digest => Ok(Arc::clone(&serving.component)),
            _ => sandbox.load(bytes).await,
        };
        if matches!(loaded, Err(LoadError::Host(_))) {
            // A fault of this host is no property of the file: it is tried again.
            self.unsettled = true;
        } else {
            self.known.extend(stamp.map(|stamp| (file.to_owned(), stamp)));
        }
        match loaded {
            Ok(component) => self.plugins.push(Plugin {
                name: name.to_owned(),
                version: component.version().map(str::to_owned),
                source: PluginSource::File(file.to_owned()),
                component,
                signatures,
            }),
            Err(error) => {
                self.problems.push(problem(file, &error));
                self.keep_serving(serving);
            }
        }
    }

    /// Reads what lies beside a component to vouch for it.
    async fn signatures(&mut self, listing: &Listing, file: &Path) -> Signatures {
        let beside = Signatures::file_of(file);
        // What was written just now may be written again without looking different.
        self.unsettled |= listing
            .signatures
            .get(&beside)
            .is_some_and(|stamp| !files::is_settled(stamp));
        let file = file.to_owned();
        let read = tokio::task::spawn_blocking(move || Signatures::beside(&file)).await;
        read.unwrap_or_default()
    }

    /// Reports a component that is not signed as it has to be, and lets the one before it go on.
    fn reject(&mut self, name: &str, file: &Path, unsigned: &Unsigned, serving: Option<&Plugin>) {
        let remedy = format!("have it signed as `{name}`: cofferdam plugin sign FILE --key KEY");
        self.report(file, UNSIGNED, unsigned.to_string()).help(&remedy);
        self.keep_serving(serving);
    }

    fn disputed(&mut self, name: &str, files: &[&Path], former: &Self) {
        let serving = former.plugin(name);
        for (index, file) in files.iter().enumerate() {
            let other = shown(files[usize::from(index == 0)]);
            let neither = if serving.is_some() {
                "neither is taken"
            } else {
                "neither is used"
            };
            let reason = format!("claims the name `{name}`, which {other} has too; {neither}");
            self.report(file, "CF0507", reason).help("keep one of them");
            if let (Some(problem), Some(serving)) = (self.problems.last_mut(), serving) {
                problem.serving = Some(*serving.component.digest());
            }
        }
        self.plugins.extend(serving.cloned());
    }

    /// Lets the plugin that was there before go on in the place of the candidate that was reported last.
    fn keep_serving(&mut self, serving: Option<&Plugin>) {
        if let (Some(problem), Some(serving)) = (self.problems.last_mut(), serving) {
            problem.serving = Some(*serving.component.digest());
            self.plugins.push(serving.clone());
        }
    }

    fn report(&mut self, file: &Path, code: &'static str, reason: String) -> &mut Problem {
        self.problems.push(Problem {
            file: file.to_owned(),
            code,
            reason,
            remedy: None,
            serving: None,
        });
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }
}

impl Problem {
    /// Returns the name of the plugin that the file wants to be, if it is a file that wants to be one.
    pub fn plugin(&self) -> Option<String> {
        let is_component = self.file.extension().is_some_and(|extension| extension == "wasm");
        is_component.then(|| files::claimed_name(&self.file))
    }

    fn help(&mut self, remedy: &str) {
        self.remedy = Some(remedy.to_owned());
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}  ({})", shown(&self.file), self.reason, self.code)
    }
}

/// Returns a path as it can be said: what lies in a directory may have any name.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string(), MAX_SHOWN)
}

fn problem(file: &Path, error: &LoadError) -> Problem {
    Problem {
        file: file.to_owned(),
        code: error.code(),
        reason: error.to_string(),
        remedy: None,
        serving: None,
    }
}
