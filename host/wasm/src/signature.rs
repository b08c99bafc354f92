//! Who vouches for a component: the signatures that lie beside its file, and the keys that count for a plugin.
//!
//! A signature is made by one key over the name of the plugin and the digest of the component, so that it says nothing about
//! another component, nor about the same one under another name. Which keys count is said by whoever uses the component.

mod key;
mod text;

pub use key::{InvalidKey, KeyFileError, PublicKey, SigningKey};

use cofferdam_engine::Digest;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What one key says about one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Who says it.
    pub key: PublicKey,
    /// The plugin that the component is.
    pub plugin: String,
    /// The component.
    pub component: Digest,
    #[serde(skip)]
    bytes: [u8; 64],
}

/// What lies beside a component to vouch for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures(Beside);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Beside {
    #[default]
    Nothing,
    /// Each with the line of the file that it stands in.
    Lines(Arc<[(usize, Signature)]>),
    /// Everything that is wrong with the file: nothing of it counts.
    Damaged(Arc<[String]>),
}

/// What a signature is worth for one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worth {
    /// Its key says that this component is this plugin.
    Genuine,
    /// It is about a plugin of another name.
    OtherPlugin,
    /// It is about another component.
    OtherComponent,
    /// Its key has not made it, or what it is about was changed.
    Forged,
}

/// The keys that count, each with the name that whoever configured it calls it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(Vec<(String, PublicKey)>);

/// Which plugins from files must be signed, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureRules {
    /// By plugin.
    pub each: BTreeMap<String, Keys>,
    /// All other plugins.
    pub others: Option<Keys>,
}

/// Why a component counts as signed by nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Unsigned {
    /// The names of the keys that count.
    pub keys: Vec<String>,
    /// What is wrong with each signature, or with all of them.
    pub reasons: Vec<String>,
}

impl Signature {
    /// Signs a component as a plugin.
    pub fn new(key: &SigningKey, plugin: &str, component: &Digest) -> Self {
        Self {
            key: key.public(),
            plugin: plugin.to_owned(),
            component: *component,
            bytes: key.sign(&message(plugin, component)),
        }
    }

    /// Returns what it is worth for a component under the name of a plugin.
    pub fn worth(&self, plugin: &str, component: &Digest) -> Worth {
        if !self.key.made(&self.bytes, &message(&self.plugin, &self.component)) {
            Worth::Forged
        } else if self.plugin != plugin {
            Worth::OtherPlugin
        } else if self.component != *component {
            Worth::OtherComponent
        } else {
            Worth::Genuine
        }
    }
}

/// What is signed. The first line keeps a signature from being taken for one that the same key made elsewhere.
fn message(plugin: &str, component: &Digest) -> Vec<u8> {
    format!("cofferdam component signature 1\n{plugin}\n{component}\n").into_bytes()
}

impl Signatures {
    /// Returns where the signatures of a component lie.
    pub fn file_of(component: &Path) -> PathBuf {
        let mut name = OsString::from(component.as_os_str());
        name.push(".sig");
        name.into()
    }

    /// Reads what lies beside a component.
    pub fn beside(component: &Path) -> Self {
        text::read(&Self::file_of(component))
    }

    /// Returns these signatures.
    pub fn of(signatures: impl IntoIterator<Item = Signature>) -> Self {
        let numbered = signatures.into_iter().zip(text::FIRST_LINE..);
        let lines: Arc<[_]> = numbered.map(|(signature, line)| (line, signature)).collect();
        Self(if lines.is_empty() {
            Beside::Nothing
        } else {
            Beside::Lines(lines)
        })
    }

    /// Returns the signatures, each with the line that it stands in.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &Signature)> {
        let lines = match &self.0 {
            Beside::Lines(lines) => &**lines,
            Beside::Nothing | Beside::Damaged(_) => &[],
        };
        lines.iter().map(|(line, signature)| (*line, signature))
    }

    /// Returns everything that is wrong with the file as a whole.
    pub fn damage(&self) -> &[String] {
        match &self.0 {
            Beside::Damaged(reasons) => reasons,
            Beside::Nothing | Beside::Lines(_) => &[],
        }
    }

    /// Returns those that are genuine for a component as a plugin, whoever made them.
    pub fn about(&self, plugin: &str, component: &Digest) -> Self {
        let genuine = self
            .lines()
            .filter(|(_, signature)| signature.worth(plugin, component) == Worth::Genuine);
        Self::of(genuine.map(|(_, signature)| signature.clone()))
    }

    /// Returns the file that holds them.
    pub fn to_text(&self) -> String {
        text::write(self.lines().map(|(_, signature)| signature))
    }

    pub(crate) fn parse(text: &str) -> Self {
        text::parse(text)
    }
}

impl Keys {
    /// Returns these keys, in this order.
    pub fn new(keys: impl IntoIterator<Item = (String, PublicKey)>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Returns the name of a key.
    pub fn name(&self, key: &PublicKey) -> Option<&str> {
        let found = self.0.iter().find(|(_, known)| known == key);
        found.map(|(name, _)| name.as_str())
    }

    /// Returns the keys that vouch for a component as a plugin; there is at least one.
    ///
    /// # Errors
    /// What is wrong with every signature there is.
    pub fn vouching(&self, plugin: &str, component: &Digest, signatures: &Signatures) -> Result<Vec<&str>, Unsigned> {
        let mut vouching = Vec::new();
        let mut reasons = Vec::new();
        for (line, signature) in signatures.lines() {
            let Some(name) = self.name(&signature.key) else {
                reasons.push(format!("line {line}: {} is none of them", signature.key));
                continue;
            };
            reasons.push(match signature.worth(plugin, component) {
                Worth::Genuine => {
                    vouching.push(name);
                    continue;
                }
                Worth::OtherPlugin => format!("line {line}: `{name}` signed it as `{}`", signature.plugin),
                Worth::OtherComponent => {
                    format!(
                        "line {line}: `{name}` signed another component, {}",
                        signature.component
                    )
                }
                Worth::Forged => format!("line {line}: `{name}` has not made this signature, or not for what it says"),
            });
        }
        if !vouching.is_empty() {
            return Ok(vouching);
        }
        reasons.extend(signatures.damage().iter().cloned());
        if reasons.is_empty() {
            reasons.push("no signature lies beside it".to_owned());
        }
        let keys = self.0.iter().map(|(name, _)| name.clone()).collect();
        Err(Unsigned { keys, reasons })
    }
}

impl SignatureRules {
    /// Returns the keys one of which must have signed a plugin from a file, if it has to be signed.
    pub fn keys(&self, plugin: &str) -> Option<&Keys> {
        self.each.get(plugin).or(self.others.as_ref())
    }

    /// Returns whether a component may be this plugin.
    ///
    /// # Errors
    /// If it has to be signed, and is not by a key that counts.
    pub fn check(&self, plugin: &str, component: &Digest, signatures: &Signatures) -> Result<(), Unsigned> {
        match self.keys(plugin) {
            Some(keys) => keys.vouching(plugin, component, signatures).map(|_| ()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Unsigned {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        write!(
            formatter,
            "not signed by {}: {}",
            keys.join(" or "),
            self.reasons.join("; ")
        )
    }
}

impl Serialize for Unsigned {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
