//! What an action may touch: what it asks for, as far as the operator allows it to the plugin.

use crate::descriptor::Need;
use crate::directory::{HiddenDirectory, ancestry, ancestry_of, hidden, open_granted};
use crate::network::{NetworkAccess, NetworkRule};
use crate::secret::SecretGrant;
use cofferdam_engine::Data;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// What may be done in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Looking.
    Read,
    /// Looking and changing.
    Write,
}

/// A directory that the operator allows to a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryGrant {
    /// Where the guest sees it: an absolute path.
    pub guest: String,
    /// Where it is, from the root of the project.
    pub host: PathBuf,
    /// What may be done in it.
    pub access: Access,
}

/// Everything that the operator allows to a plugin.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Where relative host paths start: the directory of the configuration.
    pub root: PathBuf,
    /// Directories that no guest sees, whatever is granted: those of the state.
    pub hidden: Vec<PathBuf>,
    /// The directories.
    pub directories: Vec<DirectoryGrant>,
    /// Where requests may go.
    pub network: Vec<NetworkRule>,
    /// The secrets that may be used, and which of them may be told.
    pub secrets: Vec<SecretGrant>,
}

/// Whether anything outside can notice that an attempt ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectClass {
    /// Nothing leaves it but its report.
    Quiet,
    /// It can change something.
    Effectful,
}

/// What became of one thing that an action asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What was asked.
    pub need: Need,
    /// What of it is granted, such as `read /src`.
    pub granted: Vec<String>,
    /// Why it is refused, if nothing of it is granted, and what would grant it.
    pub refused: Option<String>,
}

/// A directory that is open for a guest.
#[derive(Clone, Debug)]
pub struct OpenDirectory {
    /// Where the guest sees it.
    pub guest: String,
    /// What may be done in it.
    pub access: Access,
    pub(crate) file: Arc<File>,
}

/// What one action may touch, opened and ready for any number of attempts.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    directories: Vec<OpenDirectory>,
    hidden: Arc<[HiddenDirectory]>,
    network: Arc<[NetworkAccess]>,
    secrets: Arc<[SecretGrant]>,
    decisions: Vec<Decision>,
}

