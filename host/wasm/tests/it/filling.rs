//! A guest that may write cannot fill the disk: what it writes and makes is counted, whichever way it goes.

use crate::guests::{Guest, call, limits, output, sandbox};
use cofferdam_engine::Data;
use cofferdam_wasm::{
    Access, Allowed, AttemptCall, DirectoryGrant, LimitName, Limits, Need, Report, Room, Verdict, effective,
};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const IMPORTS: &str = r#"
    (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.open-at"
        (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[resource-drop]descriptor" (func $close (param i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.write-via-stream" (func $stream (param i32 i64 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.append-via-stream" (func $append (param i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.set-size" (func $size (param i32 i64 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.write" (func $write (param i32 i32 i32 i64 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.create-directory-at"
        (func $mkdir (param i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.symlink-at"
        (func $symlink (param i32 i32 i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.check-write" (func $check (param i32 i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.write" (func $begin (param i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $flush (param i32 i32 i32 i32)))"#;

/// Names of two letters that start with `aa`; `$next` makes the next one of 676.
const NAMES: &str = r#"
    (data (i32.const 6000) "aa")
    (func $next
        (i32.store8 (i32.const 6001) (i32.add (i32.load8_u (i32.const 6001)) (i32.const 1)))
        (if (i32.gt_u (i32.load8_u (i32.const 6001)) (i32.const 122)) (then
            (i32.store8 (i32.const 6001) (i32.const 97))
            (i32.store8 (i32.const 6000) (i32.add (i32.load8_u (i32.const 6000)) (i32.const 1))))))
    (func $root (result i32)
        (call $directories (i32.const 300))
        (i32.load (i32.load (i32.const 300))))
    (func $file (param $root i32) (result i32)
        (call $open (local.get $root) (i32.const 0) (i32.const 6000) (i32.const 2) (i32.const 1) (i32.const 2)
            (i32.const 320))
        (if (i32.load8_u (i32.const 320)) (then (unreachable)))
        (i32.load (i32.const 324)))
    (func $pour (param $stream i32) (param $times i32)
        (loop $more
            (call $flush (local.get $stream) (i32.const 8192) (i32.const 4096) (i32.const 400))
            (if (i32.load8_u (i32.const 400)) (then (unreachable)))
            (br_if $more (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))"#;

async fn report(run: &str, out: &Path) -> Report {
    report_within(run, out, Room::default()).await
}

async fn report_within(run: &str, out: &Path, room: Room) -> Report {
    let limits = limits(&[(LimitName::Disk, 100_000), (LimitName::NewFiles, 50)]);
    report_of(run, out, room, &limits).await
}

async fn report_of(run: &str, out: &Path, room: Room, limits: &Limits) -> Report {
    let need = Need {
        kind: "write".to_owned(),
        reason: None,
        path: None,
        data: Data::Null,
    };
    let allowed = Allowed {
        root: out.to_owned(),
        directories: vec![DirectoryGrant {
            guest: "/out".to_owned(),
            host: ".".into(),
            access: Access::Write,
            room,
        }],
        ..Allowed::default()
    };
    let run = format!("{run} (call $answer (local.get $params) (local.get $params_len))");
    let action = Guest::running(&run)
        .importing(IMPORTS)
        .with(NAMES)
        .action(&sandbox())
        .await;
    let attempt = AttemptCall {
        grants: Arc::new(effective(&[need], &allowed).unwrap()),
        ..call(limits)
    };
    action.run(attempt).await
}

// row E10, hostile 38
// key limits.disk
#[tokio::test]
async fn what_is_written_ends_at_the_limit_whichever_way_it_goes() {
    let ways = [
        (
            "(call $stream (call $file (call $root)) (i64.const 0) (i32.const 340))
            (call $pour (i32.load (i32.const 344)) (i32.const 1000))",
            98_304,
        ),
        (
            "(call $append (call $file (call $root)) (i32.const 340))
            (call $pour (i32.load (i32.const 344)) (i32.const 1000))",
            98_304,
        ),
        (
            "(local $fd i32) (local.set $fd (call $file (call $root)))
            (loop $again
                (call $write (local.get $fd) (i32.const 8192) (i32.const 4096) (i64.const 0) (i32.const 400))
                (br $again))",
            4_096,
        ),
        (
            "(local $fd i32) (local.set $fd (call $file (call $root)))
            (loop $again
                (call $size (local.get $fd) (i64.const 60000) (i32.const 400))
                (call $size (local.get $fd) (i64.const 0) (i32.const 400))
                (br $again))",
            0,
        ),
        // Holes cost nothing on most disks, and a copy or a backup everything.
        (
            "(call $size (call $file (call $root)) (i64.const 1099511627776) (i32.const 400))",
            0,
        ),
        (
            "(call $write (call $file (call $root)) (i32.const 8192) (i32.const 1) (i64.const 1099511627776) (i32.const 400))",
            0,
        ),
        (
            "(call $stream (call $file (call $root)) (i64.const 1099511627776) (i32.const 340))
            (call $pour (i32.load (i32.const 344)) (i32.const 1))",
            0,
        ),
    ];
    for (run, length) in ways {
        let out = tempfile::tempdir().unwrap();
        let verdict = report(run, out.path()).await.verdict;
        let Verdict::LimitExceeded(limit) = &verdict else {
            panic!("{run}: {verdict:#?}")
        };
        assert_eq!(limit.limit, LimitName::Disk, "{run}");
        assert_eq!(fs::metadata(out.path().join("aa")).unwrap().len(), length, "{run}");
    }
}

// row E10, hostile 38
// key limits.new_files
#[tokio::test]
async fn what_is_made_ends_at_the_limit_whichever_way_it_goes() {
    for make in [
        "(call $close (call $file (local.get $root)))",
        "(call $mkdir (local.get $root) (i32.const 6000) (i32.const 2) (i32.const 400))",
        "(call $symlink (local.get $root) (i32.const 6000) (i32.const 2) (i32.const 6000) (i32.const 2) (i32.const 400))",
    ] {
        let out = tempfile::tempdir().unwrap();
        let run =
            format!("(local $root i32) (local.set $root (call $root)) (loop $more {make} (call $next) (br $more))");
        let verdict = report(&run, out.path()).await.verdict;
        let Verdict::LimitExceeded(limit) = &verdict else {
            panic!("{make}: {verdict:#?}")
        };
        assert_eq!(limit.limit, LimitName::NewFiles, "{make}");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 50, "{make}");
    }
}

#[tokio::test]
async fn what_stays_within_the_limits_is_written_and_a_file_that_is_there_is_not_made() {
    let out = tempfile::tempdir().unwrap();
    let run = "(local $root i32) (local $n i32) (local $fd i32) (local.set $root (call $root))
        (loop $more
            (local.set $fd (call $file (local.get $root)))
            (call $write (local.get $fd) (i32.const 1024) (i32.const 2) (i64.extend_i32_u (local.get $n)) (i32.const 400))
            (call $close (local.get $fd))
            (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200))))";
    output(&report(run, out.path()).await);
    let written = fs::read_to_string(out.path().join("aa")).unwrap();
    assert_eq!(written, format!("{}o", "g".repeat(200)));
}

fn full(report: &Report) -> &str {
    assert!(matches!(report.verdict, Verdict::Trapped(_)), "{report:#?}");
    let denied = report.denied.last().expect("a denied call");
    assert_eq!(denied.target, "/out");
    &denied.reason
}

// row E10, hostile 38
// key dirs.quota
#[tokio::test]
async fn what_lies_in_a_directory_with_a_quota_never_gets_more_than_that() {
    let room = Room {
        bytes: Some(50_000),
        files: None,
    };
    let pour = "(call $pour (i32.load (i32.const 344)) (i32.const 1000))";
    let ways = [
        format!("(call $stream (call $file (call $root)) (i64.const 0) (i32.const 340)) {pour}"),
        format!("(call $append (call $file (call $root)) (i32.const 340)) {pour}"),
        "(local $fd i32) (local $at i64) (local.set $fd (call $file (call $root)))
        (loop $again
            (call $write (local.get $fd) (i32.const 8192) (i32.const 4096) (local.get $at) (i32.const 400))
            (if (i32.load8_u (i32.const 400)) (then (unreachable)))
            (local.set $at (i64.add (local.get $at) (i64.const 4096)))
            (br $again))"
            .to_owned(),
        "(call $size (call $file (call $root)) (i64.const 40001) (i32.const 400)) (unreachable)".to_owned(),
    ];
    for run in &ways {
        let out = tempfile::tempdir().unwrap();
        fs::create_dir(out.path().join("below")).unwrap();
        fs::write(out.path().join("below/before"), [0; 10_000]).unwrap();
        let report = report_within(run, out.path(), room).await;
        let reason = full(&report);
        assert!(reason.starts_with("full: `quota` of /out is 50000 bytes"), "{reason}");
        let length = fs::metadata(out.path().join("aa")).unwrap().len();
        assert!(length <= 40_000 && length.is_multiple_of(4096), "{length} by {run}");
    }
}

// row E10, hostile 38
// key dirs.quota
#[tokio::test]
async fn a_stream_that_was_open_before_its_file_was_cut_takes_room_for_what_it_writes() {
    let room = Room {
        bytes: Some(50_000),
        files: None,
    };
    // A file is made long, streams are opened, it is cut, and all of it is written after all: with one file after the other.
    let cut_and_written = "(call $size (local.get $fd) (i64.const 0) (i32.const 400))
        (call $pour (i32.load (i32.const 344)) (i32.const 12))";
    // The write has begun and may not be over when the file is cut.
    let written_and_cut = "(call $check (i32.load (i32.const 344)) (i32.const 400))
        (call $begin (i32.load (i32.const 344)) (i32.const 8192) (i32.const 4096) (i32.const 400))
        (call $size (local.get $fd) (i64.const 0) (i32.const 400))
        (if (i32.load8_u (i32.const 400)) (then (unreachable)))";
    for (at, way) in [(0, cut_and_written), (45_000, written_and_cut)] {
        let out = tempfile::tempdir().unwrap();
        let run = format!(
            "(local $root i32) (local $fd i32) (local $n i32) (local.set $root (call $root))
            (loop $more
                (local.set $fd (call $file (local.get $root)))
                (call $size (local.get $fd) (i64.const 49152) (i32.const 400))
                (if (i32.load8_u (i32.const 400)) (then (unreachable)))
                (call $stream (local.get $fd) (i64.const {at}) (i32.const 340))
                {way}
                (call $next)
                (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 20))))"
        );
        let generous = limits(&[(LimitName::Disk, 100_000_000), (LimitName::NewFiles, 50)]);
        let report = report_of(&run, out.path(), room, &generous).await;
        let lies_there: u64 = fs::read_dir(out.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(lies_there <= 50_000, "{lies_there} bytes by {way}: {report:#?}");
        // A write that is over before the file is cut leaves nothing of itself, so that there may be room for all of them.
        if at == 0 {
            assert!(full(&report).starts_with("full: `quota` of /out is 50000 bytes"));
        }
    }
}

// row E10
// key dirs.quota
#[tokio::test]
async fn what_is_written_again_takes_its_room_once() {
    let out = tempfile::tempdir().unwrap();
    let room = Room {
        bytes: Some(9_000),
        files: Some(1),
    };
    // Truncates the file each time; 20 times 8 KiB fit into 9 000 bytes one after the other.
    let run = "(local $root i32) (local $n i32) (local $fd i32) (local.set $root (call $root))
        (loop $more
            (call $open (local.get $root) (i32.const 0) (i32.const 6000) (i32.const 2) (i32.const 9) (i32.const 2)
                (i32.const 320))
            (if (i32.load8_u (i32.const 320)) (then (unreachable)))
            (local.set $fd (i32.load (i32.const 324)))
            (call $write (local.get $fd) (i32.const 8192) (i32.const 8192) (i64.const 0) (i32.const 400))
            (if (i32.load8_u (i32.const 400)) (then (unreachable)))
            (call $close (local.get $fd))
            (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10))))";
    output(&report_within(run, out.path(), room).await);
    assert_eq!(fs::metadata(out.path().join("aa")).unwrap().len(), 8_192);
}

// row E10, hostile 38
// key dirs.files
#[tokio::test]
async fn what_is_in_a_directory_with_a_bound_on_files_never_gets_more_than_that() {
    for make in [
        "(call $close (call $file (local.get $root)))",
        "(call $mkdir (local.get $root) (i32.const 6000) (i32.const 2) (i32.const 400))
        (if (i32.load8_u (i32.const 400)) (then (unreachable)))",
        "(call $symlink (local.get $root) (i32.const 6000) (i32.const 2) (i32.const 6000) (i32.const 2) (i32.const 400))
        (if (i32.load8_u (i32.const 400)) (then (unreachable)))",
    ] {
        let out = tempfile::tempdir().unwrap();
        fs::create_dir(out.path().join("before")).unwrap();
        let room = Room {
            bytes: None,
            files: Some(8),
        };
        let run =
            format!("(local $root i32) (local.set $root (call $root)) (loop $more {make} (call $next) (br $more))");
        let report = report_within(&run, out.path(), room).await;
        assert_eq!(full(&report), "full: `files` of /out is 8, 8 are in it");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 8, "{make}");
    }
}
