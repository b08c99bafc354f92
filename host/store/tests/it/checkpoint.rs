//! Does the write-ahead log stay short, does a batch stay short, and what if a checkpoint does not reach the disk?

use cofferdam_engine::{Data, RunStatus};
use cofferdam_store::{Fate, RunLog, SqliteLog, StoreError, Ticket, WriterBounds};
use cofferdam_testkit::conformance::{answer, append, completed, first, new_run, step};
use cofferdam_testkit::disk::Recording;
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A page and its header in the write-ahead log.
const FRAME: u64 = 4096 + 24;

/// From how many frames on the log of these tests is begun again by its writer: long before the 1 000 frames after which
/// somebody else makes a checkpoint.
const SHORT: u64 = 200;

/// More than one of the appends below takes, in frames.
const SLACK: u64 = 60;

fn open_short(directory: &Path) -> SqliteLog {
    let bounds = WriterBounds {
        restart_at: SHORT,
        ..WriterBounds::default()
    };
    SqliteLog::open_within(crate::options(directory, "a"), bounds).expect("the log opens")
}

fn begin(log: &SqliteLog, number: u32) {
    let run = new_run(number);
    assert!(log.begin(run.clone(), first(&run)).wait().position().is_some());
}

/// Hands over what takes some fifteen frames, and returns what became of it.
fn write(log: &SqliteLog, version: u64) -> Fate {
    let events = vec![completed("large", Data::text("x".repeat(60_000)))];
    log.hand_over(append(new_run(0).id, 1, version, RunStatus::Running, events))
        .wait()
}

fn frames(directory: &Path) -> u64 {
    fs::metadata(directory.join("state.db-wal")).unwrap().len() / FRAME
}

// rule C11
#[test]
fn the_write_ahead_log_stays_short_under_a_load_that_never_ends() {
    let directory = TempDir::new().unwrap();
    let log = open_short(directory.path());
    begin(&log, 0);
    for version in 1..=60 {
        assert!(write(&log, version).position().is_some());
        let frames = frames(directory.path());
        assert!(frames <= SHORT + SLACK, "{frames} frames after {version} appends");
    }
    assert!(log.statistics().restarts >= 3, "{:?}", log.statistics());

    // Who reads what is in the log keeps it from being begun again, and only for as long.
    let reader = Connection::open(directory.path().join("state.db")).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    reader.query_row("SELECT count(*) FROM events", [], |_| Ok(())).unwrap();
    for version in 61..=90 {
        assert!(write(&log, version).position().is_some());
    }
    let stretched = frames(directory.path());
    assert!(stretched > SHORT + SLACK, "{stretched} frames beside a reader");
    reader.execute_batch("COMMIT").unwrap();
    let before = log.statistics().restarts;
    for version in 91..=190 {
        assert!(write(&log, version).position().is_some());
    }
    assert!(log.statistics().restarts >= before + 3, "{:?}", log.statistics());
    let frames = frames(directory.path());
    assert!(frames <= stretched + SHORT, "{frames} frames, {stretched} before");
}

// rule C11
#[test]
fn a_batch_ends_when_its_time_is_over_and_others_get_the_lock() {
    let directory = TempDir::new().unwrap();
    let bounds = WriterBounds {
        longest_batch: Duration::ZERO,
        ..WriterBounds::default()
    };
    let log = SqliteLog::open_within(crate::options(directory.path(), "a"), bounds).unwrap();
    (0..10).for_each(|number| begin(&log, number));
    let before = log.statistics().flushes;
    // While another process has the lock, all of them come together.
    let other = Connection::open(directory.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let handed: Vec<Ticket> = (0..10)
        .map(|number| log.hand_over(step(new_run(number).id, 1, 1)))
        .collect();
    other.execute_batch("COMMIT").unwrap();
    for ticket in handed {
        assert!(ticket.wait().position().is_some());
    }
    assert_eq!(
        log.statistics().flushes - before,
        10,
        "each run is written in a batch of its own"
    );
}

/// Writes until something fails or `is_enough`; returns how many events the run has.
fn write_until(log: &SqliteLog, from: u64, mut is_enough: impl FnMut() -> bool) -> u64 {
    for version in from..from + 2_000 {
        if is_enough() || write(log, version).position().is_none() {
            return version;
        }
    }
    panic!("two thousand appends are not enough");
}

/// The log has given up, keeps what it acknowledged, and can be opened again.
fn has_given_up(log: SqliteLog, directory: &Path, version: u64) {
    assert!(matches!(*answer(log.broken()), StoreError::GaveUp(_)));
    let refused = write(&log, version);
    assert!(
        matches!(&refused, Fate::Failed(error) if matches!(**error, StoreError::GaveUp(_))),
        "{refused:?}"
    );
    drop(log);
    let log = crate::open(directory, "b");
    let summary = answer(log.run(new_run(0).id)).unwrap().unwrap();
    assert_eq!(summary.version.0, version);
    assert_eq!(answer(log.findings()).unwrap(), Vec::<String>::new());
}

/// From how many new frames on a checkpoint is made beside the writer.
const WORTH: u64 = 1_000;

// rule C5
#[test]
fn a_log_whose_checkpoints_do_not_reach_the_disk_gives_up_after_three_in_a_row() {
    let directory = TempDir::new().unwrap();
    let recording = Recording::of(directory.path());
    let log = Arc::into_inner(crate::open(directory.path(), "a")).expect("nobody else has it");
    begin(&log, 0);
    let (mut version, mut asked_at) = (1, 0);
    for left in [2, 1, 0] {
        recording.fail_syncs("state.db", left + 1);
        // Only a checkpoint that comes to the end of the log syncs the database: it is left alone while it works, and asked
        // again if a renewal of the lease came between.
        while recording.failures_left("state.db") > left {
            while frames(directory.path()) < asked_at + WORTH {
                assert!(write(&log, version).position().is_some(), "after {left} failures");
                version += 1;
            }
            asked_at = frames(directory.path());
            recording.wait_for_failures("state.db", left, Duration::from_secs(2));
        }
    }
    has_given_up(log, directory.path(), version);
}

// rule C5
#[test]
fn a_checkpoint_that_the_writer_makes_and_that_does_not_reach_the_disk_counts_as_well() {
    let directory = TempDir::new().unwrap();
    let recording = Recording::of(directory.path());
    let log = open_short(directory.path());
    begin(&log, 0);
    // Two in a row are survived, as often as there is one between them that reaches it.
    let mut version = 1;
    for _ in 0..2 {
        let restarts = log.statistics().restarts;
        recording.fail_syncs("state.db", 2);
        version = write_until(&log, version, || log.statistics().restarts > restarts);
        assert_eq!(recording.failures_left("state.db"), 0);
    }
    recording.fail_syncs("state.db", 3);
    let version = write_until(&log, version, || recording.failures_left("state.db") == 0);
    has_given_up(log, directory.path(), version);
}
