//! When a run has nothing to do: what it waits for next, and whether its host may let go of it.

use super::frame::FrameKey;
use super::{Phase, Run};
use crate::append::RunStatus;
use crate::plan::Plan;
use crate::time::Timestamp;
use std::time::Duration;

/// A wait that is shorter than this is sat out: parking costs a flush and an adoption.
pub(super) const SHORTEST_PARKING: Duration = Duration::from_secs(1);

impl Run {
    /// Returns when the run wants an [`crate::Input::Tick`] without anything happening.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        // Of a paused run only what is still under way can come to its deadline.
        if self.pause.is_some() && self.flights.is_empty() {
            return None;
        }
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Returns whether another [`crate::Input::Tick`] would go on at once: the last decision stopped at its bound.
    pub fn has_more(&self) -> bool {
        matches!(self.phase, Phase::Active) && self.status() == RunStatus::Running && self.next_ready().is_some()
    }

    /// Returns whether attempts could be started if there were permits.
    pub fn wants_permits(&self, plan: &Plan) -> bool {
        !self.wanting.is_empty() && matches!(self.phase, Phase::Active) && self.pause.is_none() && self.room(plan) > 0
    }

    /// Returns how many attempts more the run may have under way, whatever the shell permits.
    pub(super) fn room(&self, plan: &Plan) -> u32 {
        let busy = u32::try_from(self.flights.len()).unwrap_or(u32::MAX);
        // One at a time, so that the next death blames the right one (rule B5).
        let alone = if self.suspects.is_empty() { u32::MAX } else { 1 };
        let most = plan.parts().max_parallel.unwrap_or(u32::MAX).min(alone);
        most.saturating_sub(busy)
    }

    /// Returns the next frame to look at. While the run is paused, only attempts under way may be stopped.
    pub(super) fn next_ready(&self) -> Option<&FrameKey> {
        if self.pause.is_none() {
            return self.ready.first();
        }
        let mut under_way = self.flights.values().map(|flight| &flight.key);
        under_way.find(|key| self.ready.contains(*key))
    }

    /// Returns the status of a run whose host lets go of it when nothing is under way at `now`.
    pub(super) fn status_when_let_go(&self, now: Timestamp) -> RunStatus {
        if !matches!(self.phase, Phase::Active) || !self.flights.is_empty() || self.next_ready().is_some() {
            return RunStatus::Running;
        }
        if self.pause.is_some() {
            return RunStatus::Paused;
        }
        let soon = self
            .next_deadline()
            .is_some_and(|due| due <= now.saturating_add(SHORTEST_PARKING));
        if soon || !self.wanting.is_empty() {
            RunStatus::Running
        } else {
            RunStatus::Waiting
        }
    }
}
