//! The statements that only read, one function each.

use crate::error::{Cause, FindError, StoreError};
use crate::log_line::{LogLevel, LogLine, LogLines};
use crate::record::{Definition, HostId, Owner, RunFilter, RunSummary};
use crate::reference::{LEAST_DIGITS, Reference};
use crate::sqlite::checksum;
use crate::sqlite::error::{damaged, from_sqlite};
use crate::sqlite::liveness::{HostRow, Liveness};
use crate::sqlite::write::{digest_of, id_bytes, occurrence_from};
use cofferdam_engine::event::UnreadableEvent;
use cofferdam_engine::{Data, Digest, Event, Generation, Recorded, RunId, RunStatus, StepPath, Timestamp, Version};
use rusqlite::types::Value as Column;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// How many runs an ambiguous reference names; more would not be read.
const CANDIDATES: usize = 8;

/// Reads the database at one place.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    pub(crate) path: Arc<Path>,
    pub(crate) liveness: Liveness,
}

const SUMMARY: &str =
    "SELECT runs.id, runs.workflow, definitions.plan_digest, runs.status, runs.wake_at, runs.generation,
    runs.version, runs.owner, hosts.pid, runs.created_at, runs.updated_at, runs.finished_at, runs.caller_id, runs.labels,
    hosts.boot, hosts.lease_end
    FROM runs JOIN definitions ON definitions.number = runs.definition LEFT JOIN hosts ON hosts.id = runs.owner";

impl Archive {
    pub(crate) fn fail(&self, error: rusqlite::Error) -> StoreError {
        from_sqlite(&self.path, error)
    }

    fn damaged(&self, detail: impl Into<String>) -> StoreError {
        damaged(&self.path, detail)
    }

    /// Returns what is known about `run`.
    pub(crate) fn run(&self, db: &Connection, run: RunId) -> Result<Option<RunSummary>, StoreError> {
        let row = db
            .prepare_cached(&format!("{SUMMARY} WHERE runs.id = ?1"))
            .and_then(|mut statement| statement.query_row([id_bytes(run)], RunColumns::read).optional())
            .map_err(|error| self.fail(error))?;
        row.map(|columns| self.summary(columns)).transpose()
    }

    /// Returns the runs that `filter` asks for, newest first.
    pub(crate) fn runs(&self, db: &Connection, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        let mut statement = format!("{SUMMARY} WHERE 1");
        let mut values: Vec<Column> = Vec::new();
        if !filter.statuses.is_empty() {
            let words = vec!["?"; filter.statuses.len()].join(", ");
            statement.push_str(&format!(" AND runs.status IN ({words})"));
            values.extend(
                filter
                    .statuses
                    .iter()
                    .map(|status| Column::from(status.word().to_owned())),
            );
            // Says what the statuses imply, so that the index of the few unfinished runs can be used.
            if !filter.statuses.iter().any(|status| status.is_final()) {
                statement.push_str(" AND runs.finished_at IS NULL");
            }
        }
        if let Some(workflow) = &filter.workflow {
            statement.push_str(" AND runs.workflow = ?");
            values.push(Column::from(workflow.clone()));
        }
        if let Some(after) = filter.after {
            statement.push_str(" AND runs.number < (SELECT number FROM runs WHERE id = ?)");
            values.push(Column::from(id_bytes(after).to_vec()));
        }
        statement.push_str(" ORDER BY runs.number DESC LIMIT ?");
        values.push(Column::from(i64::try_from(filter.limit).unwrap_or(i64::MAX)));
        let rows: Vec<RunColumns> = db
            .prepare_cached(&statement)
            .and_then(|mut statement| {
                statement
                    .query_map(params_from_iter(values), RunColumns::read)?
                    .collect()
            })
            .map_err(|error| self.fail(error))?;
        rows.into_iter().map(|columns| self.summary(columns)).collect()
    }

