//! How frames open and close, and what the block around them learns of it.

use super::blocks::branch_ended;
use crate::data::Data;
use crate::effect::EffectChange;
use crate::event::{Metrics, StepReference};
use crate::plan::{NodeIndex, Plan};
use crate::result::{StepResult, StepStatus};
use crate::run::Run;
use crate::run::frame::{BranchState, CallPhase, ChildEnd, Frame, FrameKey, Sequence, State};
use crate::run::scope::{self, ScopeId};
use crate::value::Value;

impl Run {
    /// Opens the frame of a step, or replaces its state when the step is at its next round.
    pub(in crate::run) fn begin(&mut self, plan: &Plan, at: &StepReference, state: impl FnOnce(ScopeId) -> State) {
        let Some(key) = self.locate(plan, at) else { return };
        if let Some(frame) = self.frames.get_mut(&key) {
            frame.state = state(frame.scope);
            self.ready.insert(key);
            return;
        }
        let scope = self.scope_of(plan, &key);
        self.child_began(plan, &key);
        self.insert(key, scope, state(scope));
    }

    pub(super) fn insert(&mut self, key: FrameKey, scope: ScopeId, state: State) {
        let frame = Frame {
            scope,
            started_at: self.last_at,
            cancelling: false,
            state,
        };
        self.frames.insert(key.clone(), frame);
        self.ready.insert(key);
    }

    /// Takes a call out of the air, and a gate or a wait out of what is waited for.
    pub(super) fn land(&mut self, key: &FrameKey) {
        self.suspects.remove(key);
        let call = match self.frames.get(key).map(|frame| &frame.state) {
            Some(State::Call(call)) => call,
            Some(State::Gate(gate)) => {
                if let Some(deadline) = gate.deadline {
                    self.deadlines.remove(&(deadline, key.clone()));
                }
                let timed_out =
                    gate.decision.is_none() && gate.deadline.is_some_and(|deadline| deadline <= self.last_at);
                self.gates.remove(key);
                if let Some(node) = key.node.filter(|_| timed_out) {
                    self.gate_timed_out(node);
                }
                return;
            }
            Some(State::Wait(wait)) => {
                if let Some(due) = wait.due {
                    self.deadlines.remove(&(due, key.clone()));
                }
                if let Some(topic) = wait.topic.clone() {
                    let correlation = wait.correlation.clone();
                    self.wait_over(key, topic, correlation);
                }
                return;
            }
            Some(State::Root(_) | State::Block(_) | State::Loop(_) | State::Parallel(_)) | None => return,
        };
        if let CallPhase::Running(fence) = call.phase {
            self.flights.remove(&fence);
            self.changes.push(EffectChange::Ended(fence));
        }
        if let CallPhase::Waiting(until) = call.phase {
            self.deadlines.remove(&(until, key.clone()));
        }
        if let Some(deadline) = call.deadline {
            self.deadlines.remove(&(deadline, key.clone()));
        }
    }

    /// Ends a step: records its result, closes its frame, tells the block around it.
    pub(super) fn end(&mut self, plan: &Plan, key: &FrameKey, result: Option<StepResult>, end: ChildEnd) {
        if let Some(result) = result {
            self.record(plan, key, result);
        }
        self.land(key);
        if !self.frames.contains_key(key) {
            self.child_began(plan, key);
        }
        self.frames.remove(key);
        self.ready.remove(key);
        self.wanting.remove(key);
        self.child_ended(plan, key, end);
    }

    pub(super) fn record(&mut self, plan: &Plan, key: &FrameKey, result: StepResult) {
        if let Some(name) = &plan.node(self.node_of(key)).key {
            let scope = self.scope_of(plan, key);
            self.scopes.record(scope, name, result);
        }
    }

