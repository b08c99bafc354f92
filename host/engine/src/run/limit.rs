//! How long a run may take, and what becomes of one that takes longer.

use super::Run;
use super::frame::{Frame, FrameKey, State};
use crate::event::{Ending, Event};
use crate::failure::{Failure, FailureClass};
use crate::id::StepPath;
use crate::plan::Plan;
use crate::time::Timestamp;

/// The path under which a run fails that took too long.
const TIMEOUT: &str = "timeout";

impl Run {
    /// Begins to measure the time of the run, if its plan limits it.
    pub(super) fn limit(&mut self, plan: &Plan) {
        self.unlimit();
        self.timed_out = false;
        if let Some(timeout) = plan.parts().timeout {
            let due = self.last_at.saturating_add(timeout);
            self.due = Some(due);
            self.deadlines.insert((due, FrameKey::root()));
        }
    }

    /// Lets the run take the time that it needs, as for its clean-up.
    pub(super) fn unlimit(&mut self) {
        if let Some(due) = self.due.take() {
            self.deadlines.remove(&(due, FrameKey::root()));
        }
    }

    /// Returns what happens to the whole run at `now`, if its time is over.
    pub(super) fn out_of_time(&self, frame: &Frame, now: Timestamp) -> Option<Event> {
        let is_over = self.due.is_some_and(|due| due <= now) && self.cancel.is_none();
        let is_cleaning = matches!(&frame.state, State::Root(root) if root.cleanup.is_some());
        (is_over && !is_cleaning).then_some(Event::RunTimedOut)
    }

    /// Returns how a run ends that took too long.
    pub(super) fn ending_out_of_time(&self) -> Option<Ending> {
        let message = "the `timeout` of the workflow passed before the run ended";
        self.timed_out.then(|| Ending::Failed {
            step: StepPath::new(TIMEOUT),
            failure: Failure::new(FailureClass::Timeout, message),
        })
    }
}
