//! What is known about the results of steps before any run: markers, outputs, words, and when variables are there.

use crate::actions::actions;
use crate::check::{compiled, findings};
use cofferdam_dsl::{Code, Diagnostic, Options, Severity, compile};

/// Holds that nothing is said about `body` but that it does not run yet.
fn holds(body: &str) {
    let text = format!("workflow w edition 1 {{ {body} }}");
    let found: Vec<Diagnostic> = compiled(&text).diagnostics;
    let said: Vec<&Diagnostic> = found.iter().filter(|found| found.code != Code::NotCarriedOut).collect();
    assert!(said.is_empty(), "{text}\n{said:#?}");
}

// row B02
#[test]
fn markers_of_gates_and_waits_are_known() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { gate human_approval publish { prompt = \"p\" } if publish.⟦aproved⟧ { fail \"x\" } }",
        "workflow w edition 1 { gate human_approval publish { prompt = \"p\" } if publish.⟦failed⟧ { fail \"x\" } }",
        "workflow w edition 1 { wait d { event = \"t\" } if d.⟦got⟧ { fail \"x\" } }",
        "workflow w edition 1 { wait d { for = 1s } if (⟦\"recieved\"⟧ in steps.d.markers) { fail \"x\" } }",
        "workflow w { gate human_approval { prompt = \"p\" } if human_approval.⟦ok⟧ { fail \"x\" } }",
    ]));
    holds("gate human_approval publish { prompt = \"p\" } if publish.approved { fail \"x\" }");
    holds("wait d { for = 1s } unless d.timed_out { fail \"x\" }");
    holds(
        "call a { use = test.fail } gate quality_gate q { source = a threshold = 3 } if q.anything { fail \"x\" }"
            .replace("q {", "{")
            .replace("q.", "quality_gate.")
            .as_str(),
    );
}

// row B02
#[test]
fn a_status_is_no_marker() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { call a { use = test.fail on_fail = continue } if ⟦a.failed⟧ { fail \"x\" } }",
        "workflow w edition 1 { call a { use = test.fail on_fail = continue } call b { use = test.fail if = ⟦a.skipped⟧ } }",
        "workflow w { call a { use = test.fail } unless ⟦a.completed⟧ { fail \"x\" } }",
    ]));
    holds("script s { run = \"x.sh\" } if s.failed { fail \"x\" }");
    holds("call a { use = test.fail on_fail = continue } if (steps.a.failed) { fail \"x\" }");
}

// row D12
#[test]
fn outputs_of_gates_and_loops_are_known() {
    let gate = "gate human_approval publish { prompt = \"p\" }";
    let each = "foreach f { over = [1] call test.fail }";
    let cases: Vec<String> = [
        (gate, "set { n = (steps.publish.output.⟦fedback⟧) }"),
        (gate, "if (⟦steps.publish.output.by == 3⟧) { fail \"x\" }"),
        (each, "set { n = (steps.f.output.⟦itms⟧) }"),
        (each, "set { n = (steps.f.output.⟦succeded⟧) }"),
        (each, "set { n = (steps.f.output.items[0].⟦sttus⟧) }"),
        (each, "set { n = (steps.f.output.items.map(i, i.⟦ouput⟧)) }"),
    ]
    .into_iter()
    .map(|(step, rest)| format!("workflow w edition 1 {{ {step} {rest} }}"))
    .collect();
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    insta::assert_snapshot!(findings(&cases));
    holds(
        "foreach f { over = tickets workflow = kid } fail \"{{steps.f.output.total}} {{steps.f.output.items[0].item_id}}\"",
    );
    holds(
        "foreach f { over = [1] call test.fail } if (steps.f.output.items.exists(i, i.status == \"failed\")) { fail \"x\" }",
    );
    holds("wait d { event = \"t\" } fail \"{{steps.d.output.anything}}\"");
}

// row A04
#[test]
fn words_that_a_value_never_is_are_told() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { call a { use = test.fail } if (steps.a.status == ⟦\"suceeded\"⟧) { fail \"x\" } }",
        "workflow w edition 1 { call a { use = test.fail } if (steps.a.status == ⟦\"cancled\"⟧) { fail \"x\" } }",
        "workflow w edition 1 { call a { use = test.fail } if (steps.a.error.class == ⟦\"Timeout\"⟧) { fail \"x\" } }",
        "workflow w edition 1 { call a { use = test.fail on_fail { if (⟦\"denid\"⟧ != error.class) { fail \"x\" } } } }",
        "workflow w edition 1 { call a { use = test.fail } if (steps.a.markers.contains(⟦3⟧)) { fail \"x\" } }",
        "workflow w edition 1 { inputs { mode enum = [\"full\", \"short\"] default = \"full\" } if (inputs.mode == ⟦\"ful\"⟧) { fail \"x\" } }",
    ]));
    holds(
        "call a { use = test.fail } if (steps.a.status in [\"failed\", \"skipped\"] || steps.a.error.class != \"timeout\") { fail \"x\" }",
    );
    holds(
        "inputs { mode enum = [\"full\", \"short\"] default = \"full\" } if (inputs.mode.orValue(\"none\") == \"none\") { fail \"x\" }",
    );
}

