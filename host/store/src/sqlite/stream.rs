//! The statements that follow events across runs, by their positions.

use crate::error::StoreError;
use crate::sqlite::error::from_sqlite;
use crate::sqlite::read::Archive;
use crate::sqlite::write::id_bytes;
use crate::stream::{Cursor, StreamError, Streamed};
use crate::ticket::Position;
use cofferdam_engine::RunId;
use rusqlite::{Connection, OptionalExtension, ToSql};
use std::sync::Arc;

const OF_ALL: &str =
    "SELECT events.sequence, events.at, events.encoding, events.data, events.checksum, events.position, runs.id
    FROM events JOIN runs ON runs.number = events.run
    WHERE events.position > ?1 ORDER BY events.position LIMIT ?2";

/// The order of numbers is that of positions; by the numbers no event of another run is looked at.
const OF_ONE: &str =
    "SELECT events.sequence, events.at, events.encoding, events.data, events.checksum, events.position, runs.id
    FROM events JOIN runs ON runs.number = events.run
    WHERE events.run = (SELECT number FROM runs WHERE id = ?3) AND +events.position > ?1
    ORDER BY events.sequence LIMIT ?2";

/// What there is of the stream.
struct Extent {
    log: Arc<str>,
    /// The last position of which an event was taken away.
    pruned_through: u64,
    /// The last position that was ever used.
    last: u64,
}

impl Archive {
    /// Returns up to `limit` events behind `after`, of all runs or of one.
    pub(crate) fn stream(
        &self,
        db: &Connection,
        run: Option<RunId>,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Streamed>, StreamError> {
        let failed = |error| StreamError::Store(Arc::new(error));
        let extent = self.extent(db).map_err(failed)?;
        let start = match after {
            None => Position::default(),
            Some(cursor) => extent.start(cursor)?,
        };
        self.behind(db, &extent, run, start, limit).map_err(failed)
    }

    /// Returns the cursor behind all events that there are.
    pub(crate) fn end_of_stream(&self, db: &Connection) -> Result<Cursor, StoreError> {
        self.extent(db)
            .map(|extent| Cursor::new(extent.log, Position(extent.last)))
    }

    fn extent(&self, db: &Connection) -> Result<Extent, StoreError> {
        let read = || {
            let (log, pruned_through): (String, u64) = db
                .prepare_cached("SELECT log, pruned_through FROM event_stream")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let last: Option<u64> = db
                .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'events'")?
                .query_row([], |row| row.get(0))
                .optional()?;
            Ok(Extent {
                log: log.into(),
                pruned_through,
                last: last.unwrap_or(0),
            })
        };
        read().map_err(|error| from_sqlite(&self.path, error))
    }

    fn behind(
        &self,
        db: &Connection,
        extent: &Extent,
        run: Option<RunId>,
        start: Position,
        limit: usize,
    ) -> Result<Vec<Streamed>, StoreError> {
        let fail = |error| from_sqlite(&self.path, error);
        let (start, limit) = (start.0 as i64, i64::try_from(limit).unwrap_or(i64::MAX));
        let id = run.map(id_bytes);
        let mut values: Vec<&dyn ToSql> = vec![&start, &limit];
        values.extend(id.as_ref().map(|id| id as &dyn ToSql));
        let mut statement = db
            .prepare_cached(if run.is_none() { OF_ALL } else { OF_ONE })
            .map_err(fail)?;
        let mut rows = statement.query(&*values).map_err(fail)?;
        let mut events = Vec::new();
        while let Some(row) = rows.next().map_err(fail)? {
            let expected = row.get(0).map_err(fail)?;
            events.push(Streamed {
                recorded: self.recorded(db, row, expected)?,
                cursor: Cursor::new(Arc::clone(&extent.log), Position(row.get(5).map_err(fail)?)),
                run: RunId::from_bits(u128::from_be_bytes(row.get(6).map_err(fail)?)),
            });
        }
        Ok(events)
    }
}

impl Extent {
    /// Returns behind which position `cursor` is, if nothing behind it is missing.
    fn start(&self, cursor: &Cursor) -> Result<Position, StreamError> {
        let position = cursor.position_in(&self.log)?;
        if position.0 > self.last {
            return Err(StreamError::Ahead { cursor: cursor.clone() });
        }
        if position.0 < self.pruned_through {
            return Err(StreamError::Pruned { cursor: cursor.clone() });
        }
        Ok(position)
    }
}
