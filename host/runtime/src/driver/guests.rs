//! Which guests of a run are at work, and how are they entered and stopped?

use crate::executor::{DurableProof, Entry, Executed};
use crate::observer::{Notice, Observer};
use crate::permits::Taken;
use cofferdam_engine::plan::Plan;
use cofferdam_engine::{Attempt, EffectChange, Fence, Generation, Run};
use cofferdam_store::{Failpoint, Lease};
use cofferdam_wasm::{Authority, CancelFlag, EffectClass};
use std::collections::{BTreeMap, BTreeSet};
use std::future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Surroundings;
use super::form::Form;
use super::keeping::Keeping;

/// A guest at work.
struct Flight {
    generation: Generation,
    abort: AbortHandle,
    cancel: CancelFlag,
    step: String,
    effectful: bool,
    _permit: Option<Taken>,
}

/// A delivery that is over and that the run waits for.
pub(super) struct Reported {
    /// The generation that started it.
    pub(super) generation: Generation,
    pub(super) fence: Fence,
    /// The path of its step.
    pub(super) step: String,
    /// Whether it was asked to stop before.
    pub(super) was_asked: bool,
    /// Whether it could be noticed outside: losing the report would repeat that.
    pub(super) effectful: bool,
    pub(super) executed: Executed,
}

/// How a delivery of a generation ended.
type Finished = (Generation, Fence, Executed);

/// A guest on its way out.
struct Leaving {
    flight: Flight,
    /// Until when it may take what it is in now.
    until: Instant,
    /// Whether its grace is over: it is stopped wherever it is.
    is_stopped: bool,
}

/// How long a guest that is stopped wherever it is may take to be gone: one that has its turn goes at the end of it. What takes
/// longer never does.
const LAST_TURN: Duration = Duration::from_secs(1);

/// The guests of one run.
pub(super) struct Guests {
    surroundings: Arc<Surroundings>,
    plan: Arc<Plan>,
    workflow: Arc<str>,
    /// The span of the run, around those of its steps.
    span: tracing::Span,
    observer: Arc<dyn Observer>,
    /// Permits for attempts that are decided and not entered.
    reserved: BTreeMap<Fence, Taken>,
    flights: BTreeMap<Fence, Flight>,
    /// Those that can be noticed outside and end by what is decided and not on disk.
    ending: BTreeSet<Fence>,
    /// Those that were asked to stop, with the end of their grace; the run waits for their results no more.
    leaving: BTreeMap<(Generation, Fence), Leaving>,
    /// What starts when these have left: cleaning up must not meet a guest that is still at work.
    delayed: Vec<(Fence, DurableProof)>,
    tasks: JoinSet<Finished>,
    /// The lease under which the run is driven.
    lease: Lease,
    pub(super) keeping: Keeping,
}

impl Guests {
    pub(super) fn new(surroundings: Arc<Surroundings>, plan: Arc<Plan>, observer: Arc<dyn Observer>) -> Self {
        let workflow: Arc<str> = Arc::from(plan.name());
        Self {
            surroundings,
            plan,
            span: tracing::info_span!("run", workflow = &*workflow),
            workflow,
            observer,
            reserved: BTreeMap::new(),
            flights: BTreeMap::new(),
            ending: BTreeSet::new(),
            leaving: BTreeMap::new(),
            delayed: Vec::new(),
            tasks: JoinSet::new(),
            lease: Lease::none(),
            keeping: Keeping::new(),
        }
    }

    /// Takes note of the lease under which the run is driven from now on.
    pub(super) fn are_under(&mut self, lease: Lease) {
        self.lease = lease;
    }

    /// Returns how many attempts are under way or about to be.
    pub(super) fn count(&self) -> usize {
        self.flights.len() + self.reserved.len()
    }

    /// Returns whether the run waits for no guest.
    pub(super) fn none_at_work(&self) -> bool {
        self.flights.is_empty()
    }

    /// Returns whether no guest is on its way out.
    pub(super) fn none_leaving(&self) -> bool {
        self.leaving.is_empty()
    }

    /// Returns the paths of the steps that guests work on.
    pub(super) fn steps(&self) -> impl Iterator<Item = &str> {
        self.flights.values().map(|flight| flight.step.as_str())
    }

