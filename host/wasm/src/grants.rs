//! What an action may touch: what it asks for, as far as the operator allows it to the plugin.

use crate::descriptor::Need;
use crate::directory::{HiddenDirectory, Identity, ancestry, ancestry_of, hidden, identity, open_granted};
use crate::narrowing::{Narrowing, access_left, is_within, network_left};
use crate::network::{NetworkAccess, NetworkRule, Reachable};
use crate::pattern::Pattern;
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
    /// How much may lie in it.
    pub room: Room,
}

/// How much may lie in a directory, whoever put it there. It bounds what guests add, and takes nothing away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of all files together; none: as much as the limits of an attempt let it write.
    pub bytes: Option<u64>,
    /// Files, directories and links; none: as many as the limits of an attempt let it make.
    pub files: Option<u64>,
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
    /// The variables of the host's own environment that may be seen, by name.
    pub variables: Vec<String>,
    /// The values shared by the steps of a run that may be read and written, by patterns of their keys.
    pub context: Vec<Pattern>,
    /// What the workflow takes away from all of this, in any order.
    pub narrowed: Vec<Narrowing>,
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
    pub(crate) room: Room,
    pub(crate) identity: Identity,
    pub(crate) file: Arc<File>,
}

/// A directory of which a workflow takes something away.
#[derive(Clone, Debug)]
struct Withheld {
    guest: String,
    left: Option<Access>,
    source: String,
}

/// What one action may touch, opened and ready for any number of attempts.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    directories: Vec<OpenDirectory>,
    hidden: Arc<[HiddenDirectory]>,
    network: Arc<Reachable>,
    secrets: Arc<[SecretGrant]>,
    variables: Vec<(String, String)>,
    context: ContextGrant,
    withheld: Vec<Withheld>,
    decisions: Vec<Decision>,
}

/// Which of the values that the steps of a run share may be read and written: what one of both lists means, each.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContextGrant {
    asked: Arc<[Pattern]>,
    allowed: Arc<[Pattern]>,
}

impl ContextGrant {
    pub(crate) fn of(asked: Vec<Pattern>, allowed: Vec<Pattern>) -> Self {
        Self {
            asked: asked.into(),
            allowed: allowed.into(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        let means = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(key));
        means(&self.asked) && means(&self.allowed)
    }
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
/// It is what the action asks for *and* the operator allows, less what the workflow takes away; what is allowed but not asked
/// for is not granted.
///
/// # Errors
/// If a directory that is asked for and allowed cannot be opened, or must not be granted.
pub fn effective(needs: &[Need], allowed: &Allowed) -> Result<Effective, GrantError> {
    let hidden: Arc<[HiddenDirectory]> = hidden(&allowed.hidden).map_err(GrantError::Hidden)?.into();
    let mut granted: Vec<(usize, Access)> = Vec::new();
    let (mut network, mut secrets, mut variables) = (Reachable::default(), Vec::new(), Vec::new());
    let mut keys = Vec::new();
    let decisions = needs
        .iter()
        .map(|need| match need.kind.as_str() {
            "network" => decide_network(need, allowed, &mut network),
            "secret" | "reveal" => decide_secret(need, allowed, &mut secrets),
            "env" => decide_variable(need, allowed, &mut variables),
            "context" => decide_context(need, allowed, &mut keys),
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
            room: grant.room,
            identity: identity(&file).map_err(|source| GrantError::Directory {
                guest: grant.guest.clone(),
                host: grant.host.clone(),
                source,
            })?,
            file: Arc::new(file),
        });
    }
    Ok(Effective {
        directories,
        hidden,
        network: Arc::new(network),
        secrets: secrets.into(),
        variables,
        context: ContextGrant::of(keys, allowed.context.clone()),
        withheld: withheld(allowed),
        decisions,
    })
}

/// Returns the directories of which less is left than is allowed.
fn withheld(allowed: &Allowed) -> Vec<Withheld> {
    let directories = allowed.directories.iter().filter_map(|grant| {
        let (left, by) = access_left(&allowed.narrowed, &grant.guest, grant.access);
        by.map(|by| Withheld {
            guest: grant.guest.clone(),
            left,
            source: by.source.clone(),
        })
    });
    directories.collect()
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
        if writes || reveals || !self.network.lines.is_empty() {
            EffectClass::Effectful
        } else {
            EffectClass::Quiet
        }
    }

    /// Returns the variables that a guest sees, with their values.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Returns which of the values that the steps of a run share a guest may read and write.
    pub(crate) fn context(&self) -> &ContextGrant {
        &self.context
    }

