//! What this host may do: `init`, `trust`, `grants`, `config`.

use crate::arguments::{ConfigShow, Grants, Init, Manner, Trust};
use crate::failure::{Exit, Failure, Outcome};
use crate::mouth::utter;
use crate::station::{Station, maker, show_problems, trust_store};
use crate::table::{print_table, table};
use crate::talk::{DIM, STRONG, harmless, print, say};
use cofferdam_engine::{RunId, RunStatus, Timestamp};
use cofferdam_runtime::configuration::{Granted, Source, Trusted, WorkflowSection, template};
use cofferdam_store::RunFilter;
use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Writes a configuration to start from.
pub(crate) fn init(arguments: &Init) -> Outcome {
    let directory = &arguments.directory;
    std::fs::create_dir_all(directory).map_err(|error| Failure::of(Exit::Usage, error))?;
    let file = match directory.strip_prefix(".") {
        Ok(within) => within.join("cofferdam.toml"),
        Err(_) => directory.join("cofferdam.toml"),
    };
    let name = directory
        .canonicalize()
        .ok()
        .and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "project".to_owned());
    let created = std::fs::OpenOptions::new().write(true).create_new(true).open(&file);
    let mut created = match created {
        Ok(created) => created,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let failure = Failure::new(
                Exit::Refused,
                format!("`{}` is there already; it was not touched", file.display()),
            );
            return Err(failure.hint("look at what applies: cofferdam config show"));
        }
        Err(error) => {
            return Err(Failure::new(
                Exit::Usage,
                format!("cannot write `{}`: {error}", file.display()),
            ));
        }
    };
    created
        .write_all(template(&name).as_bytes())
        .map_err(|error| Failure::of(Exit::Usage, error))?;
    say(format!("wrote {}", file.display()));
    say("  cofferdam config check      validates it");
    say("  cofferdam grants            shows who may touch what");
    Ok(Exit::Done)
}

/// Lets the project's configuration grant what it asks for.
pub(crate) async fn trust(station: &Station, manner: &Manner, arguments: &Trust) -> Outcome {
    let store = trust_store()?;
    let failed = |error| Failure::of(Exit::Invalid, error);
    if arguments.forget {
        let known = store.forget(&station.configuration).map_err(failed)?;
        say(if known {
            "the project is no longer trusted"
        } else {
            "the project was not trusted"
        });
        return Ok(Exit::Done);
    }
    let asks = store.asks(&station.configuration).map_err(failed)?;
    if asks.is_empty() {
        say("this project asks for nothing that needs trust");
        return Ok(Exit::Done);
    }
    if store
        .check(&station.configuration)
        .is_ok_and(|trusted| trusted == Trusted::Given)
    {
        say("this project is trusted already, as it is");
        return Ok(Exit::Done);
    }
    say("this project wants:");
    for ask in &asks {
        say(format!("  {}   {}", ask.what, station.look.paint(DIM, &ask.at)));
    }
    warn_of_runs(station).await;
    if !arguments.yes && !agreed("Grant all of it?")? {
        return Err(Failure::new(Exit::Refused, "not trusted").hint("without a terminal: cofferdam trust --yes"));
    }
    let change = store.trust(&station.configuration).map_err(failed)?;
    if manner.json {
        print(serde_json::to_string(&change).map_err(|error| Failure::of(Exit::Internal, error))?);
    } else {
        say("trusted: this very file; a changed one is asked about again");
    }
    Ok(Exit::Done)
}

