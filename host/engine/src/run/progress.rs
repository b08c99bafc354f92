//! What a step that can go on does next.

use super::decide::{after_failure, delivery_of, out_of_time};
use super::frame::{
    BranchState, CallPhase, CallState, ChildEnd, Frame, FrameKey, LoopState, ParallelState, Root, Sequence, State,
};
use super::view::View;
use super::{MAX_LOST_DELIVERIES, Run, scope};
use crate::data::Data;
use crate::event::{AfterFailure, Cause, Ending, Event, Metrics, SkipReason, StepReference};
use crate::expr::Evaluated;
use crate::failure::{Failure, FailureClass};
use crate::id::{Digest, Occurrence, StepPath};
use crate::plan::{
    Block, Call, Join, Loop, LoopOrder, Node, NodeIndex, NodeKind, OnFail, OnLimit, OnLost, Parallel, Plan,
};
use crate::time::Timestamp;
use crate::value::Value;

/// What is next for a frame.
pub(super) enum Next {
    /// This happens.
    Event(Box<Event>),
    /// These happen together.
    Events(Vec<Event>),
    /// Nothing, until something else happens.
    Wait,
    /// An attempt would start if there were a permit.
    WantsPermit,
}

impl From<Event> for Next {
    fn from(event: Event) -> Self {
        Self::Event(Box::new(event))
    }
}

/// What is next in a sequence of steps.
enum Turn {
    Begin(NodeIndex),
    Busy,
    Over(Ending),
}

/// The path under which a run fails whose outputs cannot be evaluated.
const OUTPUTS: &str = "outputs";

impl Run {
    /// Returns what is next for the frame `key`.
    pub(super) fn next(&self, plan: &Plan, key: &FrameKey, now: Timestamp, permits: u32) -> Next {
        let Some(frame) = self.frames.get(key) else {
            return Next::Wait;
        };
        if self.waits_for_room(plan, key) {
            return Next::Wait;
        }
        match (&frame.state, key.node.map(|node| (node, plan.node(node)))) {
            (State::Root(root), _) => self.next_of_root(plan, key, frame, root, now, permits),
            (State::Call(state), Some((_, node))) => {
                let NodeKind::Call(call) = &node.kind else {
                    return Next::Wait;
                };
                self.next_of_call(plan, key, frame, state, (node, call), now, permits)
            }
            (State::Block(sequence), Some((index, node))) => match self.turn(plan, key, frame, sequence) {
                Turn::Begin(child) => self.begin_child(plan, key, frame.scope, child, &key.occurrence, now, permits),
                Turn::Busy => Next::Wait,
                Turn::Over(ending) => {
                    let markers = self.markers_below(plan, index, node, frame);
                    Event::BlockEnded {
                        at: at(node, &key.occurrence),
                        ending,
                        markers,
                    }
                    .into()
                }
            },
            (State::Loop(state), Some((_, node))) => {
                let NodeKind::Loop(repeat) = &node.kind else {
                    return Next::Wait;
                };
                match self.turn(plan, key, frame, &state.sequence) {
                    Turn::Begin(child) => {
                        let inside = key.occurrence.inside(state.round);
                        self.begin_child(plan, key, frame.scope, child, &inside, now, permits)
                    }
                    Turn::Busy => Next::Wait,
                    Turn::Over(Ending::Completed) => self.after_round(plan, key, frame, state, (node, repeat), now),
                    Turn::Over(ending) => self.loop_ended(plan, key, frame, node, ending),
                }
            }
            (State::Parallel(state), Some((_, node))) => {
                let NodeKind::Parallel(parallel) = &node.kind else {
                    return Next::Wait;
                };
                self.next_of_parallel(plan, key, frame, state, (node, parallel), now, permits)
            }
            (State::Gate(state), Some((_, node))) => match &node.kind {
                NodeKind::Gate(gate) => self.next_of_gate(key, frame, state, (node, gate), now),
                _ => Next::Wait,
            },
            (State::Wait(state), Some((_, node))) => match &node.kind {
                NodeKind::Wait(wait) => self.next_of_wait(key, frame, state, (node, wait), now),
                _ => Next::Wait,
            },
            // Only the run itself has no step.
            (
                State::Call(_)
                | State::Block(_)
                | State::Loop(_)
                | State::Parallel(_)
                | State::Gate(_)
                | State::Wait(_),
                None,
            ) => Next::Wait,
        }
    }

