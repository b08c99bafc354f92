//! `cofferdam retry`: goes on with a run that has ended, from one of its steps.

use super::control::user;
use super::drive::shortest;
use super::find_run;
use super::run::{accepted, read, state_note};
use super::take_up::{Ready, equipped, host_of, ready};
use crate::arguments::{Manner, Retry as Arguments};
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::RunProgress;
use crate::station::Station;
use crate::talk::{harmless, print, say};
use cofferdam_dsl::compile;
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Digest, Event, Recorded, Request, RetryRefused, RunStatus, StepPath};
use cofferdam_runtime::{Afterwards, DriveError, RetryRequest, Unobserved, now};
use cofferdam_store::{Definition, NewMessage, RunLog, RunSummary};
use serde_json::json;
use std::sync::Arc;

/// Goes on with a run that has ended.
pub(crate) async fn retry(station: &Station, manner: &Manner, arguments: &Arguments) -> Outcome {
    let internal = |error| Failure::of(Exit::Internal, error);
    let log = station.existing_log()?;
    let id = find_run(&log, &arguments.run).await?;
    let short = shortest(&log, id).await;
    let summary = log.run(id).await.map_err(internal)?;
    let former = log.definition(id).await.map_err(internal)?;
    let (Some(summary), Some(former)) = (summary, former) else {
        return Err(Failure::new(Exit::Usage, format!("run {short} is not recorded")));
    };
    if !summary.status.is_final() {
        return Err(not_ended(&short, &summary));
    }
    let events = log.events(id, 0, usize::MAX).await.map_err(internal)?;
    let former_plan = Plan::decode(&former.plan).map_err(|error| Failure::of(Exit::Invalid, error))?;
    let ready = if arguments.latest {
        newest(station, manner, &log, &events, &former, &short).await?
    } else {
        ready(station, &log, id, &short).await?
    };
    let is_other = ready.definition() != &former;
    let request = RetryRequest {
        run: id,
        generation: summary.generation,
        events,
        former: Arc::new(former_plan),
        plan: Arc::clone(ready.plan()),
        definition: is_other.then(|| ready.definition().clone()),
        from: arguments.from.clone(),
        by: arguments.asking.by.clone().unwrap_or_else(user),
    };
    let retrial = request.weigh().map_err(|refused| refusal(&short, refused))?;
    let from = retrial
        .from()
        .map_or_else(|| "its outputs".to_owned(), |from| format!("`{}`", from.step));
    if !retrial.changed().is_empty() {
        let steps: Vec<String> = retrial.changed().iter().map(|step| format!("`{step}`")).collect();
        say(format!(
            "kept, although the newest definition says otherwise: {}",
            steps.join(", ")
        ));
    }
    let dropped = retrial.dropped();
    let mut progress = RunProgress::new(Arc::clone(ready.plan()));
    for recorded in &request.events {
        progress.apply_unless(&dropped, recorded);
    }
    drop(retrial);
    if arguments.asking.detach {
        return detach(station, manner, &log, &request, &short, &from).await;
    }
    let note = match state_note(station) {
        note if note.is_empty() => format!("retried from {from}"),
        note => format!("retried from {from}, {note}"),
    };
    let scene = ready.scene(station, manner, id, progress, &note);
    let driving = scene
        .host
        .retry(&request, Afterwards::Drive, Arc::clone(&scene.watcher) as Arc<_>);
    let driving = driving.map_err(|refused| refusal(&short, refused))?;
    scene.to_the_end(driving).await
}

/// Opens the run again and leaves it to the next host.
async fn detach(
    station: &Station,
    manner: &Manner,
    log: &Arc<dyn RunLog>,
    request: &RetryRequest,
    short: &str,
    from: &str,
) -> Outcome {
    let host = host_of(station, log);
    let driving = host.retry(request, Afterwards::LetGo, Arc::new(Unobserved));
    let driving = driving.map_err(|refused| refusal(short, refused))?;
    match driving.wait().await {
        Ok(_) => {}
        Err(DriveError::Fenced(_)) => {
            let message = format!("run {short} was retried by somebody else at the same time");
            let failure = Failure::new(Exit::Refused, message).code("CF0721");
            return Err(failure.hint(format!("look at it: cofferdam show {short}")));
        }
        Err(error) => return Err(Failure::of(Exit::Refused, error)),
    }
    // An interrupted run is taken up by a host when it is asked to go on.
    let message = NewMessage::new(request.run, now(), request.by.clone(), Request::Resume);
    log.post(message)
        .await
        .map_err(|error| Failure::of(Exit::Refused, error))?;
    if manner.json {
        print(
            json!({ "run": request.run, "request": "retry", "verdict": "accepted", "from": request.from }).to_string(),
        );
    } else {
        say(format!(
            "retried: run {short} from {from}, by {}; left to the next host",
            harmless(&request.by)
        ));
        say("  cofferdam work");
        say(format!("  cofferdam resume {short}"));
    }
    Ok(Exit::Done)
}