/// Says what else would have what is granted: runs that may have come with the project, as its files did.
async fn warn_of_runs(station: &Station) {
    const COUNTED: usize = 1_000;
    let path = station.configuration.state_path();
    if !path.exists() {
        return;
    }
    let state = station.short(path);
    let open = RunStatus::ALL.into_iter().filter(|status| !status.is_final());
    let filter = RunFilter {
        statuses: open.collect(),
        limit: COUNTED,
        ..RunFilter::default()
    };
    let failed = |error| Failure::of(Exit::Invalid, error);
    let found = async {
        let log = station.log()?;
        let listed = log.runs(filter).await.map_err(failed)?;
        // What a host at work would take up, whatever a list says of it.
        let due = log
            .claimable(Timestamp::from_millis(i64::MAX), COUNTED)
            .await
            .map_err(failed)?;
        let mut runs: BTreeSet<RunId> = listed.iter().map(|run| run.id).collect();
        runs.extend(due.iter().map(|runnable| runnable.run));
        Ok::<usize, Failure>(runs.len().min(COUNTED))
    };
    let runs = match found.await {
        Ok(runs) => runs,
        Err(failure) => {
            say(format!(
                "its state, {state}, cannot be read ({}); it may hold runs that go on with all of this",
                harmless(&failure.error.to_string())
            ));
            return;
        }
    };
    let count = match runs {
        0 => return,
        1 => "1 run that has not ended: it goes".to_owned(),
        COUNTED => format!("{COUNTED} runs or more that have not ended: they go"),
        count => format!("{count} runs that have not ended: they go"),
    };
    say(format!("its state, {state}, has {count} on with all of this"));
    say("  cofferdam runs              lists them; whoever gave you the project may have begun them");
}

