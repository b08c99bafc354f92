//! How plugins come, change and go while somebody goes on using the others.

use crate::guests::{Guest, call, limits, output, sandbox};
use cofferdam_engine::{Data, Digest};
use cofferdam_wasm::{Builtin, Change, Keys, Registry, Sandbox, Signature, Signatures, SigningKey, Sources};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A plugin directory, and what was found in it so far.
struct Shelf {
    directory: TempDir,
    sandbox: Sandbox,
    sources: Sources,
    registry: Registry,
}

/// Returns a component whose action `go` answers `text`.
fn answering(text: &str) -> Vec<u8> {
    let item = format!(r#"(data (i32.const 2048) "{}")"#, text.replace('"', "\\\""));
    let run = format!("(call $answer (i32.const 2048) (i32.const {}))", text.len());
    Guest::running(&run).with(&item).component()
}

impl Shelf {
    async fn with(files: &[(&str, Vec<u8>)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sources = Sources {
            builtins: vec![Builtin {
                name: "fs".to_owned(),
                bytes: answering("0").into(),
                version: "0.1.0".to_owned(),
            }],
            directories: vec![directory.path().join("plugins"), directory.path().join("more")],
            ..Sources::default()
        };
        fs::create_dir(&sources.directories[0]).unwrap();
        let sandbox = sandbox();
        for (name, bytes) in files {
            fs::write(sources.directories[0].join(name), bytes).unwrap();
        }
        let registry = Registry::discover(&sandbox, &sources).await;
        Self {
            directory,
            sandbox,
            sources,
            registry,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sources.directories[0].join(name)
    }

    /// Puts a file in the place of another one.
    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(".new"), bytes).unwrap();
        fs::rename(self.path(".new"), self.path(name)).unwrap();
    }

    /// Looks again, and returns what is different, one line each.
    async fn renew(&mut self) -> Vec<String> {
        let renewed = self.registry.renewed(&self.sandbox, &self.sources).await;
        let changes = renewed.changes_since(&self.registry);
        self.registry = renewed;
        changes.iter().map(|change| self.line(change)).collect()
    }

    fn line(&self, change: &Change) -> String {
        match change {
            Change::Added { plugin, .. } => format!("+ {plugin}"),
            Change::Replaced { plugin, from, to } => {
                assert_ne!(from, to);
                format!("* {plugin}")
            }
            Change::Removed { plugin } => format!("- {plugin}"),
            Change::Rejected(problem) => {
                let serving = if problem.serving.is_some() {
                    ", the old one stays"
                } else {
                    ""
                };
                let text = problem
                    .to_string()
                    .replace(&format!("{}/", self.directory.path().display()), "");
                format!("! {text}{serving}")
            }
        }
    }

    async fn answer(&self, plugin: &str) -> Data {
        let component = Arc::clone(&self.registry.plugin(plugin).unwrap().component);
        let report = component.action("go").unwrap().run(call(&limits(&[]))).await;
        output(&report).clone()
    }
}

// row E02
#[tokio::test]
async fn files_come_change_and_go() {
    let mut shelf = Shelf::with(&[("one.wasm", answering("1")), ("two.wasm", answering("2"))]).await;
    assert_eq!(shelf.renew().await, [""; 0]);
    let before = shelf.registry.clone();
    let kept = |shelf: &Shelf, name: &str| {
        let (old, new) = (before.plugin(name).unwrap(), shelf.registry.plugin(name).unwrap());
        Arc::ptr_eq(&old.component, &new.component)
    };
    assert!(kept(&shelf, "one") && kept(&shelf, "fs"), "nothing is loaded twice");
    shelf.put("one.wasm", &answering("11"));
    fs::remove_file(shelf.path("two.wasm")).unwrap();
    fs::create_dir(&shelf.sources.directories[1]).unwrap();
    fs::write(shelf.sources.directories[1].join("three.wasm"), answering("3")).unwrap();
    assert!(!shelf.registry.is_current(&shelf.sources));
    assert_eq!(shelf.renew().await, ["* one", "+ three", "- two"]);
    assert_eq!(shelf.answer("one").await, Data::Int(11));
    assert_eq!(shelf.answer("three").await, Data::Int(3));
    assert_eq!(shelf.answer("fs").await, Data::Int(0));
    // Whoever has taken the registry before has what was there then.
    let old = before.plugin("two").unwrap().component.action("go").unwrap();
    assert_eq!(output(&old.run(call(&limits(&[]))).await), &Data::Int(2));
    // A file under another name in another directory is the same component.
    let moved = shelf.sources.directories[1].join("one.wasm");
    let component = Arc::clone(&shelf.registry.plugin("one").unwrap().component);
    fs::rename(shelf.path("one.wasm"), moved).unwrap();
    assert_eq!(shelf.renew().await, [""; 0]);
    assert!(Arc::ptr_eq(
        &component,
        &shelf.registry.plugin("one").unwrap().component
    ));
}

// row E02
#[tokio::test]
async fn what_cannot_be_used_leaves_the_old_one_serving_and_is_told_once() {
    let mut shelf = Shelf::with(&[("one.wasm", answering("1"))]).await;
    let whole = answering("11");
    let module = wat::parse_str("(module)").unwrap();
    let cases: [(&[u8], &str); 3] = [
        (
            &module,
            "! plugins/one.wasm: a core module, not a component: build it for wasm32-wasip2 with `cofferdam plugin build`  (CF0502), the old one stays",
        ),
        (b"", "! plugins/one.wasm: not WebAssembly but an empty file  (CF0501)"),
        // As whoever copies it has come half the way.
        (&whole[..whole.len() / 2], "! plugins/one.wasm: "),
    ];
    for (bytes, expected) in cases {
        shelf.put("one.wasm", bytes);
        let told = shelf.renew().await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with(expected) && told[0].ends_with("the old one stays"),
            "{told:?}"
        );
        assert_eq!(shelf.renew().await, [""; 0], "it is told once");
        assert_eq!(shelf.registry.problems().len(), 1, "and can still be asked for");
        assert_eq!(shelf.answer("one").await, Data::Int(1));
    }
    shelf.put("one.wasm", &whole);
    assert_eq!(shelf.renew().await, ["* one"]);
    assert_eq!(shelf.registry.problems(), []);
    assert_eq!(shelf.answer("one").await, Data::Int(11));
    // One that nobody had before takes nothing's place.
    shelf.put("fresh.wasm", b"");
    let told = shelf.renew().await;
    assert!(
        told[0].starts_with("! plugins/fresh.wasm: ") && !told[0].ends_with("stays"),
        "{told:?}"
    );
    assert!(shelf.registry.plugin("fresh").is_none());
}

