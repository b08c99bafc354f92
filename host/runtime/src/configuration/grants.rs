//! What may an action touch, who says so, and what would grant the rest?

use super::file::Configuration;
use super::paths;
use super::project::Project;
use super::source::Source;
use cofferdam_wasm::{Access, Allowed, DirectoryGrant, Need};
use serde::{Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;

/// A directory that a plugin may be granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AllowedDirectory {
    /// Where the guest sees it: an absolute path.
    pub guest: String,
    /// Where it is, without links.
    pub host: PathBuf,
    /// Where it is, as it was written.
    #[serde(skip)]
    pub shown: String,
    /// What may be done in it.
    #[serde(serialize_with = "access_word")]
    pub access: Access,
    /// Whether it is made when it is first needed.
    pub create: bool,
    /// Who allows it.
    pub source: Source,
}

/// What a project without a file allows, and what a project file may ask without being trusted.
///
/// It is for a workflow author who has not configured anything: a first-party plugin that asks to read sees the
/// project as `/`, one that asks to write may write the directory `out` of the project as `/out`, which is made on
/// demand. A guest has no current directory but `/`, so that a workflow writes paths as its author would in a terminal that
/// stands in the project: `path = "."` is the project, `path = "src/lib.rs"` a file of it, and
/// `path = "out/audit.html"` a report. (There is no `/src` beside `/`: it would take the place of the project's own
/// directory of that name.) Plugins from files get nothing. The directory of the state is not visible in any of this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    project: AllowedDirectory,
    output: AllowedDirectory,
}

/// What became of everything that one action asks for.
#[derive(Clone, Debug, Serialize)]
pub struct ActionGrants {
    /// What became of each need, in the order of the needs.
    pub needs: Vec<NeedDecision>,
    /// What the action may touch: asked by it *and* allowed.
    pub directories: Vec<AllowedDirectory>,
    #[serde(skip)]
    root: PathBuf,
    #[serde(skip)]
    hidden: Vec<PathBuf>,
    #[serde(skip)]
    state: PathBuf,
}

/// What became of one thing that an action asks for.
#[derive(Clone, Debug, Serialize)]
pub struct NeedDecision {
    /// `read`, `write`, `network` and so on.
    pub kind: String,
    /// The guest path it is about, if the plugin names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why, in the words of the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What of it is granted.
    pub granted: Vec<Granted>,
    /// Why nothing of it is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

/// One directory that is granted.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    /// Where the guest sees it.
    pub guest: String,
    /// Where it is.
    pub host: PathBuf,
    /// What may be done in it.
    #[serde(serialize_with = "access_word")]
    pub access: Access,
    /// Who allows it.
    pub source: Source,
}

