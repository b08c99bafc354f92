//! How a database comes to have this release's schema, and which databases are refused.

use crate::sqlite::error::{OpenError, from_sqlite};
use cofferdam_engine::Digest;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::Path;

/// Marks a database as ours: the letters `Cofd`.
pub(crate) const APPLICATION_ID: u32 = 0x436f_6664;

/// One step from one format to the next. It is never edited after a release.
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// All migrations; the n-th one leads to format n.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "event_log",
        sql: include_str!("../../migrations/0001_event_log.sql"),
    },
    Migration {
        name: "inbox",
        sql: include_str!("../../migrations/0002_inbox.sql"),
    },
    Migration {
        name: "leases",
        sql: include_str!("../../migrations/0003_leases.sql"),
    },
    Migration {
        name: "event_stream",
        sql: include_str!("../../migrations/0004_event_stream.sql"),
    },
    Migration {
        name: "snapshots",
        sql: include_str!("../../migrations/0005_snapshots.sql"),
    },
    Migration {
        name: "checksums",
        sql: include_str!("../../migrations/0006_checksums.sql"),
    },
    Migration {
        name: "interrupted_runs",
        sql: include_str!("../../migrations/0007_interrupted_runs.sql"),
    },
    Migration {
        name: "listeners",
        sql: include_str!("../../migrations/0008_listeners.sql"),
    },
];

/// Refuses a database that is not ours or that a later release wrote. Changes nothing.
pub(crate) fn inspect(connection: &Connection, path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    let wrap = |error| OpenError::from_sqlite(path, error);
    // One snapshot: another process may be making the database right now, and half of what it did looks like a foreign one.
    let connection = connection.unchecked_transaction().map_err(wrap)?;
    let application: i64 = pragma(&connection, "application_id").map_err(wrap)?;
    // The header holds 32 bits without sign, the pragma shows them with one.
    let application = application as u32;
    if application != APPLICATION_ID {
        let objects: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(wrap)?;
        if application != 0 || objects != 0 {
            return Err(OpenError::Foreign {
                path: path.to_owned(),
                found: application,
            });
        }
    }
    let found = format(&connection).map_err(wrap)?;
    let reads = migrations.len() as u32;
    if found > reads {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            reads,
        });
    }
    Ok(())
}

/// Brings the database up to the last of `migrations`; each is one transaction, so a failed one leaves the data as it was.
pub(crate) fn migrate(connection: &mut Connection, path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    let wrap = |error| OpenError::from_sqlite(path, error);
    // Most openings find nothing to do, and must not wait for whoever is writing.
    if format(connection).map_err(wrap)? as usize == migrations.len() {
        return verify(connection, path, migrations);
    }
    for (index, migration) in migrations.iter().enumerate() {
        let number = index as u32 + 1;
        apply(connection, number, migration).map_err(|error| OpenError::Migration {
            path: path.to_owned(),
            number,
            source: Box::new(from_sqlite(path, error)),
        })?;
    }
    verify(connection, path, migrations)
}

fn apply(connection: &mut Connection, number: u32, migration: &Migration) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again under the lock: another process may have been faster.
    if format(&transaction)? >= number {
        return Ok(());
    }
    if number == 1 {
        transaction.execute_batch(
            "CREATE TABLE migrations (
                number   INTEGER PRIMARY KEY,
                name     TEXT NOT NULL,
                checksum BLOB NOT NULL
            ) STRICT;",
        )?;
        transaction.pragma_update(None, "application_id", i64::from(APPLICATION_ID))?;
    }
    transaction.execute_batch(migration.sql)?;
    transaction.execute(
        "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
        params![number, migration.name, checksum(migration).as_bytes()],
    )?;
    transaction.pragma_update(None, "user_version", number)?;
    transaction.commit()
}

fn verify(connection: &Connection, path: &Path, migrations: &[Migration]) -> Result<(), OpenError> {
    for (index, migration) in migrations.iter().enumerate() {
        let number = index as u32 + 1;
        let recorded: Option<[u8; 32]> = connection
            .query_row("SELECT checksum FROM migrations WHERE number = ?1", [number], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|error| OpenError::from_sqlite(path, error))?;
        if recorded.as_ref() != Some(checksum(migration).as_bytes()) {
            return Err(OpenError::Altered {
                path: path.to_owned(),
                number,
            });
        }
    }
    Ok(())
}

