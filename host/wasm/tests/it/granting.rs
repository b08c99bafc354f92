//! What a guest can reach: what its action asked for and the operator allowed, and nothing beside it.

use crate::guests::{Ear, Guest, call, limits, output, sandbox};
use cofferdam_engine::Data;
use cofferdam_wasm::{
    Access, Allowed, AttemptCall, DirectoryCap, DirectoryGrant, EffectClass, Effective, GrantError, LimitName,
    Narrowing, Need, NetworkRule, Report, Room, SecretGrant, SecretPlace, SecretSource, Verdict, effective,
};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

/// Calls one function of `wasi:filesystem` on its first directory, with the path in its parameters, and answers with the
/// number of the error, or 100.
fn probe(function: &str, signature: &str, arguments: &str) -> Guest {
    // Where the code lies behind the tag of the result: what could be a handle is aligned like one.
    let code = if function == "open-at" { 324 } else { 321 };
    let run = format!(
        "(local $at i32) (local $code i32)
        (call $directories (i32.const 300))
        (local.set $at (i32.load (i32.load (i32.const 300))))
        (local.set $params (i32.add (local.get $params) (i32.const 1)))
        (local.set $params_len (i32.sub (local.get $params_len) (i32.const 2)))
        (call $probed (local.get $at) {arguments} (i32.const 320))
        (local.set $code (i32.load8_u (i32.const {code})))
        (if (i32.eqz (i32.load8_u (i32.const 320))) (then (local.set $code (i32.const 100))))
        (if (i32.and (i32.ne (i32.load8_u (i32.const 320)) (i32.const 0)) (i32.eqz (i32.load8_u (i32.const {code}))))
            (then (local.set $code (i32.const 0))))
        (i32.store8 (i32.const 340) (i32.add (i32.const 49) (i32.div_u (local.get $code) (i32.const 100))))
        (i32.store8 (i32.const 341) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $code) (i32.const 10)) (i32.const 10))))
        (i32.store8 (i32.const 342) (i32.add (i32.const 48) (i32.rem_u (local.get $code) (i32.const 10))))
        (call $answer (i32.const 340) (i32.const 3))"
    );
    Guest::running(&run).importing(&format!(
        r#"(import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
        (import "wasi:filesystem/types@0.2.6" "[method]descriptor.{function}" (func $probed (param i32 {signature} i32)))"#
    ))
}

// The answers of a probe: 100 and the number of the error, or 200.
const DONE: i64 = 200;
const ACCESS: i64 = 100;
const NO_ENTRY: i64 = 120;
const NOT_PERMITTED: i64 = 131;

const PATH: &str = "(local.get $params) (local.get $params_len)";

/// Opens the path for reading, following a link at its end.
fn opening() -> Guest {
    probe(
        "open-at",
        "i32 i32 i32 i32 i32",
        &format!("(i32.const 1) {PATH} (i32.const 0) (i32.const 1)"),
    )
}

/// Makes the file at the path.
fn making() -> Guest {
    probe(
        "open-at",
        "i32 i32 i32 i32 i32",
        &format!("(i32.const 0) {PATH} (i32.const 1) (i32.const 2)"),
    )
}

/// Lists the first directory and answers with the names, sorted by the host's own order, one after the other.
fn listing() -> Guest {
    let run = r#"(local $stream i32) (local $to i32)
        (call $directories (i32.const 300))
        (call $list (i32.load (i32.load (i32.const 300))) (i32.const 320))
        (local.set $stream (i32.load (i32.const 324)))
        (local.set $to (i32.const 12000))
        (i32.store8 (local.get $to) (i32.const 34))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (block $done
            (loop $more
                (call $next (local.get $stream) (i32.const 400))
                (br_if $done (i32.or (i32.load8_u (i32.const 400)) (i32.eqz (i32.load8_u (i32.const 404)))))
                (memory.copy (local.get $to) (i32.load (i32.const 412)) (i32.load (i32.const 416)))
                (local.set $to (i32.add (local.get $to) (i32.load (i32.const 416))))
                (i32.store8 (local.get $to) (i32.const 32))
                (local.set $to (i32.add (local.get $to) (i32.const 1)))
                (br $more)))
        (i32.store8 (local.get $to) (i32.const 34))
        (call $answer (i32.const 12000) (i32.sub (local.get $to) (i32.const 11999)))"#;
    Guest::running(run).importing(
        r#"(import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
        (import "wasi:filesystem/types@0.2.6" "[method]descriptor.read-directory" (func $list (param i32 i32)))
        (import "wasi:filesystem/types@0.2.6" "[method]directory-entry-stream.read-directory-entry"
            (func $next (param i32 i32)))"#,
    )
}

