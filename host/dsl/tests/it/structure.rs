//! How the attributes of one construct fit together, and names that may stand once in a file.

use crate::check::{compiled, findings};
use cofferdam_dsl::{ActionEntry, Actions, Code, Options, compile};
use cofferdam_engine::Digest;
use serde_json::json;

/// Holds that nothing is said about `body` but that it does not run yet.
fn holds(body: &str) {
    let text = format!("workflow w edition 1 {{ {body} }}");
    let found = compiled(&text).diagnostics;
    assert!(
        found.iter().all(|found| found.code == Code::NotCarriedOut),
        "{text}\n{found:#?}"
    );
}

#[test]
fn a_foreach_has_items_and_something_to_do() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { foreach f { over = [1] ⟦workflow⟧ = kid call test.fail } }",
        "workflow w edition 1 { ⟦foreach⟧ f { over = [1] } }",
        "workflow w edition 1 { foreach f { over = ⟦\"abc\"⟧ call test.fail } }",
        "workflow w edition 1 { inputs { files type = array default = [] } foreach f { over = ⟦files⟧ call test.fail } }",
        "workflow w edition 1 { foreach f { over = ⟦3⟧ call test.fail } }",
        "workflow w edition 1 { foreach f { over = ⟦(3)⟧ call test.fail } }",
        "workflow w edition 1 { foreach f { over = [1] each = ⟦steps⟧ call test.fail } }",
        "workflow w edition 1 { foreach f { over = [1] ⟦ordered⟧ = true call test.fail } }",
        "workflow w { foreach f { over = [1] ⟦on_cycle⟧ = warn call test.fail } }",
        "workflow w edition 1 { foreach f { over = [1] max_parallel = ⟦0⟧ call test.fail } }",
    ]));
    holds("foreach f { over = tickets workflow = kid inputs { ticket = \"{{item.id}}\" ref = (item.ref) } }");
    holds(
        "foreach f { over = tickets each = t workflow = kid inputs { ticket = \"{{t.id}}\" } ordered = true on_cycle = warn }",
    );
    holds(
        "foreach f { over = (steps.?x) each = package call note.keep { params { value = (package) } } }"
            .replace("(steps.?x)", "[1]")
            .as_str(),
    );
    let old = "workflow w { foreach f { over = tickets workflow = kid inputs { ticket = \"{{item.id}}\" } } }";
    assert!(
        compiled(old)
            .diagnostics
            .iter()
            .all(|found| found.code == Code::NotCarriedOut)
    );
    insta::assert_snapshot!(
        "items_are_known_in_the_inputs_only",
        findings(&["workflow w edition 1 { foreach f { over = tickets workflow = kid filter = \"{{⟦item⟧.id}}\" } }",])
    );
}

#[test]
fn a_wait_has_one_end() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { wait d { for = 1s ⟦event⟧ = \"t\" } }",
        "workflow w edition 1 { wait d { for = 1s ⟦until⟧ = \"2026-01-01T00:00:00Z\" event = \"t\" } }",
        "workflow w edition 1 { wait d { until = ⟦\"tomorrow\"⟧ } }",
        "workflow w edition 1 { wait d { for = 1s ⟦correlation⟧ = \"x\" } }",
        "workflow w edition 1 { wait d { for = \"{{inputs.⟦d⟧}}\" } }",
        "workflow w edition 1 { wait d { for = ⟦\"soon\"⟧ } }",
    ]));
    holds("inputs { d default = \"30s\" } wait d { for = \"{{inputs.d}}\" }");
    holds("inputs { d default = \"30s\" } wait d { for = (inputs.d) }");
    for moment in [
        "2026-12-31T18:00:00Z",
        "2026-12-31 18:00Z",
        "2026-12-31T18:00:00.5+02:00",
        "2026-12-31T18:00+02:00",
    ] {
        holds(&format!("wait d {{ until = \"{moment}\" }}"));
    }
}

