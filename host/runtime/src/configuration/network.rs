//! Where does the file let plugins send requests?

use super::document::{Document, get};
use super::paths;
use super::problem::ProblemCode;
use super::source::Source;
use cofferdam_engine::Digest;
use cofferdam_wasm::NetworkRule;
use serde::{Serialize, Serializer};
use std::io::Read;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// An address that requests of a plugin may go to.
#[derive(Clone, Debug, Serialize)]
pub struct AllowedAddress {
    /// The line.
    #[serde(rename = "rule", serialize_with = "as_text")]
    pub rule: NetworkRule,
    /// The file with the certificates that it trusts instead of the public ones, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// What that file holds.
    #[serde(skip)]
    pub(super) ca_digest: Option<Digest>,
    /// Who allows it.
    pub source: Source,
}

const EXPECTED: &str = "a list such as [{ url = \"https://api.example.org\", methods = [\"GET\"] }]";
/// A file with the authorities of a company has a few KiB.
const MAX_CERTIFICATES: u64 = 1024 * 1024;

/// Reads `network` of a plugin.
pub(super) fn addresses(
    document: &mut Document<'_>,
    section: &str,
    root: &Path,
    table: &DeTable<'_>,
) -> Vec<AllowedAddress> {
    let Some(value) = get(table, "network") else {
        return Vec::new();
    };
    let Some(items) = value.get_ref().as_array() else {
        document.wrong::<()>("network", value, EXPECTED);
        return Vec::new();
    };
    let mut addresses = Vec::new();
    for item in items {
        match item.get_ref().as_table() {
            Some(entry) => addresses.extend(address(document, section, root, entry, item)),
            None => {
                document.wrong::<()>("network", item, EXPECTED);
            }
        }
    }
    addresses
}

fn address(
    document: &mut Document<'_>,
    section: &str,
    root: &Path,
    entry: &DeTable<'_>,
    item: &Spanned<DeValue<'_>>,
) -> Option<AllowedAddress> {
    document.check_keys(&format!("{section}.network"), "network", entry);
    if get(entry, "url").is_none() {
        let help = "such as { url = \"https://api.example.org\", methods = [\"GET\"] }";
        document.add_with_help(ProblemCode::MissingKey, item.span(), "an address needs `url`", help);
    }
    let url = document.text(entry, "url");
    let methods = document.texts(entry, "methods");
    if let (Some(list), Some([])) = (get(entry, "methods"), methods.as_deref()) {
        document.add_with_help(
            ProblemCode::WrongValue,
            list.span(),
            "`methods` is empty: nothing could be sent",
            "name methods, or take this key away for all of them",
        );
    }
    let private = document.switch(entry, "private").is_some_and(|private| private.value);
    let ca = document.text(entry, "ca");
    let url = url?;
    let methods = methods.unwrap_or_default();
    let names: Vec<&str> = methods.iter().map(|method| method.value.as_str()).collect();
    let mut rule = match NetworkRule::parse(&url.value, &names, private) {
        Ok(rule) => rule,
        Err(error) => {
            document.add(ProblemCode::BadAddress, url.span, error.to_string());
            return None;
        }
    };
    let mut ca_digest = None;
    if let Some(ca) = &ca {
        let trusting = certificates(root, &ca.value).and_then(|pem| {
            ca_digest = Some(Digest::of(&pem));
            rule.clone().trusting(&pem)
        });
        match trusting {
            Ok(trusting) => rule = trusting,
            Err(reason) => {
                let message = format!("`ca`: {reason}");
                document.add(ProblemCode::BadAddress, ca.span.clone(), message);
                return None;
            }
        }
    }
    Some(AllowedAddress {
        rule,
        ca: ca.map(|ca| ca.value),
        ca_digest,
        source: document.source(&item.span()),
    })
}

/// Reads a line of `network` of a workflow: it names no private addresses and no certificates, for it grants nothing.
pub(super) fn narrowing_address(
    document: &mut Document<'_>,
    title: &str,
    entry: &DeTable<'_>,
    item: &Spanned<DeValue<'_>>,
) -> Option<NetworkRule> {
    document.check_keys(&format!("{title}.network"), "workflows.network", entry);
    if get(entry, "url").is_none() {
        let help = "such as { url = \"https://api.example.org\", methods = [\"GET\"] }";
        document.add_with_help(ProblemCode::MissingKey, item.span(), "an address needs `url`", help);
    }
    let url = document.text(entry, "url")?;
    let methods = document.texts(entry, "methods").unwrap_or_default();
    let names: Vec<&str> = methods.iter().map(|method| method.value.as_str()).collect();
    match NetworkRule::parse(&url.value, &names, false) {
        Ok(rule) => Some(rule),
        Err(error) => {
            document.add(ProblemCode::BadAddress, url.span, error.to_string());
            None
        }
    }
}

fn certificates(root: &Path, path: &str) -> Result<Vec<u8>, String> {
    let file = paths::resolve(root, Path::new(path));
    let metadata = std::fs::metadata(&file).map_err(|error| format!("cannot read `{path}`: {error}"))?;
    if !metadata.is_file() || metadata.len() > MAX_CERTIFICATES {
        return Err(format!("`{path}` is no file of certificates"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(&file)
        .and_then(|file| file.take(MAX_CERTIFICATES).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read `{path}`: {error}"))?;
    Ok(bytes)
}

/// Returns a line as the file writes it.
pub(super) fn entry(url: &str, methods: &[String], private: bool) -> String {
    let methods = if methods.is_empty() {
        String::new()
    } else {
        format!(", methods = [\"{}\"]", methods.join("\", \""))
    };
    let private = if private { ", private = true" } else { "" };
    format!("{{ url = \"{url}\"{methods}{private} }}")
}

fn as_text<S: Serializer>(rule: &NetworkRule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(rule)
}
