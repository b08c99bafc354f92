//! Which copies of components are kept for runs, and what is taken back of them.

use crate::guests::{Guest, sandbox};
use cofferdam_engine::Digest;
use cofferdam_wasm::{Component, Copies, CopyError, Origin, Signature, Signatures, SigningKey};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

async fn component() -> Arc<Component> {
    Guest::default().load(&sandbox()).await.unwrap()
}

/// Returns what lies in a directory, by name.
fn files(copies: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(copies).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

// row E02, row K11
#[tokio::test]
async fn what_is_kept_can_be_had_back_with_who_made_it() {
    let state = tempfile::tempdir().unwrap();
    let directory = state.path().join("components");
    let copies = Copies::at(&directory);
    let component = component().await;
    let digest = component.digest();
    copies.keep([]).unwrap();
    assert!(!directory.exists(), "nothing to keep, nothing made");

    copies.keep([("fs", Origin::BuiltIn, &component)]).unwrap();
    let kept = copies.read("fs", digest).unwrap();
    assert_eq!((&*kept.bytes, kept.origin), (&component.bytes()[..], Origin::BuiltIn));
    // The same bytes under a name that is not built in have no grants of a built-in plugin.
    assert!(matches!(copies.read("tool", digest), Err(CopyError::Missing { .. })));
    copies.keep([("tool", Origin::File, &component)]).unwrap();
    assert_eq!(copies.read("tool", digest).unwrap().origin, Origin::File);
    assert_eq!(files(&directory).len(), 2, "and nothing that was written aside");
    assert!(matches!(copies.read("../fs", digest), Ok(kept) if kept.origin == Origin::File));
}

// row E02, row K11
#[test]
fn what_vouches_for_a_component_is_kept_as_one_plugin() {
    let state = tempfile::tempdir().unwrap();
    let copies = Copies::at(state.path().join("components"));
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    let key = SigningKey::generate().unwrap();
    let sign = |plugin: &str, digest| Signature::new(&key, plugin, digest);
    let all = Signatures::of([sign("tool", &one), sign("text", &one), sign("tool", &two)]);
    copies.keep_signatures("tool", &one, &all).unwrap();
    assert_eq!(copies.signatures("tool", &one), Signatures::of([sign("tool", &one)]));
    assert_eq!(copies.signatures("text", &one), Signatures::default());
    assert_eq!(copies.signatures("tool", &two), Signatures::default());
    assert_eq!(copies.signatures("../tool", &one), Signatures::default());
    // Another key later on.
    let other = Signature::new(&SigningKey::generate().unwrap(), "tool", &one);
    let both = Signatures::of([sign("tool", &one), other]);
    copies.keep_signatures("tool", &one, &both).unwrap();
    assert_eq!(
        Copies::at(state.path().join("components")).signatures("tool", &one),
        both
    );
    // What was taken away vouches for nothing, and what nobody signed leaves nothing there.
    for file in files(&state.path().join("components")) {
        fs::write(file, "cofferdam signatures 1\nwhatever\n").unwrap();
    }
    assert_eq!(copies.signatures("tool", &one).lines().count(), 0);
    let empty = Copies::at(state.path().join("none"));
    empty.keep_signatures("tool", &one, &Signatures::default()).unwrap();
    assert!(!state.path().join("none").exists());
}

// row E02
#[tokio::test]
async fn a_copy_is_written_once_and_mended_by_the_next_process() {
    let state = tempfile::tempdir().unwrap();
    let component = component().await;
    let keep = |copies: &Copies| copies.keep([("tool", Origin::File, &component)]).unwrap();
    let first = Copies::at(state.path());
    keep(&first);
    let file = first.read("tool", component.digest()).unwrap().file;

    fs::write(&file, b"\0asm something else").unwrap();
    keep(&first);
    let damaged = first.read("tool", component.digest()).unwrap_err();
    assert!(
        matches!(&damaged, CopyError::Damaged { found, .. } if *found == Digest::of(b"\0asm something else")),
        "{damaged}"
    );
    let next = Copies::at(state.path());
    keep(&next);
    assert_eq!(next.read("tool", component.digest()).unwrap().bytes, *component.bytes());

    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    assert!(matches!(
        next.read("tool", component.digest()),
        Err(CopyError::Read { .. })
    ));
    keep(&Copies::at(state.path()));
    assert!(
        fs::symlink_metadata(&file).unwrap().is_file(),
        "a link is replaced, not followed"
    );
    assert_eq!(files(state.path()), [file]);
}

#[tokio::test]
async fn a_state_that_takes_no_copies_is_named() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("components");
    fs::write(&file, "").unwrap();
    let refused = Copies::at(&file).keep([("tool", Origin::File, &component().await)]);
    let refused = refused.unwrap_err().to_string();
    let named = format!("cannot keep the component of `tool` as `{}/sha256-", file.display());
    assert!(refused.starts_with(&named), "{refused}");
}

#[tokio::test]
async fn a_directory_that_is_a_link_is_not_followed() {
    let state = tempfile::tempdir().unwrap();
    let elsewhere = state.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let component = component().await;
    Copies::at(&elsewhere)
        .keep([("tool", Origin::File, &component)])
        .unwrap();
    let before = files(&elsewhere);
    let directory = state.path().join("components");
    std::os::unix::fs::symlink(&elsewhere, &directory).unwrap();

    let copies = Copies::at(&directory);
    assert!(matches!(
        copies.keep([("fs", Origin::BuiltIn, &component)]),
        Err(CopyError::Write { .. })
    ));
    assert!(matches!(
        copies.read("tool", component.digest()),
        Err(CopyError::Read { .. })
    ));
    assert_eq!(files(&elsewhere), before);
}
