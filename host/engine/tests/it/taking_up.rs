//! Snapshots: with the events behind them they are the run, they are written rarely, and useless ones are told apart.

use cofferdam_engine::plan::RetryPolicy;
use cofferdam_engine::run::{SNAPSHOT_ENCODING, UnusableSnapshot};
use cofferdam_engine::{Data, Orphan, Request, RunId, Snapshot};
use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{
    Workflow, block, call, gate, input, parallel, repeat_while, set, wait_for, wait_signal, workflow,
};
use std::time::Duration;

fn everything() -> Workflow {
    workflow([
        set([("greeting", "'hello'")]),
        call("first").with("text", "vars.greeting"),
        repeat_while(input("go"), 2, [call("round")]).continue_at_limit(),
        parallel([
            call("flaky").attempts(3),
            gate("publish")
                .prompt("Publish?")
                .showing("steps.first.output")
                .approvals(2),
            wait_signal("paid", "payment").correlated("'7'"),
            wait_for("soak", "'2h'"),
            block([call("inner").timeout_total(Duration::from_secs(60))]),
        ]),
        call("last"),
    ])
}

fn signal(topic: &str, key: &str) -> Request {
    Request::Signal {
        topic: topic.to_owned(),
        correlation: Some("8".to_owned()),
        data: Data::Int(4),
        key: Some(key.to_owned()),
    }
}

/// Returns the attempt under way that belongs to the step called `key`.
fn named(scenario: &Scenario, key: &str) -> String {
    let flights = scenario.flights();
    let found = flights.iter().find(|name| name.contains(key));
    found
        .unwrap_or_else(|| panic!("{key} is not among {flights:?}"))
        .clone()
}

fn complete(scenario: &mut Scenario, key: &str, output: &str) {
    let name = named(scenario, key);
    scenario.complete(&name, output);
}

