//! What must hold of deliveries that were lost with their host, or stopped by it.

use super::{Judge, Verdict, holds, place};
use crate::sim::script::Behaviour;
use cofferdam_engine::plan::{NodeKind, OnLost};
use cofferdam_engine::{Event, FailureClass, Recorded, StepReference};

impl Judge<'_> {
    /// Keeps which deliveries were lost, before the log forgets that they were under way.
    pub(super) fn note_lost(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::RunAdopted { lost, .. } => {
                for fence in lost {
                    if let Some(place) = self.flights.get(fence) {
                        self.lost.insert(place.clone(), true);
                    }
                }
            }
            Event::RunInterrupted { stopped, .. } => {
                let stopped = stopped.iter().filter_map(|fence| self.flights.get(fence));
                self.stopped.extend(stopped.cloned());
            }
            // Whoever lets the run go on has looked.
            Event::RunResumed { .. } => {
                self.lost.clear();
                self.stopped.clear();
            }
            // It was delivered again, and may still be what hosts die of.
            Event::AttemptStarted { at, .. } => {
                self.stopped.remove(&place(at));
                if let Some(unsure) = self.lost.get_mut(&place(at)) {
                    *unsure = false;
                }
            }
            Event::AttemptFailed { at, .. }
            | Event::StepCompleted { at, .. }
            | Event::StepFailed { at, .. }
            | Event::StepCancelled { at } => {
                self.lost.remove(&place(at));
                self.stopped.remove(&place(at));
            }
            _ => {}
        }
    }

    pub(super) fn invariant_lost_effects_are_not_repeated(&self, recorded: &Recorded) -> Verdict {
        let Event::AttemptStarted { at, .. } = &recorded.event else {
            return Ok(());
        };
        let unsure = self.lost.get(&place(at)) == Some(&true) || self.stopped.contains(&place(at));
        let may = self.on_lost(at) == OnLost::Redeliver;
        holds("invariant_lost_effects_are_not_repeated", may || !unsure, || {
            format!("{:?} is delivered again, and nobody has said so", place(at))
        })
    }

    pub(super) fn invariant_suspects_are_alone(&self, recorded: &Recorded) -> Verdict {
        let starts = matches!(recorded.event, Event::AttemptStarted { .. });
        let alone = self.flights.is_empty() || self.lost.is_empty();
        holds("invariant_suspects_are_alone", !starts || alone, || {
            format!(
                "{:?} starts beside {:?}, and hosts died of {:?}",
                recorded.event, self.flights, self.lost
            )
        })
    }

    /// Returns whether an attempt failed because its host died, or because another step was faster: the interpreter knows
    /// no hosts and no time.
    pub(super) fn is_lost_for_good(&self) -> bool {
        self.log.iter().any(|recorded| {
            matches!(&recorded.event, Event::AttemptFailed { failure, .. }
                if failure.class == FailureClass::Lost || failure.code.as_deref() == Some("context-conflict"))
        })
    }

    /// Returns what becomes of a lost delivery of a call: one that nobody could notice is delivered again.
    fn on_lost(&self, at: &StepReference) -> OnLost {
        match self.plan.find(&at.step).map(|node| &self.plan.node(node).kind) {
            Some(NodeKind::Call(call)) if Behaviour::of(&call.action.action).effectful => call.on_lost,
            _ => OnLost::Redeliver,
        }
    }
}
