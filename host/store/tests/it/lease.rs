//! Whether a host that is silent loses its runs, and one that only stumbles keeps them.

use cofferdam_engine::{Generation, Request, RunId, RunStatus, Timestamp};
use cofferdam_store::{
    ClaimError, Fate, Inbox, Lease, LeaseTerms, ManualClock, NewMessage, Reason, RunLog, SqliteLog, SqliteOptions,
};
use cofferdam_testkit::conformance::{answer, append, first, new_run, step};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for a busy machine; what is waited for takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(60);

fn open(directory: &Path, host: &str, clock: &ManualClock) -> Arc<SqliteLog> {
    let lease = LeaseTerms {
        clock: clock.clock(),
        ..LeaseTerms::default()
    };
    let options = SqliteOptions {
        lease,
        ..crate::options(directory, host)
    };
    Arc::new(SqliteLog::open(options).expect("the log opens"))
}

fn begin(log: &SqliteLog, number: u32) -> RunId {
    let run = new_run(number);
    assert!(log.begin(run.clone(), first(&run)).wait().position().is_some());
    run.id
}

fn sql(directory: &Path, statements: &str) {
    rusqlite::Connection::open(directory.join("state.db"))
        .and_then(|db| db.execute_batch(statements))
        .unwrap();
}

/// Makes every renewal of host `a` fail, or lets them succeed again.
fn refuse_renewals(directory: &Path) {
    sql(
        directory,
        "CREATE TRIGGER refuse BEFORE UPDATE ON hosts WHEN new.id = 'a' AND new.lease_end > 0
         BEGIN SELECT RAISE(ABORT, 'refused by the test'); END;",
    );
}

fn allow_renewals(directory: &Path) {
    sql(directory, "DROP TRIGGER refuse");
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "never: {what}");
        thread::yield_now();
    }
}

/// Waits for a renewal that is due. A clock that stands still never makes the keeper try a failed one again, so that it is
/// moved on by nothing.
fn eventually_renewed(lease: &Lease, clock: &ManualClock) {
    eventually("the renewal", || {
        clock.advance(Duration::ZERO);
        lease.remaining() == Some(FULL)
    });
}

fn is_owned(claimed: Result<cofferdam_store::Claim, ClaimError>) -> bool {
    match claimed {
        Ok(_) => false,
        Err(ClaimError::Owned { .. }) => true,
        Err(other) => panic!("{other}"),
    }
}

const FULL: Duration = Duration::from_secs(27);

// row J06
#[test]
fn a_lease_that_is_renewed_lasts_and_leaves_the_generation_alone() {
    let directory = TempDir::new().unwrap();
    let clock = ManualClock::at(Duration::from_secs(1_000));
    let (a, b) = (open(directory.path(), "a", &clock), open(directory.path(), "b", &clock));
    let run = begin(&a, 1);
    let lease = a.lease();
    assert_eq!(lease.remaining(), Some(FULL));
    let flushes = a.statistics().flushes;
    for _ in 0..12 {
        clock.advance(Duration::from_secs(5));
        eventually_renewed(&lease, &clock);
    }
    assert!(is_owned(answer(b.claim(run))));
    assert_eq!(answer(b.claimable(Timestamp::from_millis(i64::MAX), 9)).unwrap(), []);
    assert_eq!(answer(b.run(run)).unwrap().unwrap().generation, Generation(1));
    assert_eq!(a.statistics().flushes, flushes, "a renewal does not wait for the disk");
    // A host that writes anyway renews with what it writes.
    clock.advance(Duration::from_secs(20));
    assert!(a.hand_over(step(run, 1, 1)).wait().position().is_some());
    assert_eq!(lease.remaining(), Some(FULL));
}

