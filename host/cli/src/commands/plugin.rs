//! Looking at plugins and trying them: `plugin list`, `inspect`, `check`, `run`.

use super::among_guests;
use crate::arguments::{Manner, PluginCheck, PluginInspect, PluginRun};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::{Plugins, Station, json, provider};
use crate::table::{print_table, table};
use crate::talk::{DIM, GOOD, STRONG, Sign, harmless, print, say, size};
use cofferdam_engine::Data;
use cofferdam_wasm::{
    Action, ActionDescriptor, AttemptCall, AttemptInfo, CancelFlag, Component, LIMITS, LogLine, Observer, Plugin,
    PluginSource, Progress, Registry, Resolution, Sandbox, Verdict,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The longest parameters, in bytes.
const MAX_PARAMS: usize = 8 << 20;

/// Lists plugins.
pub(crate) async fn list(station: &Station, manner: &Manner) -> Outcome {
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    let registry = &plugins.registry;
    if manner.json {
        let shown: Vec<serde_json::Value> = registry
            .plugins()
            .iter()
            .map(|plugin| plugin_json(station, plugin))
            .collect();
        let problems: Vec<serde_json::Value> = registry
            .problems()
            .iter()
            .map(|problem| serde_json::json!({ "file": problem.file, "code": problem.code, "reason": problem.reason, "remedy": problem.remedy }))
            .collect();
        print(serde_json::json!({ "plugins": shown, "problems": problems }).to_string());
        return Ok(Exit::Done);
    }
    let mut table = table(["PLUGIN", "VERSION", "ACTIONS", "ASKS FOR", "GRANTED", "FROM"]);
    for plugin in registry.plugins() {
        let (asks, granted) = asked(station, plugin);
        let from = match &plugin.source {
            PluginSource::BuiltIn => "built in".to_owned(),
            PluginSource::File(file) => station.short(file),
        };
        let granted = if asks.is_empty() {
            "-".to_owned()
        } else {
            format!("{granted} of {}", asks.len())
        };
        let asks = if asks.is_empty() {
            "-".to_owned()
        } else {
            asks.join(", ")
        };
        let actions = plugin.component.actions().len().to_string();
        let version = plugin.version.clone().unwrap_or_else(|| "-".to_owned());
        table.add_row([plugin.name.clone(), version, actions, asks, granted, from]);
    }
    print_table(&mut table, &[]);
    if !crate::builtin::are_there() {
        say(
            "this binary was built without its plugins (fs, text, json, report): cargo xtask plugins, then build it again",
        );
    }
    if !registry.problems().is_empty() {
        print("");
        print("not loaded");
        let shown: Vec<String> = registry
            .problems()
            .iter()
            .map(|problem| station.short(&problem.file))
            .collect();
        let width = shown.iter().map(|file| file.chars().count()).max().unwrap_or(0);
        for (file, problem) in shown.iter().zip(registry.problems()) {
            print(format!("  {file:width$}   {}  ({})", problem.reason, problem.code));
        }
    }
    Ok(Exit::Done)
}

/// Returns what the actions of a plugin ask for, each kind once, and how many of these are granted to all that ask.
fn asked(station: &Station, plugin: &Plugin) -> (Vec<String>, usize) {
    let mut kinds: BTreeMap<String, bool> = BTreeMap::new();
    for descriptor in plugin.component.actions() {
        let Some(action) = plugin.component.action(&descriptor.name) else {
            continue;
        };
        for need in station.grants(plugin, &action).needs {
            let granted = kinds.entry(need.kind).or_insert(true);
            *granted &= need.refused.is_none();
        }
    }
    let granted = kinds.values().filter(|granted| **granted).count();
    (kinds.into_keys().collect(), granted)
}

fn plugin_json(station: &Station, plugin: &Plugin) -> serde_json::Value {
    let actions: Vec<serde_json::Value> = plugin
        .component
        .actions()
        .iter()
        .map(|descriptor| {
            let grants = plugin
                .component
                .action(&descriptor.name)
                .map(|action| station.grants(plugin, &action));
            serde_json::json!({
                "name": descriptor.name,
                "summary": descriptor.summary,
                "params": descriptor.params,
                "output": descriptor.output,
                "dry_run": if descriptor.dry_run_aware { "aware" } else { "not entered" },
                "grants": grants,
            })
        })
        .collect();
    serde_json::json!({
        "name": plugin.name,
        "version": plugin.version,
        "digest": plugin.component.digest(),
        "size": plugin.component.size(),
        "from": match &plugin.source { PluginSource::BuiltIn => "built in".to_owned(), PluginSource::File(file) => file.display().to_string() },
        "imports": plugin.component.imports(),
        "actions": actions,
    })
}

/// Shows a plugin, an action or a file.
pub(crate) async fn inspect(station: &Station, manner: &Manner, arguments: &PluginInspect) -> Outcome {
    let sandbox = station.sandbox()?;
    let path = Path::new(&arguments.what);
    if path.extension().is_some_and(|extension| extension == "wasm") {
        let plugin = from_file(station, &sandbox, path).await?;
        say(format!(
            "{} is not installed: this is what would be granted to it",
            station.short(path)
        ));
        return shown(station, manner, &plugin, None);
    }
    let plugins = station.plugins(&sandbox).await?;
    let (name, action) = match arguments.what.split_once('.') {
        Some((plugin, action)) => (plugin, Some(action)),
        None => (arguments.what.as_str(), None),
    };
    match plugins.registry.plugin(name) {
        Some(plugin) => shown(station, manner, plugin, action),
        None => Err(unknown_plugin(&plugins, name)),
    }
}

fn unknown_plugin(plugins: &Plugins, name: &str) -> Failure {
    let names = plugins.registry.plugins().iter().map(|plugin| plugin.name.as_str());
    let failure = Failure::new(Exit::Usage, format!("there is no plugin `{name}`"));
    match cofferdam_dsl::did_you_mean(name, names) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("list them: cofferdam plugin list"),
    }
}