// row D10
#[test]
fn a_variable_is_written_before_it_is_read() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { if (vars.⟦z⟧ == 1) { fail \"x\" } set { z = 1 } }",
        "workflow w edition 1 { set { a = (vars.⟦a⟧ + 1) } }",
        "workflow w edition 1 { while (vars.⟦n⟧ < 3) { max_iterations = 3 set { n = 1 } } }",
        "workflow w edition 1 { parallel { do a { set { n = 1 } } do b { fail \"{{vars.⟦n⟧}}\" } } }",
        "workflow w edition 1 { foreach f { over = [1] call note.keep { params { text = \"{{vars.⟦n⟧}}\" } } set { n = 1 } } }",
    ]));
    for right in [
        "set { n = 0 } while (vars.n < 3) { max_iterations = 3 set { n = (vars.n + 1) } }",
        "do { max_iterations = 3 set { n = 1 } } while (vars.n < 3)",
        "while (!has(vars.n) || vars.n < 3) { max_iterations = 3 set { n = 1 } }",
        "if (run.dry_run) { set { n = 1 } } fail \"{{vars.n}}\"",
        "set { n = 1 } parallel { do a { fail \"{{vars.n}}\" } do b { set { n = 2 } } }",
        "set { n = 1 } outputs { n = (vars.n) } always { fail \"{{vars.n}}\" }",
        "call a { use = test.fail on_fail { set { why = (error.message) } } } fail \"{{vars.why}}\"",
    ] {
        holds(right);
    }
}

// rows A04 B02
#[test]
fn a_minus_needs_blanks() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { set { n = 1 } fail \"{{vars.⟦n-1⟧}}\" }",
        "workflow w edition 1 { fail \"{{run.⟦id-1⟧}}\" }",
        "workflow w edition 1 { inputs { n type = number default = 1 } fail \"{{inputs.⟦n-inputs⟧.n}}\" }",
        "workflow w edition 1 { inputs { a-b type = number default = 1 } fail \"{{inputs.⟦a-b-2⟧}}\" }",
    ]));
}

#[test]
fn constants_are_values_in_texts() {
    holds("fail \"{{ true }} {{null}} {{ false }}\"");
    let old = compile(
        "workflow w { fail \"{{ true }}\" }",
        "w.wf",
        &actions(),
        &Options::default(),
    );
    assert_eq!(old.diagnostics, []);
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { do { always { fail \"{{⟦workflow_status⟧}}\" } } }",
    ]));
}

#[test]
fn hints_tell_where_a_result_is() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { foreach f { over = [1] call one { use = test.fail } } fail \"{{steps.⟦one⟧.status}}\" }",
        "workflow w edition 1 { parallel { call a { use = test.fail } call b { use = test.fail if = (steps.⟦a⟧.failed) } } }",
        "workflow w edition 1 { parallel { do x { call a { use = test.fail } } call b { use = test.fail if = (steps.⟦a⟧.failed) } } }",
    ]));
}

// row A05
#[test]
fn what_meta_asks_for_can_be_read() {
    insta::assert_snapshot!(findings(&[
        "workflow w { meta { trigger = ⟦webhook⟧ } call test.fail }",
        "workflow w { meta { trigger = ⟦manul⟧ } call test.fail }",
        "workflow w { meta { trigger = ⟦scheduled⟧ } call test.fail }",
        "workflow w { meta { trigger = ⟦pr⟧ targets = [a, \"b\"] group = g } call test.fail }",
        "workflow w edition 1 { meta { schedule = ⟦\"61 * * * *\"⟧ } call test.fail }",
        "workflow w edition 1 { meta { schedule = ⟦\"every day\"⟧ } call test.fail }",
        "workflow w edition 1 { meta { timezone = ⟦\"Mars/Base\"⟧ } call test.fail }",
        "workflow w edition 1 { meta { overlap = ⟦maybe⟧ } call test.fail }",
        "workflow w edition 1 { meta { catch_up = ⟦sometimes⟧ } call test.fail }",
        "workflow w edition 1 { meta { concurrency { key = \"k\" policy = ⟦que⟧ } } call test.fail }",
        "workflow w edition 1 { meta { concurrency { key = \"{{⟦steps⟧.x.output}}\" } } call test.fail }",
        "workflow w edition 1 { inputs { repo required } meta { concurrency { key = \"{{⟦rep⟧}}-{{repo}}-{{inputs.repo}}\" } } call test.fail }",
        "workflow w edition 1 { inputs { repo required } meta { concurrency { key = \"{{inputs.⟦rep⟧}}\" } } call test.fail }",
        "workflow w edition 1 { inputs { a required } meta { title = ⟦\"for {{inputs.a}}\"⟧ } call test.fail }",
        "workflow w edition 1 { inputs { a required } script s { lang = python source = ⟦\"print({{inputs.a}})\"⟧ } }",
        "workflow w edition 1 { inputs { a required } call x { use = test.fail with = [⟦\"{{inputs.a}}\"⟧] } }",
    ]));
    holds(
        "meta { title = \"t\" description = \"d\" trigger = manual targets = [repo] group = g schedule = \"*/5 * * * mon-fri\" timezone = \"Europe/Zurich\" overlap = skip catch_up = last } call test.fail",
    );
    let text = "workflow w { meta { trigger = pr } call test.fail }";
    let compiled = compiled(text);
    assert!(compiled.plan.is_some(), "a trigger that does not work yet is a warning");
    assert_eq!(compiled.diagnostics[0].severity, Severity::Warning);
}
