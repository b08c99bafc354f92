//! What becomes of calls, runs and workflows while plugin files come, change and go under a host that stays?

use cofferdam_engine::{Data, Event, RunStatus};
use cofferdam_runtime::{Driven, Embedded, EmbeddedError, Unobserved};
use cofferdam_wasm::Change;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

#[expect(dead_code, reason = "its `main` is for `cargo xtask reload`")]
#[path = "../../examples/reload.rs"]
mod reload;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns a component that `cargo xtask plugins` has built.
fn built(path: &str) -> Vec<u8> {
    let program = std::env::current_exe().unwrap();
    let file = program.ancestors().nth(3).unwrap().join(path);
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}: cargo xtask plugins builds it", file.display()))
}

// row E02, row K11
#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_while_the_file_of_its_plugin_is_replaced() {
    let directory = TempDir::new().unwrap();
    let load = reload::Load {
        builds: 4,
        replacements: 8,
        stay: Duration::ZERO,
        least: 100,
        rate: None,
    };
    let tally = reload::reload(&built("guests/edition.wasm"), directory.path(), &load)
        .await
        .unwrap();
    assert_eq!(tally.failures, [""; 0]);
    assert_eq!(tally.served.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(tally.turns >= load.replacements && tally.whole > 0, "{tally:?}");
}

/// A host with one plugin directory, and what it said about it.
struct Followed {
    directory: TempDir,
    host: Embedded,
    news: Mutex<UnboundedReceiver<String>>,
}

const JOINS: &str = r#"workflow joins edition 1 {
  call one { use = tool.join  params { items = ["a", "b"]  separator = " " } }
  wait go { event = "go" }
  call two { use = tool.join  params { items = ["c", "d"]  separator = " " } }
}
"#;

impl Followed {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("plugins")).unwrap();
        let (said, news) = unbounded_channel();
        let place = directory.path().to_owned();
        let host = Embedded::builder()
            .state(directory.path().join("state.db"))
            .plugins(directory.path().join("plugins"))
            .news(move |change: &Change| {
                let digest = cofferdam_engine::Digest::of(b"").to_string().len();
                let text = change.to_string().replace(&format!("{}/", place.display()), "");
                // Whoever reads it wants to know what, and not which.
                let text = match text.find("sha256:") {
                    Some(at) => format!("{}[digest]{}", &text[..at], &text[at + digest..]),
                    None => text,
                };
                let _ = said.send(text);
            });
        Self {
            host: host.build().await.unwrap(),
            directory,
            news: Mutex::new(news),
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("plugins/tool.wasm")
    }

    /// Returns what is said next about the plugins.
    async fn heard(&self) -> String {
        let mut news = self.news.lock().await;
        let said = tokio::time::timeout(PATIENCE, news.recv()).await;
        said.expect("nothing is said").expect("the host is there")
    }
}

/// Returns the plugin `text` as another component.
fn tool(section: u8) -> Vec<u8> {
    let mut bytes = built("plugins/text.wasm");
    bytes.extend([0, 2, 1, section]);
    bytes
}

