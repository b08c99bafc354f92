//! Whether both logs behave alike.

use cofferdam_engine::RunId;
use cofferdam_store::{Fate, HostId, RunLog};
use cofferdam_testkit::conformance::{answer, first, new_run, step, suite};
use cofferdam_testkit::memory_log::{Failure, MemoryLog};
use std::sync::Arc;
use tempfile::TempDir;

// row J01
#[test]
fn the_log_on_disk_conforms() {
    suite(|| {
        let directory = TempDir::new().expect("a directory for the log");
        move |host: &str| -> Arc<dyn RunLog> { crate::open(directory.path(), host) }
    });
}

// row J01
#[test]
fn the_log_in_memory_conforms() {
    suite(|| {
        let root = MemoryLog::new(HostId::parse("root").unwrap());
        move |host: &str| -> Arc<dyn RunLog> { Arc::new(root.another_host(HostId::parse(host).unwrap())) }
    });
}

#[test]
fn the_log_in_memory_fails_as_it_is_told() {
    let log = MemoryLog::new(HostId::parse("root").unwrap());
    let run = new_run(1);
    log.hold();
    let ticket = log.begin(run.clone(), first(&run));
    assert!(ticket.try_fate().is_none());
    log.release();
    assert!(ticket.wait().position().is_some());
    let version = |run: RunId| answer(log.run(run)).unwrap().unwrap().version.0;
    log.fail_next(Failure::NotWritten);
    assert!(matches!(log.hand_over(step(run.id, 1, 1)).wait(), Fate::Failed(_)));
    assert!(matches!(log.hand_over(step(run.id, 1, 1)).wait(), Fate::Failed(_)));
    assert_eq!(version(run.id), 1);
    let generation = answer(log.claim(run.id)).unwrap().generation.0;
    log.fail_next(Failure::WrittenUnknown);
    assert!(matches!(
        log.hand_over(step(run.id, generation, 1)).wait(),
        Fate::Failed(_)
    ));
    assert_eq!(version(run.id), 2);
    let generation = answer(log.claim(run.id)).unwrap().generation.0;
    log.fail_next(Failure::Fenced);
    assert!(matches!(
        log.hand_over(step(run.id, generation, 2)).wait(),
        Fate::Fenced(_)
    ));
    assert_eq!(version(run.id), 2);
}
