//! What a guest that means no good can do: fail its own attempt, with a verdict that says how.

use crate::guests::{Ear, Guest, call, limits, output, sandbox};
use cofferdam_engine::Data;
use cofferdam_wasm::{
    AttemptCall, CancelFlag, LimitName, LoadError, LogLevel, LogSource, Timeout, Trap, TrapKind, Verdict,
};
use std::sync::Arc;
use std::time::Duration;

const LOOP: &str = "(loop $again (br $again)) (unreachable)";
const LOG: &str = r#"(import "cofferdam:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))"#;
const SLEEP: &str = r#"
    (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $subscribe (param i64) (result i32)))
    (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))"#;
const STDERR: &str = r#"
    (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $print (param i32 i32 i32 i32)))"#;

fn exceeded(verdict: Verdict) -> (LimitName, Option<u64>) {
    match verdict {
        Verdict::LimitExceeded(limit) => (limit.limit, limit.used),
        other => panic!("{other:#?}"),
    }
}

fn trapped(verdict: Verdict) -> Trap {
    match verdict {
        Verdict::Trapped(trap) => trap,
        other => panic!("{other:#?}"),
    }
}

// row E10, row C32, hostile 1, hostile 2, hostile 24
// key limits.cpu
#[tokio::test]
async fn a_loop_ends_at_its_computing_time_and_a_sibling_on_the_same_thread_goes_on() {
    let sandbox = sandbox();
    let bad = Guest::running(LOOP).action(&sandbox).await;
    let good = Guest::default().action(&sandbox).await;
    let looping = bad.run(call(&limits(&[(LimitName::Cpu, 300)])));
    let working = async {
        let mut done = 0;
        for _ in 0..20 {
            let report = good.run(call(&limits(&[]))).await;
            assert_eq!(output(&report).to_json(), r#"{"n":1}"#);
            done += 1;
        }
        done
    };
    let (report, done) = tokio::join!(looping, working);
    assert_eq!(done, 20);
    assert!(report.usage.cpu >= Duration::from_millis(300), "{:?}", report.usage);
    let Verdict::LimitExceeded(limit) = report.verdict else {
        panic!("{:#?}", report.verdict)
    };
    assert_eq!(
        limit.to_string(),
        "exceeded its limit `cpu` of 300 ms (computing time of an attempt)"
    );
}

// row E12, hostile 19
// key limits.wall, limits.wall_max
#[tokio::test]
async fn a_guest_that_sleeps_ends_at_its_deadline() {
    let guest =
        Guest::running("(call $block (call $subscribe (i64.const 3600000000000))) (unreachable)").importing(SLEEP);
    let action = guest.action(&sandbox()).await;
    let report = action.run(call(&limits(&[(LimitName::Wall, 200)]))).await;
    assert!(matches!(report.verdict, Verdict::TimedOut(Timeout::Limit(wall)) if wall == Duration::from_millis(200)));

    let mut attempt = call(&limits(&[]));
    attempt.attempt.remaining = Some(Duration::from_millis(100));
    let report = action.run(attempt).await;
    assert!(matches!(report.verdict, Verdict::TimedOut(Timeout::Step(left)) if left == Duration::from_millis(100)));

    // What a step asks for counts up to `wall_max`.
    let mut attempt = call(&limits(&[(LimitName::WallMax, 300), (LimitName::Wall, 100)]));
    attempt.attempt.remaining = Some(Duration::from_secs(3600));
    let report = action.run(attempt).await;
    assert!(matches!(report.verdict, Verdict::TimedOut(Timeout::Limit(wall)) if wall == Duration::from_millis(300)));
}

// row E11, hostile 22
#[tokio::test]
async fn a_guest_is_stopped_wherever_it_is() {
    for guest in [
        Guest::running(LOOP),
        Guest::running("(call $block (call $subscribe (i64.const 3600000000000))) (unreachable)").importing(SLEEP),
    ] {
        let action = guest.action(&sandbox()).await;
        let cancel = CancelFlag::default();
        let attempt = AttemptCall {
            cancel: cancel.clone(),
            ..call(&limits(&[]))
        };
        let (report, ()) = tokio::join!(action.run(attempt), async { cancel.stop() });
        assert!(matches!(report.verdict, Verdict::Cancelled), "{:#?}", report.verdict);
        let attempt = AttemptCall {
            cancel,
            ..call(&limits(&[]))
        };
        assert!(
            matches!(action.run(attempt).await.verdict, Verdict::Cancelled),
            "stopped before it began"
        );
    }
}

// row E10, hostile 5, hostile 6, hostile 7
// key limits.memory, limits.table
#[tokio::test]
async fn memory_and_tables_end_at_their_limits() {
    let bomb = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)";
    let limit = 4 * 1024 * 1024;
    let verdict = Guest::running(bomb)
        .verdict(&limits(&[(LimitName::Memory, limit)]))
        .await;
    assert_eq!(exceeded(verdict), (LimitName::Memory, Some(limit + 65536)));

    let bomb = "(loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1)))) (unreachable)";
    let guest = Guest::running(bomb).with("(table $t 1 funcref)");
    assert_eq!(
        exceeded(guest.verdict(&limits(&[(LimitName::Table, 1000)])).await),
        (LimitName::Table, Some(1001))
    );

    let guest = Guest {
        memory: "300",
        ..Guest::default()
    };
    let action = guest.action(&sandbox()).await;
    let report = action.run(call(&limits(&[(LimitName::Memory, limit)]))).await;
    assert_eq!(
        exceeded(report.verdict),
        (LimitName::Memory, Some(300 * 65536)),
        "memory that it starts with"
    );

    let guest = Guest {
        memory: "65536",
        ..Guest::default()
    };
    assert!(matches!(guest.load(&sandbox()).await, Err(LoadError::Compile(_))));
    let guest = Guest::default().with("(table 10000000 funcref)");
    assert!(matches!(guest.load(&sandbox()).await, Err(LoadError::Compile(_))));
}

