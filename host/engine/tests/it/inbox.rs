//! The stored form of messages and answers, and what the statuses of a run mean.

use cofferdam_engine::{Answer, Data, Message, MessageId, Request, RunStatus, Timestamp, Verdict};
use cofferdam_testkit::plan_builder::json;

/// Returns one message of every kind, and of every form within it.
fn messages() -> Vec<Message> {
    let reason = || "enough".to_owned();
    let requests = [
        Request::Cancel { reason: reason() },
        Request::Kill { reason: reason() },
        Request::Pause { reason: reason() },
        Request::Resume,
        Request::Decide {
            gate: None,
            approved: false,
            feedback: None,
            selections: vec![],
            form: Data::Null,
        },
        Request::Decide {
            gate: Some("publish".to_owned()),
            approved: true,
            feedback: Some("go".to_owned()),
            selections: vec!["eu".to_owned(), "us".to_owned()],
            form: json(r#"{"outcome": "lost"}"#),
        },
        Request::Signal {
            topic: "paid".to_owned(),
            correlation: None,
            data: Data::Null,
            key: None,
        },
        Request::Signal {
            topic: "paid".to_owned(),
            correlation: Some("order-7".to_owned()),
            data: json(r#"{"amount": 12}"#),
            key: Some("event-1".to_owned()),
        },
    ];
    (1..)
        .zip(requests)
        .map(|(id, request)| Message {
            id: MessageId(id),
            at: Timestamp::from_millis(1_700_000_000_000),
            by: "ada".to_owned(),
            request,
        })
        .collect()
}

fn answers() -> Vec<Answer> {
    let reason = || "`publish` was approved by ada".to_owned();
    let verdicts = [
        Verdict::Accepted,
        Verdict::Unchanged { reason: reason() },
        Verdict::Conflict { reason: reason() },
        Verdict::Refused { reason: reason() },
    ];
    (1..)
        .zip(verdicts)
        .map(|(message, verdict)| Answer {
            message: MessageId(message),
            verdict,
        })
        .collect()
}

fn lines<T: serde::Serialize>(values: &[T]) -> String {
    values
        .iter()
        .map(|value| serde_json::to_string(value).unwrap() + "\n")
        .collect()
}

// row P08
#[test]
fn messages_and_answers_are_stored_in_this_form() {
    insta::assert_snapshot!("messages", lines(&messages()));
    insta::assert_snapshot!("answers", lines(&answers()));
}

#[test]
fn messages_and_answers_read_back_what_was_stored() {
    for message in messages() {
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message);
    }
    for answer in answers() {
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
    }
}

#[test]
fn a_status_is_running_parked_or_final() {
    for status in RunStatus::ALL {
        assert_eq!(RunStatus::from_word(status.word()), Some(status));
        let running = status == RunStatus::Running;
        assert_eq!(
            [running, status.is_parked(), status.is_final()]
                .iter()
                .filter(|is| **is)
                .count(),
            1,
            "{status:?}"
        );
    }
}
