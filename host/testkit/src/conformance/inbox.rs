//! What every log must do with messages: keep them until their run answers, and let no run end over one.

use super::{Check, Open, all_events, answer, append, begin, durable, end, fenced, first, new_run, step};
use cofferdam_engine::{
    Answer, Append, Data, Event, Generation, Message, MessageId, Occurrence, Request, RunId, RunStatus, StepPath,
    StepReference, Timestamp, Verdict,
};
use cofferdam_store::{ClaimError, Fate, Inbox, MAX_REQUEST_BYTES, NewMessage, PostError, RunLog, Ticket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The checks by name.
pub(super) const CHECKS: &[Check] = &[
    (
        "runs that may wait for a topic are found",
        runs_that_may_wait_for_a_topic_are_found,
    ),
    (
        "a message waits until its run answers",
        a_message_waits_until_its_run_answers,
    ),
    (
        "nobody can tell anything to a run that does not listen",
        nobody_can_tell_anything_to_a_run_that_does_not_listen,
    ),
    ("a message with a key is sent once", a_message_with_a_key_is_sent_once),
    (
        "an answer is fenced like its events",
        an_answer_is_fenced_like_its_events,
    ),
    ("a message is answered once", a_message_is_answered_once),
    (
        "no run ends or waits over an unanswered message",
        no_run_ends_or_waits_over_an_unanswered_message,
    ),
    (
        "what was decided before the refused end stays",
        what_was_decided_before_the_refused_end_stays,
    ),
    (
        "a run that is let go of is free at once",
        a_run_that_is_let_go_of_is_free_at_once,
    ),
    (
        "a host sees the messages of its own runs in order",
        a_host_sees_the_messages_of_its_own_runs_in_order,
    ),
    (
        "whoever waits for messages is woken",
        whoever_waits_for_messages_is_woken,
    ),
    ("no message is lost beside an end", no_message_is_lost_beside_an_end),
];

fn cancel(run: RunId) -> NewMessage {
    let request = Request::Cancel {
        reason: "no longer needed".to_owned(),
    };
    NewMessage::new(run, Timestamp::from_millis(5_000), "ada", request)
}

fn signal(run: RunId, topic: &str, key: &str, data: i64) -> NewMessage {
    let request = Request::Signal {
        topic: topic.to_owned(),
        correlation: None,
        data: Data::Int(data),
        key: Some(key.to_owned()),
    };
    NewMessage::new(run, Timestamp::from_millis(5_000), "shop", request)
}

fn post(log: &Arc<dyn RunLog>, message: NewMessage) -> MessageId {
    answer(log.post(message)).expect("the message is taken")
}

fn waiting(log: &Arc<dyn RunLog>, inbox: Inbox) -> Vec<MessageId> {
    let posted = answer(log.unanswered(inbox)).expect("the inbox can be read");
    posted.iter().map(|posted| posted.message.id).collect()
}

/// Returns `append` as one that accepts these messages.
fn accepting(append: Append, messages: impl IntoIterator<Item = MessageId>) -> Append {
    let answers = messages
        .into_iter()
        .map(|message| Answer {
            message,
            verdict: Verdict::Accepted,
        })
        .collect();
    Append { answers, ..append }
}

fn not_empty(ticket: Ticket) {
    let fate = ticket.wait();
    assert!(matches!(fate, Fate::InboxNotEmpty), "{fate:?}");
}

fn parked(run: RunId, generation: u64, version: u64, status: RunStatus) -> Append {
    let event = Event::RunInterrupted {
        stopped: Vec::new(),
        reason: None,
    };
    append(run, generation, version, status, vec![event])
}

// row J02
fn a_message_waits_until_its_run_answers(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    let run = begin(&a, 1).id;
    assert_eq!(waiting(&a, Inbox::OfThisHost), []);
    let sent = cancel(run);
    let id = post(&b, sent.clone());
    let expected = Message {
        id,
        at: sent.at,
        by: sent.by,
        request: sent.request,
    };
    for (log, inbox) in [(&a, Inbox::OfThisHost), (&a, Inbox::Of(run)), (&b, Inbox::Of(run))] {
        let posted = answer(log.unanswered(inbox)).unwrap();
        assert_eq!(posted.len(), 1);
        assert_eq!((posted[0].run, &posted[0].message), (run, &expected));
    }
    assert_eq!(waiting(&b, Inbox::OfThisHost), []);
    assert_eq!(answer(b.answer(id)).unwrap(), None);
    let verdict = Verdict::Conflict {
        reason: "it is too late".to_owned(),
    };
    let said = Answer {
        message: id,
        verdict: verdict.clone(),
    };
    durable(a.hand_over(Append {
        answers: vec![said],
        ..step(run, 1, 1)
    }));
    for log in [&a, &b] {
        assert_eq!(answer(log.answer(id)).unwrap(), Some(verdict.clone()));
        assert_eq!(waiting(log, Inbox::Of(run)), []);
    }
    // An answer alone, without an event, is an append as well.
    let id = post(&b, cancel(run));
    durable(a.hand_over(accepting(append(run, 1, 2, RunStatus::Running, Vec::new()), [id])));
    assert_eq!(answer(b.answer(id)).unwrap(), Some(Verdict::Accepted));
}

fn nobody_can_tell_anything_to_a_run_that_does_not_listen(open: Open<'_>) {
    let log = open("a");
    let unknown = new_run(9).id;
    assert!(matches!(answer(log.post(cancel(unknown))), Err(PostError::NotFound(run)) if run == unknown));
    let run = begin(&log, 1).id;
    let mut long = cancel(run);
    long.request = Request::Cancel {
        reason: "x".repeat(MAX_REQUEST_BYTES),
    };
    assert!(matches!(answer(log.post(long)), Err(PostError::TooLong { .. })));
    durable(log.hand_over(end(run, 1, 1)));
    assert!(matches!(
        answer(log.post(cancel(run))),
        Err(PostError::Ended {
            status: RunStatus::Completed,
            ..
        })
    ));
    assert_eq!(waiting(&log, Inbox::Of(run)), []);
    assert_eq!(answer(log.answer(MessageId(77))).unwrap(), None);
}

// row L04
fn a_message_with_a_key_is_sent_once(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    let (one, two) = (begin(&a, 1).id, begin(&a, 2).id);
    let id = post(&a, signal(one, "paid", "17", 5));
    assert_eq!(post(&b, signal(one, "paid", "17", 5)), id);
    // Whoever sends it later, or under another name, sends the same.
    let again = NewMessage {
        at: Timestamp::from_millis(9_000),
        by: "retry".to_owned(),
        ..signal(one, "paid", "17", 5)
    };
    assert_eq!(post(&b, again), id);
    match answer(b.post(signal(one, "paid", "17", 6))) {
        Err(PostError::KeyTaken { run, message, .. }) => assert_eq!((run, message), (one, id)),
        other => panic!("not refused: {other:?}"),
    }
    // Of another topic or run it is another message.
    let others = [
        post(&a, signal(one, "shipped", "17", 6)),
        post(&a, signal(two, "paid", "17", 6)),
    ];
    assert_eq!(waiting(&a, Inbox::Of(one)), [id, others[0]]);
    assert_eq!(waiting(&a, Inbox::Of(two)), [others[1]]);
    // Messages without a key are all different.
    assert_ne!(post(&a, cancel(two)), post(&a, cancel(two)));
    durable(a.hand_over(accepting(end(one, 1, 1), [id, others[0]])));
    assert_eq!(post(&b, signal(one, "paid", "17", 5)), id);
    assert_eq!(answer(b.answer(id)).unwrap(), Some(Verdict::Accepted));
}

// row J07
fn an_answer_is_fenced_like_its_events(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1).id;
    let id = post(&log, cancel(run));
    let claim = answer(log.claim(run)).unwrap();
    assert_eq!(
        claim.messages.iter().map(|message| message.id).collect::<Vec<_>>(),
        [id]
    );
    fenced(log.hand_over(accepting(step(run, 1, 1), [id])));
    assert_eq!(answer(log.answer(id)).unwrap(), None);
    assert_eq!(waiting(&log, Inbox::Of(run)), [id]);
    durable(log.hand_over(accepting(step(run, 2, 1), [id])));
    assert_eq!(answer(log.answer(id)).unwrap(), Some(Verdict::Accepted));
}

