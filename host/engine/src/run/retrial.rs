//! What a retry keeps of a run that has ended, and what it does again.
//!
//! A retry never changes what happened: it names the events that count no longer, and the run is what the others amount
//! to. A step is kept as a whole if it ended so that the block around it went on; the blocks around what runs again are
//! kept in part.

mod drift;
mod selection;

pub use drift::Difference;

use super::decide::Transition;
use super::orphan::Orphan;
use super::{Decision, Staged, Unrestorable};
use crate::data::Data;
use crate::event::{Cause, Event, Recorded, StepReference};
use crate::history::Dropped;
use crate::id::{Generation, RunId, StepPath};
use crate::input::Situation;
use crate::plan::{NodeIndex, Plan};
use crate::transitions::{Outcome, RequestKind, Standing, outcome};
use crate::value::Value;
use selection::Selection;

/// What a retry is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Retry<'a> {
    /// The step to go on from, by its path or its name; none for whatever did not end well.
    pub from: Option<&'a str>,
    /// What the run executed so far.
    pub former: &'a Plan,
    /// What it executes from now on; the same unless the newest definition is asked for.
    pub plan: &'a Plan,
}

/// A retry that is possible: what it would do, before it does anything.
#[derive(Debug)]
pub struct Retrial<'a> {
    id: RunId,
    events: &'a [Recorded],
    retry: Retry<'a>,
    selection: Selection,
    inputs: Option<Value>,
    lineage: u32,
    /// Paths of kept steps that the new plan says otherwise; what they returned stays.
    changed: Vec<StepPath>,
}

/// Why a run is not retried. Nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RetryRefused {
    /// The run has not ended.
    #[error("the run has not ended; only a run that has is retried")]
    NotEnded,
    /// The run completed, so that no step is the obvious one.
    #[error("the run completed; name the step to go on from")]
    NothingFailed,
    /// The workflow has no such step.
    #[error("the run has no step `{step}`")]
    NoSuchStep {
        /// What was asked for.
        step: String,
        /// The paths that there are.
        steps: Vec<StepPath>,
    },
    /// Several steps have the name.
    #[error("several steps are called `{step}`")]
    Ambiguous {
        /// What was asked for.
        step: String,
        /// The paths that it could be.
        paths: Vec<StepPath>,
    },
    /// The run never came to the step.
    #[error("the run never came to `{step}`")]
    NeverBegan {
        /// What was asked for.
        step: StepPath,
        /// The step that it came to last and that did not end well.
        stopped_at: Option<StepPath>,
    },
    /// The step is part of what handles the failure of another one.
    #[error("`{step}` handles the failure of `{of}` and runs only then")]
    InHandler {
        /// What was asked for.
        step: StepPath,
        /// The step that failed.
        of: StepPath,
    },
    /// The step is part of what runs at the end of every run.
    #[error("`{step}` runs at the end of the run, again after a retry")]
    InCleanup {
        /// What was asked for.
        step: StepPath,
    },
    /// Something before the step did not end well, so that there is nothing to go on from.
    #[error("`{before}` comes before `{step}` and did not end well")]
    NotWell {
        /// What was asked for.
        step: StepPath,
        /// What has to run again first.
        before: StepPath,
    },
    /// The new definition does not go with what is kept.
    #[error("the newest definition does not fit what the run has done so far")]
    Drifted(Vec<Difference>),
    /// The events are not those of a run.
    #[error("the recorded events of the run are not complete")]
    Unrestorable(#[from] Unrestorable),
}