/// Why a grant cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The directory cannot be opened.
    #[error("cannot grant `{}` as `{guest}`", host.display())]
    Directory {
        /// Where the guest would see it.
        guest: String,
        /// Where it should be.
        host: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The guest path is of no use.
    #[error("`{0}` is no guest path: it must start with `/`, and hold neither `..` nor `//`")]
    GuestPath(String),
    /// Two directories are to be seen at one place.
    #[error("two directories are granted as `{0}`")]
    SameGuestPath(String),
    /// A plugin could reach the state.
    #[error("`{}` cannot be granted for {}: {reason}", host.display(), match access { Access::Read => "reading", Access::Write => "writing" })]
    State {
        /// The directory.
        host: PathBuf,
        /// What was to be granted.
        access: Access,
        /// How it is related to the state.
        reason: &'static str,
    },
    /// A directory that must be hidden cannot be looked at.
    #[error("cannot look at the state directory")]
    Hidden(#[source] std::io::Error),
}

/// Returns what an action may touch: the only place where a grant comes to be.
///
/// It is what the action asks for *and* the operator allows; what is allowed but not asked for is not granted.
///
/// # Errors
/// If a directory that is asked for and allowed cannot be opened, or must not be granted.
pub fn effective(needs: &[Need], allowed: &Allowed) -> Result<Effective, GrantError> {
    let hidden: Arc<[HiddenDirectory]> = hidden(&allowed.hidden).map_err(GrantError::Hidden)?.into();
    let mut granted: Vec<(usize, Access)> = Vec::new();
    let (mut network, mut secrets) = (Vec::new(), Vec::new());
    let decisions = needs
        .iter()
        .map(|need| match need.kind.as_str() {
            "network" => decide_network(need, allowed, &mut network),
            "secret" | "reveal" => decide_secret(need, allowed, &mut secrets),
            _ => decide(need, allowed, &mut granted),
        })
        .collect();
    let mut directories: Vec<OpenDirectory> = Vec::new();
    for (index, access) in granted {
        let grant = &allowed.directories[index];
        if !is_guest_path(&grant.guest) {
            return Err(GrantError::GuestPath(grant.guest.clone()));
        }
        if directories.iter().any(|other| other.guest == grant.guest) {
            return Err(GrantError::SameGuestPath(grant.guest.clone()));
        }
        let file = open(grant, access, allowed, &hidden)?;
        directories.push(OpenDirectory {
            guest: grant.guest.clone(),
            access,
            file: Arc::new(file),
        });
    }
    Ok(Effective {
        directories,
        hidden,
        network: network.into(),
        secrets: secrets.into(),
        decisions,
    })
}

impl Effective {
    /// Returns the grants of an action that may touch nothing.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Returns the open directories.
    pub fn directories(&self) -> &[OpenDirectory] {
        &self.directories
    }

    /// Returns what became of each thing that was asked for.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Returns whether anything outside can notice that an attempt ran.
    pub fn class(&self) -> EffectClass {
        let writes = self
            .directories
            .iter()
            .any(|directory| directory.access == Access::Write);
        // A secret that is told can leave by any way that nobody thought of.
        let reveals = self.secrets.iter().any(|secret| secret.reveal);
        if writes || reveals || !self.network.is_empty() {
            EffectClass::Effectful
        } else {
            EffectClass::Quiet
        }
    }

    pub(crate) fn network(&self) -> Arc<[NetworkAccess]> {
        Arc::clone(&self.network)
    }

    pub(crate) fn secrets(&self) -> Arc<[SecretGrant]> {
        Arc::clone(&self.secrets)
    }

    pub(crate) fn hidden(&self) -> Arc<[HiddenDirectory]> {
        Arc::clone(&self.hidden)
    }
}

/// Says what becomes of one need, and adds what it grants to `granted`: the index of the directory and the access.
fn decide(need: &Need, allowed: &Allowed, granted: &mut Vec<(usize, Access)>) -> Decision {
    let access = match need.kind.as_str() {
        "read" => Access::Read,
        "write" => Access::Write,
        other => {
            let refused = Some(format!("`{other}` cannot be granted by this host yet"));
            return Decision {
                need: need.clone(),
                granted: Vec::new(),
                refused,
            };
        }
    };
    let mut given = Vec::new();
    for (index, grant) in allowed.directories.iter().enumerate() {
        let named = need.path.as_ref().is_none_or(|path| *path == grant.guest);
        if !named || grant.access < access {
            continue;
        }
        given.push(format!("{} {}", word(access), grant.guest));
        match granted.iter_mut().find(|(other, _)| *other == index) {
            Some((_, present)) => *present = (*present).max(access),
            None => granted.push((index, access)),
        }
    }
    let refused = given.is_empty().then(|| {
        let guest = need
            .path
            .as_deref()
            .unwrap_or(if access == Access::Write { "/out" } else { "/src" });
        format!(
            "no directory is granted for it: dirs = [{{ guest = \"{guest}\", host = \"..\", access = \"{}\" }}]",
            word(access)
        )
    });
    Decision {
        need: need.clone(),
        granted: given,
        refused,
    }
}

/// Says what becomes of a need for the network, and adds what it grants.
fn decide_network(need: &Need, allowed: &Allowed, granted: &mut Vec<NetworkAccess>) -> Decision {
    let (given, refused) = match NetworkRule::of_need(need) {
        Err(error) => (Vec::new(), Some(error.to_string())),
        Ok(asked) => {
            let fits = |rule: &&NetworkRule| asked.as_ref().is_none_or(|asked| rule.overlaps(asked));
            let rules: Vec<&NetworkRule> = allowed.network.iter().filter(fits).collect();
            granted.extend(
                rules
                    .iter()
                    .map(|rule| NetworkAccess::new((*rule).clone(), asked.clone())),
            );
            let given: Vec<String> = rules.iter().map(ToString::to_string).collect();
            let refused = given.is_empty().then(|| {
                let url = asked.map_or("https://..".to_owned(), |asked| asked.url());
                format!("no address is granted for it: network = [{{ url = \"{url}\" }}]")
            });
            (given, refused)
        }
    };
    Decision {
        need: need.clone(),
        granted: given,
        refused,
    }
}

/// Says what becomes of a need for secrets, and adds what it grants: to use one is one thing, to be told it another.
fn decide_secret(need: &Need, allowed: &Allowed, granted: &mut Vec<SecretGrant>) -> Decision {
    let name = need.data.get("name").and_then(Data::as_text);
    let reveal = need.kind == "reveal";
    let fits = |secret: &&SecretGrant| name.is_none_or(|name| name == secret.name) && (secret.reveal || !reveal);
    let mut given = Vec::new();
    for secret in allowed.secrets.iter().filter(fits) {
        given.push(secret.name.clone());
        match granted.iter_mut().find(|other| other.name == secret.name) {
            Some(other) => other.reveal |= reveal,
            None => granted.push(SecretGrant {
                reveal,
                ..secret.clone()
            }),
        }
    }
    let refused = given.is_empty().then(|| {
        let (key, name) = (if reveal { "reveal" } else { "secrets" }, name.unwrap_or(".."));
        format!("no secret is granted for it: {key} = [\"{name}\"]")
    });
    Decision {
        need: need.clone(),
        granted: given,
        refused,
    }
}

fn open(
    grant: &DirectoryGrant,
    access: Access,
    allowed: &Allowed,
    hidden: &[HiddenDirectory],
) -> Result<File, GrantError> {
    let failed = |source| GrantError::Directory {
        guest: grant.guest.clone(),
        host: grant.host.clone(),
        source,
    };
    let file = open_granted(&allowed.root, &grant.host).map_err(failed)?;
    let above = ancestry(&file).map_err(failed)?;
    let state = |reason| {
        Err(GrantError::State {
            host: grant.host.clone(),
            access,
            reason,
        })
    };
    if hidden.iter().any(|hidden| above.contains(&hidden.identity)) {
        return state("it lies in the state directory");
    }
    if access == Access::Write {
        // What can write above the state can move it away and put its own there.
        for path in &allowed.hidden {
            match ancestry_of(path) {
                Ok(ancestry) if ancestry.contains(&above[0]) => return state("the state directory lies in it"),
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(GrantError::Hidden(error)),
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(file)
}

fn word(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
    }
}

fn is_guest_path(path: &str) -> bool {
    path == "/"
        || path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/').all(|part| !matches!(part, "" | "." | "..")) && !rest.chars().any(char::is_control)
        })
}