    /// Keeps a permit for an attempt that was decided.
    pub(super) fn reserve(&mut self, fence: Fence, permit: Taken) {
        self.reserved.insert(fence, permit);
    }

    /// Takes note of what was decided and is not on disk.
    pub(super) fn will_end(&mut self, changes: &[EffectChange]) {
        for change in changes {
            if let EffectChange::Ended(fence) = change
                && self.flights.get(fence).is_some_and(|flight| flight.effectful)
            {
                self.ending.insert(*fence);
            }
        }
    }

    /// Returns whether guests that can be noticed outside are being stopped, or will be by what was decided.
    pub(super) fn is_stopping(&self) -> bool {
        // One that came to its end meanwhile need not be stopped.
        !self.leaving.is_empty() || self.ending.iter().any(|fence| self.flights.contains_key(fence))
    }

    /// Enters an attempt whose start is not on disk yet, if it is quiet; returns whether it did.
    pub(super) fn enter_ahead(&mut self, run: &Run, change: &EffectChange) -> bool {
        let EffectChange::Appeared(fence) = change else {
            return false;
        };
        let attempt = run.effect(&self.plan, *fence);
        let Some(attempt) = attempt.filter(|attempt| self.class(attempt) == EffectClass::Quiet) else {
            return false;
        };
        self.enter(run, attempt, EffectClass::Quiet, None);
        true
    }

    /// Does what changes ask for that are on disk by now.
    pub(super) fn perform(&mut self, run: &Run, changes: Vec<EffectChange>, proof: DurableProof) {
        for change in changes {
            match change {
                EffectChange::Appeared(fence) => self.delayed.push((fence, proof)),
                EffectChange::Ended(fence) => {
                    self.reserved.remove(&fence);
                    self.ending.remove(&fence);
                    if let Some(flight) = self.flights.remove(&fence) {
                        self.stop(fence, flight);
                    }
                }
            }
        }
        self.enter_delayed(run);
    }

    /// Enters what is on disk, once no guest that is to stop is still at work.
    pub(super) fn enter_delayed(&mut self, run: &Run) {
        if !self.leaving.is_empty() {
            return;
        }
        for (fence, proof) in std::mem::take(&mut self.delayed) {
            match run.effect(&self.plan, fence) {
                Some(attempt) => {
                    let class = self.class(&attempt);
                    self.enter(run, attempt, class, Some(proof));
                }
                // What was decided since has ended the attempt before it began.
                None => drop(self.reserved.remove(&fence)),
            }
        }
    }

    /// Returns the authority of guests: it ends with the lease under which the run is driven (rule B6).
    fn authority(&self) -> Authority {
        let lease = self.lease.clone();
        Authority::as_long_as(move || lease.is_held())
    }

    fn class(&self, attempt: &Attempt) -> EffectClass {
        self.surroundings.executor.class(&attempt.action)
    }

    fn enter(&mut self, run: &Run, attempt: Attempt, class: EffectClass, proof: Option<DurableProof>) {
        let fence = attempt.fence;
        let permit = self.reserved.remove(&fence);
        let cancel = CancelFlag::default();
        let step = attempt.step().to_string();
        let observer = Arc::clone(&self.observer);
        let at = attempt.at.clone();
        let generation = attempt.generation;
        let effectful = class == EffectClass::Effectful;
        let step_span =
            tracing::info_span!(parent: &self.span, "step", step = %at.step, iteration = ?at.occurrence.iterations());
        let call_span = tracing::info_span!(
            parent: &step_span,
            "call",
            action = %format_args!("{}.{}", attempt.action.plugin, attempt.action.action),
            attempt = attempt.number,
            delivery = attempt.delivery,
        );
        let entry = Entry {
            run: run.id(),
            workflow: Arc::clone(&self.workflow),
            attempt,
            proof,
            cancel: cancel.clone(),
            authority: self.authority(),
            keeper: self.keeping.keeper(generation, fence),
            observer: Arc::clone(&observer),
        };
        Failpoint::BeforeDispatch.reached();
        let form = Form::of(&entry.attempt);
        let execution = self.surroundings.executor.enter(entry).instrument(call_span);
        let abort = self.tasks.spawn(async move {
            let mut executed = execution.await;
            if let Some(form) = form {
                executed.outcome = form.judged_in_time(executed.outcome, executed.used).await;
            }
            Failpoint::GuestEnded.reached();
            observer.notice(Notice::Ended {
                at: &at,
                fence,
                used: executed.used,
                denied: &executed.denied,
            });
            (generation, fence, executed)
        });
        Failpoint::AfterDispatch.reached();
        let flight = Flight {
            generation,
            abort,
            cancel,
            step,
            effectful,
            _permit: permit,
        };
        self.flights.insert(fence, flight);
    }

