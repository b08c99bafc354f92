//! What definitions say when they are looked at as a whole: `show --effective`, `diff`, `inventory`.

use super::graph::{sound, source};
use crate::arguments::{Diff, Inventory, Manner, Show};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::{Plugins, Station};
use crate::table::{print_table, table};
use crate::talk::{harmless, print, say};
use cofferdam_dsl::difference::{Change, Difference, differences};
use cofferdam_dsl::effective::effective;
use cofferdam_dsl::inventory::{self, Used};
use cofferdam_dsl::{Catalog as _, Diagnostic};
use cofferdam_dsl::{Lookup, parse};
use cofferdam_wasm::LIMITS;
use std::collections::{BTreeMap, BTreeSet};

/// Shows everything that applies to the steps of a workflow, written or not.
pub(crate) async fn show_effective(station: &Station, manner: &Manner, arguments: &Show) -> Outcome {
    let file = station.find_workflow(&arguments.run)?;
    let tree = sound(station, &file)?;
    let rows = effective(&tree, &source(station, &file)?);
    let sandbox = station.sandbox()?;
    let catalog = station.plugins(&sandbox).await?.catalog(station);
    // Limits belong to the plugin of an action.
    let limits = |action: &str| -> Vec<(&'static str, String, bool)> {
        let Lookup::Found(entry) = catalog.action(action) else {
            return Vec::new();
        };
        let limits = station.configuration.limits_in(&tree.name.text, &entry.plugin);
        let row = |row: &cofferdam_wasm::LimitRow| {
            let value = limits.get(row.name);
            (row.setting, row.display(value), value != row.default)
        };
        LIMITS.iter().map(row).collect()
    };
    if manner.json {
        let rows: Vec<serde_json::Value> = rows
            .iter()
            .map(|row| {
                let mut json = serde_json::to_value(row).unwrap_or_default();
                if let Some(action) = &row.action {
                    let limits = limits(action).into_iter();
                    let limits = limits.map(|(name, value, written)| {
                        serde_json::json!({ "name": name, "value": value, "written": written })
                    });
                    json["limits"] = limits.collect();
                }
                json
            })
            .collect();
        print(serde_json::json!({ "workflow": tree.name.text, "steps": rows }).to_string());
        return Ok(Exit::Done);
    }
    let mut table = table(["STEP", "SETTING", "VALUE", "FROM"]);
    for row in &rows {
        let mut step = if row.step.is_empty() {
            format!("workflow {}", tree.name.text)
        } else {
            row.step.clone()
        };
        let mut add = |name: &str, value: &str, from: &str| {
            table.add_row([
                harmless(&std::mem::take(&mut step)),
                name.to_owned(),
                harmless(value),
                from.to_owned(),
            ]);
        };
        for setting in &row.settings {
            let from = if setting.written { "file" } else { "default" };
            add(&setting.name, &setting.value, from);
        }
        for (name, value, written) in row.action.iter().flat_map(|action| limits(action)) {
            add(
                &format!("limit {name}"),
                &value,
                if written { "configuration" } else { "default" },
            );
        }
    }
    print_table(&mut table, &[]);
    Ok(Exit::Done)
}

/// Shows what two definitions do differently.
pub(crate) fn diff(station: &Station, manner: &Manner, arguments: &Diff) -> Outcome {
    let before = sound(station, &station.find_workflow(&arguments.before)?)?;
    let after = sound(station, &station.find_workflow(&arguments.after)?)?;
    let found = differences(&before, &after);
    if manner.json {
        print(serde_json::json!({ "differences": found }).to_string());
    } else if found.is_empty() {
        say("no difference: both do the same");
    } else {
        let mut table = table(["", "WHAT", "ATTRIBUTE", "BEFORE", "AFTER"]);
        for difference in &found {
            let cell = |text: &Option<String>| harmless(&crate::tree::cut(text.as_deref().unwrap_or_default(), 60));
            table.add_row([
                sign(difference).to_owned(),
                harmless(&difference.subject),
                cell(&difference.attribute),
                cell(&difference.before),
                cell(&difference.after),
            ]);
        }
        print_table(&mut table, &[]);
    }
    Ok(if arguments.exit_code && !found.is_empty() {
        Exit::RunFailed
    } else {
        Exit::Done
    })
}

fn sign(difference: &Difference) -> &'static str {
    match difference.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Moved => "moved",
        Change::Changed => "changed",
    }
}

/// Lists what a set of workflows uses.
pub(crate) async fn inventory(station: &Station, manner: &Manner, arguments: &Inventory) -> Outcome {
    let files = station.workflow_files(&arguments.files)?;
    if files.is_empty() {
        let failure = Failure::new(Exit::Usage, "there is no workflow to look at");
        return Err(failure.hint("name one: cofferdam inventory FILE.wf"));
    }
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    let catalog = plugins.catalog(station);
    let mut found = inventory::Inventory::default();
    let mut broken = false;
    for file in &files {
        let source = match source(station, file) {
            Ok(source) => source,
            Err(failure) if files.len() > 1 => {
                say(format!("warning: {:#}", failure.error));
                broken = true;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let (tree, diagnostics) = parse(source.text());
        if diagnostics.iter().any(Diagnostic::is_error) {
            say(format!(
                "warning: {} has errors: what it uses may be incomplete",
                source.name()
            ));
            broken = true;
        }
        found.add(&tree, &source, &catalog);
    }
    let grants = grants(station, &plugins, &found);
    if manner.json {
        let mut json = found.to_json();
        let list = grants
            .iter()
            .map(|((kind, path), actions)| serde_json::json!({ "kind": kind, "path": path, "actions": actions }));
        json["grants"] = list.collect();
        print(json.to_string());
    } else {
        show(&found, &grants);
    }
    Ok(if broken { Exit::Invalid } else { Exit::Done })
}

/// What actions ask for: kind and guest path, with the actions that do.
type Grants = BTreeMap<(String, Option<String>), BTreeSet<String>>;

fn grants(station: &Station, plugins: &Plugins, found: &inventory::Inventory) -> Grants {
    let mut grants = Grants::new();
    for (name, _) in found.of(Used::Actions) {
        let Some((plugin, action)) = name.split_once('.') else {
            continue;
        };
        let Some(plugin) = plugins.registry.plugin(plugin) else {
            continue;
        };
        let Some(action) = plugin.component.action(action) else {
            continue;
        };
        for need in station.grants(plugin, &action).needs {
            grants
                .entry((need.kind, need.path))
                .or_default()
                .insert(name.to_owned());
        }
    }
    grants
}

fn show(found: &inventory::Inventory, grants: &Grants) {
    let mut table = table(["KIND", "NAME", "USED BY"]);
    for kind in Used::ALL {
        let mut word = kind.word().replace('_', " ");
        for (name, places) in found.of(kind) {
            let places: Vec<String> = places
                .iter()
                .map(|place| format!("{}:{}", place.file, place.line))
                .collect();
            let name = harmless(&crate::tree::cut(name, 60));
            table.add_row([std::mem::take(&mut word), name, harmless(&few(&places))]);
        }
    }
    let mut word = "grants".to_owned();
    for ((kind, path), actions) in grants {
        let what = format!("{kind} {}", path.as_deref().unwrap_or_default());
        let actions: Vec<String> = actions.iter().cloned().collect();
        table.add_row([std::mem::take(&mut word), harmless(what.trim_end()), few(&actions)]);
    }
    print_table(&mut table, &[]);
}

/// Returns the first of `names`, and how many more there are.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 3;
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}