fn a_message_is_answered_once(open: Open<'_>) {
    let log = open("a");
    let (run, other) = (begin(&log, 1).id, begin(&log, 2).id);
    let (id, foreign) = (post(&log, cancel(run)), post(&log, cancel(other)));
    let conflict = Answer {
        message: id,
        verdict: Verdict::Conflict {
            reason: "twice".to_owned(),
        },
    };
    let twice = Append {
        answers: vec![conflict],
        ..step(run, 1, 2)
    };
    let tickets = [log.hand_over(accepting(step(run, 1, 1), [id])), log.hand_over(twice)];
    let [first, second] = tickets;
    durable(first);
    fenced(second);
    assert_eq!(answer(log.answer(id)).unwrap(), Some(Verdict::Accepted));
    assert_eq!(all_events(&log, run).len(), 2);
    // Nor does a run answer what is asked of another, or of nobody.
    for (version, stranger) in [(2, foreign), (2, MessageId(77))] {
        let generation = answer(log.claim(run)).unwrap().generation.0;
        fenced(log.hand_over(accepting(step(run, generation, version), [stranger])));
    }
    assert_eq!(waiting(&log, Inbox::Of(other)), [foreign]);
    assert_eq!(all_events(&log, run).len(), 2);
}

fn no_run_ends_or_waits_over_an_unanswered_message(open: Open<'_>) {
    let log = open("a");
    for (number, status) in (1..).zip([RunStatus::Waiting, RunStatus::Paused, RunStatus::Completed]) {
        let run = begin(&log, number).id;
        let last = |generation| match status {
            RunStatus::Completed => end(run, generation, 1),
            _ => parked(run, generation, 1, status),
        };
        let ids = [post(&log, cancel(run)), post(&log, cancel(run))];
        let tickets = [
            log.hand_over(accepting(last(1), [ids[0]])),
            // This one would fit if it were looked at.
            log.hand_over(step(run, 1, 1)),
        ];
        tickets.into_iter().for_each(not_empty);
        not_empty(log.hand_over(step(run, 1, 1)));
        assert_eq!(all_events(&log, run).len(), 1);
        assert_eq!(waiting(&log, Inbox::OfThisHost), ids);
        assert_eq!(answer(log.run(run)).unwrap().unwrap().owner.unwrap().host, *log.host());
        let claim = answer(log.claim(run)).unwrap();
        assert_eq!((claim.generation, claim.messages.len()), (Generation(2), 2));
        durable(log.hand_over(accepting(last(2), ids)));
        assert_eq!(answer(log.run(run)).unwrap().unwrap().status, status);
        assert_eq!(waiting(&log, Inbox::Of(run)), []);
    }
    // A host that stops itself leaves the message to the next one.
    let run = begin(&log, 9).id;
    let id = post(&log, cancel(run));
    durable(log.hand_over(parked(run, 1, 1, RunStatus::Interrupted)));
    assert_eq!(waiting(&log, Inbox::OfThisHost), []);
    assert_eq!(answer(log.claim(run)).unwrap().messages[0].id, id);
}

