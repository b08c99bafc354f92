//! How plugins from files come and go: `plugin install`, `remove`, `disable` and `enable`.

use super::accept::lock;
use super::inspect::unknown_plugin;
use super::sign::require;
use super::usage::Usage;
use super::{from_file, standing};
use crate::arguments::{PluginInstall, PluginRemove, PluginSwitch};
use crate::commands::configuration::agreed;
use crate::commands::drive::shortest;
use crate::commands::plugin_author::is_plugin_name;
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Station;
use crate::talk::{counted, say, size};
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Digest, RunStatus};
use cofferdam_runtime::configuration::Standing;
use cofferdam_runtime::{origin, used};
use cofferdam_store::RunFilter;
use cofferdam_wasm::{Plugin, PluginSource, Signatures};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How many runs are read at a time.
const PAGE: usize = 1_000;

/// Puts a component where workflows find it.
pub(crate) async fn install(station: &Station, arguments: &PluginInstall) -> Outcome {
    let sandbox = station.sandbox()?;
    let mut plugin = from_file(station, &sandbox, &arguments.file).await?;
    if let Some(name) = &arguments.name {
        plugin.name.clone_from(name);
    }
    let name = plugin.name.clone();
    if !is_plugin_name(&name) {
        let failure = Failure::new(Exit::Usage, format!("`{name}` cannot name a plugin"));
        return Err(failure.hint("use lower-case letters, digits and single hyphens: --name NAME"));
    }
    if crate::builtin::names().any(|built_in| built_in == name) {
        let message = format!("`{name}` is the name of a plugin that is built in");
        return Err(Failure::new(Exit::Usage, message)
            .code("CF0507")
            .hint("give it another: --name NAME"));
    }
    require(station, &plugin)?;
    let plugins = station.plugins(&sandbox).await?;
    let target = match plugins.registry.plugin(&name) {
        Some(present) if present.component.digest() == plugin.component.digest() => {
            say(format!("`{name}` is installed already, as it is"));
            return Ok(Exit::Done);
        }
        Some(present) if !arguments.replace => {
            let message = format!(
                "another `{name}` is installed: {}",
                cofferdam_runtime::provider(present)
            );
            let failure = Failure::new(Exit::Refused, message);
            return Err(failure.hint("let it take its place: --replace; runs that started with the old one keep it"));
        }
        Some(present) => file_of(present).to_owned(),
        None => directory(station)?.join(format!("{name}.wasm")),
    };
    put(&plugin, &target).map_err(|error| {
        let shown = station.short(&target);
        Failure::new(Exit::Usage, format!("cannot write `{shown}`: {error}"))
    })?;
    let actions = counted(plugin.component.actions().len() as u64, "action");
    let bytes = size(plugin.component.size());
    say(format!("installed {}: {actions}, {bytes}", station.short(&target)));
    let asks = plugin.component.actions().iter().any(|action| !action.needs.is_empty());
    match standing(station, &plugin) {
        Standing::Unaccepted(unaccepted) => {
            say(unaccepted.to_string());
            unaccepted.remedies().into_iter().for_each(say);
        }
        Standing::NothingToGrant => {
            lock(station, &plugin)?;
            if asks {
                say(format!(
                    "what it asks for is not granted yet: cofferdam plugin inspect {name}"
                ));
            }
        }
        Standing::ByName(_) | Standing::Named(_) | Standing::Signed(..) | Standing::Accepted => lock(station, &plugin)?,
    }
    Ok(Exit::Done)
}

