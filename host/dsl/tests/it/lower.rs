//! What plans workflows become.

use crate::actions::actions;
use crate::plan_text::plan_text;
use crate::samples::SAMPLES;
use cofferdam_dsl::{Code, Compiled, Options, compile};
use cofferdam_engine::Plan;
use proptest::prelude::*;

fn compiled(file: &str, text: &str) -> Compiled {
    compile(text, file, &actions(), &Options::default())
}

/// Returns the plan of `text`; panics with the findings if there are any.
fn planned(file: &str, text: &str) -> Plan {
    let compiled = compiled(file, text);
    // Some inputs are there for their declarations.
    let findings: Vec<String> = compiled
        .diagnostics
        .iter()
        .filter(|found| found.code != Code::UnusedInput)
        .map(|found| format!("{} {}", found.code, found.message))
        .collect();
    assert_eq!(findings, Vec::<String>::new());
    compiled.plan.expect("a workflow without findings has a plan")
}

/// A workflow with every construct that runs.
const EVERYTHING: &str = include_str!("../data/plans/everything.wf");

/// A workflow in the old form.
const OLD: &str = include_str!("../data/plans/old.wf");

#[test]
fn the_audit() {
    insta::assert_snapshot!(plan_text(&planned("audit.wf", include_str!("../data/audit.wf"))));
}

#[test]
fn every_construct() {
    insta::assert_snapshot!(plan_text(&planned("everything.wf", EVERYTHING)));
}

#[test]
fn a_file_without_an_edition() {
    let compiled = compiled("old.wf", OLD);
    assert!(
        !compiled.diagnostics.iter().any(cofferdam_dsl::Diagnostic::is_error),
        "{:#?}",
        compiled.diagnostics
    );
    insta::assert_snapshot!(plan_text(&compiled.plan.expect("old files have plans")));
}

// row C09
#[test]
fn blocks_say_which_schema_and_snippets_the_calls_inside_have() {
    let text = "workflow w edition 1 {
        call alone { use = test.fail }
        do {
            output = outer
            with   = [style, \"tone\"]
            call takes-outer { use = test.fail }
            do {
                output = inner
                with   = facts
                call takes-inner { use = test.fail }
                call has-own { use = test.fail  output = own  with = [more, last] }
                if (run.dry_run) { call in-an-arm { use = test.fail } }
                parallel {
                    with = beside
                    call in-a-branch { use = test.fail  on_fail { call in-a-handler { use = test.fail  with = sorry } } }
                    call of-its-own-schema { use = test.fail  output = own }
                }
            }
            do { with = round  max_iterations = 2  call in-a-loop { use = test.fail } } while (run.dry_run)
            call after { use = test.fail }
        }
        call outside { use = test.fail }
    }";
    insta::assert_snapshot!(plan_text(&planned("w.wf", text)));
    let many = format!("[{}]", "a, ".repeat(40));
    let text = format!(
        "workflow w edition 1 {{ do {{ output = \"../x\"  with = {many}  do {{ with = {many}  call a {{ use = test.fail }} }} }} }}"
    );
    let compiled = compiled("w.wf", &text);
    let found: Vec<String> = compiled.diagnostics.iter().map(|found| found.message.clone()).collect();
    assert_eq!(
        found,
        [
            "the path `../x` leads out of the project",
            "80 snippets go with one prompt, of at most 64"
        ]
    );
}

/// Stored plans are read by every later release: this text may only change together with the encoding's version.
#[test]
fn the_encoding_of_a_plan_is_kept() {
    let plan = planned("everything.wf", EVERYTHING);
    let bytes = plan.encode();
    let json: serde_json::Value = serde_json::from_slice(&bytes).expect("a plan is JSON");
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).expect("JSON can be written"));
    assert_eq!(Plan::decode(&bytes).expect("what was written can be read"), plan);
}

// row A11
#[test]
fn layout_and_comments_do_not_change_the_digest() {
    let plan = planned("everything.wf", EVERYTHING);
    let spread = EVERYTHING.replace('{', "{ # here\n\n").replace("(steps.", "(  steps.");
    let spread = planned(
        "everything.wf",
        &spread.replace("{ # here\n\n{ # here\n\n", "{{").replace("${", "{"),
    );
    assert_eq!(plan.digest(), spread.digest());
    let changed = planned("everything.wf", &EVERYTHING.replace("attempts = 4", "attempts = 5"));
    assert_ne!(plan.digest(), changed.digest());
}

#[test]
fn paths_are_unique_within_their_parent() {
    let text = "workflow w edition 1 {
        call a { use = test.fail }
        call a { use = test.fail }
        if (run.dry_run) { call a { use = test.fail } set { x = 1 } } else { call a { use = test.fail } }
        if (run.dry_run) { set { x = 1 } }
        parallel { do { call a { use = test.fail } } do { call a { use = test.fail } } }
        always { fail \"x\" }
        always { fail \"y\" }
        outputs { x = (vars.x) }
    }";
    let plan = planned("w.wf", text);
    let paths: Vec<&str> = plan.nodes().iter().map(|node| node.path.as_str()).collect();
    insta::assert_snapshot!(paths.join("\n"));
}

/// Returns all texts that the property below bends.
fn originals() -> Vec<String> {
    let samples = SAMPLES.iter().map(|(_, text)| (*text).to_owned());
    samples.chain([EVERYTHING.to_owned(), OLD.to_owned()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A piece of a workflow that is removed, doubled or moved never makes a plan that is none, and a finding always
    /// lies within the text.
    #[test]
    fn no_workflow_becomes_an_impossible_plan(
        which in 0..14_usize, from in 0.0..1.0_f64, length in 0..60_usize, to in 0.0..1.0_f64, kind in 0..4_u8,
    ) {
        let original: Vec<char> = originals()[which].chars().collect();
        let place = |share: f64| (share * original.len() as f64) as usize;
        let (from, to) = (place(from), place(to));
        let piece = &original[from..(from + length).min(original.len())];
        let mut text = original.clone();
        match kind {
            0 => drop(text.drain(from..from + piece.len())),
            1 => drop(text.splice(to..to, piece.iter().copied())),
            2 => drop(text.splice(to..(to + piece.len()).min(original.len()), piece.iter().copied())),
            // Whole lines change places: mostly still a workflow.
            _ => {
                let mut lines: Vec<String> =
                    original.iter().collect::<String>().lines().map(str::to_owned).collect();
                let count = lines.len();
                lines.swap(from * count / original.len().max(1) % count, to * count / original.len().max(1) % count);
                text = lines.join("\n").chars().collect();
            }
        }
        let text: String = text.into_iter().collect();
        let compiled = compiled("w.wf", &text);
        let refused = compiled.diagnostics.iter().any(cofferdam_dsl::Diagnostic::is_error);
        prop_assert_eq!(compiled.plan.is_none(), refused || !compiled.not_carried_out.is_empty());
        for found in &compiled.diagnostics {
            prop_assert!(!found.message.contains("cannot be planned"), "{}\n{}", found.message, text);
            prop_assert!(found.primary.span.end as usize <= text.len(), "{:?}", found);
        }
        if let Some(plan) = compiled.plan {
            prop_assert_eq!(Plan::decode(&plan.encode()).expect("plans can be read back"), plan);
        }
    }
}