fn need(kind: &str) -> Need {
    Need {
        kind: kind.to_owned(),
        reason: None,
        path: None,
        data: Data::Null,
    }
}

fn allowed(root: &Path, directories: &[(&str, &str, Access)]) -> Allowed {
    Allowed {
        root: root.to_owned(),
        hidden: vec![root.join(".cofferdam")],
        directories: directories
            .iter()
            .map(|(guest, host, access)| DirectoryGrant {
                guest: (*guest).to_owned(),
                host: host.into(),
                access: *access,
                room: Room::default(),
            })
            .collect(),
        ..Allowed::default()
    }
}

fn project() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at(".cofferdam/blobs")).unwrap();
    fs::create_dir_all(at("x")).unwrap();
    fs::create_dir_all(at("out")).unwrap();
    fs::write(at(".cofferdam/state.db"), "secret").unwrap();
    fs::write(at("readme"), "hello").unwrap();
    symlink("../.cofferdam", at("x/link")).unwrap();
    symlink("../../../../etc", at("x/etc")).unwrap();
    root
}

async fn probed(guest: &Guest, grants: &Arc<Effective>, path: &str) -> Report {
    let action = guest.action(&sandbox()).await;
    let call = AttemptCall {
        params: Data::text(path),
        grants: Arc::clone(grants),
        ..call(&limits(&[]))
    };
    action.run(call).await
}

async fn number(guest: &Guest, grants: &Arc<Effective>, path: &str) -> i64 {
    match output(&probed(guest, grants, path).await) {
        Data::Int(number) => *number,
        other => panic!("{other}"),
    }
}

// row E14, hostile 35
// key dirs.guest, dirs.host
#[tokio::test]
async fn the_state_is_invisible_where_the_project_is_granted() {
    let root = project();
    let grants = Arc::new(effective(&[need("read")], &allowed(root.path(), &[("/src", ".", Access::Read)])).unwrap());
    assert_eq!(grants.class(), EffectClass::Quiet);
    assert_eq!(number(&opening(), &grants, "readme").await, DONE);
    assert_eq!(number(&opening(), &grants, "x/../readme").await, DONE);
    assert_eq!(number(&opening(), &grants, "nothing").await, NO_ENTRY);
    for path in [
        ".cofferdam",
        "./.cofferdam/",
        "x/../.cofferdam",
        ".cofferdam/state.db",
        "x/link",
        "x/link/state.db",
    ] {
        let report = probed(&opening(), &grants, path).await;
        assert_eq!(output(&report), &Data::Int(ACCESS), "{path}");
        assert_eq!(report.denied_total, 1);
        assert_eq!(report.denied[0].call, "filesystem.open-at");
        assert_eq!(report.denied[0].target, format!("/src/{path}"));
        assert_eq!(report.denied[0].reason, "the state of Cofferdam is never shown");
    }
    for path in ["../etc", "/etc", "x/etc", "x/etc/passwd"] {
        assert_eq!(number(&opening(), &grants, path).await, NOT_PERMITTED, "{path}");
    }
    let report = probed(&listing(), &grants, "").await;
    let mut names: Vec<_> = output(&report)
        .as_text()
        .unwrap()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    names.sort();
    assert_eq!(names, ["out", "readme", "x"]);
}

