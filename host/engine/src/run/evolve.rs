//! What each event does to the state: applied, never decided here.

mod blocks;
mod calls;
mod frames;
mod leaving;

pub(super) use frames::parent_of;

use super::frame::{CallPhase, ChildEnd, Frame, FrameKey, LoopState, Root, Sequence, State};
use super::gate::{Decision, GateState};
use super::requests::Asked;
use super::scope;
use super::wait::{Signal, WaitState};
use super::{Phase, Run};
use crate::effect::EffectChange;
use crate::event::{Ending, Event, Recorded, SkipReason};
use crate::id::{Fence, Version};
use crate::plan::Plan;
use crate::result::{StepResult, StepStatus};
use crate::value::Value;

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
                self.limit(plan);
            }
            Event::RunAdopted { generation, lost, .. } => {
                self.generation = *generation;
                self.phase = Phase::Active;
                self.lose(lost, 1);
                self.suspect();
                self.ready.extend(self.frames.keys().cloned());
            }
            Event::RunInterrupted { stopped, .. } => {
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
            Event::RunTimedOut => {
                self.timed_out = true;
                self.pause = None;
                self.unlimit();
                self.cancel_frames(plan, None);
            }
            Event::RunPaused { reason, cause } => {
                self.pause = Some(Asked {
                    at: recorded.at,
                    reason: reason.clone(),
                    cause: cause.clone(),
                });
            }
            Event::RunResumed { .. } => {
                self.pause = None;
                self.absolve();
            }
            // What it dropped was passed over when the run was restored for it.
            Event::RunRetried {
                generation,
                lineage,
                from,
                inputs,
                ..
            } => {
                self.generation = *generation;
                self.lineage = *lineage;
                self.phase = Phase::Active;
                if let Some(inputs) = inputs {
                    self.inputs = inputs.data().clone();
                }
                self.hold_back(plan, from.as_ref());
                self.limit(plan);
                self.ready.extend(self.frames.keys().cloned());
            }
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
                self.unlimit();
                self.ready.insert(FrameKey::root());
            }
            Event::RunFinished { ending, outputs } => self.finish(ending, outputs),
            Event::AttemptStarted {
                at,
                params,
                delivery,
                attempt,
                missing: _,
                class,
            } => {
                let given = (params.as_ref(), *class);
                self.attempt_started(plan, at, Fence(recorded.sequence), *attempt, *delivery, given);
            }
            Event::AttemptFailed {
                at,
                failure,
                retry_at,
                metrics,
                saved,
                ..
            } => {
                self.attempt_failed(plan, at, failure, (*retry_at, saved.as_ref()), metrics);
            }
            Event::ProgressSaved { at, detail, .. } => self.progress_saved(plan, at, detail),
            Event::StepCompleted {
                at,
                attempt,
                output,
                markers,
                context,
                metrics,
                shared,
                used: _,
            } => {
                self.count(metrics);
                self.shared.apply(shared);
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

    /// Takes note of an event that a retry dropped: its place and its costs are all that is left of it.
    pub(super) fn pass_over(&mut self, recorded: &Recorded) {
        self.version = Version(recorded.sequence);
        self.last_at = recorded.at;
        if let Event::StepCompleted { metrics, .. } | Event::AttemptFailed { metrics, .. } = &recorded.event {
            self.count(metrics);
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
}
