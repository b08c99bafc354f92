//! What is a plugin, an action or a file, what may it touch, and who uses it: `plugin inspect`.

use super::usage::Usage;
use super::{from_file, plugin_json, sign};
use crate::arguments::{Manner, PluginInspect};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::{Plugins, Station};
use crate::table::{print_table, table};
use crate::talk::{DIM, STRONG, harmless, print, say, size};
use cofferdam_engine::Data;
use cofferdam_runtime::configuration::short_digest;
use cofferdam_wasm::{ActionDescriptor, LIMITS, Plugin, RetryDefault};
use std::path::Path;

/// Shows a plugin, an action or a file.
pub(crate) async fn inspect(station: &Station, manner: &Manner, arguments: &PluginInspect) -> Outcome {
    let sandbox = station.sandbox()?;
    let path = Path::new(&arguments.what);
    if path.extension().is_some_and(|extension| extension == "wasm") {
        let plugin = from_file(station, &sandbox, path).await?;
        say(format!("{} is not installed", station.short(path)));
        return shown(station, manner, &plugin, None, None).await;
    }
    let plugins = station.plugins(&sandbox).await?;
    let (name, action) = match arguments.what.split_once('.') {
        Some((plugin, action)) => (plugin, Some(action)),
        None => (arguments.what.as_str(), None),
    };
    match plugins.registry.plugin(name) {
        Some(plugin) => shown(station, manner, plugin, action, Some(&plugins)).await,
        None => Err(unknown_plugin(&plugins, name)),
    }
}

pub(super) fn unknown_plugin(plugins: &Plugins, name: &str) -> Failure {
    let names = plugins.registry.plugins().iter().map(|plugin| plugin.name.as_str());
    let failure = Failure::new(Exit::Usage, format!("there is no plugin `{name}`"));
    match cofferdam_dsl::did_you_mean(name, names) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("list them: cofferdam plugin list"),
    }
}

async fn shown(
    station: &Station,
    manner: &Manner,
    plugin: &Plugin,
    action: Option<&str>,
    installed: Option<&Plugins>,
) -> Outcome {
    if let Some(name) = action {
        let Some(descriptor) = plugin
            .component
            .actions()
            .iter()
            .find(|descriptor| descriptor.name == name)
        else {
            let names = plugin
                .component
                .actions()
                .iter()
                .map(|descriptor| descriptor.name.as_str());
            let failure = Failure::new(Exit::Usage, format!("`{}` has no action `{name}`", plugin.name));
            return Err(match cofferdam_dsl::did_you_mean(name, names.clone()) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("it has: {}", names.collect::<Vec<_>>().join(", "))),
            });
        };
        if manner.json {
            print(serde_json::json!({ "plugin": plugin.name, "action": descriptor.name, "summary": descriptor.summary, "params": descriptor.params, "output": descriptor.output, "examples": descriptor.examples }).to_string());
        } else {
            show_action(station, plugin, descriptor);
        }
        return Ok(Exit::Done);
    }
    if manner.json {
        print(plugin_json(station, plugin).to_string());
        return Ok(Exit::Done);
    }
    let usage = match installed {
        Some(plugins) => Some(Usage::of(station, plugins, &plugin.name).await?),
        None => None,
    };
    show_plugin(station, plugin, usage.as_ref());
    Ok(Exit::Done)
}

/// Prints what is known of a plugin; without `usage` it is one that is not installed.
pub(super) fn show_plugin(station: &Station, plugin: &Plugin, usage: Option<&Usage>) {
    let look = &station.look;
    let dot = if look.signs { "·" } else { "-" };
    print(format!(
        "{} {dot} cofferdam:plugin@0.1.0 {dot} {} {dot} {}",
        look.paint(STRONG, &cofferdam_runtime::provider(plugin)),
        short_digest(plugin.component.digest()),
        size(plugin.component.size())
    ));
    print("");
    print("actions");
    for descriptor in plugin.component.actions() {
        print(format!(
            "  {}.{:<20} {}",
            plugin.name,
            descriptor.name,
            harmless(&descriptor.summary)
        ));
        let names = |schema: &Option<Data>| {
            parameters(schema.as_ref())
                .into_iter()
                .map(|(name, required, ..)| if required { format!("{name}*") } else { name })
                .collect::<Vec<_>>()
                .join("  ")
        };
        print(look.paint(DIM, &format!("      params  {}", names(&descriptor.params))));
        let output = parameters(descriptor.output.as_ref())
            .into_iter()
            .map(|(name, ..)| name)
            .collect::<Vec<_>>()
            .join("  ");
        if !output.is_empty() {
            print(look.paint(DIM, &format!("      output  {output}")));
        }
        print(look.paint(
            DIM,
            &format!(
                "      retries {} {dot} dry run: {}",
                retries(descriptor),
                dry_run(descriptor)
            ),
        ));
    }
    print("");
    let mut table = table([
        "asks for ",
        if usage.is_some() { "granted" } else { "would be granted" },
        "where",
    ]);
    let mut refused = Vec::new();
    let mut unaccepted = None;
    let mut seen = std::collections::BTreeSet::new();
    for descriptor in plugin.component.actions() {
        let Some(action) = plugin.component.action(&descriptor.name) else {
            continue;
        };
        let grants = station.grants(plugin, &action);
        unaccepted = unaccepted.or(grants.unaccepted);
        for need in grants.needs {
            if !seen.insert(need.kind.clone()) {
                continue;
            }
            for granted in &need.granted {
                table.add_row([
                    need.kind.clone(),
                    granted.thing.shown(|path| station.short(path)),
                    granted.source.to_string(),
                ]);
            }
            if let Some(refusal) = need.refused {
                table.add_row([need.kind.as_str(), "refused", ""]);
                refused.push(refusal);
            }
        }
    }
    if seen.is_empty() {
        print("asks for    nothing");
    } else {
        print_table(&mut table, &[]);
    }
    if let Some(unaccepted) = unaccepted {
        print(format!("  {unaccepted}"));
        for remedy in unaccepted.remedies().into_iter().skip(1) {
            print(format!("  {remedy}"));
        }
        refused.clear();
    }
    for refusal in refused {
        print(format!("  {}", refusal.message));
        if let (Some(place), Some(line)) = (refusal.place, refusal.line) {
            print(format!("  to grant it, add to {place}:\n      {line}"));
        }
    }
    print("");
    let limits = station.configuration.limits_for(&plugin.name);
    let limits: Vec<String> = LIMITS
        .iter()
        .map(|row| format!("{} {}", row.setting, row.display(limits.get(row.name))))
        .collect();
    print(format!("limits      {}", limits.join("  ")));
    let packages: std::collections::BTreeSet<&str> = plugin
        .component
        .imports()
        .iter()
        .map(|import| import.split('/').next().unwrap_or(import))
        .collect();
    for line in sign::shown(station, plugin) {
        print(line);
    }
    print(format!(
        "imports     {}   (an import is not a permission)",
        packages.into_iter().collect::<Vec<_>>().join(", ")
    ));
    if let Some(usage) = usage {
        usage.show(dot);
    }
}

