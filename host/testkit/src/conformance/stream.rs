//! What every log must do for those who follow it: each event once, in order, from any place on.

use super::{Check, Open, all_events, answer, append, begin, completed, durable, end, fenced, step};
use cofferdam_engine::{Data, Recorded, RunId, RunStatus};
use cofferdam_store::{Cursor, Position, RunLog, StreamError, Streamed};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

/// The checks by name.
pub(super) const CHECKS: &[Check] = &[
    ("a late follower sees everything", a_late_follower_sees_everything),
    ("a follower goes on from any place", a_follower_goes_on_from_any_place),
    ("one run can be followed alone", one_run_can_be_followed_alone),
    ("what was thrown away is never seen", what_was_thrown_away_is_never_seen),
    (
        "a cursor of somewhere else is refused",
        a_cursor_of_somewhere_else_is_refused,
    ),
    (
        "a follower misses nothing beside many writers",
        a_follower_misses_nothing_beside_many_writers,
    ),
];

fn page(log: &Arc<dyn RunLog>, run: Option<RunId>, after: Option<&Cursor>, limit: usize) -> Vec<Streamed> {
    answer(log.stream(run, after.cloned(), limit)).expect("the events can be read")
}

fn all(log: &Arc<dyn RunLog>) -> Vec<Streamed> {
    page(log, None, None, usize::MAX)
}

fn of_run(events: &[Streamed], run: RunId) -> Vec<Recorded> {
    let own = events.iter().filter(|streamed| streamed.run == run);
    own.map(|streamed| streamed.recorded.clone()).collect()
}

// row N04
fn a_late_follower_sees_everything(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    assert_eq!(all(&a), []);
    let start = answer(a.end_of_stream()).unwrap();
    let runs = [begin(&a, 1).id, begin(&b, 2).id];
    for version in 1..4 {
        durable(a.hand_over(step(runs[0], 1, version)));
        durable(b.hand_over(step(runs[1], 1, version)));
    }
    let large = completed("large", Data::list((0..30_000).map(Data::Int)));
    durable(a.hand_over(append(runs[0], 1, 4, RunStatus::Running, vec![large])));
    let events = all(&b);
    assert_eq!(events, all(&a));
    for run in runs {
        assert_eq!(of_run(&events, run), all_events(&a, run));
    }
    let order: Vec<RunId> = events.iter().map(|streamed| streamed.run).collect();
    assert_eq!(order[..4], [runs[0], runs[1], runs[0], runs[1]]);
    // From the place that was the end before there was anything.
    assert_eq!(page(&b, None, Some(&start), usize::MAX), events);
    let end = answer(b.end_of_stream()).unwrap();
    assert_eq!(page(&a, None, Some(&end), usize::MAX), []);
    assert_eq!(end, events.last().unwrap().cursor);
}

fn a_follower_goes_on_from_any_place(open: Open<'_>) {
    let log = open("a");
    let runs: Vec<RunId> = (1..=3).map(|number| begin(&log, number).id).collect();
    for run in &runs {
        durable(log.hand_over(step(*run, 1, 1)));
    }
    let events = all(&log);
    for (index, streamed) in events.iter().enumerate() {
        // Kept as text, as somebody outside does.
        let cursor: Cursor = streamed.cursor.to_string().parse().unwrap();
        assert_eq!(
            page(&log, None, Some(&cursor), 2),
            events[index + 1..].iter().take(2).cloned().collect::<Vec<_>>()
        );
    }
    let mut paged: Vec<Streamed> = Vec::new();
    loop {
        let next = page(&log, None, paged.last().map(|streamed| &streamed.cursor), 2);
        if next.is_empty() {
            break;
        }
        paged.extend(next);
    }
    assert_eq!(paged, events);
}

