//! Who vouches for a component: `plugin keygen`, `plugin sign` and `plugin verify`.

use super::from_file;
use super::life::replace;
use crate::arguments::{Manner, PluginKeygen, PluginSign, PluginVerify};
use crate::commands::plugin_author::is_plugin_name;
use crate::failure::{Exit, Failure, Outcome};
use crate::station::{Station, maker};
use crate::talk::{counted, print, say};
use cofferdam_runtime::configuration::short_digest;
use cofferdam_wasm::{Keys, Plugin, PluginSource, PublicKey, Signature, Signatures, SigningKey, Worth};

/// Makes a key.
pub(crate) fn keygen(manner: &Manner, arguments: &PluginKeygen) -> Outcome {
    let key = SigningKey::generate().map_err(|error| Failure::of(Exit::Internal, error))?;
    key.write(&arguments.file)
        .map_err(|error| Failure::of(Exit::Refused, error))?;
    let public = key.public();
    if manner.json {
        print(serde_json::json!({ "file": arguments.file, "public": public }).to_string());
        return Ok(Exit::Done);
    }
    print(public.to_string());
    say(format!(
        "wrote {}: whoever has this file signs in your name",
        arguments.file.display()
    ));
    say(format!(
        "who trusts it adds to [registry]: keys = {{ NAME = \"{public}\" }}, and to [plugins.PLUGIN]: signed_by = [\"NAME\"]"
    ));
    Ok(Exit::Done)
}

/// Signs a component.
pub(crate) async fn sign(station: &Station, manner: &Manner, arguments: &PluginSign) -> Outcome {
    let key = SigningKey::read(&arguments.key).map_err(|error| Failure::of(Exit::Refused, error))?;
    let sandbox = station.sandbox()?;
    let mut plugin = from_file(station, &sandbox, &arguments.file).await?;
    named(&mut plugin, arguments.name.as_deref())?;
    let beside = Signatures::file_of(&arguments.file);
    let shown = station.short(&beside);
    let damage = plugin.signatures.damage();
    if !damage.is_empty() {
        let failure = Failure::new(Exit::Refused, format!("`{shown}` is damaged; it was not touched"));
        let failure = damage
            .iter()
            .fold(failure, |failure, reason| failure.hint(reason.clone()));
        return Err(failure.hint("move it away, then sign again"));
    }
    let digest = plugin.component.digest();
    let public = key.public();
    let (kept, gone): (Vec<&Signature>, Vec<&Signature>) = plugin
        .signatures
        .lines()
        .map(|(_, signature)| signature)
        .filter(|signature| signature.key != public || signature.plugin != plugin.name)
        .partition(|signature| signature.worth(&signature.plugin, digest) == Worth::Genuine);
    let signature = Signature::new(&key, &plugin.name, digest);
    let signatures = Signatures::of(kept.into_iter().cloned().chain([signature]));
    replace(&beside, signatures.to_text().as_bytes())
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot write `{shown}`: {error}")))?;
    if manner.json {
        let (plugin, digest) = (&plugin.name, digest);
        print(serde_json::json!({ "file": beside, "plugin": plugin, "digest": digest, "key": public }).to_string());
        return Ok(Exit::Done);
    }
    say(format!(
        "signed {} as `{}` with {public}: {shown}",
        short_digest(digest),
        plugin.name
    ));
    if !gone.is_empty() {
        let gone = counted(gone.len() as u64, "signature");
        say(format!("{gone} of other components taken out of it"));
    }
    Ok(Exit::Done)
}

/// Says whether keys that count vouch for a component.
pub(crate) async fn verify(station: &Station, manner: &Manner, arguments: &PluginVerify) -> Outcome {
    let sandbox = station.sandbox()?;
    let mut plugin = from_file(station, &sandbox, &arguments.file).await?;
    named(&mut plugin, arguments.name.as_deref())?;
    let keys = if arguments.key.is_empty() {
        counting(station, &plugin)
    } else {
        let given = arguments.key.iter().map(|text| {
            let key = text.parse::<PublicKey>();
            let key = key.map_err(|error| Failure::new(Exit::Usage, format!("the key `{text}` {error}")))?;
            Ok((key.to_string(), key))
        });
        Keys::new(given.collect::<Result<Vec<_>, Failure>>()?)
    };
    if keys == Keys::default() {
        let failure = Failure::new(Exit::Usage, "there is no key to hold it against");
        return Err(failure.hint("name one: --key ed25519:.., or in the configuration: [registry] keys"));
    }
    let (name, digest) = (&plugin.name, plugin.component.digest());
    let verdict = keys.vouching(name, digest, &plugin.signatures);
    if manner.json {
        let by = verdict.clone().unwrap_or_default();
        let reason = verdict.as_ref().err().map(ToString::to_string);
        let signatures = signatures_json(station, &plugin);
        print(
            serde_json::json!({ "plugin": name, "digest": digest, "signed_by": by, "reason": reason, "signatures": signatures })
                .to_string(),
        );
    }
    match verdict {
        Ok(names) => {
            if !manner.json {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                let digest = short_digest(digest);
                say(format!("{digest} as `{name}` is signed by {}", names.join(" and ")));
            }
            Ok(Exit::Done)
        }
        Err(unsigned) => {
            let message = format!("{}: as `{name}` it is {unsigned}", station.short(&arguments.file));
            Err(Failure::new(Exit::Invalid, message).code("CF0512"))
        }
    }
}

