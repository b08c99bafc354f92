//! What each event does to the state: applied, never decided here.

use super::frame::{
    BranchState, CallPhase, CallState, ChildEnd, Frame, FrameKey, Handling, LoopState, ParallelState, Root, Sequence,
    State,
};
use super::gate::{self, Decision, GateState};
use super::requests::Asked;
use super::scope::{self, ScopeId};
use super::wait::{Signal, WaitState};
use super::{Flight, Phase, Run};
use crate::data::Data;
use crate::effect::EffectChange;
use crate::event::{AfterFailure, Ending, Event, Metrics, Recorded, SkipReason, StepReference};
use crate::failure::{Failure, FailureClass};
use crate::id::{Fence, Occurrence, Version};
use crate::plan::{NodeIndex, NodeKind, Plan};
use crate::result::{StepResult, StepStatus};
use crate::time::Timestamp;
use crate::value::Value;
use std::collections::BTreeSet;

impl Run {
    /// Applies an event. Total: an event that does not belong to the state changes nothing but the version.
    pub fn evolve(&mut self, plan: &Plan, recorded: &Recorded) {
        self.version = Version(recorded.sequence);
        self.last_at = recorded.at;
        match &recorded.event {
            Event::RunStarted {
                inputs,
                injected,
                dry_run,
                ..
            } => {
                self.phase = Phase::Active;
                self.started_at = recorded.at;
                self.inputs = inputs.data().clone();
                self.injected.clone_from(injected);
                self.dry_run = *dry_run;
                let root = State::Root(Root {
                    sequence: Sequence::default(),
                    cleanup: None,
                });
                self.insert(FrameKey::root(), scope::ROOT, root);
            }
            Event::RunAdopted { generation, lost, .. } => {
                self.generation = *generation;
                self.phase = Phase::Active;
                self.lose(lost, 1);
                self.ready.extend(self.frames.keys().cloned());
            }
            Event::RunInterrupted { stopped } => {
                self.phase = Phase::Interrupted;
                self.lose(stopped, 0);
            }
            Event::CancelRequested { reason, cause } => {
                self.cancel = Some(Asked {
                    at: recorded.at,
                    reason: reason.clone(),
                    cause: cause.clone(),
                });
                // What is paused could not be left in good order.
                self.pause = None;
                self.cancel_frames(plan, None);
            }
            Event::KillRequested { reason, cause } => {
                self.kill = Some(Asked {
                    at: recorded.at,
                    reason: reason.clone(),
                    cause: cause.clone(),
                });
            }
            Event::RunPaused { reason, cause } => {
                self.pause = Some(Asked {
                    at: recorded.at,
                    reason: reason.clone(),
                    cause: cause.clone(),
                });
            }
            Event::RunResumed { .. } => self.pause = None,
            Event::CleanupStarted { ending } => {
                if let Some(Frame {
                    state: State::Root(root),
                    cancelling,
                    ..
                }) = self.frames.get_mut(&FrameKey::root())
                {
                    *root = Root {
                        sequence: Sequence::of(1),
                        cleanup: Some(ending.clone()),
                    };
                    *cancelling = false;
                }
                self.ready.insert(FrameKey::root());
            }
            Event::RunFinished { ending, outputs } => self.finish(ending, outputs),
            Event::AttemptStarted {
                at,
                params,
                delivery,
                attempt,
                missing: _,
            } => {
                self.attempt_started(plan, at, Fence(recorded.sequence), *attempt, *delivery, params.as_ref());
            }
            Event::AttemptFailed {
                at,
                failure,
                retry_at,
                metrics,
                ..
            } => {
                self.attempt_failed(plan, at, failure, *retry_at, metrics);
            }
            Event::StepCompleted {
                at,
                attempt,
                output,
                markers,
                context,
                metrics,
            } => {
                self.count(metrics);
                let Some(key) = self.locate(plan, at) else { return };
                let result = StepResult {
                    output: output.clone(),
                    markers: markers.clone(),
                    context: context.clone(),
                    attempts: *attempt,
                    ..self.blank(plan, &key, StepStatus::Completed)
                };
                self.end(plan, &key, Some(result), ChildEnd::Completed);
            }
            Event::StepFailed {
                at,
                failure,
                attempts,
                then,
            } => self.step_failed(plan, at, failure, *attempts, *then),
            Event::StepHandled { at } => {
                let Some(key) = self.locate(plan, at) else { return };
                let Some(State::Call(call)) = self.frames.get(&key).map(|frame| &frame.state) else {
                    return;
                };
                let CallPhase::Handling(handling) = &call.phase else {
                    return;
                };
                let ending = Ending::Failed {
                    step: at.step.clone(),
                    failure: handling.failure.clone(),
                };
                self.end(plan, &key, None, ChildEnd::Left(ending));
            }
            Event::StepSkipped { at, reason } => {
                let Some(key) = self.locate(plan, at) else { return };
                let result = self.blank(plan, &key, StepStatus::Skipped);
                // A branch whose need failed counts neither as success nor as failure of its own.
                let end = match reason {
                    SkipReason::Condition => ChildEnd::Skipped,
                    SkipReason::Need(_) => ChildEnd::Continued,
                };
                self.end(plan, &key, Some(result), end);
            }
            Event::StepCancelled { at } => {
                let Some(key) = self.locate(plan, at) else { return };
                let result = self.blank(plan, &key, StepStatus::Cancelled);
                let ending = Ending::Cancelled {
                    reason: self.cancel_reason(),
                };
                self.end(plan, &key, Some(result), ChildEnd::Left(ending));
            }
            Event::VariablesSet { at, values } => {
                let Some(key) = self.locate(plan, at) else { return };
                let scope = self.scope_of(plan, &key);
                self.scopes.set(scope, values.data());
                self.end(plan, &key, None, ChildEnd::Completed);
            }
            Event::GateOpened {
                at,
                prompt,
                options,
                shown,
                deadline,
            } => {
                let state = GateState {
                    prompt: prompt.clone(),
                    options: options.clone(),
                    shown: shown.clone(),
                    deadline: *deadline,
                    approvals: Vec::new(),
                    decision: None,
                };
                self.gate_opened(plan, at, state);
            }
            Event::GateApproved { at, cause } => {
                let Some(key) = self.locate(plan, at) else { return };
                if let Some(State::Gate(state)) = self.frames.get_mut(&key).map(|frame| &mut frame.state) {
                    state.approvals.push(cause.by.clone().unwrap_or_default());
                }
            }
            Event::GateDecided {
                at,
                approved,
                feedback,
                selections,
                form,
                cause,
            } => {
                let decision = Decision {
                    approved: *approved,
                    feedback: feedback.clone(),
                    selections: selections.clone(),
                    form: form.clone(),
                    by: cause.by.clone(),
                    at: recorded.at,
                };
                self.gate_decided(plan, at, decision, cause);
            }
            Event::WaitStarted {
                at,
                topic,
                correlation,
                due,
            } => {
                let state = WaitState {
                    topic: topic.clone(),
                    correlation: correlation.clone(),
                    due: *due,
                    received: None,
                };
                self.wait_started(plan, at, state);
            }
            Event::WaitReceived { at, signal } => self.wait_received(plan, at, *signal),
            Event::SignalReceived {
                topic,
                correlation,
                data,
                key,
                ..
            } => {
                let signal = Signal {
                    topic: topic.clone(),
                    correlation: correlation.clone(),
                    data: data.clone(),
                    at: recorded.at,
                };
                self.signal_received(recorded.sequence, signal, key.as_deref());
            }
            Event::BlockStarted { at } => self.block_started(plan, at),
            Event::BranchChosen { at, arm } => {
                self.begin(plan, at, |_| State::Block(Sequence::of(*arm)));
            }
            Event::IterationStarted {
                at,
                round,
                unchanged,
                seen,
            } => {
                let state = LoopState {
                    round: *round,
                    unchanged: *unchanged,
                    seen: *seen,
                    sequence: Sequence::default(),
                };
                self.begin(plan, at, |_| State::Loop(state));
            }
            Event::BranchesCancelled { at, branches } => self.branches_cancelled(plan, at, branches),
            Event::BlockEnded { at, ending, markers } => self.block_ended(plan, at, ending, markers),
        }
    }

