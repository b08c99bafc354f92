//! Whether the functions of rule R25 do what their table says.

use super::world::{World, check};
use crate::expr::{Form, functions};

#[test]
fn r25_every_example_of_the_table_is_true() {
    let world = World::default();
    for function in functions() {
        assert_eq!(
            world.show(function.example),
            "true",
            "{}: {}",
            function.name,
            function.example
        );
        assert!(
            function.example.contains(function.name),
            "{} shows itself",
            function.name
        );
        assert!(
            function.summary.starts_with("Returns ") && function.summary.ends_with('.'),
            "{}",
            function.name
        );
    }
}

#[test]
fn r25_the_table_is_sorted_and_complete() {
    let names: Vec<&str> = functions().iter().map(|function| function.name).collect();
    assert!(names.is_sorted());
    for name in "split join replace lower upper trim json parse_json min max sum sort distinct flatten zip format_time"
        .split(' ')
    {
        assert!(names.contains(&name), "{name}");
    }
    assert!(functions().iter().any(|function| function.form == Form::Macro));
}

#[test]
fn r25_texts() {
    check(&[
        ("'äöü'.size()", "3"),
        ("'äöü'.substring(1, 2)", r#""ö""#),
        ("'äöü'.indexOf('ü')", "2"),
        ("'a'.indexOf('x')", "-1"),
        ("'a,b,,c'.split(',')", r#"["a","b","","c"]"#),
        ("'äb'.split('')", r#"["ä","b"]"#),
        ("['a', 1, true, 2.5].join('-')", r#""a-1-true-2.5""#),
        ("[].join(',')", r#""""#),
        ("[null].join(',')", "error: `join` needs texts, element 0 is null"),
        ("'aaa'.replace('a', 'bb')", r#""bbbbbb""#),
        ("'ab'.replace('', '-')", r#""-a-b-""#),
        ("'release/1'.startsWith('release/') && 'x.wf'.endsWith('.wf')", "true"),
        ("'fix(core): x'.matches(r'^(fix|feat)(\\(\\w+\\))?: ')", "true"),
        ("'x'.matches('(')", "error: not a regular expression: unclosed group"),
        ("'x'.matches('(a{1000}){1000}')", "error: not a regular expression"),
        (
            "'abc'.substring(2, 1)",
            "error: the end of a substring is before its start",
        ),
        (
            "'abc'.substring(-1)",
            "error: there is no position -1 in a text of 3 characters",
        ),
        ("'abc'.reverse()", r#""cba""#),
        ("[1, 2].contains(2)", "true"),
    ]);
}

#[test]
fn r25_lists() {
    check(&[
        ("max(1, 2.5, 2)", "2.5"),
        ("min([])", "null"),
        ("min(['b', 'a'])", r#""a""#),
        ("max([1, 'a'])", "error: cannot compare text with int"),
        ("sum([])", "0"),
        ("sum([1, 2.5])", "3.5"),
        (
            "sum([9223372036854775807, 1])",
            "error: the integer does not fit 64 bits",
        ),
        ("sum([1, null])", "error: `sum` needs numbers, element 1 is null"),
        ("[3, 1.5, 2].sort()", "[1.5,2,3]"),
        (
            "[1, 1.0, '1', null, null, [1], [1.0]].distinct()",
            r#"[1,"1",null,[1]]"#,
        ),
        ("[[1, [2]], 3].flatten()", "[1,[2],3]"),
        ("[1, 2, 3].zip(['a', 'b'])", r#"[[1,"a"],[2,"b"]]"#),
        ("range(2, 5).reverse()", "[4,3,2]"),
        ("range(5, 2)", "[]"),
        ("['a', 'b'].indexOf('b')", "1"),
    ]);
}

#[test]
fn r25_conversions() {
    check(&[
        (
            "string(3) + string(2.0) + string(true) + string([1])",
            r#""32.0true[1]""#,
        ),
        ("int('-7') + int(2.9) + int(-2.9)", "-7"),
        ("int(1e19)", "error: the number does not fit"),
        ("double('1e2')", "100.0"),
        ("double('inf')", "error: the text is not a number"),
        ("bool('False')", "false"),
        ("bool('yes')", "error: the text is neither"),
        ("int(null)", "error: null cannot become an int"),
        (
            "[1, 1.0, 'a', true, null, [], {}].map(x, type(x))",
            r#"["int","double","text","boolean","null","list","map"]"#,
        ),
        ("parse_json('[1, {\"a\": null}]')", r#"[1,{"a":null}]"#),
        ("parse_json('[')", "error: not JSON"),
    ]);
}

#[test]
fn r25_times() {
    check(&[
        (
            "format_time(run.started_at, '%Y-%m-%d %H:%M:%S')",
            r#""2026-01-31 09:05:00""#,
        ),
        (
            "format_time('2026-01-31T23:30:00.250-01:30', '%F %T.%L')",
            r#""2026-02-01 01:00:00.250""#,
        ),
        (
            "format_time('2024-02-29', '%A %a %e %B %b %j %y')",
            r#""Thursday Thu 29 February Feb 060 24""#,
        ),
        (
            "format_time(0, '%F %I %p %u %s %Z %%')",
            r#""1970-01-01 12 AM 4 0 UTC %""#,
        ),
        ("format_time(-1, '%F %T.%L')", r#""1969-12-31 23:59:59.999""#),
        ("format_time('2023-02-29', '%F')", "error: not a moment"),
        ("format_time('2023-02-28T25:00:00Z', '%F')", "error: not a moment"),
        (
            "format_time('2023-02-28', '%Q')",
            "error: `format_time` does not know `%Q`",
        ),
        ("format_time(9223372036854775807, '%F')", "error: the moment is outside"),
    ]);
}