    fn next_of_root(
        &self,
        plan: &Plan,
        key: &FrameKey,
        frame: &Frame,
        root: &Root,
        now: Timestamp,
        permits: u32,
    ) -> Next {
        if let Some(event) = self.out_of_time(frame, now) {
            return event.into();
        }
        match self.turn(plan, key, frame, &root.sequence) {
            Turn::Begin(child) => self.begin_child(plan, key, frame.scope, child, &key.occurrence, now, permits),
            Turn::Busy => Next::Wait,
            Turn::Over(ending) => {
                let body = root
                    .cleanup
                    .clone()
                    .or_else(|| self.ending_out_of_time())
                    .unwrap_or(ending);
                if root.cleanup.is_none() && !plan.parts().always.is_empty() {
                    return Event::CleanupStarted { ending: body }.into();
                }
                // A cancel request that was accepted before the end decides the end (row I06).
                let ending = match &self.cancel {
                    Some(asked) => Ending::Cancelled {
                        reason: asked.reason.clone(),
                    },
                    None => body,
                };
                self.finished(plan, key, ending, now).into()
            }
        }
    }

    fn finished(&self, plan: &Plan, key: &FrameKey, ending: Ending, now: Timestamp) -> Event {
        let view = View {
            run: self,
            plan,
            scope: scope::ROOT,
            key,
            now,
        };
        let Some(declared) = &plan.parts().outputs else {
            let outputs = view
                .last_output()
                .map_or(Data::Null, |result| result.output.data().clone());
            return Event::RunFinished {
                ending,
                outputs: Value::new(outputs),
            };
        };
        let mut ending = ending;
        let mut outputs = Vec::new();
        for (name, source) in declared {
            let value = view.value(source).unwrap_or_else(|failure| {
                // After a failure an output that cannot be evaluated is null; after success it is a failure.
                if ending == Ending::Completed {
                    let message = format!("output `{name}`: {}", failure.message);
                    ending = Ending::Failed {
                        step: StepPath::new(OUTPUTS),
                        failure: Failure { message, ..failure },
                    };
                }
                Data::Null
            });
            outputs.push((name.as_str(), value));
        }
        Event::RunFinished {
            ending,
            outputs: Value::new(Data::map(outputs)),
        }
    }

