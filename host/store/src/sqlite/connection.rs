//! How a connection to the database is opened, whoever uses it.

use crate::error::StoreError;
use crate::sqlite::error::{OpenError, from_sqlite};
use crate::sqlite::migration::{self, Migration};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// When a commit counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When it survives a power cut.
    #[default]
    Full,
    /// When it survives the end of the process; a power cut may take the latest commits.
    Process,
}

/// How long a connection waits for another process: a batch holds the lock for 20 ms, so that this is a stuck process.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Prepared statements kept by a connection: those of the writer's path are about twenty.
const STATEMENTS: usize = 64;

/// Opens the database for the writer, new or of an earlier format if need be, and refuses what this release must not touch.
pub(crate) fn open_checked(path: &Path, migrations: &[Migration]) -> Result<Connection, OpenError> {
    let fail = |error| OpenError::from_sqlite(path, error);
    refuse_truncated(path)?;
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::default() | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fail)?;
    guard(&mut connection).map_err(fail)?;
    migration::inspect(&connection, path, migrations)?;
    use_write_ahead_log(&connection).map_err(fail)?;
    migration::migrate(&mut connection, path, migrations)?;
    Ok(connection)
}

/// Prepares `connection` to be the writer's: commits wait for the disk, checkpoints are asked for explicitly.
pub(crate) fn make_writer(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    synchronise(connection, durability)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // After a burst the file shrinks to this when it is used from its start again.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)
}

/// Sets what the next commits of `connection` wait for.
pub(crate) fn synchronise(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    connection
        .prepare_cached(match durability {
            Durability::Full => "PRAGMA synchronous = FULL",
            Durability::Process => "PRAGMA synchronous = NORMAL",
        })?
        .query([])?
        .next()
        .map(drop)
}

/// Opens the database that the writer has opened already.
pub(crate) fn open_again(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let open = || {
        let mut connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        guard(&mut connection)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok(connection)
    };
    open().map_err(|error| from_sqlite(path, error))
}

/// Sets what protects this process from a database that others may have prepared, and how it waits for others.
fn guard(connection: &mut Connection) -> rusqlite::Result<()> {
    patience(connection, PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Only macOS knows these; without them its fsync does not reach the disk.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)
}

/// Sets how long `connection` waits for a lock. SQLite's own handler sleeps up to 100 ms at a time and starves beside a
/// second writer that holds the lock for 20 of every 21 ms.
pub(crate) fn patience(connection: &mut Connection, patience: Duration) -> rusqlite::Result<()> {
    let mut began = Instant::now();
    connection.busy_handler(Some(move |calls| {
        if calls == 0 {
            began = Instant::now();
        }
        thread::sleep(Duration::from_millis(1));
        began.elapsed() < patience
    }))
}

/// Switches to the write-ahead log; the mode is kept in the file. The switch itself does not wait for other processes
/// that are opening the same new file, so that it is tried again.
fn use_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        let switched: rusqlite::Result<String> =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
        match switched {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && began.elapsed() < PATIENCE =>
            {
                thread::sleep(Duration::from_millis(1));
            }
            other => return other.map(drop),
        }
    }
}

/// Refuses a file that is shorter than its header says. With a write-ahead log beside it this is no damage: a checkpoint
/// may have been cut short and is done again.
fn refuse_truncated(path: &Path) -> Result<(), OpenError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let Ok(length) = fs::metadata(path).map(|metadata| metadata.len()) else {
        return Ok(());
    };
    if length == 0 || fs::metadata(log).is_ok_and(|metadata| metadata.len() > 0) {
        return Ok(());
    }
    let Some(expected) = length_in_header(path) else {
        return Ok(());
    };
    if length < expected {
        return Err(OpenError::Store {
            path: path.to_owned(),
            source: Box::new(crate::sqlite::error::damaged(
                path,
                format!("the file has {length} bytes of {expected}"),
            )),
        });
    }
    Ok(())
}

/// Returns how long the file should be, by its header (sqlite.org/fileformat2.html, 1.3); none if it does not say.
fn length_in_header(path: &Path) -> Option<u64> {
    use std::io::Read;
    let mut header = [0; 100];
    fs::File::open(path).ok()?.read_exact(&mut header).ok()?;
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    // The size is valid only if it was written by the latest change.
    if !header.starts_with(b"SQLite format 3\0") || word(24) != word(92) {
        return None;
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    Some(page * u64::from(word(28)))
}
