//! The statements about which runs may wait for a topic.

use crate::error::StoreError;
use crate::sqlite::read::Archive;
use crate::sqlite::write::RunNumber;
use cofferdam_engine::{Append, Event, RunId};
use rusqlite::{Connection, params};

/// Keeps which topics a run begins to wait for.
pub(crate) fn keep(db: &Connection, run: RunNumber, append: &Append) -> rusqlite::Result<()> {
    for recorded in &append.events {
        if let Event::WaitStarted { topic: Some(topic), .. } = &recorded.event {
            db.prepare_cached("INSERT OR IGNORE INTO listeners (topic, run) VALUES (?1, ?2)")?
                .execute(params![topic, run])?;
        }
    }
    Ok(())
}

/// Forgets a run that has ended.
pub(crate) fn forget(db: &Connection, run: RunNumber) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM listeners WHERE run = ?1")?
        .execute([run])
        .map(drop)
}

impl Archive {
    /// Returns the runs that have waited for `topic` and not ended, oldest first.
    pub(crate) fn listeners(&self, db: &Connection, topic: &str) -> Result<Vec<RunId>, StoreError> {
        db.prepare_cached(
            "SELECT runs.id FROM listeners JOIN runs ON runs.number = listeners.run
             WHERE listeners.topic = ?1 ORDER BY listeners.run",
        )
        .and_then(|mut statement| {
            statement
                .query_map([topic], |row| row.get(0).map(u128::from_be_bytes).map(RunId::from_bits))?
                .collect()
        })
        .map_err(|error| self.fail(error))
    }
}