    /// Returns what is next in a sequence: left early, it goes on only with its `always` blocks.
    fn turn(&self, plan: &Plan, key: &FrameKey, frame: &Frame, sequence: &Sequence) -> Turn {
        if sequence.busy {
            return Turn::Busy;
        }
        let steps = block_of(plan, key.node, sequence.block);
        let cleaning = matches!(&frame.state, State::Root(root) if root.cleanup.is_some());
        let leaving = match &sequence.leaving {
            // The `always` blocks of a run all run, whatever one of them does.
            _ if cleaning => None,
            // What is cancelled ends as cancelled, whatever its `always` blocks do on the way out.
            _ if frame.cancelling => Some(Ending::Cancelled {
                reason: self.cancel_reason(),
            }),
            Some(ending) => Some(ending.clone()),
            None => None,
        };
        let mut rest = steps.iter().skip(sequence.next as usize);
        let next = match &leaving {
            None => rest.next(),
            Some(_) => rest.find(|node| matches!(plan.node(**node).kind, NodeKind::Always(_))),
        };
        match next {
            Some(node) => Turn::Begin(*node),
            None => Turn::Over(leaving.unwrap_or(Ending::Completed)),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a step begins at a place, in a scope, at a time, with permits"
    )]
    fn begin_child(
        &self,
        plan: &Plan,
        parent: &FrameKey,
        scope: scope::ScopeId,
        child: NodeIndex,
        occurrence: &Occurrence,
        now: Timestamp,
        permits: u32,
    ) -> Next {
        let node = plan.node(child);
        let view = View {
            run: self,
            plan,
            scope,
            key: parent,
            now,
        };
        let failed = |failure: Failure| -> Next {
            let then = match &node.kind {
                NodeKind::Call(call) => after_failure(&call.on_fail),
                _ => AfterFailure::Propagate,
            };
            Event::StepFailed {
                at: at(node, occurrence),
                failure,
                attempts: 0,
                then,
            }
            .into()
        };
        let skipped = || {
            Event::StepSkipped {
                at: at(node, occurrence),
                reason: SkipReason::Condition,
            }
            .into()
        };
        if let Some(guard) = &node.guard {
            match view.holds(guard) {
                Ok(true) => {}
                Ok(false) => return skipped(),
                Err(failure) => return failed(failure),
            }
        }
        match &node.kind {
            NodeKind::Call(_) if permits == 0 => Next::WantsPermit,
            NodeKind::Call(call) => match view.evaluated(&call.params) {
                Ok(Evaluated { data: params, missing }) => Event::AttemptStarted {
                    at: at(node, occurrence),
                    attempt: 1,
                    delivery: 1,
                    params: Some(Value::new(params)),
                    missing,
                    class: None,
                }
                .into(),
                Err(failure) => failed(failure),
            },
            NodeKind::If(choice) => {
                for (arm, candidate) in (0_u32..).zip(&choice.arms) {
                    match view.holds(&candidate.condition) {
                        Ok(true) => {
                            return Event::BranchChosen {
                                at: at(node, occurrence),
                                arm,
                            }
                            .into();
                        }
                        Ok(false) => {}
                        Err(failure) => return failed(failure),
                    }
                }
                if choice.otherwise.is_empty() {
                    return skipped();
                }
                let arm = u32::try_from(choice.arms.len()).unwrap_or(u32::MAX);
                Event::BranchChosen {
                    at: at(node, occurrence),
                    arm,
                }
                .into()
            }
            NodeKind::Loop(repeat) => {
                if repeat.order == LoopOrder::TestFirst {
                    match view.holds(&repeat.condition) {
                        Ok(true) => {}
                        Ok(false) => return skipped(),
                        Err(failure) => return failed(failure),
                    }
                }
                match rounds(&view, repeat) {
                    Err(failure) => failed(failure),
                    Ok(0) => match repeat.on_limit {
                        OnLimit::Fail => failed(limit_reached(0)),
                        OnLimit::Continue => skipped(),
                    },
                    Ok(_) => Event::IterationStarted {
                        at: at(node, occurrence),
                        round: 0,
                        unchanged: 0,
                        seen: None,
                    }
                    .into(),
                }
            }
            NodeKind::Do(_) | NodeKind::Always(_) | NodeKind::Parallel(_) => Event::BlockStarted {
                at: at(node, occurrence),
            }
            .into(),
            NodeKind::Set(values) => {
                let mut written = Vec::with_capacity(values.len());
                for (name, source) in values {
                    match view.value(source) {
                        Ok(value) => written.push((name.as_str(), value)),
                        Err(failure) => return failed(failure),
                    }
                }
                Event::VariablesSet {
                    at: at(node, occurrence),
                    values: Value::new(Data::map(written)),
                }
                .into()
            }
            NodeKind::Gate(gate) => match self.open_gate(&view, node, gate, occurrence) {
                Ok(event) => event.into(),
                Err(failure) => failed(failure),
            },
            NodeKind::Wait(wait) => match self.start_wait(&view, node, wait, occurrence) {
                Ok(event) => event.into(),
                Err(failure) => failed(failure),
            },
            NodeKind::Fail(template) => match view.text(template) {
                Ok(text) => failed(Failure::new(FailureClass::Permanent, text)),
                Err(failure) => failed(failure),
            },
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a frame, its step, a time and permits")]
    fn next_of_call(
        &self,
        plan: &Plan,
        key: &FrameKey,
        frame: &Frame,
        state: &CallState,
        (node, call): (&Node, &Call),
        now: Timestamp,
        permits: u32,
    ) -> Next {
        let here = || at(node, &key.occurrence);
        if let CallPhase::Handling(handling) = &state.phase {
            return match self.turn(plan, key, frame, &handling.sequence) {
                Turn::Begin(child) => self.begin_child(plan, key, frame.scope, child, &key.occurrence, now, permits),
                Turn::Busy => Next::Wait,
                Turn::Over(_) => Event::StepHandled { at: here() }.into(),
            };
        }
        if frame.cancelling {
            return Event::StepCancelled { at: here() }.into();
        }
        if state.deadline.is_some_and(|deadline| deadline <= now) {
            let begun = state.failed + u32::from(delivery_of(&state.phase).is_some());
            let failure = out_of_time(begun);
            let mut events = Vec::new();
            if delivery_of(&state.phase).is_some() {
                events.push(Event::AttemptFailed {
                    at: here(),
                    attempt: begun,
                    failure: failure.clone(),
                    retry_at: None,
                    metrics: Metrics::new(),
                    saved: None,
                    used: None,
                });
            }
            let then = after_failure(&call.on_fail);
            events.push(Event::StepFailed {
                at: here(),
                failure,
                attempts: begun,
                then,
            });
            return Next::Events(events);
        }
        let start = |attempt, delivery| {
            if permits == 0 {
                return Next::WantsPermit;
            }
            Event::AttemptStarted {
                at: here(),
                attempt,
                delivery,
                params: None,
                missing: Vec::new(),
                class: None,
            }
            .into()
        };
        let lose = |message: String| {
            let failure = Failure::new(FailureClass::Lost, message);
            let attempt = state.failed + 1;
            Next::Events(self.failed_attempt(plan, key, here(), attempt, failure, (Metrics::new(), None, None), now))
        };
        let lost = if state.deaths > 0 { "died" } else { "stopped it" };
        match &state.phase {
            CallPhase::Running(_) => Next::Wait,
            CallPhase::Waiting(until) if *until > now => Next::Wait,
            CallPhase::Waiting(_) => start(state.failed + 1, 1),
            CallPhase::Lost if state.unsure && call.on_lost == OnLost::Fail => lose(format!(
                "its host {lost} while it was under way; the action must not be repeated"
            )),
            // A run that is being cancelled waits for nobody: it ends.
            CallPhase::Lost if state.unsure && call.on_lost == OnLost::Ask && self.cancel.is_some() => lose(format!(
                "its host {lost} while it was under way; whether it is repeated is for a person to say"
            )),
            CallPhase::Lost if state.deaths >= MAX_LOST_DELIVERIES && self.cancel.is_some() => lose(format!(
                "{MAX_LOST_DELIVERIES} hosts died while they worked on this attempt"
            )),
            CallPhase::Lost if state.unsure && call.on_lost == OnLost::Ask => pause(format!(
                "the host {lost} while step `{}` ({}) was under way, and the action wants a person to look: \
                 resumed, it is delivered again",
                node.path, call.action
            )),
            CallPhase::Lost if state.deaths >= MAX_LOST_DELIVERIES => pause(format!(
                "{MAX_LOST_DELIVERIES} hosts died while they worked on step `{}` ({}): \
                 resumed, it is delivered again",
                node.path, call.action
            )),
            CallPhase::Lost => start(state.failed + 1, state.deliveries + 1),
            // Answered above.
            CallPhase::Handling(_) => Next::Wait,
        }
    }

    fn after_round(
        &self,
        plan: &Plan,
        key: &FrameKey,
        frame: &Frame,
        state: &LoopState,
        (node, repeat): (&Node, &Loop),
        now: Timestamp,
    ) -> Next {
        let view = View {
            run: self,
            plan,
            scope: frame.scope,
            key,
            now,
        };
        let over = |ending| self.loop_ended(plan, key, frame, node, ending);
        let failed = |failure| {
            over(Ending::Failed {
                step: node.path.clone(),
                failure,
            })
        };
        let mut unchanged = 0;
        let mut seen = None;
        if let Some(bound) = repeat.stuck_after {
            seen = Some(Digest::of(view.looked_at(&repeat.condition).to_json().as_bytes()));
            unchanged = if seen == state.seen { state.unchanged + 1 } else { 1 };
            if unchanged >= bound {
                let message = format!("stuck: what the condition looks at was the same after {bound} rounds in a row");
                return failed(Failure::new(FailureClass::Permanent, message));
            }
        }
        match view.holds(&repeat.condition) {
            Ok(true) => {}
            Ok(false) => return over(Ending::Completed),
            Err(failure) => return failed(failure),
        }
        let round = state.round + 1;
        match rounds(&view, repeat) {
            Err(failure) => failed(failure),
            Ok(limit) if round >= limit => match repeat.on_limit {
                OnLimit::Fail => failed(limit_reached(limit)),
                OnLimit::Continue => over(Ending::Completed),
            },
            Ok(_) => Event::IterationStarted {
                at: at(node, &key.occurrence),
                round,
                unchanged,
                seen,
            }
            .into(),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a frame, its step, a time and permits")]
    fn next_of_parallel(
        &self,
        plan: &Plan,
        key: &FrameKey,
        frame: &Frame,
        state: &ParallelState,
        (node, parallel): (&Node, &Parallel),
        now: Timestamp,
        permits: u32,
    ) -> Next {
        let count = u32::try_from(state.branches.len()).unwrap_or(u32::MAX);
        if state.ended == count {
            let markers = node
                .key
                .as_ref()
                .map_or_else(Vec::new, |_| self.scopes.markers(state.first_scope, count));
            let ending = self.parallel_ending(plan, frame, state, parallel);
            return Event::BlockEnded {
                at: at(node, &key.occurrence),
                ending,
                markers,
            }
            .into();
        }
        let decided = match parallel.join {
            // A branch that was skipped has nothing to offer to what follows.
            Join::Any => state.completed > 0,
            Join::All => parallel.fail_fast && !state.failed.is_empty(),
        };
        if !state.stopping && (decided || frame.cancelling) {
            let branches = (0_u32..)
                .zip(&state.branches)
                .filter(|(_, branch)| !matches!(branch, BranchState::Ended(_)))
                .map(|(place, _)| place)
                .collect();
            return Event::BranchesCancelled {
                at: at(node, &key.occurrence),
                branches,
            }
            .into();
        }
        if state.stopping || parallel.max_parallel.is_some_and(|most| state.running >= most) {
            return Next::Wait;
        }
        let calls = state.ready_calls.first().copied().filter(|_| permits > 0);
        let place = match (calls, state.ready_others.first().copied()) {
            (Some(call), Some(other)) => call.min(other),
            (Some(place), None) | (None, Some(place)) => place,
            (None, None) if state.ready_calls.is_empty() => return Next::Wait,
            (None, None) => return Next::WantsPermit,
        };
        let branch = &parallel.branches[place as usize];
        let missed = branch.needs.iter().find(|need| {
            matches!(
                state.branches[**need as usize],
                BranchState::Ended(ChildEnd::Continued | ChildEnd::Left(_))
            )
        });
        if let Some(need) = missed.filter(|_| !branch.needs_any_result) {
            let need = plan.node(parallel.branches[*need as usize].node).path.clone();
            let here = at(plan.node(branch.node), &key.occurrence);
            return Event::StepSkipped {
                at: here,
                reason: SkipReason::Need(need),
            }
            .into();
        }
        let scope = state.first_scope + place;
        self.begin_child(plan, key, scope, branch.node, &key.occurrence, now, permits)
    }

    fn parallel_ending(&self, plan: &Plan, frame: &Frame, state: &ParallelState, parallel: &Parallel) -> Ending {
        if frame.cancelling {
            return Ending::Cancelled {
                reason: self.cancel_reason(),
            };
        }
        let enough = match (parallel.join, parallel.min_success) {
            (Join::Any, _) => state.succeeded > 0,
            (Join::All, Some(least)) => state.succeeded >= least,
            (Join::All, None) => state.failed.is_empty(),
        };
        if enough {
            return Ending::Completed;
        }
        // The first in the text, so that the reason does not depend on which branch was faster.
        let first = state
            .failed
            .first()
            .and_then(|place| match &state.branches[*place as usize] {
                BranchState::Ended(ChildEnd::Left(ending)) => Some(ending.clone()),
                _ => None,
            });
        first.unwrap_or_else(|| {
            let least = parallel.min_success.unwrap_or(1);
            let message = format!(
                "{} of {} branches succeeded, {least} had to",
                state.succeeded,
                state.branches.len()
            );
            let step = parallel
                .branches
                .first()
                .map_or_else(|| StepPath::new(""), |branch| plan.node(branch.node).path.clone());
            Ending::Failed {
                step,
                failure: Failure::new(FailureClass::Permanent, message),
            }
        })
    }

    fn loop_ended(&self, plan: &Plan, key: &FrameKey, frame: &Frame, node: &Node, ending: Ending) -> Next {
        let markers = key
            .node
            .map_or_else(Vec::new, |index| self.markers_below(plan, index, node, frame));
        Event::BlockEnded {
            at: at(node, &key.occurrence),
            ending,
            markers,
        }
        .into()
    }

    /// Returns the markers that the steps of a named block left, sorted.
    fn markers_below(&self, plan: &Plan, index: NodeIndex, node: &Node, frame: &Frame) -> Vec<String> {
        if node.key.is_none() {
            return Vec::new();
        }
        let inside =
            (index.0 + 1..plan.links(index).end.0).filter_map(|child| plan.node(NodeIndex(child)).key.as_ref());
        let mut markers: Vec<String> = inside
            .filter_map(|key| self.scopes.result(frame.scope, key))
            .flat_map(|result| result.markers.clone())
            .collect();
        markers.sort_unstable();
        markers.dedup();
        markers
    }
}

/// Returns that the run pauses by itself, until a person lets it go on.
fn pause(reason: String) -> Next {
    let cause = Cause::default();
    Event::RunPaused { reason, cause }.into()
}

pub(super) fn at(node: &Node, occurrence: &Occurrence) -> StepReference {
    StepReference {
        step: node.path.clone(),
        occurrence: occurrence.clone(),
    }
}

fn limit_reached(limit: u32) -> Failure {
    Failure::new(
        FailureClass::Permanent,
        format!("`max_iterations` of {limit} reached and the condition still holds"),
    )
}

/// Returns how many rounds a loop may have.
fn rounds(view: &View<'_>, repeat: &Loop) -> Result<u32, Failure> {
    match view.value(&repeat.limit)? {
        Data::Int(limit) if limit >= 0 => Ok(u32::try_from(limit).unwrap_or(u32::MAX)),
        other => {
            let message = format!("`max_iterations` must be a whole number from 0 on, it is {other}");
            Err(Failure::new(FailureClass::Expression, message))
        }
    }
}

/// Returns the steps of a block of a step, or of the run: its body (0) or its `always` blocks (1).
pub(super) fn block_of(plan: &Plan, node: Option<NodeIndex>, block: u32) -> &Block {
    const EMPTY: &Block = &Block::new();
    let Some(node) = node else {
        return if block == 0 {
            &plan.parts().body
        } else {
            &plan.parts().always
        };
    };
    match &plan.node(node).kind {
        NodeKind::If(choice) => choice
            .arms
            .get(block as usize)
            .map_or(&choice.otherwise, |arm| &arm.body),
        NodeKind::Loop(repeat) => &repeat.body,
        NodeKind::Do(block) | NodeKind::Always(block) => block,
        NodeKind::Call(call) => match &call.on_fail {
            OnFail::Handle(block) => block,
            OnFail::Fail | OnFail::Continue => EMPTY,
        },
        NodeKind::Parallel(_) | NodeKind::Set(_) | NodeKind::Fail(_) | NodeKind::Gate(_) | NodeKind::Wait(_) => EMPTY,
    }
}