fn what_was_decided_before_the_refused_end_stays(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1).id;
    let id = post(&log, cancel(run));
    let tickets = [log.hand_over(step(run, 1, 1)), log.hand_over(end(run, 1, 2))];
    let [before, last] = tickets;
    durable(before);
    not_empty(last);
    let claim = answer(log.claim(run)).unwrap();
    assert_eq!(claim.events.len(), 2);
    // An answer just before the end is early enough.
    let tickets = [
        log.hand_over(accepting(step(run, 2, 2), [id])),
        log.hand_over(end(run, 2, 3)),
    ];
    tickets.into_iter().map(durable).for_each(drop);
    assert_eq!(answer(log.run(run)).unwrap().unwrap().status, RunStatus::Completed);
}

// row J08
fn a_run_that_is_let_go_of_is_free_at_once(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    let statuses = [RunStatus::Waiting, RunStatus::Paused, RunStatus::Interrupted];
    for (number, status) in (1..).zip(statuses) {
        let run = begin(&a, number).id;
        let last = a.hand_over(parked(run, 1, 1, status));
        // The generation that let go takes nothing more, not even what would fit.
        let late = a.hand_over(step(run, 1, 2));
        durable(last);
        fenced(late);
        fenced(a.hand_over(step(run, 1, 2)));
        let summary = answer(a.run(run)).unwrap().unwrap();
        assert_eq!((summary.status, summary.owner), (status, None));
        let claim = answer(b.claim(run)).unwrap();
        assert_eq!((claim.generation, claim.events.len()), (Generation(2), 2));
        durable(b.hand_over(step(run, 2, 2)));
        assert!(matches!(answer(a.claim(run)), Err(ClaimError::Owned { .. })));
    }
}

