//! What a run does about an input: the transition, from input to events that are handed over as a whole.

use super::frame::{CallPhase, FrameKey, State};
use super::progress::Next;
use super::{MAX_EVENTS_PER_DECISION, Phase, Run, retry};
use crate::append::{Append, RunStatus, Writer};
use crate::data::Data;
use crate::event::{AfterFailure, AttemptClass, Event, Metrics, Recorded, StepReference, Used};
use crate::failure::{Failure, FailureClass};
use crate::id::{Fence, Generation, Version};
use crate::inbox::Answer;
use crate::input::{AttemptOutcome, Input, Parking, Rejected, Report, Situation, Start};
use crate::plan::{NodeKind, OnFail, Plan};
use crate::time::Timestamp;
use crate::value::Value;

/// What a decision leads to.
#[derive(Debug)]
#[must_use = "a decision that is not handed over never happened"]
pub enum Decision {
    /// Nothing happened.
    Unchanged(Run),
    /// Something happened, which is still to be handed over.
    Staged(Staged),
}

/// A run with events that no log has seen. The run cannot be used before they are handed over.
#[derive(Debug)]
#[must_use = "a decision that is not handed over never happened"]
pub struct Staged {
    run: Run,
    append: Append,
}

impl Staged {
    /// Returns what will be handed over.
    pub fn append(&self) -> &Append {
        &self.append
    }

    /// Hands the events over and returns the run with the writer's ticket for them.
    pub fn hand_over<W: Writer + ?Sized>(self, writer: &W) -> (Run, W::Ticket) {
        let ticket = writer.hand_over(self.append);
        (self.run, ticket)
    }

    /// Returns the same with the class of every delivery that it starts, as the sandbox that it will have says.
    pub fn classified(mut self, plan: &Plan, class: impl Fn(&StepReference) -> AttemptClass) -> Self {
        for recorded in &mut self.append.events {
            if let Event::AttemptStarted { at, class: said, .. } = &mut recorded.event {
                let is = class(at);
                *said = Some(is);
                self.run.classify(plan, at, Fence(recorded.sequence), is);
            }
        }
        if self.append.snapshot.is_some() {
            self.append.snapshot = self.run.snapshot(plan);
        }
        self
    }

    /// Returns the run and the append, for a log that stores more with it than the append (a new run's definition).
    pub fn into_parts(self) -> (Run, Append) {
        (self.run, self.append)
    }
}

/// A transition in the making.
pub(super) struct Transition<'a> {
    pub(super) run: Run,
    pub(super) plan: &'a Plan,
    pub(super) now: Timestamp,
    pub(super) permits: u32,
    parking: Parking,
    expected: Version,
    events: Vec<Recorded>,
    pub(super) answers: Vec<Answer>,
}

