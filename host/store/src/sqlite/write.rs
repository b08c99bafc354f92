//! The statements that change the database, one function each. The caller holds the transaction.

use crate::failpoint::Failpoint;
use crate::log_line::LogLine;
use crate::overtaken::Revision;
use crate::record::{Definition, HostId, NewRun};
use crate::sqlite::checksum;
use cofferdam_engine::{
    Append, Blob, Data, Digest, EVENT_ENCODING, Generation, Occurrence, Recorded, RunId, RunRow, RunStatus, StepPath,
    Timestamp, Version,
};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Result, ToSql, params, params_from_iter};
use std::sync::LazyLock;
use std::time::Duration;

/// A run as the database numbers it: short, since every event has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunNumber(pub(crate) i64);

impl ToSql for RunNumber {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

/// Makes this host known, with a lease until `end`.
pub(crate) fn begin_lease(
    db: &Connection,
    host: &HostId,
    boot: &str,
    started_at: Timestamp,
    end: Duration,
) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO hosts (id, pid, boot, started_at, lease_end) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET lease_end = excluded.lease_end",
    )?
    .execute(params![
        host.as_str(),
        std::process::id(),
        boot,
        started_at.as_millis(),
        since_boot(end),
    ])
    .map(drop)
}

/// Forgets hosts whose lease has run out and that no run names, and returns them. One that is only silent loses its lease by
/// it for good.
pub(crate) fn forget_lost_hosts(db: &Connection, boot: &str, now: Duration) -> Result<Vec<String>> {
    db.prepare_cached(
        "DELETE FROM hosts WHERE (boot <> ?1 OR coalesce(lease_end, 0) <= ?2)
             AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.owner = hosts.id)
         RETURNING id",
    )?
    .query_map(params![boot, since_boot(now)], |row| row.get(0))?
    .collect()
}

/// Prolongs the lease of this host until `end`, unless it ran out before `now`. Returns whether it had not.
pub(crate) fn renew_lease(db: &Connection, host: &HostId, now: Duration, end: Duration) -> Result<bool> {
    Failpoint::BeforeRenewal.reached();
    db.prepare_cached("UPDATE hosts SET lease_end = ?3 WHERE id = ?1 AND lease_end > ?2")?
        .execute(params![host.as_str(), since_boot(now), since_boot(end)])
        .map(|changed| changed == 1)
}

/// Lets go of all runs of a host that lost its lease without another host having taken them: whoever looks takes them.
pub(crate) fn release_runs(db: &Connection, host: &HostId, now: Timestamp) -> Result<()> {
    db.prepare_cached("UPDATE runs SET owner = NULL, due_at = ?2 WHERE owner = ?1")?
        .execute(params![host.as_str(), now.as_millis()])
        .map(drop)
}

/// Ends the lease of this host, and forgets the host unless a run still names it.
pub(crate) fn leave(db: &Connection, host: &HostId) -> Result<()> {
    let forgotten = db
        .prepare_cached("DELETE FROM hosts WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE owner = ?1)")?
        .execute([host.as_str()])?;
    if forgotten == 0 {
        db.prepare_cached("UPDATE hosts SET lease_end = 0 WHERE id = ?1")?
            .execute([host.as_str()])?;
    }
    Ok(())
}