fn shown(station: &Station, manner: &Manner, plugin: &Plugin, action: Option<&str>) -> Outcome {
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
    } else {
        show_plugin(station, plugin);
    }
    Ok(Exit::Done)
}

fn show_plugin(station: &Station, plugin: &Plugin) {
    let look = &station.look;
    let dot = if look.signs { "·" } else { "-" };
    let digest = plugin.component.digest().to_hex();
    print(format!(
        "{} {dot} cofferdam:plugin@0.1.0 {dot} sha256:{}…{} {dot} {}",
        look.paint(STRONG, &provider(plugin)),
        &digest[..4],
        &digest[60..],
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
    }
    print("");
    let mut table = table(["asks for ", "granted", "where"]);
    let mut refused = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for descriptor in plugin.component.actions() {
        let Some(action) = plugin.component.action(&descriptor.name) else {
            continue;
        };
        for need in station.grants(plugin, &action).needs {
            if !seen.insert(need.kind.clone()) {
                continue;
            }
            for granted in &need.granted {
                table.add_row([
                    need.kind.clone(),
                    format!("{}  {}", granted.guest, station.short(&granted.host)),
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
    print(format!(
        "imports     {}   (an import is not a permission)",
        packages.into_iter().collect::<Vec<_>>().join(", ")
    ));
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
    if let Some(example) = descriptor.examples.first() {
        print("");
        print("example");
        print(format!("  {}", harmless(&example.to_json())));
    }
    let required: Vec<String> = parameters(descriptor.params.as_ref())
        .into_iter()
        .filter(|(_, required, ..)| *required)
        .map(|(name, ..)| format!("{name} = .."))
        .collect();
    print("");
    print(format!(
        "  call {}.{} {{ params {{ {} }} }}",
        plugin.name,
        descriptor.name,
        required.join("  ")
    ));
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

/// Loads a component from a file that is not installed.
pub(crate) async fn from_file(station: &Station, sandbox: &Sandbox, path: &Path) -> Result<Plugin, Failure> {
    let shown = station.short(path);
    let bytes =
        read_component(path).map_err(|error| Failure::new(Exit::Usage, format!("cannot read `{shown}`: {error}")))?;
    let component: Arc<Component> = sandbox
        .load(bytes.into())
        .await
        .map_err(|error| Failure::new(Exit::Invalid, format!("{shown}: {error}")).code(error.code()))?;
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
        .replace('_', "-");
    Ok(Plugin {
        name,
        version: component.version().map(str::to_owned),
        source: PluginSource::File(path.to_owned()),
        component,
    })
}

/// Reads a component; what cannot be one, because it is no file or far too large, is not read.
fn read_component(path: &Path) -> std::io::Result<Vec<u8>> {
    /// More than the largest component that is ever loaded; the sandbox says the exact limit.
    const MOST: u64 = 256 << 20;
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    if metadata.len() > MOST {
        return Err(std::io::Error::other(format!(
            "it has {} bytes, which no component has",
            metadata.len()
        )));
    }
    std::fs::read(path)
}

/// Says whether files can be used.
pub(crate) async fn check(station: &Station, manner: &Manner, arguments: &PluginCheck) -> Outcome {
    let sandbox = station.sandbox()?;
    let mut refused = false;
    for file in &arguments.files {
        match from_file(station, &sandbox, file).await {
            Ok(plugin) if manner.json => print(plugin_json(station, &plugin).to_string()),
            Ok(plugin) => {
                let sign = station.look.paint(GOOD, station.look.sign(Sign::Ok));
                say(format!(
                    "{sign} {}: {} can be used",
                    station.short(file),
                    provider(&plugin)
                ));
                show_plugin(station, &plugin);
            }
            Err(failure) if arguments.files.len() == 1 => return Err(failure),
            Err(failure) => {
                refused = true;
                crate::complain(&failure, &station.look);
            }
        }
    }
    Ok(if refused { Exit::Invalid } else { Exit::Done })
}

/// Runs one action.
pub(crate) async fn run(station: &Station, manner: &Manner, arguments: &PluginRun, guests: Handle) -> Outcome {
    station.require_trust()?;
    let sandbox = station.sandbox()?;
    let params = params(&arguments.params)?;
    let (plugin, action) = resolve(station, &sandbox, arguments).await?;
    let refusals: Vec<String> = station
        .grants(&plugin, &action)
        .refusals()
        .map(ToString::to_string)
        .collect();
    if !refusals.is_empty() {
        return Err(Failure::new(Exit::Invalid, refusals.join("\n       ")).code("CF0610"));
    }
    let prepared = station.prepare(&plugin, action)?;
    let name = format!("{}.{}", plugin.name, prepared.action.descriptor().name);
    let call = AttemptCall {
        params,
        attempt: AttemptInfo {
            run: "plugin-run".to_owned(),
            workflow: "plugin-run".to_owned(),
            step: name.clone(),
            number: 1,
            delivery: 1,
            token: uuid::Uuid::now_v7().simple().to_string(),
            ..AttemptInfo::default()
        },
        grants: prepared.grants,
        settings: prepared.settings,
        limits: prepared.limits.clone(),
        observer: Arc::new(Listener),
        cancel: CancelFlag::default(),
    };
    let action = prepared.action;
    let report = among_guests(&guests, async move { action.run(call).await }).await?;
    let used = format!(
        "{:.1} ms cpu, {} of memory, {} out",
        report.usage.cpu.as_secs_f64() * 1e3,
        size(report.usage.memory),
        size(report.usage.output)
    );
    for call in &report.denied {
        say(format!(
            "denied: {} {}: {}",
            call.call,
            harmless(&call.target),
            call.reason
        ));
    }
    let fail = |code, class: &str, message: String| {
        let failure = Failure::new(Exit::RunFailed, format!("{name}: {message}")).code(code);
        Err(failure.hint(format!("class `{class}`, {used}")))
    };
    match report.verdict {
        Verdict::Completed(outcome) => {
            if manner.json {
                print(serde_json::json!({ "output": outcome.output, "markers": outcome.markers, "context": outcome.context }).to_string());
            } else {
                print(
                    serde_json::to_string_pretty(&json(&outcome.output))
                        .map_err(|error| Failure::of(Exit::Internal, error))?,
                );
            }
            say(used);
            Ok(Exit::Done)
        }
        Verdict::GuestFailed(failure) => fail("CF0710", failure.class.word(), failure.message),
        Verdict::Trapped(trap) => {
            if !trap.stderr.trim().is_empty() {
                say(trap.stderr.trim_end());
            }
            fail("CF0711", "trap", trap.message)
        }
        Verdict::LimitExceeded(limit) => fail("CF0712", "limit", limit.to_string()),
        Verdict::TimedOut(timeout) => fail("CF0713", "timeout", timeout.to_string()),
        Verdict::Cancelled => fail("CF0710", "cancelled", "it was stopped".to_owned()),
        Verdict::HostFault(reason) => Err(Failure::new(Exit::Internal, reason)),
    }
}

async fn resolve(station: &Station, sandbox: &Sandbox, arguments: &PluginRun) -> Result<(Plugin, Action), Failure> {
    let path = Path::new(&arguments.action);
    if path.extension().is_some_and(|extension| extension == "wasm") {
        let plugin = from_file(station, sandbox, path).await?;
        let wanted = arguments.of_file.as_deref();
        let names: Vec<&str> = plugin
            .component
            .actions()
            .iter()
            .map(|action| action.name.as_str())
            .collect();
        let name = match (wanted, names.as_slice()) {
            (Some(wanted), _) => wanted,
            (None, [only]) => only,
            (None, _) => {
                return Err(Failure::new(Exit::Usage, "the file has several actions")
                    .hint(format!("name one of: {}", names.join(", "))));
            }
        };
        let action = plugin.component.action(name).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("the file has no action `{name}`"))
                .hint(format!("it has: {}", names.join(", ")))
        })?;
        return Ok((plugin, action));
    }
    let plugins = station.plugins(sandbox).await?;
    station.warn_of_problems(&plugins);
    found(&plugins.registry, &arguments.action)
}

fn found(registry: &Registry, wanted: &str) -> Result<(Plugin, Action), Failure> {
    match registry.resolve(wanted) {
        Resolution::Found { name, action } => {
            let plugin = name
                .split('.')
                .next()
                .and_then(|plugin| registry.plugin(plugin))
                .cloned();
            let plugin = plugin.ok_or_else(|| Failure::new(Exit::Internal, format!("`{name}` has no plugin")))?;
            Ok((plugin, action))
        }
        Resolution::Ambiguous { candidates } => {
            Err(Failure::new(Exit::Usage, format!("several plugins have `{wanted}`"))
                .hint(format!("one of: {}", candidates.join(", "))))
        }
        Resolution::Unknown { near } => {
            let failure = Failure::new(Exit::Usage, format!("there is no action `{wanted}`"));
            Err(match near.first() {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("list them: cofferdam plugin list"),
            })
        }
    }
}

fn params(text: &str) -> Result<Data, Failure> {
    let read;
    let text = match text.strip_prefix('@') {
        Some(path) => {
            read = std::fs::read_to_string(path)
                .map_err(|error| Failure::new(Exit::Usage, format!("cannot read `{path}`: {error}")))?;
            read.as_str()
        }
        None => text,
    };
    let params = Data::from_json(text, MAX_PARAMS)
        .map_err(|error| Failure::new(Exit::Usage, format!("the parameters are {error}")))?;
    if matches!(params, Data::Map(_)) {
        Ok(params)
    } else {
        Err(Failure::new(
            Exit::Usage,
            format!("the parameters are one JSON object, {} was given", params.kind()),
        ))
    }
}

/// Says what the guest says.
struct Listener;

impl Observer for Listener {
    fn log(&self, line: LogLine) {
        say(format!(
            "{}: {}",
            format!("{:?}", line.level).to_lowercase(),
            line.message
        ));
    }

    fn progress(&self, progress: &Progress) {
        let total = progress.total.map(|total| format!(" of {total}")).unwrap_or_default();
        say(format!("progress: {}{total} {}", progress.done, progress.message));
    }
}
