//! Which component may have the grants of a plugin, and what is different about it: `plugin accept`.

use super::inspect::unknown_plugin;
use super::{from_file, standing};
use crate::arguments::{Manner, PluginAccept};
use crate::commands::configuration::agreed;
use crate::failure::{Exit, Failure, Outcome};
use crate::station::{Station, trust_store};
use crate::talk::{DIM, print, say, size};
use cofferdam_runtime::configuration::{ListChange, Portrait, Standing, Unaccepted, short_digest};
use cofferdam_wasm::{Plugin, PluginSource};
use std::path::{Path, PathBuf};

/// Accepts a component, after whoever sits there has seen what it asks for.
pub(crate) async fn accept(station: &Station, manner: &Manner, arguments: &PluginAccept) -> Outcome {
    let sandbox = station.sandbox()?;
    let path = Path::new(&arguments.what);
    let installed = path.extension().is_none_or(|extension| extension != "wasm");
    let plugin = if installed {
        let plugins = station.plugins(&sandbox).await?;
        let plugin = plugins.registry.plugin(&arguments.what).cloned();
        plugin.ok_or_else(|| unknown_plugin(&plugins, &arguments.what))?
    } else {
        from_file(station, &sandbox, path).await?
    };
    let name = &plugin.name;
    if plugin.source == PluginSource::BuiltIn {
        say(format!(
            "`{name}` is built in: it came with this cofferdam, and needs no acceptance"
        ));
        return Ok(Exit::Done);
    }
    let unneeded = match standing(station, &plugin) {
        Standing::NothingToGrant => {
            let section = station.configuration.section_of(name);
            format!("`{name}` needs no acceptance: {section} grants it nothing")
        }
        Standing::ByName(at) => format!("`{name}` needs no acceptance: grants belong to names here ({at})"),
        Standing::Named(at) => format!("`{name}` needs no acceptance: {at} names this component"),
        Standing::Signed(keys, at) => {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            format!(
                "`{name}` needs no acceptance: it is signed by {} ({at})",
                keys.join(" and ")
            )
        }
        Standing::Accepted => return locked(station, &plugin, installed),
        Standing::Unaccepted(unaccepted) if unaccepted.named_at.is_some() || unaccepted.unsigned.is_some() => {
            let failure = Failure::new(Exit::Refused, unaccepted.to_string()).code("CF0621");
            return Err(unaccepted.remedies().into_iter().fold(failure, Failure::hint));
        }
        Standing::Unaccepted(unaccepted) => {
            return decide(station, manner, &plugin, &unaccepted, installed, arguments.yes);
        }
    };
    say(unneeded);
    if installed {
        lock(station, &plugin)?;
    }
    Ok(Exit::Done)
}

/// Lists a component in the lock file of the project, if it has a configuration and does not list it.
pub(super) fn lock(station: &Station, plugin: &Plugin) -> Result<(), Failure> {
    if station.configuration.project().file().is_none() {
        return Ok(());
    }
    let written = station
        .configuration
        .lock(&plugin.name, &Portrait::of(&plugin.component));
    if let Some(lock) = written.map_err(|error| unwritable(station, &error))? {
        say(format!("wrote {}: keep it under version control", station.short(&lock)));
    }
    Ok(())
}

fn unwritable(station: &Station, error: &std::io::Error) -> Failure {
    let file = station.short(&station.configuration.lock_file());
    Failure::new(Exit::Usage, format!("cannot write `{file}`: {error}"))
        .hint("only the file is missing: it would tell others which component is meant")
}

/// Accepts what its author has just built: whoever builds a plugin runs its code anyway. `installed` is whether it is put
/// where workflows find it.
pub(crate) fn accept_what_was_built(station: &Station, plugin: &Plugin, installed: bool) -> Result<(), Failure> {
    let Standing::Unaccepted(unaccepted) = standing(station, plugin) else {
        return Ok(());
    };
    if unaccepted.named_at.is_some() || unaccepted.unsigned.is_some() {
        say(format!("note: {unaccepted}"));
        return Ok(());
    }
    remember(station, plugin, installed)?;
    say(format!("accepted as `{}`: you built it", plugin.name));
    Ok(())
}

fn decide(
    station: &Station,
    manner: &Manner,
    plugin: &Plugin,
    unaccepted: &Unaccepted,
    installed: bool,
    yes: bool,
) -> Outcome {
    let now = Portrait::of(&plugin.component);
    let before = station.configuration.acceptances().newest(&plugin.name);
    for line in difference(station, plugin, before, &now) {
        say(line);
    }
    if !yes && !agreed("Accept it?")? {
        let hint = format!(
            "without a terminal: cofferdam plugin accept {} --yes",
            unaccepted.plugin
        );
        return Err(Failure::new(Exit::Refused, "not accepted").hint(hint));
    }
    let lock = remember(station, plugin, installed)?;
    if manner.json {
        let asks = ListChange::between(before.map_or(&[], |before| &before.asks), &now.asks);
        let shown = serde_json::json!({
            "plugin": plugin.name,
            "digest": now.digest,
            "before": before.map(|before| before.digest),
            "asks": asks,
            "lock": lock,
        });
        print(shown.to_string());
        return Ok(Exit::Done);
    }
    say("accepted: this very component; a changed one has no grants until it is accepted");
    if let Some(lock) = lock {
        say(format!("wrote {}: keep it under version control", station.short(&lock)));
    }
    Ok(Exit::Done)
}

