//! Which texts are expressions, what their trees say, and how mistakes are explained.

use super::world::{World, check};
use crate::expr::{Budget, Expression, MacroKind, NodeKind, references};

#[test]
fn r5_a_hyphen_between_name_characters_belongs_to_the_name() {
    check(&[
        ("steps.resolve-pr-base.output.content-type", r#""text/plain""#),
        ("inputs.n - 1", "4"),
        ("inputs.n -1", "4"),
        ("5-1", "4"),
        ("(inputs.n)-1", "4"),
        ("size(inputs.mode)-1", "3"),
        ("item.n-1", "9"),
        ("item.n- 1", "2"),
        (
            "run.id-1",
            "error: there is no member `id-1` in (run.id-1) | for minus write `run.id - 1`",
        ),
        (
            "[2].map(n, n-1)",
            "error: there is no `n-1` here in (n-1) | for minus write `n - 1`",
        ),
        (
            "inputs.n-1 + 1",
            "error: cannot calculate `+` with null in (inputs.n-1 + 1): inputs.n-1 = null",
        ),
    ]);
}

#[test]
fn r27_reserved_words_are_names_after_a_dot_and_as_loop_variables() {
    check(&[
        ("steps.in.output", r#""reserved""#),
        ("[1, 2].map(package, package + 1)", "[2,3]"),
        ("[1, 2].filter(in, in in [2])", "[2]"),
        (r#"{"true": 1, "null": 2, "for": 3}.null"#, "2"),
        ("[[1]].map(loop, loop.map(var, var))", "[[1]]"),
    ]);
}

#[test]
fn literals() {
    check(&[
        (r#"'a"b' + "c'd""#, r#""a\"bc'd""#),
        (
            r#""\n\t\\\"\x41\u00e4\U0001F600\101""#,
            r#""\n\t\\\"AäðŸ˜€A""#.replace("ðŸ˜€", "\u{1F600}").leak(),
        ),
        (r"r'\d+\'", r#""\\d+\\""#),
        ("'''a\n'b\"'''", r#""a\n'b\"""#),
        (r#""""x"y""""#, r#""x\"y""#),
        ("0x1F", "31"),
        ("7u", "7"),
        ("1.5e3", "1500.0"),
        (".5", "0.5"),
        ("1e6", "1000000.0"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("[1, 2.0, true, null, 'x',]", r#"[1,2.0,true,null,"x"]"#),
        (r#"{"b": 1, 'a': [{}],}"#, r#"{"a":[{}],"b":1}"#),
        ("1 + // a note\n 2 # another", "3"),
    ]);
}

#[test]
fn precedence_is_that_of_cel() {
    check(&[
        ("1 + 2 * 3 - 4 / 2", "5"),
        ("10 - 3 - 2", "5"),
        ("-2 * -3", "6"),
        ("!false && false || true", "true"),
        ("true || false && false", "true"),
        ("1 < 2 == true", "true"),
        ("1 + 1 in [2]", "true"),
        ("false ? 1 : true ? 2 : 3", "2"),
        ("[1, 2][1] + {'a': 3}.a", "5"),
        ("!has(run.x) ? 'none' : 'some'", r#""none""#),
    ]);
}

#[test]
fn mistakes_are_explained() {
    let sources = [
        "",
        "1 +",
        "inputs.n = 3",
        "inputs.a and inputs.b",
        "(1 + 2",
        "[1, 2",
        "'never closed",
        r"'\d+'",
        "9223372036854775808",
        "12abc",
        "inputs.",
        "length(inputs.mode)",
        "inputs.mode.toLowerCase()",
        "contains(inputs.mode, 'x')",
        "inputs.mode.replace('a')",
        "inputs.list.filter(x.y, true)",
        "inputs.list.map(x)",
        "has(inputs)",
        "b'bytes'",
        "{'a' = 1}",
        "{'a' 1}",
        "[1 2]",
        "max(1, 2",
        "a ? b",
        "\u{201c}quoted\u{201d}",
        "inputs.a\n  && inputs.b &&& inputs.c",
    ];
    let shown: Vec<String> = sources
        .iter()
        .map(|source| match Expression::parse(source) {
            Ok(_) => format!("{source}: no mistake"),
            Err(error) => error.render(source),
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn r17_a_source_has_at_most_64_kib() {
    let error = Expression::parse(&"1 ".repeat(40_000)).unwrap_err();
    assert_eq!(error.message, "an expression of 80000 bytes, of at most 65536");
}

#[test]
fn nesting_of_every_kind_is_bounded() {
    let nested = [
        ("[", "]"),
        ("(", ")"),
        ("{'a': ", "}"),
        ("!", ""),
        ("- ", ""),
        ("size([", "])"),
        ("true ? 1 : ", ""),
        ("x[", "]"),
        ("[1].map(x, ", ")"),
    ];
    for (open, close) in nested {
        let source = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        let allowed = Expression::parse(&source(30)).unwrap_or_else(|error| panic!("30 levels of {open}: {error}"));
        let _ = allowed.evaluate(&World::default(), &mut Budget::standard());
        let error = Expression::parse(&source(2_000)).expect_err(open);
        assert_eq!(error.message, "an expression nested deeper than 64 levels", "{open}");
    }
    assert!(Expression::parse(&format!("a{}", ".b".repeat(100))).is_ok());
    // The deepest tree that is allowed has a value, too.
    let deepest = format!("{}steps.skipped{}{}", "[".repeat(50), ".b".repeat(200), "]".repeat(50));
    assert_eq!(
        World::default().show(&deepest),
        format!("{}null{}", "[".repeat(50), "]".repeat(50))
    );
    assert!(Expression::parse(&format!("a{}", ".b".repeat(20_000))).is_err());
    assert!(Expression::parse(&format!("a{}", ".trim()".repeat(9_000))).is_err());
}

#[test]
fn references_name_roots_and_paths() {
    let source = r#"steps.a-b.output.n > inputs.m && vars["x y"].z.?w.exists(i, i.q == steps.c.output[inputs.k].r)"#;
    let found: Vec<String> = references(&Expression::parse(source).unwrap())
        .iter()
        .map(|reference| {
            assert_eq!(&source[reference.root_range.clone()], &*reference.root);
            format!(
                "{} {:?} {}",
                reference.root,
                reference.names(),
                &source[reference.range.clone()]
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            r#"steps ["a-b", "output", "n"] steps.a-b.output.n"#,
            r#"inputs ["m"] inputs.m"#,
            r#"vars ["x y", "z", "w"] vars["x y"].z.?w"#,
            r#"steps ["c", "output"] steps.c.output"#,
            r#"inputs ["k"] inputs.k"#,
        ]
    );
}

#[test]
fn trees_have_places() {
    let source = "(inputs.a + 2) * 3 == size(x.map(k, k > 1, k))";
    let expression = Expression::parse(source).unwrap();
    let NodeKind::Chain { first, links } = &expression.tree().kind else {
        panic!("not a chain")
    };
    assert_eq!(&source[first.range.clone()], "(inputs.a + 2) * 3");
    assert_eq!(&source[links[0].operator_range.clone()], "==");
    let NodeKind::Call {
        function,
        arguments,
        method,
        ..
    } = &links[0].operand.kind
    else {
        panic!("not a call")
    };
    assert_eq!((function.name, *method), ("size", false));
    let NodeKind::Comprehension(comprehension) = &arguments[0].kind else {
        panic!("not a loop")
    };
    assert_eq!(comprehension.macro_kind, MacroKind::Map);
    assert_eq!(
        &source[comprehension.condition.as_ref().unwrap().range.clone()],
        "k > 1"
    );
}

#[test]
fn an_expression_is_stored_as_its_source() {
    let expression = Expression::parse("steps.a.output.n > 3").unwrap();
    let json = serde_json::to_string(&expression).unwrap();
    assert_eq!(json, r#""steps.a.output.n > 3""#);
    assert_eq!(serde_json::from_str::<Expression>(&json).unwrap(), expression);
    let error = serde_json::from_str::<Expression>(r#""1 +""#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("expected a value, the expression ends here"),
        "{error}"
    );
}

#[test]
fn only_the_step_that_is_named_is_asked_for() {
    let world = World::default();
    assert_eq!(
        world.show("steps.scan.output.count > 3 && steps['failed'].completed == false"),
        "true"
    );
    assert_eq!(world.steps_asked(), ["scan", "failed"]);
}
