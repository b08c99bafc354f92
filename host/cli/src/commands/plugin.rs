//! Looking at plugins and trying them: `plugin list`, `inspect`, `check`, `accept`, `install`, `remove`, `disable`, `sign`, `run`.

mod accept;
mod inspect;
mod life;
mod sign;
mod usage;

pub(crate) use accept::{accept, accept_what_was_built};
pub(crate) use inspect::inspect;
pub(crate) use life::{install, remove, switch};
pub(crate) use sign::{keygen, sign, verify};

use crate::arguments::{Manner, PluginCheck, PluginRun};
use crate::equipment::require_listed;
use crate::failure::{Exit, Failure, Outcome};
use crate::report::{Denial, Denied};
use crate::station::{Station, json};
use crate::table::{print_table, table};
use crate::talk::{GOOD, Sign, print, say, size};
use cofferdam_engine::Data;
use cofferdam_runtime::configuration::Standing;
use cofferdam_wasm::{
    Action, AttemptCall, AttemptInfo, Authority, CancelFlag, Component, Keys, LogLine, LogSource, Observer, Plugin,
    PluginSource, Progress, Registry, Resolution, Sandbox, Signatures, Verdict,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

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
    let signed = station.configuration.keys() != Keys::default();
    let mut titles = vec!["PLUGIN", "VERSION", "ACTIONS", "ASKS FOR", "GRANTED", "FROM"];
    titles.extend(signed.then_some("SIGNED BY"));
    let mut table = table(titles);
    for plugin in registry.plugins() {
        let (asks, granted) = asked(station, plugin);
        let from = match &plugin.source {
            PluginSource::BuiltIn => "built in".to_owned(),
            PluginSource::File(file) => station.short(file),
        };
        let granted = if asks.is_empty() {
            "-".to_owned()
        } else if is_unaccepted(station, plugin) {
            "none: not accepted".to_owned()
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
        let mut row = vec![plugin.name.clone(), version, actions, asks, granted, from];
        row.extend(signed.then(|| sign::signers(station, plugin)));
        table.add_row(row);
    }
    print_table(&mut table, &[]);
    if !crate::builtin::are_there() {
        say(
            "this binary was built without its plugins (fs, http, text, json, report): cargo xtask plugins, then build it again",
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
        let here = std::env::current_dir().map_or_else(|_| String::new(), |here| format!("{}/", here.display()));
        for (file, problem) in shown.iter().zip(registry.problems()) {
            // Other files are named as short as this one.
            let reason = problem.reason.replace(&here, "");
            print(format!("  {file:width$}   {reason}  ({})", problem.code));
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

/// Returns whether a plugin would have grants if its component were accepted.
fn is_unaccepted(station: &Station, plugin: &Plugin) -> bool {
    plugin.source != PluginSource::BuiltIn && matches!(standing(station, plugin), Standing::Unaccepted(_))
}

/// Returns whether a plugin from a file has its grants, and what for.
fn standing(station: &Station, plugin: &Plugin) -> Standing {
    let digest = plugin.component.digest();
    station.configuration.standing(&plugin.name, digest, &plugin.signatures)
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
                "retries": inspect::retries(descriptor),
                "dry_run": inspect::dry_run(descriptor),
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
        "signatures": sign::signatures_json(station, plugin),
        "actions": actions,
    })
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
        signatures: Signatures::beside(path),
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
                    cofferdam_runtime::provider(&plugin)
                ));
                inspect::show_plugin(station, &plugin, None);
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
pub(crate) async fn run(station: &Station, manner: &Manner, arguments: &PluginRun) -> Outcome {
    station.require_trust()?;
    let sandbox = station.sandbox()?;
    let params = params(&arguments.params)?;
    let (plugin, action) = resolve(station, &sandbox, arguments).await?;
    let from_file = (plugin.source != PluginSource::BuiltIn).then(|| (plugin.name.as_str(), plugin.component.digest()));
    require_listed(station, from_file.into_iter())?;
    sign::require(station, &plugin)?;
    let grants = station.grants(&plugin, &action);
    if let Some(unaccepted) = &grants.unaccepted {
        let message = unaccepted.to_string();
        if manner.json {
            print(failure_json("CF0621", "denied", &message, &Data::Null).to_string());
        }
        let failure = Failure::new(Exit::Invalid, message).code("CF0621");
        return Err(unaccepted.remedies().into_iter().fold(failure, Failure::hint));
    }
    let refusals: Vec<String> = grants.refusals().map(ToString::to_string).collect();
    if !refusals.is_empty() {
        if manner.json {
            print(failure_json("CF0610", "denied", &refusals.join("; "), &Data::Null).to_string());
        }
        return Err(Failure::new(Exit::Invalid, refusals.join("\n       ")).code("CF0610"));
    }
    let prepared = station.prepare(&plugin, action)?;
    let name = format!("{}.{}", plugin.name, prepared.action.descriptor().name);
    let listener = Arc::new(Listener::default());
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
        observer: Arc::clone(&listener) as Arc<dyn Observer>,
        cancel: CancelFlag::default(),
        authority: Authority::unlimited(),
    };
    let report = prepared.action.run(call).await;
    listener.finish(matches!(report.verdict, Verdict::Trapped(_)));
    if report.log.dropped > 0 {
        say(format!("{} dropped", crate::talk::counted(report.log.dropped, "line")));
    }
    let used = format!(
        "{:.1} ms cpu, {} of memory, {} out",
        report.usage.cpu.as_secs_f64() * 1e3,
        size(report.usage.memory),
        size(report.usage.output)
    );
    let fail = |code, class: &str, message: String, details: &Data| {
        if manner.json {
            print(failure_json(code, class, &message, details).to_string());
        }
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
        Verdict::GuestFailed(failure) => match report.denied.last() {
            Some(call) => {
                let denied = Denied {
                    call: call.call,
                    target: &call.target,
                    reason: &call.reason,
                };
                let denial = Denial::of(station, &plugin.name, denied, "the same command again");
                if manner.json {
                    print(failure_json("CF0610", "denied", &denial.title, &failure.details).to_string());
                }
                let mut said = Failure::new(Exit::RunFailed, denial.title).code("CF0610");
                for granted in denial.granted {
                    said = said.hint(format!("granted: {granted}"));
                }
                Err(said.hint(denial.next.join("\n          ")))
            }
            None => fail("CF0710", failure.class.word(), failure.message, &failure.details),
        },
        Verdict::Trapped(trap) => fail("CF0711", "trap", trap.message, &Data::Null),
        Verdict::LimitExceeded(limit) => fail("CF0712", "limit", limit.to_string(), &Data::Null),
        Verdict::TimedOut(timeout) => fail("CF0713", "timeout", timeout.to_string(), &Data::Null),
        Verdict::Cancelled => fail("CF0710", "cancelled", "it was stopped".to_owned(), &Data::Null),
        Verdict::HostFault(reason) => Err(Failure::new(Exit::Internal, reason)),
    }
}

/// Returns what `plugin run --json` prints of an action that failed.
fn failure_json(code: &str, class: &str, message: &str, details: &Data) -> serde_json::Value {
    serde_json::json!({ "error": { "code": code, "class": class, "message": message, "details": details } })
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

/// Says what the guest says. Lines of its standard error stream wait until it is known what they belong to: the
/// message of a panic is told by the verdict, and not a second time.
#[derive(Default)]
struct Listener {
    held: Mutex<Vec<LogLine>>,
}

impl Listener {
    /// Says the lines that were held back, up to a panic that the verdict tells of.
    fn finish(&self, trapped: bool) {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        for line in held {
            if trapped && line.message.contains(" panicked at ") {
                return;
            }
            say_line(&line);
        }
    }
}

fn say_line(line: &LogLine) {
    say(format!(
        "{}: {}",
        format!("{:?}", line.level).to_lowercase(),
        line.message
    ));
}

impl Observer for Listener {
    fn log(&self, line: LogLine) {
        if line.source == LogSource::Stderr {
            self.held.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        } else {
            self.finish(false);
            say_line(&line);
        }
    }

    fn progress(&self, progress: &Progress) {
        let total = progress.total.map(|total| format!(" of {total}")).unwrap_or_default();
        say(format!("progress: {}{total} {}", progress.done, progress.message));
    }
}