// row E14
// key dirs.access
#[tokio::test]
async fn reading_is_not_writing() {
    let root = project();
    let grants = Arc::new(
        effective(
            &[need("read")],
            &allowed(root.path(), &[("/out", "out", Access::Write)]),
        )
        .unwrap(),
    );
    assert_eq!(grants.class(), EffectClass::Quiet, "it asked for reading only");
    let report = probed(&making(), &grants, "new").await;
    assert_eq!(output(&report), &Data::Int(NOT_PERMITTED));
    assert_eq!(report.denied[0].reason, "granted for reading only");
    assert!(!root.path().join("out/new").exists());

    let grants = Arc::new(
        effective(
            &[need("write")],
            &allowed(root.path(), &[("/out", "out", Access::Write)]),
        )
        .unwrap(),
    );
    assert_eq!(grants.class(), EffectClass::Effectful);
    assert_eq!(number(&making(), &grants, "new").await, DONE);
    assert!(root.path().join("out/new").exists());
    let directory = probe("create-directory-at", "i32 i32", PATH);
    assert_eq!(number(&directory, &grants, "deep").await, DONE);
    assert!(root.path().join("out/deep").is_dir());
    let link = probe(
        "symlink-at",
        "i32 i32 i32 i32",
        &format!("{PATH} (i32.const 1024) (i32.const 2)"),
    );
    assert_eq!(
        number(&link, &grants, "../readme").await,
        NOT_PERMITTED,
        "a link that leads out"
    );
    assert_eq!(number(&link, &grants, "new").await, DONE);
    let again = probe(
        "rename-at",
        "i32 i32 i32 i32 i32",
        &format!("{PATH} (local.get $at) (i32.const 1024) (i32.const 2)"),
    );
    assert_eq!(number(&again, &grants, "new").await, DONE);
    let hard = probe(
        "link-at",
        "i32 i32 i32 i32 i32 i32",
        &format!("(i32.const 0) {PATH} (local.get $at) (i32.const 1024) (i32.const 2)"),
    );
    assert_eq!(number(&hard, &grants, "../.cofferdam/state.db").await, NOT_PERMITTED);
}

// row E14, hostile 21, hostile 36, hostile 37
#[tokio::test]
async fn pipes_and_links_that_lie_in_a_directory_lead_nowhere() {
    let root = project();
    let at = |path: &str| root.path().join(path);
    rustix::fs::mkfifoat(rustix::fs::CWD, at("out/pipe"), rustix::fs::Mode::RWXU).unwrap();
    fs::write(at("secret"), "not for guests").unwrap();
    // As a guest could have left it if it could make such links, and as somebody else may have.
    symlink("../secret", at("out/outward")).unwrap();
    symlink(at("secret"), at("out/absolute")).unwrap();
    let grants = Arc::new(
        effective(
            &[need("write")],
            &allowed(root.path(), &[("/out", "out", Access::Write)]),
        )
        .unwrap(),
    );
    // Opening it as a file would wait until somebody writes to it.
    assert_eq!(number(&opening(), &grants, "pipe").await, ACCESS);
    assert_eq!(number(&making(), &grants, "pipe").await, ACCESS);
    for link in ["outward", "absolute"] {
        assert_eq!(number(&opening(), &grants, link).await, NOT_PERMITTED, "{link}");
        // Without following it, it is a link and no file.
        assert_ne!(number(&making(), &grants, link).await, DONE, "{link}");
    }
    assert_eq!(fs::read_to_string(at("secret")).unwrap(), "not for guests");
    // A hard link is the file itself: whoever grants the directory grants it.
    fs::hard_link(at("secret"), at("out/hard")).unwrap();
    assert_eq!(number(&opening(), &grants, "hard").await, DONE);
    // Nor does the host follow a link that stands where a grant begins.
    symlink("../x", at("out/planted")).unwrap();
    let planted = allowed(root.path(), &[("/s", "out/planted", Access::Read)]);
    assert!(matches!(
        effective(&[need("read")], &planted),
        Err(GrantError::Directory { .. })
    ));
}

// row E14
#[tokio::test]
async fn without_a_grant_every_path_is_denied_and_recorded() {
    let grants = Arc::new(Effective::nothing());
    let report = probed(&opening(), &grants, "etc/passwd").await;
    assert_eq!(output(&report), &Data::Int(ACCESS));
    assert_eq!(report.denied[0].target, "/etc/passwd");
    assert_eq!(report.denied[0].reason, "no directory is granted to the action");

    let secret = r#"(import "cofferdam:plugin/secrets@0.1.0" "reveal" (func $reveal (param i32 i32 i32)))"#;
    let guest = Guest::running(
        "(call $reveal (i32.const 1024) (i32.const 2) (i32.const 304)) (call $answer (local.get $params) (local.get $params_len))",
    );
    let report = probed(&guest.importing(secret), &grants, "x").await;
    output(&report);
    assert_eq!(
        (report.denied[0].call, report.denied[0].target.as_str()),
        ("secrets.reveal", "go")
    );
}

