//! What every log must do: one list of checks that the log on disk and the log in memory both pass.

mod inbox;
mod ownership;
mod stream;

use cofferdam_engine::run::SNAPSHOT_ENCODING;
use cofferdam_engine::{
    Append, Data, Digest, Ending, Event, Generation, Occurrence, Recorded, RunId, RunRow, RunStatus, Snapshot,
    StepPath, StepReference, Timestamp, Value, Version,
};
use cofferdam_store::{
    Beginning, ClaimError, Definition, Fate, FindError, LogLevel, LogLine, MAX_LINES_PER_DELIVERY, NewRun, Overtaken,
    Reopening, Revision, RunFilter, RunLog, StoreError, Ticket,
};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};
use std::thread;

/// Opens one log, the same each time, as the host of the given name.
pub type Open<'a> = &'a dyn Fn(&str) -> Arc<dyn RunLog>;

/// A check with its name.
pub type Check = (&'static str, fn(Open<'_>));

/// All lists of checks by name.
const LISTS: [&[Check]; 4] = [CHECKS, inbox::CHECKS, ownership::CHECKS, stream::CHECKS];

const CHECKS: &[Check] = &[
    ("a run begins with its first events", a_run_begins_with_its_first_events),
    ("appends are durable in order", appends_are_durable_in_order),
    (
        "an append of another generation is fenced",
        an_append_of_another_generation_is_fenced,
    ),
    (
        "an append for another version is fenced",
        an_append_for_another_version_is_fenced,
    ),
    (
        "of twenty writers for one version one wins",
        of_twenty_writers_for_one_version_one_wins,
    ),
    (
        "twenty writers of one run all succeed in the end",
        twenty_writers_of_one_run_all_succeed_in_the_end,
    ),
    (
        "a broken incarnation takes nothing more",
        a_broken_incarnation_takes_nothing_more,
    ),
    ("a bad append fails alone", a_bad_append_fails_alone),
    (
        "a run that ended takes nothing more",
        a_run_that_ended_takes_nothing_more,
    ),
    (
        "a run that ended is opened again once",
        a_run_that_ended_is_opened_again_once,
    ),
    ("an unknown run takes nothing", an_unknown_run_takes_nothing),
    ("a run begins once", a_run_begins_once),
    ("large values come back", large_values_come_back),
    (
        "a claim reads the latest snapshot and what came after",
        a_claim_reads_the_latest_snapshot_and_what_came_after,
    ),
    (
        "a snapshot of another release is left aside",
        a_snapshot_of_another_release_is_left_aside,
    ),
    ("a claim starts a new generation", a_claim_starts_a_new_generation),
    (
        "a run of a living host is not given away",
        a_run_of_a_living_host_is_not_given_away,
    ),
    ("a run that was let go of is free", a_run_that_was_let_go_of_is_free),
    ("one of two claims wins", one_of_two_claims_wins),
    (
        "runs are found by the end of their id",
        runs_are_found_by_the_end_of_their_id,
    ),
    (
        "runs are listed newest first, in pages",
        runs_are_listed_newest_first_in_pages,
    ),
    (
        "events are read in pages, and again",
        events_are_read_in_pages_and_again,
    ),
    ("a definition comes back as it was", a_definition_comes_back_as_it_was),
    ("log lines are kept up to a bound", log_lines_are_kept_up_to_a_bound),
    ("a long chain is durable as a whole", a_long_chain_is_durable_as_a_whole),
    (
        "twenty writers do not disturb each other",
        twenty_writers_do_not_disturb_each_other,
    ),
];

/// Runs every check, each on a log of its own from `fresh`.
///
/// # Panics
/// If any fails, after all were run.
pub fn suite<O: Fn(&str) -> Arc<dyn RunLog>>(fresh: impl Fn() -> O) {
    let failed: Vec<&str> = LISTS
        .into_iter()
        .flatten()
        .filter(|(_, check)| {
            let open = fresh();
            catch_unwind(AssertUnwindSafe(|| check(&open))).is_err()
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "failed: {failed:#?}");
}

/// Waits for `future` on this thread.
pub fn answer<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers starts")
        .block_on(future)
}

