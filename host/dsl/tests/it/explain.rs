//! The pages about codes: their examples show what they say.

use crate::check::shown;
use crate::project::{catalog, catalog_with, files as project_files};
use crate::workflows::Texts;
use cofferdam_dsl::{
    ActionEntry, Actions, Code, Compiled, Diagnostic, FileKind, Library, Options, Source, compile, explain,
};
use cofferdam_engine::Digest;
use std::collections::BTreeSet;

/// The codes of this crate, as opposed to those that the host finds with configurations, plugins and runs.
fn of_the_language() -> impl Iterator<Item = Code> {
    Code::ALL.iter().copied().filter(|code| code.number() < "CF0400")
}

/// Returns the example as a file, if it is a part of one.
fn file(example: &str) -> String {
    match example.split_whitespace().next() {
        Some("workflow" | "{") => example.to_owned(),
        Some("title") => format!("workflow audit edition 1 {{ meta {{ {example} }} }}"),
        Some("source") => format!("workflow audit edition 1 {{ script s {{ {example} }} }}"),
        Some("pattern" | "prompt") => format!("workflow audit edition 1 {{ call b {{ params {{ {example} }} }} }}"),
        Some("params" | "timeout") => format!("workflow audit edition 1 {{ call b {{ {example} }} }}"),
        _ => format!("workflow audit edition 1 {{\n{example}\n}}"),
    }
}

/// Returns the bytes that an example stands for: `⟨x⟩×3` is `xxx`, `␀` a NUL, `<E9>` a byte that is no UTF-8.
fn written_out(example: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut rest = example;
    while let Some((before, after)) = rest.split_once('⟨') {
        let (piece, after) = after.split_once("⟩×").expect("a repetition has an end");
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (count, after) = after.split_at(digits);
        out.push_str(before);
        out.push_str(&piece.repeat(count.parse().expect("a number of times")));
        rest = after;
    }
    out.push_str(rest);
    let mut bytes = Vec::with_capacity(out.len());
    for (number, part) in out.replace('␀', "\0").split("<E9>").enumerate() {
        if number > 0 {
            bytes.push(0xE9);
        }
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Returns the files of an example that consists of several: each begins with a comment that names it.
fn files(example: &str) -> Option<Vec<(&str, &str)>> {
    let mut files = Vec::new();
    for part in example.strip_prefix("// ")?.split("\n\n// ") {
        let (name, text) = part.split_once('\n')?;
        files.push((name.strip_suffix(".wf")?, text));
    }
    Some(files)
}

/// Returns the codes of what is found in an example of the page about `code`.
fn found(code: Code, example: &str) -> Vec<Code> {
    match compiled(code, example) {
        Err(refused) => vec![refused.code],
        Ok(compiled) => compiled.diagnostics.iter().map(|finding| finding.code).collect(),
    }
}

/// Checks an example of the page about `code`, or says why it is no text.
fn compiled(code: Code, example: &str) -> Result<Compiled, Box<Diagnostic>> {
    // The examples of one page are not workflows but schemas of a plugin.
    let (text, actions) = if matches!(code, Code::BadSchemaFile | Code::BadMarker) {
        let files = project_files().with_file(FileKind::Schema, "own", example);
        (file("call reviewer { output = own }"), catalog_with(files))
    } else if code == Code::BadSchema {
        let entry = ActionEntry {
            params: serde_json::from_str(example).expect("a schema is JSON"),
            ..ActionEntry::new("own", "read", Digest::of(b"own"))
        };
        (file("call own.read { params { path = \"x\" } }"), Actions::new([entry]))
    } else if let Some(files) = files(example) {
        let (name, text) = files.last().expect("a file");
        assert_eq!(*name, "audit", "the last file is the one that is checked");
        let library = Library::new(Texts::of(files.iter().copied()));
        ((*text).to_owned(), catalog().with_workflows(library))
    } else {
        (file(example), catalog())
    };
    let source = Source::from_bytes("audit.wf", &written_out(&text))?;
    let options = Options {
        strict: matches!(code, Code::NoDeadline),
        targets: ["worktree", "pull-request"].map(str::to_owned).to_vec(),
        ..Options::default()
    };
    Ok(compile(source.text(), "audit.wf", &actions, &options))
}

// row A19
#[test]
fn wrong_examples_give_the_code_and_right_ones_do_not() {
    let mut complaints = String::new();
    for code in of_the_language() {
        let page = explain(code.number()).expect("every code has a page");
        let mut complain = |what: &str| complaints.push_str(&format!("{code} {what}\n"));
        if page.text.is_empty() {
            complain("has no page");
        }
        if page.wrong.is_empty() || page.right.is_empty() {
            complain("has no examples");
            continue;
        }
        let wrong = found(code, page.wrong);
        if !wrong.contains(&code) {
            complain(&format!("is not what is wrong with `{}`: {wrong:?}", page.wrong));
        }
        let right = found(code, page.right);
        // Examples call actions that only stand for some.
        let others = |found: &&Code| {
            !matches!(
                found,
                Code::UnknownAction | Code::NotCarriedOut | Code::UnusedVariable | Code::UnusedInput
            )
        };
        if right.contains(&code) || right.iter().find(others).is_some() {
            complain(&format!("is explained with `{}` as right: {right:?}", page.right));
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

/// Returns what is told about an example of the page about `code`, in full.
fn told(code: Code) -> String {
    let page = explain(code.number()).expect("every code has a page");
    let mut lines = vec![page.wrong.to_owned(), "----".to_owned()];
    match compiled(code, page.wrong) {
        Err(refused) => lines.push(format!("error[{}]: {}", refused.code, refused.message)),
        Ok(compiled) => lines.extend(
            compiled
                .diagnostics
                .iter()
                .filter(|found| found.code == code)
                .map(|found| shown(&compiled, found)),
        ),
    }
    // The examples of what is too large are large.
    let mut text = lines.join("\n");
    for line in text.clone().lines().filter(|line| line.chars().count() > 400) {
        let short: String = line.chars().take(400).collect();
        text = text.replace(line, &format!("{short}…"));
    }
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of files reads files")]
fn every_code_of_the_language_has_a_golden_file() {
    insta::with_settings!({ snapshot_path => "../snapshots/codes", prepend_module_to_snapshot => false, omit_expression => true }, {
        for code in of_the_language() {
            insta::assert_snapshot!(code.number(), told(code));
        }
    });
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/codes");
    let files = std::fs::read_dir(directory).expect("the golden files");
    let kept: BTreeSet<String> = files
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    let wanted = of_the_language()
        .map(|code| format!("{}.snap", code.number()))
        .collect();
    assert_eq!(
        kept, wanted,
        "a golden file for every code, and none for codes that are no more"
    );
}

#[test]
fn every_code_has_a_page() {
    for code in Code::ALL {
        let page = explain(code.number()).expect("every code has a page");
        assert!(!page.text.is_empty(), "{code} has no page");
    }
}

#[test]
fn numbers_are_unique_and_found_in_any_case() {
    let numbers: BTreeSet<&str> = Code::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(numbers.len(), Code::ALL.len());
    assert_eq!(explain("cf0204"), explain("CF0204"));
    assert_eq!(explain("CF9999"), None);
}
