//! Which component of a plugin has the user accepted?

use super::document::printable;
use super::file::{Configuration, PluginSection};
use super::source::Source;
use super::trust::{TrustError, TrustStore};
use cofferdam_engine::{Data, Digest};
use cofferdam_wasm::{Component, Need, Signatures, Unsigned};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const FORMAT: u32 = 1;
const RECORD: &str = "accepted.json";
/// Runs that started with an older component than these ask again when they are resumed.
const MAX_EARLIER: usize = 31;

/// Where the component comes from that wants the grants of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance<'d> {
    /// It is inside the binary.
    BuiltIn,
    /// It is a file, or was one when a run started.
    File {
        /// What it is.
        digest: &'d Digest,
        /// Who vouches for it.
        signatures: &'d Signatures,
    },
}

/// To what the grants of plugins from files belong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GrantsBelong {
    /// To the name and the component that was accepted.
    #[default]
    ToComponents,
    /// To the name, whatever the file holds: for development.
    ToNames,
}

/// What a component looks like from outside, kept so that another can be compared with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portrait {
    /// Its digest.
    pub digest: Digest,
    /// Its version, if it says one.
    pub version: Option<String>,
    /// What its actions ask for.
    pub asks: Vec<String>,
    /// Its size in bytes, unless all that is known comes from a lock file.
    pub size: Option<u64>,
    /// The names of its actions, unless all that is known comes from a lock file.
    pub actions: Option<Vec<String>>,
}

/// What one component has that another has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListChange {
    /// What is new.
    pub added: Vec<String>,
    /// What is gone.
    pub removed: Vec<String>,
    /// What stays.
    pub kept: Vec<String>,
}

/// Why a plugin that is loaded has none of the grants of its section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Unaccepted {
    /// The plugin.
    pub plugin: String,
    /// What it is now.
    pub digest: Digest,
    /// What was accepted, if anything was.
    pub accepted: Option<Digest>,
    /// Where the configuration says which component it must be, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_at: Option<Source>,
    /// Why no key that has to vouch for it does, if the configuration wants that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsigned: Option<Unsigned>,
}

/// Whether a component from a file has the grants of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The configuration gives the plugin nothing.
    NothingToGrant,
    /// It has them because of its name alone.
    ByName(Source),
    /// It has them: the configuration names it.
    Named(Source),
    /// It has them: keys of these names vouch for it.
    Signed(Vec<String>, Source),
    /// It has them: the user accepted it.
    Accepted,
    /// It does not have them.
    Unaccepted(Unaccepted),
}

/// The components that the user has accepted in one project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acceptances(BTreeMap<String, Accepted>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Accepted {
    newest: Portrait,
    /// Newest first, so that runs which started with them keep their grants when they are resumed.
    earlier: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    format: u32,
    /// By project file and plugin.
    files: BTreeMap<String, BTreeMap<String, Accepted>>,
}

impl Portrait {
    /// Returns the portrait of a component.
    pub fn of(component: &Component) -> Self {
        let needs = component.actions().iter().flat_map(|action| &action.needs);
        let asks: BTreeSet<String> = needs.map(asked).collect();
        let actions = component.actions().iter().map(|action| printable(&action.name));
        Self {
            digest: *component.digest(),
            version: component.version().map(printable),
            asks: asks.into_iter().collect(),
            size: Some(component.size()),
            actions: Some(actions.collect()),
        }
    }
}

impl ListChange {
    /// Returns what differs between two lists.
    pub fn between(before: &[String], now: &[String]) -> Self {
        let (kept, added) = now.iter().cloned().partition(|item| before.contains(item));
        Self {
            added,
            removed: before.iter().filter(|item| !now.contains(item)).cloned().collect(),
            kept,
        }
    }
}

