//! What goes to, or comes from, all runs at once: signals by their topic, the stream of events.

use crate::project::Project;
use serde_json::Value;
use std::io::{BufRead, BufReader};

const WAITS: &str = r#"workflow waits edition 1 {
  inputs { order }
  wait paid { event = "payment"  correlation = "{{inputs.order}}" }
  outputs { paid = (steps.paid.output) }
}
"#;

fn statuses(project: &Project) -> Vec<String> {
    let listed = project.say(&["runs", "--json"]);
    let runs: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let runs = runs["runs"].as_array().expect("a list");
    runs.iter()
        .map(|run| run["status"].as_str().expect("a status").to_owned())
        .collect()
}

// row L02
#[test]
fn a_signal_by_its_topic_goes_to_every_run_that_waits_for_it() {
    let project = Project::with(&[("waits.wf", WAITS)]);
    for order in ["order=7", "order=8", "order=7"] {
        assert_eq!(
            project
                .say(&["run", "waits.wf", "-i", order, "--progress", "none"])
                .code,
            Some(6)
        );
    }
    let nobody = project.say(&["signal", "--topic", "payment", "--correlation", "9"]);
    assert_eq!(nobody.code, Some(5), "{nobody}");
    assert!(
        nobody.stderr.contains("no run waits for `payment`; nothing was kept"),
        "{nobody}"
    );
    let signal = [
        "signal",
        "--topic",
        "payment",
        "--correlation",
        "7",
        "--data",
        "42",
        "--key",
        "p1",
        "--json",
    ];
    for _ in 0..2 {
        // The second one is the first one: its key says so.
        let said = project.say(&signal);
        assert_eq!(said.code, Some(0), "{said}");
        let told: Value = serde_json::from_str(&said.stdout).expect("JSON");
        assert_eq!(told["runs"].as_array().map(Vec::len), Some(2), "{said}");
    }
    assert_eq!(statuses(&project), ["waiting", "waiting", "waiting"]);
    let worked = project.say(&["work", "--until-idle"]);
    assert_eq!(worked.code, Some(0), "{worked}");
    assert_eq!(statuses(&project), ["completed", "waiting", "completed"]);
    let shown = project.say(&["show", "last"]);
    assert!(shown.stdout.contains("paid  42"), "{shown}");
    let events = project.say(&["events", "last", "--json"]);
    assert_eq!(events.stdout.matches("signal.received").count(), 1, "{events}");
    // Nobody waits any more.
    assert_eq!(project.say(&signal).code, Some(5));
}

fn cursors(lines: &str) -> Vec<String> {
    let cursor = |line: &str| {
        serde_json::from_str::<Value>(line).expect("JSON")["cursor"]
            .as_str()
            .map(str::to_owned)
    };
    lines.lines().map(|line| cursor(line).expect("a cursor")).collect()
}

