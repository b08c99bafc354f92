//! `cofferdam run`: checks a workflow, starts a run of it, and drives it to its end.

use super::drive::{Scene, shortest};
use super::started_before::{self, Started};
use crate::arguments::{Manner, Run as Arguments};
use crate::builtin;
use crate::diagnostics::draw;
use crate::equipment::Equipment;
use crate::failure::{Exit, Failure, Outcome, not_driven};
use crate::inputs::{inputs, variables};
use crate::progress::RunProgress;
use crate::station::Station;
use crate::talk::{Look, counted, print, say};
use crate::tree::heading;
use crate::watch::Watcher;
use cofferdam_dsl::{Compiled, Severity, compile};
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Digest, RunId};
use cofferdam_runtime::{DriveError, Driven, Host, Request, Unobserved};
use cofferdam_store::{Definition, RunLog, StoreError};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Runs a workflow.
pub(crate) async fn run(station: &Station, manner: &Manner, arguments: &Arguments) -> Outcome {
    let file = station.find_workflow(&arguments.workflow)?;
    let shown = station.short(&file);
    let text = read(&file, &shown)?;
    station.require_trust()?;
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    station.warn_of_problems(&plugins);
    let injected_by_host = station
        .configuration
        .variables()
        .map(|(name, value)| (name.to_owned(), value.to_display()));
    let mut injected: std::collections::BTreeMap<String, String> = injected_by_host.collect();
    injected.extend(variables(&arguments.var)?);
    let options = station.options(arguments.strict, injected.keys().cloned());
    let compiled = compile(&text, &shown, &plugins.catalog(station), &options);
    let plan = Arc::new(accepted(compiled, &station.look, manner)?);
    let inputs = inputs(&plan.parts().inputs, &arguments.input, arguments.input_file.as_deref())?;
    let id = RunId::from_bits(uuid::Uuid::now_v7().as_u128());
    let equipment = Equipment::of(station, &sandbox, &plugins, &plan, &id.to_string()).await?;
    equipment.require_locked(station)?;
    equipment.require_grants(station, &plan, "nothing was started")?;
    let executor = equipment.executor(station, &plan)?;
    let log = station.log()?;
    equipment.keep(station)?;
    let attempts = u32::try_from(station.configuration.attempts()).unwrap_or(u32::MAX);
    let host = Host::new(Arc::clone(&log), Arc::new(executor), attempts);
    let host = host.with_grace(station.configuration.cancel_grace());
    let short = shortest(&log, id).await;
    let heading = heading(plan.name(), &short, &state_note(station), &station.look);
    let progress = RunProgress::new(Arc::clone(&plan));
    let watcher = Watcher::new(
        id,
        short,
        progress,
        heading,
        station.look,
        how(manner),
        Arc::clone(&log),
    );
    let watcher = Arc::new(watcher.with_file(&station.configuration));
    let encoded = plan.encode();
    let definition = Definition {
        workflow: plan.name().into(),
        file: shown.as_str().into(),
        source: text.as_str().into(),
        digest: Digest::of(&encoded),
        plan: encoded.into(),
    };
    let request = Request {
        plan,
        file: shown,
        source: text,
        inputs,
        injected,
        dry_run: arguments.dry_run,
        caller_id: arguments.id.clone(),
    };
    let asked = Started::of(&request);
    if arguments.detach {
        let driving = host.start_for_others(id, request, Arc::new(Unobserved));
        return left(manner, &log, id, driving.wait().await, arguments.id.as_deref(), &asked).await;
    }
    let driving = host.start(id, request, Arc::clone(&watcher) as Arc<_>);
    let scene = Scene {
        station,
        manner,
        host,
        watcher,
        definition: &definition,
        earlier: OnceLock::new(),
    };
    let outcome = scene.to_the_end(driving).await;
    match (scene.earlier.get(), &arguments.id) {
        (Some(earlier), Some(called)) => started_before::join(station, manner, &log, *earlier, called, &asked).await,
        _ => outcome,
    }
}

/// Says which run was begun and left to whoever is at work.
async fn left(
    manner: &Manner,
    log: &Arc<dyn RunLog>,
    id: RunId,
    driven: Result<Driven, DriveError>,
    called: Option<&str>,
    asked: &Started,
) -> Outcome {
    let (run, short) = match (driven, called) {
        (Ok(_), _) => (id, shortest(log, id).await),
        (Err(DriveError::Log(ref refused)), Some(called)) if let StoreError::Duplicate { run, .. } = **refused => {
            (run, started_before::recognised(log, run, called, asked).await?)
        }
        (Err(error), _) => return Err(not_driven(error)),
    };
    let is_anybody_at_work = log.is_anybody_at_work();
    if manner.json {
        print(serde_json::json!({ "run": run, "at_work": is_anybody_at_work }).to_string());
        return Ok(Exit::Done);
    }
    print(run.to_string());
    if is_anybody_at_work {
        say(format!("left to the host at work: cofferdam why {short}"));
    } else {
        say(format!(
            "begun as run {short}, on which nobody works now; it goes on with"
        ));
        say("  cofferdam work");
        say(format!("  cofferdam resume {short}"));
    }
    Ok(Exit::Done)
}

