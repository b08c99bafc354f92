//! What happened: `runs`, `show`, `events`, `logs`.

use super::attempts::Attempts;
use super::drive::shortest;
use super::take_up::lack;
use super::{find_run, waiting};
use crate::arguments::{Events, Logs, Manner, Runs, Show};
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::RunProgress;
use crate::report;
use crate::station::Station;
use crate::table::{print_table, table};
use crate::talk::{DIM, counted, duration, harmless, print, say};
use crate::tree::{day_and_time, draw, heading, status_sign, time_of_day};
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Dropped, Generation, Recorded, RunId, RunStatus, SharedValues, StepPath, Waiting};
use cofferdam_store::{Definition, RunFilter, RunLog, RunSummary, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// How many events are read at a time.
const PAGE: usize = 1_000;
/// How often a followed run is asked for new events.
const FOLLOW: Duration = Duration::from_millis(200);

/// Lists runs.
pub(crate) async fn runs(station: &Station, manner: &Manner, arguments: &Runs) -> Outcome {
    let log = station.existing_log()?;
    let mut statuses = Vec::new();
    for word in &arguments.status {
        match RunStatus::from_word(word) {
            Some(status) => statuses.push(status),
            None => {
                let words: Vec<&str> = RunStatus::ALL.iter().map(|status| status.word()).collect();
                let failure = Failure::new(Exit::Usage, format!("`{word}` is no status"));
                return Err(failure.hint(format!("one of: {}", words.join(", "))));
            }
        }
    }
    let after = match &arguments.before {
        Some(reference) => Some(find_run(&log, reference).await?),
        None => None,
    };
    let filter = RunFilter {
        statuses,
        workflow: arguments.workflow.clone(),
        after,
        limit: arguments.limit,
    };
    let runs = log.runs(filter).await.map_err(internal)?;
    let counts = log.counts(arguments.workflow.clone()).await.map_err(internal)?;
    let waits = waits(&log, &runs).await;
    if manner.json {
        let mut shown = Vec::new();
        for run in &runs {
            let mut object = summary_json(run);
            if let Ok(Some(lacks)) = lack(&log, run).await {
                object["lacks"] = lacks.into();
            }
            shown.push(object);
        }
        let counts: serde_json::Map<String, serde_json::Value> = counts
            .iter()
            .map(|(status, count)| (status.word().to_owned(), (*count).into()))
            .collect();
        let waits: Vec<serde_json::Value> = waits
            .iter()
            .map(|(run, waiting)| serde_json::json!({ "run": run, "waiting": waiting::json(waiting) }))
            .collect();
        print(serde_json::json!({ "runs": shown, "counts": counts, "waits": waits }).to_string());
        return Ok(Exit::Done);
    }
    if runs.is_empty() {
        say("no runs");
        return Ok(Exit::Done);
    }
    let mut lacking = Vec::new();
    let mut table = table(["", "RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK", "EVENTS"]);
    for run in &runs {
        let short = shortest(&log, run.id).await;
        // As of the waits: one run that cannot be read keeps no other from being listed.
        let lacks = lack(&log, run).await.unwrap_or_default();
        let until = run.finished_at.unwrap_or(run.updated_at);
        let took = u64::try_from(until.since(run.created_at).as_millis()).unwrap_or(u64::MAX);
        table.add_row([
            station.look.sign(status_sign(run.status)).to_owned(),
            short.clone(),
            run.workflow.clone(),
            match lacks {
                Some(_) => format!("{}, lacks a component", status_words(run)),
                None => status_words(run),
            },
            day_and_time(run.created_at),
            duration(took),
            run.version.0.to_string(),
        ]);
        lacking.extend(lacks.map(|lacks| (short, lacks)));
    }
    print_table(&mut table, &[5, 6]);
    let separator = if station.look.signs { " · " } else { ", " };
    let counted: Vec<String> = counts
        .iter()
        .map(|(status, count)| format!("{count} {}", status.word()))
        .collect();
    say(counted.join(separator));
    for (run, waiting) in &waits {
        let short = shortest(&log, *run).await;
        for wait in waiting.iter().filter(|wait| !waiting::is_time(wait)) {
            waiting::remedy(wait, &short).iter().for_each(say);
        }
    }
    for (short, lacks) in lacking {
        say(format!("run {short} could not go on: it {}", harmless(&lacks)));
    }
    Ok(Exit::Done)
}

/// Returns what the runs among these that are waiting wait for, those that want somebody to do something.
async fn waits(log: &Arc<dyn RunLog>, runs: &[RunSummary]) -> Vec<(RunId, Vec<Waiting>)> {
    let mut waits = Vec::new();
    for run in runs.iter().filter(|run| run.status == RunStatus::Waiting) {
        // What is damaged or unreadable of one run must not keep the others from being listed: `why` tells of it.
        let Ok(waiting) = waiting_of(log, run.id).await else {
            continue;
        };
        if !waiting.iter().all(waiting::is_time) {
            waits.push((run.id, waiting));
        }
    }
    waits
}

async fn waiting_of(log: &Arc<dyn RunLog>, run: RunId) -> Result<Vec<Waiting>, Failure> {
    let LookedUp { definition, .. } = look_up(log, &run.to_string()).await?;
    let plan = Plan::decode(&definition.plan).map_err(|error| Failure::of(Exit::Invalid, error))?;
    let events = log.events(run, 0, usize::MAX).await.map_err(internal)?;
    Ok(waiting::parked(run, &plan, &events)?.waiting)
}

/// Returns the status in words; a running run whose host died says so.
fn status_words(run: &RunSummary) -> String {
    match (&run.owner, run.status) {
        (Some(owner), RunStatus::Running) if owner.alive => format!("running (process {})", owner.pid),
        (_, RunStatus::Running) => "running, its host is gone".to_owned(),
        (_, status) => status.word().to_owned(),
    }
}

fn summary_json(run: &RunSummary) -> serde_json::Value {
    serde_json::json!({
        "run": run.id,
        "workflow": run.workflow,
        "status": run.status,
        "driven": run.owner.as_ref().is_some_and(|owner| owner.alive),
        "generation": run.generation,
        "events": run.version,
        "created_at": run.created_at.to_string(),
        "updated_at": run.updated_at.to_string(),
        "finished_at": run.finished_at.map(|at| at.to_string()),
    })
}

/// A run that was looked up, before its events are read.
pub(super) struct LookedUp {
    pub(super) run: RunId,
    pub(super) short: String,
    pub(super) definition: Definition,
    pub(super) summary: RunSummary,
    pub(super) progress: RunProgress,
}

/// Looks up the run that a user means, to be told from its events.
pub(super) async fn look_up(log: &Arc<dyn RunLog>, reference: &str) -> Result<LookedUp, Failure> {
    let run = find_run(log, reference).await?;
    let short = shortest(log, run).await;
    let definition = log.definition(run).await.map_err(internal)?;
    let summary = log.run(run).await.map_err(internal)?;
    let (Some(definition), Some(summary)) = (definition, summary) else {
        return Err(Failure::new(Exit::Usage, format!("run {short} is not recorded")));
    };
    let plan = Plan::decode(&definition.plan).map_err(|error| Failure::of(Exit::Invalid, error))?;
    Ok(LookedUp {
        run,
        short,
        definition,
        summary,
        progress: RunProgress::new(Arc::new(plan)),
    })
}

/// Shows a run.
pub(crate) async fn show(station: &Station, manner: &Manner, arguments: &Show) -> Outcome {
    let log = station.existing_log()?;
    let LookedUp {
        run,
        short,
        definition,
        summary,
        mut progress,
    } = look_up(&log, &arguments.run).await?;
    let mut metrics = cofferdam_engine::Metrics::new();
    let mut shared = SharedValues::default();
    let mut attempts = arguments.attempts.then(Attempts::default);
    let mut memory = 0;
    let dropped = dropped(&log, &summary).await?;
    each_event(&log, run, 0, |recorded| {
        progress.apply_unless(&dropped, recorded);
        if let Some(attempts) = &mut attempts {
            attempts.add(&recorded.event);
        }
        if let cofferdam_engine::Event::StepCompleted {
            metrics: counted, used, ..
        }
        | cofferdam_engine::Event::AttemptFailed {
            metrics: counted, used, ..
        } = &recorded.event
        {
            memory = memory.max(used.map_or(0, |used| used.memory.0));
            for (name, amount) in counted {
                *metrics.entry(name.clone()).or_insert(0.0) += amount;
            }
        }
        if let cofferdam_engine::Event::StepCompleted { shared: changes, .. } = &recorded.event
            && !dropped.contains(recorded.sequence)
        {
            shared.apply(changes);
        }
    })
    .await?;
    if manner.json {
        let mut object = report::json(run, &definition, &progress, &metrics);
        object["status"] = serde_json::json!(summary.status);
        if !shared.is_empty() {
            let values = shared
                .iter()
                .map(|(key, shared)| (key.to_string(), serde_json::json!(shared)));
            object["shared"] = values.collect::<serde_json::Map<_, _>>().into();
        }
        if let Some(lacks) = lack(&log, &summary).await? {
            object["lacks"] = lacks.into();
        }
        if let Some(attempts) = attempts {
            object["attempts"] = attempts.json();
        }
        print(object.to_string());
        return Ok(Exit::Done);
    }
    let note = format!(
        "{} · started {}",
        status_words(&summary),
        day_and_time(summary.created_at)
    );
    let note = if station.look.signs {
        note
    } else {
        note.replace('·', "-")
    };
    print(heading(&definition.workflow, &short, &note, &station.look));
    let now = if summary.status == RunStatus::Running {
        cofferdam_runtime::now()
    } else {
        progress.last_at
    };
    for line in draw(&progress, None, now, &station.look) {
        print(line);
    }
    if let Some(attempts) = attempts {
        print("");
        attempts.print();
    }
    if !shared.is_empty() {
        print("shared by its steps:");
        for (key, shared) in shared.iter() {
            let value = harmless(&shared.value.to_json());
            print(format!("  {key} = {value} (revision {})", shared.revision));
        }
    }
    if progress.ending.is_some() {
        let facts = report::Facts {
            station,
            short: &short,
            definition: &definition,
            memory,
            flushes: 0,
        };
        report::say_missing(&progress, &facts, &station.look);
        report::say_failure(&progress, &facts, &log, run, &station.look).await?;
        report::say_outputs(&progress);
    } else if !summary.owner.as_ref().is_some_and(|owner| owner.alive) {
        if let Some(lacks) = lack(&log, &summary).await? {
            say(format!("it could not go on: it {}", harmless(&lacks)));
        }
        say(format!("nobody works on it; go on with: cofferdam resume {short}"));
    }
    Ok(Exit::Done)
}

/// Prints the events of a run.
pub(crate) async fn events(station: &Station, manner: &Manner, arguments: &Events) -> Outcome {
    let log = station.existing_log()?;
    let run = find_run(&log, &arguments.run).await?;
    let mut after = arguments.after;
    loop {
        let mut ended = false;
        after = each_event(&log, run, after, |recorded| {
            print(if manner.json {
                event_json(run, recorded).to_string()
            } else {
                event_line(recorded)
            });
            ended |= matches!(recorded.event, cofferdam_engine::Event::RunFinished { .. });
        })
        .await?;
        if !arguments.follow || ended {
            return Ok(Exit::Done);
        }
        let over = log
            .run(run)
            .await
            .map_err(internal)?
            .is_none_or(|summary| summary.status.is_final());
        if over {
            each_event(&log, run, after, |recorded| {
                print(if manner.json {
                    event_json(run, recorded).to_string()
                } else {
                    event_line(recorded)
                });
            })
            .await?;
            return Ok(Exit::Done);
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

/// Returns which events of a run count no longer since it was retried.
pub(super) async fn dropped(log: &Arc<dyn RunLog>, summary: &RunSummary) -> Result<Dropped, Failure> {
    let mut dropped = Dropped::default();
    // A retry raises the generation.
    if summary.generation > Generation(1) {
        each_event(log, summary.id, 0, |recorded| dropped.add(&recorded.event)).await?;
    }
    Ok(dropped)
}

/// Calls `each` with the events after number `after`, and returns the number of the last one.
pub(super) async fn each_event(
    log: &Arc<dyn RunLog>,
    run: RunId,
    mut after: u64,
    mut each: impl FnMut(&Recorded),
) -> Result<u64, Failure> {
    loop {
        let page = log.events(run, after, PAGE).await.map_err(internal)?;
        page.iter().for_each(&mut each);
        match page.last() {
            Some(last) => after = last.sequence,
            None => return Ok(after),
        }
    }
}

pub(super) fn event_json(run: RunId, recorded: &Recorded) -> serde_json::Value {
    let data = serde_json::to_value(&recorded.event).unwrap_or_default();
    serde_json::json!({ "run": run, "sequence": recorded.sequence, "at": recorded.at.to_string(), "event": data })
}

pub(super) fn event_line(recorded: &Recorded) -> String {
    let mut data = serde_json::to_value(&recorded.event).unwrap_or_default();
    let mut step = String::new();
    if let Some(object) = data.as_object_mut() {
        object.remove("type");
        // `show --attempts` has a table of it.
        object.remove("used");
        if let Some(path) = object.remove("step") {
            step = path.as_str().unwrap_or_default().to_owned();
        }
        if let Some(iteration) = object.remove("iteration") {
            step.push_str(&iteration.to_string());
        }
    }
    let rest = match &data {
        serde_json::Value::Object(object) if object.is_empty() => String::new(),
        other => crate::tree::cut(&harmless(&other.to_string()), 160),
    };
    let line = format!(
        "{:>6}  {}  {:<22} {step:<24} {rest}",
        recorded.sequence,
        time_of_day(recorded.at),
        recorded.event.kind()
    );
    line.trim_end().to_owned()
}

/// Prints what the guests of a run said.
pub(crate) async fn logs(station: &Station, manner: &Manner, arguments: &Logs) -> Outcome {
    let log = station.existing_log()?;
    let run = find_run(&log, &arguments.run).await?;
    let step = match &arguments.step {
        None => None,
        Some(step) => Some(find_step(&log, run, step).await?),
    };
    let lines = log.log_lines(run, step).await.map_err(internal)?;
    for line in &lines.lines {
        if manner.json {
            let object = serde_json::json!({
                "step": line.step, "iteration": line.occurrence, "attempt": line.attempt, "delivery": line.delivery,
                "at": line.at.to_string(), "level": line.level.word(), "message": line.message, "fields": line.fields,
            });
            print(object.to_string());
        } else {
            let place = if line.attempt > 1 || line.delivery > 1 {
                format!("{} ({}.{})", line.step, line.attempt, line.delivery)
            } else {
                line.step.to_string()
            };
            print(format!(
                "{}  {:<5} {place:<16} {}",
                time_of_day(line.at),
                line.level.word(),
                harmless(&line.message)
            ));
        }
    }
    if lines.lines.is_empty() && !manner.json {
        say("nothing was said");
    }
    if lines.dropped > 0 {
        say(station.look.paint(
            DIM,
            &format!(
                "{} dropped: a guest may keep 256 lines",
                counted(lines.dropped, "more line")
            ),
        ));
    }
    Ok(Exit::Done)
}

/// Returns the path of the step that a user means by its path or its name.
async fn find_step(log: &Arc<dyn RunLog>, run: RunId, step: &str) -> Result<StepPath, Failure> {
    let definition = log.definition(run).await.map_err(internal)?;
    let plan = definition.and_then(|definition| Plan::decode(&definition.plan).ok());
    let Some(plan) = plan else {
        return Ok(StepPath::new(step));
    };
    let exact = StepPath::new(step);
    if plan.find(&exact).is_some() {
        return Ok(exact);
    }
    let named: Vec<&StepPath> = plan
        .nodes()
        .iter()
        .filter(|node| node.key.as_deref() == Some(step))
        .map(|node| &node.path)
        .collect();
    match named.as_slice() {
        [only] => Ok((*only).clone()),
        [] => {
            let paths: Vec<&str> = plan.nodes().iter().map(|node| node.path.as_str()).collect();
            let failure = Failure::new(Exit::Usage, format!("the run has no step `{step}`"));
            Err(match cofferdam_dsl::did_you_mean(step, paths.iter().copied()) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("its steps: {}", paths.join(", "))),
            })
        }
        several => {
            let failure = Failure::new(Exit::Usage, format!("several steps are called `{step}`"));
            Err(several
                .iter()
                .fold(failure, |failure, path| failure.hint(path.as_str())))
        }
    }
}

fn internal(error: StoreError) -> Failure {
    Failure::of(Exit::Internal, error)
}