/// Asks whoever sits at the terminal; nobody is a no.
pub(crate) fn agreed(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    // A question belongs on the line of its answer.
    utter(format!("{question} [y/N] ").into_bytes());
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::of(Exit::Usage, error))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Shows who may touch what.
pub(crate) async fn grants(station: &Station, manner: &Manner, arguments: &Grants) -> Outcome {
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    if let Some(name) = &arguments.plugin
        && plugins.registry.plugin(name).is_none()
    {
        let names = plugins.registry.plugins().iter().map(|plugin| plugin.name.as_str());
        let failure = Failure::new(Exit::Usage, format!("there is no plugin `{name}`"));
        return Err(match cofferdam_dsl::did_you_mean(name, names) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("list them: cofferdam plugin list"),
        });
    }
    let narrowed: Vec<&WorkflowSection> = station
        .configuration
        .workflow_sections()
        .iter()
        .filter(|section| {
            arguments
                .workflow
                .as_deref()
                .is_some_and(|name| section.workflows.matches(name))
        })
        .collect();
    let wanted = |name: &str| arguments.plugin.as_deref().is_none_or(|wanted| wanted == name);
    let mut rows = Vec::new();
    for plugin in plugins.registry.plugins().iter().filter(|plugin| wanted(&plugin.name)) {
        for descriptor in plugin.component.actions() {
            let Some(action) = plugin.component.action(&descriptor.name) else {
                continue;
            };
            let workflow = arguments.workflow.as_deref();
            rows.push((
                format!("{}.{}", plugin.name, descriptor.name),
                station.grants_as(workflow, &plugin.name, maker(plugin), &action),
            ));
        }
    }
    if manner.json {
        let shown: Vec<serde_json::Value> = rows
            .iter()
            .map(|(action, grants)| serde_json::json!({ "action": action, "grants": grants }))
            .collect();
        let narrowed: Vec<String> = narrowed.iter().map(|section| section.shown()).collect();
        print(serde_json::json!({ "actions": shown, "narrowed": narrowed }).to_string());
        return Ok(Exit::Done);
    }
    let mut table = table(["ACTION", "ASKS FOR", "GRANTED", "WHERE"]);
    let mut lines = Vec::new();
    for (action, grants) in &rows {
        if grants.needs.is_empty() {
            table.add_row([action.as_str(), "-", "-", ""]);
        }
        if let Some(unaccepted) = &grants.unaccepted {
            let line = [vec![unaccepted.to_string()], unaccepted.remedies()]
                .concat()
                .join("\n    ");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        for need in &grants.needs {
            let granted: Vec<String> = need
                .granted
                .iter()
                .map(|granted| granted.thing.shown(|path| station.short(path)))
                .collect();
            let mut places: Vec<String> = need.granted.iter().map(place).collect();
            places.dedup();
            let granted = if granted.is_empty() {
                "refused".to_owned()
            } else {
                granted.join(", ")
            };
            table.add_row([action.as_str(), &need.kind, &granted, &places.join(", ")]);
            if let Some(refusal) = &need.refused {
                let line = match (&refusal.place, &refusal.line) {
                    (Some(place), Some(line)) => {
                        format!("{}; to grant it, add to {place}:\n    {line}", refusal.message)
                    }
                    // What to do about a component that is not accepted is said once.
                    _ if grants.unaccepted.is_some() => continue,
                    _ => refusal.message.clone(),
                };
                // The actions of a plugin ask for much the same.
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
    }
    print_table(&mut table, &[]);
    for line in lines {
        say(line);
    }
    if let Some(workflow) = &arguments.workflow {
        say(match narrowed.as_slice() {
            [] => format!("nothing is taken away from `{workflow}`: no [workflows] section means it"),
            sections => {
                let shown: Vec<String> = sections.iter().map(|section| section.shown()).collect();
                format!("`{workflow}` is given less by {}", shown.join(" and by "))
            }
        });
    }
    Ok(Exit::Done)
}

/// Returns who allows something, and who leaves less of it.
fn place(granted: &Granted) -> String {
    match &granted.narrowed {
        Some(by) => format!("{}, less by {by}", granted.source),
        None => granted.source.to_string(),
    }
}

/// Says everything that is wrong with the configuration. Reading it has been done already.
pub(crate) async fn check(station: &Station, manner: &Manner) -> Outcome {
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    let names: Vec<&str> = plugins
        .registry
        .plugins()
        .iter()
        .map(|plugin| plugin.name.as_str())
        .collect();
    let problems = station.configuration.check_plugins(names.iter().copied());
    if !problems.is_empty() {
        return Err(show_problems(&problems, &station.look));
    }
    station.warn_of_problems(&plugins);
    let workflows = station.workflows();
    let sections = station.configuration.workflow_sections().iter();
    for section in sections.filter(|section| !workflows.keys().any(|name| section.workflows.matches(name))) {
        // It may mean one that is run by its path.
        say(format!(
            "note: {} means no workflow of a workflow directory",
            section.shown()
        ));
    }
    let file = station.configuration.project().file().map(|file| station.short(file));
    if manner.json {
        print(serde_json::json!({ "file": file, "problems": [] }).to_string());
    } else {
        match file {
            Some(file) => say(format!("{file}: no problems")),
            None => say("there is no cofferdam.toml; the built-in defaults apply (cofferdam config show --effective)"),
        }
    }
    Ok(Exit::Done)
}

/// Prints the configuration that applies.
pub(crate) fn show(station: &Station, manner: &Manner, arguments: &ConfigShow) -> Outcome {
    let said = |source: &Source| arguments.effective || matches!(source, Source::File { .. } | Source::CommandLine);
    let settings: Vec<_> = station
        .configuration
        .settings()
        .into_iter()
        .filter(|setting| said(&setting.source))
        .collect();
    if manner.json {
        print(serde_json::json!({ "settings": settings }).to_string());
        return Ok(Exit::Done);
    }
    if settings.is_empty() {
        say("nothing is set; --effective prints every default that applies");
    }
    let mut section = None;
    let width = settings
        .iter()
        .map(|setting| setting.key.len() + setting.value.len() + 3)
        .max()
        .unwrap_or(0)
        .min(60);
    for setting in &settings {
        if section != Some(&setting.section) {
            if section.is_some() {
                print("");
            }
            if !setting.section.is_empty() {
                print(station.look.paint(STRONG, &format!("[{}]", setting.section)));
            }
            section = Some(&setting.section);
        }
        let pair = format!("{} = {}", setting.key, setting.value);
        let maximum = setting
            .maximum
            .as_ref()
            .map(|maximum| format!(", at most {maximum}"))
            .unwrap_or_default();
        let comment = format!("# {}{maximum}", setting.source);
        print(format!("{pair:width$}  {}", station.look.paint(DIM, &comment)));
    }
    Ok(Exit::Done)
}