fn a_host_sees_the_messages_of_its_own_runs_in_order(open: Open<'_>) {
    let (a, b) = (open("a"), open("b"));
    let runs: Vec<RunId> = (1..=6)
        .map(|number| begin(if number % 2 == 0 { &a } else { &b }, number).id)
        .collect();
    let sent: Vec<(RunId, MessageId)> = (0..24)
        .map(|number| {
            let run = runs[number * 5 % 6];
            (run, post(&a, cancel(run)))
        })
        .collect();
    let of = |host: usize| -> Vec<MessageId> {
        let own = sent
            .iter()
            .filter(|(run, _)| runs.iter().position(|other| other == run).unwrap() % 2 == host);
        own.map(|(_, id)| *id).collect()
    };
    assert_eq!(waiting(&b, Inbox::OfThisHost), of(0));
    assert_eq!(waiting(&a, Inbox::OfThisHost), of(1));
    assert!(of(0).is_sorted() && of(0).len() == 12);
    let answered: Vec<MessageId> = waiting(&a, Inbox::Of(runs[1]));
    durable(a.hand_over(accepting(step(runs[1], 1, 1), answered.clone())));
    let left: Vec<MessageId> = of(1).into_iter().filter(|id| !answered.contains(id)).collect();
    assert_eq!(waiting(&a, Inbox::OfThisHost), left);
}

// row L02
fn runs_that_may_wait_for_a_topic_are_found(open: Open<'_>) {
    let log = open("a");
    let listen = |number: u32, topic: &str| {
        let run = begin(&log, number).id;
        let event = Event::WaitStarted {
            at: StepReference {
                step: StepPath::new("wait"),
                occurrence: Occurrence::default(),
            },
            topic: Some(topic.to_owned()),
            correlation: None,
            due: None,
        };
        durable(log.hand_over(append(run, 1, 1, RunStatus::Waiting, vec![event])));
        run
    };
    let (first, other, second) = (listen(1, "paid"), listen(2, "shipped"), listen(3, "paid"));
    assert_eq!(answer(log.listeners("paid")).unwrap(), [first, second]);
    assert_eq!(answer(log.listeners("shipped")).unwrap(), [other]);
    assert_eq!(answer(log.listeners("lost")).unwrap(), []);
    let claim = answer(log.claim(first)).unwrap();
    durable(log.hand_over(end(first, claim.generation.0, claim.version.0)));
    assert_eq!(answer(log.listeners("paid")).unwrap(), [second]);
}

fn whoever_waits_for_messages_is_woken(open: Open<'_>) {
    let log = open("a");
    let run = begin(&log, 1).id;
    let mut arrivals = log.arrivals();
    let mut second = log.arrivals();
    post(&log, cancel(run));
    // Also one that begins to wait only afterwards.
    let woken = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime starts")
        .block_on(async {
            tokio::time::timeout(Duration::from_secs(30), async {
                tokio::join!(arrivals.next(), second.next())
            })
            .await
        });
    assert!(woken.is_ok());
}

// row I06
fn no_message_is_lost_beside_an_end(open: Open<'_>) {
    let (owner, asker) = (open("a"), open("b"));
    let runs: Vec<RunId> = (1..=30).map(|number| begin(&owner, number).id).collect();
    let sent: Vec<Result<MessageId, PostError>> = thread::scope(|scope| {
        let asking = scope.spawn(|| runs.iter().map(|run| answer(asker.post(cancel(*run)))).collect());
        for run in &runs {
            let (mut generation, mut answered) = (1, Vec::new());
            while let Fate::InboxNotEmpty = owner
                .hand_over(accepting(end(*run, generation, 1), answered.drain(..)))
                .wait()
            {
                let claim = answer(owner.claim(*run)).expect("it is this host's run");
                generation = claim.generation.0;
                answered = claim.messages.iter().map(|message| message.id).collect();
            }
        }
        asking.join().expect("posting does not panic")
    });
    for (run, sent) in runs.iter().zip(sent) {
        assert_eq!(answer(owner.run(*run)).unwrap().unwrap().status, RunStatus::Completed);
        match sent {
            Ok(id) => assert_eq!(answer(asker.answer(id)).unwrap(), Some(Verdict::Accepted)),
            Err(PostError::Ended { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    // The log is as usable as before.
    let run = new_run(99);
    durable(owner.begin(run.clone(), first(&run)));
}
