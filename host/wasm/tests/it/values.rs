//! What a guest hands to the host, as results and as arguments, is checked before it means anything.

use crate::guests::{Ear, Guest, call, limits, output, sandbox};
use cofferdam_wasm::{AttemptCall, LimitName, Report, TrapKind, Verdict};
use std::sync::Arc;

/// Answers with a failure whose parts are written by `parts`; it lies at 136 and is all zero before.
fn failing(parts: &str) -> Guest {
    Guest {
        memory: "300",
        ..Guest::running(&format!(
            "(memory.fill (i32.const 128) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const 128) (i32.const 1))
            {parts}
            (i32.const 128)"
        ))
    }
}

fn store(at: u32, value: i64) -> String {
    format!("(i32.store (i32.const {at}) (i32.const {value}))")
}

// Where the parts of a failure are.
const CLASS: u32 = 136;
const CODE: u32 = 140;
const MESSAGE: u32 = 152;
const RETRY_AFTER: u32 = 160;
const DETAILS: u32 = 176;

// row C32, hostile 10, hostile 12
#[tokio::test]
async fn a_failure_is_as_bounded_as_an_answer() {
    let message = |length: i64| failing(&(store(MESSAGE, 16384) + &store(MESSAGE + 4, length)));
    let Verdict::GuestFailed(failure) = message(3).verdict(&limits(&[(LimitName::Memory, 64 << 20)])).await else {
        panic!("no failure")
    };
    assert!(
        failure.message.chars().all(|letter| !letter.is_control()),
        "{failure:?}"
    );
    let huge = message(16 << 20)
        .verdict(&limits(&[(LimitName::Memory, 64 << 20)]))
        .await;
    assert!(
        matches!(&huge, Verdict::LimitExceeded(limit) if limit.limit == LimitName::Output),
        "{huge:?}"
    );
    // A million empty pairs: little for the guest, much for a host that made a value of each.
    let pairs = failing(&(store(DETAILS, 65536) + &store(DETAILS + 4, 1_000_000)));
    let many = pairs.verdict(&limits(&[(LimitName::Memory, 64 << 20)])).await;
    assert!(
        matches!(&many, Verdict::LimitExceeded(limit) if limit.limit == LimitName::Output),
        "{many:?}"
    );
}