fn one_run_can_be_followed_alone(open: Open<'_>) {
    let log = open("a");
    let (one, two) = (begin(&log, 1).id, begin(&log, 2).id);
    for version in 1..4 {
        durable(log.hand_over(step(one, 1, version)));
        durable(log.hand_over(step(two, 1, version)));
    }
    let alone = page(&log, Some(two), None, usize::MAX);
    assert_eq!(of_run(&alone, two), all_events(&log, two));
    assert_eq!(alone.len(), 4);
    // The cursors are those of all runs.
    let events = all(&log);
    assert!(alone.iter().all(|streamed| events.contains(streamed)));
    let middle = &events[3].cursor;
    let after: Vec<Streamed> = events[4..]
        .iter()
        .filter(|streamed| streamed.run == two)
        .cloned()
        .collect();
    assert_eq!(page(&log, Some(two), Some(middle), usize::MAX), after);
    assert_eq!(page(&log, Some(two), Some(middle), 1), after[..1]);
    assert_eq!(page(&log, Some(RunId::from_bits(9)), None, 9), []);
}

// row N03
fn what_was_thrown_away_is_never_seen(open: Open<'_>) {
    let log = open("a");
    let (run, other) = (begin(&log, 1).id, begin(&log, 2).id);
    let before = all(&log);
    fenced(log.hand_over(step(run, 7, 1)));
    let mut bad = step(run, 1, 1);
    bad.events[0].sequence = 77;
    assert!(log.hand_over(bad).wait().position().is_none());
    assert_eq!(all(&log), before);
    let generation = answer(log.claim(run)).unwrap().generation.0;
    durable(log.hand_over(end(run, generation, 1)));
    durable(log.hand_over(step(other, 1, 1)));
    let after = page(&log, None, before.last().map(|streamed| &streamed.cursor), 9);
    assert_eq!(
        after.iter().map(|streamed| streamed.run).collect::<Vec<_>>(),
        [run, other]
    );
}

fn a_cursor_of_somewhere_else_is_refused(open: Open<'_>) {
    let log = open("a");
    begin(&log, 1);
    let foreign = Cursor::new("elsewhere", Position(1));
    assert!(matches!(
        answer(log.stream(None, Some(foreign), 9)),
        Err(StreamError::Foreign { .. })
    ));
    let text = all(&log)[0].cursor.to_string();
    let (name, _) = text.rsplit_once('-').unwrap();
    let ahead = Cursor::new(name, Position(1_000));
    assert!(matches!(
        answer(log.stream(None, Some(ahead), 9)),
        Err(StreamError::Ahead { .. })
    ));
}

// row N03, N04
fn a_follower_misses_nothing_beside_many_writers(open: Open<'_>) {
    const EVENTS: u64 = 60;
    let logs = [open("a"), open("b")];
    let runs: Vec<RunId> = (0..6)
        .map(|number| begin(&logs[number as usize % 2], number).id)
        .collect();
    let (followed, mut told) = (open("c"), logs[0].durable());
    let seen = thread::scope(|scope| {
        for (number, run) in runs.iter().enumerate() {
            let log = &logs[number % 2];
            scope.spawn(move || {
                for version in 1..EVENTS {
                    durable(log.hand_over(step(*run, 1, version)));
                }
            });
        }
        let mut seen: Vec<Streamed> = Vec::new();
        while (seen.len() as u64) < EVENTS * runs.len() as u64 {
            seen.extend(page(&followed, None, seen.last().map(|streamed| &streamed.cursor), 7));
        }
        seen
    });
    // Whoever is told of a position can read up to it.
    assert!(told.borrow_and_update().0 > 0);
    let mut by_run: BTreeMap<RunId, Vec<u64>> = BTreeMap::new();
    for streamed in &seen {
        by_run.entry(streamed.run).or_default().push(streamed.recorded.sequence);
    }
    for run in runs {
        assert_eq!(by_run[&run], (1..=EVENTS).collect::<Vec<u64>>());
    }
    assert_eq!(seen, all(&followed));
}
