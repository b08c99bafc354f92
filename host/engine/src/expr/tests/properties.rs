//! What holds for every expression: no panic, the same value every time, exact integers.

use super::world::World;
use crate::Data;
use crate::expr::{Budget, Expression, functions, references};
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

fn token() -> impl Strategy<Value = String> {
    let words: Vec<String> = "inputs steps vars run item x y n-1 in true false null ( ) [ ] { } . , ? : + - * / % ! < <= > >= == != && || .? [? 'a' \"b\" r'\\d' ''' 0 1 -1 9223372036854775807 1.5 1e300 .output .count .map(x, .filter(x, .all(x, has( .orValue("
        .split(' ')
        .map(str::to_owned)
        .chain(functions().iter().flat_map(|function| [format!(".{}(", function.name), format!("{}(", function.name)]))
        .collect();
    proptest::sample::select(words)
}

/// Expressions that parse.
fn valid() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|int| int.to_string()),
        any::<i8>().prop_map(|int| int.to_string()),
        Just("1.5".to_owned()),
        Just("1e308".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("'äb,c'".to_owned()),
        Just("''".to_owned()),
        Just("steps.scan.output.files".to_owned()),
        Just("steps.skipped.output".to_owned()),
        Just("inputs".to_owned()),
        Just("x".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let operators = "+ - * / % == != < <= > >= in && ||"
            .split(' ')
            .map(str::to_owned)
            .collect::<Vec<_>>();
        let calls = functions()
            .iter()
            .filter(|function| function.form != crate::expr::Form::Macro);
        let calls: Vec<(&str, usize, bool)> = calls
            .map(|function| {
                (
                    function.name,
                    function.required,
                    function.form != crate::expr::Form::Function,
                )
            })
            .collect();
        let operator = proptest::sample::select(operators);
        let call = proptest::sample::select(calls);
        let loops = proptest::sample::select(vec!["all", "exists", "exists_one", "map", "filter"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{'k': {a}, string({b}): 1}}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[?{b}]")),
            inner
                .clone()
                .prop_map(|a| format!("(!{a} || -({a}) == ({a}).?k.orValue(3))")),
            (inner.clone(), loops, inner.clone()).prop_map(|(a, name, b)| format!("({a}).{name}(x, {b})")),
            (call, inner.clone(), inner.clone(), inner).prop_map(|((name, count, method), a, b, c)| {
                let arguments = &[a, b, c][..count];
                if method {
                    format!("({}).{name}({})", arguments[0], arguments[1..].join(", "))
                } else {
                    format!("{name}({})", arguments.join(", "))
                }
            }),
        ]
    })
}

fn outcome(source: &str) -> Option<(Result<Data, String>, usize)> {
    let expression = Expression::parse(source).ok()?;
    let _ = references(&expression);
    let mut budget = Budget::with_steps(5_000);
    let result = expression
        .evaluate(&World::default(), &mut budget)
        .map_err(|error| error.render());
    Some((result, budget.steps_taken()))
}

proptest! {
    #[test]
    fn any_text_parses_or_is_refused(source in "\\PC{0,60}") {
        if let Err(error) = Expression::parse(&source) {
            let _ = error.render(&source);
        }
    }

    #[test]
    fn token_soup_parses_or_is_refused(tokens in proptest::collection::vec(token(), 0..20), spaced in any::<bool>()) {
        let source = tokens.join(if spaced { " " } else { "" });
        match Expression::parse(&source) {
            Ok(_) => prop_assert_eq!(outcome(&source), outcome(&source)),
            Err(error) => {
                proptest::prop_assert!(source.get(error.range.clone()).is_some(), "{:?} of {}", error.range, source);
                let _ = error.render(&source);
            }
        }
    }

    #[test]
    fn evaluation_is_deterministic(source in valid()) {
        let first = outcome(&source);
        proptest::prop_assert!(first.is_some(), "does not parse: {}", source);
        prop_assert_eq!(first, outcome(&source));
    }

    #[test]
    fn integers_agree_with_wider_arithmetic(a in any::<i64>(), b in prop_oneof![any::<i64>(), -3..3_i64]) {
        let (wide_a, wide_b) = (i128::from(a), i128::from(b));
        for (operator, wanted) in [
            ("+", Some(wide_a + wide_b)),
            ("-", Some(wide_a - wide_b)),
            ("*", Some(wide_a * wide_b)),
            ("/", wide_a.checked_div(wide_b)),
            ("%", wide_a.checked_rem(wide_b)),
        ] {
            let found = World::default().evaluate(&format!("({a}) {operator} ({b})")).ok();
            prop_assert_eq!(found, wanted.and_then(|wide| i64::try_from(wide).ok()).map(Data::Int));
        }
        for (operator, wanted) in [("<", a < b), ("<=", a <= b), ("==", a == b), ("!=", a != b), (">", a > b), (">=", a >= b)] {
            prop_assert_eq!(World::default().evaluate(&format!("({a}) {operator} ({b})")).ok(), Some(Data::Bool(wanted)));
        }
    }
}