impl<'a> Transition<'a> {
    pub(super) fn new(run: Run, plan: &'a Plan, situation: Situation) -> Self {
        let now = situation.now.max(run.last_at).max(run.looked_at);
        let expected = run.version;
        let mut run = run;
        run.looked_at = now;
        Self {
            run,
            plan,
            now,
            permits: situation.permits,
            parking: situation.parking,
            expected,
            events: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Records an event and applies it.
    pub(super) fn record(&mut self, event: Event) {
        let recorded = Recorded {
            sequence: self.run.version.0 + 1,
            at: self.now,
            event,
        };
        self.run.evolve(self.plan, &recorded);
        self.events.push(recorded);
    }

    /// Goes on with the run until everything waits for something, or the bound is reached.
    pub(super) fn progress(&mut self) {
        while let Some((due, key)) = self.run.deadlines.first().cloned() {
            if due > self.now {
                break;
            }
            self.run.deadlines.remove(&(due, key.clone()));
            self.run.ready.insert(key);
        }
        while self.events.len() < MAX_EVENTS_PER_DECISION && matches!(self.run.phase, Phase::Active) {
            let permits = self.free_permits();
            if permits > 0 && self.run.wants_permits(self.plan) {
                let wanting = std::mem::take(&mut self.run.wanting);
                self.run.ready.extend(wanting);
            }
            let Some(key) = self.run.next_ready().cloned() else {
                break;
            };
            match self.run.next(self.plan, &key, self.now, permits) {
                Next::Event(event) => {
                    if matches!(*event, Event::AttemptStarted { .. }) {
                        self.permits -= 1;
                    }
                    self.record(*event);
                }
                Next::Events(events) => events.into_iter().for_each(|event| self.record(event)),
                Next::Wait => {
                    self.run.ready.remove(&key);
                }
                Next::WantsPermit => {
                    self.run.ready.remove(&key);
                    self.run.wanting.insert(key);
                }
            }
        }
    }

    /// Returns how many attempts may be started now: what the shell permits, within what the workflow allows.
    fn free_permits(&self) -> u32 {
        self.permits.min(self.run.room(self.plan))
    }

    pub(super) fn finish(mut self) -> Decision {
        let before = self.run.row_status;
        self.run.row_status = match self.parking {
            Parking::Keep => RunStatus::Running,
            Parking::LetGo => self.run.status_when_let_go(self.now),
        };
        // A run may come to rest without an event: its last decision stopped at its bound.
        if self.events.is_empty() && self.answers.is_empty() && self.run.row_status == before {
            return Decision::Unchanged(self.run);
        }
        let snapshot = self.run.snapshot_when_due(self.plan);
        let append = Append {
            run: self.run.id,
            generation: self.run.generation,
            expected: self.expected,
            events: self.events,
            row: self.run.row(),
            answers: self.answers,
            snapshot,
        };
        Decision::Staged(Staged { run: self.run, append })
    }

    fn start(&mut self, start: Start) {
        let inputs = Data::map(
            start
                .inputs
                .into_iter()
                .map(|(name, value)| (name.as_str().into(), value))
                .collect::<Vec<(std::sync::Arc<str>, Data)>>(),
        );
        self.record(Event::RunStarted {
            workflow: self.plan.name().to_owned(),
            plan: self.plan.digest(),
            inputs: Value::new(inputs),
            injected: start.injected,
            dry_run: start.dry_run,
        });
    }

    fn save(&mut self, fence: Fence, detail: Data) {
        let Some(attempt) = self.run.effect(self.plan, fence) else {
            return;
        };
        self.record(Event::ProgressSaved {
            at: attempt.at,
            attempt: attempt.number,
            delivery: attempt.delivery,
            detail,
        });
    }

    fn report(&mut self, key: &FrameKey, report: Report) {
        let Some((node, State::Call(state))) = key
            .node
            .map(|node| self.plan.node(node))
            .zip(self.run.frames.get(key).map(|frame| &frame.state))
        else {
            return;
        };
        let attempt = state.failed + 1;
        let at = StepReference {
            step: node.path.clone(),
            occurrence: key.occurrence.clone(),
        };
        let Report {
            outcome,
            metrics,
            saved,
            shared,
            used,
            ..
        } = report;
        // Amounts that are not numbers cannot be added up, nor written.
        let metrics: Metrics = metrics.into_iter().filter(|(_, amount)| amount.is_finite()).collect();
        // A result counts with all that it changes, or not at all.
        let refused = match &outcome {
            AttemptOutcome::Completed { .. } => self.run.shared.admit(&shared).err(),
            AttemptOutcome::Failed(_) => None,
        };
        let outcome = refused.map_or(outcome, |refused| AttemptOutcome::Failed(refused.failure()));
        match outcome {
            AttemptOutcome::Completed {
                output,
                markers,
                context,
            } => {
                self.record(Event::StepCompleted {
                    at,
                    attempt,
                    output: Value::new(output),
                    markers,
                    context,
                    metrics,
                    shared,
                    used,
                });
            }
            AttemptOutcome::Failed(failure) => {
                let left = (metrics, saved, used);
                let events = self
                    .run
                    .failed_attempt(self.plan, key, at, attempt, failure, left, self.now);
                events.into_iter().for_each(|event| self.record(event));
            }
        }
    }
}

impl Run {
    /// Decides what `input` leads to.
    ///
    /// # Errors
    /// If the run cannot take the input in its state; it is returned unchanged.
    pub fn decide(self, plan: &Plan, input: Input, situation: Situation) -> Result<Decision, (Box<Self>, Rejected)> {
        if let Err(rejected) = self.accepts(&input) {
            return Err((Box::new(self), rejected));
        }
        let mut transition = Transition::new(self, plan, situation);
        match input {
            Input::Start(start) => transition.start(start),
            Input::Tick => {}
            Input::Reported(report) => {
                if let Some(key) = transition
                    .run
                    .flights
                    .get(&report.fence)
                    .map(|flight| flight.key.clone())
                {
                    transition.report(&key, report);
                }
            }
            Input::Saved { fence, detail, .. } => transition.save(fence, detail),
            Input::Message(message) => transition.message(&message, None),
            Input::InterruptRequested => {
                let stopped = transition.run.flights.keys().copied().collect();
                transition.record(Event::RunInterrupted { stopped, reason: None });
            }
            Input::SetAside { reason } => {
                let stopped = transition.run.flights.keys().copied().collect();
                let reason = Some(reason);
                transition.record(Event::RunInterrupted { stopped, reason });
            }
        }
        transition.progress();
        Ok(transition.finish())
    }

    /// Takes note of what a delivery that was just started may do outside.
    fn classify(&mut self, plan: &Plan, at: &StepReference, fence: Fence, class: AttemptClass) {
        let key = self.locate(plan, at);
        let frame = key.and_then(|key| self.frames.get_mut(&key));
        if let Some(State::Call(state)) = frame.map(|frame| &mut frame.state)
            && delivery_of(&state.phase) == Some(fence)
        {
            state.class = Some(class);
        }
    }

    fn accepts(&self, input: &Input) -> Result<(), Rejected> {
        let parked = self.row_status != RunStatus::Running;
        match (&self.phase, input) {
            (Phase::New, Input::Start(_)) => Ok(()),
            (Phase::New, _) => Err(Rejected::NotStarted),
            (_, Input::Start(_)) => Err(Rejected::AlreadyStarted),
            // There is always an answer; that of a run that has ended changes nothing.
            (Phase::Finished { .. }, Input::Message(_)) => Ok(()),
            (Phase::Finished { .. } | Phase::Interrupted, Input::Reported(report)) => {
                Err(stale(report.generation, report.fence))
            }
            (Phase::Finished { .. } | Phase::Interrupted, Input::Saved { generation, fence, .. }) => {
                Err(stale(*generation, *fence))
            }
            (Phase::Finished { .. }, _) => Err(Rejected::Finished),
            (Phase::Interrupted, _) => Err(Rejected::Interrupted),
            (
                Phase::Active,
                Input::Reported(Report { generation, fence, .. }) | Input::Saved { generation, fence, .. },
            ) => {
                let flight = self.flights.get(fence);
                if flight.is_some_and(|flight| flight.generation == *generation) {
                    Ok(())
                } else {
                    Err(stale(*generation, *fence))
                }
            }
            (Phase::Active, _) if parked => Err(Rejected::Parked),
            (Phase::Active, Input::Tick | Input::Message(_) | Input::InterruptRequested | Input::SetAside { .. }) => {
                Ok(())
            }
        }
    }

    /// Returns what the failure of an attempt leads to: another attempt, or the failure of the step.
    #[expect(
        clippy::too_many_arguments,
        reason = "one failed attempt is described by all of them, and only here"
    )]
    pub(super) fn failed_attempt(
        &self,
        plan: &Plan,
        key: &FrameKey,
        at: StepReference,
        attempt: u32,
        failure: Failure,
        (metrics, saved, used): (Metrics, Option<Data>, Option<Used>),
        now: Timestamp,
    ) -> Vec<Event> {
        let Some(NodeKind::Call(call)) = key.node.map(|node| &plan.node(node).kind) else {
            return Vec::new();
        };
        let Some(frame) = self.frames.get(key) else {
            return Vec::new();
        };
        let State::Call(state) = &frame.state else {
            return Vec::new();
        };
        let described = retry::FailedAttempt {
            run: self.id,
            path: at.step.as_str(),
            occurrence: &at.occurrence,
            number: attempt,
        };
        let retry_at = retry::wait(&call.retry, &described, &failure)
            .map(|wait| now.saturating_add(wait))
            .filter(|at| !frame.cancelling && state.deadline.is_none_or(|deadline| *at < deadline));
        let mut events = vec![Event::AttemptFailed {
            at: at.clone(),
            attempt,
            failure: failure.clone(),
            retry_at,
            metrics,
            // Nobody comes who would read it.
            saved: saved.filter(|_| retry_at.is_some()),
            used,
        }];
        if retry_at.is_none() {
            events.push(Event::StepFailed {
                at,
                failure,
                attempts: attempt,
                then: after_failure(&call.on_fail),
            });
        }
        events
    }
}

/// Returns what the failure of a call does to the block around it.
pub(super) fn after_failure(on_fail: &OnFail) -> AfterFailure {
    match on_fail {
        OnFail::Fail => AfterFailure::Propagate,
        OnFail::Continue => AfterFailure::Continue,
        OnFail::Handle(_) => AfterFailure::Handle,
    }
}

fn stale(generation: Generation, fence: Fence) -> Rejected {
    Rejected::StaleReport { generation, fence }
}

/// Returns the failure of a step whose time for all attempts is over.
pub(super) fn out_of_time(attempts: u32) -> Failure {
    let plural = if attempts == 1 { "" } else { "s" };
    Failure::new(
        FailureClass::Timeout,
        format!("`timeout_total` passed after {attempts} attempt{plural}"),
    )
}

/// Returns the delivery that is under way in `phase`.
pub(super) fn delivery_of(phase: &CallPhase) -> Option<Fence> {
    match phase {
        CallPhase::Running(fence) => Some(*fence),
        CallPhase::Waiting(_) | CallPhase::Lost | CallPhase::Handling(_) => None,
    }
}
