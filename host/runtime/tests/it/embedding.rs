//! Does the example of `docs/embedding.md` do what it says?

use cofferdam_runtime::{Embedded, EmbeddedError, Unobserved};
use cofferdam_wasm::{Access, Allowed, DirectoryCap, DirectoryGrant, Narrowing, Pattern, Room};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

#[expect(dead_code, reason = "its `main` is for the command line")]
#[path = "../../examples/embed.rs"]
mod embed;

/// Where `cargo xtask plugins` puts the first-party plugins.
fn plugins() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(3).unwrap();
    let plugins = target.join("plugins");
    assert!(
        plugins.join("text.wasm").exists(),
        "no plugins in {}: cargo xtask plugins builds them",
        plugins.display()
    );
    plugins
}

// row P07
#[tokio::test(flavor = "multi_thread")]
async fn the_example_runs_and_says_what_it_should() {
    let state = TempDir::new().unwrap();
    let mut said = Vec::new();
    embed::greet(&plugins(), state.path(), &mut said).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("refused: w.wf:1: "), "{said}");
    let digest = "c20425f129b643fbb8a5ec2401355669d8ef847be1b86f3f07dea3e2977993f6";
    assert_eq!(
        lines[1..],
        [
            "parked: waiting",
            "answer: Accepted",
            "steps: once, twice",
            &format!("outputs: {{\"digest\":\"{digest}\"}}"),
        ],
        "{said}"
    );
}

// row P07, row E14
#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_of_a_program_can_be_left_less_than_its_plugins() {
    let place = TempDir::new().unwrap();
    std::fs::create_dir(place.path().join("out")).unwrap();
    let allowed = Allowed {
        root: place.path().to_owned(),
        directories: vec![DirectoryGrant {
            guest: "/out".to_owned(),
            host: "out".into(),
            access: Access::Write,
            room: Room::default(),
        }],
        ..Allowed::default()
    };
    let narrowing = Narrowing {
        source: "the program".to_owned(),
        directories: vec![DirectoryCap {
            guest: "/out".to_owned(),
            access: Some(Access::Read),
        }],
        ..Narrowing::default()
    };
    let fs = std::fs::read(plugins().join("fs.wasm")).unwrap();
    let host = Embedded::builder()
        .state(place.path().join("state/state.db"))
        .plugin("fs", "0.1.0", fs)
        .allow("fs", allowed)
        .narrow(Pattern::parse("gentle-*").unwrap(), narrowing)
        .build()
        .await
        .unwrap();
    let start = async |name: &str| {
        let text = format!(
            "workflow {name} edition 1 {{\n  call write {{ use = fs.write  params {{ path = \"/out/{name}\"  text = \"x\" }} }}\n}}\n"
        );
        let workflow = host.check(&text, "w.wf").unwrap();
        host.start(&workflow, [], Arc::new(Unobserved)).await
    };
    start("rough").await.unwrap().wait().await.unwrap();
    assert!(place.path().join("out/rough").exists());
    let Err(EmbeddedError::NotAllowed { action, reason }) = start("gentle-x").await else {
        panic!("it may write");
    };
    assert_eq!(
        (action.as_str(), reason.as_str()),
        ("fs.write", "the program takes it away from this workflow")
    );
    assert!(!place.path().join("out/gentle-x").exists());
}
