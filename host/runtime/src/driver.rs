//! What keeps one run going: it decides on inputs, hands over, and performs what has become durable.

mod form;
mod guests;
mod keeping;
mod pace;

pub use guests::DEFAULT_GRACE;
pub use keeping::Keeper;

use crate::clock;
use crate::executor::{DurableProof, Executed, Executor};
use crate::observer::{Notice, Observer};
use crate::permits::{Permits, Taken};
use crate::relay::{Desk, Relay};
use cofferdam_engine::plan::Plan;
use cofferdam_engine::run::MAX_EVENTS_PER_DECISION;
use cofferdam_engine::{
    Adoption, AttemptClass, AttemptOutcome, Decision, EffectChange, FailureClass, Fence, FormerOwner, Generation,
    Input, Message, MessageId, Orphan, Parking, Recorded, Rejected, Report, Retrial, RetryRefused, Run, RunId,
    Situation,
};
use cofferdam_store::{
    Claim, ClaimError, Failpoint, Fate, Lease, Overtaken, Position, RunLog, StoreError, Ticket, Within,
};
use cofferdam_wasm::EffectClass;
use guests::{Guests, Reported};
use pace::{Pace, shows_progress};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How often in a row a run is rebuilt from its log after failed appends before its driver gives up.
const MAX_REBUILDS: u32 = 3;

/// What a run is driven with; shared by all runs of a host.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) log: Arc<dyn RunLog>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) permits: Permits,
    /// How long a guest that is to stop may go on, if it can be noticed outside.
    pub(crate) grace: Duration,
    /// Who tells the observers of all runs.
    pub(crate) desk: Arc<Desk>,
}

/// What can be asked of a run that is being driven.
#[derive(Debug)]
pub(crate) enum Control {
    /// Let guests finish for so long, start nothing new, then let go of the run.
    Interrupt { grace: Duration },
    /// Enter what the run has come to.
    GoOn,
    /// A message of the inbox is to be answered.
    Message(Message),
}