    /// Returns how many runs there are of each status.
    pub(crate) fn counts(
        &self,
        db: &Connection,
        workflow: Option<&str>,
    ) -> Result<BTreeMap<RunStatus, u64>, StoreError> {
        let counted: Vec<(String, u64)> = db
            .prepare_cached("SELECT status, count(*) FROM runs WHERE ?1 IS NULL OR workflow = ?1 GROUP BY status")
            .and_then(|mut statement| {
                statement
                    .query_map([workflow], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .map_err(|error| self.fail(error))?;
        // Statuses of a later release are none of ours to count.
        let known = counted
            .into_iter()
            .filter_map(|(word, count)| Some((RunStatus::from_word(&word)?, count)));
        Ok(known.collect())
    }

    fn summary(&self, columns: RunColumns) -> Result<RunSummary, StoreError> {
        let id = RunId::from_bits(columns.id);
        let status = RunStatus::from_word(&columns.status)
            .ok_or_else(|| self.damaged(format!("run {id} has status `{}`", columns.status)))?;
        let labels: BTreeMap<String, String> = serde_json::from_str(&columns.labels)
            .map_err(|error| self.damaged(format!("the labels of run {id}: {error}")))?;
        let owner = match columns.owner {
            None => None,
            Some(owner) => {
                let host =
                    HostId::parse(&owner).ok_or_else(|| self.damaged(format!("run {id} has a host that cannot be")))?;
                Some(Owner {
                    alive: self.liveness.is_alive(&host, &columns.owner_row),
                    host,
                    pid: columns.owner_row.pid.unwrap_or_default(),
                })
            }
        };
        Ok(RunSummary {
            id,
            workflow: columns.workflow,
            plan: Digest::from_bytes(columns.plan),
            status,
            wake_at: columns.wake_at.map(Timestamp::from_millis),
            generation: Generation(columns.generation),
            version: Version(columns.version),
            owner,
            created_at: Timestamp::from_millis(columns.created_at),
            updated_at: Timestamp::from_millis(columns.updated_at),
            finished_at: columns.finished_at.map(Timestamp::from_millis),
            caller_id: columns.caller_id,
            labels,
        })
    }

    /// Returns the run that `reference` means.
    pub(crate) fn find(&self, db: &Connection, reference: &str) -> Result<RunId, FindError> {
        let failed = |error| FindError::Store(Arc::new(self.fail(error)));
        let parsed = Reference::parse(reference).ok_or_else(|| FindError::Invalid {
            reference: reference.to_owned(),
            least: LEAST_DIGITS,
        })?;
        let candidates = match parsed {
            Reference::Last => newest(db),
            Reference::Exact(run) => exact(db, run),
            Reference::Ending { digits } => ending(db, &digits),
        }
        .map_err(failed)?;
        match candidates.as_slice() {
            [] => Err(FindError::NotFound {
                reference: reference.to_owned(),
            }),
            [run] => Ok(*run),
            _ => Err(FindError::Ambiguous {
                reference: reference.to_owned(),
                candidates,
            }),
        }
    }

    /// Returns up to `limit` events of `run` after number `after`.
    pub(crate) fn events(
        &self,
        db: &Connection,
        run: RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let mut statement = db
            .prepare_cached(
                "SELECT sequence, at, encoding, data, checksum FROM events
                 WHERE run = (SELECT number FROM runs WHERE id = ?1) AND sequence > ?2 ORDER BY sequence LIMIT ?3",
            )
            .map_err(|error| self.fail(error))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut rows = statement
            .query(params![id_bytes(run), after, limit])
            .map_err(|error| self.fail(error))?;
        let mut events = Vec::new();
        let mut expected = after.unsigned_abs() + 1;
        while let Some(row) = rows.next().map_err(|error| self.fail(error))? {
            let recorded = self.recorded(db, row, expected)?;
            events.push(recorded);
            expected += 1;
        }
        Ok(events)
    }

    /// Returns the events of `run` after number `after`, which by its row has `version` of them.
    pub(crate) fn history_behind(
        &self,
        db: &Connection,
        run: RunId,
        after: Version,
        version: Version,
    ) -> Result<Vec<Recorded>, StoreError> {
        let events = self.events(db, run, after.0, usize::MAX)?;
        let found = after.0 + events.len() as u64;
        if found == version.0 {
            return Ok(events);
        }
        Err(StoreError::UnreadableEvent {
            sequence: found.min(version.0) + 1,
            source: self
                .damaged(format!("run {run} has {found} events of {}", version.0))
                .into(),
        })
    }

    /// Returns the event in a row that begins with number, time, encoding, data and checksum.
    pub(crate) fn recorded(&self, db: &Connection, row: &Row<'_>, expected: u64) -> Result<Recorded, StoreError> {
        let unreadable = |source: Cause| StoreError::UnreadableEvent {
            sequence: expected,
            source,
        };
        let columns = || -> rusqlite::Result<(u64, i64, u32)> { Ok((row.get(0)?, row.get(1)?, row.get(2)?)) };
        let (sequence, at, encoding) = columns().map_err(|error| self.fail(error))?;
        if sequence != expected {
            let found = self.damaged(format!("event {sequence} stands in its place"));
            return Err(unreadable(found.into()));
        }
        let data = row
            .get_ref(3)
            .map_err(|error| self.fail(error))?
            .as_bytes()
            .map_err(|error| unreadable(error.into()))?;
        let checksum: Option<u32> = row.get(4).map_err(|error| unreadable(error.into()))?;
        if checksum.is_some_and(|checksum| checksum != checksum::of_event(sequence, at, encoding, data)) {
            let changed = self.damaged(format!("event {sequence} is not what was written"));
            return Err(unreadable(changed.into()));
        }
        let mut event = Event::decode(encoding, data).map_err(|error| match error {
            UnreadableEvent::Newer { .. } => unreadable(error.into()),
            UnreadableEvent::Damaged(source) => unreadable(self.damaged(format!("event {sequence}: {source}")).into()),
        })?;
        if let Some(digest) = event.blob().map(|blob| blob.digest) {
            let content = self.blob(db, digest).map_err(|error| unreadable(error.into()))?;
            event.fill(digest, &content);
        }
        Ok(Recorded {
            sequence,
            at: Timestamp::from_millis(at),
            event,
        })
    }

    /// Returns the large value with this digest.
    pub(crate) fn blob(&self, db: &Connection, digest: Digest) -> Result<Data, StoreError> {
        let content: Option<String> = db
            .prepare_cached("SELECT content FROM blobs WHERE digest = ?1")
            .and_then(|mut statement| statement.query_row([digest.as_bytes()], |row| row.get(0)).optional())
            .map_err(|error| self.fail(error))?;
        match content {
            None => Err(self.damaged(format!("the value {digest} is missing"))),
            Some(content) if Digest::of(content.as_bytes()) != digest => {
                Err(self.damaged(format!("the value {digest} has other content")))
            }
            Some(content) => Data::from_json(&content, content.len())
                .map_err(|error| self.damaged(format!("the value {digest}: {error}"))),
        }
    }

    /// Returns what `run` executes.
    pub(crate) fn definition(&self, db: &Connection, run: RunId) -> Result<Option<Definition>, StoreError> {
        let found: Option<(Definition, [u8; 32])> = db
            .prepare_cached(
                "SELECT definitions.workflow, file, source, plan, plan_digest, definitions.digest
                 FROM runs JOIN definitions ON definitions.number = runs.definition WHERE runs.id = ?1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([id_bytes(run)], |row| {
                        let definition = Definition {
                            workflow: row.get::<_, String>(0)?.into(),
                            file: row.get::<_, String>(1)?.into(),
                            source: row.get::<_, String>(2)?.into(),
                            plan: row.get::<_, Vec<u8>>(3)?.into(),
                            digest: Digest::from_bytes(row.get(4)?),
                        };
                        Ok((definition, row.get(5)?))
                    })
                    .optional()
            })
            .map_err(|error| self.fail(error))?;
        match found {
            Some((definition, digest)) if digest_of(&definition).as_bytes() != &digest => {
                Err(self.damaged(format!("what run {run} executes is not what was written")))
            }
            found => Ok(found.map(|(definition, _)| definition)),
        }
    }

    /// Returns what the guests of `run`, or of one step of it, said.
    pub(crate) fn log_lines(
        &self,
        db: &Connection,
        run: RunId,
        step: Option<&StepPath>,
    ) -> Result<LogLines, StoreError> {
        let step = step.map(StepPath::as_str);
        let read = || -> rusqlite::Result<(Vec<LineColumns>, u64)> {
            let rows = db
                .prepare_cached(
                    "SELECT step, occurrence, attempt, delivery, at, level, message, fields FROM logs
                     WHERE run = (SELECT number FROM runs WHERE id = ?1) AND (?2 IS NULL OR step = ?2) ORDER BY number",
                )?
                .query_map(params![id_bytes(run), step], LineColumns::read)?
                .collect::<rusqlite::Result<_>>()?;
            let dropped = db
                .prepare_cached(
                    "SELECT coalesce(sum(lines), 0) FROM dropped_logs
                     WHERE run = (SELECT number FROM runs WHERE id = ?1) AND (?2 IS NULL OR step = ?2)",
                )?
                .query_row(params![id_bytes(run), step], |row| row.get(0))?;
            Ok((rows, dropped))
        };
        let (rows, dropped) = read().map_err(|error| self.fail(error))?;
        let lines = rows
            .into_iter()
            .map(|columns| {
                columns
                    .line(run)
                    .ok_or_else(|| self.damaged(format!("a log line of run {run} cannot be read")))
            })
            .collect::<Result<_, _>>()?;
        Ok(LogLines { lines, dropped })
    }

    /// Returns the first things that are wrong with the database as a whole; none if nothing is.
    pub(crate) fn findings(&self, db: &Connection) -> Result<Vec<String>, StoreError> {
        let findings: Vec<String> = db
            .prepare("PRAGMA quick_check(20)")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(|error| self.fail(error))?;
        Ok(findings.into_iter().filter(|finding| finding != "ok").collect())
    }
}

struct RunColumns {
    id: u128,
    workflow: String,
    plan: [u8; 32],
    status: String,
    wake_at: Option<i64>,
    generation: u64,
    version: u64,
    owner: Option<String>,
    owner_row: HostRow,
    created_at: i64,
    updated_at: i64,
    finished_at: Option<i64>,
    caller_id: Option<String>,
    labels: String,
}

impl RunColumns {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: u128::from_be_bytes(row.get(0)?),
            workflow: row.get(1)?,
            plan: row.get(2)?,
            status: row.get(3)?,
            wake_at: row.get(4)?,
            generation: row.get(5)?,
            version: row.get(6)?,
            owner: row.get(7)?,
            owner_row: HostRow {
                pid: row.get(8)?,
                boot: row.get(14)?,
                lease_end: row.get(15)?,
            },
            created_at: row.get(9)?,
            updated_at: row.get(10)?,
            finished_at: row.get(11)?,
            caller_id: row.get(12)?,
            labels: row.get(13)?,
        })
    }
}