/// Returns a run of workflow `w` whose id ends with `number` in hexadecimal digits.
pub fn new_run(number: u32) -> NewRun {
    let plan: &[u8] = b"{\"plan\":1}";
    NewRun {
        id: RunId::from_bits(0x0192_f3a4_7b1c_7000_8000_0000_0000_0000 | u128::from(number)),
        definition: Definition {
            workflow: "w".into(),
            file: "w.wf".into(),
            source: "workflow w {}".into(),
            plan: plan.into(),
            digest: Digest::of(plan),
        },
        created_at: Timestamp::from_millis(1_000 + i64::from(number)),
        caller_id: None,
        labels: BTreeMap::new(),
    }
}

/// Returns an append of `events` to a run that has `version` events.
pub fn append(run: RunId, generation: u64, version: u64, status: RunStatus, events: Vec<Event>) -> Append {
    let events: Vec<Recorded> = (version + 1..)
        .zip(events)
        .map(|(sequence, event)| Recorded {
            sequence,
            at: Timestamp::from_millis(2_000 + sequence as i64),
            event,
        })
        .collect();
    Append {
        run,
        generation: Generation(generation),
        expected: Version(version),
        row: RunRow {
            status,
            wake_at: None,
            version: Version(version + events.len() as u64),
        },
        events,
        answers: Vec::new(),
        snapshot: None,
    }
}

/// Returns the first append of `run`.
pub fn first(run: &NewRun) -> Append {
    let started = Event::RunStarted {
        workflow: run.definition.workflow.to_string(),
        plan: run.definition.digest,
        inputs: Value::new(Data::Null),
        injected: BTreeMap::new(),
        dry_run: false,
    };
    append(run.id, 1, 0, RunStatus::Running, vec![started])
}

/// Returns what a completed step with this output says.
pub fn completed(step: &str, output: Data) -> Event {
    Event::StepCompleted {
        at: StepReference {
            step: StepPath::new(step),
            occurrence: Occurrence::default(),
        },
        attempt: 1,
        output: Value::new(output),
        markers: Vec::new(),
        context: None,
        metrics: BTreeMap::new(),
        shared: Vec::new(),
        used: None,
    }
}

/// Returns the append of one more completed step.
pub fn step(run: RunId, generation: u64, version: u64) -> Append {
    let event = completed("step", Data::Int(version as i64));
    append(run, generation, version, RunStatus::Running, vec![event])
}

fn end(run: RunId, generation: u64, version: u64) -> Append {
    let event = Event::RunFinished {
        ending: Ending::Completed,
        outputs: Value::new(Data::Null),
    };
    append(run, generation, version, RunStatus::Completed, vec![event])
}

fn begin(log: &Arc<dyn RunLog>, number: u32) -> NewRun {
    let run = new_run(number);
    durable(log.begin(run.clone(), first(&run)));
    run
}

fn durable(ticket: Ticket) -> u64 {
    match ticket.wait() {
        Fate::Durable(position) => position.0,
        other => panic!("not durable: {other:?}"),
    }
}

fn fenced(ticket: Ticket) -> Overtaken {
    match ticket.wait() {
        Fate::Fenced(overtaken) => overtaken,
        other => panic!("not fenced: {other:?}"),
    }
}

fn revision(generation: u64, version: u64) -> Revision {
    Revision {
        generation: Generation(generation),
        version: Version(version),
    }
}

fn failure(ticket: Ticket) -> Arc<StoreError> {
    match ticket.wait() {
        Fate::Failed(error) => error,
        other => panic!("not failed: {other:?}"),
    }
}

fn all_events(log: &Arc<dyn RunLog>, run: RunId) -> Vec<Recorded> {
    answer(log.events(run, 0, usize::MAX)).expect("the events can be read")
}

fn retry(run: RunId, generation: u64, version: u64) -> Append {
    let event = Event::RunRetried {
        generation: Generation(generation),
        host: "a".to_owned(),
        lineage: 1,
        from: None,
        dropped: vec![(version, version).into()],
        plan: None,
        inputs: None,
        cause: cofferdam_engine::Cause::default(),
    };
    append(run, generation, version, RunStatus::Running, vec![event])
}

