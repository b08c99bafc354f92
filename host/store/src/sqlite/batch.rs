//! How appends of many runs become one transaction, in which a bad one fails alone.

use crate::contradiction::contradiction;
use crate::error::StoreError;
use crate::inbox::needs_all_answered;
use crate::overtaken::{Overtaken, Revision};
use crate::record::{Definition, HostId, NewRun};
use crate::sqlite::driven::Driven;
use crate::sqlite::error::from_sqlite;
use crate::sqlite::inbox;
use crate::sqlite::listeners;
use crate::sqlite::queue::Opening;
use crate::sqlite::snapshot;
use crate::sqlite::write::{self, Encoded, RunNumber};
use crate::ticket::{Fate, Position, Settler};
use cofferdam_engine::{Append, Generation, MessageId, RunId, RunStatus, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

/// The most appends of a run that are written as one; what a run decides between two barriers is far less.
const LONGEST_CHAIN: usize = 64;

/// Appends of one generation of a run that follow each other, and how the run came to take them if it did not before.
#[derive(Debug)]
pub(crate) struct Chain {
    run: RunId,
    generation: Generation,
    opening: Option<Opening>,
    appends: Vec<(Encoded, Settler)>,
}

/// Sorts orders into chains: those of different runs do not depend on each other, those of one keep their order.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    queue: VecDeque<Chain>,
    open: HashMap<(RunId, Generation), usize>,
}

impl Chains {
    /// Adds an append, with how it begins its run or opens it again if it does.
    pub(crate) fn push(&mut self, opening: Option<Opening>, append: Encoded, settler: Settler) {
        let (run, generation) = (append.append.run, append.append.generation);
        if opening.is_none()
            && let Some(index) = self.open.get(&(run, generation))
            && self.queue[*index].appends.len() < LONGEST_CHAIN
        {
            self.queue[*index].appends.push((append, settler));
            return;
        }
        self.open.insert((run, generation), self.queue.len());
        self.queue.push_back(Chain {
            run,
            generation,
            opening,
            appends: vec![(append, settler)],
        });
    }

    /// Returns the chains in order and is empty afterwards.
    pub(crate) fn take(&mut self) -> VecDeque<Chain> {
        self.open.clear();
        std::mem::take(&mut self.queue)
    }
}

/// What was decided about a chain while its transaction is open.
#[derive(Debug)]
pub(crate) struct Written {
    run: RunId,
    generation: Generation,
    /// Durable once the transaction is.
    fitting: Vec<(Settler, Position)>,
    /// What did not fit, and is told so whatever becomes of the transaction.
    refused: Vec<(Settler, Fate)>,
    /// Whether its last append let go of the run.
    pub(crate) let_go: bool,
    pub(crate) events: u64,
}

impl Written {
    fn refused(chain: Chain, fate: &Fate) -> Self {
        Self {
            run: chain.run,
            generation: chain.generation,
            fitting: Vec::new(),
            refused: shared(chain.appends, fate),
            let_go: false,
            events: 0,
        }
    }

    /// Returns the chain as one that was never tried, for want of a transaction.
    pub(crate) fn lost(chain: Chain, error: &Arc<StoreError>) -> Self {
        let new = chain.opening.is_some();
        let written = Self::refused(chain, &Fate::Failed(Arc::clone(error)));
        // A run that never began has no incarnation to break off.
        let generation = if new { Generation::default() } else { written.generation };
        Self { generation, ..written }
    }

    /// Returns how many appends are durable once the transaction is.
    pub(crate) fn appends(&self) -> u64 {
        self.fitting.len() as u64
    }

    /// Tells everybody, after the transaction was committed.
    pub(crate) fn committed(self, driven: &mut Driven) {
        // A run that this host let go of takes nothing more from it; the entry is what would take it.
        if self.let_go {
            driven.remove(self.run);
        }
        for (settler, position) in self.fitting {
            settler.settle(Fate::Durable(position));
        }
        for (settler, fate) in self.refused {
            settler.settle(fate);
        }
    }

