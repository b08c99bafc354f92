//! How workflows and runs are drawn: `graph`.

use super::find_run;
use super::history::{dropped, each_event};
use super::run::read;
use crate::arguments::{Graph, GraphFormat, Manner};
use crate::diagnostics::draw;
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::{RunProgress, StepState};
use crate::station::Station;
use crate::talk::{print, say};
use cofferdam_dsl::ast::File;
use cofferdam_dsl::graph::{self, Format, State, graph_of_file, graph_of_plan};
use cofferdam_dsl::{Actions, Code, Diagnostic, Source, compile, parse};
use cofferdam_engine::RunId;
use cofferdam_engine::plan::Plan;
use cofferdam_store::RunLog;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Draws a workflow, or a run with the states of its steps.
pub(crate) async fn graph(station: &Station, manner: &Manner, arguments: &Graph) -> Outcome {
    let graph = match workflow_file(station, &arguments.what) {
        Some(file) => graph_of_file(&sound(station, &file)?),
        None => {
            let log = station.existing_log()?;
            let run = find_run(&log, &arguments.what).await?;
            of_run(&log, run).await?
        }
    };
    let format = match arguments.format {
        GraphFormat::Mermaid => Format::Mermaid,
        GraphFormat::Dot => Format::Dot,
        GraphFormat::Svg => Format::Svg,
    };
    let drawn = graph.draw(format);
    if manner.json {
        let word = format!("{format:?}").to_lowercase();
        print(serde_json::json!({ "format": word, "graph": drawn }).to_string());
    } else {
        print(drawn.trim_end_matches('\n'));
    }
    Ok(Exit::Done)
}

/// Returns the file that `what` means, unless it means a run.
fn workflow_file(station: &Station, what: &str) -> Option<PathBuf> {
    let path = Path::new(what);
    if what.contains('/') || path.extension().is_some_and(|extension| extension == "wf") || path.is_file() {
        return Some(path.to_owned());
    }
    station.workflows().remove(what)
}

/// Returns the tree of a file without errors; which plugins there are does not matter for that.
pub(super) fn sound(station: &Station, file: &Path) -> Result<File, Failure> {
    let shown = station.short(file);
    let text = read(file, &shown)?;
    let options = station.options(false, []);
    let compiled = compile(&text, &shown, &Actions::default(), &options);
    // Nothing is going to be run: an action that is missing here can be drawn.
    let matters = |diagnostic: &&Diagnostic| diagnostic.is_error() && diagnostic.code != Code::UnknownAction;
    let errors: Vec<&Diagnostic> = compiled.diagnostics.iter().filter(matters).collect();
    for diagnostic in &errors {
        say(draw(diagnostic, &compiled.source, &station.look));
        say("");
    }
    match errors.len() as u64 {
        0 => Ok(parse(&text).0),
        count => Err(Failure::new(
            Exit::Invalid,
            format!("`{shown}` has {}", crate::talk::counted(count, "error")),
        )),
    }
}

/// Returns the text of a file that need not be sound, with its tree.
pub(super) fn source(station: &Station, file: &Path) -> Result<Source, Failure> {
    let shown = station.short(file);
    let text = read(file, &shown)?;
    Ok(Source::new(shown, text))
}

async fn of_run(log: &Arc<dyn RunLog>, run: RunId) -> Result<graph::Graph, Failure> {
    let internal = |error| Failure::of(Exit::Internal, error);
    let Some(definition) = log.definition(run).await.map_err(internal)? else {
        return Err(Failure::new(Exit::Usage, format!("run {run} is not recorded")));
    };
    let plan = Arc::new(Plan::decode(&definition.plan).map_err(|error| Failure::of(Exit::Invalid, error))?);
    let mut progress = RunProgress::new(Arc::clone(&plan));
    let Some(summary) = log.run(run).await.map_err(internal)? else {
        return Err(Failure::new(Exit::Usage, format!("run {run} is not recorded")));
    };
    let dropped = dropped(log, &summary).await?;
    each_event(log, run, 0, |recorded| progress.apply_unless(&dropped, recorded)).await?;
    let state = |node| {
        Some(match progress.step(node).map(|step| &step.state) {
            None => State::Pending,
            Some(StepState::Running) => State::Running,
            Some(StepState::Waiting(_)) => State::Waiting,
            Some(StepState::Completed) => State::Completed,
            Some(StepState::Failed(_)) => State::Failed,
            Some(StepState::Skipped) => State::Skipped,
            Some(StepState::Cancelled) => State::Cancelled,
        })
    };
    Ok(graph_of_plan(&plan, &state))
}
