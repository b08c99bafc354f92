//! How plugins are found in directories and actions by their names.

use crate::guests::{Guest, sandbox};
use cofferdam_wasm::{Builtin, PluginSource, Registry, Resolution, Sources};
use std::fs;

fn named(action: &str) -> Vec<u8> {
    Guest {
        action: action.to_owned(),
        ..Guest::default()
    }
    .component()
}

async fn registry() -> (tempfile::TempDir, Registry) {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::create_dir(at("a")).unwrap();
    fs::create_dir(at("b")).unwrap();
    fs::write(at("a/word_count.wasm"), named("count")).unwrap();
    fs::write(at("a/lines.wasm"), named("count")).unwrap();
    fs::write(at("a/github.wasm"), named("issue")).unwrap();
    fs::write(at("b/GitHub.wasm"), named("issue")).unwrap();
    fs::write(at("a/fs.wasm"), named("read")).unwrap();
    fs::write(at("a/old.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    fs::write(at("a/two  words.wasm"), named("x")).unwrap();
    fs::write(at("a/.being-written.wasm"), "").unwrap();
    fs::write(at("a/readme.txt"), "").unwrap();
    // Whoever opens it to read waits for a writer that never comes.
    let pipe = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, at("a/pipe.wasm"), pipe, rustix::fs::Mode::RUSR, 0).unwrap();
    let sources = Sources {
        builtins: vec![Builtin {
            name: "fs".to_owned(),
            bytes: named("list").into(),
            version: "0.1.0".to_owned(),
        }],
        directories: vec![at("a"), at("b"), at("gone")],
        ..Sources::default()
    };
    let registry = Registry::discover(&sandbox(), &sources).await;
    (root, registry)
}

// hostile 33, hostile 34
#[tokio::test]
async fn a_bad_file_is_a_problem_and_the_others_load() {
    let (root, registry) = registry().await;
    let plugins: Vec<_> = registry.plugins().iter().map(|plugin| plugin.name.as_str()).collect();
    assert_eq!(plugins, ["fs", "lines", "word-count"]);
    assert_eq!(registry.plugin("fs").unwrap().source, PluginSource::BuiltIn);
    assert_eq!(
        registry.plugin("lines").unwrap().source,
        PluginSource::File(root.path().join("a/lines.wasm"))
    );
    let problems: Vec<_> = registry
        .problems()
        .iter()
        .map(|problem| problem.to_string().replace(&format!("{}/", root.path().display()), ""))
        .collect();
    assert_eq!(
        problems,
        [
            "a/fs.wasm: claims the name `fs`, which is built in  (CF0507)",
            "a/github.wasm: claims the name `github`, which b/GitHub.wasm has too; neither is used  (CF0507)",
            "a/old.wasm: a core module, not a component: build it for wasm32-wasip2 with `cofferdam plugin build`  (CF0502)",
            "a/pipe.wasm: cannot be read: it is no regular file  (CF0501)",
            "a/two  words.wasm: `two  words` is no name for a plugin  (CF0508)",
            "b/GitHub.wasm: claims the name `github`, which a/github.wasm has too; neither is used  (CF0507)",
        ]
    );
}

// hostile 34
#[tokio::test]
async fn names_mean_one_action_or_none() {
    let (_root, registry) = registry().await;
    let Resolution::Found { name, action } = registry.resolve("list") else {
        panic!("not found")
    };
    assert_eq!((name.as_str(), action.descriptor().name.as_str()), ("fs.list", "list"));
    assert!(
        matches!(registry.resolve("word-count.count"), Resolution::Found { name, .. } if name == "word-count.count")
    );
    let Resolution::Ambiguous { candidates } = registry.resolve("count") else {
        panic!("not ambiguous")
    };
    assert_eq!(candidates, ["lines.count", "word-count.count"]);
    let Resolution::Unknown { near } = registry.resolve("fs.lits") else {
        panic!("found")
    };
    assert_eq!(near, ["fs.list"]);
    assert!(matches!(registry.resolve("nothing-like-it"), Resolution::Unknown { near } if near.is_empty()));
    let digest = *action.component().digest();
    assert_eq!(registry.component(&digest).unwrap().digest(), &digest);
}

// Beyond WASM-NOTES section 4: a directory of more than anybody needs.
#[tokio::test]
async fn more_files_than_there_is_room_for_are_left_out_and_named() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..260 {
        fs::write(root.path().join(format!("p{number:03}.wasm")), "(").unwrap();
    }
    // It takes no room before it is read.
    fs::File::create(root.path().join("p000.wasm"))
        .unwrap()
        .set_len(500 << 20)
        .unwrap();
    fs::File::create(root.path().join("p100.wasm"))
        .unwrap()
        .set_len(60 << 20)
        .unwrap();
    let sources = Sources {
        builtins: Vec::new(),
        directories: vec![root.path().to_owned()],
        ..Sources::default()
    };
    let registry = Registry::discover(&sandbox(), &sources).await;
    let left_out: Vec<String> = registry
        .problems()
        .iter()
        .filter(|problem| problem.reason.contains("more than 256 files or 512 MiB"))
        .map(|problem| problem.file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        left_out.first().map(String::as_str),
        Some("p100"),
        "what came before fits"
    );
    assert_eq!(left_out.len(), 160);
    fs::write(root.path().join("p100.wasm"), "(").unwrap();
    let registry = Registry::discover(&sandbox(), &sources).await;
    let told = |problem: &&cofferdam_wasm::Problem| problem.reason.contains("more than 256 files");
    assert_eq!(registry.problems().iter().filter(told).count(), 4);
}