/// Takes a plugin away from workflows.
pub(crate) async fn remove(station: &Station, arguments: &PluginRemove) -> Outcome {
    let name = &arguments.name;
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    let plugin = plugins
        .registry
        .plugin(name)
        .ok_or_else(|| unknown_plugin(&plugins, name))?;
    if plugin.source == PluginSource::BuiltIn {
        let failure = Failure::new(Exit::Refused, format!("`{name}` is built in and cannot be removed"));
        return Err(failure.hint(format!("switch it off: cofferdam plugin disable {name}")));
    }
    let file = file_of(plugin);
    let usage = Usage::of(station, &plugins, name).await?;
    let callers: Vec<&str> = usage.workflows().collect();
    if !callers.is_empty() {
        say(format!("{} it: {}", verb(callers.len()), callers.join(", ")));
    }
    let unfinished = unfinished(station, plugin).await?;
    if unfinished.is_empty() {
        say("no unfinished run uses it");
    } else {
        // Also for runs whose copy was lost: from here on it is the only one.
        let component = (name.as_str(), origin(&plugin.source), &plugin.component);
        let kept = station.copies().keep([component]);
        kept.map_err(|error| Failure::of(Exit::Internal, error).hint("nothing was removed"))?;
        let verb = match unfinished.len() {
            1 => "1 unfinished run uses it and keeps its copy".to_owned(),
            more => format!("{more} unfinished runs use it and keep their copy"),
        };
        say(format!("{verb}: {}", few(&unfinished)));
    }
    if !arguments.yes && !agreed(&format!("Remove {}?", station.short(file)))? {
        let hint = format!("without a terminal: cofferdam plugin remove {name} --yes");
        return Err(Failure::new(Exit::Refused, "not removed").hint(hint));
    }
    std::fs::remove_file(file).map_err(|error| Failure::of(Exit::Usage, error))?;
    // Without a component it vouches for nothing, and need not be there.
    let _ = std::fs::remove_file(Signatures::file_of(file));
    station.configuration.unlock(name).map_err(|error| {
        let file = station.short(&station.configuration.lock_file());
        Failure::new(
            Exit::Usage,
            format!("`{name}` is removed, but `{file}` cannot be written: {error}"),
        )
    })?;
    say(format!("removed {}", station.short(file)));
    Ok(Exit::Done)
}

/// Returns the runs that have not ended and use the component of a plugin, newest first.
async fn unfinished(station: &Station, plugin: &Plugin) -> Result<Vec<String>, Failure> {
    // Looking leaves nothing behind.
    if !station.configuration.state_path().exists() {
        return Ok(Vec::new());
    }
    let internal = |error| Failure::of(Exit::Internal, error);
    let log = station.existing_log()?;
    let component = plugin.component.digest();
    let statuses = RunStatus::ALL.into_iter().filter(|status| !status.is_final());
    let mut filter = RunFilter {
        statuses: statuses.collect(),
        limit: PAGE,
        ..RunFilter::default()
    };
    // Many runs execute one definition.
    let mut known: BTreeMap<Digest, bool> = BTreeMap::new();
    let mut found = Vec::new();
    loop {
        let page = log.runs(filter.clone()).await.map_err(internal)?;
        for run in &page {
            let uses = match known.get(&run.plan) {
                Some(uses) => *uses,
                None => {
                    let definition = log.definition(run.id).await.map_err(internal)?;
                    let plan = definition.and_then(|definition| Plan::decode(&definition.plan).ok());
                    let uses = plan.is_some_and(|plan| used(&plan).contains(&(plugin.name.as_str(), component)));
                    known.insert(run.plan, uses);
                    uses
                }
            };
            if uses {
                found.push(shortest(&log, run.id).await);
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => filter.after = Some(last.id),
            _ => return Ok(found),
        }
    }
}

/// Returns the first of `names`, and how many more there are.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 3;
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}

/// Switches a plugin off, or on again, in the project's file.
pub(crate) async fn switch(station: &Station, arguments: &PluginSwitch, enabled: bool) -> Outcome {
    let name = &arguments.name;
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    if plugins.registry.plugin(name).is_none() {
        return Err(unknown_plugin(&plugins, name));
    }
    let word = if enabled { "on" } else { "off" };
    if station.configuration.is_enabled(name) == enabled {
        say(format!("`{name}` is switched {word} already"));
        return Ok(Exit::Done);
    }
    let Some(file) = station.configuration.project().file() else {
        let failure = Failure::new(Exit::Usage, "there is no cofferdam.toml to write it to");
        return Err(failure.hint("make one: cofferdam init"));
    };
    let text = std::fs::read_to_string(file).map_err(|error| Failure::of(Exit::Usage, error))?;
    let Some(changed) = switched(&text, name, enabled) else {
        let message = format!(
            "{} is written in a way that is not changed for you",
            station.short(file)
        );
        let hint = format!(
            "write it yourself: enabled = {enabled} in {}",
            station.configuration.section_of(name)
        );
        return Err(Failure::new(Exit::Refused, message).hint(hint));
    };
    replace(file, changed.as_bytes()).map_err(|error| Failure::of(Exit::Usage, error))?;
    say(format!("`{name}` is switched {word} ({})", station.short(file)));
    if !station.configuration.asks().is_empty() {
        say("the file changed: cofferdam trust");
    }
    Ok(Exit::Done)
}

