//! What is allowed here and worth a second look: `doctor`.

mod files;
mod flow;

use crate::arguments::Manner;
use crate::commands::contents;
use crate::failure::{Exit, Failure, Outcome};
use crate::station::{Plugins, Station, maker, trust_store};
use crate::talk::{DIM, counted, print, say};
use cofferdam_dsl::compile;
use cofferdam_engine::plan::{Call, Plan};
use cofferdam_runtime::configuration::{ActionGrants, GrantsBelong};
use cofferdam_wasm::SecretSource;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A value that is shorter cannot be covered reliably: what looks like it stands in too many texts.
pub(super) const SHORTEST_SECRET: usize = 8;
/// More files than anybody looks at.
const MOST_FILES: usize = 20;

/// Something that is allowed and worth a second look.
struct Finding {
    kind: &'static str,
    message: String,
    place: String,
    remedy: String,
}

impl Finding {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "kind": self.kind, "message": self.message, "place": self.place, "remedy": self.remedy })
    }
}

/// Says what is allowed and worth a second look.
pub(crate) async fn doctor(station: &Station, manner: &Manner) -> Outcome {
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    let mut findings = names_are_enough(station);
    findings.extend(readable(station, &plugins));
    let (sent, unread) = sent(station, &plugins);
    findings.extend(sent);
    findings.extend(short_secrets(station).await?);
    if manner.json {
        let findings: Vec<serde_json::Value> = findings.iter().map(Finding::json).collect();
        print(serde_json::json!({ "findings": findings, "unread": unread }).to_string());
        return Ok(Exit::Done);
    }
    station.warn_of_problems(&plugins);
    for finding in &findings {
        print(format!(
            "{}   {}",
            finding.message,
            station.look.paint(DIM, &finding.place)
        ));
        print(format!("  {}", finding.remedy));
    }
    for workflow in &unread {
        say(format!("{workflow} was left out: it has errors, or cannot be run yet"));
    }
    say(match findings.len() as u64 {
        0 => "nothing is allowed here that wants a second look".to_owned(),
        count => format!("{} to look at", counted(count, "thing")),
    });
    Ok(Exit::Done)
}

fn names_are_enough(station: &Station) -> Vec<Finding> {
    if station.configuration.grants_belong() == GrantsBelong::ToComponents {
        return Vec::new();
    }
    let settings = station.configuration.settings();
    let trust = settings
        .iter()
        .find(|setting| setting.section == "registry" && setting.key == "trust");
    vec![Finding {
        kind: "trust-by-name",
        message: "plugins keep their grants whatever is put in their files".to_owned(),
        place: trust.map_or_else(String::new, |setting| setting.source.to_string()),
        remedy: "take trust = \"name\" away when the plugin is written, then: cofferdam plugin accept NAME".to_owned(),
    }]
}

/// Returns what the actions of plugins may touch outside of any workflow.
fn grants<'p>(station: &'p Station, plugins: &'p Plugins) -> impl Iterator<Item = (&'p str, ActionGrants)> {
    let enabled = plugins.registry.plugins().iter();
    let enabled = enabled.filter(|plugin| station.configuration.is_enabled(&plugin.name));
    enabled.flat_map(move |plugin| {
        let actions = plugin.component.actions().iter();
        actions.filter_map(move |descriptor| {
            let action = plugin.component.action(&descriptor.name)?;
            Some((plugin.name.as_str(), station.grants(plugin, &action)))
        })
    })
}