    /// Tells everybody, after the transaction failed.
    pub(crate) fn failed(self, error: &Arc<StoreError>, driven: &mut Driven) {
        let fate = Fate::Failed(Arc::clone(error));
        driven.break_off(self.run, self.generation, &fate);
        for (settler, _) in self.fitting {
            settler.settle(fate.clone());
        }
        for (settler, fate) in self.refused {
            settler.settle(fate);
        }
    }
}

/// What writing chains needs beside the connection.
pub(crate) struct Scribe<'a> {
    pub(crate) path: &'a Path,
    pub(crate) host: &'a HostId,
    pub(crate) driven: &'a mut Driven,
    /// Where appends without events are said to be.
    pub(crate) latest: Position,
    /// When answers are given.
    pub(crate) now: Timestamp,
}

impl Scribe<'_> {
    /// Writes `chain` in the open transaction of `db`.
    ///
    /// # Errors
    /// Gives the chain's tickets back with the error when the whole transaction is lost.
    pub(crate) fn write(&mut self, db: &Connection, mut chain: Chain) -> Result<Written, (Written, Arc<StoreError>)> {
        let mut begun = chain.opening.is_none();
        let (fate, lost) = match self.write_inside_savepoint(db, &mut chain, &mut begun) {
            Ok(Attempt::Fits(rest, last)) => return Ok(self.split(chain, rest, last)),
            Ok(Attempt::Refused(refusal)) => (self.fate(db, &chain, refusal), None),
            Err(error) => {
                let error = Arc::new(error);
                // Some errors, a full disk among them, may take the whole transaction along.
                let undone = !db.is_autocommit() && undo(db).is_ok();
                (Fate::Failed(Arc::clone(&error)), (!undone).then_some(error))
            }
        };
        // A run that could not begin since there is one already must not break that one off.
        if begun {
            self.driven.break_off(chain.run, chain.generation, &fate);
        }
        let written = Written::refused(chain, &fate);
        match lost {
            None => Ok(written),
            Some(error) => Err((written, error)),
        }
    }

    fn write_inside_savepoint(
        &mut self,
        db: &Connection,
        chain: &mut Chain,
        begun: &mut bool,
    ) -> Result<Attempt, StoreError> {
        let fail = |error| from_sqlite(self.path, error);
        if *begun && let Err(refusal) = self.driven.admit(chain.run, chain.generation) {
            return Ok(Attempt::Refused(refusal));
        }
        execute(db, "SAVEPOINT chain").map_err(fail)?;
        if let Some(opening) = chain.opening.take() {
            let opened = match opening {
                Opening::Begin(run) => Some(self.begin(db, &run)?),
                Opening::Reopen(definition) => self.reopen(db, chain, definition.as_deref())?,
            };
            let Some(number) = opened else {
                undo(db).map_err(fail)?;
                return Ok(Attempt::Refused(Refusal::Overtaken));
            };
            self.driven.insert(chain.run, number, chain.generation);
            *begun = true;
        }
        let attempt = match self.driven.admit(chain.run, chain.generation) {
            Ok(number) => self.add(db, number, chain)?,
            Err(refusal) => Attempt::Refused(refusal),
        };
        match attempt {
            Attempt::Fits(..) => execute(db, "RELEASE chain").map_err(fail)?,
            Attempt::Refused(_) => undo(db).map_err(fail)?,
        }
        Ok(attempt)
    }

    /// Returns what becomes of the first append of a chain that is refused.
    fn fate(&self, db: &Connection, chain: &Chain, refusal: Refusal) -> Fate {
        let overtaken = match (refusal, chain.appends.first()) {
            (Refusal::Fate(fate), _) => return fate,
            (Refusal::Overtaken, Some((first, _))) => {
                write::revision(db, chain.run).map(|actual| Overtaken::new(&first.append, actual))
            }
            (Refusal::Overtaken, None) => Err(rusqlite::Error::QueryReturnedNoRows),
        };
        match overtaken {
            Ok(overtaken) => Fate::Fenced(overtaken),
            Err(error) => Fate::Failed(Arc::new(from_sqlite(self.path, error))),
        }
    }

    fn begin(&self, db: &Connection, run: &NewRun) -> Result<RunNumber, StoreError> {
        let fail = |error| from_sqlite(self.path, error);
        if exists(db, run.id).map_err(fail)? {
            return Err(StoreError::Exists { run: run.id });
        }
        if let Some(caller_id) = &run.caller_id
            && let Some(taken) = called(db, caller_id).map_err(fail)?
        {
            return Err(StoreError::Duplicate {
                caller_id: caller_id.clone(),
                run: taken,
            });
        }
        let definition = write::insert_definition(db, &run.definition).map_err(fail)?;
        write::insert_run(db, run, definition, self.host).map_err(fail)
    }

    /// Makes this host the one that drives a run which has ended; returns its number, none if it is not as the chain has it.
    fn reopen(
        &self,
        db: &Connection,
        chain: &Chain,
        definition: Option<&Definition>,
    ) -> Result<Option<RunNumber>, StoreError> {
        let fail = |error| from_sqlite(self.path, error);
        let Some((first, _)) = chain.appends.first() else {
            return Ok(None);
        };
        let definition = match definition {
            Some(definition) => {
                let number = write::insert_definition(db, definition).map_err(fail)?;
                Some((number, &*definition.workflow))
            }
            None => None,
        };
        write::reopen_run(db, &first.append, definition, self.host).map_err(fail)
    }

    /// Writes the appends of `chain` from the first on that fit each other.
    fn add(&self, db: &Connection, number: RunNumber, chain: &Chain) -> Result<Attempt, StoreError> {
        let fail = |error| from_sqlite(self.path, error);
        let (fitting, rest) = fitting(chain, || inbox::waiting(db, number)).map_err(fail)?;
        let appends = &chain.appends[..fitting];
        let (Some((first, _)), Some((last, _))) = (appends.first(), appends.last()) else {
            return Ok(Attempt::Refused(rest.unwrap_or(Refusal::Overtaken)));
        };
        let (begin, end) = (&first.append, &last.append);
        let at = appends
            .iter()
            .rev()
            .find_map(|(encoded, _)| encoded.append.events.last())
            .map(|recorded| recorded.at);
        if !write::update_run(db, number, begin.generation, begin.expected, end.row, at).map_err(fail)? {
            return Ok(Attempt::Refused(Refusal::Overtaken));
        }
        for blob in appends.iter().flat_map(|(encoded, _)| encoded.append.blobs()) {
            write::insert_blob(db, blob).map_err(fail)?;
        }
        let events = appends.iter().map(|(encoded, _)| encoded);
        let position = if end.row.version > begin.expected {
            write::insert_events(db, number, events).map_err(fail)?;
            Position(db.last_insert_rowid().unsigned_abs())
        } else {
            self.latest
        };
        if end.row.status.is_final() {
            snapshot::forget(db, number).map_err(fail)?;
            listeners::forget(db, number).map_err(fail)?;
        } else if let Some(latest) = appends
            .iter()
            .rev()
            .find_map(|(encoded, _)| encoded.append.snapshot.as_ref())
        {
            snapshot::keep(db, number, latest).map_err(fail)?;
        }
        if !end.row.status.is_final() {
            for (encoded, _) in appends {
                listeners::keep(db, number, &encoded.append).map_err(fail)?;
            }
        }
        for answer in appends.iter().flat_map(|(encoded, _)| &encoded.append.answers) {
            inbox::keep_answer(db, number, answer, self.now).map_err(fail)?;
        }
        let fate = rest.map(|refusal| match refusal {
            Refusal::Overtaken => {
                let actual = Revision {
                    generation: end.generation,
                    version: end.row.version,
                };
                Fate::Fenced(Overtaken::new(end, Some(actual)))
            }
            Refusal::Fate(fate) => fate,
        });
        Ok(Attempt::Fits(Rest { fitting, fate }, position))
    }

    fn split(&mut self, chain: Chain, rest: Rest, last: Position) -> Written {
        let (run, generation) = (chain.run, chain.generation);
        let mut appends = chain.appends;
        let unfit = appends.split_off(rest.fitting);
        let let_go = appends
            .last()
            .is_some_and(|(encoded, _)| encoded.append.row.status != RunStatus::Running);
        let events: u64 = appends
            .iter()
            .map(|(encoded, _)| encoded.append.events.len() as u64)
            .sum();
        // The rows of a chain follow each other, so that the positions of all are known from the last one.
        let mut behind = events;
        let fitting = appends
            .into_iter()
            .map(|(encoded, settler)| {
                behind -= encoded.append.events.len() as u64;
                (settler, Position(last.0.saturating_sub(behind)))
            })
            .collect();
        let refused = rest.fate.map_or_else(Vec::new, |fate| {
            self.driven.break_off(run, generation, &fate);
            shared(unfit, &fate)
        });
        self.latest = self.latest.max(last);
        Written {
            run,
            generation,
            fitting,
            refused,
            let_go,
            events,
        }
    }
}

