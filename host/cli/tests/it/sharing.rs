//! The values that the steps of a run share, and what an attempt keeps for the next one: with a component that uses them.

use crate::project::{Project, Said};
use std::path::Path;

const GRANTED: &str = "config = 1\n\n[plugins.notes]\ncontext = [\"notes.a*\"]\n";

const SHARES: &str = r#"workflow shares edition 1 {
  call one { use = notes.put  params { key = "notes.a"  value = [1]  expected = 0 } }
  call two { use = notes.put  params { key = "notes.ab"  value = "x" } }
  call three { use = notes.put  params { key = "notes.a"  value = [1, 2]  expected = 1 } }
  call gone { use = notes.take-away  params { key = "notes.ab" } }
  call seen { use = notes.read  params { key = "notes.a" } }
  outputs { seen = (steps.seen.output) }
}
"#;

const RACES: &str = r#"workflow races edition 1 {
  parallel all {
    call left { use = notes.put  retries = 3  params { key = "notes.a"  value = "left" } }
    call right { use = notes.put  retries = 3  params { key = "notes.a"  value = "right" } }
  }
  call seen { use = notes.read  params { key = "notes.a" } }
  outputs { revision = (steps.seen.output.revision) }
}
"#;

const STRAYS: &str = r#"workflow strays edition 1 {
  call one { use = notes.put  params { key = "notes.b"  value = 1 } }
}
"#;

const PAGES: &str = r#"workflow pages edition 1 {
  inputs {
    fails_at type = number  default = 99
    hangs_at type = number  default = 99
  }
  call pages { use = notes.pages  retries = 1  timeout = 10m  params { count = 5  fails_at = (inputs.fails_at)  hangs_at = (inputs.hangs_at) } }
  outputs { pages = (steps.pages.output) }
}
"#;

const KNOWS: &str = r#"workflow knows edition 1 {
  set { n = 0 }
  while (vars.n < 2) {
    max_iterations = 3
    call asks { use = notes.facts  retries = 2 }
    set { n = (vars.n + 1) }
  }
  outputs { facts = (steps.asks.output) }
}
"#;

fn project(configuration: &str) -> Project {
    let project = Project::with(&[
        ("cofferdam.toml", configuration),
        ("shares.wf", SHARES),
        ("races.wf", RACES),
        ("strays.wf", STRAYS),
        ("pages.wf", PAGES),
        ("knows.wf", KNOWS),
    ]);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/notes.wasm");
    let component = std::fs::read(file).expect("a guest from `cargo xtask plugins`");
    project.write("plugins/notes.wasm", component);
    let accepted = project.say(&["plugin", "accept", "notes", "--yes"]);
    assert_eq!(accepted.code, Some(0), "{accepted}");
    project
}

fn outputs(said: &Said) -> serde_json::Value {
    assert_eq!(said.code, Some(0), "{said}");
    let run: serde_json::Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    run["outputs"].clone()
}