    /// Waits until a guest ends, or the grace of one does. Returns nothing if the run does not wait for that guest.
    pub(super) async fn next(&mut self) -> Option<Reported> {
        let grace = self.leaving.values().map(|leaving| leaving.until).min();
        let end_of_grace = async {
            match grace {
                Some(until) => tokio::time::sleep_until(until).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(joined) = self.tasks.join_next_with_id() => self.joined(joined),
            () = end_of_grace => {
                self.end_grace();
                None
            }
        }
    }

    fn joined(&mut self, joined: Result<(tokio::task::Id, Finished), JoinError>) -> Option<Reported> {
        let (generation, fence, executed) = match joined {
            Ok((_, finished)) => finished,
            // Nobody waits for a guest that was stopped; one that is still waited for panicked.
            Err(error) => {
                let task = error.id();
                self.leaving.retain(|_, leaving| leaving.flight.abort.id() != task);
                let (fence, flight) = self.flights.iter().find(|(_, flight)| flight.abort.id() == task)?;
                let reason = "the host panicked while it carried the attempt out";
                (flight.generation, *fence, Executed::host_fault(reason))
            }
        };
        if self.leaving.remove(&(generation, fence)).is_some() {
            return None;
        }
        // Numbers of deliveries that were thrown away are given again in the next generation (rule C3).
        self.flights
            .get(&fence)
            .filter(|flight| flight.generation == generation)?;
        // Its permit is free for what comes next.
        let flight = self.flights.remove(&fence)?;
        Some(Reported {
            generation,
            fence,
            was_asked: flight.cancel.is_asked(),
            effectful: flight.effectful,
            step: flight.step,
            executed,
        })
    }

    /// Stops a guest: one that can be noticed outside is asked first.
    fn stop(&mut self, fence: Fence, flight: Flight) {
        let grace = self.surroundings.grace;
        if flight.effectful && !grace.is_zero() {
            flight.cancel.ask();
            let leaving = Leaving {
                until: Instant::now() + grace,
                is_stopped: false,
                flight,
            };
            self.leaving.insert((leaving.flight.generation, fence), leaving);
        } else {
            flight.abort.abort();
        }
    }

    fn end_grace(&mut self) {
        let now = Instant::now();
        self.leaving.retain(|_, leaving| {
            if leaving.until > now {
                return true;
            }
            if leaving.is_stopped {
                leaving.flight.abort.abort();
                return false;
            }
            // What comes next waits until it is gone, not only until it is told.
            leaving.flight.cancel.stop();
            leaving.until = now + LAST_TURN;
            leaving.is_stopped = true;
            true
        });
    }

    /// Asks all guests to stop; the run still waits for what they report.
    pub(super) fn ask_all(&self) {
        self.flights.values().for_each(|flight| flight.cancel.ask());
    }

    /// Stops all guests at once.
    pub(super) fn stop_all(&mut self) {
        let leaving = std::mem::take(&mut self.leaving)
            .into_values()
            .map(|leaving| leaving.flight);
        for flight in std::mem::take(&mut self.flights).into_values().chain(leaving) {
            flight.abort.abort();
        }
        self.forget_undecided();
    }

    /// Forgets what is decided and not on disk.
    pub(super) fn forget_undecided(&mut self) {
        self.reserved.clear();
        self.ending.clear();
        self.delayed.clear();
    }

    /// Stops the guests whose deliveries are not in `recorded`, and returns those that go on.
    pub(super) fn keep_only(&mut self, recorded: &BTreeSet<Fence>) -> BTreeSet<Fence> {
        self.flights.retain(|fence, flight| {
            let kept = recorded.contains(fence);
            if !kept {
                flight.abort.abort();
            }
            kept
        });
        self.flights.keys().copied().collect()
    }
}

/// How long a guest that is asked to stop may go on, unless the host says otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);
