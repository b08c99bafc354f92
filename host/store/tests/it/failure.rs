//! What becomes of appends when the database does not do its part.

use cofferdam_store::{Cursor, Fate, RunLog, SqliteLog, StoreError, StreamError, Urgency};
use cofferdam_testkit::conformance::{answer, first, new_run, step};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use tempfile::TempDir;

fn sql(directory: &Path, statements: &str) {
    rusqlite::Connection::open(directory.join("state.db"))
        .and_then(|db| db.execute_batch(statements))
        .unwrap();
}

fn begin(log: &SqliteLog, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let run = new_run(number);
        assert!(log.begin(run.clone(), first(&run)).wait().position().is_some());
    }
}

fn refuse(directory: &Path, conflict: &str, condition: &str) {
    sql(
        directory,
        &format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN {condition}
             BEGIN SELECT RAISE({conflict}, 'refused by the test'); END;"
        ),
    );
}

// row J04
#[test]
fn a_run_that_cannot_be_written_does_not_take_the_others_along() {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..3);
    refuse(directory.path(), "ABORT", "new.run = 2");
    let tickets: Vec<_> = (0..3)
        .map(|number| log.hand_over(step(new_run(number).id, 1, 1)))
        .collect();
    let fates: Vec<Fate> = tickets.into_iter().map(cofferdam_store::Ticket::wait).collect();
    assert!(
        fates[0].position().is_some() && fates[2].position().is_some(),
        "{fates:?}"
    );
    assert!(matches!(&fates[1], Fate::Failed(error) if matches!(**error, StoreError::Database { .. })));
    // The row of the run was not moved on without its events.
    let summary = answer(log.run(new_run(1).id)).unwrap().unwrap();
    assert_eq!(summary.version.0, 1);
    sql(directory.path(), "DROP TRIGGER refuse");
    // The broken incarnation stays broken until the run is claimed again.
    assert!(matches!(
        log.hand_over(step(new_run(1).id, 1, 1)).wait(),
        Fate::Failed(_)
    ));
    let claim = answer(log.claim(new_run(1).id)).unwrap();
    assert!(
        log.hand_over(step(new_run(1).id, claim.generation.0, 1))
            .wait()
            .position()
            .is_some()
    );
}

#[test]
fn a_lost_transaction_fails_its_appends_and_the_third_in_a_row_ends_the_log() {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..8);
    refuse(directory.path(), "ROLLBACK", "1");
    for number in 0..2 {
        assert!(matches!(
            log.hand_over(step(new_run(number).id, 1, 1)).wait(),
            Fate::Failed(_)
        ));
    }
    sql(directory.path(), "DROP TRIGGER refuse");
    // Two in a row are survived on a new connection.
    assert!(log.hand_over(step(new_run(2).id, 1, 1)).wait().position().is_some());
    refuse(directory.path(), "ROLLBACK", "1");
    for number in 3..6 {
        assert!(matches!(
            log.hand_over(step(new_run(number).id, 1, 1)).wait(),
            Fate::Failed(_)
        ));
    }
    let refused = log.hand_over(step(new_run(6).id, 1, 1)).wait();
    assert!(matches!(refused, Fate::Failed(error) if matches!(*error, StoreError::GaveUp(_))));
    // Whoever would have to end the host is told, too.
    assert!(matches!(*answer(log.broken()), StoreError::GaveUp(_)));
    // Nothing of what failed is there, and reading goes on.
    for (number, version) in [(0, 1), (1, 1), (2, 2), (3, 1), (5, 1), (6, 1)] {
        let summary = answer(log.run(new_run(number).id)).unwrap().unwrap();
        assert_eq!(summary.version.0, version);
    }
}

// rule C5
#[test]
fn what_was_committed_without_a_sync_and_then_not_synced_ends_the_log() {
    let directory = TempDir::new().unwrap();
    let recording = cofferdam_testkit::disk::Recording::of(directory.path());
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..1);
    let run = new_run(0).id;
    // Everything before is on the disk: the failed frames are written anew.
    recording.fail_syncs("state.db-wal", 1);
    assert!(matches!(log.hand_over(step(run, 1, 1)).wait(), Fate::Failed(_)));
    let generation = answer(log.claim(run)).unwrap().generation.0;
    assert!(log.hand_over(step(run, generation, 1)).wait().position().is_some());
    // A claim is committed and not synced: the system may never write it, and nothing behind it could be read.
    let generation = answer(log.claim(run)).unwrap().generation.0;
    recording.fail_syncs("state.db-wal", 1);
    assert!(matches!(
        log.hand_over(step(run, generation, 2)).wait(),
        Fate::Failed(_)
    ));
    assert_eq!(recording.failures_left("state.db-wal"), 0);
    assert!(answer(log.claim(run)).is_err());
    assert!(matches!(*answer(log.broken()), StoreError::GaveUp(_)));
}

// rule C5
#[test]
fn a_claim_ends_no_row_of_failures() {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..4);
    refuse(directory.path(), "ROLLBACK", "1");
    for number in 0..3 {
        let run = new_run(number).id;
        let generation = answer(log.claim(run)).unwrap().generation.0;
        assert!(matches!(
            log.hand_over(step(run, generation, 1)).wait(),
            Fate::Failed(_)
        ));
    }
    let refused = log.hand_over(step(new_run(3).id, 1, 1)).wait();
    assert!(
        matches!(&refused, Fate::Failed(error) if matches!(**error, StoreError::GaveUp(_))),
        "{refused:?}"
    );
}

