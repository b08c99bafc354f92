//! The stored form of events and plans: golden files, and nothing lost on the way.

use crate::sharing::change;
use cofferdam_engine::event::{AfterFailure, EVENT_ENCODING, SkipReason, UnreadableEvent};
use cofferdam_engine::plan::{InputKind, OnTimeout, RetryPolicy, UnreadablePlan};
use cofferdam_engine::{
    AttemptClass, Cause, Data, Digest, Ending, Event, Failure, FailureClass, Fence, GateOption, Generation, MessageId,
    Metrics, Occurrence, Orphan, Plan, Recorded, RunId, Share, SharedChange, StepPath, StepReference, Timestamp, Used,
    Value,
};
use cofferdam_testkit::plan_builder::{
    Workflow, always, block, call, choose, do_while, fail, gate, input, json, marker, parallel, repeat_while, set,
    template, unless, wait_for, wait_signal, wait_until, when, workflow,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use std::time::Duration;

fn at(step: &str, iterations: &[u32]) -> StepReference {
    StepReference {
        step: StepPath::new(step),
        occurrence: Occurrence::new(iterations.to_vec()),
    }
}

fn failure() -> Failure {
    Failure {
        class: FailureClass::Transient,
        code: Some("busy".to_owned()),
        message: "the service is busy".to_owned(),
        retry_after_ms: Some(1_500),
        details: json(r#"{"status": 503}"#),
    }
}

fn ending() -> Ending {
    Ending::Failed {
        step: StepPath::new("parallel/b"),
        failure: failure(),
    }
}

fn cause() -> Cause {
    Cause {
        message: Some(MessageId(12)),
        by: Some("ada".to_owned()),
    }
}

/// Returns one event of every kind, and of every variant within it.
fn all_events() -> Vec<Event> {
    let metrics = || Metrics::from([("rows".to_owned(), 12.0), ("usd".to_owned(), 0.5)]);
    vec![
        Event::RunStarted {
            workflow: "audit".to_owned(),
            plan: Digest::of(b"plan"),
            inputs: Value::new(json(r#"{"limit": 10, "ratio": 0.1, "path": "."}"#)),
            injected: [("ticket".to_owned(), "T-1".to_owned())].into(),
            dry_run: true,
        },
        Event::RunStarted {
            workflow: "audit".to_owned(),
            plan: Digest::of(b"plan"),
            inputs: Value::new(Data::from("x".repeat(70_000))),
            injected: [].into(),
            dry_run: false,
        },
        Event::RunAdopted {
            generation: Generation(2),
            host: "host-1".to_owned(),
            lost: vec![Fence(7), Fence(9)],
            died: false,
        },
        Event::RunAdopted {
            generation: Generation(3),
            host: "host-2".to_owned(),
            lost: vec![],
            died: true,
        },
        Event::RunInterrupted {
            stopped: vec![Fence(7)],
            reason: None,
        },
        Event::RunInterrupted {
            stopped: vec![],
            reason: Some("needs a component".to_owned()),
        },
        Event::CancelRequested {
            reason: "enough".to_owned(),
            cause: Cause::default(),
        },
        Event::CancelRequested {
            reason: "enough".to_owned(),
            cause: cause(),
        },
        Event::KillRequested {
            reason: "enough".to_owned(),
            cause: cause(),
        },
        Event::RunPaused {
            reason: "lunch".to_owned(),
            cause: cause(),
        },
        Event::RunResumed { cause: cause() },
        Event::RunRetried {
            generation: Generation(4),
            host: "host-3".to_owned(),
            lineage: 1,
            from: Some(at("while/fetch", &[3])),
            dropped: vec![(5, 9).into(), (12, 12).into()],
            plan: Some(Digest::of(b"plan")),
            inputs: Some(Value::new(json(r#"{"limit": 20}"#))),
            cause: Cause {
                message: None,
                by: Some("ada".to_owned()),
            },
        },
        Event::RunRetried {
            generation: Generation(5),
            host: "host-3".to_owned(),
            lineage: 2,
            from: None,
            dropped: vec![(14, 14).into()],
            plan: None,
            inputs: None,
            cause: Cause::default(),
        },
        Event::RunFinished {
            ending: Ending::Killed {
                reason: "enough".to_owned(),
            },
            outputs: Value::new(Data::Null),
        },
        Event::CleanupStarted { ending: ending() },
        Event::CleanupStarted {
            ending: Ending::Cancelled {
                reason: "enough".to_owned(),
            },
        },
        Event::RunFinished {
            ending: Ending::Completed,
            outputs: Value::new(json(r#"{"n": 1}"#)),
        },
        Event::AttemptStarted {
            at: at("while/fetch", &[3, 0]),
            attempt: 1,
            delivery: 1,
            params: Some(Value::new(json(r#"{"url": "https://example.org"}"#))),
            missing: vec!["repo".to_owned()],
            class: Some(AttemptClass::Effectful),
        },
        Event::AttemptStarted {
            at: at("fetch", &[]),
            attempt: 2,
            delivery: 3,
            params: None,
            missing: Vec::new(),
            class: None,
        },
        Event::AttemptFailed {
            at: at("fetch", &[]),
            attempt: 1,
            failure: failure(),
            retry_at: Some(Timestamp::from_millis(1_700_000_000_000)),
            metrics: metrics(),
            saved: Some(json(r#"{"page": 7}"#)),
            used: Some(used()),
        },
        Event::ProgressSaved {
            at: at("fetch", &[]),
            attempt: 2,
            delivery: 1,
            detail: Data::Null,
        },
        Event::StepCompleted {
            at: at("fetch", &[]),
            attempt: 2,
            output: Value::new(json("[1, 2.5, null, true]")),
            markers: vec!["changed".to_owned()],
            context: Some("fetched".to_owned()),
            metrics: metrics(),
            shared: vec![
                change("ticket.id", Some(json("17")), Some(2)),
                change("ticket.state", Some(Data::Null), None),
                change("ticket.old", None, Some(1)),
            ],
            used: Some(used()),
        },
        Event::StepFailed {
            at: at("fetch", &[]),
            failure: Failure::new(FailureClass::InvalidInput, "`url` is missing"),
            attempts: 1,
            then: AfterFailure::Propagate,
        },
        Event::StepFailed {
            at: at("fetch", &[]),
            failure: failure(),
            attempts: 3,
            then: AfterFailure::Continue,
        },
        Event::StepFailed {
            at: at("fetch", &[]),
            failure: failure(),
            attempts: 3,
            then: AfterFailure::Handle,
        },
        Event::StepHandled { at: at("fetch", &[]) },
        Event::StepSkipped {
            at: at("fetch", &[]),
            reason: SkipReason::Condition,
        },
        Event::StepSkipped {
            at: at("parallel/c", &[]),
            reason: SkipReason::Need(StepPath::new("parallel/b")),
        },
        Event::StepCancelled { at: at("fetch", &[]) },
        Event::VariablesSet {
            at: at("while/set", &[1]),
            values: Value::new(json(r#"{"page": 2}"#)),
        },
        Event::GateOpened {
            at: at("publish", &[2]),
            prompt: Some("Publish?".to_owned()),
            options: vec![
                GateOption {
                    value: "eu".to_owned(),
                    label: Some("Europe".to_owned()),
                },
                GateOption {
                    value: "us".to_owned(),
                    label: None,
                },
            ],
            shown: Some(Value::new(json(r#"{"show": "the text"}"#))),
            deadline: Some(Timestamp::from_millis(1_700_000_000_000)),
        },
        Event::GateOpened {
            at: at("publish", &[]),
            prompt: None,
            options: vec![],
            shown: None,
            deadline: None,
        },
        Event::GateApproved {
            at: at("publish", &[]),
            cause: cause(),
        },
        Event::GateDecided {
            at: at("publish", &[]),
            approved: true,
            feedback: Some("go".to_owned()),
            selections: vec!["eu".to_owned()],
            form: json(r#"{"note": "x"}"#),
            cause: cause(),
        },
        Event::GateDecided {
            at: at("publish", &[]),
            approved: false,
            feedback: None,
            selections: vec![],
            form: Data::Null,
            cause: cause(),
        },
        Event::WaitStarted {
            at: at("login", &[]),
            topic: Some("customer/login".to_owned()),
            correlation: Some("c-7".to_owned()),
            due: Some(Timestamp::from_millis(1_700_000_000_000)),
        },
        Event::WaitStarted {
            at: at("soak", &[]),
            topic: None,
            correlation: None,
            due: Some(Timestamp::from_millis(1_700_000_000_000)),
        },
        Event::SignalReceived {
            topic: "customer/login".to_owned(),
            correlation: Some("c-7".to_owned()),
            data: Value::new(json(r#"{"device": "phone"}"#)),
            key: Some("k-1".to_owned()),
            cause: cause(),
        },
        Event::WaitReceived {
            at: at("login", &[]),
            signal: 31,
        },
        Event::BlockStarted {
            at: at("parallel", &[]),
        },
        Event::BranchChosen {
            at: at("if", &[]),
            arm: 1,
        },
        Event::IterationStarted {
            at: at("while", &[]),
            round: 0,
            unchanged: 0,
            seen: None,
        },
        Event::IterationStarted {
            at: at("while", &[]),
            round: 4,
            unchanged: 2,
            seen: Some(Digest::of(b"seen")),
        },
        Event::BranchesCancelled {
            at: at("parallel", &[]),
            branches: vec![0, 2],
        },
        Event::BlockEnded {
            at: at("parallel", &[]),
            ending: ending(),
            markers: vec!["changed".to_owned()],
        },
        Event::BlockEnded {
            at: at("do", &[]),
            ending: Ending::Completed,
            markers: vec![],
        },
    ]
}

fn every_construct() -> Workflow {
    let policy = RetryPolicy {
        on: Some(vec![FailureClass::Transient, FailureClass::Timeout]),
        ..RetryPolicy::block_defaults()
    };
    workflow([
        set([("page", "1")]),
        call("list")
            .with("page", "vars.page")
            .with_value(
                "text",
                cofferdam_engine::ValueSource::Template(template("page {{ (vars.page) }} of {{name}}")),
            )
            .retry(policy)
            .timeout(Duration::from_secs(30))
            .timeout_total(Duration::from_secs(90))
            .or_handle([call("tell").only_if(unless(input("quiet")))]),
        choose(marker("list", "more"), [call("a").or_continue()])
            .or_if(when("inputs.limit > 3"), [fail("too many: {{ (inputs.limit) }}")])
            .or_else([call("b")]),
        repeat_while(marker("a", "more"), 10, [call("next")]).stuck_after(3),
        do_while(when("false"), 1, [call("once")])
            .limited_by("inputs.limit")
            .continue_at_limit(),
        block([call("c"), always([call("tidy")])]).named("inner"),
        parallel([call("d").needs([]), call("e").needs([0]).whatever_they_did()])
            .named("both")
            .without_fail_fast()
            .min_success(1)
            .max_parallel(2),
        parallel([call("f"), call("g")]).join_any(),
        gate("publish")
            .prompt("Publish {{ (steps.fetch.output) }}?")
            .showing("steps.fetch.output")
            .options("['eu', 'us']")
            .approvals(2)
            .skip_if_rejected()
            .open_for(Duration::from_secs(3_600), OnTimeout::Continue),
        wait_for("soak", "'15m'"),
        wait_until("dawn", "'2030-01-31T06:00:00Z'"),
        wait_signal("login", "customer/login")
            .correlated("inputs.limit")
            .open_for(Duration::from_secs(60), OnTimeout::Fail),
    ])
    .always([call("report")])
    .input("limit", InputKind::Number)
    .input("quiet", InputKind::Boolean)
    .output("pages", "vars.page")
    .max_parallel(8)
}

// row P08
#[test]
fn the_stored_form_of_events_stays_as_it_is() {
    let lines: Vec<String> = all_events()
        .iter()
        .map(|event| String::from_utf8(event.encode()).unwrap())
        .collect();
    insta::assert_snapshot!("events", lines.join("\n"));
    for (event, line) in all_events().into_iter().zip(&lines) {
        let mut back = Event::decode(EVENT_ENCODING, line.as_bytes()).unwrap();
        if let (Some(blob), None) = (event.blob(), back.blob().and_then(|blob| blob.content.as_ref())) {
            back.fill(blob.digest, blob.content.as_ref().unwrap());
        }
        assert_eq!(back, event);
        assert!(line.contains(&format!(r#""type":"{}""#, event.kind())), "{line}");
    }
}

// row P08
#[test]
fn the_stored_form_of_a_plan_stays_as_it_is() {
    let plan = every_construct().plan();
    let text = String::from_utf8(plan.encode()).unwrap();
    insta::assert_snapshot!("plan", text.replace("},{\"path\"", "},\n{\"path\""));
    let back = Plan::decode(text.as_bytes()).unwrap();
    assert_eq!(back, plan);
    assert_eq!(back.digest(), plan.digest());
    insta::assert_snapshot!("plan-digest", plan.digest().to_string());
}

#[test]
fn what_a_later_release_wrote_is_refused_by_name() {
    let event = Event::StepHandled { at: at("a", &[]) };
    assert!(matches!(
        Event::decode(EVENT_ENCODING + 1, &event.encode()),
        Err(UnreadableEvent::Newer { found: 4 })
    ));
    assert!(matches!(Event::decode(1, b"{}"), Err(UnreadableEvent::Damaged(_))));
    let plan = String::from_utf8(every_construct().plan().encode()).unwrap();
    let newer = plan.replacen(r#""encoding":2"#, r#""encoding":9"#, 1);
    assert!(matches!(
        Plan::decode(newer.as_bytes()),
        Err(UnreadablePlan::Newer { found: 9 })
    ));
    assert!(matches!(Plan::decode(b"{"), Err(UnreadablePlan::Damaged(_))));
}

#[test]
fn a_step_of_another_kind_or_place_is_refused() {
    let mut parts = workflow([call("a"), call("b")]).parts();
    parts.body.reverse();
    assert!(Plan::build(parts).is_err());
    let mut parts = workflow([call("a"), call("b")]).parts();
    parts.nodes[1].path = parts.nodes[0].path.clone();
    assert!(Plan::build(parts).is_err());
    let parts = workflow([parallel([call("a").needs([1]), call("b").needs([0])])]).parts();
    assert!(Plan::build(parts).is_err());
    let parts = workflow([parallel([call("a").needs([7])])]).parts();
    assert!(Plan::build(parts).is_err());
    let parts = workflow([call("a").attempts(0)]).parts();
    assert!(Plan::build(parts).is_err());
}

#[test]
fn places_and_titles_do_not_change_the_digest_and_everything_else_does() {
    let plan = every_construct().plan();
    let mut moved = every_construct().parts();
    moved.title = Some("Title".to_owned());
    moved.nodes[3].place.line = 7;
    assert_eq!(Plan::build(moved).unwrap().digest(), plan.digest());
    let mut other = every_construct().parts();
    other.max_parallel = None;
    assert_ne!(Plan::build(other).unwrap().digest(), plan.digest());
}

fn any_data() -> BoxedStrategy<Data> {
    let leaf = prop_oneof![
        Just(Data::Null),
        any::<bool>().prop_map(Data::Bool),
        any::<i64>().prop_map(Data::Int),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Data::Double),
        any::<String>().prop_map(Data::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Data::list),
            btree_map(any::<String>(), inner, 0..5).prop_map(Data::map),
        ]
    })
    .boxed()
}

fn any_failure() -> impl Strategy<Value = Failure> {
    (
        proptest::sample::select(FailureClass::ALL.to_vec()),
        option::of(any::<String>()),
        any::<String>(),
        option::of(any::<u64>()),
        any_data(),
    )
        .prop_map(|(class, code, message, retry_after_ms, details)| Failure {
            class,
            code,
            message,
            retry_after_ms,
            details,
        })
}

fn any_ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Completed),
        (any_place(), any_failure()).prop_map(|(at, failure)| Ending::Failed { step: at.step, failure }),
        any::<String>().prop_map(|reason| Ending::Cancelled { reason }),
    ]
}

/// Steps of [`every_construct`] with occurrences that fit or not, and steps that do not exist.
fn any_place() -> impl Strategy<Value = StepReference> {
    let mut paths: Vec<String> = every_construct()
        .plan()
        .nodes()
        .iter()
        .map(|node| node.path.to_string())
        .collect();
    paths.push("no/such step".to_owned());
    (proptest::sample::select(paths), vec(0..3_u32, 0..3)).prop_map(|(path, iterations)| at(&path, &iterations))
}

fn used() -> Used {
    Used {
        wall: Share(12, 60_000),
        cpu: Share(3, 30_000),
        memory: Share(1_179_648, 67_108_864),
        output: Share(17, 1_048_576),
    }
}

fn any_used() -> impl Strategy<Value = Used> {
    let share = || any::<(u64, u64)>().prop_map(|(used, allowed)| Share(used, allowed));
    (share(), share(), share(), share()).prop_map(|(wall, cpu, memory, output)| Used {
        wall,
        cpu,
        memory,
        output,
    })
}

fn any_metrics() -> impl Strategy<Value = Metrics> {
    btree_map(
        any::<String>(),
        any::<f64>().prop_filter("finite", |number| number.is_finite()),
        0..3,
    )
}

fn any_value() -> impl Strategy<Value = Value> {
    any_data().prop_map(Value::new)
}

fn any_change() -> impl Strategy<Value = SharedChange> {
    (any::<String>(), option::of(any_data()), option::of(any::<u64>()))
        .prop_map(|(key, value, expected)| change(&key, value, expected))
}

fn any_fences() -> impl Strategy<Value = Vec<Fence>> {
    vec((0..20_u64).prop_map(Fence), 0..4)
}

fn any_digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn any_event() -> BoxedStrategy<Event> {
    let run = prop_oneof![
        (
            any::<String>(),
            any_digest(),
            any_value(),
            btree_map(any::<String>(), any::<String>(), 0..3),
            any::<bool>()
        )
            .prop_map(|(workflow, plan, inputs, injected, dry_run)| Event::RunStarted {
                workflow,
                plan,
                inputs,
                injected,
                dry_run
            }),
        (any::<u64>(), any::<String>(), any_fences()).prop_map(|(generation, host, lost)| Event::RunAdopted {
            generation: Generation(generation),
            host,
            lost,
            died: false,
        }),
        (any_fences(), option::of(any::<String>()))
            .prop_map(|(stopped, reason)| Event::RunInterrupted { stopped, reason }),
        (
            any::<u64>(),
            any::<u32>(),
            vec((0..40_u64, 0..40_u64), 0..3),
            option::of(any_place())
        )
            .prop_map(|(generation, lineage, dropped, from)| Event::RunRetried {
                generation: Generation(generation),
                host: "host".to_owned(),
                lineage,
                from,
                // Of the first event, the start, a log never loses anything.
                dropped: dropped
                    .into_iter()
                    .map(|(first, more)| (first + 2, first + 2 + more).into())
                    .collect(),
                plan: None,
                inputs: None,
                cause: Cause::default(),
            }),
        any::<String>().prop_map(|reason| Event::CancelRequested {
            reason,
            cause: Cause::default()
        }),
        any_ending().prop_map(|ending| Event::CleanupStarted { ending }),
        (any_ending(), any_value()).prop_map(|(ending, outputs)| Event::RunFinished { ending, outputs }),
    ];
    let attempts = prop_oneof![
        (any_place(), any::<u32>(), any::<u32>(), option::of(any_value())).prop_map(
            |(at, attempt, delivery, params)| Event::AttemptStarted {
                at,
                attempt,
                delivery,
                params,
                missing: Vec::new(),
                class: None,
            }
        ),
        (
            any_place(),
            any::<u32>(),
            any_failure(),
            option::of(any::<i64>()),
            any_metrics(),
            option::of(any_data()),
            option::of(any_used())
        )
            .prop_map(
                |(at, attempt, failure, retry_at, metrics, saved, used)| Event::AttemptFailed {
                    at,
                    attempt,
                    failure,
                    retry_at: retry_at.map(Timestamp::from_millis),
                    metrics,
                    saved,
                    used
                }
            ),
        (any_place(), any::<u32>(), any::<u32>(), any_data()).prop_map(|(at, attempt, delivery, detail)| {
            Event::ProgressSaved {
                at,
                attempt,
                delivery,
                detail,
            }
        }),
        (
            any_place(),
            any::<u32>(),
            any_value(),
            vec(any::<String>(), 0..3),
            option::of(any::<String>()),
            any_metrics(),
            vec(any_change(), 0..3),
            option::of(any_used())
        )
            .prop_map(
                |(at, attempt, output, markers, context, metrics, shared, used)| Event::StepCompleted {
                    at,
                    attempt,
                    output,
                    markers,
                    context,
                    metrics,
                    shared,
                    used
                }
            ),
    ];
    let steps = prop_oneof![
        (any_place(), any_failure(), any::<u32>(), 0..3_u8).prop_map(|(at, failure, attempts, then)| {
            let then = match then {
                0 => AfterFailure::Propagate,
                1 => AfterFailure::Continue,
                _ => AfterFailure::Handle,
            };
            Event::StepFailed {
                at,
                failure,
                attempts,
                then,
            }
        }),
        any_place().prop_map(|at| Event::StepHandled { at }),
        (any_place(), option::of(any_place())).prop_map(|(at, need)| Event::StepSkipped {
            at,
            reason: need.map_or(SkipReason::Condition, |need| SkipReason::Need(need.step)),
        }),
        any_place().prop_map(|at| Event::StepCancelled { at }),
        (any_place(), any_value()).prop_map(|(at, values)| Event::VariablesSet { at, values }),
    ];
    let blocks =
        prop_oneof![
            any_place().prop_map(|at| Event::BlockStarted { at }),
            (any_place(), 0..4_u32).prop_map(|(at, arm)| Event::BranchChosen { at, arm }),
            (any_place(), any::<u32>(), any::<u32>(), option::of(any_digest())).prop_map(
                |(at, round, unchanged, seen)| Event::IterationStarted {
                    at,
                    round,
                    unchanged,
                    seen
                }
            ),
            (any_place(), vec(0..5_u32, 0..4)).prop_map(|(at, branches)| Event::BranchesCancelled { at, branches }),
            (any_place(), any_ending(), vec(any::<String>(), 0..3))
                .prop_map(|(at, ending, markers)| Event::BlockEnded { at, ending, markers }),
        ];
    prop_oneof![run, attempts, steps, blocks].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_come_back_as_they_were(event in any_event()) {
        let bytes = event.encode();
        let back = Event::decode(EVENT_ENCODING, &bytes).unwrap();
        assert_eq!(&back, &event);
        assert_eq!(back.encode(), bytes);
    }

    /// A damaged or foreign log changes a run in ways that make no sense, but it never panics.
    #[test]
    fn any_events_in_any_order_can_be_applied(events in vec(any_event(), 1..40)) {
        let plan = every_construct().plan();
        let start = Event::RunStarted {
            workflow: "x".to_owned(),
            plan: plan.digest(),
            inputs: Value::new(Data::Null),
            injected: [].into(),
            dry_run: false,
        };
        let log: Vec<Recorded> = std::iter::once(start)
            .chain(events)
            .zip(1..)
            .map(|(event, sequence)| Recorded { sequence, at: Timestamp::from_millis(5), event })
            .collect();
        let orphan = Orphan::restore(RunId::from_bits(1), &plan, &log).unwrap();
        assert_eq!(orphan.look().version().0 as usize, log.len());
        assert!(orphan.look().effects(&plan).len() <= log.len());
    }
}

/// Found by the test above: the end of a branch came after its block had started once more.
#[test]
fn a_block_that_starts_once_more_counts_no_branch_twice() {
    let plan = workflow([parallel([call("a"), call("b")]).named("both")]).plan();
    let branch = || at("both/a", &[]);
    let events = [
        Event::RunStarted {
            workflow: "x".to_owned(),
            plan: plan.digest(),
            inputs: Value::new(Data::Null),
            injected: [].into(),
            dry_run: false,
        },
        Event::BlockStarted { at: at("both", &[]) },
        Event::AttemptStarted {
            at: branch(),
            attempt: 1,
            delivery: 1,
            params: None,
            missing: Vec::new(),
            class: None,
        },
        Event::BlockStarted { at: at("both", &[]) },
        Event::StepCancelled { at: branch() },
        Event::StepCancelled { at: branch() },
    ];
    let log: Vec<Recorded> = events
        .into_iter()
        .zip(1..)
        .map(|(event, sequence)| Recorded {
            sequence,
            at: Timestamp::from_millis(5),
            event,
        })
        .collect();
    let orphan = Orphan::restore(RunId::from_bits(1), &plan, &log).unwrap();
    assert!(orphan.look().effects(&plan).is_empty());
}