impl<'a> Retrial<'a> {
    /// Returns what `retry` would do to the run with these events.
    ///
    /// # Errors
    /// If the run has not ended, the step cannot be gone on from, or a new plan does not fit what would be kept.
    pub fn of(id: RunId, events: &'a [Recorded], retry: Retry<'a>) -> Result<Self, RetryRefused> {
        let orphan = Orphan::restore(id, retry.former, events)?;
        let run = orphan.look();
        let standing = run.standing();
        match outcome(standing, RequestKind::Retry) {
            Outcome::To(_) => {}
            Outcome::Stays | Outcome::Unchanged | Outcome::Conflict => {
                return Err(RetryRefused::NotEnded);
            }
        }
        let target = match retry.from {
            Some(step) => Some(named(retry.former, step)?),
            None if standing == Standing::Completed => return Err(RetryRefused::NothingFailed),
            None => None,
        };
        let past = Dropped::of(events);
        let selection = selection::select(retry.former, events, &past, target)?;
        let mut differences = Vec::new();
        let mut changed = Vec::new();
        let mut inputs = None;
        if retry.plan.digest() != retry.former.digest() {
            (differences, changed) = drift::compare(retry.former, retry.plan, &selection);
            match drift::inputs(retry.plan, run.inputs()) {
                Ok(now) if now != *run.inputs() => inputs = Some(Value::new(now)),
                Ok(_) => {}
                Err(unfit) => differences.extend(unfit),
            }
        }
        if !differences.is_empty() {
            return Err(RetryRefused::Drifted(differences));
        }
        let lineage = run.lineage() + 1;
        Ok(Self {
            id,
            events,
            retry,
            selection,
            inputs,
            lineage,
            changed,
        })
    }

    /// Returns the first step that would run again; none if only the outputs would be evaluated again.
    pub fn from(&self) -> Option<&StepReference> {
        self.selection.from.as_ref()
    }

    /// Returns the steps that a new plan says otherwise and that are kept all the same.
    pub fn changed(&self) -> &[StepPath] {
        &self.changed
    }

    /// Returns the events that would count no longer, besides those that count no longer already.
    pub fn dropped(&self) -> Dropped {
        let mut dropped = Dropped::of(self.events);
        dropped.add(&self.event(Generation::default(), "", Cause::default()));
        dropped
    }

    /// Opens the run again, in `generation` and driven by `host`: the decision begins what runs again.
    ///
    /// # Errors
    /// If the events are not those of a run.
    pub fn decide(
        self,
        generation: Generation,
        host: &str,
        by: &str,
        situation: Situation,
    ) -> Result<Staged, RetryRefused> {
        let cause = Cause {
            message: None,
            by: Some(by.to_owned()),
        };
        let event = self.event(generation, host, cause);
        let mut run = Orphan::restore_without(self.id, self.retry.plan, self.events, &self.dropped())?.run;
        run.generation = generation;
        let mut transition = Transition::new(run, self.retry.plan, situation);
        transition.record(event);
        transition.progress();
        match transition.finish() {
            Decision::Staged(staged) => Ok(staged),
            Decision::Unchanged(_) => unreachable!("a retry is an event"),
        }
    }

    fn event(&self, generation: Generation, host: &str, cause: Cause) -> Event {
        let is_new = self.retry.plan.digest() != self.retry.former.digest();
        Event::RunRetried {
            generation,
            host: host.to_owned(),
            lineage: self.lineage,
            from: self.selection.from.clone(),
            dropped: self.selection.dropped.clone(),
            plan: is_new.then(|| self.retry.plan.digest()),
            inputs: self.inputs.clone(),
            cause,
        }
    }
}

/// Returns the step that a person means by its path or its name.
fn named(plan: &Plan, step: &str) -> Result<NodeIndex, RetryRefused> {
    if let Some(node) = plan.find(&StepPath::new(step)) {
        return Ok(node);
    }
    let all = (0_u32..).map(NodeIndex).zip(plan.nodes());
    let called: Vec<(NodeIndex, &StepPath)> = all
        .filter(|(_, node)| node.key.as_deref() == Some(step))
        .map(|(index, node)| (index, &node.path))
        .collect();
    match called.as_slice() {
        [(index, _)] => Ok(*index),
        [] => Err(RetryRefused::NoSuchStep {
            step: step.to_owned(),
            steps: plan.nodes().iter().map(|node| node.path.clone()).collect(),
        }),
        several => Err(RetryRefused::Ambiguous {
            step: step.to_owned(),
            paths: several.iter().map(|(_, path)| (*path).clone()).collect(),
        }),
    }
}

/// Returns the inputs of a run as a map from names.
fn inputs_of(inputs: &Data) -> std::collections::BTreeMap<String, Data> {
    match inputs {
        Data::Map(map) => map
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect(),
        _ => std::collections::BTreeMap::new(),
    }
}
