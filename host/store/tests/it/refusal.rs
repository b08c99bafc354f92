//! Which databases are refused, with what to do and without a change.

use cofferdam_engine::run::SNAPSHOT_ENCODING;
use cofferdam_engine::{Append, Generation, Snapshot, Version};
use cofferdam_store::{ClaimError, Creation, OpenError, RunLog, SqliteLog, SqliteOptions, StoreError};
use cofferdam_testkit::conformance::{answer, first, new_run, step};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The format of the database that this release writes: one more with each migration.
const FORMAT: u32 = 8;

fn database(directory: &Path) -> PathBuf {
    directory.join("state.db")
}

fn sql(directory: &Path, statements: &str) {
    rusqlite::Connection::open(database(directory))
        .and_then(|db| db.execute_batch(statements))
        .unwrap();
}

/// Makes a log with some runs and closes it.
fn filled() -> TempDir {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    for number in 0..50 {
        let run = new_run(number);
        assert!(log.begin(run.clone(), first(&run)).wait().position().is_some());
    }
    drop(log);
    directory
}

/// Opens what must be refused, and sees to it that the file is as it was.
fn refused(directory: &Path) -> OpenError {
    let before = fs::read(database(directory)).unwrap();
    let error = SqliteLog::open(crate::options(directory, "b")).unwrap_err();
    assert!(fs::read(database(directory)).unwrap() == before, "the file was changed");
    error
}

fn whole_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn damage(error: &OpenError) -> bool {
    matches!(error, OpenError::Store { source, .. } if matches!(**source, StoreError::Damaged { .. }))
}

// row J13
#[test]
fn a_database_of_a_later_release_is_refused() {
    let directory = filled();
    sql(directory.path(), "PRAGMA user_version = 99");
    let error = refused(directory.path());
    assert!(matches!(
        error,
        OpenError::Newer {
            found: 99,
            reads: FORMAT,
            ..
        }
    ));
    let expected = format!("has format 99, this release reads up to {FORMAT}");
    assert!(error.to_string().contains(&expected), "{error}");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let directory = TempDir::new().unwrap();
    sql(directory.path(), "CREATE TABLE notes (text TEXT)");
    assert!(matches!(refused(directory.path()), OpenError::Foreign { found: 0, .. }));
    let directory = TempDir::new().unwrap();
    sql(directory.path(), "PRAGMA application_id = 1196444487");
    assert!(matches!(refused(directory.path()), OpenError::Foreign { .. }));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = TempDir::new().unwrap();
    fs::write(
        database(directory.path()),
        "not a database, but long enough to be one\n".repeat(100),
    )
    .unwrap();
    let error = refused(directory.path());
    assert!(damage(&error), "{error:?}");
    assert!(
        whole_text(&error).contains("restore a backup"),
        "{}",
        whole_text(&error)
    );
}

// row J14
#[test]
fn a_truncated_database_is_refused() {
    let directory = filled();
    let bytes = fs::read(database(directory.path())).unwrap();
    fs::write(database(directory.path()), &bytes[..bytes.len() / 2]).unwrap();
    let error = refused(directory.path());
    assert!(damage(&error), "{error:?}");
}

// row J14
#[test]
fn a_damaged_page_is_an_error_that_names_it_and_a_finding() {
    let directory = filled();
    let mut bytes = fs::read(database(directory.path())).unwrap();
    // The first page holds the header and the schema, so that the file opens.
    let damaged = 4096..bytes.len();
    bytes[damaged].iter_mut().step_by(3).for_each(|byte| *byte = 0xee);
    fs::write(database(directory.path()), &bytes).unwrap();
    match SqliteLog::open(crate::options(directory.path(), "b")) {
        Err(error) => assert!(damage(&error), "{error:?}"),
        Ok(log) => {
            assert!(matches!(
                answer(log.run(new_run(1).id)),
                Err(StoreError::Damaged { .. })
            ));
            assert_ne!(answer(log.findings()).unwrap(), Vec::<String>::new());
        }
    }
    assert!(
        fs::read(database(directory.path())).unwrap() == bytes,
        "the file was changed"
    );
}