/// Returns how the database holds a time since boot.
fn since_boot(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Stores what a run executes, if no run executes the same, and returns its number.
pub(crate) fn insert_definition(db: &Connection, definition: &Definition) -> Result<i64> {
    let digest = digest_of(definition);
    let known = db
        .prepare_cached("SELECT number FROM definitions WHERE digest = ?1")?
        .query_row([digest.as_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    db.prepare_cached(
        "INSERT INTO definitions (digest, plan_digest, workflow, file, source, plan) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .insert(params![
        digest.as_bytes(),
        definition.digest.as_bytes(),
        &*definition.workflow,
        &*definition.file,
        &*definition.source,
        &*definition.plan,
    ])
}

/// Returns the digest under which a definition is stored.
pub(crate) fn digest_of(definition: &Definition) -> Digest {
    let mut whole = Vec::with_capacity(definition.plan.len() + definition.source.len() + 256);
    for part in [
        definition.workflow.as_bytes(),
        definition.file.as_bytes(),
        definition.source.as_bytes(),
        &definition.plan,
    ] {
        whole.extend_from_slice(&(part.len() as u64).to_be_bytes());
        whole.extend_from_slice(part);
    }
    Digest::of(&whole)
}

/// Adds a run that has no events yet, driven by `host` as generation 1.
pub(crate) fn insert_run(db: &Connection, run: &NewRun, definition: i64, host: &HostId) -> Result<RunNumber> {
    let labels = Data::map(run.labels.iter().map(|(key, value)| (key.as_str(), Data::text(value)))).to_json();
    db.prepare_cached(
        "INSERT INTO runs (id, reversed, workflow, definition, caller_id, labels, created_at,
                           needs_reader, generation, version, status, owner, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, 0, ?9, ?10, ?7)",
    )?
    .insert(params![
        id_bytes(run.id),
        reversed(run.id),
        &*run.definition.workflow,
        definition,
        run.caller_id,
        labels,
        run.created_at.as_millis(),
        EVENT_ENCODING,
        RunStatus::Running.word(),
        host.as_str(),
    ])
    .map(RunNumber)
}

/// Takes a run that has ended out of its end, if it still has the version that `first` was decided for and the generation
/// before it, and makes `host` its owner. Returns its number if it had.
pub(crate) fn reopen_run(
    db: &Connection,
    first: &Append,
    definition: Option<(i64, &str)>,
    host: &HostId,
) -> Result<Option<RunNumber>> {
    let (number, workflow) = definition.unzip();
    db.prepare_cached(
        "UPDATE runs SET generation = ?2, owner = ?4, status = ?5, finished_at = NULL, due_at = NULL,
                         definition = coalesce(?6, definition), workflow = coalesce(?7, workflow)
         WHERE id = ?1 AND generation = ?2 - 1 AND version = ?3 AND finished_at IS NOT NULL
         RETURNING number",
    )?
    .query_row(
        params![
            id_bytes(first.run),
            first.generation.0,
            first.expected.0,
            host.as_str(),
            RunStatus::Running.word(),
            number,
            workflow,
        ],
        |row| row.get(0).map(RunNumber),
    )
    .optional()
}

/// Returns what a run is by now; none if there is no such run.
pub(crate) fn revision(db: &Connection, run: RunId) -> Result<Option<Revision>> {
    db.prepare_cached("SELECT generation, version FROM runs WHERE id = ?1")?
        .query_row([id_bytes(run)], |row| {
            Ok(Revision {
                generation: Generation(row.get(0)?),
                version: Version(row.get(1)?),
            })
        })
        .optional()
}

/// Moves a run on, if it still has that generation and version: this is the fence. Returns whether it had.
///
/// `at` is when the latest of the new events was decided.
pub(crate) fn update_run(
    db: &Connection,
    run: RunNumber,
    generation: Generation,
    expected: Version,
    row: RunRow,
    at: Option<Timestamp>,
) -> Result<bool> {
    let at = at.map(Timestamp::as_millis);
    let changed = match row.status {
        // The step of a running run: nothing that an index has.
        RunStatus::Running => db
            .prepare_cached(
                "UPDATE runs SET version = ?4, wake_at = ?5, updated_at = coalesce(?6, updated_at), status = 'running',
                                 needs_reader = max(needs_reader, ?7)
                 WHERE number = ?1 AND generation = ?2 AND version = ?3",
            )?
            .execute(params![
                run,
                generation.0,
                expected.0,
                row.version.0,
                row.wake_at.map(Timestamp::as_millis),
                at,
                EVENT_ENCODING,
            ])?,
        // The host lets go of the run.
        RunStatus::Interrupted
        | RunStatus::Waiting
        | RunStatus::Paused
        | RunStatus::Completed
        | RunStatus::Failed
        | RunStatus::Cancelled
        | RunStatus::Killed => db
            .prepare_cached(
                "UPDATE runs SET version = ?4, wake_at = ?5, updated_at = coalesce(?6, updated_at), needs_reader = max(needs_reader, ?7),
                                 status = ?8, owner = NULL, finished_at = ?9, due_at = ?10
                 WHERE number = ?1 AND generation = ?2 AND version = ?3",
            )?
            .execute(params![
                run,
                generation.0,
                expected.0,
                row.version.0,
                row.wake_at.map(Timestamp::as_millis),
                at,
                EVENT_ENCODING,
                row.status.word(),
                at.filter(|_| row.status.is_final()),
                due_at(row, at),
            ])?,
    };
    Ok(changed == 1)
}

/// Returns when a run that nobody owns is to be taken up: those that wait, when their time has come; those that their host let
/// go of, since it did, `at`.
fn due_at(row: RunRow, at: Option<i64>) -> Option<i64> {
    match row.status {
        RunStatus::Waiting | RunStatus::Paused => row.wake_at.map(Timestamp::as_millis),
        RunStatus::Interrupted => Some(at.unwrap_or_default()),
        RunStatus::Running | RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled | RunStatus::Killed => {
            None
        }
    }
}

/// An append whose events are as the database holds them. Whoever hands an append over encodes it, so that the one thread
/// that writes need not.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) append: Append,
    /// The events of `append`, in order, each as UTF-8, with its checksum.
    events: Vec<(Vec<u8>, u32)>,
}

