//! The statements about messages, and how one gets into the inbox of its run.

use crate::error::{PostError, StoreError};
use crate::inbox::{Inbox, MAX_REQUEST_BYTES, NewMessage, Posted};
use crate::record::HostId;
use crate::sqlite::error::{damaged, from_sqlite};
use crate::sqlite::write::{RunNumber, id_bytes};
use cofferdam_engine::{Answer, EVENT_ENCODING, Message, MessageId, RunId, RunStatus, Timestamp, Verdict};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// A message as the database holds it. Whoever posts it encodes it, so that the one thread that writes need not.
#[derive(Debug)]
pub(crate) struct Letter {
    message: NewMessage,
    request: String,
}

impl Letter {
    /// Returns `message` in its stored form, unless it is too long.
    pub(crate) fn seal(message: NewMessage) -> Result<Self, PostError> {
        let run = message.run;
        let request = serde_json::to_string(&message.request).expect("names are the only keys and numbers are finite");
        if request.len() > MAX_REQUEST_BYTES {
            return Err(PostError::TooLong {
                run,
                bytes: request.len(),
                most: MAX_REQUEST_BYTES,
            });
        }
        Ok(Self { message, request })
    }

    /// Returns to which run it is addressed.
    pub(crate) fn run(&self) -> RunId {
        self.message.run
    }

    /// Puts the message into its inbox in the open transaction of `db`, for the caller to commit.
    pub(crate) fn post(&self, db: &Connection, path: &Path) -> Result<MessageId, PostError> {
        let run = self.message.run;
        let store = |source: StoreError| PostError::Store {
            run,
            source: Arc::new(source),
        };
        let fail = |error| store(from_sqlite(path, error));
        let (number, status) = addressee(db, run).map_err(fail)?.ok_or(PostError::NotFound(run))?;
        if let Some(key) = &self.message.key
            && let Some((message, request)) = sent_as(db, number, key).map_err(fail)?
        {
            if request == self.request {
                return Ok(message);
            }
            let key = key.clone();
            return Err(PostError::KeyTaken { run, key, message });
        }
        let status = RunStatus::from_word(&status)
            .ok_or_else(|| store(damaged(path, format!("run {run} has status `{status}`"))))?;
        if status.is_final() {
            return Err(PostError::Ended { run, status });
        }
        self.insert(db, number).map_err(fail)
    }

    fn insert(&self, db: &Connection, run: RunNumber) -> rusqlite::Result<MessageId> {
        db.prepare_cached("INSERT INTO inbox (run, at, by, key, encoding, request) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .insert(params![
                run,
                self.message.at.as_millis(),
                self.message.by,
                self.message.key,
                EVENT_ENCODING,
                self.request,
            ])
            .map(|id| MessageId(id.unsigned_abs()))
    }
}

fn addressee(db: &Connection, run: RunId) -> rusqlite::Result<Option<(RunNumber, String)>> {
    db.prepare_cached("SELECT number, status FROM runs WHERE id = ?1")?
        .query_row([id_bytes(run)], |row| Ok((RunNumber(row.get(0)?), row.get(1)?)))
        .optional()
}

fn sent_as(db: &Connection, run: RunNumber, key: &str) -> rusqlite::Result<Option<(MessageId, String)>> {
    db.prepare_cached("SELECT id, request FROM inbox WHERE run = ?1 AND key = ?2")?
        .query_row(params![run, key], |row| Ok((MessageId(row.get(0)?), row.get(1)?)))
        .optional()
}

/// Returns the messages of `run` that wait for an answer and that this release can read. One of a later release does not
/// hold a run up that only this one drives.
pub(crate) fn waiting(db: &Connection, run: RunNumber) -> rusqlite::Result<BTreeSet<MessageId>> {
    db.prepare_cached("SELECT id FROM inbox WHERE run = ?1 AND answer IS NULL AND encoding <= ?2")?
        .query_map(params![run, EVENT_ENCODING], |row| row.get(0).map(MessageId))?
        .collect()
}

/// Keeps what a run said to one of its messages, which was waiting for it.
pub(crate) fn keep_answer(db: &Connection, run: RunNumber, answer: &Answer, at: Timestamp) -> rusqlite::Result<()> {
    let verdict = serde_json::to_string(&answer.verdict).expect("names are the only keys");
    db.prepare_cached("UPDATE inbox SET answer = ?3, answered_at = ?4 WHERE id = ?1 AND run = ?2 AND answer IS NULL")?
        .execute(params![answer.message.0, run, verdict, at.as_millis()])
        .map(drop)
}

const UNANSWERED: &str = "SELECT runs.id, inbox.id, inbox.at, inbox.by, inbox.request
    FROM inbox JOIN runs ON runs.number = inbox.run WHERE inbox.answer IS NULL AND inbox.encoding <= ?1";

/// Returns the unanswered messages of `inbox`, oldest first; `host` is the one that asks.
pub(crate) fn unanswered(db: &Connection, path: &Path, inbox: Inbox, host: &HostId) -> Result<Vec<Posted>, StoreError> {
    let rows = match inbox {
        Inbox::OfThisHost => letters(db, "AND runs.owner = ?2", &host.as_str()),
        Inbox::Of(run) => letters(db, "AND runs.id = ?2", &id_bytes(run)),
    };
    rows.map_err(|error| from_sqlite(path, error))?
        .into_iter()
        .map(|columns| columns.posted(path))
        .collect()
}

/// Returns what the run said to `message`.
pub(crate) fn answer(db: &Connection, path: &Path, message: MessageId) -> Result<Option<Verdict>, StoreError> {
    let answer: Option<Option<String>> = db
        .prepare_cached("SELECT answer FROM inbox WHERE id = ?1")
        .and_then(|mut statement| statement.query_row([message.0], |row| row.get(0)).optional())
        .map_err(|error| from_sqlite(path, error))?;
    let Some(answer) = answer.flatten() else {
        return Ok(None);
    };
    serde_json::from_str(&answer).map(Some).map_err(|error| {
        let detail = format!("the answer to message {} cannot be read: {error}", message.0);
        damaged(path, detail)
    })
}

fn letters(db: &Connection, condition: &str, value: &dyn ToSql) -> rusqlite::Result<Vec<LetterColumns>> {
    db.prepare_cached(&format!("{UNANSWERED} {condition} ORDER BY inbox.id"))?
        .query_map(params![EVENT_ENCODING, value], LetterColumns::read)?
        .collect()
}

struct LetterColumns {
    run: u128,
    id: u64,
    at: i64,
    by: String,
    request: String,
}

impl LetterColumns {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run: u128::from_be_bytes(row.get(0)?),
            id: row.get(1)?,
            at: row.get(2)?,
            by: row.get(3)?,
            request: row.get(4)?,
        })
    }

    fn posted(self, path: &Path) -> Result<Posted, StoreError> {
        let request = serde_json::from_str(&self.request)
            .map_err(|error| damaged(path, format!("message {} cannot be read: {error}", self.id)))?;
        Ok(Posted {
            run: RunId::from_bits(self.run),
            message: Message {
                id: MessageId(self.id),
                at: Timestamp::from_millis(self.at),
                by: self.by,
                request,
            },
        })
    }
}