// One byte that changes on the disk leaves a valid page and often a valid event.
// row J14
#[test]
fn a_value_that_is_not_what_was_written_is_noticed() {
    for (damage, event) in [
        ("UPDATE events SET data = replace(data, '\"w\"', '\"x\"')", true),
        ("UPDATE events SET at = at + 1", true),
        ("UPDATE events SET checksum = checksum + 1", true),
        ("UPDATE definitions SET source = source || ' '", false),
        (
            "UPDATE definitions SET plan = CAST(CAST(plan AS TEXT) || ' ' AS BLOB)",
            false,
        ),
    ] {
        let directory = filled();
        sql(directory.path(), damage);
        let log = crate::open(directory.path(), "b");
        let run = new_run(7).id;
        if event {
            let error = answer(log.events(run, 0, usize::MAX)).unwrap_err();
            assert!(
                matches!(error, StoreError::UnreadableEvent { sequence: 1, .. }),
                "{damage}: {error:?}"
            );
            let text = whole_text(&error);
            assert!(
                text.contains("is not what was written; nothing was changed, restore a backup"),
                "{text}"
            );
            assert!(answer(log.stream(None, None, 10)).is_err(), "{damage}");
        } else {
            let error = answer(log.definition(run)).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{damage}: {error:?}");
        }
        assert!(answer(log.claim(run)).is_err(), "{damage}");
    }
}

#[test]
fn events_of_a_release_without_checksums_are_read() {
    let directory = filled();
    sql(directory.path(), "UPDATE events SET checksum = NULL");
    let log = crate::open(directory.path(), "b");
    assert_eq!(answer(log.events(new_run(7).id, 0, usize::MAX)).unwrap().len(), 1);
}

// rule C8
#[test]
fn a_damaged_snapshot_is_left_aside_for_the_events() {
    let directory = filled();
    let log = crate::open(directory.path(), "b");
    let run = new_run(7).id;
    assert_eq!(answer(log.claim(run)).unwrap().generation, Generation(2));
    let snapshot = Snapshot {
        version: Version(2),
        encoding: SNAPSHOT_ENCODING,
        data: b"{}".to_vec(),
        blobs: Vec::new(),
    };
    let append = Append {
        snapshot: Some(snapshot.clone()),
        ..step(run, 2, 1)
    };
    assert!(log.hand_over(append).wait().position().is_some());
    let claim = answer(log.claim(run)).unwrap();
    assert_eq!((claim.snapshot, claim.events.len()), (Some(snapshot), 0));
    sql(directory.path(), "UPDATE snapshots SET data = '[]'");
    let claim = answer(log.claim(run)).unwrap();
    assert_eq!((claim.snapshot, claim.events.len()), (None, 2));
}

#[test]
fn a_run_of_a_later_release_and_an_unreadable_one_are_not_claimed() {
    let directory = filled();
    sql(
        directory.path(),
        "UPDATE runs SET needs_reader = 99 WHERE number = 1;
         UPDATE events SET data = '{' WHERE run = 2;
         UPDATE events SET encoding = 99 WHERE run = 3;
         DELETE FROM events WHERE run = 4;
         UPDATE events SET sequence = 2 WHERE run = 5;",
    );
    let log = crate::open(directory.path(), "b");
    let claim = |number| answer(log.claim(new_run(number).id));
    assert!(matches!(
        claim(0),
        Err(ClaimError::Newer {
            found: 99,
            reads: 3,
            ..
        })
    ));
    for number in 1..5 {
        let refused = claim(number);
        assert!(
            matches!(refused, Err(ClaimError::Unreadable { sequence: 1, .. })),
            "{refused:?}"
        );
    }
    for number in 0..5 {
        let summary = answer(log.run(new_run(number).id)).unwrap().unwrap();
        assert_eq!(summary.generation.0, 1, "run {number} was claimed");
    }
    // The others are as usable as ever.
    let generation = claim(6).unwrap().generation.0;
    assert!(
        log.hand_over(step(new_run(6).id, generation, 1))
            .wait()
            .position()
            .is_some()
    );
}

#[test]
fn a_place_without_a_state_or_a_directory_is_refused() {
    let directory = TempDir::new().unwrap();
    let never = SqliteOptions {
        creation: Creation::Never,
        ..crate::options(&directory.path().join("none"), "a")
    };
    assert!(matches!(SqliteLog::open(never), Err(OpenError::Missing { .. })));
    assert!(!directory.path().join("none").exists());
    fs::write(directory.path().join("file"), "").unwrap();
    let below_a_file = crate::options(&directory.path().join("file"), "a");
    assert!(matches!(
        SqliteLog::open(below_a_file),
        Err(OpenError::Directory { .. })
    ));
}

#[test]
fn a_state_that_is_a_link_is_refused() {
    let elsewhere = filled();
    let project = TempDir::new().unwrap();
    let linked = project.path().join("linked");
    std::os::unix::fs::symlink(elsewhere.path(), &linked).unwrap();
    let plain = project.path().join("plain");
    fs::create_dir(&plain).unwrap();
    std::os::unix::fs::symlink(database(elsewhere.path()), database(&plain)).unwrap();
    for directory in [linked, plain] {
        let error = SqliteLog::open(crate::options(&directory, "b")).unwrap_err();
        assert!(whole_text(&error).contains("it is a symbolic link"), "{error}");
    }
}