impl Unaccepted {
    /// Returns what the user can do about it.
    pub fn remedies(&self) -> Vec<String> {
        let name = &self.plugin;
        if self.unsigned.is_some() {
            return vec![
                format!("look at it: cofferdam plugin inspect {name}"),
                format!("have it signed as `{name}`: cofferdam plugin sign FILE --key KEY"),
            ];
        }
        match &self.named_at {
            Some(at) => vec![
                format!("look at it: cofferdam plugin inspect {name}"),
                format!(
                    "put the component with that digest back, or name this one at {at}: digest = \"{}\"",
                    self.digest
                ),
            ],
            None => vec![
                format!("look at it: cofferdam plugin inspect {name}"),
                format!("accept it: cofferdam plugin accept {name}"),
            ],
        }
    }
}

impl fmt::Display for Unaccepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plugin, now) = (&self.plugin, short_digest(&self.digest));
        if let Some(unsigned) = &self.unsigned {
            return write!(f, "`{plugin}` has no grants: {now} is {unsigned}");
        }
        match (&self.accepted, &self.named_at) {
            (Some(named), Some(at)) => write!(
                f,
                "`{plugin}` has no grants: {at} gives them to {}, and it is {now}",
                short_digest(named)
            ),
            (Some(accepted), None) => write!(
                f,
                "`{plugin}` has no grants: it changed since it was accepted, from {} to {now}",
                short_digest(accepted)
            ),
            (None, _) => write!(f, "`{plugin}` has no grants: nobody has accepted it yet ({now})"),
        }
    }
}

impl Acceptances {
    /// Returns the portrait of what was accepted last as `plugin`.
    pub fn newest(&self, plugin: &str) -> Option<&Portrait> {
        self.0.get(plugin).map(|accepted| &accepted.newest)
    }

    pub(super) fn holds(&self, plugin: &str, digest: &Digest) -> bool {
        let accepted = self.0.get(plugin);
        accepted.is_some_and(|accepted| accepted.newest.digest == *digest || accepted.earlier.contains(digest))
    }
}

impl PluginSection {
    /// Returns whether the section lets the plugin touch anything.
    pub fn grants_anything(&self) -> bool {
        !(self.directories.is_empty()
            && self.network.is_empty()
            && self.secrets.is_empty()
            && self.reveal.is_empty()
            && self.variables.is_empty()
            && self.context.is_empty())
    }
}

impl Configuration {
    /// Returns this configuration with what the user has accepted in its project.
    pub fn with_acceptances(mut self, acceptances: Acceptances) -> Self {
        self.acceptances = acceptances;
        self
    }

    /// Returns what the user has accepted in this project.
    pub fn acceptances(&self) -> &Acceptances {
        &self.acceptances
    }

    /// Returns to what grants belong.
    pub fn grants_belong(&self) -> GrantsBelong {
        self.trust.0
    }

    /// Returns whether a component has the grants of `plugin`, and what for. This is the only place where that is decided.
    pub fn standing(&self, plugin: &str, digest: &Digest, signatures: &Signatures) -> Standing {
        let Some(section) = self.plugins().get(plugin).filter(|section| section.grants_anything()) else {
            return Standing::NothingToGrant;
        };
        let refused = |accepted: Option<Digest>, named_at: Option<Source>, unsigned: Option<Unsigned>| {
            Standing::Unaccepted(Unaccepted {
                plugin: plugin.to_owned(),
                digest: *digest,
                accepted,
                named_at,
                unsigned,
            })
        };
        let signed = match section.signed_by.first() {
            Some((_, at)) => match self.keys_of(section).vouching(plugin, digest, signatures) {
                Ok(names) => Some((names.into_iter().map(str::to_owned).collect(), at.clone())),
                Err(unsigned) => return refused(None, None, Some(unsigned)),
            },
            None => None,
        };
        match &section.digest {
            Some((named, at)) if named == digest => return Standing::Named(at.clone()),
            Some((named, at)) => return refused(Some(*named), Some(at.clone()), None),
            None => {}
        }
        if let Some((names, at)) = signed {
            Standing::Signed(names, at)
        } else if self.grants_belong() == GrantsBelong::ToNames {
            Standing::ByName(self.trust.1.clone())
        } else if self.acceptances.holds(plugin, digest) {
            Standing::Accepted
        } else {
            refused(self.acceptances.newest(plugin).map(|newest| newest.digest), None, None)
        }
    }