// row E02
#[tokio::test(flavor = "multi_thread")]
async fn a_host_follows_its_plugin_directory_and_says_what_it_cannot_use() {
    let followed = Followed::new().await;
    let host = &followed.host;
    assert!(host.check(JOINS, "joins.wf").is_err(), "there is no such plugin yet");
    // Written in place and in two halves, by a program that knows of nothing.
    let bytes = tool(b'1');
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let mut file = fs::File::create(followed.file()).unwrap();
    std::io::Write::write_all(&mut file, first).unwrap();
    std::io::Write::write_all(&mut file, second).unwrap();
    drop(file);
    // On a slow machine it is looked at when only the half is there: then that is said, and it is looked at again.
    let mut said = followed.heard().await;
    while said != "`tool` is there ([digest])" {
        assert!(said.starts_with("plugins/tool.wasm: "), "{said}");
        said = followed.heard().await;
    }
    let workflow = host.check(JOINS, "joins.wf").unwrap();
    fs::write(followed.directory.path().join("plugins/.new"), "nothing").unwrap();
    fs::rename(followed.directory.path().join("plugins/.new"), followed.file()).unwrap();
    let rejected = followed.heard().await;
    assert!(rejected.starts_with("plugins/tool.wasm: "), "{rejected}");
    let start = || host.start(&workflow, [], Arc::new(Unobserved));
    let driving = start().await.unwrap();
    assert!(
        matches!(driving.wait().await.unwrap(), Driven::Parked(_)),
        "the old one serves"
    );
    fs::write(followed.file(), tool(b'2')).unwrap();
    let mut said = followed.heard().await;
    while said.starts_with("plugins/tool.wasm: ") {
        said = followed.heard().await;
    }
    assert_eq!(said, "`tool` is another component now ([digest])");
    let driving = start().await.unwrap();
    let run = driving.run;
    assert!(matches!(driving.wait().await.unwrap(), Driven::Parked(_)));
    let definition = host.log().definition(run).await.unwrap().unwrap();
    let plan = cofferdam_engine::Plan::decode(&definition.plan).unwrap();
    let newer = cofferdam_engine::Digest::of(&tool(b'2'));
    let used: Vec<_> = cofferdam_runtime::used(&plan).into_iter().collect();
    assert_eq!(
        used,
        [("tool", &newer)],
        "a new run of a workflow that was checked before"
    );
    fs::remove_file(followed.file()).unwrap();
    assert_eq!(followed.heard().await, "`tool` is gone");
    let refused = start().await.unwrap_err();
    assert!(matches!(refused, EmbeddedError::Unsound(_)), "{refused}");
}

// row K11, row P02
#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_its_component_says_so_and_goes_on_when_it_is_back() {
    let followed = Followed::new().await;
    let host = &followed.host;
    fs::write(followed.file(), tool(b'1')).unwrap();
    while host.check(JOINS, "joins.wf").is_err() {
        followed.heard().await;
    }
    let workflow = host.check(JOINS, "joins.wf").unwrap();
    let driving = host.start(&workflow, [], Arc::new(Unobserved)).await.unwrap();
    let run = driving.run;
    assert!(matches!(driving.wait().await.unwrap(), Driven::Parked(_)));
    let signal = cofferdam_engine::Request::Signal {
        topic: "go".to_owned(),
        correlation: None,
        data: Data::Null,
        key: None,
    };
    host.ask(run, "somebody", signal).await.unwrap();
    let copies = followed.directory.path().join("components");
    let copies: Vec<PathBuf> = fs::read_dir(copies)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [copy] = copies.as_slice() else {
        panic!("{copies:?}")
    };
    let kept = fs::read(copy).unwrap();
    fs::remove_file(followed.file()).unwrap();
    while host.registry().plugin("tool").is_some() {
        followed.heard().await;
    }
    for damage in [None, Some(&kept[1..])] {
        match damage {
            None => fs::remove_file(copy).unwrap(),
            Some(bytes) => fs::write(copy, bytes).unwrap(),
        }
        let refused = host.resume(run, Arc::new(Unobserved)).await.unwrap_err();
        assert!(matches!(refused, EmbeddedError::Missing(_)), "{refused}");
        let summary = host.log().run(run).await.unwrap().unwrap();
        assert_eq!((summary.status, summary.owner), (RunStatus::Interrupted, None));
        let events = host.log().events(run, 0, usize::MAX).await.unwrap();
        let Event::RunInterrupted {
            reason: Some(reason), ..
        } = &events.last().unwrap().event
        else {
            panic!("{events:?}")
        };
        let expected = if damage.is_some() {
            "is damaged"
        } else {
            "there is no copy of it"
        };
        assert!(
            reason.starts_with("needs `tool` (sha256:") && reason.contains(expected),
            "{reason}"
        );
    }
    fs::write(copy, &kept).unwrap();
    let driving = host.resume(run, Arc::new(Unobserved)).await.unwrap();
    let Driven::Ended(ended) = driving.wait().await.unwrap() else {
        panic!("it ends")
    };
    assert_eq!(ended.status(), RunStatus::Completed);
}