// hostile 11, hostile 13
#[tokio::test]
async fn values_that_no_type_has_are_the_guests_fault() {
    for (what, parts) in [
        ("a class that there is not", store(CLASS, 9)),
        ("an option that is neither", store(CODE, 7)),
        ("an option of a number that is neither", store(RETRY_AFTER, 2)),
        (
            "a text beyond the memory",
            store(MESSAGE, 0x7fff_0000) + &store(MESSAGE + 4, 64),
        ),
        (
            "a text around the end of all addresses",
            store(MESSAGE, -16) + &store(MESSAGE + 4, 64),
        ),
        (
            "a list that is not aligned",
            store(DETAILS, 65537) + &store(DETAILS + 4, 1),
        ),
        (
            "a list longer than all memory",
            store(DETAILS, 65536) + &store(DETAILS + 4, 0x0fff_ffff),
        ),
    ] {
        let verdict = failing(&parts).verdict(&limits(&[(LimitName::Memory, 64 << 20)])).await;
        match verdict {
            Verdict::Trapped(trap) => assert_eq!(trap.kind, TrapKind::InvalidValue, "{what}: {trap:?}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    // As is a result that is neither, and one that is nowhere.
    for run in [
        "(i32.store8 (i32.const 128) (i32.const 2)) (i32.const 128)",
        "(i32.const -8)",
        "(i32.const 129)",
    ] {
        let verdict = Guest::running(run).verdict(&limits(&[])).await;
        assert!(
            matches!(&verdict, Verdict::Trapped(trap) if trap.kind == TrapKind::InvalidValue),
            "{run}: {verdict:?}"
        );
    }
}

const IMPORTS: &str = r#"
    (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $subscribe (param i64) (result i32)))
    (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $print (param i32 i32 i32 i32)))
    (import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))
    (import "cofferdam:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
    (import "cofferdam:plugin/progress@0.1.0" "report" (func $report (param i64 i32 i64 i32 i32)))
    (import "cofferdam:plugin/progress@0.1.0" "save" (func $save (param i32 i32 i32)))
    (import "cofferdam:plugin/metrics@0.1.0" "add" (func $add (param i32 i32 f64)))
    (import "cofferdam:plugin/settings@0.1.0" "get" (func $setting (param i32 i32 i32)))"#;

async fn done(run: &str) -> (Report, Arc<Ear>) {
    let run = format!("{run} (call $answer (local.get $params) (local.get $params_len))");
    let guest = Guest {
        memory: "100",
        ..Guest::running(&run).importing(IMPORTS)
    };
    let ear = Arc::new(Ear::default());
    let attempt = AttemptCall {
        observer: ear.clone(),
        ..call(&limits(&[]))
    };
    (guest.action(&sandbox()).await.run(attempt).await, ear)
}

// hostile 51
#[tokio::test]
async fn calls_of_the_host_with_hostile_arguments_end_the_attempt_at_most() {
    for (what, run) in [
        ("a handle that there is not", "(call $block (i32.const 77))"),
        ("the largest handle", "(call $block (i32.const -1))"),
        ("a stream as a pollable", "(call $block (call $stderr))"),
        (
            "a list beyond the memory",
            "(call $print (call $stderr) (i32.const -64) (i32.const 128) (i32.const 200))",
        ),
        (
            "an answer beyond the memory",
            "(call $print (call $stderr) (i32.const 0) (i32.const 1) (i32.const -4))",
        ),
        (
            "more random bytes than memory",
            "(call $random (i64.const 1099511627776) (i32.const 200))",
        ),
        (
            "a level that there is not",
            "(call $log (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
        ),
        (
            "fields beyond the memory",
            "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0x7ffffff))",
        ),
        (
            "text that is none",
            "(i32.store8 (i32.const 3000) (i32.const 255)) (call $setting (i32.const 3000) (i32.const 1) (i32.const 200))",
        ),
    ] {
        let (report, _) = done(run).await;
        assert!(
            matches!(report.verdict, Verdict::Trapped(_) | Verdict::LimitExceeded(_)),
            "{what}: {:?}",
            report.verdict
        );
    }
    for (what, run) in [
        (
            "the longest sleep, not waited for",
            "(drop (call $subscribe (i64.const -1)))",
        ),
        (
            "more progress than there is",
            "(call $report (i64.const -1) (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 0))",
        ),
        (
            "a setting with a name of 1 MiB",
            "(call $setting (i32.const 65536) (i32.const 1048576) (i32.const 200))",
        ),
        (
            "a detail of 1 MiB",
            "(call $save (i32.const 65536) (i32.const 1048576) (i32.const 200))",
        ),
        (
            "a detail that is no JSON",
            "(call $save (i32.const 65536) (i32.const 10) (i32.const 200))",
        ),
    ] {
        let (report, _) = done(run).await;
        output(&report);
        assert_eq!(report.saved, None, "{what}");
    }
}

// hostile 14
#[tokio::test]
async fn what_cannot_be_stored_is_never_added_up() {
    for amount in ["nan", "inf", "-inf", "nan:0x4000000000001"] {
        let add = format!("(call $add (i32.const 1024) (i32.const 2) (f64.const {amount}))");
        let one = "(call $add (i32.const 1024) (i32.const 2) (f64.const 1))";
        let (report, _) = done(&format!("{one} {add} {one}")).await;
        assert_eq!(report.metrics, [("go".to_owned(), 2.0)], "{amount}");
    }
}

// hostile 18
#[tokio::test]
async fn control_characters_never_reach_whoever_reads_along() {
    let text = "\\1b]0;title\\07\\1b[2Jline\\0d\\c2\\9b1m\\e2\\80\\aeend\\00";
    let len = 30;
    let data = format!("(data (i32.const 5000) \"{text}\")");
    let run = format!(
        "(call $log (i32.const 2) (i32.const 5000) (i32.const {len}) (i32.const 0) (i32.const 0))
        (call $report (i64.const 1) (i32.const 0) (i64.const 0) (i32.const 5000) (i32.const {len}))
        (call $print (call $stderr) (i32.const 5000) (i32.const {len}) (i32.const 200))
        (call $add (i32.const 5000) (i32.const {len}) (f64.const 1))
        (unreachable)"
    );
    let guest = Guest::running(&run).importing(IMPORTS).with(&data);
    let ear = Arc::new(Ear::default());
    let attempt = AttemptCall {
        observer: ear.clone(),
        ..call(&limits(&[]))
    };
    let report = guest.action(&sandbox()).await.run(attempt).await;
    let Verdict::Trapped(trap) = report.verdict else {
        panic!("{:?}", report.verdict)
    };
    let lines = ear.lines.lock().unwrap();
    let progress = ear.progress.lock().unwrap();
    let mut texts: Vec<&str> = lines.iter().map(|line| line.message.as_str()).collect();
    texts.extend(progress.iter().map(|progress| progress.message.as_str()));
    texts.extend(report.metrics.iter().map(|(name, _)| name.as_str()));
    texts.extend([trap.message.as_str(), trap.stderr.as_str()]);
    assert!(texts.len() >= 5, "{texts:?}");
    assert!(
        texts.iter().filter(|text| text.contains("end")).count() >= 4,
        "{texts:?}"
    );
    for text in texts {
        let bad = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
        assert!(!text.chars().any(bad), "{text:?}");
    }
}

// row E14, hostile 41
#[tokio::test]
async fn a_guest_sees_neither_arguments_nor_variables_of_the_host() {
    assert!(std::env::args().count() > 0 && std::env::vars().count() > 0);
    let imports = r#"
        (import "wasi:cli/environment@0.2.6" "get-environment" (func $variables (param i32)))
        (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))"#;
    let run = "(call $variables (i32.const 300))
        (call $arguments (i32.const 308))
        (i32.store8 (i32.const 340)
            (i32.add (i32.const 48) (i32.add (i32.load (i32.const 304)) (i32.load (i32.const 312)))))
        (call $answer (i32.const 340) (i32.const 1))";
    let action = Guest::running(run).importing(imports).action(&sandbox()).await;
    assert_eq!(output(&action.run(call(&limits(&[]))).await).to_json(), "0");
}

// row E10, hostile 52
#[tokio::test]
async fn copying_memory_is_computing() {
    let run = "(loop $again
        (memory.copy (i32.const 0) (i32.const 8) (i32.const 8388608))
        (br $again)) (unreachable)";
    let guest = Guest {
        memory: "200",
        ..Guest::running(run)
    };
    let verdict = guest.verdict(&limits(&[(LimitName::Cpu, 100)])).await;
    assert!(
        matches!(&verdict, Verdict::LimitExceeded(limit) if limit.limit == LimitName::Cpu),
        "{verdict:?}"
    );
}