/// Puts what is accepted already into the lock file, if it is not there.
fn locked(station: &Station, plugin: &Plugin, installed: bool) -> Outcome {
    say(format!("`{}` is accepted already, as it is", plugin.name));
    if let Some(lock) = remember(station, plugin, installed)? {
        say(format!("wrote {}: keep it under version control", station.short(&lock)));
    }
    Ok(Exit::Done)
}

/// Remembers a component, outside of the project and, if it is what workflows find, in the lock file, which is returned if
/// it had to be written.
fn remember(station: &Station, plugin: &Plugin, installed: bool) -> Result<Option<PathBuf>, Failure> {
    let portrait = Portrait::of(&plugin.component);
    let accepted = trust_store()?.accept(&station.configuration, &plugin.name, &portrait);
    accepted.map_err(|error| Failure::of(Exit::Invalid, error))?;
    if !installed {
        return Ok(None);
    }
    let lock = station.configuration.lock(&plugin.name, &portrait);
    lock.map_err(|error| unwritable(station, &error))
}

/// Returns what somebody needs to know who is to accept a component.
fn difference(station: &Station, plugin: &Plugin, before: Option<&Portrait>, now: &Portrait) -> Vec<String> {
    let from = match &plugin.source {
        PluginSource::File(file) => station.short(file),
        PluginSource::BuiltIn => "built in".to_owned(),
    };
    let mut lines = vec![format!("`{}` from {from}", plugin.name)];
    let mut fact = |name: &str, then: Option<String>, now: String| {
        let shown = match then.filter(|then| *then != now) {
            Some(then) => format!("{then} -> {now}"),
            None => now,
        };
        lines.push(format!("  {name:<10} {shown}"));
    };
    fact(
        "component",
        before.map(|before| short_digest(&before.digest)),
        short_digest(&now.digest),
    );
    let version = |portrait: &Portrait| portrait.version.clone().unwrap_or_else(|| "-".to_owned());
    fact("version", before.map(version), version(now));
    fact(
        "size",
        before.and_then(|before| before.size).map(size),
        size(now.size.unwrap_or_default()),
    );
    let lists = [
        (
            "actions",
            before.map(|before| before.actions.clone()),
            now.actions.clone(),
        ),
        (
            "asks for",
            before.map(|before| Some(before.asks.clone())),
            Some(now.asks.clone()),
        ),
    ];
    for (name, before, now) in lists {
        let now = now.unwrap_or_default();
        // Where nothing was accepted before, or it is not known what it had, nothing is said to be new.
        let before = before.flatten().unwrap_or_else(|| now.clone());
        lines.extend(changes(name, &before, &now));
    }
    let granted = granted(station, plugin);
    if granted.is_empty() {
        lines.push("  it would be granted nothing: what it asks for is not what is allowed".to_owned());
    } else {
        lines.push("  it would be granted:".to_owned());
        lines.extend(granted.into_iter().map(|(thing, source)| {
            let source = station.look.paint(DIM, &source);
            format!("    {thing}   {source}")
        }));
    }
    lines
}

fn changes(name: &str, before: &[String], now: &[String]) -> Vec<String> {
    let change = ListChange::between(before, now);
    let kept = (!change.kept.is_empty()).then(|| change.kept.join(", "));
    let mut items: Vec<String> = kept.into_iter().collect();
    items.extend(change.added.iter().map(|item| format!("+ {item}")));
    items.extend(change.removed.iter().map(|item| format!("- {item}")));
    if items.is_empty() {
        items.push("nothing".to_owned());
    }
    let titled = |(at, item): (usize, String)| format!("  {:<10} {item}", if at == 0 { name } else { "" });
    items.into_iter().enumerate().map(titled).collect()
}

/// Returns what the actions of a plugin would be granted, each thing once, with who allows it.
fn granted(station: &Station, plugin: &Plugin) -> Vec<(String, String)> {
    let mut things = Vec::new();
    for descriptor in plugin.component.actions() {
        let grants = station
            .configuration
            .grants_once_accepted(&plugin.name, &descriptor.needs);
        for need in grants.needs {
            for granted in need.granted {
                let shown = granted.thing.shown(|path| station.short(path));
                let thing = (format!("{} {shown}", need.kind), granted.source.to_string());
                if !things.contains(&thing) {
                    things.push(thing);
                }
            }
        }
    }
    things
}