/// Refuses a component that has to be signed and is not.
pub(super) fn require(station: &Station, plugin: &Plugin) -> Result<(), Failure> {
    let provenance = station.provenance(&plugin.name, maker(plugin), plugin.component.digest());
    match station.configuration.unsigned(&plugin.name, provenance) {
        None => Ok(()),
        Some(unsigned) => {
            let name = &plugin.name;
            let failure = Failure::new(Exit::Refused, format!("as `{name}` it is {unsigned}")).code("CF0512");
            Err(failure.hint(format!(
                "have it signed as `{name}`: cofferdam plugin sign FILE --key KEY"
            )))
        }
    }
}

/// Calls a component from a file by another name.
fn named(plugin: &mut Plugin, name: Option<&str>) -> Result<(), Failure> {
    if let Some(name) = name {
        name.clone_into(&mut plugin.name);
    }
    if is_plugin_name(&plugin.name) {
        return Ok(());
    }
    let failure = Failure::new(Exit::Usage, format!("`{}` cannot name a plugin", plugin.name));
    Err(failure.hint("use lower-case letters, digits and single hyphens: --name NAME"))
}

/// Returns the keys that count for a plugin: those that must have signed it, else all that are known.
fn counting(station: &Station, plugin: &Plugin) -> Keys {
    let rules = station.configuration.signature_rules();
    rules
        .keys(&plugin.name)
        .cloned()
        .unwrap_or_else(|| station.configuration.keys())
}

/// Returns the names of the keys that vouch for a plugin, for one cell of a table.
pub(super) fn signers(station: &Station, plugin: &Plugin) -> String {
    let keys = counting(station, plugin);
    let names = keys.vouching(&plugin.name, plugin.component.digest(), &plugin.signatures);
    names.map_or_else(|_| "-".to_owned(), |names| names.join(", "))
}

/// Returns what `inspect` prints about who vouches for a plugin from a file; nothing where nobody asks and nobody does.
pub(super) fn shown(station: &Station, plugin: &Plugin) -> Vec<String> {
    let keys = counting(station, plugin);
    let silent = keys == Keys::default() && plugin.signatures == Signatures::default();
    if plugin.source == PluginSource::BuiltIn || silent {
        return Vec::new();
    }
    let digest = plugin.component.digest();
    let known = station.configuration.keys();
    let each = plugin.signatures.lines().map(|(_, signature)| {
        let key = known.name(&signature.key).map(|name| format!("`{name}`"));
        let key = key.unwrap_or_else(|| format!("{}, a key that is not known here", signature.key));
        match signature.worth(&plugin.name, digest) {
            Worth::Genuine => format!("by {key}"),
            Worth::OtherPlugin => format!("by {key}, as `{}`", signature.plugin),
            Worth::OtherComponent => format!("by {key}, for {}", short_digest(&signature.component)),
            Worth::Forged => format!("in the name of {key}, and not genuine"),
        }
    });
    let damage = plugin.signatures.damage().iter();
    let mut lines: Vec<String> = each.chain(damage.map(|reason| format!("damaged: {reason}"))).collect();
    if lines.is_empty() {
        lines.push("by nobody".to_owned());
    }
    let titled = |(at, line): (usize, String)| format!("{:<12}{line}", if at == 0 { "signed" } else { "" });
    lines.into_iter().enumerate().map(titled).collect()
}

/// Returns what programs are told about who vouches for a plugin.
pub(super) fn signatures_json(station: &Station, plugin: &Plugin) -> serde_json::Value {
    let known = station.configuration.keys();
    let digest = plugin.component.digest();
    let each = plugin.signatures.lines().map(|(line, signature)| {
        serde_json::json!({
            "line": line,
            "key": signature.key,
            "name": known.name(&signature.key),
            "plugin": signature.plugin,
            "component": signature.component,
            "worth": signature.worth(&plugin.name, digest),
        })
    });
    each.collect()
}
