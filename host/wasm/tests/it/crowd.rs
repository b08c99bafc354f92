//! Thousands of hostile attempts leave the host as it was, and an honest guest beside them unharmed.

use crate::guests::{Guest, call, limits, output};
use cofferdam_wasm::{Action, LimitName, Limits, Occupancy, Sandbox, SandboxOptions, Verdict};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

const IMPORTS: &str = r#"
    (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $subscribe (param i64) (result i32)))
    (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
    (import "cofferdam:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
    (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#;

const MIB: u64 = 1024 * 1024;

type Expected = fn(&Verdict) -> bool;

const SLEEPS: &str = "(call $block (call $subscribe (i64.const 3600000000000))) (unreachable)";

/// What guests do that end their attempt soon, and the verdict of each.
const WAYS: [(&str, Expected); 10] = [
    ("(unreachable)", |verdict| matches!(verdict, Verdict::Trapped(_))),
    ("(drop (i32.load (i32.const -4))) (unreachable)", |verdict| {
        matches!(verdict, Verdict::Trapped(_))
    }),
    ("(call $deep)", |verdict| matches!(verdict, Verdict::Trapped(_))),
    (
        "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 8)) (i32.const -1)))) (unreachable)",
        |verdict| matches!(verdict, Verdict::LimitExceeded(_)),
    ),
    (
        "(loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1)))) (unreachable)",
        |verdict| matches!(verdict, Verdict::LimitExceeded(_)),
    ),
    (
        "(loop $more (drop (call $subscribe (i64.const 1))) (br $more)) (unreachable)",
        |verdict| matches!(verdict, Verdict::LimitExceeded(_)),
    ),
    ("(call $answer (i32.const 0) (i32.const 0x7fffffff))", |verdict| {
        matches!(verdict, Verdict::Trapped(_) | Verdict::LimitExceeded(_))
    }),
    ("(call $exit (i32.const 0)) (unreachable)", |verdict| {
        matches!(verdict, Verdict::Trapped(_))
    }),
    (SLEEPS, |verdict| matches!(verdict, Verdict::TimedOut(_))),
    (
        "(local $n i32) (loop $more
            (call $log (i32.const 2) (i32.const 1024) (i32.const 2) (i32.const 0) (i32.const 0))
            (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 400))))
        (unreachable)",
        |verdict| matches!(verdict, Verdict::Trapped(_)),
    ),
];

async fn hostile(sandbox: &Sandbox, run: &str) -> Action {
    let guest = Guest::running(run)
        .importing(IMPORTS)
        .with("(table $t 1 funcref) (func $deep (result i32) (call $deep))");
    guest.action(sandbox).await
}

/// Only who sleeps has a time that is over: nobody else may get away with that.
fn tight(run: &str) -> Limits {
    let wall = if run == SLEEPS { 5 } else { 300_000 };
    limits(&[
        (LimitName::Memory, 4 * MIB),
        (LimitName::Handles, 64),
        (LimitName::Table, 2_000),
        (LimitName::Wall, wall),
    ])
}

/// Returns how much of the memory of this process is resident, in bytes.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