/// Prepares to go on with the workflow and the plugins as they are now.
async fn newest(
    station: &Station,
    manner: &Manner,
    log: &Arc<dyn RunLog>,
    events: &[Recorded],
    former: &Definition,
    short: &str,
) -> Result<Ready, Failure> {
    let file = station.find_workflow(&former.file)?;
    let shown = station.short(&file);
    let text = read(&file, &shown)?;
    station.require_trust()?;
    let sandbox = station.sandbox()?;
    let plugins = station.plugins(&sandbox).await?;
    station.warn_of_problems(&plugins);
    let injected = events.iter().find_map(|recorded| match &recorded.event {
        Event::RunStarted { injected, .. } => Some(injected.keys().cloned()),
        _ => None,
    });
    let options = station.options(false, injected.into_iter().flatten());
    let compiled = compile(&text, &shown, &plugins.catalog(station), &options);
    let plan = accepted(compiled, &station.look, manner)?;
    let encoded = plan.encode();
    let definition = Definition {
        workflow: plan.name().into(),
        file: shown.as_str().into(),
        source: text.as_str().into(),
        digest: Digest::of(&encoded),
        plan: encoded.into(),
    };
    let ready = equipped(station, &sandbox, &plugins, log, (definition, Arc::new(plan)), short).await;
    ready.map_err(Failure::from)
}

fn not_ended(short: &str, summary: &RunSummary) -> Failure {
    let message = format!(
        "run {short} is {}; only a run that has ended is retried",
        summary.status.word()
    );
    let failure = Failure::new(Exit::Refused, message).code("CF0721");
    match summary.status {
        RunStatus::Interrupted | RunStatus::Paused => failure.hint(format!("go on with it: cofferdam resume {short}")),
        _ => failure.hint(format!("what it does: cofferdam why {short}")),
    }
}

/// Returns why the run is not retried, with what can be done.
fn refusal(short: &str, refused: RetryRefused) -> Failure {
    let (exit, code) = match &refused {
        RetryRefused::NoSuchStep { .. } | RetryRefused::Ambiguous { .. } | RetryRefused::NothingFailed => {
            (Exit::Usage, "CF0725")
        }
        RetryRefused::NotEnded => (Exit::Refused, "CF0721"),
        RetryRefused::NeverBegan { .. }
        | RetryRefused::InHandler { .. }
        | RetryRefused::InCleanup { .. }
        | RetryRefused::NotWell { .. } => (Exit::Refused, "CF0725"),
        RetryRefused::Drifted(_) => (Exit::Refused, "CF0726"),
        RetryRefused::Unrestorable(_) => (Exit::Invalid, "CF0725"),
    };
    let failure = Failure::new(exit, format!("run {short}: {refused}")).code(code);
    let go_on = |step: &str| format!("go on from there: cofferdam retry {short} --from {step}");
    match refused {
        RetryRefused::NoSuchStep { step, steps } => {
            let paths: Vec<&str> = steps.iter().map(StepPath::as_str).collect();
            match cofferdam_dsl::did_you_mean(&step, paths.iter().copied()) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("its steps: {}", paths.join(", "))),
            }
        }
        RetryRefused::Ambiguous { paths, .. } => {
            paths.iter().fold(failure, |failure, path| failure.hint(path.as_str()))
        }
        RetryRefused::NothingFailed => failure.hint(format!("cofferdam retry {short} --from STEP")),
        RetryRefused::NeverBegan {
            stopped_at: Some(at), ..
        } => failure.hint(format!("it stopped at `{at}`: cofferdam retry {short}")),
        RetryRefused::InHandler { of, .. } => failure.hint(go_on(of.as_str())),
        RetryRefused::NotWell { before, .. } => failure.hint(go_on(before.as_str())),
        RetryRefused::InCleanup { .. } => failure.hint(format!("name a step of the body: cofferdam show {short}")),
        RetryRefused::Drifted(differences) => {
            let failure = differences
                .iter()
                .fold(failure, |failure, difference| failure.hint(difference.to_string()));
            failure.hint("go on from an earlier step, or start a new run; nothing was changed")
        }
        RetryRefused::NeverBegan { stopped_at: None, .. } | RetryRefused::NotEnded | RetryRefused::Unrestorable(_) => {
            failure.hint(format!("look at it: cofferdam show {short}"))
        }
    }
}