struct LineColumns {
    step: String,
    occurrence: String,
    attempt: u32,
    delivery: u32,
    at: i64,
    level: String,
    message: String,
    fields: Option<String>,
}

impl LineColumns {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            step: row.get(0)?,
            occurrence: row.get(1)?,
            attempt: row.get(2)?,
            delivery: row.get(3)?,
            at: row.get(4)?,
            level: row.get(5)?,
            message: row.get(6)?,
            fields: row.get(7)?,
        })
    }

    fn line(self, run: RunId) -> Option<LogLine> {
        let fields = match self.fields {
            None => Data::Null,
            Some(fields) => Data::from_json(&fields, fields.len()).ok()?,
        };
        Some(LogLine {
            run,
            step: StepPath::new(self.step),
            occurrence: occurrence_from(&self.occurrence)?,
            attempt: self.attempt,
            delivery: self.delivery,
            at: Timestamp::from_millis(self.at),
            level: LogLevel::from_word(&self.level)?,
            message: self.message,
            fields,
        })
    }
}

fn newest(db: &Connection) -> rusqlite::Result<Vec<RunId>> {
    ids(db, "SELECT id FROM runs ORDER BY number DESC LIMIT 1", params![])
}

fn exact(db: &Connection, run: RunId) -> rusqlite::Result<Vec<RunId>> {
    ids(db, "SELECT id FROM runs WHERE id = ?1", params![id_bytes(run)])
}

/// `g` sorts behind all digits, so that the range holds exactly the ids with this ending.
fn ending(db: &Connection, digits: &str) -> rusqlite::Result<Vec<RunId>> {
    let start: String = digits.chars().rev().collect();
    ids(
        db,
        "SELECT id FROM runs WHERE reversed >= ?1 AND reversed < ?1 || 'g' ORDER BY number DESC LIMIT ?2",
        params![start, CANDIDATES as i64],
    )
}

fn ids(db: &Connection, statement: &str, values: &[&dyn rusqlite::ToSql]) -> rusqlite::Result<Vec<RunId>> {
    db.prepare_cached(statement)?
        .query_map(values, |row| row.get(0).map(u128::from_be_bytes).map(RunId::from_bits))?
        .collect()
}
