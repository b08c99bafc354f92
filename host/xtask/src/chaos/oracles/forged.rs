//! Does each oracle object when a history is forged? The honest one was recorded: its host was killed after fifteen events.

use super::{ORACLES, judge};
use crate::chaos::history::{self, History, Sight};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const EVENTS: &str = include_str!("../recorded/events.jsonl");
const BOOK: &str = include_str!("../recorded/book.txt");
const TERMINAL: &str = include_str!("../recorded/terminal.txt");

/// An honest history, changed in one respect.
struct Forgery {
    /// Which oracle has to object.
    oracle: &'static str,
    forge: fn(&mut History),
    objection: &'static str,
}

fn honest() -> History {
    let sight = |events, lines, shown| {
        let mut sight = Sight {
            run: "657a5b".to_owned(),
            events: history::events(EVENTS).unwrap(),
            lines: history::lines(BOOK).unwrap(),
            shown: TERMINAL.lines().map(str::to_owned).collect(),
        };
        sight.events.truncate(events);
        sight.lines.truncate(lines);
        sight.shown.truncate(shown);
        sight
    };
    History {
        sights: vec![sight(15, 4, 6), sight(usize::MAX, usize::MAX, usize::MAX)],
        takeovers: vec![Duration::from_millis(120)],
        rounds: 1,
    }
}

impl History {
    fn last(&mut self) -> &mut Sight {
        self.sights.last_mut().unwrap()
    }

    /// Changes the events of a kind at a step, after the end and, where they are recorded by then, before the death.
    fn change(&mut self, kind: &str, step: &str, change: impl Fn(&mut Value)) {
        let mut changed = 0;
        for event in self.sights.iter_mut().flat_map(|sight| &mut sight.events) {
            if event.kind() == kind && event.occurrence().step == step {
                change(&mut event.body);
                changed += 1;
            }
        }
        assert!(changed > 0, "nothing to forge: {kind} of {step}");
    }

    /// Takes the events of a kind at a step away; the others close the ranks.
    fn remove(&mut self, kind: &str, step: &str) {
        for sight in &mut self.sights {
            sight
                .events
                .retain(|event| event.kind() != kind || event.occurrence().step != step);
            number(sight);
        }
    }
}

impl Sight {
    /// Records the last event of a kind at a step once more, behind all others or before the end.
    fn repeat(&mut self, kind: &str, step: &str, back: usize) {
        let again = self
            .of(kind)
            .filter(|event| event.occurrence().step == step)
            .last()
            .unwrap()
            .clone();
        let place = self.events.len() - back;
        self.events.insert(place, again);
        number(self);
    }
}

/// Returns what replaces one member.
fn set(pointer: &'static str, value: Value) -> impl Fn(&mut Value) {
    move |event| event.pointer_mut(pointer).unwrap().clone_from(&value)
}

fn number(sight: &mut Sight) {
    for (event, sequence) in sight.events.iter_mut().zip(1..) {
        event.sequence = sequence;
    }
}