#[test]
fn a_log_can_be_opened_by_many_at_the_same_time() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("new/state.db");
    let logs: Vec<Arc<SqliteLog>> = thread::scope(|scope| {
        let opening: Vec<_> = (0..6)
            .map(|number| {
                let directory = path.parent().unwrap();
                scope.spawn(move || crate::open(directory, &format!("host-{number}")))
            })
            .collect();
        opening.into_iter().map(|log| log.join().unwrap()).collect()
    });
    for (number, log) in (0..).zip(&logs) {
        let run = new_run(number);
        assert!(log.begin(run.clone(), first(&run)).wait().position().is_some());
    }
    assert_eq!(
        answer(logs[0].runs(cofferdam_store::RunFilter::default()))
            .unwrap()
            .len(),
        6
    );
}

#[test]
fn a_step_is_one_flush_and_log_lines_are_none() {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..1);
    let run = new_run(0).id;
    for version in 1..=40 {
        log.note(cofferdam_store::LogLine {
            run,
            step: cofferdam_engine::StepPath::new("step"),
            occurrence: cofferdam_engine::Occurrence::default(),
            attempt: 1,
            delivery: 1,
            at: cofferdam_engine::Timestamp::from_millis(1),
            level: cofferdam_store::LogLevel::Info,
            message: "at work".to_owned(),
            fields: cofferdam_engine::Data::Null,
        });
        assert!(log.hand_over(step(run, 1, version)).wait().position().is_some());
    }
    let statistics = log.statistics();
    assert_eq!(
        (statistics.flushes, statistics.appends, statistics.log_lines),
        (41, 41, 40)
    );
    assert!(statistics.bytes > 41 * 4096, "{statistics:?}");
}

// row Q02
#[test]
fn what_nobody_waits_for_shares_the_flush_of_what_follows() {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..1);
    let run = new_run(0).id;
    let began = std::time::Instant::now();
    let quiet: Vec<_> = (1..=100)
        .map(|version| log.hand_over_within(step(run, 1, version), Urgency::Later))
        .collect();
    assert!(log.hand_over(step(run, 1, 101)).wait().position().is_some());
    // One for the beginning, one for all of these; a machine that stalls adds one for every 200 ms.
    let flushes = log.statistics().flushes;
    let stalls = u64::try_from(began.elapsed().as_millis() / 200).unwrap();
    assert!(flushes <= 2 + stalls, "{flushes} flushes");
    // What was handed over before something urgent is durable with it.
    assert!(
        quiet
            .iter()
            .all(|ticket| ticket.try_fate().is_some_and(|fate| fate.position().is_some()))
    );
    // By themselves they become durable all the same.
    assert!(
        log.hand_over_within(step(run, 1, 102), Urgency::Later)
            .wait()
            .position()
            .is_some()
    );
    assert!(
        log.hand_over_within(step(run, 1, 103), Urgency::Soon)
            .wait()
            .position()
            .is_some()
    );
}

#[test]
fn what_waits_is_written_when_the_log_is_closed() {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..1);
    let handed = log.hand_over_within(step(new_run(0).id, 1, 1), Urgency::Later);
    drop(log);
    assert!(handed.wait().position().is_some());
}

#[test]
fn a_log_can_be_closed_while_an_answer_is_awaited() {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..1);
    let claim = log.claim(new_run(0).id);
    let handed = log.hand_over(step(new_run(0).id, 1, 1));
    drop(log);
    // What was handed over is written first; what was only asked for is told that nobody is there.
    assert!(handed.wait().position().is_some());
    assert!(matches!(answer(claim), Err(cofferdam_store::ClaimError::Store { .. })));
    // Nothing is left beside the database, which is whole by itself.
    let left: Vec<String> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "hosts")
        .collect();
    assert_eq!(left, ["state.db"]);
}

#[test]
fn a_follower_learns_that_events_behind_its_cursor_were_pruned() {
    let directory = TempDir::new().unwrap();
    let log = crate::open(directory.path(), "a");
    begin(&log, 0..6);
    let stream = |after: Option<&Cursor>| answer(log.stream(None, after.cloned(), 99));
    let events = stream(None).unwrap();
    assert_eq!(events.len(), 6);
    sql(directory.path(), "DELETE FROM events WHERE run IN (2, 4)");
    for missed in &events[..3] {
        let refused = stream(Some(&missed.cursor));
        assert!(matches!(refused, Err(StreamError::Pruned { cursor }) if cursor == missed.cursor));
    }
    // Whoever has seen what was pruned goes on, and whoever begins anew sees what is left.
    assert_eq!(stream(Some(&events[3].cursor)).unwrap(), events[4..]);
    assert_eq!(stream(None).unwrap().len(), 4);
    // Positions are never used again.
    sql(directory.path(), "DELETE FROM events");
    begin(&log, 6..7);
    assert!(stream(Some(&events[5].cursor)).unwrap()[0].cursor != events[5].cursor);
}
