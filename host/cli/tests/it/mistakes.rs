//! The mistakes that an author of a plugin is most likely to make, each as a real component, and what they are told.

use crate::project::Project;
use insta::assert_snapshot;

#[path = "../../../wasm/tests/it/guests.rs"]
#[expect(dead_code, reason = "the tests of the sandbox need more of it")]
mod guests;

use guests::{Guest, componentize};

const WORLD: &str = include_str!("../../../wasm/tests/it/wasi.wit");
const CONTRACT: &str = include_str!("../../../../wit/plugin.wit");

fn specified(spec: &str) -> Vec<u8> {
    let guest = Guest {
        spec: spec.to_owned(),
        ..Guest::default()
    };
    guest.component()
}

fn described_by(describe: &str, imports: &str) -> Vec<u8> {
    let guest = Guest {
        describe: describe.to_owned(),
        ..Guest::default()
    };
    guest.importing(imports).component()
}

/// Returns a list of descriptors at 600 that has the one descriptor this many times.
fn repeated(times: u32) -> Vec<u8> {
    let copy = format!(
        "(local $n i32)
        (loop $more
            (memory.copy (i32.add (i32.const 20000) (i32.mul (local.get $n) (i32.const 24))) (i32.const 48) (i32.const 24))
            (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {times}))))
        (i32.store (i32.const 600) (i32.const 20000))
        (i32.store (i32.const 604) (i32.const {times}))
        (i32.const 600)"
    );
    described_by(&copy, "")
}