// row E10, hostile 9
#[tokio::test]
async fn recursion_overflows_the_stack_of_the_guest_alone() {
    let guest = Guest::running("(call $deep (i32.const 0))")
        .with("(func $deep (param i32) (result i32) (call $deep (i32.add (local.get 0) (i32.const 1))))");
    let trap = trapped(guest.verdict(&limits(&[])).await);
    assert_eq!(
        (trap.kind, trap.message.as_str()),
        (
            TrapKind::StackOverflow,
            "`go` overflowed its stack: it recursed too deeply"
        )
    );
    assert!(!trap.frames.is_empty());

    // As compiled Rust does it: its own stack lies below everything else in memory, and is left downwards.
    let guest = Guest::running("(call $deep (i32.const 65536))").with(
        "(func $deep (param $sp i32) (result i32)
            (local.set $sp (i32.sub (local.get $sp) (i32.const 4096)))
            (i32.store (local.get $sp) (i32.const 1))
            (call $deep (local.get $sp)))",
    );
    let trap = trapped(guest.verdict(&limits(&[])).await);
    assert_eq!(trap.kind, TrapKind::StackOverflow, "{trap:#?}");
}

// hostile 40, hostile 50
// key limits.handles
#[tokio::test]
async fn handles_end_at_their_limit() {
    let guest =
        Guest::running("(loop $more (drop (call $subscribe (i64.const 1))) (br $more)) (unreachable)").importing(SLEEP);
    assert_eq!(
        exceeded(guest.verdict(&limits(&[(LimitName::Handles, 100)])).await).0,
        LimitName::Handles
    );
}

