//! Which keys are known, and which plugins must be signed by one of them?

use super::acceptance::Provenance;
use super::document::{Document, Placed, get, nearest, printable};
use super::file::{Configuration, PluginSection};
use super::problem::ProblemCode;
use super::source::Source;
use super::variables::is_variable;
use cofferdam_wasm::{Keys, PublicKey, SignatureRules, Unsigned};
use std::collections::BTreeMap;
use toml::de::DeTable;

/// The public keys of a configuration, by the names that it gives them.
pub(super) type KnownKeys = BTreeMap<String, (PublicKey, Source)>;

/// Reads `keys` of `[registry]`.
pub(super) fn keys(document: &mut Document<'_>, registry: &DeTable<'_>) -> KnownKeys {
    let mut known = KnownKeys::new();
    let Some(table) = document.table(registry, "keys") else {
        return known;
    };
    for (name, value) in table {
        let shown = printable(name.get_ref());
        if !is_variable(name.get_ref()) {
            let message = format!("`{shown}` is no name for a key: letters, digits, `_` and `-`");
            document.add(ProblemCode::WrongValue, name.span(), message);
            continue;
        }
        let Some(text) = value.get_ref().as_str() else {
            document.wrong::<()>(&shown, value, "a public key such as \"ed25519:..\"");
            continue;
        };
        match text.parse::<PublicKey>() {
            Ok(key) => {
                if let Some((other, _)) = known.iter().find(|(_, (other, _))| *other == key) {
                    let message = format!("`{shown}` is the same key as `{}`", printable(other));
                    document.add(ProblemCode::WrongValue, value.span(), message);
                }
                let source = document.source(&value.span());
                known.insert(name.get_ref().to_string(), (key, source));
            }
            Err(error) => {
                document.add(
                    ProblemCode::WrongValue,
                    value.span(),
                    format!("the key `{shown}` {error}"),
                );
            }
        }
    }
    known
}

/// Reads `require_signature` of `[registry]`, where `known` keys there are.
pub(super) fn required(
    document: &mut Document<'_>,
    registry: &DeTable<'_>,
    known: &KnownKeys,
) -> Option<(bool, Source)> {
    let required = document.switch(registry, "require_signature")?;
    if required.value && known.is_empty() && get(registry, "keys").is_none() {
        let message = "`require_signature` without `keys`: no plugin from a file could be used";
        let help = "name them: keys = { release = \"ed25519:..\" }; cofferdam plugin keygen makes one";
        document.add_with_help(ProblemCode::MissingKey, required.span.clone(), message, help);
    }
    Some((required.value, document.source(&required.span)))
}

impl Configuration {
    /// Reads `signed_by` of a plugin.
    pub(super) fn signers(&self, document: &mut Document<'_>, table: &DeTable<'_>) -> Vec<(String, Source)> {
        let Some(names) = document.texts(table, "signed_by") else {
            return Vec::new();
        };
        if names.is_empty() {
            let span = get(table, "signed_by").map_or(0..0, toml::Spanned::span);
            let message = "`signed_by` names no key: take it away, or name one";
            document.add(ProblemCode::WrongValue, span, message);
        }
        let mut signers = Vec::new();
        for Placed { value, span } in names {
            if self.keys.contains_key(&value) {
                signers.push((value, document.source(&span)));
                continue;
            }
            let shown = printable(&value);
            let near = nearest(&value, self.keys.keys().map(String::as_str)).map(str::to_owned);
            let problem = document.add(ProblemCode::WrongValue, span, format!("no key is called `{shown}`"));
            problem.help = Some(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("name it in [registry]: keys = {{ {shown} = \"ed25519:..\" }}"),
            });
        }
        signers
    }

    /// Returns which plugins from files must be signed, and by whom.
    pub fn signature_rules(&self) -> SignatureRules {
        let each = self
            .plugins()
            .iter()
            .filter(|(_, section)| !section.signed_by.is_empty());
        let all = || Keys::new(self.keys.iter().map(|(name, (key, _))| (name.clone(), *key)));
        SignatureRules {
            each: each
                .map(|(name, section)| (name.clone(), self.keys_of(section)))
                .collect(),
            others: self.require_signature.0.then(all),
        }
    }

    /// Returns the keys whose signature lets a component have the grants of a section.
    pub(super) fn keys_of(&self, section: &PluginSection) -> Keys {
        let names = section.signed_by.iter();
        let known = names.filter_map(|(name, _)| self.keys.get(name).map(|(key, _)| (name.clone(), *key)));
        Keys::new(known)
    }

    /// Returns all public keys that the file names.
    pub fn keys(&self) -> Keys {
        Keys::new(self.keys.iter().map(|(name, (key, _))| (name.clone(), *key)))
    }

    /// Returns why a component must not be used as `plugin` at all, if it has to be signed and is not.
    pub fn unsigned(&self, plugin: &str, provenance: Provenance<'_>) -> Option<Unsigned> {
        match provenance {
            Provenance::BuiltIn => None,
            Provenance::File { digest, signatures } => self.signature_rules().check(plugin, digest, signatures).err(),
        }
    }
}