impl From<Append> for Encoded {
    fn from(append: Append) -> Self {
        let encode = |recorded: &Recorded| {
            let data = recorded.event.encode();
            let checksum = checksum::of_event(recorded.sequence, recorded.at.as_millis(), EVENT_ENCODING, &data);
            (data, checksum)
        };
        let events = append.events.iter().map(encode).collect();
        Self { append, events }
    }
}

impl Encoded {
    /// Returns how many bytes the events, their large values and the snapshot have.
    pub(crate) fn bytes(&self) -> usize {
        let events: usize = self.events.iter().map(|(data, _)| data.len()).sum();
        let snapshot = self.append.snapshot.as_ref().map_or(0, |snapshot| snapshot.data.len());
        let blobs: u64 = self.append.blobs().map(|blob| blob.size).sum();
        events + snapshot + usize::try_from(blobs).unwrap_or(usize::MAX / 2)
    }
}

/// Adds the events of `appends`, in order.
pub(crate) fn insert_events<'a>(
    db: &Connection,
    run: RunNumber,
    appends: impl Iterator<Item = &'a Encoded>,
) -> Result<()> {
    // Many rows per statement save most of the cost of a statement; more than eight at once are rare.
    const ROWS: usize = 8;
    const COLUMNS: usize = 8;
    let mut values: Vec<EventValue<'_>> = Vec::with_capacity(ROWS * COLUMNS);
    let flush = |values: &mut Vec<EventValue<'_>>| -> Result<()> {
        let rows = values.len() / COLUMNS;
        if rows > 0 {
            db.prepare_cached(&INSERT_EVENTS[rows - 1])?
                .execute(params_from_iter(values.drain(..)))?;
        }
        Ok(())
    };
    let events = appends.flat_map(|encoded| encoded.append.events.iter().zip(&encoded.events));
    for (recorded, (json, checksum)) in events {
        if values.len() == ROWS * COLUMNS {
            flush(&mut values)?;
        }
        values.extend([
            EventValue::Number(run.0),
            EventValue::Number(recorded.sequence as i64),
            EventValue::Number(recorded.at.as_millis()),
            EventValue::Text(recorded.event.kind()),
            EventValue::Number(i64::from(EVENT_ENCODING)),
            recorded
                .event
                .step()
                .map_or(EventValue::Null, |at| EventValue::Text(at.step.as_str())),
            EventValue::Json(json),
            EventValue::Number(i64::from(*checksum)),
        ]);
    }
    flush(&mut values)
}