/// Each mistake that is noticed when the file is looked at.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| wat::parse_str(text).expect("the text of a module");
    let newer = |text: &str| {
        text.replace("cofferdam:plugin@0.1.0", "cofferdam:plugin@0.2.0")
            .replace("@0.1.0", "@0.2.0")
    };
    let asking = Guest::running("(call $answer (i32.const 0) (call $number))")
        .importing(r#"(import "cofferdam:plugin/attempt@0.1.0" "number" (func $number (result i32)))"#);
    let optional = CONTRACT.replace("    context: option<string>,", "    context: string,");
    vec![
        ("01-core-module", text("(module)")),
        ("02-no-component", b"fn main() {}".to_vec()),
        ("03-exports-nothing", text("(component)")),
        (
            "04-another-contract",
            componentize(&newer(&asking.core()), &newer(WORLD), &newer(CONTRACT), "hostile"),
        ),
        (
            "05-strange-imports",
            text(
                r#"(component (import "acme:thing/x@1.0.0" (instance)) (import "wasi:keyvalue/store@0.2.0" (instance)))"#,
            ),
        ),
        (
            "06-changed-contract",
            componentize(&Guest::default().core(), WORLD, &optional, "hostile"),
        ),
        ("07-panics-in-describe", described_by("(unreachable)", "")),
        (
            "08-attempt-in-describe",
            described_by(
                "(call $number)",
                r#"(import "cofferdam:plugin/attempt@0.1.0" "number" (func $number (result i32)))"#,
            ),
        ),
        (
            "09-describe-never-ends",
            described_by("(loop $again (br $again)) (unreachable)", ""),
        ),
        ("10-too-many-actions", repeated(300)),
        ("11-one-name-twice", repeated(3)),
        (
            "12-bad-name",
            Guest {
                action: "Count_Words".to_owned(),
                ..Guest::default()
            }
            .component(),
        ),
        ("13-spec-is-no-json", specified("{'params': 1}")),
        (
            "14-no-schemas",
            specified(r#"{"params": "object", "output": ["a"], "examples": {}, "needs": {"kind": "read"}}"#),
        ),
        (
            "15-schema-from-elsewhere",
            specified(r#"{"params": {"$ref": "https://example.org/x.json"}}"#),
        ),
        (
            "16-wrong-needs",
            specified(
                r#"{"needs": [{"kind": "netwrok"}, {"url": "https://a.b"}, {"kind": "network", "url": "example.org", "methods": "GET"}, {"kind": "read", "path": "src"}, {"kind": "secret", "name": 1}]}"#,
            ),
        ),
        (
            "17-wrong-words",
            specified(r#"{"retry": "always", "dry-run": true, "on-lost": "retry"}"#),
        ),
    ]
}

// row B15
#[test]
fn what_is_wrong_with_a_file_is_said_all_of_it() {
    let project = Project::empty();
    let mut transcript = Vec::new();
    for (name, bytes) in files() {
        let file = format!("{name}.wasm");
        project.write(&file, bytes);
        let said = project.say(&["plugin", "check", &file]);
        assert_eq!(said.code, Some(4), "{name}: {said}");
        // Which of its times ends first depends on how much else the machine does.
        let (computing, whole) = (
            "exceeded its limit `cpu` of 2 s (computing time of an attempt)",
            "did not return within 5s",
        );
        transcript.push(said.stderr.trim_end().replace(computing, whole));
    }
    assert_snapshot!("mistakes_in_files", transcript.join("\n"));
}

const OPENS: &str = r#"
    (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
    (import "wasi:filesystem/types@0.2.6" "[method]descriptor.open-at"
        (func $open (param i32 i32 i32 i32 i32 i32 i32)))"#;
/// Opens `a.txt`, and returns the failure of class `permanent` with the message `no file` when that does not work.
const OPENING: &str = r#"
    (call $directories (i32.const 300))
    (call $open (i32.load (i32.load (i32.const 300))) (i32.const 0) (i32.const 600) (i32.const 5) (i32.const 0)
        (i32.const 1) (i32.const 320))
    (if (i32.load8_u (i32.const 320)) (then
        (i32.store8 (i32.const 128) (i32.const 1))
        (i32.store8 (i32.const 136) (i32.const 2))
        (i32.store8 (i32.const 140) (i32.const 0))
        (i32.store (i32.const 152) (i32.const 610))
        (i32.store (i32.const 156) (i32.const 7))
        (i32.store8 (i32.const 160) (i32.const 0))
        (i32.store (i32.const 176) (i32.const 0))
        (i32.store (i32.const 180) (i32.const 0))
        (return (i32.const 128))))
    (call $answer (local.get $params) (local.get $params_len))"#;

/// Each mistake that is noticed when the action runs.
fn running() -> Vec<(&'static str, Guest)> {
    let exit = r#"(import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#;
    vec![
        (
            "p18-opens-without-need",
            Guest::running(OPENING)
                .importing(OPENS)
                .with(r#"(data (i32.const 600) "a.txt") (data (i32.const 610) "no file")"#),
        ),
        ("p19-panics", Guest::running("(unreachable)")),
        (
            "p20-output-is-no-json",
            Guest::running("(call $answer (i32.const 600) (i32.const 5))").with(r#"(data (i32.const 600) "hello")"#),
        ),
        (
            "p21-exits",
            Guest::running("(call $exit (i32.const 0)) (unreachable)").importing(exit),
        ),
        (
            "p22-too-much-memory",
            Guest::running("(drop (memory.grow (i32.const 3000))) (unreachable)"),
        ),
    ]
}

// row B15
#[test]
fn what_goes_wrong_in_a_call_is_said_in_words() {
    let project = Project::with(&[("a.txt", "a")]);
    let mut transcript = Vec::new();
    for (name, guest) in running() {
        let file = format!("{name}.wasm");
        project.write(&file, guest.component());
        let said = project.say(&["plugin", "run", &file, "go"]);
        assert_ne!(said.code, Some(0), "{name}: {said}");
        // How long it took differs.
        let said: Vec<&str> = said
            .stderr
            .lines()
            .map(|line| line.split(", [took]").next().unwrap_or(line))
            .collect();
        transcript.push(format!("{name}\n{}", said.join("\n")));
    }
    assert_snapshot!("mistakes_in_calls", transcript.join("\n\n"));
}

// row B15
#[test]
fn what_a_call_gives_is_held_against_what_the_action_takes() {
    let strict = r#"{"params": {"type": "object", "properties": {"lines": {"type": "integer"}, "text": {"type": "string"}}, "required": ["text"], "additionalProperties": false}}"#;
    let call = "workflow w edition 1 {\n  call go { use = strict.go  params { lines = \"three\"  txet = \"x\" } }\n}\n";
    let project = Project::with(&[("w.wf", call)]);
    project.write("plugins/strict.wasm", specified(strict));
    assert_snapshot!("mistakes_in_parameters", project.transcript(&["check", "w.wf"]));
}
