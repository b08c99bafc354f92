//! A log that keeps everything in memory, fails when told to, and otherwise behaves like the one on disk.

use cofferdam_engine::run::SNAPSHOT_ENCODING;
use cofferdam_engine::{
    Answer, Append, Digest, Event, Generation, Message, MessageId, Recorded, Request, RunId, RunStatus, Snapshot,
    StepPath, Timestamp, Verdict, Version,
};
use cofferdam_store::{
    Arrivals, AtWork, Bell, Claim, ClaimError, Cursor, Definition, Fate, FindError, HostId, Inbox, Lease, LogLine,
    LogLines, MAX_LINES_PER_DELIVERY, MAX_REQUEST_BYTES, NewMessage, NewRun, Overtaken, Owner, Pending, Position,
    PostError, Posted, Reason, Reference, Revision, RunFilter, RunLog, RunSummary, Runnable, Settler, Statistics,
    StoreError, StreamError, Streamed, Ticket, Urgency, contradiction, needs_all_answered,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What its cursors call it.
const NAME: &str = "memory";

/// One host's view of a log in memory. Dropping it is the death of the host.
#[derive(Debug)]
pub struct MemoryLog {
    host: HostId,
    shared: Arc<Mutex<Shared>>,
    own: Mutex<Own>,
    progress: watch::Sender<Position>,
}

/// What all hosts of a log see.
#[derive(Debug, Default)]
struct Shared {
    runs: BTreeMap<RunId, Stored>,
    /// In the order in which they began.
    order: Vec<RunId>,
    alive: BTreeSet<HostId>,
    position: u64,
    /// The n-th one has the number n + 1.
    inbox: Vec<Letter>,
    /// What is notified of a new message, for each host.
    bell: Bell,
    /// Shared by the hosts that are at work.
    sign: Arc<()>,
}

#[derive(Debug)]
struct Letter {
    run: RunId,
    key: Option<String>,
    message: Message,
    verdict: Option<Verdict>,
}

#[derive(Debug)]
struct Stored {
    new: NewRun,
    status: RunStatus,
    wake_at: Option<Timestamp>,
    generation: Generation,
    version: Version,
    owner: Option<HostId>,
    /// Since when it runs without an owner because a lease was lost.
    released_at: Option<Timestamp>,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
    events: Vec<Recorded>,
    snapshot: Option<Snapshot>,
    /// Of each event.
    positions: Vec<u64>,
    lines: Vec<LogLine>,
    dropped: BTreeMap<StepPath, u64>,
}

/// What a host keeps to itself.
#[derive(Debug, Default)]
struct Own {
    /// The incarnations that this host drives, and the fate that broke them off.
    driven: BTreeMap<RunId, (Generation, Option<Fate>)>,
    statistics: Statistics,
    failures: VecDeque<Failure>,
    lease: Option<Lease>,
    holding: bool,
    held: VecDeque<(Option<Opening>, Append, Settler)>,
    /// How soon each append of a run that went on was to be on disk, with the kinds of its events.
    urgencies: Vec<(Vec<&'static str>, Urgency)>,
}

/// What becomes of an append that is made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was written, and its ticket says so.
    NotWritten,
    /// It was written, but its ticket says that it failed: the fate was unknown.
    WrittenUnknown,
    /// Another host was faster.
    Fenced,
}

impl MemoryLog {
    /// Returns a new log, seen by `host`.
    pub fn new(host: HostId) -> Self {
        Self::seen_by(host, Arc::default())
    }

    /// Returns this log as another host sees it.
    #[must_use]
    pub fn another_host(&self, host: HostId) -> Self {
        Self::seen_by(host, Arc::clone(&self.shared))
    }

    fn seen_by(host: HostId, shared: Arc<Mutex<Shared>>) -> Self {
        lock(&shared).alive.insert(host.clone());
        Self {
            host,
            shared,
            own: Mutex::default(),
            progress: watch::Sender::default(),
        }
    }

    /// Makes the next append that would succeed end as `failure`; called again, the one after it.
    pub fn fail_next(&self, failure: Failure) {
        lock(&self.own).failures.push_back(failure);
    }

    /// Makes nothing durable until [`MemoryLog::release`]; tickets stay open.
    pub fn hold(&self) {
        lock(&self.own).holding = true;
    }

    /// Makes what was held durable, in order, and holds nothing more.
    pub fn release(&self) {
        let held = {
            let mut own = lock(&self.own);
            own.holding = false;
            std::mem::take(&mut own.held)
        };
        for (opening, append, settler) in held {
            settler.settle(self.write(opening, append));
        }
    }

    /// Returns how soon each append of a run that went on was to be on disk, with the kinds of its events.
    pub fn urgencies(&self) -> Vec<(Vec<&'static str>, Urgency)> {
        lock(&self.own).urgencies.clone()
    }

    /// Loses what was held, as a crash does; the tickets fail.
    pub fn lose_held(&self) {
        let held = std::mem::take(&mut lock(&self.own).held);
        drop(held);
    }

    /// Ends the life of this host: others may claim its runs.
    pub fn die(&self) {
        self.lose_held();
        self.lose_lease();
    }

    /// Makes this host one that was silent for longer than its lease: others may claim its runs, and it may not go on with
    /// them before it has claimed them again.
    pub fn lose_lease(&self) {
        let mut shared = lock(&self.shared);
        let mut own = lock(&self.own);
        shared.alive.remove(&self.host);
        own.driven.clear();
        if let Some(lease) = own.lease.take() {
            lease.give_up();
        }
    }

    /// Has a lease from now on, if there was none.
    fn hold_lease(&self, shared: &mut Shared, own: &mut Own) {
        if own.lease.is_some() {
            return;
        }
        own.lease = Some(Lease::for_ever());
        shared.alive.insert(self.host.clone());
        // What it drove under a lease that it lost is anybody's.
        for run in shared
            .runs
            .values_mut()
            .filter(|run| run.owner.as_ref() == Some(&self.host))
        {
            run.owner = None;
            run.released_at = Some(run.updated_at);
        }
    }

    fn take(&self, opening: Option<Opening>, append: Append) -> Ticket {
        {
            let mut own = lock(&self.own);
            if own.holding {
                let (settler, ticket) = Ticket::open();
                own.held.push_back((opening, append, settler));
                return ticket;
            }
        }
        Ticket::settled(self.write(opening, append))
    }

    fn write(&self, opening: Option<Opening>, append: Append) -> Fate {
        let mut shared = lock(&self.shared);
        let mut own = lock(&self.own);
        let (run, generation, status) = (append.run, append.generation, append.row.status);
        let new = match opening {
            Some(Opening::Begin(new)) => Some(*new),
            Some(Opening::Reopen(definition)) => {
                self.hold_lease(&mut shared, &mut own);
                if !shared.reopen(&append, definition, &self.host) {
                    return shared.fenced(&append);
                }
                own.driven.insert(run, (generation, None));
                None
            }
            None => None,
        };
        if new.is_some() {
            if let Some(error) = shared.refusal(new.as_ref()) {
                return failed(error);
            }
            self.hold_lease(&mut shared, &mut own);
            own.driven.insert(run, (Generation(1), None));
        }
        match own.driven.get(&run) {
            Some((driven, None)) if *driven == generation => {}
            Some((driven, Some(fate))) if *driven == generation && !matches!(fate, Fate::Fenced(_)) => {
                return fate.clone();
            }
            Some(_) | None => return shared.fenced(&append),
        }
        let fate = self.write_admitted(&mut shared, &mut own, new, append);
        if fate.position().is_none() {
            own.driven.insert(run, (generation, Some(fate.clone())));
        } else if status != RunStatus::Running {
            own.driven.remove(&run);
        }
        fate
    }

    fn write_admitted(&self, shared: &mut Shared, own: &mut Own, new: Option<NewRun>, append: Append) -> Fate {
        if let Some(detail) = contradiction(&append) {
            return failed(StoreError::Malformed {
                run: append.run,
                detail,
            });
        }
        let begun = new.as_ref().map(|_| (Generation(1), Version(0)));
        let present = begun.or_else(|| shared.runs.get(&append.run).map(|run| (run.generation, run.version)));
        if present != Some((append.generation, append.expected)) {
            return shared.fenced(&append);
        }
        if let Some(refused) = shared.refuses(&append) {
            return refused;
        }
        let failure = own.failures.pop_front();
        match failure {
            Some(Failure::NotWritten) => return failed(full()),
            Some(Failure::Fenced) => return shared.fenced(&append),
            Some(Failure::WrittenUnknown) | None => {}
        }
        if let Some(new) = new {
            shared.insert(new, self.host.clone());
        }
        let events = append.events.len() as u64;
        shared.position += events;
        for Answer { message, verdict } in append.answers.iter().cloned() {
            if let Some(letter) = shared.letter(message) {
                letter.verdict = Some(verdict);
            }
        }
        let positions = shared.position - events + 1..=shared.position;
        if let Some(run) = shared.runs.get_mut(&append.run) {
            run.positions.extend(positions);
            run.apply(append);
        }
        self.progress.send_replace(Position(shared.position));
        own.statistics.flushes += 1;
        own.statistics.appends += 1;
        own.statistics.events += events;
        match failure {
            Some(_) => failed(full()),
            None => Fate::Durable(Position(shared.position)),
        }
    }
}

impl Shared {
    /// Returns the fate of an append that its run has left behind.
    fn fenced(&self, append: &Append) -> Fate {
        let actual = self.runs.get(&append.run).map(|run| Revision {
            generation: run.generation,
            version: run.version,
        });
        Fate::Fenced(Overtaken::new(append, actual))
    }

    fn refusal(&self, new: Option<&NewRun>) -> Option<StoreError> {
        let new = new?;
        if self.runs.contains_key(&new.id) {
            return Some(StoreError::Exists { run: new.id });
        }
        let caller_id = new.caller_id.clone()?;
        let taken = self
            .runs
            .values()
            .find(|run| run.new.caller_id.as_ref() == Some(&caller_id))?;
        Some(StoreError::Duplicate {
            caller_id,
            run: taken.new.id,
        })
    }

    /// Takes a run out of its end, if it still is as `first` was decided for. Returns whether it was.
    fn reopen(&mut self, first: &Append, definition: Option<Definition>, host: &HostId) -> bool {
        let Some(run) = self.runs.get_mut(&first.run) else {
            return false;
        };
        let expected = (Generation(run.generation.0 + 1), run.version);
        if !run.status.is_final() || expected != (first.generation, first.expected) {
            return false;
        }
        run.generation = first.generation;
        run.status = RunStatus::Running;
        run.owner = Some(host.clone());
        run.finished_at = None;
        run.released_at = None;
        if let Some(definition) = definition {
            run.new.definition = definition;
        }
        true
    }

    fn insert(&mut self, new: NewRun, host: HostId) {
        self.order.push(new.id);
        let stored = Stored {
            status: RunStatus::Running,
            wake_at: None,
            generation: Generation(1),
            version: Version(0),
            owner: Some(host),
            released_at: None,
            updated_at: new.created_at,
            finished_at: None,
            events: Vec::new(),
            snapshot: None,
            positions: Vec::new(),
            lines: Vec::new(),
            dropped: BTreeMap::new(),
            new,
        };
        self.runs.insert(stored.new.id, stored);
    }

    fn claim(&mut self, run: RunId, host: &HostId) -> Result<Claim, ClaimError> {
        let alive = &self.alive;
        let stored = self.runs.get_mut(&run).ok_or(ClaimError::NotFound(run))?;
        if stored.status.is_final() {
            return Err(ClaimError::Final {
                run,
                status: stored.status,
            });
        }
        if let Some(owner) = stored
            .owner
            .as_ref()
            .filter(|owner| *owner != host && alive.contains(*owner))
        {
            return Err(ClaimError::Owned {
                run,
                host: owner.clone(),
                pid: std::process::id(),
            });
        }
        let host_lost = stored.status == RunStatus::Running && stored.owner.as_ref() != Some(host);
        stored.generation.0 += 1;
        stored.owner = Some(host.clone());
        stored.released_at = None;
        let readable = |snapshot: &Snapshot| snapshot.encoding == SNAPSHOT_ENCODING;
        let snapshot = stored.snapshot.clone().filter(readable);
        Ok(Claim {
            run,
            generation: stored.generation,
            version: stored.version,
            definition: stored.new.definition.clone(),
            events: stored.events[snapshot.as_ref().map_or(0, |snapshot| snapshot.version.0 as usize)..].to_vec(),
            snapshot,
            messages: unanswered(&self.inbox, run)
                .map(|letter| letter.message.clone())
                .collect(),
            host_lost,
        })
    }

    fn letter(&mut self, message: MessageId) -> Option<&mut Letter> {
        let index = usize::try_from(message.0).ok()?.checked_sub(1)?;
        self.inbox.get_mut(index)
    }

    /// Returns the fate of an append that does not fit the inbox of its run.
    fn refuses(&self, append: &Append) -> Option<Fate> {
        let mut left: BTreeSet<MessageId> = unanswered(&self.inbox, append.run)
            .map(|letter| letter.message.id)
            .collect();
        if !append.answers.iter().all(|answer| left.remove(&answer.message)) {
            return Some(self.fenced(append));
        }
        (needs_all_answered(append.row.status) && !left.is_empty()).then_some(Fate::InboxNotEmpty)
    }

    fn post(&mut self, new: NewMessage) -> Result<MessageId, PostError> {
        let NewMessage {
            run,
            at,
            by,
            key,
            request,
        } = new;
        let bytes = encoded_length(&request);
        if bytes > MAX_REQUEST_BYTES {
            let most = MAX_REQUEST_BYTES;
            return Err(PostError::TooLong { run, bytes, most });
        }
        let stored = self.runs.get(&run).ok_or(PostError::NotFound(run))?;
        if let Some(key) = &key
            && let Some(sent) = self
                .inbox
                .iter()
                .find(|letter| letter.run == run && letter.key.as_ref() == Some(key))
        {
            let message = sent.message.id;
            if sent.message.request == request {
                return Ok(message);
            }
            let key = key.clone();
            return Err(PostError::KeyTaken { run, key, message });
        }
        if stored.status.is_final() {
            let status = stored.status;
            return Err(PostError::Ended { run, status });
        }
        let id = MessageId(self.inbox.len() as u64 + 1);
        self.inbox.push(Letter {
            run,
            key,
            message: Message { id, at, by, request },
            verdict: None,
        });
        self.bell.ring();
        Ok(id)
    }

    fn stream(&self, run: Option<RunId>, after: Option<Cursor>, limit: usize) -> Result<Vec<Streamed>, StreamError> {
        let start = match &after {
            None => Position(0),
            Some(cursor) => cursor.position_in(NAME)?,
        };
        if let Some(cursor) = after.filter(|_| start.0 > self.position) {
            return Err(StreamError::Ahead { cursor });
        }
        let wanted = self
            .runs
            .values()
            .filter(|stored| run.is_none_or(|run| stored.new.id == run));
        let events: BTreeMap<u64, (RunId, &Recorded)> = wanted
            .flat_map(|stored| {
                let id = stored.new.id;
                let events = stored.positions.iter().copied().zip(&stored.events);
                events.map(move |(position, recorded)| (position, (id, recorded)))
            })
            .collect();
        let page = events.range(start.0 + 1..).take(limit);
        Ok(page
            .map(|(position, (run, recorded))| Streamed {
                cursor: Cursor::new(NAME, Position(*position)),
                run: *run,
                recorded: (*recorded).clone(),
            })
            .collect())
    }

    fn claimable(&self, host: &HostId, now: Timestamp, limit: usize) -> Vec<Runnable> {
        let mut found: Vec<Runnable> = self
            .runs
            .values()
            .filter_map(|stored| {
                let run = stored.new.id;
                let asked = || unanswered(&self.inbox, run).map(|letter| letter.message.at).min();
                let (since, reason) = match &stored.owner {
                    Some(owner) if owner != host && !self.alive.contains(owner) => {
                        (stored.updated_at, Reason::HostLost)
                    }
                    Some(_) => return None,
                    None => match (stored.due_at().filter(|due| *due <= now), asked()) {
                        (Some(due), Some(asked)) if asked < due => (asked, Reason::Asked),
                        (Some(due), _) => (due, Reason::Due),
                        (None, Some(asked)) => (asked, Reason::Asked),
                        (None, None) => return None,
                    },
                };
                Some(Runnable { run, since, reason })
            })
            .collect();
        found.sort_by_key(|runnable| runnable.since);
        found.truncate(limit);
        found
    }

    fn unanswered(&self, inbox: Inbox, host: &HostId) -> Vec<Posted> {
        let of_host = |run: RunId| self.runs.get(&run).is_some_and(|run| run.owner.as_ref() == Some(host));
        self.inbox
            .iter()
            .filter(|letter| letter.verdict.is_none())
            .filter(|letter| match inbox {
                Inbox::OfThisHost => of_host(letter.run),
                Inbox::Of(run) => letter.run == run,
            })
            .map(|letter| Posted {
                run: letter.run,
                message: letter.message.clone(),
            })
            .collect()
    }

    fn find(&self, text: &str) -> Result<RunId, FindError> {
        let reference = Reference::parse(text).ok_or_else(|| FindError::Invalid {
            reference: text.to_owned(),
            least: cofferdam_store::reference::LEAST_DIGITS,
        })?;
        let newest_first = self.order.iter().rev().copied();
        let mut candidates: Vec<RunId> = newest_first.filter(|run| reference.fits(*run)).take(8).collect();
        if reference == Reference::Last {
            candidates.truncate(1);
        }
        match candidates.as_slice() {
            [] => Err(FindError::NotFound {
                reference: text.to_owned(),
            }),
            [run] => Ok(*run),
            _ => Err(FindError::Ambiguous {
                reference: text.to_owned(),
                candidates,
            }),
        }
    }

    fn list(&self, filter: &RunFilter) -> Vec<RunSummary> {
        let before = match filter.after {
            None => self.order.len(),
            // As on disk: after an unknown run there is nothing.
            Some(after) => self.order.iter().position(|run| *run == after).unwrap_or(0),
        };
        self.order[..before]
            .iter()
            .rev()
            .filter_map(|run| self.runs.get(run))
            .filter(|run| filter.statuses.is_empty() || filter.statuses.contains(&run.status))
            .filter(|run| {
                let workflow = filter.workflow.as_deref();
                workflow.is_none_or(|workflow| *workflow == *run.new.definition.workflow)
            })
            .take(filter.limit)
            .map(|run| run.summary(&self.alive))
            .collect()
    }
}

impl Stored {
    fn apply(&mut self, append: Append) {
        self.status = append.row.status;
        self.wake_at = append.row.wake_at;
        self.version = append.row.version;
        if let Some(last) = append.events.last() {
            self.updated_at = last.at;
        }
        if self.status != RunStatus::Running {
            self.owner = None;
        }
        if self.status.is_final() {
            self.finished_at = Some(self.updated_at);
        }
        self.events.extend(append.events);
        self.snapshot = if self.status.is_final() {
            None
        } else {
            append.snapshot.or_else(|| self.snapshot.take())
        };
    }

    /// Returns when the run is to be taken up by whoever looks.
    fn due_at(&self) -> Option<Timestamp> {
        let waits = self.owner.is_none() && matches!(self.status, RunStatus::Waiting | RunStatus::Paused);
        if self.owner.is_none() && self.status == RunStatus::Interrupted {
            return Some(self.updated_at);
        }
        self.released_at.or(self.wake_at.filter(|_| waits))
    }

    fn summary(&self, alive: &BTreeSet<HostId>) -> RunSummary {
        let plan: Digest = self.new.definition.digest;
        RunSummary {
            id: self.new.id,
            workflow: self.new.definition.workflow.to_string(),
            plan,
            status: self.status,
            wake_at: self.wake_at,
            generation: self.generation,
            version: self.version,
            owner: self.owner.clone().map(|host| Owner {
                alive: alive.contains(&host),
                pid: std::process::id(),
                host,
            }),
            created_at: self.new.created_at,
            updated_at: self.updated_at,
            finished_at: self.finished_at,
            caller_id: self.new.caller_id.clone(),
            labels: self.new.labels.clone(),
        }
    }

    fn lines(&self, step: Option<&StepPath>) -> LogLines {
        let wanted = |of: &StepPath| step.is_none_or(|step| step == of);
        LogLines {
            lines: self.lines.iter().filter(|line| wanted(&line.step)).cloned().collect(),
            dropped: self
                .dropped
                .iter()
                .filter(|(step, _)| wanted(step))
                .map(|(_, count)| count)
                .sum(),
        }
    }
}

impl Drop for MemoryLog {
    fn drop(&mut self) {
        self.die();
    }
}

/// How a run comes to take appends that took none before.
#[derive(Debug)]
enum Opening {
    Begin(Box<NewRun>),
    Reopen(Option<Definition>),
}

impl RunLog for MemoryLog {
    fn host(&self) -> &HostId {
        &self.host
    }

    fn begin(&self, run: NewRun, first: Append) -> Ticket {
        self.take(Some(Opening::Begin(Box::new(run))), first)
    }

    fn reopen(&self, definition: Option<Definition>, first: Append) -> Ticket {
        self.take(Some(Opening::Reopen(definition)), first)
    }

    fn hand_over(&self, append: Append) -> Ticket {
        self.hand_over_within(append, Urgency::Now)
    }

    fn hand_over_within(&self, append: Append, urgency: Urgency) -> Ticket {
        let kinds = append.events.iter().map(|recorded| recorded.event.kind());
        lock(&self.own).urgencies.push((kinds.collect(), urgency));
        self.take(None, append)
    }

    fn claim(&self, run: RunId) -> Pending<Result<Claim, ClaimError>> {
        let mut shared = lock(&self.shared);
        let mut own = lock(&self.own);
        self.hold_lease(&mut shared, &mut own);
        let claimed = shared.claim(run, &self.host);
        if let Ok(claim) = &claimed {
            own.driven.insert(run, (claim.generation, None));
        }
        ready(claimed)
    }

    fn lease(&self) -> Lease {
        lock(&self.own).lease.clone().unwrap_or_else(Lease::none)
    }

    fn claimable(&self, now: Timestamp, limit: usize) -> Pending<Result<Vec<Runnable>, StoreError>> {
        ready(Ok(lock(&self.shared).claimable(&self.host, now, limit)))
    }

    fn next_wake(&self, after: Timestamp) -> Pending<Result<Option<Timestamp>, StoreError>> {
        let shared = lock(&self.shared);
        let due = shared.runs.values().filter_map(Stored::due_at);
        ready(Ok(due.filter(|due| *due > after).min()))
    }

    fn at_work(&self) -> Result<AtWork, StoreError> {
        Ok(AtWork::with(Arc::clone(&lock(&self.shared).sign)))
    }

    fn is_anybody_at_work(&self) -> bool {
        Arc::strong_count(&lock(&self.shared).sign) > 1
    }

    fn post(&self, message: NewMessage) -> Pending<Result<MessageId, PostError>> {
        ready(lock(&self.shared).post(message))
    }

    fn answer(&self, message: MessageId) -> Pending<Result<Option<Verdict>, StoreError>> {
        let mut shared = lock(&self.shared);
        ready(Ok(shared.letter(message).and_then(|letter| letter.verdict.clone())))
    }

    fn unanswered(&self, inbox: Inbox) -> Pending<Result<Vec<Posted>, StoreError>> {
        ready(Ok(lock(&self.shared).unanswered(inbox, &self.host)))
    }

    fn listeners(&self, topic: &str) -> Pending<Result<Vec<RunId>, StoreError>> {
        let waited =
            |recorded: &Recorded| matches!(&recorded.event, Event::WaitStarted { topic: Some(of), .. } if of == topic);
        let shared = lock(&self.shared);
        let open = shared.runs.values().filter(|stored| !stored.status.is_final());
        let found = open.filter(|stored| stored.events.iter().any(waited));
        ready(Ok(found.map(|stored| stored.new.id).collect()))
    }

    fn arrivals(&self) -> Arrivals {
        let shared = lock(&self.shared);
        shared.bell.hear_others(true);
        shared.bell.arrivals()
    }

    fn run(&self, run: RunId) -> Pending<Result<Option<RunSummary>, StoreError>> {
        let shared = lock(&self.shared);
        ready(Ok(shared.runs.get(&run).map(|run| run.summary(&shared.alive))))
    }

    fn runs(&self, filter: RunFilter) -> Pending<Result<Vec<RunSummary>, StoreError>> {
        ready(Ok(lock(&self.shared).list(&filter)))
    }

    fn counts(&self, workflow: Option<String>) -> Pending<Result<BTreeMap<RunStatus, u64>, StoreError>> {
        let all = RunFilter {
            workflow,
            limit: usize::MAX,
            ..RunFilter::default()
        };
        let mut counts = BTreeMap::new();
        for run in lock(&self.shared).list(&all) {
            *counts.entry(run.status).or_default() += 1;
        }
        ready(Ok(counts))
    }

    fn find(&self, reference: &str) -> Pending<Result<RunId, FindError>> {
        ready(lock(&self.shared).find(reference))
    }

    fn events(&self, run: RunId, after: u64, limit: usize) -> Pending<Result<Vec<Recorded>, StoreError>> {
        let shared = lock(&self.shared);
        let events = shared.runs.get(&run).map_or(&[][..], |run| &run.events);
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        ready(Ok(events.iter().skip(after).take(limit).cloned().collect()))
    }

    fn stream(
        &self,
        run: Option<RunId>,
        after: Option<Cursor>,
        limit: usize,
    ) -> Pending<Result<Vec<Streamed>, StreamError>> {
        ready(lock(&self.shared).stream(run, after, limit))
    }

    fn end_of_stream(&self) -> Pending<Result<Cursor, StoreError>> {
        ready(Ok(Cursor::new(NAME, Position(lock(&self.shared).position))))
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.progress.subscribe()
    }

    fn definition(&self, run: RunId) -> Pending<Result<Option<Definition>, StoreError>> {
        let shared = lock(&self.shared);
        ready(Ok(shared.runs.get(&run).map(|run| run.new.definition.clone())))
    }

    fn log_lines(&self, run: RunId, step: Option<StepPath>) -> Pending<Result<LogLines, StoreError>> {
        let shared = lock(&self.shared);
        let lines = shared.runs.get(&run).map(|run| run.lines(step.as_ref()));
        ready(Ok(lines.unwrap_or_default()))
    }

    fn note(&self, line: LogLine) {
        let mut shared = lock(&self.shared);
        let Some(run) = shared.runs.get_mut(&line.run) else {
            return;
        };
        let delivery = |line: &LogLine| (line.step.clone(), line.occurrence.clone(), line.attempt, line.delivery);
        let of_this = delivery(&line);
        let before = run.lines.iter().filter(|other| delivery(other) == of_this).count();
        let mut own = lock(&self.own);
        if before < MAX_LINES_PER_DELIVERY as usize {
            own.statistics.log_lines += 1;
            run.lines.push(line);
        } else {
            own.statistics.log_lines_dropped += 1;
            *run.dropped.entry(line.step).or_default() += 1;
        }
    }

    fn broken(&self) -> Pending<Arc<StoreError>> {
        Box::pin(future::pending())
    }

    fn statistics(&self) -> Statistics {
        lock(&self.own).statistics
    }
}

fn unanswered(inbox: &[Letter], run: RunId) -> impl Iterator<Item = &Letter> {
    inbox
        .iter()
        .filter(move |letter| letter.run == run && letter.verdict.is_none())
}

fn encoded_length(request: &Request) -> usize {
    serde_json::to_string(request).map_or(usize::MAX, |text| text.len())
}

fn ready<T: Send + 'static>(answer: T) -> Pending<T> {
    Box::pin(future::ready(answer))
}

fn failed(error: StoreError) -> Fate {
    Fate::Failed(Arc::new(error))
}

fn full() -> StoreError {
    StoreError::DiskFull {
        path: PathBuf::from("memory"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked under a lock has failed already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
