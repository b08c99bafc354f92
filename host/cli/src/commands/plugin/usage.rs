//! Which workflows call a plugin, and how did its attempts end?

use crate::failure::{Exit, Failure};
use crate::station::{Plugins, Station};
use crate::talk::{counted, print};
use crate::tree::day_and_time;
use cofferdam_dsl::compile;
use cofferdam_engine::plan::{NodeKind, Plan};
use cofferdam_engine::{Event, FailureClass, StepPath, Timestamp};
use cofferdam_store::{RunFilter, StoreError};
use std::collections::BTreeSet;

/// How many runs are looked at, newest first.
const RUNS: usize = 1_000;
/// How many events are read at a time.
const PAGE: usize = 1_000;

/// Who uses a plugin, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Usage {
    workflows: BTreeSet<String>,
    attempts: u64,
    failed: u64,
    trapped: u64,
    denied: u64,
    since: Option<Timestamp>,
}

impl Usage {
    /// Returns the workflows that call the plugin.
    pub(super) fn workflows(&self) -> impl Iterator<Item = &str> {
        self.workflows.iter().map(String::as_str)
    }

    /// Returns the use of `plugin` in the workflows and the recorded runs of the project.
    pub(super) async fn of(station: &Station, plugins: &Plugins, plugin: &str) -> Result<Self, Failure> {
        let mut usage = Self {
            workflows: callers(station, plugins, plugin),
            ..Self::default()
        };
        // Looking leaves nothing behind.
        if station.configuration.state_path().exists() {
            usage.count(station, plugin).await?;
        }
        Ok(usage)
    }

    async fn count(&mut self, station: &Station, plugin: &str) -> Result<(), Failure> {
        let internal = |error: StoreError| Failure::of(Exit::Internal, error);
        let log = station.existing_log()?;
        let filter = RunFilter {
            statuses: Vec::new(),
            workflow: None,
            after: None,
            limit: RUNS,
        };
        for run in log.runs(filter).await.map_err(internal)? {
            let definition = log.definition(run.id).await.map_err(internal)?;
            let Some(plan) = definition.and_then(|definition| Plan::decode(&definition.plan).ok()) else {
                continue;
            };
            let is_its = |step: &StepPath| {
                plan.find(step).is_some_and(
                    |node| matches!(&plan.node(node).kind, NodeKind::Call(call) if call.action.plugin == plugin),
                )
            };
            if !plan.calls().any(|(_, call)| call.action.plugin == plugin) {
                continue;
            }
            let mut after = 0;
            loop {
                let page = log.events(run.id, after, PAGE).await.map_err(internal)?;
                let Some(last) = page.last() else { break };
                after = last.sequence;
                for recorded in &page {
                    match &recorded.event {
                        Event::AttemptStarted { at, .. } if is_its(&at.step) => {
                            self.attempts += 1;
                            self.since = Some(self.since.map_or(recorded.at, |since| since.min(recorded.at)));
                        }
                        Event::AttemptFailed { at, failure, .. } if is_its(&at.step) => {
                            self.failed += 1;
                            self.trapped += u64::from(failure.class == FailureClass::Trap);
                            self.denied += u64::from(failure.class == FailureClass::Denied);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Prints it.
    pub(super) fn show(&self, dot: &str) {
        let workflows: Vec<&str> = self.workflows.iter().map(String::as_str).collect();
        let by = if workflows.is_empty() {
            "no workflow of this project".to_owned()
        } else {
            workflows.join(", ")
        };
        print(format!("used by     {by}"));
        match self.since {
            Some(since) => print(format!(
                "since {}  {} {dot} {} failed {dot} {} trapped {dot} {} denied",
                day_and_time(since),
                counted(self.attempts, "attempt"),
                self.failed,
                self.trapped,
                self.denied
            )),
            None => print("attempts    none recorded"),
        }
    }
}

/// Returns the workflows that call the plugin; one with mistakes counts as calling nothing.
fn callers(station: &Station, plugins: &Plugins, plugin: &str) -> BTreeSet<String> {
    let catalog = plugins.catalog(station);
    let options = station.options(false, []);
    let calls = |file: &std::path::Path| {
        let text = std::fs::read_to_string(file).ok()?;
        let plan = compile(&text, &station.short(file), &catalog, &options).plan?;
        plan.calls().any(|(_, call)| call.action.plugin == plugin).then_some(())
    };
    station
        .workflows()
        .into_iter()
        .filter(|(_, file)| file.is_file() && calls(file).is_some())
        .map(|(name, _)| name)
        .collect()
}
