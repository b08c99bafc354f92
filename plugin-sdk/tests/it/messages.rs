//! Do the mistakes of a beginner get a message that helps?
//!
//! Each file of `tests/messages` has one mistake and beside it the first error of the compiler.
//! `UPDATE_MESSAGES=1 cargo test -p cofferdam-plugin messages` writes those anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the newest compiled form of a crate that this test was linked with.
pub(crate) fn library(name: &str, extension: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a test knows where it is");
    let directory = here.parent().expect("a test lies in a directory");
    let entries = fs::read_dir(directory).expect("the directory of a test can be listed");
    let is_it = |path: &PathBuf| {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        file.starts_with(&format!("lib{name}-")) && file.ends_with(extension)
    };
    let found = entries.flatten().map(|entry| entry.path()).filter(is_it);
    found
        .max_by_key(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
        .unwrap_or_else(|| panic!("there is no {extension} of {name}"))
}

/// Returns a compiler that knows the SDK.
pub(crate) fn compiler(sdk: &Path) -> Command {
    let mut compiler = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    compiler
        .args(["--edition=2024", "--color=never", "--extern"])
        .arg(format!("cofferdam_plugin={}", sdk.display()));
    let directory = sdk.parent().expect("a library lies in a directory");
    compiler.arg("-L").arg(format!("dependency={}", directory.display()));
    compiler
}

/// Compiles a file as a plugin, and returns what the compiler says first.
fn first_error(source: &Path, sdk: &Path) -> String {
    let out = tempfile::tempdir().expect("a directory can be made");
    let output = compiler(sdk)
        .args([
            "--crate-type=lib",
            "--emit=metadata",
            "-Adead_code",
            "-Aunused",
            "--out-dir",
        ])
        .arg(out.path())
        .arg(source.file_name().expect("a file has a name"))
        .current_dir(source.parent().expect("a file lies in a directory"))
        .output()
        .expect("the compiler can be run");
    assert!(
        !output.status.success(),
        "{} compiles, but it has a mistake",
        source.display()
    );
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("can't find crate"), "{text}");
    let first = text.split("\n\n").next().unwrap_or_default();
    // What the libraries look like is not what this is about.
    let own = first
        .lines()
        .take_while(|line| !line.starts_with("note: required by") && !line.contains("::: "));
    own.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn first_errors_help() {
    let sdk = library("cofferdam_plugin", ".rlib");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages");
    let mut sources: Vec<PathBuf> = fs::read_dir(directory)
        .expect("the mistakes can be listed")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.sort();
    assert!(sources.len() >= 8, "some mistakes are gone");
    for source in sources {
        let said = first_error(&source, &sdk);
        let golden = source.with_extension("txt");
        if std::env::var_os("UPDATE_MESSAGES").is_some() {
            fs::write(&golden, said).expect("a message can be written");
        } else {
            let expected = fs::read_to_string(&golden).expect("each mistake has its message");
            // How far the text is from the edge depends on the line numbers of notes that are left out.
            let flush = |text: &str| text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
            assert_eq!(flush(&said), flush(&expected), "{}", source.display());
        }
    }
}