/// Returns how progress is shown: a program that reads JSON wants none on its terminal.
pub(super) fn how(manner: &Manner) -> crate::arguments::Progress {
    use crate::arguments::Progress;
    match manner.progress {
        Progress::Auto if manner.json => Progress::None,
        how => how,
    }
}

/// Returns the words behind the run's id: where the state is, if it is not where it always is.
pub(super) fn state_note(station: &Station) -> String {
    let state = station.configuration.state_path();
    let usual = station
        .configuration
        .project()
        .root()
        .join(".cofferdam")
        .join("state.db");
    if state == usual {
        String::new()
    } else {
        format!("state {}", station.short(state))
    }
}

/// Why the text of a workflow cannot be had.
pub(crate) struct Unreadable {
    /// In a few words.
    pub(crate) reason: String,
    exit: Exit,
    code: Option<&'static str>,
    hint: Option<&'static str>,
}

impl Unreadable {
    fn new(exit: Exit, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            exit,
            code: None,
            hint: None,
        }
    }
}

/// Reads a workflow.
pub(super) fn read(file: &Path, shown: &str) -> Result<String, Failure> {
    contents(file).map_err(|unreadable| {
        let message = format!("cannot read the workflow `{shown}`: {}", unreadable.reason);
        let mut failure = Failure::new(unreadable.exit, message);
        if let Some(code) = unreadable.code {
            failure = failure.code(code);
        }
        match unreadable.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// Returns the text of a workflow.
pub(crate) fn contents(file: &Path) -> Result<String, Unreadable> {
    /// LANGUAGE rule R17.
    const LONGEST: u64 = 10 << 20;
    let usage = |reason: String| Unreadable::new(Exit::Usage, reason);
    let metadata = std::fs::metadata(file).map_err(|error| usage(error.to_string()))?;
    if metadata.is_dir() {
        return Err(Unreadable {
            hint: Some("name the .wf file in it"),
            ..usage("it is a directory".to_owned())
        });
    }
    if !metadata.is_file() {
        // A pipe would be waited for, a device has no end.
        return Err(usage("it is no regular file".to_owned()));
    }
    if metadata.len() > LONGEST {
        let reason = format!("it has {} bytes, of at most {LONGEST}", metadata.len());
        return Err(Unreadable {
            code: Some("CF0110"),
            ..Unreadable::new(Exit::Invalid, reason)
        });
    }
    let bytes = std::fs::read(file).map_err(|error| usage(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Unreadable {
            code: Some("CF0112"),
            hint: Some("save the file as UTF-8"),
            ..Unreadable::new(
                Exit::Invalid,
                format!("it is not text in UTF-8: byte {at}, line {line}"),
            )
        }
    })
}

/// Shows what was found, and returns the plan if there is one.
pub(super) fn accepted(mut compiled: Compiled, look: &Look, manner: &Manner) -> Result<Plan, Failure> {
    // To whoever wants to run it, each of these is an error; the note that stands for them all would repeat it.
    compiled.diagnostics.append(&mut compiled.not_carried_out);
    let errors = compiled
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    if manner.json && errors > 0 {
        let found: Vec<serde_json::Value> = compiled
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.to_json(&compiled.source))
            .collect();
        print(serde_json::json!({ "diagnostics": found }).to_string());
    } else {
        for diagnostic in compiled
            .diagnostics
            .iter()
            .filter(|found| found.severity > Severity::Note)
        {
            say(draw(diagnostic, &compiled.source, look));
            say("");
        }
    }
    match compiled.plan {
        Some(plan) => Ok(plan),
        None => {
            let name = compiled.source.name().to_owned();
            let failure = Failure::new(
                Exit::Invalid,
                format!("{name} has {}; nothing was started", counted(errors as u64, "error")),
            );
            let absent = compiled
                .diagnostics
                .iter()
                .any(|found| found.code == cofferdam_dsl::Code::UnknownAction);
            Err(if absent && !builtin::are_there() {
                failure.hint("this binary was built without its plugins (fs, http, text, json, report): cargo xtask plugins, then build it again")
            } else {
                failure
            })
        }
    }
}