/// Why something is not granted, and what would grant it.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// What is refused.
    pub message: String,
    /// Where to write it: a section, or the list in it that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The exact line to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// Why a directory that an action needs cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// One that it may write.
    #[error("cannot make the directory `{}`, which may be written: {allowed_by}", host.display())]
    Granted {
        /// The directory.
        host: PathBuf,
        /// Who allows it.
        allowed_by: Source,
        /// What the system says.
        source: std::io::Error,
    },
    /// The one that must be hidden from it.
    #[error("cannot make the directory of the state, `{}`", directory.display())]
    State {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Frame {
    pub(super) fn new(project: &Project, output: PathBuf, source: Source) -> Self {
        let shown = project.short(&output);
        Self {
            project: AllowedDirectory {
                guest: "/".to_owned(),
                host: project.root().to_owned(),
                shown: ".".to_owned(),
                access: Access::Read,
                create: false,
                source: Source::Frame,
            },
            output: AllowedDirectory {
                guest: "/out".to_owned(),
                host: output,
                shown,
                access: Access::Write,
                create: true,
                source,
            },
        }
    }
}

impl Configuration {
    /// Returns what an action of `plugin` that asks for `needs` may touch. `first_party` is whether the plugin is one
    /// of those inside the binary.
    pub fn grants_for(&self, plugin: &str, first_party: bool, needs: &[Need]) -> ActionGrants {
        let allowed = self.allowed(plugin, first_party);
        let mut directories: Vec<AllowedDirectory> = Vec::new();
        let decisions = needs
            .iter()
            .map(|need| self.decide(plugin, need, &allowed, &mut directories))
            .collect();
        // Reading needs no directory that a later write would make.
        directories
            .retain(|directory| directory.access == Access::Write || !directory.create || directory.host.is_dir());
        ActionGrants {
            needs: decisions,
            directories,
            root: self.project().root().to_owned(),
            hidden: self.hidden(),
            state: self.state_directory(),
        }
    }

    fn allowed(&self, plugin: &str, first_party: bool) -> Vec<AllowedDirectory> {
        match &self.frame {
            Some(frame) if first_party => vec![frame.project.clone(), frame.output.clone()],
            Some(_) => Vec::new(),
            None => self
                .plugins()
                .get(plugin)
                .map(|section| section.directories.clone())
                .unwrap_or_default(),
        }
    }

    fn decide(
        &self,
        plugin: &str,
        need: &Need,
        allowed: &[AllowedDirectory],
        granted: &mut Vec<AllowedDirectory>,
    ) -> NeedDecision {
        let access = match need.kind.as_str() {
            "read" => Some(Access::Read),
            "write" => Some(Access::Write),
            _ => None,
        };
        let mut given = Vec::new();
        for directory in allowed {
            let named = need.path.as_ref().is_none_or(|path| *path == directory.guest);
            let Some(access) = access.filter(|access| named && directory.access >= *access) else {
                continue;
            };
            let AllowedDirectory {
                guest, host, source, ..
            } = directory.clone();
            given.push(Granted {
                guest,
                host,
                access,
                source,
            });
            match granted.iter_mut().find(|other| other.guest == directory.guest) {
                Some(other) => other.access = other.access.max(access),
                None => granted.push(AllowedDirectory {
                    access,
                    ..directory.clone()
                }),
            }
        }
        let refused = given.is_empty().then(|| self.refusal(plugin, need, access));
        NeedDecision {
            kind: need.kind.clone(),
            path: need.path.clone(),
            reason: need.reason.clone(),
            granted: given,
            refused,
        }
    }

    fn refusal(&self, plugin: &str, need: &Need, access: Option<Access>) -> Refusal {
        let Some(access) = access else {
            let message = match need.kind.as_str() {
                "network" | "secret" | "env" | "context" => {
                    format!("`{}` is understood but not granted in this release", need.kind)
                }
                other => format!(
                    "`{}` is nothing that this cofferdam knows",
                    super::document::printable(other)
                ),
            };
            return Refusal {
                message,
                place: None,
                line: None,
            };
        };
        let (guest, rest) = match access {
            Access::Read => ("/", "host = \".\", access = \"read\""),
            Access::Write => ("/out", "host = \"out\", access = \"write\", create = true"),
        };
        let guest = need
            .path
            .as_deref()
            .filter(|path| paths::is_guest_path(path))
            .unwrap_or(guest);
        let entry = format!("{{ guest = {}, {rest} }}", quoted(guest));
        let message = format!(
            "`{plugin}` may not {} any directory{}",
            word(access),
            match &need.path {
                Some(path) => format!(" as {}", super::document::printable(path)),
                None => String::new(),
            }
        );
        let (place, line) = match self.plugins().get(plugin) {
            Some(section) if !section.directories.is_empty() => {
                let first = &section.directories[0].source;
                (
                    format!("dirs of [plugins.{}], {first}", key(plugin)),
                    format!("{entry},"),
                )
            }
            Some(section) => (
                format!("[plugins.{}], {}", key(plugin), section.source),
                format!("dirs = [{entry}]"),
            ),
            None => {
                let file = match self.project().file() {
                    Some(file) => self.project().short(file),
                    None => "cofferdam.toml (cofferdam init makes one)".to_owned(),
                };
                (
                    format!("[plugins.{}] in {file}", key(plugin)),
                    format!("dirs = [{entry}]"),
                )
            }
        };
        Refusal {
            message,
            place: Some(place),
            line: Some(line),
        }
    }
}

impl ActionGrants {
    /// Returns whether everything that is asked for is granted.
    pub fn is_complete(&self) -> bool {
        self.needs.iter().all(|need| need.refused.is_none())
    }

    /// Returns how many of the needs are granted.
    pub fn granted(&self) -> usize {
        self.needs.iter().filter(|need| need.refused.is_none()).count()
    }

    /// Returns what is refused.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.needs.iter().filter_map(|need| need.refused.as_ref())
    }

    /// Returns the product for the sandbox, which opens the directories.
    pub fn allowed(&self) -> Allowed {
        let directory = |directory: &AllowedDirectory| DirectoryGrant {
            guest: directory.guest.clone(),
            host: directory.host.clone(),
            access: directory.access,
        };
        Allowed {
            root: self.root.clone(),
            hidden: self.hidden.clone(),
            directories: self.directories.iter().map(directory).collect(),
        }
    }

    /// Makes the directories that the action may write and that say `create = true`, and that of the state: it can only be
    /// hidden once it is there, and a guest of the very first run must not see it come to be.
    ///
    /// # Errors
    /// If one cannot be made, or something else is in its place.
    pub fn prepare(&self) -> Result<(), PrepareError> {
        paths::create_private(&self.state).map_err(|source| PrepareError::State {
            directory: self.state.clone(),
            source,
        })?;
        let made = |directory: &&AllowedDirectory| directory.create && directory.access == Access::Write;
        for directory in self.directories.iter().filter(made) {
            paths::create(&self.root, &directory.host).map_err(|source| PrepareError::Granted {
                host: directory.host.clone(),
                allowed_by: directory.source.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let (Some(place), Some(line)) = (&self.place, &self.line) {
            write!(f, "; to grant it, add to {place}: {line}")?;
        }
        Ok(())
    }
}

pub(super) fn word(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
    }
}

fn access_word<S: Serializer>(access: &Access, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word(*access))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn key(plugin: &str) -> String {
    let bare = !plugin.is_empty()
        && plugin
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { plugin.to_owned() } else { quoted(plugin) }
}