fn checksum(migration: &Migration) -> Digest {
    Digest::of(migration.sql.as_bytes())
}

fn format(connection: &Connection) -> rusqlite::Result<u32> {
    pragma(connection, "user_version").map(|version| version as u32)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Migration = Migration {
        name: "broken",
        sql: "CREATE TABLE half (x INTEGER); INSERT INTO runs (id) VALUES (NULL);",
    };

    fn first() -> Migration {
        Migration {
            name: MIGRATIONS[0].name,
            sql: MIGRATIONS[0].sql,
        }
    }

    // row J13
    #[test]
    fn every_format_is_brought_up_to_this_one_with_its_data() {
        for format in 1..MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            let path = Path::new("memory");
            let earlier = &MIGRATIONS[..format];
            migrate(&mut connection, path, earlier).unwrap();
            connection
                .execute_batch(
                    "INSERT INTO definitions VALUES (1, x'01', x'02', 'w', 'w.wf', 'workflow w {}', x'7b7d');
                     INSERT INTO runs (number, id, reversed, workflow, definition, labels, created_at, needs_reader,
                                       generation, version, status, owner, wake_at, updated_at)
                         VALUES (7, x'00', '00', 'w', 1, '{}', 1, 1, 3, 1, 'running', 'host-1', 99, 2);
                     INSERT INTO events (position, run, sequence, at, kind, encoding, step, data) VALUES (5, 7, 1, 2, 'run.started', 1, NULL, '{}');
                     INSERT INTO hosts (id, pid, boot, started_at) VALUES ('host-1', 17, 'boot', 1);",
                )
                .unwrap();
            inspect(&connection, path, MIGRATIONS).unwrap();
            migrate(&mut connection, path, MIGRATIONS).unwrap();
            let kept: (i64, String, Option<i64>, Option<i64>, i64, String) = connection
                .query_row(
                    "SELECT runs.version, runs.owner, runs.due_at, hosts.lease_end, event_stream.pruned_through, events.kind
                     FROM runs JOIN hosts ON hosts.id = runs.owner JOIN events ON events.run = runs.number, event_stream",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)),
                )
                .unwrap();
            assert_eq!(kept, (1, "host-1".to_owned(), None, None, 0, "run.started".to_owned()));
            // The next position follows those that were used before.
            let next: i64 = connection
                .query_row(
                    "INSERT INTO events (run, sequence, at, kind, encoding, data) VALUES (7, 2, 3, 'x', 1, '{}')
                     RETURNING position",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(next, 6);
        }
    }

    // row J13
    #[test]
    fn a_failed_migration_leaves_the_old_data_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        let path = Path::new("memory");
        migrate(&mut connection, path, &[first()]).unwrap();
        connection
            .execute("INSERT INTO blobs (digest, size, content) VALUES (x'00', 1, '1')", [])
            .unwrap();
        let error = migrate(&mut connection, path, &[first(), BROKEN]).unwrap_err();
        assert!(matches!(error, OpenError::Migration { number: 2, .. }), "{error}");
        assert_eq!(format(&connection).unwrap(), 1);
        let left: i64 = connection
            .query_row(
                "SELECT (SELECT count(*) FROM blobs) + (SELECT count(*) FROM sqlite_schema WHERE name = 'half') * 10",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(left, 1);
        // And this release goes on with it.
        inspect(&connection, path, &[first()]).unwrap();
        migrate(&mut connection, path, &[first()]).unwrap();
    }

    // row J13
    #[test]
    fn a_later_format_and_an_altered_migration_are_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        let path = Path::new("memory");
        let second = || Migration {
            name: "second",
            sql: "CREATE TABLE more (x INTEGER) STRICT;",
        };
        migrate(&mut connection, path, &[first(), second()]).unwrap();
        assert!(matches!(
            inspect(&connection, path, &[first()]),
            Err(OpenError::Newer { found: 2, reads: 1, .. })
        ));
        let altered = Migration {
            name: "second",
            sql: "CREATE TABLE more (y INTEGER) STRICT;",
        };
        assert!(matches!(
            migrate(&mut connection, path, &[first(), altered]),
            Err(OpenError::Altered { number: 2, .. })
        ));
    }
}
