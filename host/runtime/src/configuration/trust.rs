//! Has the user looked at what this project asks for?

use super::acceptance::{GrantsBelong, short_digest};
use super::file::{Configuration, DEFAULT_ATTEMPTS};
use super::grants::word;
use super::lock_file::Locked;
use super::network::AllowedAddress;
use super::source::Source;
use cofferdam_wasm::{Access, CompileLimits, SecretSource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;
const RECORD: &str = "trust.json";

/// Something that a project file asks for and that needs trust.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ask {
    /// What, such as `` `fs` writes `/srv/data` ``.
    pub what: String,
    /// Where it is asked.
    #[serde(skip)]
    pub at: String,
}

/// What is asked now that was not asked of the file as it was trusted, and the other way round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AsksChange {
    /// Newly asked.
    pub added: Vec<String>,
    /// No longer asked.
    pub removed: Vec<String>,
    /// Asked before and now.
    pub kept: Vec<String>,
}

/// Why a project is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Untrusted {
    /// The file.
    pub file: PathBuf,
    /// Everything that it asks for.
    pub asks: Vec<Ask>,
    /// What changed, if an earlier text of this file was trusted.
    pub change: Option<AsksChange>,
}

/// Why a project may do what its file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// It asks for nothing that needs trust.
    NotNeeded,
    /// The user has trusted this very file.
    Given,
}

/// Why trust cannot be looked up or remembered.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The project asks for something and is not trusted.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// The project has no file.
    #[error("there is no cofferdam.toml here to trust")]
    NoFile,
    /// It is not known where the user's state is.
    #[error("no directory for what is trusted: neither XDG_STATE_HOME nor HOME is an absolute path")]
    NoDirectory,
    /// The record cannot be read or written.
    #[error("cannot use the record of what is trusted, `{}`", .0.display())]
    Record(PathBuf, #[source] io::Error),
    /// The record is damaged, or of a newer release.
    #[error("the record of what is trusted, `{}`, is of no use: {}; move it away and trust again", .0.display(), .1)]
    Damaged(PathBuf, String),
}

/// What the user has trusted, kept outside of every project.
#[derive(Clone, Debug)]
pub struct TrustStore {
    directory: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    files: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    digest: String,
    asks: Vec<String>,
}

/// Returns where what a user has trusted is kept: `$XDG_STATE_HOME/cofferdam`, else `~/.local/state/cofferdam`.
///
/// # Errors
/// If neither is an absolute path.
pub fn user_state_directory() -> Result<PathBuf, TrustError> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("cofferdam")).ok_or(TrustError::NoDirectory)
}

impl Configuration {
    /// Returns what the file asks for beyond reading the project's own tree, writing one directory inside it, and the usual limits.
    pub fn asks(&self) -> Vec<Ask> {
        let root = self.project().root();
        let outside = |path: &Path| !path.starts_with(root);
        let mut asks = Vec::new();
        let mut ask = |what: String, source: &Source| {
            asks.push(Ask {
                what,
                at: source.to_string(),
            });
        };
        let written: BTreeSet<&Path> = self
            .plugins()
            .values()
            .flat_map(|section| &section.directories)
            .filter(|directory| directory.access == Access::Write)
            .map(|directory| directory.host.as_path())
            .collect();
        for (name, section) in self.plugins() {
            for directory in &section.directories {
                let several = directory.access == Access::Write && written.len() > 1;
                if outside(&directory.host) || several {
                    let host = self.project().short(&directory.host);
                    ask(
                        format!("`{name}` {}s `{host}`", word(directory.access)),
                        &directory.source,
                    );
                }
            }
        }
        for (name, section) in self.plugins() {
            for address in &section.network {
                ask(format!("`{name}` sends {}", requests(address)), &address.source);
            }
            for (secret, source) in &section.secrets {
                ask(format!("`{name}` uses the secret `{secret}`"), source);
            }
            for (variable, source) in &section.variables {
                ask(format!("`{name}` sees the variable {variable}"), source);
            }
            for (secret, source) in &section.reveal {
                ask(format!("`{name}` is told the secret `{secret}`"), source);
            }
        }
        for (name, section) in self.plugins() {
            if let Some((digest, source)) = section.digest.as_ref().filter(|_| section.grants_anything()) {
                ask(format!("`{name}` as {}", short_digest(digest)), source);
            }
        }
        for (name, section) in self.plugins() {
            for (key, source) in section.signed_by.iter().filter(|_| section.grants_anything()) {
                if let Some((public, _)) = self.keys.get(key).filter(|_| section.digest.is_none()) {
                    ask(format!("`{name}` as whatever the key `{key}` signs ({public})"), source);
                }
            }
        }
        if self.grants_belong() == GrantsBelong::ToNames {
            ask(
                "plugins keep their grants whatever is put in their files".to_owned(),
                &self.trust.1,
            );
        }
        let sections = self
            .plugins()
            .iter()
            .map(|(name, section)| (format!("`{name}`"), &section.limit_values));
        for (who, values) in std::iter::once(("every plugin".to_owned(), &self.limit_values)).chain(sections) {
            for (limit, (value, source)) in values {
                let row = limit.row();
                if *value > row.default {
                    let (wanted, usual) = (row.display(*value), row.display(row.default));
                    ask(
                        format!("{who} uses up to {wanted} of `{}`, not {usual}", row.setting),
                        source,
                    );
                }
            }
        }
        let (compile, source) = &self.compile;
        let usual = CompileLimits::default();
        if (compile.wall > usual.wall || compile.memory > usual.memory) && matches!(source, Source::File { .. }) {
            let (wall, memory) = (compile.wall.as_secs(), compile.memory >> 20);
            ask(
                format!("compiles a component for up to {wall} s with {memory} MiB"),
                source,
            );
        }
        let (attempts, source) = &self.attempts;
        if *attempts > DEFAULT_ATTEMPTS && matches!(source, Source::File { .. }) {
            ask(
                format!("lets {attempts} guests be at work at once, not {DEFAULT_ATTEMPTS}"),
                source,
            );
        }
        for (name, secret) in self.secrets() {
            ask(
                format!("takes the secret `{name}` from {}", taken(&secret.from)),
                &secret.source,
            );
        }
        let places = [
            ("loads plugins from", &self.plugin_directories),
            ("takes workflows from", &self.workflows),
            ("takes agents from", &self.agents),
            ("takes snippets from", &self.snippets),
            ("takes schemas from", &self.schemas),
        ];
        for (verb, directories) in places {
            for (path, source) in directories {
                if outside(path) && matches!(source, Source::File { .. }) {
                    ask(format!("{verb} `{}`", path.display()), source);
                }
            }
        }
        let (state, source) = &self.state;
        if outside(state) && matches!(source, Source::File { .. }) {
            ask(format!("keeps its state in `{}`", state.display()), source);
        }
        asks
    }
}

