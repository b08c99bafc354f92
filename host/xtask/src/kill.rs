//! What is left of a run whose host was killed, and what does `resume` do with it?

use crate::demo::{self, Place, WORKFLOW};
use crate::report;
use crate::repository::Repository;
use crate::{process, stage};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

/// A host that is quicker than the killer is tried again this often.
const TRIES: usize = 5;
/// How many steps are recorded when the host is killed.
const RECORDED: usize = 2;

/// Runs the audit, kills it after some steps were recorded, resumes it and compares.
pub(crate) fn demo(repository: &Repository) -> Result<()> {
    println!("Cofferdam demo: the audit of this source tree, killed half-way and resumed.");
    demo::prepare(repository, 4)?;
    println!();
    let whole = Place::of(repository, "demo-whole")?;
    let mut command = demo::run(repository, &whole);
    command.args(["--progress", "none"]).stdout(Stdio::null());
    process::run(&mut command)?;
    let expected = report::check(&whole.output.join("audit.html"))?;
    for _ in 0..TRIES {
        let place = Place::of(repository, "demo-killed")?;
        if let Some(process) = kill_in_the_middle(repository, &place)? {
            return resume(repository, &place, process, &expected);
        }
    }
    bail!("the run of {WORKFLOW} ended {TRIES} times before it could be killed")
}

/// Starts a run and kills its host. Returns the id of the process, or nothing if the run was over before.
fn kill_in_the_middle(repository: &Repository, place: &Place) -> Result<Option<u32>> {
    let mut command = demo::run(repository, place);
    command
        .args(["--progress", "lines", "--plain"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start the host")?;
    let lines = BufReader::new(child.stderr.take().context("the host has no stderr")?);
    let mut recorded = 0;
    for line in lines.lines() {
        let line = line?;
        println!("{line}");
        recorded += usize::from(line.contains(" completed") && !line.contains(" run completed"));
        if recorded >= RECORDED {
            break;
        }
    }
    // A process that is gone already cannot be killed, which is no failure of the demo.
    let killed = child.kill().is_ok();
    let status = child.wait()?;
    if !killed || status.code().is_some() {
        return Ok(None);
    }
    println!(
        "killed: process {} got SIGKILL after {recorded} steps were recorded",
        child.id()
    );
    Ok(Some(child.id()))
}

fn resume(repository: &Repository, place: &Place, process: u32, expected: &str) -> Result<()> {
    let before = events(repository, place)?;
    println!("        cofferdam resume last");
    let started = Instant::now();
    let mut command = demo::cofferdam(repository);
    command.args(["resume", "last"]);
    place.name_in(&mut command);
    process::run(&mut command)?;
    let after = events(repository, place)?;
    let kept = completed(&before);
    check(&kept, &after)?;
    let found = report::check(&place.output.join("audit.html"))?;
    ensure!(
        report::without_ids_and_times(&found) == report::without_ids_and_times(expected),
        "the report of the resumed run differs from that of a whole one: compare {} and {}",
        repository.short(&repository.target().join("demo-whole/out/audit.html")),
        repository.short(&place.output.join("audit.html")),
    );
    let all = completed(&after).len();
    println!(
        "\ndone: {all} steps, {} kept from process {process}, none ran twice after it was recorded; the report is the same as that of a whole run ({})",
        kept.len(),
        stage::shown(started.elapsed())
    );
    Ok(())
}

/// Fails if a step that was recorded before ran again, or one is recorded twice.
fn check(kept: &BTreeSet<String>, after: &[Value]) -> Result<()> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut adopted = false;
    for event in after {
        let kind = event["type"].as_str().unwrap_or_default();
        adopted |= kind == "run.adopted" && !times.is_empty();
        if kind == "step.completed" {
            *times.entry(step(event)).or_default() += 1;
        }
        ensure!(
            !(adopted && kind == "attempt.started" && kept.contains(&step(event))),
            "step {} was recorded and ran again",
            step(event)
        );
    }
    let twice: Vec<&String> = times
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(step, _)| step)
        .collect();
    ensure!(twice.is_empty(), "recorded twice: {twice:?}");
    ensure!(adopted, "nobody took the run over");
    ensure!(
        after.last().is_some_and(|event| event["type"] == "run.finished"),
        "the run did not finish"
    );
    Ok(())
}

fn events(repository: &Repository, place: &Place) -> Result<Vec<Value>> {
    let mut command = demo::cofferdam(repository);
    command.args(["events", "last", "--json"]);
    place.name_in(&mut command);
    let lines = process::output(&mut command)?;
    let event = |line: &str| -> Result<Value> { Ok(serde_json::from_str::<Value>(line)?["event"].take()) };
    lines
        .lines()
        .map(event)
        .collect::<Result<_>>()
        .context("`events --json` printed something else")
}

fn completed(events: &[Value]) -> BTreeSet<String> {
    events
        .iter()
        .filter(|event| event["type"] == "step.completed")
        .map(step)
        .collect()
}

/// A step with the iteration of its loops.
fn step(event: &Value) -> String {
    let name = event["step"].as_str().unwrap_or_default();
    if event["iteration"].is_null() {
        name.to_owned()
    } else {
        format!("{name} {}", event["iteration"])
    }
}

#[cfg(test)]
mod tests {
    use super::{check, completed};
    use serde_json::{Value, json};

    fn events(more: &[Value]) -> Vec<Value> {
        let mut events = vec![
            json!({ "type": "run.started" }),
            json!({ "type": "attempt.started", "step": "a" }),
            json!({ "type": "step.completed", "step": "a", "iteration": [1] }),
            json!({ "type": "run.adopted" }),
        ];
        events.extend(more.iter().cloned());
        events.push(json!({ "type": "run.finished" }));
        events
    }

    #[test]
    fn a_step_that_is_recorded_runs_no_more() {
        let kept = completed(&events(&[]));
        assert_eq!(kept.iter().collect::<Vec<_>>(), ["a [1]"]);
        check(
            &kept,
            &events(&[json!({ "type": "attempt.started", "step": "a", "iteration": [2] })]),
        )
        .unwrap();
        let again = json!({ "type": "attempt.started", "step": "a", "iteration": [1] });
        assert_eq!(
            check(&kept, &events(&[again])).unwrap_err().to_string(),
            "step a [1] was recorded and ran again"
        );
        let twice = json!({ "type": "step.completed", "step": "a", "iteration": [1] });
        assert!(
            check(&kept, &events(&[twice]))
                .unwrap_err()
                .to_string()
                .starts_with("recorded twice")
        );
    }
}