// row J09
#[test]
fn a_renewal_may_fail_as_long_as_one_succeeds_in_time() {
    let directory = TempDir::new().unwrap();
    let clock = ManualClock::at(Duration::from_secs(1_000));
    let a = open(directory.path(), "a", &clock);
    let run = begin(&a, 1);
    let lease = a.lease();
    refuse_renewals(directory.path());
    for _ in 0..4 {
        clock.advance(Duration::from_secs(5));
    }
    assert_eq!(lease.remaining(), Some(Duration::from_secs(7)));
    // What is written meanwhile is written.
    assert!(a.hand_over(step(run, 1, 1)).wait().position().is_some());
    assert_eq!(lease.remaining(), Some(Duration::from_secs(7)));
    // The keeper may still be busy with what the clock told it last: it is not moved on until the renewal is there.
    allow_renewals(directory.path());
    eventually_renewed(&lease, &clock);
    assert!(a.hand_over(step(run, 1, 2)).wait().position().is_some());
}

// row J07, J10, K09
#[test]
fn a_silent_host_stops_before_its_runs_are_taken_and_writes_nothing_more() {
    let directory = TempDir::new().unwrap();
    let clock = ManualClock::at(Duration::from_secs(1_000));
    let (a, b) = (open(directory.path(), "a", &clock), open(directory.path(), "b", &clock));
    let (stolen, left) = (begin(&a, 1), begin(&a, 2));
    let lease = a.lease();
    refuse_renewals(directory.path());
    clock.advance(Duration::from_secs(27));
    // Told to those who wait, and three seconds before anybody else may act.
    answer(lease.lost());
    assert!(!lease.is_held());
    assert!(is_owned(answer(b.claim(stolen))));
    assert!(answer(b.run(stolen)).unwrap().unwrap().owner.unwrap().alive);
    clock.advance(Duration::from_secs(3));
    let found = answer(b.claimable(Timestamp::from_millis(0), 9)).unwrap();
    assert!(found.len() == 2 && found.iter().all(|runnable| runnable.reason == Reason::HostLost));
    let claim = answer(b.claim(stolen)).unwrap();
    assert_eq!((claim.generation, claim.events.len()), (Generation(2), 1));
    allow_renewals(directory.path());
    for run in [stolen, left] {
        let fates = [a.hand_over(step(run, 1, 1)).wait(), a.hand_over(step(run, 1, 1)).wait()];
        assert!(fates.iter().all(|fate| matches!(fate, Fate::Fenced(_))), "{fates:?}");
        assert_eq!(answer(b.run(run)).unwrap().unwrap().version.0, 1);
    }
    assert!(b.hand_over(step(stolen, 2, 1)).wait().position().is_some());
    // The lost lease stays lost, though the host has another one by now, and what nobody took is anybody's.
    assert!(!lease.is_held() && a.lease().is_held());
    let found = answer(b.claimable(Timestamp::from_millis(i64::MAX), 9)).unwrap();
    assert_eq!(found.iter().map(|runnable| runnable.run).collect::<Vec<_>>(), [left]);
    assert!(is_owned(answer(a.claim(stolen))));
    assert_eq!(answer(a.claim(left)).unwrap().generation, Generation(2));
    assert!(a.hand_over(step(left, 2, 1)).wait().position().is_some());
}

// row J08
#[test]
fn a_host_that_closes_leaves_nothing_behind_and_its_runs_at_once() {
    let directory = TempDir::new().unwrap();
    let clock = ManualClock::at(Duration::from_secs(1_000));
    let (a, b) = (open(directory.path(), "a", &clock), open(directory.path(), "b", &clock));
    let run = begin(&a, 1);
    drop(a);
    assert_eq!(answer(b.claim(run)).unwrap().generation, Generation(2));
    drop(b);
    let c = open(directory.path(), "c", &clock);
    let done = begin(&c, 2);
    let last = append(done, 1, 1, RunStatus::Waiting, Vec::new());
    assert!(c.hand_over(last).wait().position().is_some());
    drop(c);
    let hosts: Vec<String> = rusqlite::Connection::open(directory.path().join("state.db"))
        .unwrap()
        .prepare("SELECT id FROM hosts ORDER BY id")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    // The row of a host stays as long as a run names it; `a` was forgotten when the next host came.
    assert_eq!(hosts, ["b"]);
}

