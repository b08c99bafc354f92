//! Does the example of `docs/embedding.md` do what it says?

use std::path::PathBuf;
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