// row E02
#[tokio::test]
async fn what_is_not_signed_as_it_has_to_be_leaves_the_old_one_serving_until_it_is() {
    let key = SigningKey::generate().unwrap();
    let mut shelf = Shelf::with(&[("one.wasm", answering("1"))]).await;
    let sign = |shelf: &Shelf, texts: &[&str]| {
        let signed = texts
            .iter()
            .map(|text| Signature::new(&key, "one", &Digest::of(&answering(text))));
        shelf.put("one.wasm.sig", Signatures::of(signed).to_text().as_bytes());
    };
    shelf.sources.signed.each = [("one".to_owned(), Keys::new([("release".to_owned(), key.public())]))].into();
    let refused = "! plugins/one.wasm: not signed by `release`: ";
    // It was loaded before it had to be signed, and its file is what it was.
    let told = shelf.renew().await;
    assert_eq!(
        told,
        [format!(
            "{refused}no signature lies beside it  (CF0512), the old one stays"
        )]
    );
    assert_eq!(shelf.answer("one").await, Data::Int(1));
    sign(&shelf, &["1"]);
    assert!(
        !shelf.registry.is_current(&shelf.sources),
        "what lies beside it counts as well"
    );
    assert_eq!(shelf.renew().await, [""; 0]);
    assert_eq!(shelf.registry.problems(), []);
    // Neither the component first nor the signature first is a gap.
    shelf.put("one.wasm", &answering("11"));
    let told = shelf.renew().await;
    assert!(
        told[0].starts_with(&format!("{refused}line 2: `release` signed another component, sha256:")),
        "{told:?}"
    );
    assert!(told[0].ends_with("the old one stays"), "{told:?}");
    assert_eq!(shelf.answer("one").await, Data::Int(1));
    sign(&shelf, &["11"]);
    assert_eq!(shelf.renew().await, ["* one"]);
    assert_eq!(shelf.answer("one").await, Data::Int(11));
    sign(&shelf, &["11", "111"]);
    assert_eq!(shelf.renew().await, [""; 0]);
    shelf.put("one.wasm", &answering("111"));
    assert_eq!(shelf.renew().await, ["* one"]);
    assert_eq!(shelf.registry.problems(), []);
    // One that nobody had before is not there before it is signed.
    shelf.sources.signed.others = Some(Keys::new([("release".to_owned(), key.public())]));
    shelf.put("two.wasm", &answering("2"));
    assert_eq!(shelf.renew().await.len(), 1);
    assert!(shelf.registry.plugin("two").is_none());
    let other = Signature::new(&key, "one", &Digest::of(&answering("2")));
    shelf.put("two.wasm.sig", Signatures::of([other]).to_text().as_bytes());
    let told = shelf.renew().await;
    assert!(told[0].contains("line 2: `release` signed it as `one`"), "{told:?}");
}