// Beyond WASM-NOTES section 4: what is kept of a request that is never sent, one for each handle.
#[tokio::test]
async fn names_of_requests_are_bounded() {
    let imports = r#"
        (import "wasi:http/types@0.2.6" "[constructor]fields" (func $fields (result i32)))
        (import "wasi:http/types@0.2.6" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
        (import "wasi:http/types@0.2.6" "[method]outgoing-request.set-authority"
            (func $authority (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.6" "[method]outgoing-request.set-method"
            (func $method (param i32 i32 i32 i32) (result i32)))"#;
    let request = "(call $request (call $fields))";
    let calls = [
        format!("(call $authority {request} (i32.const 1) (i32.const 20000) (i32.const 259))"),
        format!("(call $authority {request} (i32.const 1) (i32.const 20000) (i32.const 260))"),
        format!("(call $method {request} (i32.const 9) (i32.const 20000) (i32.const 32))"),
        format!("(call $method {request} (i32.const 9) (i32.const 20000) (i32.const 33))"),
    ];
    let told: String = (601..)
        .zip(calls)
        .map(|(at, call)| format!("(i32.store8 (i32.const {at}) (i32.add (i32.const 48) {call}))"))
        .collect();
    let run = format!(
        "(memory.fill (i32.const 20000) (i32.const 97) (i32.const 300)) {told} (call $answer (i32.const 600) (i32.const 5))"
    );
    let guest = Guest::running(&run)
        .importing(imports)
        .with("(data (i32.const 600) \"1\")");
    let Verdict::Completed(outcome) = guest.verdict(&limits(&[])).await else {
        panic!("it ends well");
    };
    assert_eq!(outcome.output, Data::Int(10_101));
}

// row C32, hostile 10, hostile 11, hostile 13, hostile 14, hostile 15
// key limits.output
#[tokio::test]
async fn what_a_guest_hands_over_is_bounded_and_checked() {
    let big = Guest {
        memory: "64",
        ..Guest::running("(call $answer (i32.const 0) (i32.const 2097152))")
    };
    assert_eq!(
        exceeded(big.verdict(&limits(&[(LimitName::Output, 1_000_000)])).await).0,
        LimitName::Output
    );
    let digits = Guest::running(
        "(memory.fill (i32.const 20000) (i32.const 49) (i32.const 2000)) (call $answer (i32.const 20000) (i32.const 2000))",
    );
    assert_eq!(
        exceeded(digits.verdict(&limits(&[(LimitName::Output, 1_000)])).await),
        (LimitName::Output, Some(2_000))
    );
    let absurd = Guest::running("(call $answer (i32.const 16) (i32.const 0x7fffffff))");
    assert!(matches!(
        absurd.verdict(&limits(&[])).await,
        Verdict::LimitExceeded(_) | Verdict::Trapped(_)
    ));

    let handed = |text: &str, len: usize| {
        Guest::running(&format!("(call $answer (i32.const 5000) (i32.const {len}))"))
            .with(&format!("(data (i32.const 5000) \"{text}\")"))
    };
    let trap = trapped(handed("\\ff\\fe", 2).verdict(&limits(&[])).await);
    assert_eq!(trap.kind, TrapKind::InvalidValue);
    assert!(trap.message.contains("utf-8"), "{}", trap.message);
    let trap = trapped(handed("{x}", 3).verdict(&limits(&[])).await);
    assert!(
        trap.message
            .starts_with("`go` broke the contract: its output is not JSON"),
        "{}",
        trap.message
    );
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let trap = trapped(handed(&deep, 130).verdict(&limits(&[])).await);
    assert_eq!(
        trap.message,
        "`go` broke the contract: its output is nested deeper than 64 levels"
    );
    let nan = trapped(handed("NaN", 3).verdict(&limits(&[])).await);
    assert_eq!(nan.kind, TrapKind::InvalidValue);
}

// key limits.params
#[tokio::test]
async fn parameters_are_bounded() {
    let action = Guest::default().action(&sandbox()).await;
    let report = action.run(call(&limits(&[(LimitName::Params, 6)]))).await;
    assert_eq!(exceeded(report.verdict), (LimitName::Params, Some(7)));
}

// hostile 17
// key limits.log, limits.log_lines
#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_counted() {
    let run = "(local $n i32)
        (loop $more
            (call $log (i32.const 2) (i32.const 1024) (i32.const 2) (i32.const 0) (i32.const 0))
            (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
        (call $answer (local.get $params) (local.get $params_len))";
    let action = Guest::running(run).importing(LOG).action(&sandbox()).await;
    let ear = Arc::new(Ear::default());
    let report = action
        .run(AttemptCall {
            observer: ear.clone(),
            ..call(&limits(&[]))
        })
        .await;
    output(&report);
    assert_eq!((report.log.lines, report.log.dropped), (256, 744));
    let lines = ear.lines.lock().unwrap().clone();
    assert_eq!(lines.len(), 256);
    assert_eq!((lines[0].level, lines[0].message.as_str()), (LogLevel::Info, "go"));
    let report = action.run(call(&limits(&[(LimitName::Log, 10)]))).await;
    assert_eq!((report.log.lines, report.log.bytes, report.log.dropped), (5, 10, 995));
}

// hostile 16
#[tokio::test]
async fn printing_never_fails_and_the_last_words_are_in_the_trap() {
    let text =
        "thread 'main' (1) panicked at src/lib.rs:13:5:\\0aindex out of bounds: the len is 3\\0anote: run with\\0a";
    let len = text.replace("\\0a", "\n").len();
    let run = format!(
        "(local $n i32) (local $err i32)
        (local.set $err (call $stderr))
        (loop $more
            (call $print (local.get $err) (i32.const 8000) (i32.const 4096) (i32.const 200))
            (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 500))))
        (call $print (local.get $err) (i32.const 5000) (i32.const {len}) (i32.const 200))
        (unreachable)"
    );
    // A line of 100 letters, and empty lines.
    let fill = "(func $fill
        (memory.fill (i32.const 8000) (i32.const 10) (i32.const 4096))
        (memory.fill (i32.const 8000) (i32.const 65) (i32.const 100)))
        (start $fill)";
    let guest = Guest::running(&run)
        .importing(STDERR)
        .with(&format!("(data (i32.const 5000) \"{text}\") {fill}"));
    let ear = Arc::new(Ear::default());
    let action = guest.action(&sandbox()).await;
    let report = action
        .run(AttemptCall {
            observer: ear.clone(),
            ..call(&limits(&[]))
        })
        .await;
    assert_eq!((report.log.lines, report.log.dropped > 200), (256, true));
    let line = ear.lines.lock().unwrap()[0].clone();
    assert_eq!(
        (line.level, line.source, line.message.len()),
        (LogLevel::Warn, LogSource::Stderr, 100)
    );
    let trap = trapped(report.verdict);
    assert_eq!(trap.kind, TrapKind::Panic);
    assert_eq!(
        trap.message,
        "`go` panicked at src/lib.rs:13: index out of bounds: the len is 3"
    );
    assert!(trap.stderr.len() <= 4096 && trap.stderr.ends_with("note: run with\n"));
}

// hostile 48
#[tokio::test]
async fn leaving_is_no_answer() {
    let guest = Guest::running("(call $exit (i32.const 0)) (unreachable)")
        .importing(r#"(import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#);
    let trap = trapped(guest.verdict(&limits(&[])).await);
    assert_eq!(trap.kind, TrapKind::Exited);
    assert_eq!(
        trap.message,
        "`go` ended its process as if all were done instead of returning"
    );
    let trap = trapped(Guest::running("(unreachable)").verdict(&limits(&[])).await);
    assert_eq!((trap.kind, trap.message.as_str()), (TrapKind::Panic, "`go` aborted"));
    let trap = trapped(
        Guest::running("(i32.div_s (i32.const 1) (i32.const 0))")
            .verdict(&limits(&[]))
            .await,
    );
    assert_eq!(
        (trap.kind, trap.message.as_str()),
        (TrapKind::Instruction, "`go` trapped: integer divide by zero")
    );
}

// hostile 25
#[tokio::test]
async fn nothing_is_left_for_the_next_attempt() {
    let run = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (i32.store8 (i32.const 3000) (i32.add (i32.load8_u (i32.const 3000)) (global.get $calls)))
        (call $answer (i32.const 3000) (i32.const 1))";
    let guest = Guest::running(run).with("(global $calls (mut i32) (i32.const 0)) (data (i32.const 3000) \"0\")");
    let action = guest.action(&sandbox()).await;
    for _ in 0..10 {
        assert_eq!(output(&action.run(call(&limits(&[]))).await).to_json(), "1");
    }
}

// hostile 3, hostile 4, hostile 33
#[tokio::test]
async fn a_guest_that_misbehaves_when_it_describes_itself_is_not_loaded() {
    let refused = |guest: Guest| async move { guest.load(&sandbox()).await.unwrap_err() };
    let attempt = r#"(import "cofferdam:plugin/attempt@0.1.0" "number" (func $number (result i32)))"#;
    let error = refused(
        Guest {
            describe: "(call $number)".to_owned(),
            ..Guest::default()
        }
        .importing(attempt),
    )
    .await;
    assert_eq!(error.code(), "CF0506");
    assert!(
        error
            .to_string()
            .contains("`attempt.number` was called outside of an attempt"),
        "{error}"
    );
    let error = refused(Guest::default().with("(func $boom (unreachable)) (start $boom)")).await;
    assert_eq!(error.to_string(), "cannot say what it offers: `describe` aborted");
    let error = refused(Guest::default().with("(func $spin (loop $again (br $again))) (start $spin)")).await;
    assert!(
        matches!(&error, LoadError::Describe(reason) if reason.contains("limit") || reason.contains("within")),
        "{error}"
    );
    let error = refused(Guest::default().with(r#"(data (i32.const 100000) "x")"#)).await;
    assert!(matches!(&error, LoadError::Describe(_)), "{error:?}");
    let error = refused(Guest {
        describe: LOOP.to_owned(),
        ..Guest::default()
    })
    .await;
    assert!(
        matches!(&error, LoadError::Describe(reason) if reason.contains("limit") || reason.contains("within")),
        "{error}"
    );
    let error = refused(Guest {
        spec: r#"{"params": 1}"#.to_owned(),
        action: "Go_".to_owned(),
        ..Guest::default()
    })
    .await;
    assert_eq!(
        error.to_string(),
        "describes itself wrongly: `Go_` is no name for an action: lower-case letters, digits and single hyphens; \
         the description of `Go_`: `params` is int and no JSON Schema"
    );
}