// row A19
#[test]
fn a_loop_has_limits_that_can_be_met() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { while (run.dry_run) { max_iterations = ⟦0⟧ call test.fail } }",
        "workflow w edition 1 { while (run.dry_run) { max_iterations = (⟦\"x\"⟧) call test.fail } }",
        "workflow w edition 1 { while (run.dry_run) { max_iterations = 3 stuck_after = ⟦9⟧ call test.fail } }",
        "workflow w edition 1 { while (run.dry_run) { max_iterations = 3 stuck_after = (steps.⟦b⟧.output) call test.fail } }",
    ]));
    holds("call note.keep while (run.dry_run) { max_iterations = 3 stuck_after = (steps.keep.output) call test.fail }");
}

#[test]
fn a_name_stands_once_in_blocks_that_repeat() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { outputs { a = 1 } outputs { ⟦a⟧ = 2 } }",
        "workflow w edition 1 { outputs { a = 1 ⟦a⟧ = 2 } }",
        "workflow w { meta { title = \"a\" } meta { ⟦title⟧ = \"b\" } call test.fail }",
        "workflow w { inputs { a required } inputs { ⟦a⟧ required } call test.fail }",
        "workflow w { inputs { a required ⟦a⟧ required } call test.fail }",
    ]));
    holds(
        "meta { title = \"a\" } outputs { title = 1 } inputs { title default = \"x\" } meta { group = g } outputs { b = 1 }",
    );
}

#[test]
fn one_call_names_one_action() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { call test.fail { use = ⟦note.keep⟧ } }",
        "workflow w edition 1 { call x { use = ⟦json⟧ } }",
        "workflow w edition 1 { call test.fail { on_fail = ⟦contine⟧ } }",
    ]));
    holds("call test.fail { use = test.fail }");
}

#[test]
fn words_have_hints() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { parallel { join = ⟦some⟧ call test.fail } }",
        "workflow w edition 1 { gate human_approval { prompt = \"p\" on_timeout = ⟦skip⟧ } }",
        "workflow w edition 1 { inputs { n type = ⟦integer⟧ default = 1 } call test.fail }",
        "workflow w edition 1 { inputs { n type = ⟦bool⟧ default = true } call test.fail }",
        "workflow w edition 1 { inputs { n type = ⟦list⟧ default = [] } call test.fail }",
        "workflow w edition 1 { set { a = ⟦yes⟧ } fail \"{{vars.a}}\" }",
        "workflow w edition 1 { set { a = ⟦full⟧ } fail \"{{vars.a}}\" }",
        "workflow w edition 1 { inputs { full boolean } set { a = ⟦full⟧ } fail \"{{vars.a}}\" }",
        "workflow w edition 1 { set { a = ⟦run.id⟧ } fail \"{{vars.a}}\" }",
        "workflow w edition 1 { inputs { s default = \"\" } if (⟦inputs.s⟧) { fail \"x\" } }",
        "workflow w edition 1 { script s { run = \"x.sh\" ⟦source⟧ = \"x\" } }",
    ]));
}

// rows A16 B13 A19
#[test]
fn codes_that_are_rare_have_goldens() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { call ⟦\"../plan.md\"⟧ }",
        "workflow w edition 1 { call test.fail { on_fail = ⟦\"/etc/fix.md\"⟧ } }",
        "workflow w edition 1 { inputs { ⟦dry_run⟧ boolean } fail \"{{dry_run}}\" }",
        "workflow w { inputs { ⟦prior_output⟧ required } fail \"{{prior_output}}\" }",
    ]));
}

/// A plugin whose schema cannot be read is told about, and its parameters are taken as they are.
#[test]
fn a_schema_that_is_no_schema_is_told() {
    let entry = ActionEntry {
        params: json!({ "type": 5, "properties": { "a": { "type": "text" } } }),
        ..ActionEntry::new("odd", "act", Digest::of(b"odd"))
    };
    let text = "workflow w edition 1 { call odd.act { params { a = 1 } } }";
    let compiled = compile(text, "w.wf", &Actions::new([entry]), &Options::default());
    let all: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| crate::check::shown(&compiled, found))
        .collect();
    assert!(compiled.plan.is_some(), "{all:?}");
    insta::assert_snapshot!(all.join("\n"));
}