// rows K07, K10
fn a_run_that_ended_is_opened_again_once(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    let run = begin(&a, 1).id;
    fenced(b.reopen(None, retry(run, 2, 1)));
    durable(a.hand_over(end(run, 1, 1)));
    fenced(b.reopen(None, retry(run, 3, 2)));
    fenced(b.reopen(None, retry(run, 2, 1)));
    fenced(b.reopen(None, retry(new_run(9).id, 2, 2)));
    durable(b.reopen(None, retry(run, 2, 2)));
    // The second of two who ask at the same time comes too late.
    fenced(a.reopen(None, retry(run, 2, 2)));
    let summary = answer(a.run(run)).unwrap().unwrap();
    assert_eq!((summary.status, summary.finished_at), (RunStatus::Running, None));
    assert_eq!((summary.generation, summary.version), (Generation(2), Version(3)));
    assert_eq!(summary.owner.map(|owner| owner.host), Some(b.host().clone()));
    assert_eq!(all_events(&a, run).len(), 3);
    let claimed = answer(a.claim(run));
    assert!(matches!(claimed, Err(ClaimError::Owned { .. })), "{claimed:?}");
    // It ends and is opened once more, with another definition.
    durable(b.hand_over(end(run, 2, 3)));
    assert!(answer(b.run(run)).unwrap().unwrap().finished_at.is_some());
    let other = Definition {
        file: "other.wf".into(),
        digest: Digest::of(b"other"),
        plan: b"other".as_slice().into(),
        ..new_run(1).definition
    };
    let ticket = cofferdam_engine::Writer::hand_over(&Reopening::new(&*a, Some(&other)), retry(run, 3, 4));
    durable(ticket);
    assert_eq!(answer(b.definition(run)).unwrap(), Some(other));
    durable(a.hand_over(end(run, 3, 5)));
    assert!(answer(b.run(run)).unwrap().unwrap().status.is_final());
}

// row J02
fn a_run_begins_with_its_first_events(open: Open<'_>) {
    let log = open("a");
    let run = NewRun {
        caller_id: Some("nightly".to_owned()),
        labels: BTreeMap::from([("team".to_owned(), "data".to_owned())]),
        ..new_run(1)
    };
    let ticket = cofferdam_engine::Writer::hand_over(&Beginning::new(&*log, &run), first(&run));
    durable(ticket);
    let summary = answer(log.run(run.id)).unwrap().unwrap();
    assert_eq!((summary.id, summary.workflow.as_str()), (run.id, "w"));
    assert_eq!((summary.generation, summary.version), (Generation(1), Version(1)));
    assert_eq!(summary.status, RunStatus::Running);
    assert_eq!(summary.plan, run.definition.digest);
    assert_eq!(
        (summary.caller_id, summary.labels),
        (run.caller_id.clone(), run.labels.clone())
    );
    assert_eq!(summary.created_at, run.created_at);
    assert_eq!(
        (summary.updated_at, summary.finished_at),
        (Timestamp::from_millis(2_001), None)
    );
    let owner = summary.owner.unwrap();
    assert_eq!((&owner.host, owner.alive), (log.host(), true));
    assert_eq!(all_events(&log, run.id), first(&run).events);
}

fn appends_are_durable_in_order(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let appends: Vec<Append> = (1..40).map(|version| step(run.id, 1, version)).collect();
    let tickets: Vec<Ticket> = appends.iter().map(|append| log.hand_over(append.clone())).collect();
    let positions: Vec<u64> = tickets.into_iter().map(durable).collect();
    assert!(
        positions.is_sorted_by(|earlier, later| earlier < later),
        "{positions:?}"
    );
    let expected: Vec<Recorded> = appends.into_iter().flat_map(|append| append.events).collect();
    assert_eq!(all_events(&log, run.id)[1..], expected);
    assert_eq!(answer(log.run(run.id)).unwrap().unwrap().version, Version(40));
}

fn an_append_of_another_generation_is_fenced(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let overtaken = fenced(log.hand_over(step(run.id, 2, 1)));
    assert_eq!(overtaken.expected, revision(2, 1));
    assert_eq!(overtaken.actual, Some(revision(1, 1)));
    // One of the right generation is not harmed by it.
    durable(log.hand_over(step(run.id, 1, 1)));
    let claim = answer(log.claim(run.id)).unwrap();
    let old = log.hand_over(step(run.id, 1, 2));
    let new = log.hand_over(step(run.id, claim.generation.0, 2));
    fenced(old);
    durable(new);
    assert_eq!(all_events(&log, run.id).len(), 3);
}