fn requests(address: &AllowedAddress) -> String {
    let methods = address.rule.methods();
    let methods = if methods.is_empty() {
        "any request".to_owned()
    } else {
        methods.join(", ")
    };
    let private = if address.rule.is_private() {
        " (private address)"
    } else {
        ""
    };
    let mut asked = format!("{methods} to {}{private}", address.rule.url());
    if let (Some(file), Some(digest)) = (&address.ca, &address.ca_digest) {
        let file = super::document::printable(file);
        asked += &format!(", believing the certificates of `{file}` ({})", short_digest(digest));
    }
    asked
}

/// All words of a command: the arguments say what it does.
fn taken(from: &SecretSource) -> String {
    match from {
        SecretSource::Environment(_) | SecretSource::File(_) => from.to_string(),
        SecretSource::Command(words) => format!("what `{}` prints", super::document::printable(&words.join(" "))),
    }
}

impl TrustStore {
    /// Returns the store that is kept in `directory`, which need not exist.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// Returns everything that the user is to look at before the project is trusted: what its file asks for, and the
    /// components of its lock file that are not accepted yet.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn asks(&self, configuration: &Configuration) -> Result<Vec<Ask>, TrustError> {
        let mut asks = configuration.asks();
        let pending = self.pending(configuration)?;
        asks.extend(pending.into_iter().map(|(_, _, ask)| ask));
        Ok(asks)
    }

    /// Returns why the project may do what its file says.
    ///
    /// # Errors
    /// [`TrustError::Untrusted`] if the user has to look at the file first; others if the record cannot be read.
    pub fn check(&self, configuration: &Configuration) -> Result<Trusted, TrustError> {
        let asks = configuration.asks();
        let (Some(file), Some(digest)) = (configuration.project().file(), configuration.digest()) else {
            return Ok(Trusted::NotNeeded);
        };
        let pending: Vec<Ask> = self
            .pending(configuration)?
            .into_iter()
            .map(|(_, _, ask)| ask)
            .collect();
        if asks.is_empty() && pending.is_empty() {
            return Ok(Trusted::NotNeeded);
        }
        let record = self.read()?;
        let entry = record.files.get(&*file.to_string_lossy());
        let (file, asks, change) = match entry {
            _ if asks.is_empty() => (configuration.lock_file(), pending, None),
            Some(entry) if entry.digest == digest && pending.is_empty() => return Ok(Trusted::Given),
            Some(entry) if entry.digest == digest => (configuration.lock_file(), pending, None),
            entry => {
                let asks = [asks, pending].concat();
                let change = entry.map(|entry| AsksChange::between(&entry.asks, &asks));
                (file.to_owned(), asks, change)
            }
        };
        Err(Untrusted { file, asks, change }.into())
    }

    /// Remembers that the user trusts the file of `configuration` as it was read and accepts the components of its lock
    /// file, and returns what changed since it was last trusted.
    ///
    /// # Errors
    /// If there is no file, or the record cannot be read or written.
    pub fn trust(&self, configuration: &Configuration) -> Result<AsksChange, TrustError> {
        let (Some(file), Some(digest)) = (configuration.project().file(), configuration.digest()) else {
            return Err(TrustError::NoFile);
        };
        let pending = self.pending(configuration)?;
        for (plugin, locked, _) in &pending {
            self.accept(configuration, plugin, &locked.portrait)?;
        }
        let _alone = self.alone()?;
        let mut record = self.read()?;
        let mut asks = configuration.asks();
        let entry = Entry {
            digest: digest.to_owned(),
            asks: asks.iter().map(|ask| ask.what.clone()).collect(),
        };
        let before = record.files.insert(file.to_string_lossy().into_owned(), entry);
        self.write_record(RECORD, &record)?;
        asks.extend(pending.into_iter().map(|(_, _, ask)| ask));
        Ok(AsksChange::between(
            &before.map(|entry| entry.asks).unwrap_or_default(),
            &asks,
        ))
    }

    /// Forgets the file of `configuration` with the components that were accepted for it, and returns whether anything
    /// was remembered.
    ///
    /// # Errors
    /// If the record cannot be read or written.
    pub fn forget(&self, configuration: &Configuration) -> Result<bool, TrustError> {
        let Some(file) = configuration.project().file() else {
            return Ok(false);
        };
        let _alone = self.alone()?;
        let mut record = self.read()?;
        let known = record.files.remove(&*file.to_string_lossy()).is_some();
        if known {
            self.write_record(RECORD, &record)?;
        }
        Ok(self.forget_components(&file.to_string_lossy())? || known)
    }

    /// Returns what the lock file lists that the user has not accepted: by plugin, with the question to ask.
    fn pending<'c>(&self, configuration: &'c Configuration) -> Result<Vec<(&'c str, &'c Locked, Ask)>, TrustError> {
        if configuration.locked().next().is_none() {
            return Ok(Vec::new());
        }
        let accepted = self.acceptances(configuration)?;
        let pending = configuration.locked().filter_map(|(plugin, locked)| {
            let digest = &locked.portrait.digest;
            if accepted.holds(plugin, digest) {
                return None;
            }
            let before = accepted.newest(plugin).map(|newest| short_digest(&newest.digest));
            let before = before.map_or_else(String::new, |before| format!(", accepted before as {before}"));
            let ask = Ask {
                what: format!("`{plugin}` as {}{before}", short_digest(digest)),
                at: locked.source.to_string(),
            };
            Some((plugin, locked, ask))
        });
        Ok(pending.collect())
    }

    fn read(&self) -> Result<Record, TrustError> {
        let empty = || Record {
            format: FORMAT,
            files: BTreeMap::new(),
        };
        self.read_record(RECORD, FORMAT, |record: &Record| record.format)
            .map(|record| record.unwrap_or_else(empty))
    }

    /// Returns a record, if it was ever written.
    pub(super) fn read_record<T: DeserializeOwned>(
        &self,
        name: &str,
        format: u32,
        format_of: impl Fn(&T) -> u32,
    ) -> Result<Option<T>, TrustError> {
        let path = self.directory.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TrustError::Record(path, error)),
        };
        match serde_json::from_str::<T>(&text) {
            Ok(record) if format_of(&record) == format => Ok(Some(record)),
            Ok(record) => Err(TrustError::Damaged(
                path,
                format!("it has format {}, not {format}", format_of(&record)),
            )),
            Err(error) => Err(TrustError::Damaged(path, error.to_string())),
        }
    }

    /// Written aside and renamed: two processes cannot leave half a record.
    pub(super) fn write_record(&self, name: &str, record: &impl Serialize) -> Result<(), TrustError> {
        let path = self.directory.join(name);
        let aside = self.directory.join(format!("{name}.{}", std::process::id()));
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)
            .and_then(|mut file| {
                serde_json::to_writer_pretty(&mut file, record)?;
                file.write_all(b"\n")?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&aside, &path));
        written.map_err(|error| TrustError::Record(path, error))
    }

    /// Waits until no other process changes a record, and keeps it so as long as what is returned lives.
    pub(super) fn alone(&self) -> Result<fs::File, TrustError> {
        let path = self.directory.join("lock");
        let failed = |error| TrustError::Record(path.clone(), error);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(failed)?;
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }
}

impl AsksChange {
    fn between(before: &[String], now: &[Ask]) -> Self {
        let now: Vec<String> = now.iter().map(|ask| ask.what.clone()).collect();
        let (kept, added) = now.iter().cloned().partition(|ask| before.contains(ask));
        Self {
            added,
            removed: before.iter().filter(|ask| !now.contains(ask)).cloned().collect(),
            kept,
        }
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = if self.change.is_some() {
            ", and its file changed since you trusted it"
        } else {
            ""
        };
        write!(
            f,
            "this project wants more than reading its own tree and writing one directory in it{again}"
        )?;
        for ask in &self.asks {
            let mark = match &self.change {
                Some(change) if change.added.contains(&ask.what) => "  + ",
                _ => "    ",
            };
            write!(f, "\n{mark}{}  ({})", ask.what, ask.at)?;
        }
        for removed in self.change.iter().flat_map(|change| &change.removed) {
            write!(f, "\n  - {removed}")?;
        }
        write!(f, "\nlook at {}, then: cofferdam trust", self.file.display())
    }
}
