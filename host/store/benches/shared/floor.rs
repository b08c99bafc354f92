//! What would the same rows cost without Cofferdam: one thread that has them ready and commits them with the same
//! barriers.
//!
//! The rows are those that the log writes, as bytes that were encoded before the clock starts: for every append its
//! events and the change of the run's row, for the first one the run itself. A commit takes the next append of as many
//! runs as are at work at the same time, since none has another one before that is durable. There is no queue, no fence,
//! no future and no decision.

use cofferdam_engine::{Append, EVENT_ENCODING};
use cofferdam_store::{Creation, Durability, HostId, LeaseTerms, SqliteLog, SqliteOptions};
use rusqlite::{Connection, Statement, params};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

/// An event as the database holds it.
pub(crate) struct Row<'a> {
    sequence: i64,
    at: i64,
    kind: &'static str,
    step: Option<&'a str>,
    data: String,
}

/// Writes the appends of all `runs`, `in_flight` at a time, to a new database in `directory` and returns how long that
/// took.
pub(crate) fn write(directory: &Path, runs: &[Vec<Append>], in_flight: usize) -> Result<Duration, Box<dyn Error>> {
    let path = directory.join("floor.db");
    let db = bare(&path)?;
    let encoded: Vec<Vec<Vec<Row<'_>>>> = runs
        .iter()
        .map(|appends| appends.iter().map(rows).collect::<Result<_, _>>())
        .collect::<Result<_, _>>()?;
    let commits = encoded.iter().map(Vec::len).max().unwrap_or_default();
    let began = Instant::now();
    let mut statements = Statements::prepare(&db)?;
    let mut numbers = Vec::with_capacity(runs.len());
    for commit in 0..commits {
        for (index, appends) in encoded.iter().enumerate() {
            if index % in_flight == 0 {
                statements.open()?;
            }
            if commit == 0 {
                numbers.push(statements.begin(index)?);
            }
            statements.add(numbers[index], &appends[commit], commit + 1 == commits)?;
            if (index + 1) % in_flight == 0 || index + 1 == encoded.len() {
                statements.commit()?;
            }
        }
    }
    Ok(began.elapsed())
}

/// Makes a database with the tables of the log at `path` and opens it bare, with the barriers of the log.
pub(crate) fn bare(path: &Path) -> Result<Connection, Box<dyn Error>> {
    drop(open(path)?);
    let db = Connection::open(path)?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(db)
}

/// The statements that write the rows.
pub(crate) struct Statements<'db> {
    insert_run: Statement<'db>,
    insert_events: Statement<'db>,
    update: Statement<'db>,
    finish: Statement<'db>,
    open: Statement<'db>,
    commit: Statement<'db>,
}

impl<'db> Statements<'db> {
    pub(crate) fn prepare(db: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            insert_run: db.prepare(
                "INSERT INTO runs (id, reversed, workflow, definition, labels, created_at, needs_reader, generation,
                                   version, status, owner, updated_at)
                 VALUES (?1, ?2, 'bench', 1, '{}', 1795000000000, 1, 1, 0, 'running', 'floor', 1795000000000)",
            )?,
            insert_events: db.prepare(
                "INSERT INTO events (run, sequence, at, kind, encoding, step, data)
                 VALUES (?1, ?2, ?3, ?4, ?13, ?5, ?6), (?7, ?8, ?9, ?10, ?13, ?11, ?12)",
            )?,
            update: db.prepare("UPDATE runs SET version = ?2, updated_at = ?3 WHERE number = ?1")?,
            finish: db.prepare(
                "UPDATE runs SET version = ?2, updated_at = ?3, finished_at = ?3, status = 'completed', owner = NULL
                 WHERE number = ?1",
            )?,
            open: db.prepare("BEGIN IMMEDIATE")?,
            commit: db.prepare("COMMIT")?,
        })
    }

    pub(crate) fn open(&mut self) -> rusqlite::Result<()> {
        self.open.execute([]).map(drop)
    }

    pub(crate) fn commit(&mut self) -> rusqlite::Result<()> {
        self.commit.execute([]).map(drop)
    }

    /// Adds the row of a run and returns its number.
    pub(crate) fn begin(&mut self, index: usize) -> rusqlite::Result<i64> {
        let id = (index as u128).to_be_bytes();
        self.insert_run.insert(params![id, format!("{index:032}")])
    }

    /// Adds the two events of an append to a run and changes its row.
    pub(crate) fn add(&mut self, run: i64, append: &[Row<'_>], last: bool) -> Result<(), Box<dyn Error>> {
        let [first, second] = append else {
            return Err("every append of the script has two events".into());
        };
        self.insert_events.execute(params![
            run,
            first.sequence,
            first.at,
            first.kind,
            first.step,
            first.data,
            run,
            second.sequence,
            second.at,
            second.kind,
            second.step,
            second.data,
            EVENT_ENCODING,
        ])?;
        let change = if last { &mut self.finish } else { &mut self.update };
        change.execute(params![run, second.sequence, second.at])?;
        Ok(())
    }
}

/// Opens the log at `path`, as the command line does.
pub(crate) fn open(path: &Path) -> Result<SqliteLog, Box<dyn Error>> {
    let log = SqliteLog::open(SqliteOptions {
        path: path.to_owned(),
        host: HostId::parse("bench").ok_or("the host has a name")?,
        durability: Durability::Full,
        creation: Creation::IfMissing,
        lease: LeaseTerms::default(),
    })?;
    Ok(log)
}

/// Returns the rows of an append.
pub(crate) fn rows(append: &Append) -> Result<Vec<Row<'_>>, std::string::FromUtf8Error> {
    let row = |recorded: &'_ cofferdam_engine::Recorded| String::from_utf8(recorded.event.encode());
    append
        .events
        .iter()
        .map(|recorded| {
            Ok(Row {
                sequence: recorded.sequence.cast_signed(),
                at: recorded.at.as_millis(),
                kind: recorded.event.kind(),
                step: recorded.event.step().map(|at| at.step.as_str()),
                data: row(recorded)?,
            })
        })
        .collect()
}
