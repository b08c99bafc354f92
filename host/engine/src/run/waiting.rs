//! What a run waits for, as people and indexes ask for it.

use super::frame::{CallPhase, State};
use super::{Run, gate};
use crate::data::Data;
use crate::event::{GateOption, StepReference};
use crate::plan::{NodeKind, Plan};
use crate::time::Timestamp;

/// One thing that a run waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Waiting {
    /// People have to decide.
    Gate {
        /// The gate.
        at: StepReference,
        /// How people name it.
        name: String,
        /// The word after `gate`.
        kind: String,
        /// What is asked.
        prompt: Option<String>,
        /// What can be chosen.
        options: Vec<GateOption>,
        /// What goes with the question: a map of `show` and `data`, or null.
        shown: Data,
        /// The schema of what is to be filled in.
        form: Option<Data>,
        /// Who approved it so far.
        approvals: Vec<String>,
        /// How many have to.
        min_approvals: u32,
        /// Since when it is open.
        since: Timestamp,
        /// Until when it is open.
        until: Option<Timestamp>,
    },
    /// A signal has to come.
    Signal {
        /// The wait.
        at: StepReference,
        /// With which topic.
        topic: String,
        /// With which correlation; none for any.
        correlation: Option<String>,
        /// Since when it waits.
        since: Timestamp,
        /// Until when it waits.
        until: Option<Timestamp>,
    },
    /// A time has to come.
    Time {
        /// The wait.
        at: StepReference,
        /// Since when it waits.
        since: Timestamp,
        /// Which time.
        until: Timestamp,
    },
    /// A failed call is tried again later.
    Attempt {
        /// The call.
        at: StepReference,
        /// Which attempt will be the next.
        number: u32,
        /// When.
        until: Timestamp,
    },
}

impl Run {
    /// Returns everything that the run waits for, in the order of the text.
    pub fn waiting(&self, plan: &Plan) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for (key, frame) in &self.frames {
            let Some(node) = key.node.map(|node| plan.node(node)) else {
                continue;
            };
            let at = super::progress::at(node, &key.occurrence);
            let since = frame.started_at;
            match (&frame.state, &node.kind) {
                (State::Gate(state), NodeKind::Gate(gate)) if state.decision.is_none() => waiting.push(Waiting::Gate {
                    at,
                    name: gate::name_of(node).to_owned(),
                    kind: gate.kind.clone(),
                    prompt: state.prompt.clone(),
                    options: state.options.clone(),
                    shown: state.shown.as_ref().map_or(Data::Null, |shown| shown.data().clone()),
                    form: gate.form.clone(),
                    approvals: state.approvals.clone(),
                    min_approvals: gate.min_approvals,
                    since,
                    until: state.deadline,
                }),
                (State::Wait(state), _) => match (&state.topic, state.due) {
                    (Some(topic), until) => waiting.push(Waiting::Signal {
                        at,
                        topic: topic.clone(),
                        correlation: state.correlation.clone(),
                        since,
                        until,
                    }),
                    (None, Some(until)) => waiting.push(Waiting::Time { at, since, until }),
                    (None, None) => {}
                },
                (State::Call(call), _) => {
                    if let CallPhase::Waiting(until) = call.phase {
                        let number = call.failed + 1;
                        waiting.push(Waiting::Attempt { at, number, until });
                    }
                }
                _ => {}
            }
        }
        waiting
    }
}