enum EventValue<'a> {
    Null,
    Number(i64),
    Text(&'a str),
    /// Bytes that are known to be UTF-8.
    Json(&'a [u8]),
}

impl ToSql for EventValue<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Json(bytes) => ValueRef::Text(bytes),
        }))
    }
}

/// The statements for one to eight rows; built once, since the cache of prepared statements is keyed by their text.
static INSERT_EVENTS: LazyLock<[String; 8]> = LazyLock::new(|| {
    std::array::from_fn(|more| {
        format!(
            "INSERT INTO events (run, sequence, at, kind, encoding, step, data, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?){}",
            ", (?, ?, ?, ?, ?, ?, ?, ?)".repeat(more)
        )
    })
});

/// Stores a large value, unless it is stored already.
pub(crate) fn insert_blob(db: &Connection, blob: &Blob) -> Result<()> {
    let content = blob.content.as_ref().map(Data::to_json);
    db.prepare_cached("INSERT OR IGNORE INTO blobs (digest, size, content) VALUES (?1, ?2, ?3)")?
        .execute(params![blob.digest.as_bytes(), blob.size as i64, content])
        .map(drop)
}

/// Makes `host` the owner of a run in a new generation.
pub(crate) fn take_over(db: &Connection, run: RunNumber, generation: Generation, host: &HostId) -> Result<()> {
    db.prepare_cached("UPDATE runs SET generation = ?2, owner = ?3, due_at = NULL WHERE number = ?1")?
        .execute(params![run, generation.0, host.as_str()])
        .map(drop)
}

/// Keeps a line of a guest, unless its run is unknown.
pub(crate) fn insert_line(db: &Connection, line: &LogLine) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO logs (run, step, occurrence, attempt, delivery, at, level, message, fields)
         SELECT number, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM runs WHERE id = ?1",
    )?
    .execute(params![
        id_bytes(line.run),
        line.step.as_str(),
        occurrence_text(&line.occurrence),
        line.attempt,
        line.delivery,
        line.at.as_millis(),
        line.level.word(),
        line.message,
        (!line.fields.is_null()).then(|| line.fields.to_json()),
    ])
    .map(drop)
}

/// Counts lines of a step that were not kept.
pub(crate) fn count_dropped(db: &Connection, run: RunId, step: &StepPath, lines: u64) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO dropped_logs (run, step, lines) SELECT number, ?2, ?3 FROM runs WHERE id = ?1
         ON CONFLICT (run, step) DO UPDATE SET lines = lines + excluded.lines",
    )?
    .execute(params![id_bytes(run), step.as_str(), lines as i64])
    .map(drop)
}

/// Returns how the database holds a run id: sixteen bytes that sort like the id.
pub(crate) fn id_bytes(run: RunId) -> [u8; 16] {
    run.bits().to_be_bytes()
}

/// Returns the digits of a run id from the last to the first.
pub(crate) fn reversed(run: RunId) -> String {
    format!("{:032x}", run.bits()).chars().rev().collect()
}

fn occurrence_text(occurrence: &Occurrence) -> String {
    let rounds: Vec<String> = occurrence.iterations().iter().map(u32::to_string).collect();
    rounds.join(".")
}

/// Returns the occurrence that [`occurrence_text`] wrote; none if it did not write this.
pub(crate) fn occurrence_from(text: &str) -> Option<Occurrence> {
    if text.is_empty() {
        return Some(Occurrence::default());
    }
    let rounds: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
    rounds.ok().map(Occurrence::new)
}
