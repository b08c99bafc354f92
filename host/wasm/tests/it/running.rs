//! What an attempt of an honest guest gets and gives.

use crate::guests::{Guest, call, limits, output, sandbox};
use cofferdam_wasm::{LimitName, Occupancy, Sandbox, SandboxOptions, Verdict};
use std::sync::mpsc::channel;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

#[tokio::test]
async fn an_action_is_described_and_run() {
    let sandbox = sandbox();
    assert!(sandbox.is_pooled());
    let guest = Guest {
        spec: r#"{"params": {"type": "object"}}"#.to_owned(),
        ..Guest::default()
    };
    let action = guest.action(&sandbox).await;
    assert_eq!(action.descriptor().summary, "Does it.");
    assert!(action.descriptor().params.is_some());
    let report = action.run(call(&limits(&[]))).await;
    assert_eq!(output(&report).to_json(), r#"{"n":1}"#);
    assert_eq!(report.usage.memory, 65536);
    assert_eq!(report.usage.output, 7);
}

#[tokio::test]
async fn an_attempt_ends_although_the_threads_of_guests_are_taken() {
    let guests = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let sandbox = Sandbox::new(&SandboxOptions {
        slots: 4,
        threads: Some(guests.handle().clone()),
        ..SandboxOptions::default()
    })
    .unwrap();
    let sleeper = Guest::running("(call $block (call $subscribe (i64.const 3600000000000))) (unreachable)").importing(
        r#"
        (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $subscribe (param i64) (result i32)))
        (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))"#,
    );
    let sleeper = sleeper.action(&sandbox).await;
    let attempt = call(&limits(&[(LimitName::Wall, 300_000)]));
    let cancel = attempt.cancel.clone();
    let running = tokio::spawn(async move { sleeper.run(attempt).await });
    while sandbox.occupancy().stacks == 0 {
        tokio::task::yield_now().await;
    }
    // One that never lets go has the only thread there is.
    let (go, went) = channel::<()>();
    let (began, has_begun) = oneshot::channel();
    guests.spawn(async move {
        began.send(()).unwrap();
        let _ = went.recv();
    });
    has_begun.await.unwrap();
    cancel.stop();
    assert!(matches!(running.await.unwrap().verdict, Verdict::Cancelled));
    assert_eq!(sandbox.occupancy(), Occupancy::default());
    drop(go);
    guests.shutdown_background();
}