/// Why a run is no longer driven although it has not ended.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// Another host drives the run now.
    #[error("another host took the run over")]
    Fenced(#[source] Option<Overtaken>),
    /// The log failed again and again.
    #[error("the log cannot take what happened in the run; nothing that was recorded is lost")]
    Log(#[source] Arc<StoreError>),
    /// After a failed append the run could not be claimed again.
    #[error("the run could not be taken up again after the log failed")]
    Reclaim(#[source] ClaimError),
    /// What the log holds of the run is not a run.
    #[error("the recorded events of the run are not complete")]
    Unrestorable(#[source] cofferdam_engine::run::Unrestorable),
}

/// How driving ended.
#[derive(Debug)]
pub enum Driven {
    /// The run has ended.
    Ended(Box<Run>),
    /// The host let go of the run; it can be resumed. The steps that were stopped count as not started.
    Interrupted {
        /// The run as it is recorded.
        run: Box<Run>,
        /// The paths of the steps whose attempts were stopped.
        stopped: Vec<String>,
    },
    /// The run waits for a decision, a signal or a time, or is paused: nobody drives it until then.
    Parked(Box<Run>),
}

/// A report with the delivery that it is of, kept until what it led to is durable.
struct Answered {
    /// Whether the delivery could be noticed outside.
    effectful: bool,
    /// The generation that started the delivery, which an adoption in between does not change.
    generation: Generation,
    fence: Fence,
    executed: Executed,
}

impl Answered {
    fn input(&self) -> Input {
        Input::Reported(Report {
            generation: self.generation,
            fence: self.fence,
            outcome: self.executed.outcome.clone(),
            metrics: self.executed.metrics.clone(),
            saved: self.executed.saved.clone(),
            shared: self.executed.shared.clone(),
            used: self.executed.used,
        })
    }
}

/// An append whose fate is not known yet.
struct Pending {
    ticket: Ticket,
    events: Vec<Recorded>,
    changes: Vec<EffectChange>,
    /// Reports that these events answered, kept in case the append fails. Messages are kept by the inbox.
    answered: Vec<Answered>,
}

/// Who opens which run again.
pub(crate) struct Retrier<'a> {
    pub(crate) run: RunId,
    /// The generation from now on.
    pub(crate) generation: Generation,
    pub(crate) by: &'a str,
}

pub(crate) struct Driver {
    surroundings: Arc<Surroundings>,
    plan: Arc<Plan>,
    observer: Arc<dyn Observer>,
    /// What stands before an observer that may be slow.
    relay: Option<Arc<Relay>>,
    control: mpsc::Receiver<Control>,
    pending: VecDeque<Pending>,
    /// How many events these are together.
    ahead: usize,
    guests: Guests,
    /// Whether quiet attempts wait for the disk too: until this process has seen something of the run become durable.
    cautious: bool,
    draining: Option<Instant>,
    /// Whether nothing is entered before somebody says so.
    waits_until_told: bool,
    /// What the run needs and this host does not have.
    lacks: Option<String>,
    /// Steps whose guests stopped when they were asked to.
    stopped: Vec<String>,
    /// The messages that this incarnation was told; the inbox shows them until their answers are on disk (rule C7).
    told: BTreeSet<MessageId>,
    /// The lease under which the run is driven, once something of this incarnation is on disk.
    lease: Option<Lease>,
    rebuilds: u32,
}

/// What the driver waits for, turned into one thing to handle.
enum Wake {
    Settled(Fate),
    /// A guest ended; none if the run did not wait for it.
    Guest(Option<Box<Reported>>),
    Control(Control),
    Tick,
    /// Attempts under way keep something.
    Kept,
    DrainOver,
    LeaseLost,
}

impl Driver {
    pub(crate) fn new(
        surroundings: Arc<Surroundings>,
        plan: Arc<Plan>,
        observer: Arc<dyn Observer>,
        control: mpsc::Receiver<Control>,
    ) -> Self {
        let relay = (!observer.is_instant()).then(|| Relay::new(Arc::clone(&observer), Arc::clone(&surroundings.desk)));
        let observer = match &relay {
            Some(relay) => Arc::clone(relay) as Arc<dyn Observer>,
            None => observer,
        };
        let guests = Guests::new(Arc::clone(&surroundings), Arc::clone(&plan), Arc::clone(&observer));
        Self {
            surroundings,
            plan,
            observer,
            relay,
            control,
            pending: VecDeque::new(),
            ahead: 0,
            guests,
            cautious: true,
            draining: None,
            waits_until_told: false,
            lacks: None,
            stopped: Vec::new(),
            told: BTreeSet::new(),
            lease: None,
            rebuilds: 0,
        }
    }

    /// Begins a run: `hand_over` makes its first events durable together with the run itself.
    pub(crate) fn begin(
        &mut self,
        run: Run,
        input: Input,
        log: &impl cofferdam_engine::Writer<Ticket = Ticket>,
    ) -> Result<Run, Rejected> {
        let (mut permits, situation) = self.situation(&run);
        match run.decide(&self.plan, input, situation) {
            Ok(decision) => Ok(self.settle_decision(decision, &mut permits, Some(log), Vec::new())),
            Err((_, rejected)) => Err(rejected),
        }
    }

    /// Opens a run again that had ended: `log` makes the first events of the retry durable.
    pub(crate) fn retry(
        &mut self,
        retrial: Retrial<'_>,
        retrier: &Retrier<'_>,
        log: &impl cofferdam_engine::Writer<Ticket = Ticket>,
    ) -> Result<Run, RetryRefused> {
        let (mut permits, situation) = self.situation(&Run::new(retrier.run));
        let host = self.surroundings.log.host().to_string();
        let staged = retrial.decide(retrier.generation, &host, retrier.by, situation)?;
        Ok(self.settle_decision(Decision::Staged(staged), &mut permits, Some(log), Vec::new()))
    }

    /// Takes a claimed run over.
    pub(crate) async fn adopt(&mut self, claim: &Claim) -> Result<Run, DriveError> {
        let orphan = restore(&self.surroundings.log, &self.plan, claim).await?;
        Failpoint::BeforeAdoption.reached();
        Ok(self.take_over(orphan, claim, &BTreeSet::new()))
    }

    fn drive_under(&mut self, lease: Lease) {
        self.guests.are_under(lease.clone());
        self.lease = Some(lease);
    }

    fn take_over(&mut self, orphan: Orphan, claim: &Claim, alive: &BTreeSet<Fence>) -> Run {
        // What took the host down may be a quiet attempt, of which nothing would be recorded (rule B5).
        self.cautious = true;
        let (mut permits, situation) = self.situation(orphan.look());
        let host = self.surroundings.log.host().to_string();
        self.drive_under(self.surroundings.log.lease());
        self.told = claim.messages.iter().map(|message| message.id).collect();
        let adoption = Adoption {
            generation: claim.generation,
            host: &host,
            alive,
            owner: if claim.host_lost {
                FormerOwner::Died
            } else {
                FormerOwner::LetGo
            },
            messages: claim.messages.clone(),
        };
        let decision = orphan.adopt(&self.plan, adoption, situation);
        self.settle_decision(decision, &mut permits, NO_WRITER, Vec::new())
    }

    /// Drives the run until it has ended, the host lets go of it, or another one has it.
    pub(crate) async fn drive(self, run: Run) -> Result<Driven, DriveError> {
        let relay = self.relay.clone();
        let driven = self.drive_on(run).await;
        if let Some(relay) = relay {
            relay.finish().await;
        }
        driven
    }

    async fn drive_on(mut self, mut run: Run) -> Result<Driven, DriveError> {
        loop {
            if self.pending.is_empty() && self.guests.none_leaving() && run.status().is_final() {
                self.guests.stop_all();
                Failpoint::AfterEnd.reached();
                return Ok(Driven::Ended(Box::new(run)));
            }
            if self.pending.is_empty() && self.guests.none_leaving() && run.status().is_parked() {
                Failpoint::AfterParking.reached();
                return Ok(Driven::Parked(Box::new(run)));
            }
            if run.has_more() && self.pending.is_empty() {
                run = self.decide(run, Input::Tick, Vec::new());
                continue;
            }
            let wake = self.wait(&run).await;
            run = match wake {
                Wake::Settled(Fate::Durable(position)) => {
                    self.rebuilds = 0;
                    self.perform(&run, position);
                    run
                }
                Wake::Settled(Fate::Fenced(overtaken)) => {
                    self.guests.stop_all();
                    return Err(DriveError::Fenced(Some(overtaken)));
                }
                // The caller has started it before: there is nothing to take up.
                Wake::Settled(Fate::Failed(error)) if matches!(*error, StoreError::Duplicate { .. }) => {
                    self.guests.stop_all();
                    return Err(DriveError::Log(error));
                }
                Wake::Settled(Fate::Failed(error)) => self.rebuild(run, error).await?,
                Wake::Settled(Fate::InboxNotEmpty) => self.rebuild(run, Arc::new(StoreError::InboxNotEmpty)).await?,
                Wake::Guest(Some(reported)) => self.report(run, *reported),
                Wake::Guest(None) => {
                    self.guests.enter_delayed(&run);
                    // A run is not let go of while a guest is on its way out.
                    self.decide(run, Input::Tick, Vec::new())
                }
                Wake::Control(Control::Message(message)) => self.tell(run, message),
                Wake::Control(Control::Interrupt { grace }) => {
                    self.guests.ask_all();
                    self.draining = Some(Instant::now() + grace);
                    run
                }
                Wake::Control(Control::GoOn) => {
                    self.waits_until_told = false;
                    self.decide(run, Input::Tick, Vec::new())
                }
                Wake::Tick => self.decide(run, Input::Tick, Vec::new()),
                Wake::Kept => self.record_kept(run),
                Wake::DrainOver => return self.let_go(run).await,
                Wake::LeaseLost => {
                    // Others may have the run by now, or soon.
                    self.guests.stop_all();
                    self.rebuilds += 1;
                    if self.rebuilds > MAX_REBUILDS {
                        return Err(DriveError::Fenced(None));
                    }
                    tracing::warn!(run = %run.id(), "the host was silent for longer than its lease");
                    self.take_again(run).await?
                }
            };
        }
    }

    /// Lets the run answer a message. One that is letting go leaves it to whoever has the run next.
    fn tell(&mut self, run: Run, message: Message) -> Run {
        if self.draining.is_some() || !self.told.insert(message.id) {
            return run;
        }
        Failpoint::BeforeMessage.reached();
        self.decide(run, Input::Message(message), Vec::new())
    }

    /// Lets go of the run as soon as it has decided what it can without entering a guest.
    pub(crate) fn enter_nothing(&mut self) {
        self.draining = Some(Instant::now());
    }

    /// Lets the run decide, and enters nothing before [`Control::GoOn`].
    pub(crate) fn wait_until_told(&mut self) {
        self.waits_until_told = true;
    }

    /// Returns whether guests may be entered now.
    fn may_enter(&self) -> bool {
        self.draining.is_none() && !self.waits_until_told
    }

    /// Lets go of the run like [`Driver::enter_nothing`], and records that this is for want of what `reason` says.
    pub(crate) fn set_aside(&mut self, reason: String) {
        self.enter_nothing();
        self.lacks = Some(reason);
    }

    async fn wait(&mut self, run: &Run) -> Wake {
        let deadline = run.next_deadline().filter(|_| self.draining.is_none()).map(|at| {
            let left = at.since(clock::now());
            // The core is asked again one tick of its clock later, so that a rounded-down wait never spins.
            Instant::now() + left + Duration::from_millis(1)
        });
        let drain = self
            .draining
            .map(|at| if self.guests.none_at_work() { Instant::now() } else { at });
        // Nothing is decided on top of the end of a drain, and the end waits for what was handed over.
        let drain = drain.filter(|_| self.pending.is_empty());
        let wants_permits = run.wants_permits(&self.plan) && self.may_enter();
        let far = Instant::now() + Duration::from_secs(86_400);
        let ticket = self.pending.front_mut().map(|pending| &mut pending.ticket);
        let lease = self.lease.clone();
        let lost = async {
            match &lease {
                Some(lease) => lease.lost().await,
                None => std::future::pending().await,
            }
        };
        let kept = self.guests.keeping.due();
        tokio::select! {
            biased;
            () = lost => Wake::LeaseLost,
            fate = async { match ticket { Some(ticket) => ticket.await, None => std::future::pending().await } } => Wake::Settled(fate),
            Some(control) = self.control.recv() => Wake::Control(control),
            reported = self.guests.next() => Wake::Guest(reported.map(Box::new)),
            () = self.surroundings.permits.freed(), if wants_permits => Wake::Tick,
            () = kept, if self.draining.is_none() => Wake::Kept,
            () = tokio::time::sleep_until(drain.unwrap_or(far)), if drain.is_some() => Wake::DrainOver,
            () = tokio::time::sleep_until(deadline.unwrap_or(far)), if deadline.is_some() => Wake::Tick,
        }
    }

    /// Returns what a decision may rely on, with the permits that it may use.
    ///
    /// Permits are taken for the length of a decision. A run that can use only one takes only one: another run that
    /// found none left would record the end of a step without the start of the next, in two appends instead of one.
    fn situation(&self, run: &Run) -> (Taken, Situation) {
        let most = if !self.may_enter() {
            0
        } else if self.plan.is_sequential() {
            1
        } else {
            let busy = u32::try_from(self.guests.count()).unwrap_or(u32::MAX);
            let own = self
                .plan
                .parts()
                .max_parallel
                .map_or(u32::MAX, |most| most.saturating_sub(busy));
            // More than this many starts do not fit one decision anyway.
            own.min(u32::try_from(MAX_EVENTS_PER_DECISION).unwrap_or(u32::MAX))
        };
        let permits = self.surroundings.permits.take(most);
        let situation = Situation {
            now: clock::now().max(run.started_at()),
            permits: permits.count(),
            parking: if self.guests.none_leaving() {
                Parking::LetGo
            } else {
                Parking::Keep
            },
        };
        (permits, situation)
    }

    fn decide(&mut self, run: Run, input: Input, answered: Vec<Answered>) -> Run {
        let (mut permits, situation) = self.situation(&run);
        match run.decide(&self.plan, input, situation) {
            Ok(decision) => self.settle_decision(decision, &mut permits, NO_WRITER, answered),
            Err((run, rejected)) => {
                tracing::debug!(run = %run.id(), %rejected, "an input was refused");
                *run
            }
        }
    }

    /// Hands a decision over, to `begin` if that is given, and enters the quiet attempts that it starts.
    fn settle_decision<W>(
        &mut self,
        decision: Decision,
        permits: &mut Taken,
        begin: Option<&W>,
        answered: Vec<Answered>,
    ) -> Run
    where
        W: cofferdam_engine::Writer<Ticket = Ticket>,
    {
        let staged = match decision {
            Decision::Unchanged(run) => return run,
            Decision::Staged(staged) => staged,
        };
        let pace = self.pace();
        let staged = staged.classified(&self.plan, |at| match pace.class_of(&at.step) {
            EffectClass::Quiet => AttemptClass::Quiet,
            EffectClass::Effectful => AttemptClass::Effectful,
        });
        let append = staged.append();
        Failpoint::BeforeHandover.reached();
        if append.row.status.is_parked() {
            Failpoint::BeforeParking.reached();
        }
        if !append.answers.is_empty() {
            Failpoint::BeforeAnswer.reached();
        }
        let events = append.events.clone();
        let urgency = pace.urgency(append, answered.iter().any(|answered| answered.effectful));
        let may_run_ahead = pace.may_run_ahead(append);
        let (mut run, ticket) = match begin {
            Some(begin) => staged.hand_over(begin),
            None => staged.hand_over(&Within::new(&*self.surroundings.log, urgency)),
        };
        let mut changes = run.take_changes();
        for change in &changes {
            if let EffectChange::Appeared(fence) = change
                && let Some(permit) = permits.split()
            {
                self.guests.reserve(*fence, permit);
            }
        }
        self.guests.will_end(&changes);
        if may_run_ahead && !self.guests.is_stopping() {
            changes.retain(|change| !self.guests.enter_ahead(&run, change));
        }
        self.ahead += events.len();
        self.pending.push_back(Pending {
            ticket,
            events,
            changes,
            answered,
        });
        run
    }

    fn pace(&self) -> Pace<'_> {
        Pace {
            surroundings: &self.surroundings,
            plan: &self.plan,
            cautious: self.cautious,
            ahead: self.ahead,
        }
    }

    /// Does what the oldest pending append, which is durable now, asks for.
    fn perform(&mut self, run: &Run, position: Position) {
        let Some(pending) = self.pending.pop_front() else {
            return;
        };
        self.ahead -= pending.events.len();
        if self.lease.is_none() {
            self.drive_under(self.surroundings.log.lease());
        }
        self.cautious &= !pending.events.iter().any(|recorded| shows_progress(&recorded.event));
        self.observer.notice(Notice::Durable(&pending.events));
        self.guests.perform(run, pending.changes, DurableProof::of(position));
    }

    fn report(&mut self, run: Run, reported: Reported) -> Run {
        Failpoint::BeforeReport.reached();
        self.guests.keeping.forget(reported.generation, reported.fence);
        let executed = reported.executed;
        let gave_up =
            matches!(&executed.outcome, AttemptOutcome::Failed(failure) if failure.class == FailureClass::Cancelled);
        if self.draining.is_some() && reported.was_asked && gave_up {
            // It stopped because the host is letting go: it counts as not started and stays open.
            self.stopped.push(reported.step);
            if let Some(saved) = executed.saved {
                let keeper = self.guests.keeping.keeper(reported.generation, reported.fence);
                keeper.keep(saved);
            }
            return run;
        }
        let answered = Answered {
            effectful: reported.effectful,
            generation: reported.generation,
            fence: reported.fence,
            executed,
        };
        self.decide(run, answered.input(), vec![answered])
    }

    /// Records what attempts under way keep.
    fn record_kept(&mut self, mut run: Run) -> Run {
        for ((generation, fence), detail) in self.guests.keeping.take() {
            let saved = Input::Saved {
                generation,
                fence,
                detail,
            };
            run = self.decide(run, saved, Vec::new());
        }
        run
    }

    /// Drops what was decided and not written, and takes the run up again as the log has it.
    async fn rebuild(&mut self, run: Run, error: Arc<StoreError>) -> Result<Run, DriveError> {
        self.rebuilds += 1;
        if self.rebuilds > MAX_REBUILDS {
            self.guests.stop_all();
            return Err(DriveError::Log(error));
        }
        tracing::warn!(run = %run.id(), %error, "the log failed; the run is taken up again from what is recorded");
        self.take_again(run).await
    }

    /// Claims the run anew, and goes on from what is recorded of it.
    async fn take_again(&mut self, run: Run) -> Result<Run, DriveError> {
        let answered: Vec<Answered> = self.pending.drain(..).flat_map(|pending| pending.answered).collect();
        self.ahead = 0;
        self.guests.forget_undecided();
        let id = run.id();
        drop(run);
        let claim = match self.surroundings.log.claim(id).await {
            Ok(claim) => claim,
            Err(ClaimError::Owned { .. }) => {
                self.guests.stop_all();
                return Err(DriveError::Fenced(None));
            }
            Err(error) => {
                self.guests.stop_all();
                return Err(DriveError::Reclaim(error));
            }
        };
        let orphan = restore(&self.surroundings.log, &self.plan, &claim).await?;
        // Attempts that are under way here go on if their start is recorded; the others never were. Reports whose answer
        // was not written are decided again.
        let recorded: BTreeSet<Fence> = orphan
            .look()
            .effects(&self.plan)
            .iter()
            .map(|attempt| attempt.fence)
            .collect();
        let mut alive = self.guests.keep_only(&recorded);
        let reported = answered.iter().map(|answered| answered.fence);
        alive.extend(reported.filter(|fence| recorded.contains(fence)));
        let mut run = self.take_over(orphan, &claim, &alive);
        for answered in answered {
            run = self.decide(run, answered.input(), vec![answered]);
        }
        Ok(run)
    }

    async fn let_go(mut self, run: Run) -> Result<Driven, DriveError> {
        Failpoint::BeforeLettingGo.reached();
        let mut stopped = std::mem::take(&mut self.stopped);
        stopped.extend(self.guests.steps().map(str::to_owned));
        self.guests.stop_all();
        let run = self.record_kept(run);
        let input = match self.lacks.take() {
            Some(reason) => Input::SetAside { reason },
            None => Input::InterruptRequested,
        };
        let run = self.decide(run, input, Vec::new());
        while let Some(mut pending) = self.pending.pop_front() {
            match (&mut pending.ticket).await {
                Fate::Durable(_) => self.observer.notice(Notice::Durable(&pending.events)),
                Fate::Fenced(overtaken) => return Err(DriveError::Fenced(Some(overtaken))),
                // Without the record the run looks as after a crash, from which it can be resumed just as well.
                Fate::InboxNotEmpty => return Err(DriveError::Log(Arc::new(StoreError::InboxNotEmpty))),
                Fate::Failed(error) => return Err(DriveError::Log(error)),
            }
        }
        Ok(Driven::Interrupted {
            run: Box::new(run),
            stopped,
        })
    }
}

/// Returns the run that is claimed as its log has it: by its snapshot, or by its whole history if that is of no use.
async fn restore(log: &Arc<dyn RunLog>, plan: &Plan, claim: &Claim) -> Result<Orphan, DriveError> {
    let run = claim.run;
    let Some(snapshot) = &claim.snapshot else {
        return Orphan::restore(run, plan, &claim.events).map_err(DriveError::Unrestorable);
    };
    match Orphan::restore_from(run, plan, snapshot, &claim.events) {
        Ok(orphan) => Ok(orphan),
        Err(error) => {
            tracing::warn!(%run, %error, "the snapshot is left aside; the whole history is read");
            let events = log.events(run, 0, usize::MAX).await;
            let events = events.map_err(|error| DriveError::Log(Arc::new(error)))?;
            Orphan::restore(run, plan, &events).map_err(DriveError::Unrestorable)
        }
    }
}

/// Says that a decision goes to the log of the host as all but the first of a run do.
const NO_WRITER: Option<&Within<'static>> = None;
