//! Whether evaluation follows rules R20-R26, R34 and R41.

use super::world::{World, check};
use crate::Data;
use crate::expr::{Budget, Expression};

#[test]
fn r20_numbers() {
    check(&[
        ("vars.bad + 1", "2"),
        ("1 + 1.0", "2.0"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7 / 2.0", "3.5"),
        ("1 == 1.0", "true"),
        ("1 < 1.5", "true"),
        ("9007199254740993 > 9007199254740992.0", "true"),
        ("9223372036854775807 == 9223372036854775808.0", "false"),
        (
            "9223372036854775807 + 1",
            "error: the integer does not fit 64 bits in (9223372036854775807 + 1) | calculate with",
        ),
        ("-9223372036854775808 / -1", "error: the integer does not fit 64 bits"),
        ("-(-9223372036854775808)", "error: the integer does not fit 64 bits"),
        ("-9223372036854775808 % -1", "0"),
        ("1e308 * 10", "error: the number is too large"),
        ("1 % 0", "error: division by zero"),
        ("1.0 / 0", "error: division by zero"),
        ("5.5 % 2", "error: `%` is for integers"),
        (
            "1 + 'a'",
            "error: cannot add an int and a text in (1 + 'a') | write `string(x)`",
        ),
        ("'a' * 2", "error: cannot calculate `*` with a text"),
        ("true + 1", "error: cannot calculate `+` with a boolean"),
    ]);
}

#[test]
fn r21_null_and_what_did_not_run() {
    check(&[
        ("steps.scan.output.count > 3", "true"),
        ("steps.skipped", "null"),
        ("steps.skipped.output.count", "null"),
        ("steps.failed.output.count", "null"),
        ("steps.skipped.output.count > 3", "false"),
        ("steps.skipped.output.count <= 3", "false"),
        ("null < null", "false"),
        ("steps.skipped.output == null", "true"),
        ("steps.skipped.output != null", "false"),
        ("steps.skipped.output[0].x", "null"),
        ("steps.skipped.completed && inputs.mode == 'full'", "false"),
        ("!steps.skipped.completed", "true"),
        ("steps.skipped.completed ? 1 : 2", "2"),
        ("steps.skipped.output.text.contains('x')", "false"),
        ("steps.skipped.output.items.exists(i, i.bad)", "false"),
        ("'x' in steps.skipped.output.labels", "false"),
        ("size(steps.skipped.output.items) > 0", "false"),
        ("has(steps.scan)", "true"),
        ("has(steps.skipped)", "false"),
        ("has(steps.scan.output.count)", "true"),
        ("has(steps.scan.output.other)", "false"),
        ("has(steps.scan.missing.deeper.still)", "false"),
        ("has(steps.skipped.output.count)", "false"),
        ("has(steps.failed.output.count)", "false"),
        ("has(steps.scan.output.count.x)", "false"),
        ("has(steps.scan.output.files[1])", "true"),
        ("has(steps.scan.output.files[2].path)", "false"),
        (
            "steps.skipped.output.count + 1",
            "error: cannot calculate `+` with null in (steps.skipped.output.count + 1): steps.skipped.output.count = null | say what counts instead: `x.orValue(0)`",
        ),
        ("-steps.skipped.output.count", "error: cannot calculate `-` with null"),
        (
            "steps.skipped.output.items.map(i, i)",
            "error: `map` needs a list or a map, not null",
        ),
        (
            "steps.skipped.output.text.upper()",
            "error: `upper` needs a text, not null in (steps.skipped.output.text.upper()): steps.skipped.output.text = null | say what counts instead: `x.orValue(\"\")`",
        ),
    ]);
}

#[test]
fn optional_members_have_a_stand_in() {
    check(&[
        ("run.?nothing", "null"),
        ("run.?nothing.deeper.orValue(7)", "7"),
        ("run.?id.orValue('none')", r#""r1""#),
        ("run.?id.hasValue()", "true"),
        ("run.?nothing.hasValue()", "false"),
        ("vars.next.orValue('first')", r#""first""#),
        ("[1][?3].orValue(0)", "0"),
        ("{'a': 1}[?'b'].orValue(1 / 1)", "1"),
        ("run.id.orValue(1 / 0)", r#""r1""#),
        ("steps.scan.output.files.map(f, f.?size.orValue(0))", "[0,0]"),
    ]);
}

#[test]
fn r22_failures_show_the_place_and_the_values() {
    let world = World::default();
    let line = world.evaluate("vars.bad / vars.total").unwrap_err().to_string();
    assert_eq!(line, "division by zero in (vars.bad / vars.total): vars.total = 0");
    let sources = [
        "vars.bad / vars.total",
        "steps.scan.output.count + 2 + inputs.mode",
        "steps.scan.output.cuont > 3",
        "steps.scan.output.other",
        "steps.scan.output.files.path",
        "steps.scan.output.files[2]",
        "steps.scan.output.files.length > 0",
        "step.scan",
        "inputs.mode > 3",
        "inputs.mode && true",
        "!inputs.empty",
        "inputs.full\n  ? inputs.mode.split(3)\n  : 0",
        "inputs.mode.matches('(')",
        "{n: 1}",
        "{'a': 1, 'a': 2}",
        "[1, 2].map(x, x / (x - 1))",
        "sort([1, 'a'])",
        "int('x1')",
        "format_time('yesterday', '%Y')",
        "inputs.mode.substring(9)",
    ];
    let shown: Vec<String> = sources
        .iter()
        .map(|source| world.evaluate(source).unwrap_err().render())
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn r23_growth_is_stopped() {
    let world = World::new(&format!(
        r#"{{"vars": {{"text": "{}", "list": [1,2,3,4,5,6,7,8,9,10]}}}}"#,
        "x".repeat(100_000)
    ));
    for (source, wanted) in [
        (["vars.text"; 12].join(" + "), "the result is larger than 1 MiB"),
        (["vars.text"; 90].join(" + "), "stopped after making values of 8 MiB"),
        (
            format!("[{}]", ["vars.text"; 12].join(", ")),
            "the result is larger than 1 MiB",
        ),
        (
            "range(90000).map(i, vars.text)".to_owned(),
            "stopped after making values of 8 MiB",
        ),
        (
            "vars.text.replace('x', vars.text)".to_owned(),
            "the text is larger than 1 MiB",
        ),
        (
            "range(90000).join(vars.text)".to_owned(),
            "the text is larger than 1 MiB",
        ),
        (
            "vars.list.map(a, vars.list.map(b, vars.list.map(c, [vars.text])))".to_owned(),
            "stopped after making values of 8 MiB",
        ),
        ("range(9223372036854775807)".to_owned(), "stopped after 100 000 steps"),
        (
            "range(300).map(a, range(300).map(b, 'x'.matches('x' + string(a * b))))".to_owned(),
            "stopped after 100 000 steps",
        ),
        ("range(2000).all(a, vars.text.contains('y') || true)".to_owned(), ""),
        (
            "range(9000).all(a, vars.text.contains('y') || true)".to_owned(),
            "stopped after 100 000 steps",
        ),
    ] {
        let message = world
            .evaluate(&source)
            .err()
            .map(|error| error.message)
            .unwrap_or_default();
        assert_eq!(message, wanted, "{}", &source[..source.len().min(80)]);
    }
    assert_eq!(
        world.evaluate("vars.text + vars.text").unwrap().as_text().map(str::len),
        Some(200_000)
    );
}

#[test]
fn r23_a_result_is_nested_64_levels_at_most() {
    let mut deep = Data::Null;
    for _ in 0..64 {
        deep = Data::list([deep]);
    }
    let world = World::new(&format!(
        r#"{{"vars": {{"deep": {}}}}}"#,
        deep.to_json().replacen('[', "", 2).replacen(']', "", 2)
    ));
    assert!(world.evaluate("[[vars.deep]]").is_ok());
    assert_eq!(
        world.evaluate("[[[vars.deep]]]").unwrap_err().message,
        "the result is nested deeper than 64 levels"
    );
}

#[test]
fn r23_counting_is_the_same_every_time() {
    let expression =
        Expression::parse("steps.scan.output.files.filter(f, f.path != 'a').map(f, f.path.upper())").unwrap();
    let counts: Vec<usize> = (0..3)
        .map(|_| {
            let mut budget = Budget::standard();
            expression.evaluate(&World::default(), &mut budget).unwrap();
            budget.steps_taken()
        })
        .collect();
    assert_eq!(counts, [counts[0]; 3]);
    assert!((10..100).contains(&counts[0]), "{counts:?}");
    let mut short = Budget::with_steps(counts[0] - 1);
    let error = expression.evaluate(&World::default(), &mut short).unwrap_err();
    assert!(error.message.starts_with("stopped after"), "{error}");
}

#[test]
fn r24_maps_iterate_in_key_order() {
    check(&[
        (r#"{"z": 1, "a": 2, "M": 3}.map(k, k)"#, r#"["M","a","z"]"#),
        (r#"json({"z": 1, "a": 2})"#, r#""{\"a\":2,\"z\":1}""#),
        ("inputs.filter(k, k.startsWith('m'))", r#"["mode"]"#),
        ("size(inputs)", "6"),
        ("steps.all(s, size(s) > 1)", "true"),
    ]);
}

#[test]
fn r26_different_kinds_are_unequal_and_have_no_order() {
    check(&[
        (r#"inputs.full == "true""#, "false"),
        (r#"inputs.full != "true""#, "true"),
        ("1 == '1'", "false"),
        ("null == false", "false"),
        ("[1, [2.0]] == [1.0, [2]]", "true"),
        ("{'a': 1} == {'a': 1.0}", "true"),
        ("1 < '2'", "error: cannot compare int with text"),
        ("[1] < [2]", "error: values of the kind list have no order"),
        ("false < true", "true"),
        ("'a' < 'b'", "true"),
        ("1 in [1.0]", "true"),
        ("'a' in {'a': 1}", "true"),
        ("'b' in {'a': 1}", "false"),
        (
            "'b' in 'abc'",
            "error: `in` looks into a list or a map, not into a text",
        ),
    ]);
}

#[test]
fn loops() {
    check(&[
        ("[1, 2, 3].all(x, x > 0)", "true"),
        ("[].all(x, x > 0)", "true"),
        ("[1, 2, 3].exists(x, x > 2)", "true"),
        ("[1, 2, 3].exists_one(x, x > 1)", "false"),
        ("[1, 2, 3].exists_one(x, x > 2)", "true"),
        ("[1, 2, 3].filter(x, x != 2)", "[1,3]"),
        ("[1, 2, 3].map(x, x * x)", "[1,4,9]"),
        ("[1, 2, 3].map(x, x != 2, x * x)", "[1,9]"),
        ("[1, 2].map(x, [3].map(y, x + y))", "[[4],[5]]"),
        ("[1, 2].map(x, [3].map(x, x))", "[[3],[3]]"),
        ("[1].map(inputs, inputs) + [inputs.n]", "[1,5]"),
        (
            "steps.scan.output.files.map(f, {'name': f.path})",
            r#"[{"name":"a"},{"name":"b"}]"#,
        ),
        ("'abc'.map(x, x)", "error: `map` needs a list or a map, not a text"),
        (
            "[1].filter(x, x)",
            "error: a condition is a boolean, not an int in (x): x = 1",
        ),
    ]);
}

#[test]
fn and_and_or_stop_at_what_decides() {
    check(&[
        ("false && 1 / 0 == 1", "false"),
        ("true || 1 / 0 == 1", "true"),
        ("1 / 0 == 1 || true", "error: division by zero"),
        ("null || true", "true"),
        ("null && true", "false"),
        ("1 && true", "error: a condition is a boolean, not an int"),
    ]);
}

#[test]
fn a_condition_is_a_boolean_or_missing() {
    let world = World::default();
    let condition = |source: &str| {
        Expression::parse(source)
            .unwrap()
            .evaluate_condition(&world, &mut Budget::standard())
            .map_err(|error| error.message)
    };
    assert_eq!(condition("inputs.full"), Ok(true));
    assert_eq!(condition("steps.skipped.completed"), Ok(false));
    assert_eq!(
        condition("inputs.mode"),
        Err("a condition is a boolean, not a text".to_owned())
    );
}

#[test]
fn joining_lists_and_texts() {
    check(&[
        ("[1] + [2] + [3]", "[1,2,3]"),
        ("'a' + inputs.mode + 'b'", r#""afullb""#),
        ("'a' + 'b' == 'ab'", "true"),
        (
            "1 + 2 + 'a'",
            "error: cannot add an int and a text in (1 + 2 + 'a'): 1 + 2 = 3",
        ),
    ]);
}

// row D12
#[test]
fn a_path_selects_an_element_by_its_place() {
    check(&[
        ("steps.scan.output.files.0.path", r#""a""#),
        ("steps.scan.output.files.1", r#"{"path":"b"}"#),
        ("steps.scan.output.files.?1.path", r#""b""#),
        ("[[1, 2], [3]].0.1", "2"),
        ("[[1, 2], [3]].1.0 + .5", "3.5"),
        ("{'0': 'zero'}.0", r#""zero""#),
        ("true ? 0.5 : 1", "0.5"),
        (
            "steps.scan.output.files.2.path",
            "error: there is no element 2 in a list of 2 in (steps.scan.output.files.2) | if it may be missing write `x.?2`",
        ),
        (
            "steps.scan.output.files.99999999999999999",
            "error: there is no element 99999999999999999",
        ),
        ("steps.scan.output.files.?2.path", "null"),
        ("steps.skipped.output.files.0.path", "null"),
        ("has(steps.scan.output.files.1.path)", "true"),
        ("has(steps.scan.output.files.2.path)", "false"),
        ("has(steps.skipped.output.files.0)", "false"),
        ("steps.scan.output.0", "error: there is no member `0`"),
        ("inputs.mode.0", "error: a text has no member `0`"),
    ]);
    let source = "steps.scan.output.files.0x";
    let error = Expression::parse(source).unwrap_err();
    assert_eq!(error.message, "`0x` is neither a number nor a name");
    assert!(Expression::parse("steps.scan.output.files.0(1)").is_err());
}