    fn finish(&mut self, ending: &Ending, outputs: &Value) {
        self.phase = Phase::Finished {
            ending: ending.clone(),
            outputs: outputs.clone(),
        };
        self.frames.clear();
        self.ready.clear();
        self.wanting.clear();
        self.deadlines.clear();
        self.gates.clear();
        self.signals = super::wait::Signals::default();
        self.changes
            .extend(self.flights.keys().map(|fence| EffectChange::Ended(*fence)));
        self.flights.clear();
    }

    fn lose(&mut self, fences: &[Fence], deaths: u32) {
        for fence in fences {
            let Some(Flight { key, .. }) = self.flights.remove(fence) else {
                continue;
            };
            self.changes.push(EffectChange::Ended(*fence));
            if let Some(Frame {
                state: State::Call(call),
                ..
            }) = self.frames.get_mut(&key)
            {
                call.phase = CallPhase::Lost;
                call.deaths += deaths;
            }
            self.ready.insert(key);
        }
    }

    fn attempt_started(
        &mut self,
        plan: &Plan,
        at: &StepReference,
        fence: Fence,
        attempt: u32,
        delivery: u32,
        params: Option<&Value>,
    ) {
        let Some(key) = self.locate(plan, at) else { return };
        let NodeKind::Call(call) = &plan.node(self.node_of(&key)).kind else {
            return;
        };
        let now = self.last_at;
        if !self.frames.contains_key(&key) {
            let deadline = call.timeout_total.map(|total| now.saturating_add(total));
            let state = CallState {
                phase: CallPhase::Lost,
                failed: 0,
                deliveries: 0,
                deaths: 0,
                params: Value::Inline(Data::Null),
                previous: None,
                deadline,
            };
            self.begin(plan, at, |_| State::Call(Box::new(state)));
            if let Some(deadline) = deadline {
                self.deadlines.insert((deadline, key.clone()));
            }
        }
        let Some(State::Call(state)) = self.frames.get_mut(&key).map(|frame| &mut frame.state) else {
            return;
        };
        if let CallPhase::Waiting(until) = state.phase {
            self.deadlines.remove(&(until, key.clone()));
        }
        state.phase = CallPhase::Running(fence);
        state.failed = attempt.saturating_sub(1);
        state.deliveries = delivery;
        if let Some(params) = params {
            state.params = params.clone();
        }
        self.ready.remove(&key);
        self.wanting.remove(&key);
        let generation = self.generation;
        self.flights.insert(fence, Flight { key, generation });
        self.changes.push(EffectChange::Appeared(fence));
    }