/// Returns the files with what is nobody's business that plugins may read.
fn readable(station: &Station, plugins: &Plugins) -> Vec<Finding> {
    // By directory, then by plugin: who may read it, and who says so.
    let mut readers: BTreeMap<PathBuf, BTreeMap<String, String>> = BTreeMap::new();
    for (plugin, grants) in grants(station, plugins) {
        for directory in grants.directories {
            let of = readers.entry(directory.host).or_default();
            of.insert(plugin.to_owned(), directory.source.to_string());
        }
    }
    let hidden = station.configuration.hidden();
    let mut found: BTreeMap<PathBuf, BTreeMap<&str, &str>> = BTreeMap::new();
    let mut cut = Vec::new();
    for (directory, by) in &readers {
        let (private, is_whole) = files::private(directory, &hidden);
        for file in private {
            let of = found.entry(file).or_default();
            of.extend(by.iter().map(|(plugin, place)| (plugin.as_str(), place.as_str())));
        }
        cut.extend((!is_whole).then_some(directory));
    }
    let more = found.len().saturating_sub(MOST_FILES);
    let mut findings: Vec<Finding> = found
        .iter()
        .take(MOST_FILES)
        .map(|(file, by)| {
            let plugins: Vec<String> = by.keys().map(|plugin| format!("`{plugin}`")).collect();
            let places: BTreeSet<&str> = by.values().copied().collect();
            let places: Vec<&str> = places.into_iter().collect();
            Finding {
                kind: "private-file",
                message: format!("{} may be read by {}", station.short(file), plugins.join(", ")),
                place: places.join(", "),
                remedy: "grant a directory without it, or move it out of the project".to_owned(),
            }
        })
        .collect();
    if more > 0 {
        findings.push(Finding {
            kind: "private-file",
            message: format!("{} like these may be read too", counted(more as u64, "more file")),
            place: String::new(),
            remedy: "grant directories that hold nothing but what a plugin is to read".to_owned(),
        });
    }
    findings.extend(cut.into_iter().map(|directory| Finding {
        kind: "too-large",
        message: format!(
            "{} is too large to be looked through as a whole",
            station.short(directory)
        ),
        place: String::new(),
        remedy: "grant a smaller directory".to_owned(),
    }));
    findings
}

/// Returns where a workflow hands what one action read to another one that may send it, and the workflows that could not be read.
fn sent(station: &Station, plugins: &Plugins) -> (Vec<Finding>, Vec<String>) {
    let catalog = plugins.catalog(station);
    let options = station.options(false, []);
    let (mut findings, mut unread) = (Vec::new(), Vec::new());
    for file in station.workflows().into_values() {
        let shown = station.short(&file);
        let plan = contents(&file)
            .ok()
            .and_then(|text| compile(&text, &shown, &catalog, &options).plan);
        let Some(plan) = plan else {
            unread.push(shown);
            continue;
        };
        let may = |call: &Call| grants_in(station, plugins, &plan, call);
        for pair in flow::pairs(&plan) {
            let (Some(first), Some(second)) = (may(pair.from), may(pair.to)) else {
                continue;
            };
            if first.directories.is_empty() || second.network.is_empty() {
                continue;
            }
            let read: BTreeSet<String> = first
                .directories
                .iter()
                .map(|directory| format!("`{}`", directory.shown))
                .collect();
            let sent: BTreeSet<String> = second.network.iter().map(|address| address.rule.url()).collect();
            let (read, sent): (Vec<_>, Vec<_>) = (read.into_iter().collect(), sent.into_iter().collect());
            let way = if pair.is_itself() {
                format!("`{}` may read {} and", pair.from.action, read.join(", "))
            } else {
                format!(
                    "`{}` may read {}, and what it returns reaches `{}`, which",
                    pair.from.action,
                    read.join(", "),
                    pair.to.action
                )
            };
            findings.push(Finding {
                kind: "read-and-sent",
                message: format!("{way} may send to {}", sent.join(", ")),
                place: format!("{shown}:{}", pair.line),
                remedy: format!(
                    "if that is not what it is for, take one away: [workflows.\"{}\"] dirs or network",
                    plan.name()
                ),
            });
        }
    }
    (findings, unread)
}

fn grants_in(station: &Station, plugins: &Plugins, plan: &Plan, call: &Call) -> Option<ActionGrants> {
    let plugin = plugins.registry.plugin(&call.action.plugin)?;
    let action = plugin.component.action(&call.action.action)?;
    Some(station.grants_as(Some(plan.name()), &plugin.name, maker(plugin), &action))
}

/// Returns the secrets that are too short to be covered. Programs are not run for that, and nothing is read before the project is trusted.
async fn short_secrets(station: &Station) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    if trust_store()?.check(&station.configuration).is_err() {
        return Ok(findings);
    }
    for (name, secret) in station.configuration.secrets() {
        if matches!(secret.from, SecretSource::Command(_)) {
            continue;
        }
        // One that cannot be read is the business of `secrets check`.
        let Ok(value) = secret.from.read().await else { continue };
        if value.len() < SHORTEST_SECRET {
            findings.push(Finding {
                kind: "short-secret",
                message: format!(
                    "the secret `{name}` is shorter than {SHORTEST_SECRET} characters: it cannot be covered reliably"
                ),
                place: secret.source.to_string(),
                remedy: "use a longer one".to_owned(),
            });
        }
    }
    Ok(findings)
}
