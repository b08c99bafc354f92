//! How far may a run get ahead of the log, and how soon must what it decided be on disk?

use super::Surroundings;
use cofferdam_engine::plan::{NodeKind, Plan};
use cofferdam_engine::run::MAX_EVENTS_PER_DECISION;
use cofferdam_engine::{Append, Event, RunStatus, StepPath};
use cofferdam_store::Urgency;
use cofferdam_wasm::EffectClass;

/// How many events of a run may be decided and not yet on disk; beyond it the run waits for the log (rule B2). What the fastest
/// run decides in the 200 ms after which the log writes anyway: with less, it would wait for the disk more often than that.
const MAX_EVENTS_AHEAD: usize = 8_192;

/// What the pace of a run depends on besides what was decided.
pub(super) struct Pace<'a> {
    pub(super) surroundings: &'a Surroundings,
    pub(super) plan: &'a Plan,
    /// Whether quiet attempts wait for the disk too.
    pub(super) cautious: bool,
    /// How many events are decided and not on disk, without those asked about.
    pub(super) ahead: usize,
}

impl Pace<'_> {
    /// Returns whether quiet attempts that `append` starts may be entered before it is on disk.
    pub(super) fn may_run_ahead(&self, append: &Append) -> bool {
        !self.cautious && self.is_bounded(append)
    }

    fn is_bounded(&self, append: &Append) -> bool {
        self.ahead + append.events.len() <= MAX_EVENTS_AHEAD
    }

    /// Returns how soon `append` must be on disk; `tells_of_effects` if it answers the report of an effectful attempt.
    pub(super) fn urgency(&self, append: &Append, tells_of_effects: bool) -> Urgency {
        let is_awaited = !self.may_run_ahead(append)
            || append.row.status != RunStatus::Running
            || !append.answers.is_empty()
            // The next decision of a run that stopped at the bound waits for this one.
            || append.events.len() >= MAX_EVENTS_PER_DECISION
            || append.events.iter().any(|recorded| self.is_barrier(&recorded.event));
        if is_awaited {
            Urgency::Now
        } else if tells_of_effects {
            Urgency::Soon
        } else {
            Urgency::Later
        }
    }

    fn is_barrier(&self, event: &Event) -> bool {
        matches!(event, Event::AttemptStarted { at, .. } if self.class_of(&at.step) == EffectClass::Effectful)
    }

    pub(super) fn class_of(&self, step: &StepPath) -> EffectClass {
        match self.plan.find(step).map(|node| &self.plan.node(node).kind) {
            Some(NodeKind::Call(call)) => self.surroundings.executor.class(&call.action),
            _ => EffectClass::Effectful,
        }
    }
}

/// Returns whether an event shows that the run got on since this process has it.
pub(super) fn shows_progress(event: &Event) -> bool {
    matches!(
        event,
        Event::RunStarted { .. }
            | Event::AttemptFailed { .. }
            | Event::StepCompleted { .. }
            | Event::StepFailed { .. }
            | Event::RunFinished { .. }
    )
}