/// Returns appends that share a fate, each with what it was decided for.
fn shared(appends: Vec<(Encoded, Settler)>, fate: &Fate) -> Vec<(Settler, Fate)> {
    let of_each = |encoded: &Encoded| match fate {
        Fate::Fenced(overtaken) => Fate::Fenced(Overtaken::new(&encoded.append, overtaken.actual)),
        other => other.clone(),
    };
    appends
        .into_iter()
        .map(|(encoded, settler)| (settler, of_each(&encoded)))
        .collect()
}

enum Attempt {
    /// So many appends were written, the last event at this position.
    Fits(Rest, Position),
    Refused(Refusal),
}

/// Why something is not written.
pub(crate) enum Refusal {
    /// The run is not what it was decided for.
    Overtaken,
    /// For something else, which is what becomes of it.
    Fate(Fate),
}

struct Rest {
    fitting: usize,
    fate: Option<Fate>,
}

/// Returns how many appends of `chain` fit each other and the inbox, and what becomes of the others. `waiting` reads which
/// messages have no answer; most chains do not need it.
fn fitting(
    chain: &Chain,
    waiting: impl FnOnce() -> rusqlite::Result<BTreeSet<MessageId>>,
) -> rusqlite::Result<(usize, Option<Refusal>)> {
    let (mut waiting, mut left) = (Some(waiting), BTreeSet::new());
    let mut before: Option<&Append> = None;
    for (index, (Encoded { append, .. }, _)) in chain.appends.iter().enumerate() {
        if let Some(before) = before
            && (append.expected != before.row.version || before.row.status != RunStatus::Running)
        {
            return Ok((index, Some(Refusal::Overtaken)));
        }
        if let Some(detail) = contradiction(append) {
            let error = StoreError::Malformed { run: chain.run, detail };
            return Ok((index, Some(Refusal::Fate(Fate::Failed(Arc::new(error))))));
        }
        let needs_all = needs_all_answered(append.row.status);
        if (needs_all || !append.answers.is_empty())
            && let Some(read) = waiting.take()
        {
            left = read()?;
        }
        if !append.answers.iter().all(|answer| left.remove(&answer.message)) {
            return Ok((index, Some(Refusal::Overtaken)));
        }
        if needs_all && !left.is_empty() {
            return Ok((index, Some(Refusal::Fate(Fate::InboxNotEmpty))));
        }
        before = Some(append);
    }
    Ok((chain.appends.len(), None))
}

fn exists(db: &Connection, run: RunId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM runs WHERE id = ?1")?
        .exists([write::id_bytes(run)])
}

fn called(db: &Connection, caller_id: &str) -> rusqlite::Result<Option<RunId>> {
    db.prepare_cached("SELECT id FROM runs WHERE caller_id = ?1")?
        .query_row([caller_id], |row| row.get(0).map(u128::from_be_bytes))
        .optional()
        .map(|bits| bits.map(RunId::from_bits))
}

fn undo(db: &Connection) -> rusqlite::Result<()> {
    execute(db, "ROLLBACK TO chain")?;
    execute(db, "RELEASE chain")
}

/// Executes a statement without parameters and rows that is used again and again.
pub(crate) fn execute(db: &Connection, statement: &str) -> rusqlite::Result<()> {
    db.prepare_cached(statement)?.execute([]).map(drop)
}
