//! What can a guest still do whose host has lost the run? Nothing that anybody outside would notice (rule B6).

use crate::guests::{Guest, call, limits, sandbox};
use cofferdam_engine::Data;
use cofferdam_wasm::{
    Access, Allowed, AttemptCall, Authority, DirectoryGrant, LogLine, Need, Observer, Progress, Report, Room,
    SecretGrant, SecretPlace, SecretSource, Verdict, effective,
};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const IMPORTS: &str = r#"
    (import "cofferdam:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
    (import "cofferdam:plugin/secrets@0.1.0" "reveal" (func $reveal (param i32 i32 i32)))
    (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.open-at"
        (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.write-via-stream" (func $stream (param i32 i64 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.append-via-stream" (func $append (param i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.write" (func $write (param i32 i32 i32 i64 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.set-size" (func $size (param i32 i64 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.set-times"
        (func $times (param i32 i32 i64 i32 i32 i64 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.set-times-at"
        (func $times_at (param i32 i32 i32 i32 i32 i64 i32 i32 i64 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.create-directory-at"
        (func $mkdir (param i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.remove-directory-at"
        (func $rmdir (param i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.unlink-file-at"
        (func $unlink (param i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.rename-at"
        (func $rename (param i32 i32 i32 i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.symlink-at"
        (func $symlink (param i32 i32 i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.link-at"
        (func $link (param i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
        (func $flush (param i32 i32 i32 i32)))"#;

/// The directory is `$root`; in it are the file `aa` (at 6000), which is open as `$fd`, the empty directory `dd` (6020)
/// and no `bb` (6010).
const ITEMS: &str = r#"
    (data (i32.const 6000) "aa") (data (i32.const 6010) "bb") (data (i32.const 6020) "dd")
    (data (i32.const 6030) "ready") (data (i32.const 6040) "and on") (data (i32.const 6050) "token")
    (global $root (mut i32) (i32.const 0))
    (global $fd (mut i32) (i32.const 0))
    (func $prepare
        (call $directories (i32.const 300))
        (global.set $root (i32.load (i32.load (i32.const 300))))
        (call $open (global.get $root) (i32.const 0) (i32.const 6000) (i32.const 2) (i32.const 0) (i32.const 2)
            (i32.const 320))
        (if (i32.load8_u (i32.const 320)) (then (unreachable)))
        (global.set $fd (i32.load (i32.const 324)))
        (call $stream (global.get $fd) (i64.const 0) (i32.const 340))
        (if (i32.load8_u (i32.const 340)) (then (unreachable))))"#;

/// What is done with a host call, and how; all of them say at 400 whether it went wrong.
const WAYS: [(&str, &str); 17] = [
    (
        "make a file",
        "(call $open (global.get $root) (i32.const 0) (i32.const 6010) (i32.const 2) (i32.const 1) (i32.const 2)
            (i32.const 400))",
    ),
    (
        "empty a file",
        "(call $open (global.get $root) (i32.const 0) (i32.const 6000) (i32.const 2) (i32.const 8) (i32.const 2)
            (i32.const 400))",
    ),
    (
        "open a file for writing",
        "(call $open (global.get $root) (i32.const 0) (i32.const 6000) (i32.const 2) (i32.const 0) (i32.const 2)
            (i32.const 400))",
    ),
    (
        "write",
        "(call $write (global.get $fd) (i32.const 6030) (i32.const 5) (i64.const 0) (i32.const 400))",
    ),
    (
        "write to a stream that is open",
        "(call $flush (i32.load (i32.const 344)) (i32.const 6030) (i32.const 5) (i32.const 400))",
    ),
    (
        "open a stream",
        "(call $stream (global.get $fd) (i64.const 0) (i32.const 400))",
    ),
    (
        "open a stream at the end",
        "(call $append (global.get $fd) (i32.const 400))",
    ),
    (
        "cut a file",
        "(call $size (global.get $fd) (i64.const 1) (i32.const 400))",
    ),
    (
        "change the times of a file that is open",
        "(call $times (global.get $fd) (i32.const 2) (i64.const 7) (i32.const 0) (i32.const 2) (i64.const 7)
            (i32.const 0) (i32.const 400))",
    ),
    (
        "change the times of a file",
        "(call $times_at (global.get $root) (i32.const 0) (i32.const 6000) (i32.const 2) (i32.const 2) (i64.const 7)
            (i32.const 0) (i32.const 2) (i64.const 7) (i32.const 0) (i32.const 400))",
    ),
    (
        "make a directory",
        "(call $mkdir (global.get $root) (i32.const 6010) (i32.const 2) (i32.const 400))",
    ),
    (
        "remove a directory",
        "(call $rmdir (global.get $root) (i32.const 6020) (i32.const 2) (i32.const 400))",
    ),
    (
        "remove a file",
        "(call $unlink (global.get $root) (i32.const 6000) (i32.const 2) (i32.const 400))",
    ),
    (
        "rename",
        "(call $rename (global.get $root) (i32.const 6000) (i32.const 2) (global.get $root) (i32.const 6010)
            (i32.const 2) (i32.const 400))",
    ),
    (
        "make a symbolic link",
        "(call $symlink (global.get $root) (i32.const 6000) (i32.const 2) (i32.const 6010) (i32.const 2)
            (i32.const 400))",
    ),
    (
        "make a link",
        "(call $link (global.get $root) (i32.const 0) (i32.const 6000) (i32.const 2) (global.get $root)
            (i32.const 6010) (i32.const 2) (i32.const 400))",
    ),
    (
        "reveal a secret",
        "(call $reveal (i32.const 6050) (i32.const 5) (i32.const 400))",
    ),
];

/// Hears what the guest says, and takes the run from its host when the guest is ready, if it is told to.
struct Thief {
    takes: bool,
    holds: Arc<AtomicBool>,
    heard: Mutex<Vec<String>>,
}

impl Observer for Thief {
    fn log(&self, line: LogLine) {
        self.heard.lock().unwrap().push(line.message);
        if self.takes {
            self.holds.store(false, Ordering::SeqCst);
        }
    }

    fn progress(&self, _: &Progress) {}
}

fn need(kind: &str) -> Need {
    Need {
        kind: kind.to_owned(),
        reason: None,
        path: None,
        data: Data::Null,
    }
}

/// Returns what anybody can see of a directory.
fn seen(directory: &Path) -> BTreeMap<String, (u32, u64, i64, String)> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            let content = fs::read_to_string(entry.path()).unwrap_or_default();
            let facts = (metadata.mode(), metadata.nlink(), metadata.mtime(), content);
            (entry.file_name().into_string().unwrap(), facts)
        })
        .collect()
}

/// Lets a guest get ready, say so, and then do something; returns what it said and how it ended.
async fn attempt(effect: &str, directory: &Path, takes: bool) -> (Vec<String>, Report) {
    fs::write(directory.join("aa"), "content").unwrap();
    fs::create_dir(directory.join("dd")).unwrap();
    let run = format!(
        "(call $prepare)
        (call $log (i32.const 2) (i32.const 6030) (i32.const 5) (i32.const 0) (i32.const 0))
        {effect}
        (if (i32.load8_u (i32.const 400)) (then (unreachable)))
        (call $log (i32.const 2) (i32.const 6040) (i32.const 6) (i32.const 0) (i32.const 0))
        (call $answer (local.get $params) (local.get $params_len))"
    );
    let allowed = Allowed {
        root: directory.to_owned(),
        directories: vec![DirectoryGrant {
            guest: "/out".to_owned(),
            host: ".".into(),
            access: Access::Write,
            room: Room::default(),
        }],
        secrets: vec![SecretGrant {
            name: "token".to_owned(),
            source: SecretSource::Command(vec!["/bin/echo".to_owned(), "hunter2-hunter2".to_owned()]),
            to: Vec::new(),
            places: vec![SecretPlace::Headers],
            reveal: true,
        }],
        ..Allowed::default()
    };
    let holds = Arc::new(AtomicBool::new(true));
    let thief = Arc::new(Thief {
        takes,
        holds: Arc::clone(&holds),
        heard: Mutex::default(),
    });
    let call = AttemptCall {
        grants: Arc::new(effective(&[need("write"), need("reveal")], &allowed).unwrap()),
        observer: Arc::clone(&thief) as Arc<dyn Observer>,
        authority: Authority::as_long_as(move || holds.load(Ordering::SeqCst)),
        ..call(&limits(&[]))
    };
    let guest = Guest::running(&run).importing(IMPORTS).with(ITEMS);
    let report = guest.action(&sandbox()).await.run(call).await;
    report.lingering.finished().await;
    let heard = std::mem::take(&mut *thief.heard.lock().unwrap());
    (heard, report)
}

// row J10
#[tokio::test]
async fn whatever_others_would_notice_is_not_done_for_a_run_that_the_host_has_lost() {
    for (what, effect) in WAYS {
        let out = tempfile::tempdir().unwrap();
        let (heard, report) = attempt(effect, out.path(), false).await;
        assert_eq!(heard, ["ready", "and on"], "{what}: {:?}", report.verdict);
        assert!(matches!(report.verdict, Verdict::Completed(_)), "{what}");
        let changed = seen(out.path());

        let out = tempfile::tempdir().unwrap();
        let (heard, report) = attempt(effect, out.path(), true).await;
        assert_eq!(heard, ["ready"], "{what}: the guest went on");
        assert!(
            matches!(&report.verdict, Verdict::HostFault(reason) if reason.contains("lost the run")),
            "{what}: {:?}",
            report.verdict
        );
        let after = seen(out.path());
        assert_eq!(after.keys().collect::<Vec<_>>(), ["aa", "dd"], "{what}");
        let (_, links, modified, content) = &after["aa"];
        assert_eq!((*links, &**content), (1, "content"), "{what}");
        assert_ne!(*modified, 7, "{what}");
        // What only opens something leaves nothing behind either way; everything else would have.
        let opens = what.starts_with("open") || what.starts_with("reveal");
        let [changed, after] = [changed, after].map(|seen| {
            let facts = seen
                .into_iter()
                .map(|(name, (mode, links, modified, content))| (name, mode, links, modified == 7, content));
            facts.collect::<Vec<_>>()
        });
        assert_eq!(changed == after, opens, "{what}");
    }
}