// row N03
#[test]
fn the_events_of_all_runs_can_be_followed_from_anywhere_without_a_gap() {
    let project = Project::with(&[("word.wf", "workflow word edition 1 {\n  set { a = 1 }\n}\n")]);
    let run = || assert_eq!(project.say(&["run", "word.wf", "--progress", "none"]).code, Some(0));
    run();
    run();
    let raw = |arguments: &[&str]| {
        let output = project.command(arguments).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let all = cursors(&raw(&["events", "--all", "--json"]));
    assert!(all.len() >= 6, "{all:?}");
    // Late, and from the middle on.
    let rest = cursors(&raw(&["events", "--all", "--json", "--behind", &all[2]]));
    assert_eq!(rest, all[3..]);
    assert_eq!(raw(&["events", "--all", "--json", "--behind", "end"]), "");
    let mut command = project.command(&["events", "--all", "--json", "--follow", "--behind", &all[4]]);
    let mut follower = command.stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(follower.stdout.take().expect("it is piped")).lines();
    let mut next = || cursors(&lines.next().expect("a line").expect("it can be read")).remove(0);
    let seen: Vec<String> = all[5..].iter().map(|_| next()).collect();
    assert_eq!(seen, all[5..]);
    // What happens while somebody follows comes too.
    run();
    let more = cursors(&raw(&[
        "events",
        "--all",
        "--json",
        "--behind",
        all.last().expect("some"),
    ]));
    let seen: Vec<String> = more.iter().map(|_| next()).collect();
    assert_eq!(seen, more);
    follower.kill().expect("it is there");
    follower.wait().expect("it ends");
    for (cursor, code) in [("nonsense", 2), ("000000000000-1", 2)] {
        let said = project.say(&["events", "--all", "--behind", cursor]);
        assert_eq!(said.code, Some(code), "{said}");
    }
}

// rows H09, H10
#[test]
fn runs_are_counted_listed_in_pages_and_say_what_they_want_from_somebody() {
    let gated = "workflow gated edition 1 {\n  gate human_review go { prompt = \"Go?\" }\n}\n";
    let project = Project::with(&[
        ("word.wf", "workflow word edition 1 {\n  set { a = 1 }\n}\n"),
        ("gated.wf", gated),
    ]);
    for (file, code) in [("word.wf", 0), ("word.wf", 0), ("gated.wf", 6), ("word.wf", 0)] {
        assert_eq!(project.say(&["run", file, "--progress", "none"]).code, Some(code));
    }
    let list = |arguments: &[&str]| -> Value {
        let listed = project
            .command(&[&["runs", "--json"], arguments].concat())
            .output()
            .expect("it starts");
        serde_json::from_slice(&listed.stdout).expect("JSON")
    };
    let all = list(&[]);
    assert_eq!(all["counts"], serde_json::json!({ "waiting": 1, "completed": 3 }));
    assert_eq!(
        list(&["--workflow", "word"])["counts"],
        serde_json::json!({ "completed": 3 })
    );
    let waits = all["waits"].as_array().expect("a list");
    assert_eq!((waits.len(), &waits[0]["run"]), (1, &all["runs"][1]["run"]));
    assert_eq!(waits[0]["waiting"][0]["gate"], "go", "{all}");

    let ids = |listed: &Value| -> Vec<String> {
        let runs = listed["runs"].as_array().expect("a list").iter();
        runs.map(|run| run["run"].as_str().expect("an id").to_owned()).collect()
    };
    let (first, whole) = (list(&["--limit", "2"]), ids(&all));
    let second = list(&["--limit", "2", "--before", &ids(&first)[1]]);
    assert_eq!([ids(&first), ids(&second)].concat(), whole);
    assert!(ids(&list(&["--before", &whole[3]])).is_empty());

    let said = project.say(&["runs"]);
    assert!(said.stderr.contains("1 waiting · 3 completed"), "{said}");
    assert!(
        said.stderr.contains("gate `go` of run [run] needs a decision"),
        "{said}"
    );
}

// rows L10, K10
#[test]
fn a_run_can_be_begun_for_whoever_is_at_work() {
    let project = Project::with(&[(
        "join.wf",
        "workflow join edition 1 {\n  inputs { word default = \"a\" }\n  call join { use = text.join  params { items = [\"{{inputs.word}}\", \"b\"] } }\n}\n",
    )]);
    let begin = ["run", "join.wf", "--detach", "--id", "once"];
    let first = project.say(&begin);
    assert_eq!(first.code, Some(0), "{first}");
    assert!(first.stderr.contains("on which nobody works now"), "{first}");
    let again = project.say(&begin);
    assert_eq!((again.code, &again.stdout), (Some(0), &first.stdout), "{again}");
    let other = project.say(&[&begin[..], &["-i", "word=c"]].concat());
    assert_eq!(other.code, Some(5), "{other}");
    assert_eq!(statuses(&project), ["interrupted"], "nothing of it was entered");
    let events = project.say(&["events", "last", "--json"]).stdout;
    assert!(!events.contains("attempt.started"), "{events}");
    assert_eq!(project.say(&["work", "--until-idle"]).code, Some(0));
    assert_eq!(statuses(&project), ["completed"]);
}
