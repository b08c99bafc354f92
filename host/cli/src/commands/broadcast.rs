//! `cofferdam signal --topic TOPIC`: a signal for every run that waits for it.

use super::control::{self, user};
use super::drive::shortest;
use crate::arguments::{Manner, Signal};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Station;
use crate::talk::{counted, harmless, print, say};
use cofferdam_engine::{Orphan, Plan, Request, RunId, Waiting};
use cofferdam_runtime::now;
use cofferdam_store::{NewMessage, PostError, RunLog};
use serde_json::json;
use std::sync::Arc;

/// Tells every run that waits for `topic` what happened, each once.
pub(crate) async fn signal(station: &Station, manner: &Manner, arguments: &Signal, topic: &str) -> Outcome {
    let log = station.existing_log()?;
    let data = control::data(arguments)?;
    let candidates = log
        .listeners(topic)
        .await
        .map_err(|error| Failure::of(Exit::Internal, error))?;
    let mut told = Vec::new();
    for run in candidates {
        if !waits(&log, run, topic, arguments.correlation.as_deref()).await? {
            continue;
        }
        let request = Request::Signal {
            topic: topic.to_owned(),
            correlation: arguments.correlation.clone(),
            data: data.clone(),
            key: arguments.key.clone(),
        };
        let by = arguments.asking.by.clone().unwrap_or_else(user);
        match log.post(NewMessage::new(run, now(), by, request)).await {
            Ok(_) => told.push(run),
            // It has ended meanwhile.
            Err(PostError::Ended { .. } | PostError::NotFound(_)) => {}
            Err(error @ PostError::TooLong { .. }) => return Err(Failure::of(Exit::Usage, error)),
            Err(error @ PostError::KeyTaken { .. }) => return Err(Failure::of(Exit::Refused, error)),
            Err(error @ PostError::Store { .. }) => return Err(Failure::of(Exit::Internal, error)),
        }
    }
    if manner.json {
        print(json!({ "request": "signal", "topic": topic, "runs": told }).to_string());
    }
    let topic = harmless(topic);
    if told.is_empty() {
        let failure = Failure::new(Exit::Refused, format!("no run waits for `{topic}`; nothing was kept"));
        return Err(failure.hint("a run that is going to wait keeps it: cofferdam signal RUN TOPIC"));
    }
    if !manner.json {
        for run in &told {
            say(format!("told: run {} of `{topic}`", shortest(&log, *run).await));
        }
        if !log.is_anybody_at_work() {
            let them = counted(told.len() as u64, "run");
            say(format!(
                "no host is at work; {them} will go on with the next one: cofferdam work"
            ));
        }
    }
    Ok(Exit::Done)
}

/// Returns whether `run` waits for such a signal now, as its log stands.
async fn waits(log: &Arc<dyn RunLog>, run: RunId, topic: &str, correlation: Option<&str>) -> Result<bool, Failure> {
    let internal = |error| Failure::of(Exit::Internal, error);
    let Some(definition) = log.definition(run).await.map_err(internal)? else {
        return Ok(false);
    };
    let plan = Plan::decode(&definition.plan).map_err(|error| Failure::of(Exit::Invalid, error))?;
    let events = log.events(run, 0, usize::MAX).await.map_err(internal)?;
    let orphan = Orphan::restore(run, &plan, &events).map_err(|error| Failure::of(Exit::Invalid, error))?;
    Ok(orphan.look().waiting(&plan).iter().any(|waiting| {
        matches!(
            waiting,
            Waiting::Signal { topic: wanted, correlation: which, .. }
                if wanted == topic && (which.is_none() || which.as_deref() == correlation)
        )
    }))
}