/// Returns the text of a configuration with a plugin switched, or nothing if that is not done by one line.
fn switched(text: &str, name: &str, enabled: bool) -> Option<String> {
    let header = format!("[plugins.{name}]");
    let line = format!("enabled = {enabled}");
    let mut lines: Vec<&str> = text.lines().collect();
    let is_switch = |line: &str| line.split('=').next().is_some_and(|key| key.trim() == "enabled");
    match lines.iter().position(|line| line.trim() == header) {
        Some(at) => {
            let after = lines[at + 1..].iter();
            let present = after
                .take_while(|line| !line.starts_with('['))
                .position(|line| is_switch(line));
            match present {
                Some(offset) => lines[at + 1 + offset] = &line,
                None => lines.insert(at + 1, &line),
            }
        }
        None => lines.extend(["", &header, &line]),
    }
    let changed = lines.join("\n") + "\n";
    let parsed: toml::Table = toml::from_str(&changed).ok()?;
    let section = parsed.get("plugins")?.get(name)?;
    (section.get("enabled")?.as_bool() == Some(enabled)).then_some(changed)
}

fn verb(callers: usize) -> String {
    match callers {
        1 => "1 workflow calls".to_owned(),
        more => format!("{more} workflows call"),
    }
}

fn file_of(plugin: &Plugin) -> &Path {
    match &plugin.source {
        PluginSource::File(file) => file,
        PluginSource::BuiltIn => unreachable!("a built-in plugin has the only right to its name"),
    }
}

/// Returns the directory that plugins are put into: the first of those where they are looked for.
fn directory(station: &Station) -> Result<PathBuf, Failure> {
    let directory = station.configuration.plugin_directories().next();
    let directory =
        directory.ok_or_else(|| Failure::new(Exit::Usage, "the configuration names no plugins directory"))?;
    std::fs::create_dir_all(directory).map_err(|error| Failure::of(Exit::Usage, error))?;
    Ok(directory.to_owned())
}

/// Puts a component, as it was looked at, where workflows find it, with what vouches for it. At any time there is a component
/// with what vouches for it, the one before or this one.
fn put(plugin: &Plugin, target: &Path) -> std::io::Result<()> {
    let beside = Signatures::file_of(target);
    let own = plugin.signatures.lines().map(|(_, signature)| signature.clone());
    let own = Signatures::of(own);
    if own == Signatures::default() {
        replace(target, plugin.component.bytes())?;
        return match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let before = Signatures::beside(target);
    let both = own
        .lines()
        .chain(before.lines())
        .map(|(_, signature)| signature.clone());
    replace(&beside, Signatures::of(both).to_text().as_bytes())?;
    replace(target, plugin.component.bytes())?;
    replace(&beside, own.to_text().as_bytes())
}

/// Written aside, synced and renamed: whoever reads the file meanwhile reads a whole one.
pub(super) fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let aside = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = std::fs::File::create(&aside)
        .and_then(|mut aside| aside.write_all(content).and_then(|()| aside.sync_all()))
        .and_then(|()| std::fs::rename(&aside, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::switched;

    #[test]
    fn a_plugin_is_switched_by_one_line() {
        let off = |text: &str| switched(text, "x", false);
        assert_eq!(
            off("config = 1\n").unwrap(),
            "config = 1\n\n[plugins.x]\nenabled = false\n"
        );
        let section = "config = 1\n[plugins.x] \n# why\nlimits = { wall = \"1s\" }\n[plugins.y]\nenabled = true\n";
        let there = off(section).unwrap();
        assert!(there.contains("[plugins.x] \nenabled = false\n# why"), "{there}");
        assert!(there.ends_with("[plugins.y]\nenabled = true\n"), "{there}");
        assert_eq!(
            switched(&there, "x", true)
                .unwrap()
                .replace("enabled = true\n# why", "# why"),
            section
        );
        // What is written otherwise is left to whoever wrote it.
        assert_eq!(off("config = 1\nplugins = { x = { enabled = true } }\n"), None);
    }
}
