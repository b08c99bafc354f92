//! What was a guest denied, what is granted instead, and which line of the configuration would grant it?

mod network;

use crate::builtin;
use crate::station::Station;
use crate::talk::harmless;
use cofferdam_engine::{Data, Failure, FailureClass};
use cofferdam_runtime::configuration::{AllowedDirectory, Configuration};
use cofferdam_wasm::Access;
use std::path::Path;

/// A call that the host refused to a guest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denied<'a> {
    /// The interface and function.
    pub(crate) call: &'a str,
    /// What it was about.
    pub(crate) target: &'a str,
    /// Why it was refused.
    pub(crate) reason: &'a str,
}

/// A refusal in the words of a person who may want to lift it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// Who may not do what.
    pub(crate) title: String,
    /// What is granted, one thing a line.
    pub(crate) granted: Vec<String>,
    /// What to do if it should be granted, one thing a line.
    pub(crate) next: Vec<String>,
}

impl<'a> Denied<'a> {
    /// Returns the call that a failure of a step comes from.
    pub(crate) fn of(failure: &'a Failure) -> Option<Self> {
        let text = |name: &str| failure.details.get(name).and_then(Data::as_text);
        let denied = Self {
            call: text("call")?,
            target: text("target")?,
            reason: text("reason")?,
        };
        (failure.class == FailureClass::Denied).then_some(denied)
    }

    /// Returns whether it was about the file system.
    fn is_of_files(&self) -> bool {
        self.call.starts_with("filesystem.")
    }

    /// Returns whether it is granted and there was no room.
    fn is_full(&self) -> bool {
        self.reason.starts_with("full: ")
    }

    /// Returns what would have to be allowed for it.
    fn access(&self) -> Access {
        let changes = [
            "open-at for writing",
            "create-directory-at",
            "link-at",
            "remove-directory-at",
            "rename-at",
            "set-times",
            "set-times-at",
            "symlink-at",
            "unlink-file-at",
        ];
        let name = self.call.trim_start_matches("filesystem.");
        if changes.contains(&name) || self.reason.contains("reading only") || self.is_full() {
            Access::Write
        } else {
            Access::Read
        }
    }

    /// Returns it in a few words: what it was about, and why not.
    pub(crate) fn brief(&self) -> String {
        let why = self.reason.split(';').next().unwrap_or_default();
        format!("{}: {why}", self.target)
    }
}

impl Denial {
    /// Returns what to say of `denied` to an action of `plugin`; `again` is the command that goes on afterwards.
    pub(crate) fn of(station: &Station, plugin: &str, denied: Denied<'_>, again: &str) -> Self {
        if let Some(denial) = network::denial(station, plugin, denied, again) {
            return denial;
        }
        let target = harmless(denied.target);
        if !denied.is_of_files() {
            return Self {
                title: format!("`{plugin}` may not use {target} ({})", denied.call),
                granted: Vec::new(),
                next: vec![format!(
                    "{}; who may touch what: cofferdam grants --plugin {plugin}",
                    denied.reason
                )],
            };
        }
        let access = denied.access();
        let title = format!("`{plugin}` may not {} {target}", word(access));
        let directories = directories(&station.configuration, plugin);
        let granted: Vec<String> = directories.iter().map(shown).collect();
        let next = if denied.is_full() {
            let around = around(&directories, &target);
            let place = around.map_or_else(String::new, |directory| format!(": {}", directory.source));
            vec![
                denied.reason.trim_start_matches("full: ").to_owned(),
                format!("take something away, or let the line that grants it say more{place}"),
                format!("then: {again}"),
            ]
        } else if denied.reason.starts_with("not granted")
            || denied.reason.contains("reading only")
            || granted.is_empty()
        {
            remedy(station, plugin, &target, access, &directories, again)
        } else if denied.reason.starts_with("narrowed: ") {
            vec![denied.reason.to_owned()]
        } else {
            // Links that lead out of a granted directory, and the state of Cofferdam, are no matter of grants.
            vec![format!("no grant changes it: {}", denied.reason)]
        };
        Self { title, granted, next }
    }
}

/// Returns what the configuration allows the plugin, whatever its actions ask for.
fn directories(configuration: &Configuration, plugin: &str) -> Vec<AllowedDirectory> {
    let first_party = builtin::names().any(|name| name == plugin);
    configuration.directories_of(plugin, first_party)
}