    /// Returns who takes away from the workflow what was wanted of a guest path, if anybody does.
    pub(crate) fn withheld(&self, guest: &str, access: Access) -> Option<&str> {
        let around = self
            .withheld
            .iter()
            .filter(|withheld| is_within(guest, &withheld.guest));
        let innermost = around.max_by_key(|withheld| withheld.guest.len())?;
        (innermost.left < Some(access)).then_some(&innermost.source)
    }

    pub(crate) fn network(&self) -> Arc<Reachable> {
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
    let mut taken = None;
    for (index, grant) in allowed.directories.iter().enumerate() {
        let named = need.path.as_ref().is_none_or(|path| *path == grant.guest);
        if !named || grant.access < access {
            continue;
        }
        let (left, by) = access_left(&allowed.narrowed, &grant.guest, grant.access);
        if left < Some(access) {
            taken = taken.or(by);
            continue;
        }
        given.push(format!("{} {}", word(access), grant.guest));
        match granted.iter_mut().find(|(other, _)| *other == index) {
            Some((_, present)) => *present = (*present).max(access),
            None => granted.push((index, access)),
        }
    }
    let refused = given.is_empty().then(|| {
        if let Some(by) = taken {
            return format!("{} takes it away from this workflow", by.source);
        }
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
fn decide_network(need: &Need, allowed: &Allowed, granted: &mut Reachable) -> Decision {
    let (given, refused) = match NetworkRule::of_need(need) {
        Err(error) => (Vec::new(), Some(error.to_string())),
        Ok(asked) => {
            let fits = |rule: &&NetworkRule| asked.as_ref().is_none_or(|asked| rule.overlaps(asked));
            let mut given = Vec::new();
            let mut taken = None;
            for rule in allowed.network.iter().filter(fits) {
                let left = network_left(&allowed.narrowed, rule);
                // Which of several takes most of it is of no use to whoever reads it.
                let narrowing = allowed.narrowed.iter().find(|narrowing| narrowing.network.is_some());
                if let Some(narrowing) = narrowing {
                    taken = Some(narrowing);
                    granted.narrowed.push((rule.clone(), narrowing.source.clone()));
                }
                for rule in left.into_iter().filter(|rule| fits(&rule)) {
                    given.push(rule.to_string());
                    granted.lines.push(NetworkAccess::new(rule, asked.clone()));
                }
            }
            let refused = given.is_empty().then(|| {
                if let Some(by) = taken {
                    return format!("{} takes it away from this workflow", by.source);
                }
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

/// Says what becomes of a need for variables, and adds those that are set.
fn decide_variable(need: &Need, allowed: &Allowed, granted: &mut Vec<(String, String)>) -> Decision {
    let name = need.data.get("name").and_then(Data::as_text);
    let mut given = Vec::new();
    for variable in &allowed.variables {
        if name.is_some_and(|name| name != variable) {
            continue;
        }
        given.push(variable.clone());
        let known = granted.iter().any(|(other, _)| other == variable);
        // One that is not set, or is no text, is not there for the guest either.
        if let Ok(value) = std::env::var(variable)
            && !known
        {
            granted.push((variable.clone(), value));
        }
    }
    let refused = given.is_empty().then(|| {
        let name = name.unwrap_or("NAME");
        format!("no variable is granted for it: env = [\"{name}\"]")
    });
    Decision {
        need: need.clone(),
        granted: given,
        refused,
    }
}

/// Says what becomes of a need for values that the steps of a run share, and adds the keys that were asked for.
fn decide_context(need: &Need, allowed: &Allowed, granted: &mut Vec<Pattern>) -> Decision {
    let asked = need.keys();
    let fits = |pattern: &&Pattern| asked.iter().any(|asked| asked.overlaps(pattern));
    let given: Vec<String> = allowed.context.iter().filter(fits).map(Pattern::to_string).collect();
    let refused = given.is_empty().then(|| {
        let keys: Vec<String> = asked.iter().map(|asked| format!("\"{asked}\"")).collect();
        format!(
            "no key of the run context is granted for it: context = [{}]",
            keys.join(", ")
        )
    });
    if refused.is_none() {
        granted.extend(asked);
    }
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

/// Returns whether `path` is an absolute guest path without `.`, `..` and empty parts.
pub(crate) fn is_guest_path(path: &str) -> bool {
    path == "/"
        || path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/').all(|part| !matches!(part, "" | "." | "..")) && !rest.chars().any(char::is_control)
        })
}
