//! What a judge remembers of the durable log: which steps have begun and ended, what was under way.

use super::{Judge, place};
use crate::sim::interpreter::{Expected, Place};
use cofferdam_engine::event::AfterFailure;
use cofferdam_engine::plan::{NodeIndex, NodeKind};
use cofferdam_engine::{Data, Dropped, Ending, Event, Fence, Recorded, RunStatus, StepReference};
use std::collections::BTreeMap;

impl Judge<'_> {
    /// Keeps what the oracles need to know about the past.
    pub(super) fn apply(&mut self, recorded: &Recorded) {
        self.sequence = recorded.sequence;
        self.last_at = recorded.at;
        if let Some(at) = recorded.event.step() {
            self.stir(at);
        }
        match &recorded.event {
            Event::RunStarted { .. } => {
                self.entered.insert((None, 0, Vec::new()));
            }
            Event::RunAdopted { lost: fences, .. } | Event::RunInterrupted { stopped: fences, .. } => {
                if let Event::RunAdopted { generation, .. } = &recorded.event {
                    self.generation = *generation;
                }
                for fence in fences {
                    if let Some(story) = self.flights.remove(fence).and_then(|place| self.calls.get_mut(&place)) {
                        story.open = None;
                    }
                }
            }
            Event::CancelRequested { .. } | Event::KillRequested { .. } => self.cancelled_at = Some(recorded.sequence),
            Event::CleanupStarted { .. } => {
                self.entered.insert((None, 1, Vec::new()));
            }
            Event::RunFinished { ending, outputs } => self.ending = Some((ending.clone(), outputs.data().clone())),
            Event::AttemptStarted { at, delivery, .. } => {
                let generation = self.generation;
                let story = self.calls.entry(place(at)).or_default();
                story.open = Some((generation, Fence(recorded.sequence)));
                story.delivery = *delivery;
                self.flights.insert(Fence(recorded.sequence), place(at));
            }
            Event::AttemptFailed { at, .. } => {
                let fence = self.calls.get_mut(&place(at)).and_then(|story| {
                    story.failures += 1;
                    story.delivery = 0;
                    story.open.take()
                });
                if let Some((_, fence)) = fence {
                    self.flights.remove(&fence);
                }
            }
            Event::StepFailed {
                at,
                then: AfterFailure::Handle,
                ..
            } => {
                self.close(at);
                self.results.insert(place(at));
                self.enter(at, 0);
            }
            Event::StepCompleted { at, .. }
            | Event::StepFailed { at, .. }
            | Event::StepSkipped { at, .. }
            | Event::StepCancelled { at }
            | Event::VariablesSet { at, .. }
            | Event::BlockEnded { at, .. } => {
                self.close(at);
                self.results.insert(place(at));
                self.over(at);
            }
            Event::StepHandled { at } => self.over(at),
            Event::BlockStarted { at } => {
                self.enter(at, 0);
                if self
                    .plan
                    .find(&at.step)
                    .is_some_and(|index| matches!(self.plan.node(index).kind, NodeKind::Always(_)))
                {
                    *self.always.entry(place(at)).or_default() += 1;
                }
            }
            Event::BranchChosen { at, arm } => {
                self.enter(at, *arm);
            }
            Event::IterationStarted { at, round, .. } => {
                if let Some(index) = self.plan.find(&at.step) {
                    let mut rounds = at.occurrence.iterations().to_vec();
                    rounds.push(*round);
                    self.entered.insert((Some(index), 0, rounds));
                }
            }
            Event::GateOpened { .. }
            | Event::WaitStarted { .. }
            | Event::ProgressSaved { .. }
            | Event::GateApproved { .. }
            | Event::GateDecided { .. }
            | Event::WaitReceived { .. }
            | Event::SignalReceived { .. }
            | Event::BranchesCancelled { .. }
            | Event::RunTimedOut
            | Event::RunPaused { .. }
            | Event::RunResumed { .. } => {}
            Event::RunRetried { generation, .. } => self.generation = *generation,
        }
    }

    /// Forgets what a retry dropped: the past is what the other events say.
    pub(super) fn reopen(&mut self, retried: &Recorded) {
        let mut log = std::mem::take(&mut self.log);
        let dropped = Dropped::of([retried]);
        log.retain(|recorded| !dropped.contains(recorded.sequence));
        let mut past = Self::new(self.plan);
        past.executions = std::mem::take(&mut self.executions);
        past.tokens = std::mem::take(&mut self.tokens);
        past.requests = self.requests.forget();
        for recorded in &log {
            past.requests.apply(recorded);
            past.note_lost(recorded);
            past.apply(recorded);
        }
        // What is kept in part rests until something happens in it.
        past.running.clear();
        past.log = log;
        *self = past;
    }

    fn enter(&mut self, at: &StepReference, block: u32) {
        if let Some(index) = self.plan.find(&at.step) {
            let rounds = at.occurrence.iterations().to_vec();
            self.entered.insert((Some(index), block, rounds));
        }
    }

    fn close(&mut self, at: &StepReference) {
        if let Some(story) = self.calls.get_mut(&place(at)) {
            story.ended = true;
            if let Some((_, fence)) = story.open.take() {
                self.flights.remove(&fence);
            }
        }
    }

    /// Returns the branch that a step is, and all branches around it, from the inside out, each with its parallel block.
    fn branches_around(&self, at: &StepReference) -> Vec<(Place, NodeIndex)> {
        let mut branches = Vec::new();
        let mut inner = self.plan.find(&at.step);
        while let Some(index) = inner {
            inner = self.plan.parent(index);
            let Some(outer) = inner.filter(|outer| matches!(self.plan.node(*outer).kind, NodeKind::Parallel(_))) else {
                continue;
            };
            let rounds = &at.occurrence.iterations()[..self.loops_around(outer)];
            let path = self.plan.node(outer).path.to_string();
            branches.push(((path, rounds.to_vec()), index));
        }
        branches
    }

    fn loops_around(&self, index: NodeIndex) -> usize {
        let outer = std::iter::successors(self.plan.parent(index), |node| self.plan.parent(*node));
        outer
            .filter(|node| matches!(self.plan.node(*node).kind, NodeKind::Loop(_)))
            .count()
    }

    /// Takes note that something happens in all branches around a step: one that a retry kept in part may rest before.
    fn stir(&mut self, at: &StepReference) {
        for (parallel, branch) in self.branches_around(at) {
            self.running.entry(parallel).or_default().insert(branch);
        }
    }

    fn over(&mut self, at: &StepReference) {
        let Some(index) = self.plan.find(&at.step) else { return };
        for (parallel, branch) in self.branches_around(at) {
            if branch == index {
                self.running.entry(parallel).or_default().remove(&branch);
            }
        }
    }

    pub(super) fn actual(&self) -> Expected {
        let (ending, outputs) = self.ending.clone().unwrap_or((Ending::Completed, Data::Null));
        let mut actual = Expected {
            status: RunStatus::Completed,
            failed_step: None,
            outputs,
            params: BTreeMap::new(),
            completed: BTreeMap::new(),
            failed: BTreeMap::new(),
        };
        match ending {
            Ending::Completed => {}
            Ending::Failed { step, .. } => {
                actual.status = RunStatus::Failed;
                actual.failed_step = Some(step.to_string());
            }
            Ending::Cancelled { .. } | Ending::Killed { .. } => actual.status = RunStatus::Cancelled,
        }
        for recorded in &self.log {
            match &recorded.event {
                Event::AttemptStarted {
                    at,
                    params: Some(params),
                    ..
                } => {
                    actual.params.insert(place(at), params.data().clone());
                }
                Event::StepCompleted { at, attempt, .. } => {
                    actual.completed.insert(place(at), *attempt);
                }
                Event::StepFailed { at, attempts, .. } => {
                    actual.failed.insert(place(at), *attempts);
                }
                _ => {}
            }
        }
        actual
    }

    /// Returns the block that a step is in: its step and number; `u32::MAX` where entering it does not mean that all
    /// of it is come to.
    pub(super) fn container(&self, index: NodeIndex) -> (Option<NodeIndex>, u32) {
        let Some(parent) = self.plan.parent(index) else {
            return (None, u32::from(self.plan.parts().always.contains(&index)));
        };
        let number = match &self.plan.node(parent).kind {
            NodeKind::If(choice) => choice
                .arms
                .iter()
                .position(|arm| arm.body.contains(&index))
                .unwrap_or(choice.arms.len())
                .try_into()
                .unwrap_or(u32::MAX),
            NodeKind::Parallel(_) => u32::MAX,
            _ => 0,
        };
        (Some(parent), number)
    }
}