// hostile 39
// key limits.open_files
#[tokio::test]
async fn files_that_are_open_are_counted() {
    let root = project();
    let grants = Arc::new(effective(&[need("read")], &allowed(root.path(), &[("/src", ".", Access::Read)])).unwrap());
    let mut guest = opening();
    guest.run = guest
        .run
        .replacen("(call $probed", "(loop $more (call $probed", 1)
        .replacen(
            "(i32.const 320))\n        (local.set $code",
            "(i32.const 320)) (br_if $more (i32.eqz (i32.load8_u (i32.const 320)))))\n        (local.set $code",
            1,
        );
    let action = guest.action(&sandbox()).await;
    let limits = limits(&[(LimitName::OpenFiles, 10)]);
    let report = action
        .run(AttemptCall {
            params: Data::text("readme"),
            grants,
            ..call(&limits)
        })
        .await;
    assert!(
        matches!(&report.verdict, Verdict::LimitExceeded(limit) if limit.limit == LimitName::OpenFiles),
        "{:#?}",
        report.verdict
    );
}

/// Answers with the number of entries of the first directory.
const COUNTING: &str = r#"(local $stream i32) (local $n i32)
    (call $directories (i32.const 300))
    (call $list (i32.load (i32.load (i32.const 300))) (i32.const 320))
    (local.set $stream (i32.load (i32.const 324)))
    (block $done
        (loop $more
            (call $next (local.get $stream) (i32.const 400))
            (br_if $done (i32.or (i32.load8_u (i32.const 400)) (i32.eqz (i32.load8_u (i32.const 404)))))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br $more)))
    (i32.store8 (i32.const 340) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 100))))
    (i32.store8 (i32.const 341) (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $n) (i32.const 10)) (i32.const 10))))
    (i32.store8 (i32.const 342) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (call $answer (i32.const 340) (i32.const 3))"#;

// hostile 53
// key limits.open_files
#[tokio::test]
async fn a_long_directory_is_listed_a_few_entries_at_a_time_and_listings_are_counted() {
    let root = project();
    for number in 0..700 {
        fs::write(root.path().join(format!("x/{number}")), "").unwrap();
    }
    let grants = Arc::new(effective(&[need("read")], &allowed(root.path(), &[("/src", "x", Access::Read)])).unwrap());
    let mut guest = listing();
    guest.run = COUNTING.to_owned();
    // Two links are in it, too.
    assert_eq!(number(&guest, &grants, "").await, 702);

    guest.run =
        "(local $root i32) (call $directories (i32.const 300)) (local.set $root (i32.load (i32.load (i32.const 300))))
        (loop $more
            (call $list (local.get $root) (i32.const 320))
            (call $next (i32.load (i32.const 324)) (i32.const 400))
            (br_if $more (i32.eqz (i32.load8_u (i32.const 320)))))
        (unreachable)"
            .to_owned();
    let call = AttemptCall {
        grants,
        ..call(&limits(&[(LimitName::OpenFiles, 10)]))
    };
    let verdict = guest.action(&sandbox()).await.run(call).await.verdict;
    assert!(
        matches!(&verdict, Verdict::LimitExceeded(limit) if limit.limit == LimitName::OpenFiles),
        "{verdict:#?}"
    );
}

// hostile 54
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_kernel_tells_is_no_file() {
    let root = project();
    let whole = allowed(root.path(), &[("/", "/", Access::Read)]);
    let grants = Arc::new(effective(&[need("read")], &whole).unwrap());
    for path in ["proc", "proc/self/environ", "proc/self/task/..", "sys/kernel"] {
        let report = probed(&opening(), &grants, path).await;
        assert_eq!(output(&report), &Data::Int(ACCESS), "{path}");
        assert!(
            report.denied[0].reason.starts_with("file systems of the kernel (`"),
            "{path}: {:?}",
            report.denied
        );
    }
    assert_eq!(number(&opening(), &grants, "etc").await, DONE);
    for host in ["/proc", "/proc/sys", "/sys/kernel"] {
        let granted = allowed(root.path(), &[("/src", host, Access::Read)]);
        let error = effective(&[need("read")], &granted).unwrap_err();
        assert!(
            matches!(&error, GrantError::Directory { source, .. } if source.to_string().contains("file system of the kernel")),
            "{host}: {error:?}"
        );
    }
}

#[test]
fn a_grant_is_what_is_asked_for_and_allowed() {
    let root = project();
    let both = allowed(
        root.path(),
        &[("/src", ".", Access::Read), ("/out", "out", Access::Write)],
    );
    let granted = |needs: &[Need]| {
        let effective = effective(needs, &both).unwrap();
        let directories: Vec<_> = effective
            .directories()
            .iter()
            .map(|directory| (directory.guest.clone(), directory.access))
            .collect();
        (directories, effective.decisions().to_vec())
    };
    assert_eq!(granted(&[]).0, []);
    assert_eq!(granted(&[need("write")]).0, [("/out".to_owned(), Access::Write)]);
    assert_eq!(
        granted(&[need("read"), need("write")]).0,
        [("/src".to_owned(), Access::Read), ("/out".to_owned(), Access::Write)]
    );
    let only = Need {
        path: Some("/src".to_owned()),
        ..need("read")
    };
    assert_eq!(granted(&[only]).0, [("/src".to_owned(), Access::Read)]);
    let (directories, decisions) = granted(&[
        need("telepathy"),
        Need {
            path: Some("/x".to_owned()),
            ..need("write")
        },
    ]);
    assert_eq!(directories, []);
    assert_eq!(
        decisions[0].refused.as_deref(),
        Some("`telepathy` cannot be granted by this host yet")
    );
    assert_eq!(
        decisions[1].refused.as_deref(),
        Some(r#"no directory is granted for it: dirs = [{ guest = "/x", host = "..", access = "write" }]"#)
    );
}

#[test]
fn what_must_not_be_granted_is_refused() {
    let root = project();
    let refused = |guest: &str, host: &str, access, kind: &str| {
        effective(&[need(kind)], &allowed(root.path(), &[(guest, host, access)])).unwrap_err()
    };
    let state = refused("/s", ".cofferdam/blobs", Access::Read, "read");
    assert_eq!(
        state.to_string(),
        "`.cofferdam/blobs` cannot be granted for reading: it lies in the state directory"
    );
    let state = refused("/s", ".", Access::Write, "write");
    assert_eq!(
        state.to_string(),
        "`.` cannot be granted for writing: the state directory lies in it"
    );
    let link = refused("/s", "x/link", Access::Read, "read");
    assert!(
        matches!(&link, GrantError::Directory { source, .. } if source.to_string() == "`link` is a symbolic link: name what it points to")
    );
    let file = refused("/s", "readme", Access::Read, "read");
    assert!(matches!(&file, GrantError::Directory { source, .. } if source.to_string() == "`readme` is no directory"));
    assert!(matches!(
        refused("/s", "gone", Access::Read, "read"),
        GrantError::Directory { .. }
    ));
    for guest in ["src", "/a/../b", "/a/", "//"] {
        assert!(
            matches!(refused(guest, "x", Access::Read, "read"), GrantError::GuestPath(_)),
            "{guest}"
        );
    }
    let twice = allowed(root.path(), &[("/s", "x", Access::Read), ("/s", "out", Access::Read)]);
    assert!(matches!(
        effective(&[need("read")], &twice),
        Err(GrantError::SameGuestPath(_))
    ));
}

/// Tries the ways around `wasi:http`, and answers with a letter for each: that of the error code
/// after `a`, or a blank if it led somewhere.
fn beside_http() -> Guest {
    let imports = r#"
        (import "wasi:sockets/instance-network@0.2.6" "instance-network" (func $network (result i32)))
        (import "wasi:sockets/tcp-create-socket@0.2.6" "create-tcp-socket" (func $tcp (param i32 i32)))
        (import "wasi:sockets/udp-create-socket@0.2.6" "create-udp-socket" (func $udp (param i32 i32)))
        (import "wasi:sockets/ip-name-lookup@0.2.6" "resolve-addresses" (func $lookup (param i32 i32 i32 i32)))"#;
    let letter = |at: u32, result: u32, code: u32| {
        format!(
            "(i32.store8 (i32.const {at}) (i32.add (i32.const 32) (i32.mul (i32.load8_u (i32.const {result}))
                (i32.add (i32.const 65) (i32.load8_u (i32.const {code}))))))"
        )
    };
    let run = format!(
        "(call $tcp (i32.const 0) (i32.const 300))
        (call $udp (i32.const 1) (i32.const 340))
        (call $lookup (call $network) (i32.const 600) (i32.const 9) (i32.const 380))
        {} {} {}
        (call $answer (i32.const 700) (i32.const 5))",
        letter(701, 300, 304),
        letter(702, 340, 344),
        letter(703, 380, 384)
    );
    let items = r#"(data (i32.const 600) "localhost") (data (i32.const 700) "\22   \22")"#;
    Guest::running(&run).importing(imports).with(items)
}