// row I03, L10
#[cfg(target_os = "linux")]
#[test]
fn another_process_is_heard_without_looking() {
    let directory = TempDir::new().unwrap();
    let (a, b) = (crate::open(directory.path(), "a"), crate::open(directory.path(), "b"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut arrivals = a.arrivals();
    assert!(arrivals.hears_others());
    let mut heard = || runtime.block_on(async { tokio::time::timeout(DEADLINE, arrivals.next()).await.is_ok() });
    let (gate, other) = (begin(&a, 1), begin(&b, 2));
    let message = NewMessage::new(gate, Timestamp::from_millis(1), "ada", Request::Resume);
    answer(b.post(message)).unwrap();
    assert!(heard());
    assert_eq!(answer(a.unanswered(Inbox::OfThisHost)).unwrap().len(), 1);
    // A run that waits from now on may be due before all others.
    assert!(
        b.hand_over(append(other, 1, 1, RunStatus::Waiting, Vec::new()))
            .wait()
            .position()
            .is_some()
    );
    assert!(heard());
}

/// Tells the re-executed test that it is the child, and where to write.
const CHILD: &str = "COFFERDAM_STORE_LEASE_CHILD";

/// Short, since the child is stopped for longer than this.
fn short() -> LeaseTerms {
    LeaseTerms {
        lasts: Duration::from_millis(500),
        renewed_every: Duration::from_millis(50),
        ..LeaseTerms::default()
    }
}

/// Begins a run, and adds a step for each line that it reads.
fn add_when_told(directory: &Path) -> ! {
    let options = SqliteOptions {
        lease: short(),
        ..crate::options(directory, "child")
    };
    let log = SqliteLog::open(options).expect("the log opens");
    let run = begin(&log, 1);
    let lease = log.lease();
    let mut out = io::stdout();
    writeln!(out, "\nready").expect("the parent reads");
    let mut version = 1;
    for line in io::stdin().lines() {
        line.expect("the parent writes");
        // Asked before anything else is done, as calls that leave a sandbox do.
        let held = lease.is_held();
        let fate = log.hand_over(step(run, 1, version)).wait();
        version += u64::from(fate.position().is_some());
        writeln!(out, "\nheld={held} fenced={}", matches!(fate, Fate::Fenced(_))).expect("the parent reads");
    }
    std::process::exit(0)
}

// row J10, K09
#[test]
fn a_process_that_is_stopped_for_longer_than_its_lease_loses_its_runs() {
    if let Some(directory) = std::env::var_os(CHILD) {
        add_when_told(Path::new(&directory));
    }
    let directory = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "lease::a_process_that_is_stopped_for_longer_than_its_lease_loses_its_runs",
            "--nocapture",
        ])
        .env(CHILD, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut tell = child.stdin.take().unwrap();
    assert!(said.any(|line| line == "ready"));
    writeln!(tell, "add").unwrap();
    let mut answers = said.filter(|line| line.starts_with("held="));
    assert_eq!(answers.next().as_deref(), Some("held=true fenced=false"));
    let log = crate::open(directory.path(), "parent");
    let run = new_run(1).id;
    assert!(is_owned(answer(log.claim(run))));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    eventually("the takeover", || !is_owned(answer(log.claim(run))));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    for _ in 0..3 {
        writeln!(tell, "add").unwrap();
        assert_eq!(answers.next().as_deref(), Some("held=false fenced=true"));
    }
    assert!(log.hand_over(step(run, 2, 2)).wait().position().is_some());
    drop(tell);
    assert!(child.wait().unwrap().success());
    let summary = answer(log.run(run)).unwrap().unwrap();
    assert_eq!((summary.generation, summary.version.0), (Generation(2), 3));
}