/// A run in which something of every kind is going on.
fn busy() -> Scenario {
    let mut scenario = Scenario::new(everything().plan());
    scenario.start([("go", Data::Bool(true))]);
    scenario.complete("first", r#"{"text": "a", "n": 1.5}"#);
    complete(&mut scenario, "round", "1");
    complete(&mut scenario, "round", "2");
    let flaky = named(&scenario, "flaky");
    scenario.fail(&flaky, "busy");
    scenario.ask("ada", signal("payment", "k1"));
    scenario.ask(
        "ada",
        Request::Decide {
            gate: Some("publish".to_owned()),
            approved: true,
            feedback: None,
            selections: Vec::new(),
            form: Data::Null,
        },
    );
    scenario
}

fn snapshot(scenario: &Scenario) -> Snapshot {
    scenario.run().snapshot(&scenario.plan).unwrap()
}

fn id(scenario: &Scenario) -> RunId {
    scenario.run().id()
}

// row P08
// The form of snapshots. A change of it needs another SNAPSHOT_ENCODING: this release must not read what another meant
// otherwise.
#[test]
fn a_snapshot_is_what_it_was_in_this_encoding() {
    assert_eq!(SNAPSHOT_ENCODING, 3);
    let text = String::from_utf8(snapshot(&busy()).data).unwrap();
    insta::assert_snapshot!(text.replace("{\"node\"", "\n{\"node\""));
}

// rule C8
#[test]
fn a_run_goes_on_from_any_snapshot_as_from_its_whole_log() {
    let mut scenario = busy();
    let whole = scenario.log.len();
    let taken = snapshot(&scenario);
    complete(&mut scenario, "flaky", "3");
    scenario.ask("bob", signal("other", "k2"));
    let replayed = Orphan::restore(id(&scenario), &scenario.plan, &scenario.log).unwrap();
    let tail = &scenario.log[whole..];
    assert!(!tail.is_empty());
    let shortened = Orphan::restore_from(id(&scenario), &scenario.plan, &taken, tail).unwrap();
    assert_eq!(shortened.look().difference_to(replayed.look()), None);
    assert_eq!(shortened.look().next_deadline(), replayed.look().next_deadline());
    // What was known when the snapshot was written is still known: the same signal again changes nothing.
    assert_eq!(
        shortened.look().snapshot(&scenario.plan),
        replayed.look().snapshot(&scenario.plan)
    );
}

// rule C8
#[test]
fn snapshots_are_written_rarely_and_less_often_the_larger_the_state_is() {
    let mut scenario = Scenario::new(workflow([repeat_while(input("go"), 5_000, [call("round")])]).plan());
    scenario.start([("go", Data::Bool(true))]);
    while scenario.log.len() < 6_000 {
        complete(&mut scenario, "round", "1");
    }
    let versions: Vec<u64> = scenario.snapshots.iter().map(|snapshot| snapshot.version.0).collect();
    assert_eq!(versions.len(), 5, "{versions:?}");
    let written: usize = scenario.snapshots.iter().map(|snapshot| snapshot.data.len()).sum();
    assert!(written < 12_000, "{written} bytes for 6 000 events");

    // A state that is large is written again only when about as much has happened as it is long.
    let text = format!("\"{}\"", "x".repeat(50_000));
    let results = (0..60).map(|number| call(&format!("step{number}")));
    let mut steps: Vec<_> = results.collect();
    steps.push(repeat_while(input("go"), 9_000, [call("round")]));
    let mut scenario = Scenario::new(workflow(steps).plan());
    scenario.start([("go", Data::Bool(true))]);
    for number in 0..60 {
        scenario.complete(&format!("step{number}"), &text);
    }
    while scenario.log.len() < 10_000 {
        complete(&mut scenario, "round", "1");
    }
    let [first] = &scenario.snapshots[..] else {
        panic!("{} snapshots", scenario.snapshots.len());
    };
    assert!(first.data.len() > 3_000_000);
}

#[test]
fn a_large_value_stands_beside_a_snapshot_and_is_needed_with_it() {
    let mut scenario = Scenario::new(workflow([call("a"), call("b")]).plan());
    scenario.start([]);
    scenario.complete("a", &format!("\"{}\"", "x".repeat(100_000)));
    let mut taken = snapshot(&scenario);
    assert!(taken.data.len() < 4_000, "{}", taken.data.len());
    assert_eq!(taken.blobs.len(), 1);
    let restored = Orphan::restore_from(id(&scenario), &scenario.plan, &taken, []).unwrap();
    assert_eq!(restored.look().difference_to(scenario.run()), None);
    taken.blobs.clear();
    let missing = Orphan::restore_from(id(&scenario), &scenario.plan, &taken, []);
    assert!(matches!(missing, Err(UnusableSnapshot::Unfit { .. })), "{missing:?}");
}

#[test]
fn what_cannot_be_used_is_told_apart_and_never_taken() {
    let scenario = busy();
    let good = snapshot(&scenario);
    let plan = &scenario.plan;
    let restore = |snapshot: &Snapshot| Orphan::restore_from(id(&scenario), plan, snapshot, []).map(drop);
    assert!(restore(&good).is_ok());
    let other = Snapshot {
        encoding: SNAPSHOT_ENCODING + 1,
        ..good.clone()
    };
    assert!(matches!(
        restore(&other),
        Err(UnusableSnapshot::OtherEncoding { found: 4 })
    ));
    let cut = Snapshot {
        data: good.data[..good.data.len() - 1].to_vec(),
        ..good.clone()
    };
    assert!(matches!(restore(&cut), Err(UnusableSnapshot::Damaged(_))));
    let text = String::from_utf8(good.data.clone()).unwrap();
    for (from, to) in [
        (r#""version":"#, r#""version":1"#),
        (r#"{"node":10,"#, r#"{"node":770,"#),
        (&*id(&scenario).to_string(), "00000000-0000-0000-0000-000000000000"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = Snapshot {
            data: text.replace(from, to).into_bytes(),
            ..good.clone()
        };
        let refused = restore(&changed);
        assert!(refused.is_err(), "{from}");
    }
    let another = workflow([call("another").retry(RetryPolicy::default())]).plan();
    let refused = Orphan::restore_from(id(&scenario), &another, &good, []);
    assert!(matches!(refused, Err(UnusableSnapshot::Unfit { .. })), "{refused:?}");
    // Events that do not follow it.
    let gap = Orphan::restore_from(id(&scenario), plan, &good, &scenario.log[..1]);
    assert!(matches!(gap, Err(UnusableSnapshot::Unfit { .. })), "{gap:?}");
}

#[test]
fn there_is_none_of_a_run_that_has_not_begun_or_has_ended() {
    let mut scenario = Scenario::new(workflow([call("a")]).plan());
    assert_eq!(scenario.run().snapshot(&scenario.plan), None);
    scenario.start([]);
    assert!(scenario.run().snapshot(&scenario.plan).is_some());
    scenario.complete("a", "1");
    assert_eq!(scenario.run().snapshot(&scenario.plan), None);
}

// row K07
#[test]
fn a_snapshot_from_before_a_retry_is_left_aside_and_one_from_after_it_is_the_run() {
    let mut scenario = Scenario::started(workflow([call("a"), call("b"), call("c")]).plan());
    scenario.complete("a", "1");
    let id = scenario.run().id();
    let before = scenario.run().snapshot(&scenario.plan).unwrap();
    scenario.fail("b", "broken");
    scenario.retry(None).unwrap();
    let tail = &scenario.log[before.version.0 as usize..];
    let refused = Orphan::restore_from(id, &scenario.plan, &before, tail).unwrap_err();
    assert!(matches!(refused, UnusableSnapshot::Unfit { .. }), "{refused:?}");

    let after = scenario.run().snapshot(&scenario.plan).unwrap();
    scenario.complete("b", "2");
    let tail = &scenario.log[after.version.0 as usize..];
    let shortened = Orphan::restore_from(id, &scenario.plan, &after, tail).unwrap();
    let whole = Orphan::restore(id, &scenario.plan, &scenario.log).unwrap();
    assert_eq!(shortened.look().difference_to(whole.look()), None);
    let token = |orphan: &Orphan| orphan.look().effects(&scenario.plan)[0].token.clone();
    assert_eq!(token(&shortened), token(&whole), "the lineage is kept");
    assert_eq!(shortened.look().lineage(), 1);
}