// row E02
#[tokio::test]
async fn a_name_that_is_claimed_twice_or_built_in_changes_nothing() {
    let mut shelf = Shelf::with(&[("one.wasm", answering("1"))]).await;
    shelf.put("ONE.wasm", &answering("11"));
    shelf.put("fs.wasm", &answering("12"));
    assert_eq!(
        shelf.renew().await,
        [
            "! plugins/ONE.wasm: claims the name `one`, which [..]plugins/one.wasm has too; neither is taken  (CF0507), the old one stays",
            "! plugins/fs.wasm: claims the name `fs`, which is built in  (CF0507)",
            "! plugins/one.wasm: claims the name `one`, which [..]plugins/ONE.wasm has too; neither is taken  (CF0507), the old one stays",
        ]
        .map(|line| line.replace("[..]", ""))
    );
    assert_eq!(shelf.answer("one").await, Data::Int(1));
    assert_eq!(shelf.answer("fs").await, Data::Int(0));
    fs::remove_file(shelf.path("one.wasm")).unwrap();
    assert_eq!(shelf.renew().await, ["* one"]);
    assert_eq!(shelf.answer("one").await, Data::Int(11));
}

// row E02
#[tokio::test]
async fn a_directory_that_cannot_be_read_takes_nothing_away() {
    let mut shelf = Shelf::with(&[("one.wasm", answering("1"))]).await;
    let directory = shelf.sources.directories[0].clone();
    // Something that is no directory in its place is refused to everybody, also to a superuser.
    let aside = shelf.directory.path().join("aside");
    fs::rename(&directory, &aside).unwrap();
    fs::write(&directory, "").unwrap();
    let told = shelf.renew().await;
    assert!(
        told.len() == 1 && told[0].starts_with("! plugins: cannot be read: "),
        "{told:?}"
    );
    assert_eq!(shelf.answer("one").await, Data::Int(1));
    fs::remove_file(&directory).unwrap();
    fs::rename(&aside, &directory).unwrap();
    assert_eq!(shelf.renew().await, [""; 0]);
    assert_eq!(shelf.registry.problems(), []);
    // One that is gone took its plugins along.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!(shelf.renew().await, ["- one"]);
}