fn shown(directory: &AllowedDirectory) -> String {
    format!(
        "{:<5} {:<6} {:<12} {}",
        word(directory.access),
        harmless(&directory.guest),
        harmless(&directory.shown),
        directory.source
    )
}

fn remedy(
    station: &Station,
    plugin: &str,
    target: &str,
    access: Access,
    directories: &[AllowedDirectory],
    again: &str,
) -> Vec<String> {
    let around = around(directories, target);
    if let Some(directory) = around.filter(|directory| directory.access >= access) {
        // What is not asked for is refused even where it is allowed.
        return vec![format!(
            "{} is granted as {}, but the action does not ask to {} it: its `needs` in the plugin would have to",
            directory.shown,
            directory.guest,
            word(access)
        )];
    }
    let parent = Path::new(target).parent().and_then(Path::to_str).unwrap_or("/");
    let root = station.configuration.project().root();
    let host = |guest: &str| host_of(root, around, guest);
    let is_directory = access == Access::Read && root.join(host(target)).is_dir();
    let guest = if is_directory { target } else { parent };
    let host = host(guest);
    let section = station.configuration.plugins().get(plugin);
    let mut lines = Vec::new();
    match around.filter(|directory| directory.guest == guest && section.is_some()) {
        Some(directory) => {
            lines.push(format!("if it should: let {} say", directory.source));
            lines.push(format!("    {},", entry(guest, &host, access)));
        }
        None => {
            let entry = entry(guest, &host, access);
            let file = station.configuration.project().file();
            let file = file.map(|file| station.short(file));
            let first = section.and_then(|section| section.directories.first());
            // What `init` writes has these sections.
            let prepared = file.is_none() && ["fs", "report"].contains(&plugin);
            let init = if file.is_none() { "cofferdam init, then " } else { "" };
            let name = file.as_deref().unwrap_or("cofferdam.toml");
            if let Some(first) = first {
                lines.push(format!(
                    "if it should: add to dirs of [plugins.{plugin}], {}",
                    first.source
                ));
                lines.push(format!("    {entry},"));
            } else if prepared {
                lines.push(format!(
                    "if it should: {init}add to dirs of [plugins.{plugin}] in {name}"
                ));
                lines.push(format!("    {entry},"));
            } else if let Some(section) = section {
                lines.push(format!("if it should: add to [plugins.{plugin}], {}", section.source));
                lines.push(format!("    dirs = [{entry}]"));
            } else {
                lines.push(format!("if it should: {init}add to {name}"));
                lines.push(format!("    [plugins.{plugin}]"));
                lines.push(format!("    dirs = [{entry}]"));
            }
        }
    }
    lines.push(format!("then: {again}"));
    lines
}

/// Returns the innermost granted directory in which a guest path lies.
fn around<'d>(directories: &'d [AllowedDirectory], target: &str) -> Option<&'d AllowedDirectory> {
    directories
        .iter()
        .filter(|directory| Path::new(target).starts_with(&directory.guest))
        .max_by_key(|directory| directory.guest.len())
}

/// Returns the directory of this machine that a guest path is likely to mean, as the configuration would name it.
fn host_of(root: &Path, around: Option<&AllowedDirectory>, guest: &str) -> String {
    if let Some(directory) = around
        && let Ok(rest) = Path::new(guest).strip_prefix(&directory.guest)
    {
        let host = Path::new(&directory.shown).join(rest);
        let host = host.strip_prefix(".").unwrap_or(&host).display().to_string();
        return match host.trim_end_matches('/') {
            "" => ".".to_owned(),
            host => host.to_owned(),
        };
    }
    let relative = guest.trim_start_matches('/');
    if relative.is_empty() {
        ".".to_owned()
    } else if !root.join(relative).exists() && Path::new(guest).is_dir() {
        guest.to_owned()
    } else {
        relative.to_owned()
    }
}

fn entry(guest: &str, host: &str, access: Access) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let create = if access == Access::Write && !host.starts_with('/') {
        ", create = true"
    } else {
        ""
    };
    format!(
        "{{ guest = {}, host = {}, access = \"{}\"{create} }}",
        quoted(guest),
        quoted(host),
        word(access)
    )
}

fn word(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
    }
}
