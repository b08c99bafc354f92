//! `cofferdam run`: checks a workflow, starts a run of it, and drives it to its end.

use super::drive::{shortest, to_the_end};
use crate::arguments::{Manner, Run as Arguments};
use crate::builtin;
use crate::diagnostics::draw;
use crate::equipment::Equipment;
use crate::failure::{Exit, Failure, Outcome};
use crate::inputs::{inputs, variables};
use crate::progress::RunProgress;
use crate::station::Station;
use crate::talk::{Look, counted, print, say};
use crate::tree::heading;
use crate::watch::Watcher;
use cofferdam_dsl::{Compiled, Options, Severity, compile};
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Digest, RunId};
use cofferdam_runtime::{Host, Request};
use cofferdam_store::Definition;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Runs a workflow.
pub(crate) async fn run(station: &Station, manner: &Manner, arguments: &Arguments, guests: Handle) -> Outcome {
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
    let options = Options {
        strict: arguments.strict,
        variables: injected.keys().cloned().collect(),
    };
    let compiled = compile(&text, &shown, &plugins.catalog(station), &options);
    let plan = Arc::new(accepted(compiled, &station.look, manner)?);
    let inputs = inputs(&plan.parts().inputs, &arguments.input, arguments.input_file.as_deref())?;
    let id = RunId::from_bits(uuid::Uuid::now_v7().as_u128());
    let equipment = Equipment::of(station, &sandbox, &plugins, &plan, &id.to_string()).await?;
    equipment.require_grants(station, &plan, "nothing was started")?;
    let executor = equipment.executor(station, &plan)?;
    let log = station.log()?;
    equipment.keep(station)?;
    let attempts = u32::try_from(station.configuration.attempts()).unwrap_or(u32::MAX);
    let host = Host::new(Arc::clone(&log), Arc::new(executor), attempts, guests);
    let short = shortest(&log, id).await;
    let heading = heading(plan.name(), &short, &state_note(station), &station.look);
    let progress = RunProgress::new(Arc::clone(&plan));
    let watcher = Arc::new(Watcher::new(
        id,
        short,
        progress,
        heading,
        station.look,
        how(manner),
        Arc::clone(&log),
    ));
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
        caller_id: None,
    };
    let driving = host.start(id, request, Arc::clone(&watcher) as Arc<_>);
    to_the_end(station, manner, driving, watcher, &definition, &log).await
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

/// Reads a workflow.
pub(super) fn read(file: &Path, shown: &str) -> Result<String, Failure> {
    /// LANGUAGE rule R17.
    const LONGEST: u64 = 10 << 20;
    let failure = |reason: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("cannot read the workflow `{shown}`: {reason}"))
    };
    let metadata = std::fs::metadata(file).map_err(|error| failure(&error))?;
    if metadata.is_dir() {
        return Err(failure(&"it is a directory").hint("name the .wf file in it"));
    }
    if !metadata.is_file() {
        // A pipe would be waited for, a device has no end.
        return Err(failure(&"it is no regular file"));
    }
    if metadata.len() > LONGEST {
        return Err(Failure::new(
            Exit::Invalid,
            format!(
                "the workflow `{shown}` is {} bytes, of at most {LONGEST}",
                metadata.len()
            ),
        )
        .code("CF0110"));
    }
    let bytes = std::fs::read(file).map_err(|error| failure(&error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::new(
            Exit::Invalid,
            format!("the workflow `{shown}` is not text in UTF-8: byte {at}, line {line}"),
        )
        .hint("save the file as UTF-8")
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
                failure.hint("this binary was built without its plugins (fs, text, json, report): cargo xtask plugins, then build it again")
            } else {
                failure
            })
        }
    }
}
