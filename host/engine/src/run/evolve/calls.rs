//! What the events of attempts, and the failure of a step, do to a call.

use crate::data::Data;
use crate::effect::EffectChange;
use crate::event::{AfterFailure, AttemptClass, Ending, Metrics, StepReference};
use crate::failure::{Failure, FailureClass};
use crate::id::Fence;
use crate::plan::{NodeKind, Plan};
use crate::result::{StepResult, StepStatus};
use crate::run::frame::{CallPhase, CallState, ChildEnd, Frame, Handling, Sequence, State};
use crate::run::{Flight, Run, gate};
use crate::time::Timestamp;
use crate::value::Value;

impl Run {
    pub(super) fn lose(&mut self, fences: &[Fence], deaths: u32) {
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
                call.unsure |= call.class != Some(AttemptClass::Quiet);
                if deaths > 0 {
                    self.suspects.insert(key.clone());
                }
            }
            self.ready.insert(key);
        }
    }

    /// Takes it that whoever lets the run go on wants what was lost to be delivered again.
    pub(super) fn absolve(&mut self) {
        for frame in self.frames.values_mut() {
            if let State::Call(call) = &mut frame.state {
                call.deaths = 0;
                call.unsure = false;
            }
        }
        self.suspects.clear();
        // What paused the run may have been all that there was to decide.
        self.ready.extend(self.frames.keys().cloned());
    }

    /// Looks for the deliveries that hosts died of, after a run was restored.
    pub(super) fn suspect(&mut self) {
        let suspect = |state: &State| matches!(state, State::Call(call) if call.is_suspect());
        let suspects = self.frames.iter().filter(|(_, frame)| suspect(&frame.state));
        self.suspects = suspects.map(|(key, _)| key.clone()).collect();
    }

    pub(super) fn attempt_started(
        &mut self,
        plan: &Plan,
        at: &StepReference,
        fence: Fence,
        attempt: u32,
        delivery: u32,
        (params, class): (Option<&Value>, Option<AttemptClass>),
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
                class: None,
                unsure: false,
                params: Value::Inline(Data::Null),
                previous: None,
                saved: None,
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
        state.class = class;
        state.unsure = false;
        if let Some(params) = params {
            state.params = params.clone();
        }
        self.ready.remove(&key);
        self.wanting.remove(&key);
        let generation = self.generation;
        self.flights.insert(fence, Flight { key, generation });
        self.changes.push(EffectChange::Appeared(fence));
    }

    pub(super) fn attempt_failed(
        &mut self,
        plan: &Plan,
        at: &StepReference,
        failure: &Failure,
        (retry_at, saved): (Option<Timestamp>, Option<&Data>),
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
        state.unsure = false;
        self.suspects.remove(&key);
        state.previous = Some(failure.clone());
        if let Some(saved) = saved {
            state.saved = Some(saved.clone());
        }
        // Without another attempt the failure of the step follows in the same transition.
        state.phase = CallPhase::Waiting(retry_at.unwrap_or(self.last_at));
        if let Some(retry_at) = retry_at {
            self.deadlines.insert((retry_at, key.clone()));
            self.ready.insert(key);
        }
    }

    /// Keeps what an attempt under way has for the one after it.
    pub(super) fn progress_saved(&mut self, plan: &Plan, at: &StepReference, detail: &Data) {
        let Some(key) = self.locate(plan, at) else { return };
        if let Some(State::Call(state)) = self.frames.get_mut(&key).map(|frame| &mut frame.state) {
            state.saved = Some(detail.clone());
        }
    }

    pub(super) fn step_failed(
        &mut self,
        plan: &Plan,
        at: &StepReference,
        failure: &Failure,
        attempts: u32,
        then: AfterFailure,
    ) {
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
                        class: None,
                        unsure: false,
                        params: Value::Inline(Data::Null),
                        previous: None,
                        saved: None,
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
}