    fn child_began(&mut self, plan: &Plan, child: &FrameKey) {
        let links = plan.links(self.node_of(child));
        let Some(parent) = self.frames.get_mut(&parent_of(plan, child)) else {
            return;
        };
        match &mut parent.state {
            State::Parallel(state) => {
                let branch = &mut state.branches[links.position as usize];
                if matches!(branch, BranchState::Blocked(_) | BranchState::Ready) {
                    *branch = BranchState::Running;
                    state.running += 1;
                    state.ready_calls.remove(&links.position);
                    state.ready_others.remove(&links.position);
                }
            }
            other => {
                if let Some(sequence) = sequence_mut(other) {
                    sequence.next = links.position;
                    sequence.busy = true;
                }
            }
        }
    }

    fn child_ended(&mut self, plan: &Plan, child: &FrameKey, end: ChildEnd) {
        let position = plan.links(self.node_of(child)).position;
        let parent = parent_of(plan, child);
        let Some(frame) = self.frames.get_mut(&parent) else {
            return;
        };
        match &mut frame.state {
            State::Parallel(state) => {
                let Some(node) = parent.node else { return };
                branch_ended(plan, node, state, position, end);
                self.held.remove(child);
                self.make_room(plan, &parent);
            }
            other => {
                if let Some(sequence) = sequence_mut(other) {
                    sequence.next = position + 1;
                    sequence.busy = false;
                    if let (ChildEnd::Left(ending), None) = (end, &sequence.leaving) {
                        sequence.leaving = Some(ending);
                    }
                }
            }
        }
        self.ready.insert(parent);
    }

    pub(super) fn count(&mut self, metrics: &Metrics) {
        for (name, amount) in metrics {
            *self.metrics.entry(name.clone()).or_insert(0.0) += amount;
        }
    }

    /// Returns a result of `status` with nothing but its times.
    pub(super) fn blank(&self, plan: &Plan, key: &FrameKey, status: StepStatus) -> StepResult {
        StepResult {
            path: plan.node(self.node_of(key)).path.clone(),
            status,
            skipped_since: false,
            output: Value::Inline(Data::Null),
            markers: Vec::new(),
            context: None,
            error: None,
            attempts: 0,
            iteration: key.occurrence.innermost(),
            started_at: self.frames.get(key).map_or(self.last_at, |frame| frame.started_at),
            ended_at: self.last_at,
        }
    }

    pub(in crate::run) fn locate(&self, plan: &Plan, at: &StepReference) -> Option<FrameKey> {
        plan.find(&at.step).map(|node| FrameKey::of(node, &at.occurrence))
    }

    /// Returns the step of a frame that [`Self::locate`] found: never the run itself.
    pub(super) fn node_of(&self, key: &FrameKey) -> NodeIndex {
        key.node.unwrap_or(NodeIndex(0))
    }

    /// Returns the scope that a step writes to: its own as a branch, else that of the block around it.
    pub(in crate::run) fn scope_of(&self, plan: &Plan, key: &FrameKey) -> ScopeId {
        if let Some(frame) = self.frames.get(key) {
            return frame.scope;
        }
        let Some(node) = key.node else { return scope::ROOT };
        match self.frames.get(&parent_of(plan, key)) {
            Some(Frame {
                state: State::Parallel(state),
                ..
            }) => state.first_scope + plan.links(node).position,
            Some(frame) => frame.scope,
            None => scope::ROOT,
        }
    }
}

/// Returns the key of the frame around `key`.
pub(in crate::run) fn parent_of(plan: &Plan, key: &FrameKey) -> FrameKey {
    match key.node.and_then(|node| plan.parent(node)) {
        None => FrameKey::root(),
        Some(parent) => FrameKey {
            node: Some(parent),
            occurrence: key.occurrence.truncated(plan.links(parent).loops as usize),
        },
    }
}

fn sequence_mut(state: &mut State) -> Option<&mut Sequence> {
    match state {
        State::Root(root) => Some(&mut root.sequence),
        State::Block(sequence) => Some(sequence),
        State::Loop(state) => Some(&mut state.sequence),
        State::Call(call) => match &mut call.phase {
            CallPhase::Handling(handling) => Some(&mut handling.sequence),
            CallPhase::Running(_) | CallPhase::Waiting(_) | CallPhase::Lost => None,
        },
        State::Parallel(_) | State::Gate(_) | State::Wait(_) => None,
    }
}