// row D09
// key plugins.context
#[test]
fn steps_share_values_by_the_keys_that_are_granted() {
    let project = project(GRANTED);
    let seen = outputs(&project.say(&["run", "shares.wf", "--json"]));
    let expected = serde_json::json!({ "value": [1, 2], "revision": 2, "keys": ["notes.a"] });
    assert_eq!(seen["seen"], expected);
    let shown = project.say(&["show", "last", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        shown["shared"],
        serde_json::json!({ "notes.a": { "value": [1, 2], "revision": 2 } })
    );
    let told = project.say(&["show", "last"]).stdout;
    assert!(
        told.contains("shared by its steps:\n  notes.a = [1,2] (revision 2)\n"),
        "{told}"
    );
    let raced = outputs(&project.say(&["run", "races.wf", "--json"]));
    assert_eq!(raced["revision"], 2, "both counted, one after the other");
}

// rows D09, E14
#[test]
fn a_key_that_is_not_granted_is_refused_and_told() {
    let granted = project(GRANTED);
    let said = granted.say(&["run", "strays.wf"]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(
        said.stderr.contains("this key of the run context is not granted"),
        "{said}"
    );
    assert!(said.stderr.contains("notes.b"), "{said}");

    let nothing = project("config = 1\n\n[plugins.notes]\n");
    let said = nothing.say(&["run", "shares.wf"]);
    assert_eq!(said.code, Some(4), "{said}");
    assert!(said.stderr.contains("context = [\"notes.*\"]"), "{said}");
    assert!(!nothing.path(".cofferdam/state.db").exists(), "nothing was started");
}

#[test]
fn an_attempt_begins_where_the_one_before_it_stopped() {
    let project = project(GRANTED);
    let pages = outputs(&project.say(&["run", "pages.wf", "-i", "fails_at:=3", "--json"]));
    assert_eq!(pages["pages"], serde_json::json!([3, 4]));
}

// row K01
#[test]
fn a_delivery_begins_where_the_one_of_a_dead_host_stopped() {
    let project = project(GRANTED);
    let mut child = project.start(&["run", "pages.wf", "-i", "hangs_at:=3"]);
    // Start of the run, start of the attempt, and what it keeps: all that was kept when it hangs comes with the last of these.
    loop {
        project.wait_for_run(&mut child, 1, 3);
        let events = project.say(&["events", "last", "--json"]).stdout;
        if events
            .lines()
            .any(|line| line.contains("progress.saved") && line.contains("\"detail\":3"))
        {
            break;
        }
    }
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    let said = project.say(&["resume", "last", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    let shown = project.say(&["show", "last", "--json"]).stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["outputs"]["pages"], serde_json::json!([3, 4]), "{shown}");
}

// row E14
#[test]
fn keys_that_mean_nothing_are_refused() {
    let project = Project::with(&[(
        "cofferdam.toml",
        "config = 1\n\n[plugins.fs]\ncontext = [\"a b\", \"x\", \"x\"]\n",
    )]);
    let said = project.say(&["config", "check"]);
    assert_eq!(said.code, Some(4), "{said}");
    assert!(said.stderr.contains("`a b` means no keys"), "{said}");
    assert!(said.stderr.contains("`x` stands here twice"), "{said}");
}

#[test]
fn what_each_attempt_used_is_shown_beside_what_it_was_allowed() {
    let project = project(&format!("{GRANTED}limits = {{ memory = \"32 MiB\" }}\n"));
    let said = project.say(&["run", "pages.wf", "--input", "fails_at=2", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    // As it was said: amounts are taken out of what is compared.
    let shown = project.command(&["show", "--attempts", "--json"]).output();
    let shown: serde_json::Value =
        serde_json::from_slice(&shown.expect("the binary starts").stdout).expect("one object");
    let attempts = shown["attempts"].as_array().expect("attempts");
    let how: Vec<_> = attempts.iter().map(|attempt| &attempt["how"]).collect();
    assert_eq!(how, ["failed (transient)", "completed"]);
    for (attempt, number) in attempts.iter().zip(1..) {
        assert_eq!(attempt["attempt"], number);
        let of = |name: &str| {
            let share = &attempt["used"][name];
            (
                share[0].as_u64().expect("an amount"),
                share[1].as_u64().expect("a limit"),
            )
        };
        let (used, allowed) = of("memory");
        assert_eq!(allowed, 32 << 20);
        assert!((64 << 10..=allowed).contains(&used), "{used} bytes");
        // The step's own time, and the limit of the table.
        assert_eq!(of("wall").1, 600_000);
        assert_eq!(of("cpu").1, 10_000);
        assert!(of("cpu").0 <= of("wall").0.max(1));
    }
    let length = attempts[1]["used"]["output"][0].as_u64();
    assert_eq!(
        length.expect("a length"),
        outputs(&said)["pages"].to_string().len() as u64
    );
    let shown = project.say(&["show", "--attempts"]);
    assert!(shown.stdout.contains(" of 33.6 MB "), "{shown}");
}

#[test]
fn an_attempt_that_is_stopped_is_shown_without_what_it_used() {
    let project = project(GRANTED);
    let mut child = project.start(&["run", "pages.wf", "-i", "hangs_at:=1"]);
    project.wait_for_run(&mut child, 1, 3);
    let how = || {
        let shown = project.say(&["show", "last", "--attempts", "--json"]).stdout;
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("one object");
        let attempt = &shown["attempts"][0];
        (attempt["how"].clone(), attempt["used"].clone())
    };
    assert_eq!(how(), ("not over".into(), serde_json::Value::Null));
    assert_eq!(project.say(&["kill", "last"]).code, Some(0));
    child.wait().expect("it is killed");
    assert_eq!(how(), ("stopped".into(), serde_json::Value::Null));
    let shown = project.say(&["show", "last", "--attempts"]);
    assert!(shown.stdout.contains("stopped"), "{shown}");
}

// row E13
#[test]
fn an_attempt_knows_what_it_is_and_nothing_else() {
    let project = project(GRANTED);
    let said = project.command(&["run", "knows.wf", "--json"]).output();
    let said: serde_json::Value = serde_json::from_slice(&said.expect("the binary starts").stdout).expect("one object");
    assert_eq!(said["status"], "completed", "{said}");
    let mut facts = said["outputs"]["facts"].clone();
    assert_eq!(facts["run"].take(), said["run"]);
    let token = facts["token"].take();
    assert!(token.as_str().is_some_and(|token| token.len() >= 16), "{token}");
    let expected = serde_json::json!({
        "run": null, "workflow": "knows", "step": "while/asks", "iteration": 2, "attempt": 2,
        "retries_left": 1, "previous": "not at once", "token": null, "unknown": null,
    });
    assert_eq!(facts, expected);
}