const FORGERIES: &[Forgery] = &[
    Forgery {
        oracle: "events are numbered without gaps",
        forge: |history| drop(history.last().events.remove(20)),
        objection: "event 22 stands in place 21",
    },
    Forgery {
        oracle: "what is recorded stays",
        forge: |history| history.last().events[2].body["attempt"] = json!(2),
        objection: "of 15 events that were recorded when a host died, some are gone or differ",
    },
    Forgery {
        oracle: "what is recorded stays",
        forge: |history| history.last().events.truncate(14),
        objection: "of 15 events that were recorded when a host died, some are gone or differ",
    },
    Forgery {
        oracle: "what was shown is recorded",
        forge: |history| {
            let early = "08:53:35.283 657a5b sides/left completed 5ms";
            history.sights[0].shown.push(early.to_owned());
        },
        objection: "the terminal showed `sides/left completed`, which is not recorded",
    },
    Forgery {
        oracle: "what was shown is recorded",
        forge: |history| {
            let early = "08:53:35.283 657a5b while/round[2] completed 5ms";
            history.last().shown.push(early.to_owned());
        },
        objection: "the terminal showed `while/round[2] completed`, which is not recorded",
    },
    Forgery {
        oracle: "each step is recorded once",
        forge: |history| history.last().repeat("step.completed", "while/round", 1),
        objection: "while/round[1] is recorded 2 times",
    },
    Forgery {
        oracle: "each step is recorded once",
        forge: |history| history.last().repeat("attempt.failed", "stumble", 1),
        objection: "the failure of attempt 2 of stumble is recorded twice",
    },
    Forgery {
        oracle: "each step is recorded once",
        forge: |history| history.remove("step.completed", "sides/alone"),
        objection: "sides/alone never ran",
    },
    Forgery {
        oracle: "each step is recorded once",
        forge: |history| {
            history.change("step.completed", "coin", set("/output/v/fresh", json!("f00d")));
        },
        objection: "if/tails never ran",
    },
    Forgery {
        oracle: "each step is recorded once",
        forge: |history| {
            history.last().repeat("step.completed", "if/heads", 1);
            let behind = history.last().events.len() - 2;
            history.last().events[behind].body["step"] = json!("if/tails");
        },
        objection: "if/tails should not have run",
    },
    Forgery {
        oracle: "what is recorded is not done again",
        forge: |history| history.last().repeat("attempt.started", "idea", 1),
        objection: "idea was recorded and ran again",
    },
    Forgery {
        oracle: "what is recorded is not done again",
        forge: |history| {
            let mut again = history.last().lines[0].clone();
            again.delivery = 2;
            history.last().lines.push(again);
        },
        objection: "open was recorded, and later the book got `57f4f24d30f00274c77ad94c3dc2281b 1 2 open \
                    idea=4a9f81c0171649b6 plan=78e3824fd7b652b7`",
    },
    Forgery {
        oracle: "deliveries rise and say the same",
        forge: |history| {
            let again = history.last().lines[8].clone();
            history.last().lines.push(again);
        },
        objection: "came after",
    },
    Forgery {
        oracle: "deliveries rise and say the same",
        forge: |history| history.last().lines[4].delivery = 1,
        objection: "came after",
    },
    Forgery {
        oracle: "deliveries rise and say the same",
        forge: |history| history.last().lines[4].text = "plan=0 left-idea=0".to_owned(),
        objection: "have one token and say different things",
    },
    Forgery {
        oracle: "deliveries rise and say the same",
        forge: |history| history.change("attempt.started", "always/close", set("/delivery", json!(3))),
        objection: "always/close was delivered 3 times, but there were only 2 hosts",
    },
    Forgery {
        oracle: "an effect begins after its start is recorded",
        forge: |history| {
            let early = history.last().lines[7].clone();
            history.sights[0].lines.push(early);
        },
        objection: "if/heads coin=50bd929abf2a961d`, but no step was given this text",
    },
    Forgery {
        oracle: "an effect begins after its start is recorded",
        forge: |history| {
            let early = history.last().lines[4].clone();
            history.sights[0].lines.push(early);
        },
        objection: "left-idea=59c68722b4b7ba45`, but the start of this delivery is not recorded",
    },
    Forgery {
        oracle: "what the book has seen follows from the log",
        forge: |history| {
            history.change("step.completed", "sides/left-idea", set("/output/v/fresh", json!("0")));
        },
        objection: "but `left-idea` is not recorded with this number before it",
    },
    Forgery {
        oracle: "what the book has seen follows from the log",
        forge: |history| {
            history.change("step.completed", "while/round-plan", set("/iteration", json!([1])));
        },
        objection: "but `round-plan` is not recorded with this number before it",
    },
    Forgery {
        oracle: "what the book has seen follows from the log",
        forge: |history| history.remove("step.completed", "always/farewell"),
        objection: "but `farewell` is not recorded with this number before it",
    },
    Forgery {
        oracle: "`always` is recorded once",
        forge: |history| history.last().repeat("block.ended", "always", 1),
        objection: "`block.ended` of `always` is recorded 2 times",
    },
    Forgery {
        oracle: "`always` is recorded once",
        forge: |history| history.remove("block.started", "always"),
        objection: "`block.started` of `always` is recorded 0 times",
    },
    Forgery {
        oracle: "`always` is recorded once",
        forge: |history| history.last().repeat("run.cleanup_started", "", 1),
        objection: "the clean-up began 2 times",
    },
    Forgery {
        oracle: "the run ends and its outputs fit the book",
        forge: |history| drop(history.last().events.pop()),
        objection: "the last event is `block.ended`",
    },
    Forgery {
        oracle: "the run ends and its outputs fit the book",
        forge: |history| history.change("run.finished", "", set("/ending/status", json!("failed"))),
        objection: "the run ended as \"failed\"",
    },
    Forgery {
        oracle: "the run ends and its outputs fit the book",
        forge: |history| drop(history.last().lines.pop()),
        objection: "always/close is recorded, but the book has no line of it",
    },
    Forgery {
        oracle: "the run ends and its outputs fit the book",
        forge: |history| history.last().lines[6].token = "0".repeat(32),
        objection: "has a token that no recorded step has",
    },
    Forgery {
        oracle: "the run ends and its outputs fit the book",
        forge: |history| history.change("step.completed", "sides/left", set("/attempt", json!(2))),
        objection: "sides/left completed with attempt 2 after 0 reported failures",
    },
    Forgery {
        oracle: "the run ends and its outputs fit the book",
        forge: |history| {
            history.change("run.finished", "", |event| {
                event["outputs"]["v"]["open"] = event["outputs"]["v"]["close"].take();
            });
        },
        objection: "the output `open` is not the token of open",
    },
    Forgery {
        oracle: "a dead host is succeeded at once",
        forge: |history| history.takeovers.push(Duration::from_secs(30)),
        objection: "`resume` took 30s to take over from a process that was gone",
    },
];

#[test]
fn an_honest_history_passes() {
    judge(&honest()).unwrap();
}

#[test]
fn each_oracle_objects_to_its_forgeries() {
    for Forgery {
        oracle,
        forge,
        objection,
    } in FORGERIES
    {
        let (_, judge) = ORACLES.iter().find(|(name, _)| name == oracle).unwrap();
        let mut history = honest();
        forge(&mut history);
        let said = judge(&history).expect_err(objection).to_string();
        assert!(said.contains(objection), "{oracle}: {said}");
    }
    let forged: BTreeSet<&str> = FORGERIES.iter().map(|forgery| forgery.oracle).collect();
    for (name, _) in ORACLES {
        assert!(forged.contains(name), "nobody showed that `{name}` objects");
    }
}

#[test]
fn a_torn_book_is_noticed() {
    let torn = &BOOK[..BOOK.len() - 5];
    assert_eq!(
        history::lines(torn).unwrap_err().to_string(),
        "the last line of the book is torn"
    );
    let spliced = BOOK.replacen(" 1 1 open", "", 1);
    assert!(history::lines(&spliced).is_err());
}