    fn attempt_failed(
        &mut self,
        plan: &Plan,
        at: &StepReference,
        failure: &Failure,
        retry_at: Option<Timestamp>,
        metrics: &Metrics,
    ) {
        self.count(metrics);
        let Some(key) = self.locate(plan, at) else { return };
        let Some(State::Call(state)) = self.frames.get_mut(&key).map(|frame| &mut frame.state) else {
            return;
        };
        if let CallPhase::Running(fence) = state.phase {
            self.flights.remove(&fence);
            self.changes.push(EffectChange::Ended(fence));
        }
        state.failed = state.failed.saturating_add(1);
        state.deliveries = 0;
        state.deaths = 0;
        state.previous = Some(failure.clone());
        // Without another attempt the failure of the step follows in the same transition.
        state.phase = CallPhase::Waiting(retry_at.unwrap_or(self.last_at));
        if let Some(retry_at) = retry_at {
            self.deadlines.insert((retry_at, key.clone()));
            self.ready.insert(key);
        }
    }

    fn step_failed(&mut self, plan: &Plan, at: &StepReference, failure: &Failure, attempts: u32, then: AfterFailure) {
        let Some(key) = self.locate(plan, at) else { return };
        let mut result = StepResult {
            error: Some(failure.clone()),
            attempts,
            ..self.blank(plan, &key, StepStatus::Failed)
        };
        if then == AfterFailure::Continue {
            // Row C24: what comes after sees that there is no output because of a failure.
            let error = failure.to_data(at.step.as_str(), attempts);
            result.output = Value::new(Data::map([("__error__", error)]));
        }
        match self.frames.get(&key).map(|frame| &frame.state) {
            Some(State::Gate(state)) => {
                let (output, markers) = gate::failed_result(state, failure);
                result.output = Value::new(output);
                result.markers = markers;
            }
            Some(State::Wait(_)) if failure.class == FailureClass::Timeout => {
                result.markers = vec!["timed_out".to_owned()];
            }
            _ => {}
        }
        match then {
            AfterFailure::Continue => self.end(plan, &key, Some(result), ChildEnd::Continued),
            AfterFailure::Propagate => {
                let ending = Ending::Failed {
                    step: at.step.clone(),
                    failure: failure.clone(),
                };
                self.end(plan, &key, Some(result), ChildEnd::Left(ending));
            }
            AfterFailure::Handle => {
                self.record(plan, &key, result);
                if !self.frames.contains_key(&key) {
                    // It failed before its first attempt: while its condition or parameters were evaluated.
                    let state = CallState {
                        phase: CallPhase::Lost,
                        failed: 0,
                        deliveries: 0,
                        deaths: 0,
                        params: Value::Inline(Data::Null),
                        previous: None,
                        deadline: None,
                    };
                    self.begin(plan, at, |_| State::Call(Box::new(state)));
                }
                self.land(&key);
                if let Some(State::Call(state)) = self.frames.get_mut(&key).map(|frame| &mut frame.state) {
                    state.failed = attempts;
                    state.phase = CallPhase::Handling(Box::new(Handling {
                        sequence: Sequence::default(),
                        failure: failure.clone(),
                    }));
                }
                self.ready.insert(key);
            }
        }
    }