// row C32, row E10, hostile 23, hostile 25, hostile 39
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_hostile_attempts_leave_the_host_as_it_was() {
    // With tasks of their own, as in a host: none of them may be left behind.
    let sandbox = Sandbox::new(&SandboxOptions {
        slots: 4,
        threads: Some(Handle::current()),
        ..SandboxOptions::default()
    })
    .unwrap();
    let mut actions = Vec::new();
    for (run, expected) in WAYS {
        actions.push((hostile(&sandbox, run).await, run, expected, tight(run)));
    }
    let actions = Arc::new(actions);
    let good = Guest::default().action(&sandbox).await;
    let crowd = async |attempts: usize| {
        let mut lanes = tokio::task::JoinSet::new();
        for lane in 0..3 {
            let actions = Arc::clone(&actions);
            lanes.spawn(async move {
                for number in (lane..attempts).step_by(3) {
                    let (action, run, expected, limits) = &actions[number % actions.len()];
                    let verdict = action.run(call(limits)).await.verdict;
                    assert!(expected(&verdict), "{run}: {verdict:?}");
                }
            });
        }
        while let Some(lane) = lanes.join_next().await {
            lane.unwrap();
        }
    };
    crowd(1_000).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let sleeper = hostile(&sandbox, SLEEPS).await;
    let long = limits_of_the_honest();
    let sleeping = async { sleeper.run(call(&long)).await };
    tokio::select! {
        _ = sleeping => panic!("it slept for an hour"),
        () = async { while sandbox.occupancy().stacks == 0 { tokio::task::yield_now().await } } => {}
    }
    let before = (resident(), open_files(), tasks());
    let over = Arc::new(AtomicBool::new(false));
    let beside = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            let mut answers = 0;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(
                    output(&good.run(call(&limits_of_the_honest())).await).to_json(),
                    r#"{"n":1}"#
                );
                answers += 1;
            }
            answers
        }
    });
    crowd(10_000).await;
    over.store(true, Ordering::Relaxed);
    assert!(beside.await.unwrap() > 0, "the honest guest was never served");
    let (memory, files) = (resident(), open_files());
    assert!(memory < before.0 + 64 * MIB, "{} MiB more", (memory - before.0) / MIB);
    assert!(files <= before.1, "{files} open files, {} before", before.1);
    // A task that has ended is counted a moment longer; one that was leaked is for ever.
    while tasks() > before.2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(sandbox.occupancy(), Occupancy::default());
}

fn limits_of_the_honest() -> Limits {
    limits(&[])
}

/// Returns the component with instances of further modules, which it does not use.
fn with_instances(mut component: Vec<u8>, modules: &[(&str, usize)]) -> Vec<u8> {
    for (index, (module, instances)) in (core_modules(&component)..).zip(modules) {
        let module = wat::parse_str(module).unwrap();
        section(&mut component, 1, &module);
        let mut definitions = vec![u8::try_from(*instances).unwrap()];
        for _ in 0..*instances {
            // Instantiate the module of this index, with nothing.
            definitions.extend([0, index, 0]);
        }
        section(&mut component, 2, &definitions);
    }
    component
}

fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    let mut length = content.len();
    while length >= 128 {
        component.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    component.push(length as u8);
    component.extend(content);
}

/// Counts the modules of a component that lie directly in it.
fn core_modules(component: &[u8]) -> u8 {
    let (mut at, mut modules) = (8, 0);
    while at < component.len() {
        modules += u8::from(component[at] == 1);
        let (mut length, mut shift) = (0, 0);
        loop {
            at += 1;
            length |= usize::from(component[at] & 127) << shift;
            shift += 7;
            if component[at] < 128 {
                break;
            }
        }
        at += 1 + length;
    }
    modules
}

// row C32, row E10, hostile 55
#[tokio::test]
async fn whoever_has_a_slot_finds_the_rest_whatever_the_others_are_made_of() {
    const OTHERS: usize = 9;
    let sandbox = Sandbox::new(&SandboxOptions {
        slots: 10,
        ..SandboxOptions::default()
    })
    .unwrap();
    let sleeping = Guest::running(SLEEPS).importing(IMPORTS);
    let large = with_instances(
        sleeping.component(),
        &[
            ("(module)", 25),
            ("(module (table 1 funcref))", 15),
            ("(module (memory 0))", 3),
        ],
    );
    let large = sandbox.load(large.into()).await.unwrap().action("go").unwrap();
    let good = Guest::default().action(&sandbox).await;
    let long = limits(&[(LimitName::Wall, 300_000)]);
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..OTHERS {
        let (large, long) = (large.clone(), long.clone());
        crowd.spawn(async move { large.run(call(&long)).await.verdict });
    }
    tokio::select! {
        ended = crowd.join_next() => panic!("{ended:#?}"),
        () = async { while sandbox.occupancy().instances < OTHERS as u64 * 43 { tokio::task::yield_now().await } } => {}
    }
    let report = good.run(call(&long)).await;
    assert_eq!(output(&report).to_json(), r#"{"n":1}"#);
}