    /// Returns why a component has none of the grants of `plugin`, if it is one that has to be accepted.
    pub(super) fn unaccepted(&self, plugin: &str, provenance: Provenance<'_>) -> Option<Unaccepted> {
        match provenance {
            Provenance::BuiltIn => None,
            Provenance::File { digest, signatures } => match self.standing(plugin, digest, signatures) {
                Standing::Unaccepted(unaccepted) => Some(unaccepted),
                Standing::NothingToGrant
                | Standing::ByName(_)
                | Standing::Named(_)
                | Standing::Signed(..)
                | Standing::Accepted => None,
            },
        }
    }
}

impl TrustStore {
    /// Returns what the user has accepted in the project of `configuration`.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn acceptances(&self, configuration: &Configuration) -> Result<Acceptances, TrustError> {
        let Some(file) = configuration.project().file() else {
            return Ok(Acceptances::default());
        };
        let mut record = self.accepted()?;
        Ok(Acceptances(
            record.files.remove(&*file.to_string_lossy()).unwrap_or_default(),
        ))
    }

    /// Remembers that the user accepts a component as `plugin`, and returns what was accepted before.
    ///
    /// # Errors
    /// If there is no project file, or the record cannot be read or written.
    pub fn accept(
        &self,
        configuration: &Configuration,
        plugin: &str,
        portrait: &Portrait,
    ) -> Result<Option<Portrait>, TrustError> {
        let Some(file) = configuration.project().file() else {
            return Err(TrustError::NoFile);
        };
        let _alone = self.alone()?;
        let mut record = self.accepted()?;
        let plugins = record.files.entry(file.to_string_lossy().into_owned()).or_default();
        let before = plugins.remove(plugin);
        let mut earlier = Vec::new();
        if let Some(before) = &before {
            let older = std::iter::once(&before.newest.digest).chain(&before.earlier);
            earlier = older.filter(|digest| **digest != portrait.digest).copied().collect();
            earlier.truncate(MAX_EARLIER);
        }
        let newest = portrait.clone();
        plugins.insert(plugin.to_owned(), Accepted { newest, earlier });
        self.write_record(RECORD, &record)?;
        Ok(before.map(|before| before.newest))
    }

    /// Forgets every component that was accepted in the project, and returns whether there was one. To be called alone.
    pub(super) fn forget_components(&self, file: &str) -> Result<bool, TrustError> {
        let mut record = self.accepted()?;
        let known = record.files.remove(file).is_some();
        if known {
            self.write_record(RECORD, &record)?;
        }
        Ok(known)
    }

    fn accepted(&self) -> Result<Record, TrustError> {
        let empty = || Record {
            format: FORMAT,
            files: BTreeMap::new(),
        };
        self.read_record(RECORD, FORMAT, |record: &Record| record.format)
            .map(|record| record.unwrap_or_else(empty))
    }
}

/// Returns a digest as people tell it apart, `sha256:5f0c6a1b…77d0293a`: enough of it that nobody makes a component that looks like another's.
pub fn short_digest(digest: &Digest) -> String {
    let hex = digest.to_hex();
    format!("sha256:{}…{}", &hex[..8], &hex[56..])
}

/// Returns a need in a few words: the difference of two components is made of these.
fn asked(need: &Need) -> String {
    let text = |key: &str| need.data.get(key).and_then(Data::as_text).map(printable);
    let methods = match need.data.get("methods") {
        Some(Data::List(methods)) => methods.iter().filter_map(Data::as_text).map(printable).collect(),
        _ => Vec::new(),
    };
    let mut words = vec![printable(&need.kind)];
    words.extend((!methods.is_empty()).then(|| methods.join("/")));
    words.extend(need.path.as_deref().map(printable));
    words.extend(text("url"));
    words.extend(text("name"));
    words.join(" ")
}