    fn block_started(&mut self, plan: &Plan, at: &StepReference) {
        let Some(key) = self.locate(plan, at) else { return };
        let NodeKind::Parallel(parallel) = &plan.node(self.node_of(&key)).kind else {
            self.begin(plan, at, |_| State::Block(Sequence::default()));
            return;
        };
        let scope = self.scope_of(plan, &key);
        let first_scope = self
            .scopes
            .open(scope, parallel.branches.iter().map(|branch| branch.needs.as_slice()));
        let mut state = ParallelState {
            branches: Vec::with_capacity(parallel.branches.len()),
            ready_calls: BTreeSet::new(),
            ready_others: BTreeSet::new(),
            running: 0,
            ended: 0,
            completed: 0,
            succeeded: 0,
            failed: BTreeSet::new(),
            stopping: false,
            first_scope,
        };
        for (place, branch) in (0_u32..).zip(&parallel.branches) {
            let needs = u32::try_from(branch.needs.len()).unwrap_or(u32::MAX);
            state.branches.push(BranchState::Blocked(needs));
            if needs == 0 {
                make_ready(&mut state, place, &plan.node(branch.node).kind);
            }
        }
        self.begin(plan, at, |_| State::Parallel(Box::new(state)));
    }

    fn branches_cancelled(&mut self, plan: &Plan, at: &StepReference, branches: &[u32]) {
        let Some(key) = self.locate(plan, at) else { return };
        let node = self.node_of(&key);
        let NodeKind::Parallel(parallel) = &plan.node(node).kind else {
            return;
        };
        let Some(State::Parallel(state)) = self.frames.get_mut(&key).map(|frame| &mut frame.state) else {
            return;
        };
        state.stopping = true;
        state.ready_calls.clear();
        state.ready_others.clear();
        let mut running = Vec::new();
        for place in branches {
            match state.branches.get_mut(*place as usize) {
                Some(BranchState::Running) => running.push(parallel.branches[*place as usize].node),
                Some(BranchState::Ended(_)) | None => {}
                Some(waiting @ (BranchState::Blocked(_) | BranchState::Ready)) => {
                    *waiting = BranchState::Ended(ChildEnd::Left(Ending::Cancelled { reason: String::new() }));
                    state.ended += 1;
                }
            }
        }
        for branch in running {
            self.cancel_frames(plan, Some(&FrameKey::of(branch, &key.occurrence)));
        }
        self.ready.insert(key);
    }

    /// Marks the frames of a branch, or of the whole run, as being left; those inside an `always` go on.
    fn cancel_frames(&mut self, plan: &Plan, branch: Option<&FrameKey>) {
        // Frames are in the order of the steps: only those of the branch are looked at.
        let (from, first, end) = match branch.and_then(|key| key.node) {
            Some(node) => (node, Some(node), plan.links(node).end),
            None => (NodeIndex(0), None, NodeIndex(u32::MAX)),
        };
        let bound = |node| FrameKey {
            node,
            occurrence: Occurrence::default(),
        };
        let occurrence = branch.map(|key| &key.occurrence);
        let mut keys: Vec<FrameKey> = Vec::new();
        for key in self.frames.range(bound(first)..bound(Some(end))).map(|(key, _)| key) {
            let inside = occurrence.is_none_or(|prefix| key.occurrence.iterations().starts_with(prefix.iterations()));
            if inside && !self.is_cleaning_up(plan, key, from) {
                keys.push(key.clone());
            }
        }
        for key in keys {
            if let Some(frame) = self.frames.get_mut(&key) {
                frame.cancelling = true;
            }
            self.ready.insert(key);
        }
    }

    /// Returns whether `key` is in an `always` block at or below `top`, or in the cleanup of the run.
    fn is_cleaning_up(&self, plan: &Plan, key: &FrameKey, top: NodeIndex) -> bool {
        if key.node.is_none() {
            let root = self.frames.get(key).map(|frame| &frame.state);
            return matches!(root, Some(State::Root(root)) if root.cleanup.is_some());
        }
        let mut at = key.node;
        while let Some(node) = at.filter(|node| *node >= top) {
            if matches!(plan.node(node).kind, NodeKind::Always(_)) {
                return true;
            }
            at = plan.parent(node);
        }
        false
    }