// row E10, hostile 42
#[tokio::test]
async fn whoever_may_send_requests_has_no_sockets_for_that() {
    let granted = Allowed {
        network: vec![NetworkRule::parse("http://127.0.0.1:9", &[], true).unwrap()],
        ..Allowed::default()
    };
    let mut call = call(&limits(&[]));
    call.grants = Arc::new(effective(&[need("network")], &granted).unwrap());
    let report = beside_http().action(&sandbox()).await.run(call).await;
    // Access denied twice, permanent failure of the resolver.
    assert_eq!(output(&report), &Data::text("bbu"));
    let denied: Vec<_> = report
        .denied
        .iter()
        .map(|call| (call.call, call.target.as_str()))
        .collect();
    assert_eq!(
        denied,
        [
            ("wasi:sockets", "tcp socket (ipv4)"),
            ("wasi:sockets", "udp socket (ipv6)"),
            ("wasi:sockets", "localhost"),
        ]
    );
}

// row J16, hostile 49
#[tokio::test]
async fn a_value_that_is_told_is_covered_in_the_last_words() {
    let imports = r#"
        (import "cofferdam:plugin/secrets@0.1.0" "reveal" (func $reveal (param i32 i32 i32)))
        (import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
        (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
            (func $print (param i32 i32 i32 i32)))"#;
    let before = "thread 'main' (1) panicked at src/lib.rs:13:5:\\0ano answer for ";
    let length = before.replace("\\0a", "\n").len();
    let run = format!(
        "(local $err i32)
        (call $reveal (i32.const 600) (i32.const 5) (i32.const 640))
        (local.set $err (call $stderr))
        (call $print (local.get $err) (i32.const 5000) (i32.const {length}) (i32.const 200))
        (call $print (local.get $err) (i32.load (i32.const 648)) (i32.load (i32.const 652)) (i32.const 200))
        (call $print (local.get $err) (i32.const 610) (i32.const 1) (i32.const 200))
        (unreachable)"
    );
    let items = format!(
        "(data (i32.const 600) \"token\") (data (i32.const 610) \"\\0a\") (data (i32.const 5000) \"{before}\")"
    );
    let granted = Allowed {
        secrets: vec![SecretGrant {
            name: "token".to_owned(),
            source: SecretSource::Command(vec!["/bin/echo".to_owned(), "hunter2-hunter2".to_owned()]),
            to: Vec::new(),
            places: vec![SecretPlace::Headers],
            reveal: true,
        }],
        ..Allowed::default()
    };
    let ear = Arc::new(Ear::default());
    let mut call = call(&limits(&[]));
    call.grants = Arc::new(effective(&[need("reveal")], &granted).unwrap());
    call.observer = Arc::clone(&ear) as Arc<dyn cofferdam_wasm::Observer>;
    let guest = Guest::running(&run).importing(imports).with(&items);
    let report = guest.action(&sandbox()).await.run(call).await;
    let lines = std::mem::take(&mut *ear.lines.lock().unwrap());
    assert!(
        lines.iter().any(|line| line.message == "no answer for ***"),
        "{lines:?}"
    );
    assert!(!format!("{report:?} {lines:?}").contains("hunter2"), "{report:?}");
    let Verdict::Trapped(trap) = report.verdict else {
        panic!("{:?}", report.verdict)
    };
    assert!(trap.message.ends_with("src/lib.rs:13: no answer for ***"), "{trap:?}");
    assert!(trap.stderr.ends_with("no answer for ***\n"), "{trap:?}");
}

// row J16
#[tokio::test]
async fn a_value_that_is_told_is_covered_wherever_it_is_said() {
    let imports = r#"
        (import "cofferdam:plugin/secrets@0.1.0" "reveal" (func $reveal (param i32 i32 i32)))
        (import "cofferdam:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))"#;
    let run = "(call $reveal (i32.const 600) (i32.const 5) (i32.const 640))
        (if (i32.load8_u (i32.const 640)) (then (return (call $answer (i32.const 610) (i32.const 2)))))
        (call $log (i32.const 2) (i32.load (i32.const 648)) (i32.load (i32.const 652)) (i32.const 0) (i32.const 0))
        (i32.store8 (i32.sub (i32.load (i32.const 648)) (i32.const 1)) (i32.const 34))
        (i32.store8 (i32.add (i32.load (i32.const 648)) (i32.load (i32.const 652))) (i32.const 34))
        (call $answer (i32.sub (i32.load (i32.const 648)) (i32.const 1)) (i32.add (i32.load (i32.const 652)) (i32.const 2)))";
    let items = "(data (i32.const 600) \"token\") (data (i32.const 610) \"{}\")";
    let guest = Guest::running(run).importing(imports).with(items);
    let action = guest.action(&sandbox()).await;
    let attempt = async |needs: &[Need], reveal| {
        let granted = Allowed {
            root: "/".into(),
            secrets: vec![SecretGrant {
                name: "token".to_owned(),
                source: SecretSource::Command(vec!["/bin/echo".to_owned(), "hunter2-hunter2".to_owned()]),
                to: Vec::new(),
                places: vec![SecretPlace::Headers],
                reveal,
            }],
            ..Allowed::default()
        };
        let ear = Arc::new(Ear::default());
        let mut call = call(&limits(&[]));
        call.grants = Arc::new(effective(needs, &granted).unwrap());
        call.observer = Arc::clone(&ear) as Arc<dyn cofferdam_wasm::Observer>;
        let report = action.run(call).await;
        let lines = std::mem::take(&mut *ear.lines.lock().unwrap());
        (report, lines)
    };
    let (report, lines) = attempt(&[need("reveal")], true).await;
    assert_eq!(lines[0].message, "***");
    assert_eq!(output(&report), &Data::text("***"));
    assert!(!format!("{report:?} {lines:?}").contains("hunter2"), "{report:?}");
    for (needs, reveal) in [
        (&[need("secret")][..], true),
        (&[need("reveal")][..], false),
        (&[][..], true),
    ] {
        let (report, lines) = attempt(needs, reveal).await;
        assert_eq!(output(&report).to_json(), "{}", "it goes on");
        assert_eq!(report.denied[0].call, "secrets.reveal");
        assert!(lines.is_empty());
    }
}

fn narrowing(guest: &str, access: Option<Access>) -> Narrowing {
    Narrowing {
        source: "[workflows.\"csv-*\"], cofferdam.toml:9".to_owned(),
        directories: vec![DirectoryCap {
            guest: guest.to_owned(),
            access,
        }],
        ..Narrowing::default()
    }
}

// row E14
// key workflows.dirs
#[tokio::test]
async fn what_a_workflow_is_not_left_is_not_there_for_its_guests() {
    let root = project();
    fs::write(root.path().join("out/there"), "x").unwrap();
    let within = |narrowed: Vec<Narrowing>| {
        let allowed = Allowed {
            narrowed,
            ..allowed(root.path(), &[("/out", "out", Access::Write)])
        };
        Arc::new(effective(&[need("read"), need("write")], &allowed).unwrap())
    };
    let whole = within(Vec::new());
    assert_eq!(number(&making(), &whole, "new").await, DONE);

    let reading = within(vec![narrowing("/out", Some(Access::Read))]);
    assert_eq!(reading.class(), EffectClass::Quiet);
    let decisions = reading.decisions();
    assert_eq!(
        (&*decisions[0].granted, decisions[1].granted.len()),
        (&["read /out".to_owned()][..], 0)
    );
    assert_eq!(
        decisions[1].refused.as_deref(),
        Some("[workflows.\"csv-*\"], cofferdam.toml:9 takes it away from this workflow")
    );
    assert_eq!(number(&opening(), &reading, "there").await, DONE);
    let report = probed(&making(), &reading, "newer").await;
    assert_eq!(output(&report), &Data::Int(NOT_PERMITTED));
    assert_eq!(
        report.denied[0].reason,
        "narrowed: [workflows.\"csv-*\"], cofferdam.toml:9 takes it away from this workflow"
    );
    assert!(!root.path().join("out/newer").exists());

    for nothing in [
        vec![narrowing("/", None)],
        vec![narrowing("/out", Some(Access::Read)), narrowing("/out", None)],
    ] {
        let nothing = within(nothing);
        assert!(nothing.directories().is_empty());
        let report = probed(&opening(), &nothing, "out/there").await;
        assert_eq!(output(&report), &Data::Int(ACCESS));
        assert!(report.denied[0].reason.starts_with("narrowed: "), "{:?}", report.denied);
    }
}

// row E14
// key workflows.network.url
#[test]
fn addresses_that_a_workflow_is_not_left_are_no_grants() {
    let rule = |url| NetworkRule::parse(url, &[], false).unwrap();
    let within = |network: Vec<NetworkRule>| {
        let allowed = Allowed {
            network: vec![rule("https://*.example.org")],
            narrowed: vec![Narrowing {
                network: Some(network),
                ..narrowing("/x", None)
            }],
            ..Allowed::default()
        };
        effective(&[need("network")], &allowed).unwrap()
    };
    let nothing = within(Vec::new());
    assert_eq!(nothing.class(), EffectClass::Quiet);
    assert!(nothing.decisions()[0].refused.is_some() && nothing.decisions()[0].granted.is_empty());
    let elsewhere = within(vec![rule("https://other.net")]);
    assert_eq!(elsewhere.class(), EffectClass::Quiet);
    let less = within(vec![rule("https://api.example.org/v1"), rule("https://other.net")]);
    assert_eq!(less.class(), EffectClass::Effectful);
    assert_eq!(less.decisions()[0].granted, ["https://api.example.org/v1"]);
}

/// Answers with the number of its variables, and with the first as `NAME=VALUE`.
fn environment() -> Guest {
    let copy = |offset: u32| {
        format!(
            "(memory.copy (local.get $to) (i32.load (i32.add (local.get $list) (i32.const {offset})))
                (i32.load (i32.add (local.get $list) (i32.const {}))))
            (local.set $to (i32.add (local.get $to) (i32.load (i32.add (local.get $list) (i32.const {})))))",
            offset + 4,
            offset + 4
        )
    };
    let put = |byte: &str| {
        format!(
            "(i32.store8 (local.get $to) {byte})
            (local.set $to (i32.add (local.get $to) (i32.const 1)))"
        )
    };
    let run = format!(
        "(local $list i32) (local $to i32)
        (call $variables (i32.const 300))
        (local.set $list (i32.load (i32.const 300)))
        (local.set $to (i32.const 9000))
        {} {}
        (if (i32.load (i32.const 304)) (then {} {} {}))
        {}
        (call $answer (i32.const 9000) (i32.sub (local.get $to) (i32.const 9000)))",
        put("(i32.const 34)"),
        put("(i32.add (i32.const 48) (i32.load (i32.const 304)))"),
        copy(0),
        put("(i32.const 61)"),
        copy(8),
        put("(i32.const 34)"),
    );
    Guest::running(&run)
        .importing(r#"(import "wasi:cli/environment@0.2.6" "get-environment" (func $variables (param i32)))"#)
}

// row E14
// key plugins.env
#[tokio::test]
async fn a_variable_is_seen_that_is_asked_for_and_allowed_and_no_other() {
    const NAME: &str = "CARGO_MANIFEST_DIR";
    let value = std::env::var(NAME).unwrap();
    let named = |name: &str| Need {
        data: Data::map([("name", Data::text(name))]),
        ..need("env")
    };
    let seen = async |needs: &[Need], variables: &[&str]| {
        let allowed = Allowed {
            variables: variables.iter().map(|name| (*name).to_owned()).collect(),
            ..Allowed::default()
        };
        let grants = Arc::new(effective(needs, &allowed).unwrap());
        assert_eq!(grants.class(), EffectClass::Quiet);
        let report = probed(&environment(), &grants, "x").await;
        output(&report).as_text().unwrap().to_owned()
    };
    let one = format!("1{NAME}={value}");
    assert_eq!(seen(&[named(NAME)], &[NAME, "PATH"]).await, one);
    assert_eq!(seen(&[need("env"), named(NAME)], &[NAME]).await, one, "any, and once");
    assert_eq!(seen(&[], &[NAME]).await, "0", "not asked for");
    assert_eq!(seen(&[named("PATH")], &[NAME]).await, "0", "not allowed");
    assert_eq!(seen(&[need("env")], &["COFFERDAM_IS_NOT_SET"]).await, "0", "not there");
    let refused = effective(&[named("PATH")], &Allowed::default()).unwrap();
    assert_eq!(
        refused.decisions()[0].refused.as_deref(),
        Some("no variable is granted for it: env = [\"PATH\"]")
    );
}