fn an_append_for_another_version_is_fenced(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let overtaken = fenced(log.hand_over(step(run.id, 1, 7)));
    assert_eq!(overtaken.expected, revision(1, 7));
    assert_eq!(overtaken.actual, Some(revision(1, 1)));
    assert_eq!(
        overtaken.to_string(),
        "what was decided for generation 1, version 7 came too late: the run is at generation 1, version 1"
    );
    assert_eq!(all_events(&log, run.id).len(), 1);
    let run = begin(&log, 2);
    durable(log.hand_over(step(run.id, 1, 1)));
    let overtaken = fenced(log.hand_over(step(run.id, 1, 1)));
    assert_eq!(overtaken.actual, Some(revision(1, 2)));
    assert_eq!(all_events(&log, run.id).len(), 2);
    let unknown = fenced(log.hand_over(step(new_run(9).id, 1, 1)));
    assert_eq!((unknown.expected, unknown.actual), (revision(1, 1), None));
}

// row J05
fn of_twenty_writers_for_one_version_one_wins(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1).id;
    let barrier = Barrier::new(20);
    let tried: Vec<Fate> = thread::scope(|scope| {
        let writers: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    log.hand_over(step(run, 1, 1)).wait()
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let won = tried.iter().filter(|fate| fate.position().is_some()).count();
    assert_eq!(won, 1, "{tried:?}");
    for fate in tried.iter().filter(|fate| fate.position().is_none()) {
        let Fate::Fenced(overtaken) = fate else {
            panic!("{fate:?}")
        };
        assert_eq!(overtaken.expected, revision(1, 1));
        assert_eq!(overtaken.actual, Some(revision(1, 2)));
    }
    assert_eq!(all_events(&log, run).len(), 2);
}

// row J05
fn twenty_writers_of_one_run_all_succeed_in_the_end(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1).id;
    let barrier = Barrier::new(20);
    let write = || {
        barrier.wait();
        // Each round somebody has claimed last, and nobody claims again before it failed: somebody wins.
        for _ in 0..10_000 {
            let claim = answer(log.claim(run)).unwrap();
            let expected = revision(claim.generation.0, claim.version.0);
            match log.hand_over(step(run, claim.generation.0, claim.version.0)).wait() {
                Fate::Durable(_) => return,
                Fate::Fenced(overtaken) => {
                    assert_eq!(overtaken.expected, expected);
                    let actual = overtaken.actual.unwrap();
                    assert!(actual.generation > expected.generation, "{overtaken:?}");
                    assert!(actual.version >= expected.version, "{overtaken:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("never succeeded");
    };
    thread::scope(|scope| {
        let writers: Vec<_> = (0..20).map(|_| scope.spawn(write)).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    assert_eq!(answer(log.run(run)).unwrap().unwrap().version, Version(21));
    assert_eq!(all_events(&log, run).len(), 21);
}

fn a_broken_incarnation_takes_nothing_more(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let malformed = Append {
        row: RunRow {
            status: RunStatus::Running,
            wake_at: None,
            version: Version(9),
        },
        ..step(run.id, 1, 1)
    };
    let tickets = [
        log.hand_over(malformed),
        // These would fit if they were looked at.
        log.hand_over(step(run.id, 1, 1)),
        log.hand_over(step(run.id, 1, 2)),
    ];
    for ticket in tickets {
        assert!(matches!(*failure(ticket), StoreError::Malformed { .. }));
    }
    assert!(matches!(
        *failure(log.hand_over(step(run.id, 1, 1))),
        StoreError::Malformed { .. }
    ));
    assert_eq!(all_events(&log, run.id).len(), 1);
    let claim = answer(log.claim(run.id)).unwrap();
    assert_eq!((claim.generation, claim.version), (Generation(2), Version(1)));
    durable(log.hand_over(step(run.id, 2, 1)));
}

// row J04
fn a_bad_append_fails_alone(open: Open<'_>) {
    let log = open("a");
    let (one, two) = (begin(&log, 1), begin(&log, 2));
    let mut bad = step(one.id, 1, 2);
    bad.events[0].sequence = 77;
    let fits = log.hand_over(step(one.id, 1, 1));
    let bad = log.hand_over(bad);
    let other = log.hand_over(step(two.id, 1, 1));
    durable(fits);
    assert!(matches!(*failure(bad), StoreError::Malformed { .. }));
    durable(other);
    assert_eq!(all_events(&log, one.id).len(), 2);
    assert_eq!(answer(log.run(one.id)).unwrap().unwrap().version, Version(2));
    assert_eq!(all_events(&log, two.id).len(), 2);
}

fn a_run_that_ended_takes_nothing_more(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let last = log.hand_over(end(run.id, 1, 1));
    let late = log.hand_over(step(run.id, 1, 2));
    durable(last);
    fenced(late);
    fenced(log.hand_over(step(run.id, 1, 2)));
    let refused = answer(log.claim(run.id)).unwrap_err();
    assert!(matches!(
        refused,
        ClaimError::Final {
            status: RunStatus::Completed,
            ..
        }
    ));
    let summary = answer(log.run(run.id)).unwrap().unwrap();
    assert_eq!(
        (summary.owner, summary.finished_at),
        (None, Some(Timestamp::from_millis(2_002)))
    );
    assert_eq!(summary.version, Version(2));
}

fn an_unknown_run_takes_nothing(open: Open<'_>) {
    let log = open("a");
    let run = new_run(1).id;
    fenced(log.hand_over(step(run, 1, 0)));
    assert!(matches!(answer(log.claim(run)), Err(ClaimError::NotFound(id)) if id == run));
    assert_eq!(answer(log.run(run)).unwrap(), None);
    assert_eq!(answer(log.definition(run)).unwrap(), None);
    assert_eq!(all_events(&log, run), []);
    assert_eq!(answer(log.log_lines(run, None)).unwrap().lines, []);
}

fn a_run_begins_once(open: Open<'_>) {
    let log = open("a");
    let named = NewRun {
        caller_id: Some("nightly".to_owned()),
        ..new_run(1)
    };
    durable(log.begin(named.clone(), first(&named)));
    let again = failure(log.begin(named.clone(), first(&named)));
    assert!(matches!(*again, StoreError::Exists { run } if run == named.id));
    let namesake = NewRun {
        caller_id: named.caller_id.clone(),
        ..new_run(2)
    };
    let duplicate = failure(log.begin(namesake.clone(), first(&namesake)));
    assert!(matches!(*duplicate, StoreError::Duplicate { run, .. } if run == named.id));
    assert_eq!(answer(log.run(namesake.id)).unwrap(), None);
    // The run that exists is not disturbed.
    durable(log.hand_over(step(named.id, 1, 1)));
}

// row J02
fn large_values_come_back(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let large = Data::list((0..30_000).map(Data::Int));
    let events = vec![
        completed("large", large.clone()),
        completed("same", large.clone()),
        completed("text", Data::text("é\u{0}".repeat(40_000))),
    ];
    let handed = append(run.id, 1, 1, RunStatus::Running, events);
    assert_eq!(handed.blobs().count(), 3);
    durable(log.hand_over(handed.clone()));
    assert_eq!(all_events(&log, run.id)[1..], handed.events);
    drop(log);
    let claim = answer(open("b").claim(run.id)).unwrap();
    assert_eq!(claim.events[1..], handed.events);
}

fn a_claim_reads_the_latest_snapshot_and_what_came_after(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let large = Data::list((0..30_000).map(Data::Int));
    let value = Value::new(large.clone());
    let snapshot = |version: u64, encoding: u32| Snapshot {
        version: Version(version),
        encoding,
        data: format!("{{\"of\":{version}}}").into_bytes(),
        blobs: value.blob().cloned().into_iter().collect(),
    };
    for (version, kept) in [
        (2, Some(SNAPSHOT_ENCODING)),
        (3, None),
        (4, Some(SNAPSHOT_ENCODING)),
        (5, None),
    ] {
        durable(log.hand_over(Append {
            snapshot: kept.map(|encoding| snapshot(version, encoding)),
            ..step(run.id, 1, version - 1)
        }));
    }
    let claim = answer(log.claim(run.id)).unwrap();
    let read = claim.snapshot.unwrap();
    assert_eq!(
        (read.version, read.data),
        (Version(4), snapshot(4, SNAPSHOT_ENCODING).data)
    );
    assert_eq!(read.blobs.len(), 1);
    assert_eq!(read.blobs[0].content.as_ref(), Some(&large));
    assert_eq!(claim.version, Version(5));
    let numbers: Vec<u64> = claim.events.iter().map(|recorded| recorded.sequence).collect();
    assert_eq!(numbers, [5]);
    // A snapshot of the last event leaves no tail.
    durable(log.hand_over(Append {
        snapshot: Some(snapshot(6, SNAPSHOT_ENCODING)),
        ..step(run.id, 2, 5)
    }));
    let claim = answer(log.claim(run.id)).unwrap();
    assert_eq!((claim.snapshot.unwrap().version, claim.events.len()), (Version(6), 0));
    // The log itself stays whole.
    assert_eq!(all_events(&log, run.id).len(), 6);
}

fn a_snapshot_of_another_release_is_left_aside(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    durable(log.hand_over(Append {
        snapshot: Some(Snapshot {
            version: Version(2),
            encoding: SNAPSHOT_ENCODING + 1,
            data: b"{}".to_vec(),
            blobs: Vec::new(),
        }),
        ..step(run.id, 1, 1)
    }));
    let claim = answer(log.claim(run.id)).unwrap();
    assert_eq!((claim.snapshot, claim.events.len()), (None, 2));
}

fn a_claim_starts_a_new_generation(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let handed = log.hand_over(step(run.id, 1, 1));
    let claim = answer(log.claim(run.id)).unwrap();
    // What was handed over before belongs to the old generation and is read by the new one.
    durable(handed);
    assert_eq!((claim.generation, claim.version), (Generation(2), Version(2)));
    assert!(!claim.host_lost, "it is this host's own");
    assert_eq!(claim.definition, run.definition);
    assert_eq!(claim.events.len(), 2);
    fenced(log.hand_over(step(run.id, 1, 2)));
    durable(log.hand_over(step(run.id, 2, 2)));
    assert_eq!(answer(log.claim(run.id)).unwrap().generation, Generation(3));
}

fn a_run_of_a_living_host_is_not_given_away(open: Open<'_>) {
    let a = open("a");
    let b = open("b");
    let run = begin(&a, 1);
    match answer(b.claim(run.id)) {
        Err(ClaimError::Owned { host, pid, .. }) => {
            assert_eq!((&host, pid), (a.host(), std::process::id()));
        }
        other => panic!("not refused: {other:?}"),
    }
    durable(a.hand_over(step(run.id, 1, 1)));
    fenced(b.hand_over(step(run.id, 1, 2)));
    drop(a);
    assert!(!answer(b.run(run.id)).unwrap().unwrap().owner.unwrap().alive);
    let claim = answer(b.claim(run.id)).unwrap();
    assert_eq!((claim.generation, claim.events.len()), (Generation(2), 2));
    assert!(claim.host_lost);
    durable(b.hand_over(step(run.id, 2, 2)));
    assert_eq!(&answer(b.run(run.id)).unwrap().unwrap().owner.unwrap().host, b.host());
}

fn a_run_that_was_let_go_of_is_free(open: Open<'_>) {
    let a = open("a");
    let b = open("b");
    let run = begin(&a, 1);
    let interrupted = Event::RunInterrupted {
        stopped: Vec::new(),
        reason: None,
    };
    durable(a.hand_over(append(run.id, 1, 1, RunStatus::Interrupted, vec![interrupted])));
    assert_eq!(answer(a.run(run.id)).unwrap().unwrap().owner, None);
    let claim = answer(b.claim(run.id)).unwrap();
    assert_eq!((claim.generation, claim.host_lost), (Generation(2), false));
    fenced(a.hand_over(step(run.id, 1, 2)));
    durable(b.hand_over(step(run.id, 2, 2)));
    assert_eq!(answer(a.run(run.id)).unwrap().unwrap().status, RunStatus::Running);
}

fn one_of_two_claims_wins(open: Open<'_>) {
    let a = open("a");
    let runs: Vec<RunId> = (1..=10).map(|number| begin(&a, number).id).collect();
    drop(a);
    let rivals: Vec<Arc<dyn RunLog>> = ["b", "c", "d"].into_iter().map(open).collect();
    for run in runs {
        let winners: Vec<bool> = thread::scope(|scope| {
            let claims: Vec<_> = rivals
                .iter()
                .map(|log| scope.spawn(move || answer(log.claim(run))))
                .collect();
            claims
                .into_iter()
                .map(|claim| match claim.join().unwrap() {
                    Ok(_) => true,
                    Err(ClaimError::Owned { .. }) => false,
                    Err(other) => panic!("{other:?}"),
                })
                .collect()
        });
        assert_eq!(winners.iter().filter(|won| **won).count(), 1, "{winners:?}");
    }
}

fn runs_are_found_by_the_end_of_their_id(open: Open<'_>) {
    let log = open("a");
    assert!(matches!(answer(log.find("last")), Err(FindError::NotFound { .. })));
    let (one, two, three) = (begin(&log, 0xab_cdef), begin(&log, 0x1ab_cdef), begin(&log, 0x12_3456));
    assert_eq!(answer(log.find("last")).unwrap(), three.id);
    assert_eq!(answer(log.find(&one.id.to_string())).unwrap(), one.id);
    assert_eq!(answer(log.find(&two.id.to_string().to_uppercase())).unwrap(), two.id);
    assert_eq!(answer(log.find("123456")).unwrap(), three.id);
    assert_eq!(answer(log.find("1ABCDEF")).unwrap(), two.id);
    match answer(log.find("abcdef")) {
        Err(FindError::Ambiguous { candidates, .. }) => assert_eq!(candidates, [two.id, one.id]),
        other => panic!("{other:?}"),
    }
    assert!(matches!(answer(log.find("fedcba")), Err(FindError::NotFound { .. })));
    for invalid in ["bcdef", "", "nightly", "12345%", "0123456789012345678901234567890123"] {
        assert!(
            matches!(answer(log.find(invalid)), Err(FindError::Invalid { .. })),
            "{invalid}"
        );
    }
}

// rows H09, H10, J02
fn runs_are_listed_newest_first_in_pages(open: Open<'_>) {
    let log = open("a");
    let list =
        |filter: RunFilter| -> Vec<RunId> { answer(log.runs(filter)).unwrap().iter().map(|run| run.id).collect() };
    assert_eq!(list(RunFilter::default()), []);
    // Ids that do not grow with time: the order is that of beginning.
    let runs: Vec<RunId> = (0..25).map(|number| begin(&log, (number * 7) % 25).id).collect();
    durable(log.hand_over(end(runs[3], 1, 1)));
    let newest: Vec<RunId> = runs.iter().rev().copied().collect();
    let page = list(RunFilter {
        limit: 10,
        ..RunFilter::default()
    });
    assert_eq!(page, newest[..10]);
    let next = list(RunFilter {
        limit: 10,
        after: Some(page[9]),
        ..RunFilter::default()
    });
    assert_eq!(next, newest[10..20]);
    let finished = RunFilter {
        statuses: vec![RunStatus::Completed, RunStatus::Failed],
        ..RunFilter::default()
    };
    assert_eq!(list(finished), [runs[3]]);
    let count = |workflow: Option<&str>| answer(log.counts(workflow.map(str::to_owned))).unwrap();
    let expected = [(RunStatus::Running, 24), (RunStatus::Completed, 1)].into();
    assert_eq!(count(None), expected);
    assert_eq!(count(Some("w")), expected);
    assert_eq!(count(Some("another")), [].into());
    let running = RunFilter {
        statuses: vec![RunStatus::Running],
        limit: 100,
        ..RunFilter::default()
    };
    assert_eq!(list(running).len(), 24);
    let mut other = new_run(99);
    other.definition.workflow = "other".into();
    durable(log.begin(other.clone(), first(&other)));
    let of_workflow = RunFilter {
        workflow: Some("other".to_owned()),
        ..RunFilter::default()
    };
    assert_eq!(list(of_workflow), [other.id]);
}

// row N01
fn events_are_read_in_pages_and_again(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    for version in 1..10 {
        durable(log.hand_over(step(run.id, 1, version)));
    }
    let all = all_events(&log, run.id);
    let numbers: Vec<u64> = all.iter().map(|recorded| recorded.sequence).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<u64>>());
    let mut paged = Vec::new();
    loop {
        let after = paged.last().map_or(0, |recorded: &Recorded| recorded.sequence);
        let page = answer(log.events(run.id, after, 3)).unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert_eq!(all_events(&log, run.id), all);
    assert_eq!(answer(log.events(run.id, u64::MAX, 3)).unwrap(), []);
}

fn a_definition_comes_back_as_it_was(open: Open<'_>) {
    let log = open("a");
    let one = begin(&log, 1);
    let mut two = new_run(2);
    // The same plan from another text is another definition.
    two.definition.source = "workflow w { # changed\n}".into();
    durable(log.begin(two.clone(), first(&two)));
    let three = begin(&log, 3);
    for run in [one, two, three] {
        assert_eq!(answer(log.definition(run.id)).unwrap(), Some(run.definition));
    }
}

fn log_lines_are_kept_up_to_a_bound(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let line = |step: &str, delivery: u32, number: u32| LogLine {
        run: run.id,
        step: StepPath::new(step),
        occurrence: Occurrence::new(vec![1, 2]),
        attempt: 1,
        delivery,
        at: Timestamp::from_millis(i64::from(number)),
        level: LogLevel::Warn,
        message: format!("line {number}"),
        fields: Data::map([("number", Data::Int(i64::from(number)))]),
    };
    for number in 0..MAX_LINES_PER_DELIVERY + 10 {
        log.note(line("loud", 1, number));
    }
    log.note(line("loud", 2, 1));
    log.note(line("quiet", 1, 1));
    let mut unknown = line("quiet", 1, 1);
    unknown.run = new_run(77).id;
    log.note(unknown);
    // Lines noted before an append was handed over can be read once it is durable.
    durable(log.hand_over(step(run.id, 1, 1)));
    let loud = answer(log.log_lines(run.id, Some(StepPath::new("loud")))).unwrap();
    assert_eq!(
        (loud.lines.len() as u32, loud.dropped),
        (MAX_LINES_PER_DELIVERY + 1, 10)
    );
    assert_eq!(loud.lines[5], line("loud", 1, 5));
    let all = answer(log.log_lines(run.id, None)).unwrap();
    assert_eq!((all.lines.len() as u32, all.dropped), (MAX_LINES_PER_DELIVERY + 2, 10));
    assert_eq!(all.lines.last(), Some(&line("quiet", 1, 1)));
    assert_eq!(log.statistics().log_lines_dropped, 10);
}

fn a_long_chain_is_durable_as_a_whole(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1);
    let wide = |version: u64| {
        let events = (0..20).map(|number| completed("wide", Data::Int(number))).collect();
        append(run.id, 1, version, RunStatus::Running, events)
    };
    let tickets: Vec<Ticket> = (0..300).map(|number| log.hand_over(wide(1 + 20 * number))).collect();
    let positions: Vec<u64> = tickets.into_iter().map(durable).collect();
    assert!(positions.is_sorted_by(|earlier, later| earlier + 20 == *later));
    assert_eq!(all_events(&log, run.id).len(), 6_001);
    let statistics = log.statistics();
    assert_eq!((statistics.appends, statistics.events), (301, 6_001));
}

fn twenty_writers_do_not_disturb_each_other(open: Open<'_>) {
    let log = open("a");
    let runs: Vec<NewRun> = (1..=20).map(new_run).collect();
    thread::scope(|scope| {
        for run in &runs {
            let log = &log;
            scope.spawn(move || {
                durable(log.begin(run.clone(), first(run)));
                for version in (1..41).step_by(4) {
                    // Two one by one, then two together.
                    durable(log.hand_over(step(run.id, 1, version)));
                    durable(log.hand_over(step(run.id, 1, version + 1)));
                    let pair = [version + 2, version + 3].map(|version| log.hand_over(step(run.id, 1, version)));
                    pair.into_iter().map(durable).for_each(drop);
                }
            });
        }
    });
    for run in runs {
        let numbers: Vec<u64> = all_events(&log, run.id)
            .iter()
            .map(|recorded| recorded.sequence)
            .collect();
        assert_eq!(numbers, (1..=41).collect::<Vec<u64>>());
    }
}