    fn block_ended(&mut self, plan: &Plan, at: &StepReference, ending: &Ending, markers: &[String]) {
        let Some(key) = self.locate(plan, at) else { return };
        let result = plan.node(self.node_of(&key)).key.as_ref().map(|_| {
            let (status, error) = match ending {
                Ending::Completed => (StepStatus::Completed, None),
                Ending::Failed { failure, .. } => (StepStatus::Failed, Some(failure.clone())),
                Ending::Cancelled { .. } | Ending::Killed { .. } => (StepStatus::Cancelled, None),
            };
            StepResult {
                markers: markers.to_vec(),
                error,
                ..self.blank(plan, &key, status)
            }
        });
        if let Some(Frame {
            scope,
            state: State::Parallel(state),
            ..
        }) = self.frames.get(&key)
        {
            let count = u32::try_from(state.branches.len()).unwrap_or(u32::MAX);
            self.scopes.merge(*scope, state.first_scope, count);
        }
        let end = match ending {
            Ending::Completed => ChildEnd::Completed,
            Ending::Failed { .. } | Ending::Cancelled { .. } | Ending::Killed { .. } => ChildEnd::Left(ending.clone()),
        };
        self.end(plan, &key, result, end);
    }

    /// Opens the frame of a step, or replaces its state when the step is at its next round.
    pub(super) fn begin(&mut self, plan: &Plan, at: &StepReference, state: impl FnOnce(ScopeId) -> State) {
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

    fn insert(&mut self, key: FrameKey, scope: ScopeId, state: State) {
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
    fn land(&mut self, key: &FrameKey) {
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
    fn end(&mut self, plan: &Plan, key: &FrameKey, result: Option<StepResult>, end: ChildEnd) {
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

    fn record(&mut self, plan: &Plan, key: &FrameKey, result: StepResult) {
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

    fn count(&mut self, metrics: &Metrics) {
        for (name, amount) in metrics {
            *self.metrics.entry(name.clone()).or_insert(0.0) += amount;
        }
    }

    /// Returns a result of `status` with nothing but its times.
    fn blank(&self, plan: &Plan, key: &FrameKey, status: StepStatus) -> StepResult {
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

    pub(super) fn locate(&self, plan: &Plan, at: &StepReference) -> Option<FrameKey> {
        plan.find(&at.step).map(|node| FrameKey::of(node, &at.occurrence))
    }

    /// Returns the step of a frame that [`Self::locate`] found: never the run itself.
    fn node_of(&self, key: &FrameKey) -> NodeIndex {
        key.node.unwrap_or(NodeIndex(0))
    }

    /// Returns the scope that a step writes to: its own as a branch, else that of the block around it.
    pub(super) fn scope_of(&self, plan: &Plan, key: &FrameKey) -> ScopeId {
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

fn branch_ended(plan: &Plan, node: NodeIndex, state: &mut ParallelState, position: u32, end: ChildEnd) {
    let NodeKind::Parallel(parallel) = &plan.node(node).kind else {
        return;
    };
    // Events that do not belong to the state, as of a damaged log, count nothing twice.
    if !matches!(state.branches[position as usize], BranchState::Running) {
        return;
    }
    state.running -= 1;
    state.ended += 1;
    match &end {
        ChildEnd::Completed => {
            state.completed += 1;
            state.succeeded += 1;
        }
        ChildEnd::Skipped => state.succeeded += 1,
        ChildEnd::Left(Ending::Failed { .. }) => {
            state.failed.insert(position);
        }
        ChildEnd::Continued | ChildEnd::Left(Ending::Completed | Ending::Cancelled { .. } | Ending::Killed { .. }) => {}
    }
    state.branches[position as usize] = BranchState::Ended(end);
    for dependent in &plan.dependents(node)[position as usize] {
        let free = match &mut state.branches[*dependent as usize] {
            BranchState::Blocked(open) => {
                *open -= 1;
                *open == 0
            }
            BranchState::Ready | BranchState::Running | BranchState::Ended(_) => false,
        };
        if free {
            make_ready(
                state,
                *dependent,
                &plan.node(parallel.branches[*dependent as usize].node).kind,
            );
        }
    }
}

fn make_ready(state: &mut ParallelState, place: u32, kind: &NodeKind) {
    state.branches[place as usize] = BranchState::Ready;
    if matches!(kind, NodeKind::Call(_)) {
        state.ready_calls.insert(place);
    } else {
        state.ready_others.insert(place);
    }
}

/// Returns the key of the frame around `key`.
pub(super) fn parent_of(plan: &Plan, key: &FrameKey) -> FrameKey {
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