/// Returns what of an action is tried again when a workflow says nothing.
pub(super) fn retries(descriptor: &ActionDescriptor) -> &'static str {
    match descriptor.retry {
        RetryDefault::Never => "nothing",
        RetryDefault::Transient => "transient",
    }
}

/// Returns what a dry run does with an action.
pub(super) fn dry_run(descriptor: &ActionDescriptor) -> &'static str {
    if descriptor.dry_run_aware {
        "aware"
    } else {
        "not entered"
    }
}

fn show_action(station: &Station, plugin: &Plugin, descriptor: &ActionDescriptor) {
    let look = &station.look;
    print(format!(
        "{}   {}",
        look.paint(STRONG, &format!("{}.{}", plugin.name, descriptor.name)),
        harmless(&descriptor.summary)
    ));
    for (heading, schema) in [("params", &descriptor.params), ("output", &descriptor.output)] {
        let fields = parameters(schema.as_ref());
        if fields.is_empty() {
            continue;
        }
        print("");
        let mut table = table([heading, "kind", "", ""]);
        for (name, required, kind, description) in fields {
            let needed = if required && heading == "params" {
                "required"
            } else {
                ""
            };
            table.add_row([name.as_str(), kind.as_str(), needed, &harmless(&description)]);
        }
        print_table(&mut table, &[]);
    }
    print("");
    print(format!("retries  {}", retries(descriptor)));
    print(format!("dry run  {}", dry_run(descriptor)));
    print("");
    print("example");
    for line in example_call(&plugin.name, descriptor) {
        print(format!("  {line}"));
    }
}

/// Returns a call as it stands in a workflow, with the parameters of the plugin's own example.
fn example_call(plugin: &str, descriptor: &ActionDescriptor) -> Vec<String> {
    let example = descriptor.examples.first().and_then(|example| example.get("params"));
    let given: Vec<(String, String)> = match example {
        Some(Data::Map(values)) => values
            .iter()
            .map(|(name, value)| (name.to_string(), harmless(&value.to_json())))
            .collect(),
        _ => parameters(descriptor.params.as_ref())
            .into_iter()
            .filter(|(_, required, ..)| *required)
            .map(|(name, _, kind, _)| (name, format!("..  // {kind}")))
            .collect(),
    };
    let name = &descriptor.name;
    let mut lines = vec![format!("call {name} {{"), format!("  use = {plugin}.{name}")];
    if !given.is_empty() {
        lines.push("  params {".to_owned());
        let width = given.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        lines.extend(given.iter().map(|(name, value)| format!("    {name:width$} = {value}")));
        lines.push("  }".to_owned());
    }
    lines.push("}".to_owned());
    lines
}

/// Returns the fields of a JSON Schema of an object: name, whether required, kind, description.
fn parameters(schema: Option<&Data>) -> Vec<(String, bool, String, String)> {
    let Some(schema) = schema else { return Vec::new() };
    let required: Vec<&str> = match schema.get("required") {
        Some(Data::List(names)) => names.iter().filter_map(Data::as_text).collect(),
        _ => Vec::new(),
    };
    let Some(Data::Map(properties)) = schema.get("properties") else {
        return Vec::new();
    };
    properties
        .iter()
        .map(|(name, property)| {
            let kind = match property.get("type") {
                Some(Data::Text(kind)) => kind.to_string(),
                Some(Data::List(kinds)) => kinds
                    .iter()
                    .filter_map(Data::as_text)
                    .filter(|kind| *kind != "null")
                    .collect::<Vec<_>>()
                    .join(" or "),
                _ => "any".to_owned(),
            };
            let description = property
                .get("description")
                .and_then(Data::as_text)
                .unwrap_or_default()
                .to_owned();
            (name.to_string(), required.contains(&&**name), kind, description)
        })
        .collect()
}
