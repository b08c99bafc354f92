//! Whether each expression of LANGUAGE section 7, on which the `cel` crate fails, has its right value here.

use super::world::{World, check};
use crate::expr::{Budget, Expression};

#[test]
fn section_7_table() {
    check(&[
        ("steps.scan.output.count + 1", "6"),
        ("steps.scan.output.ratio + 1", "4.0"),
        ("steps.skipped.output.count > 3", "false"),
        ("has(steps.skipped.output.count)", "false"),
        ("steps.resolve-pr-base.output.branch", r#""main""#),
        (
            "inputs.map(k, k)",
            r#"["auto_merge","empty","full","mode","n","ratio"]"#,
        ),
        (
            r#""b,a".split(",").sort().join(" ").upper().lowerAscii().replace("a", "x")"#,
            r#""x b""#,
        ),
        // At run time as in CEL; `check` refuses it.
        (r#"inputs.full == "true""#, "false"),
    ]);
}

#[test]
fn section_7_a_hundred_brackets_are_an_error_that_names_the_limit() {
    let source = format!("{}1{}", "(".repeat(100), ")".repeat(100));
    let error = Expression::parse(&source).unwrap_err();
    assert_eq!(error.message, "an expression nested deeper than 64 levels");
    let allowed = format!("{}1{}", "(".repeat(64), ")".repeat(64));
    assert_eq!(World::default().show(&allowed), "1");
}

#[test]
fn section_7_ten_thousand_operands_in_a_row() {
    for (operator, wanted) in [
        ("+", "10000"),
        ("-", "-9998"),
        ("*", "1"),
        ("/", "1"),
        (" && 1 == ", "true"),
        (" || 2 == ", "true"),
    ] {
        let first = if operator.len() > 1 { "1 == 1" } else { "1" };
        let source = format!("{first}{}", format!("{operator}1").repeat(9_999));
        let source = if source.len() > 65_536 {
            source[..60_000 / 8 * 8 - 2].to_owned()
        } else {
            source
        };
        let source = source.trim_end_matches([' ', '|', '&', '=']).to_owned();
        assert_eq!(World::default().show(&source), wanted, "operator {operator}");
    }
}

#[test]
fn section_7_five_nested_loops_stop_on_the_budget() {
    let list = format!("[{}]", (0..30).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
    let source = format!("{list}.all(a, {list}.all(b, {list}.all(c, {list}.all(d, {list}.all(e, e >= 0)))))");
    let expression = Expression::parse(&source).unwrap();
    let mut budget = Budget::standard();
    let error = expression.evaluate(&World::default(), &mut budget).unwrap_err();
    assert_eq!(error.message, "stopped after 100 000 steps");
    assert_eq!(budget.steps_taken(), 100_000);
}
