//! The canonical form: stable, and the same tree.

use crate::samples::SAMPLES;
use cofferdam_dsl::{ast_json, format, parse};
use serde_json::Value;

/// Returns the tree without the places of its parts.
pub(crate) fn tree(text: &str) -> Value {
    let mut json = ast_json(&parse(text).0);
    remove_spans(&mut json);
    json
}

fn remove_spans(json: &mut Value) {
    match json {
        Value::Object(map) => {
            // `required` and `boolean` hold nothing but the place.
            map.retain(|key, value| key != "span" && key != "keyword" && !(key == "shifts" && value.is_array()));
            for (key, value) in map.iter_mut() {
                if key == "required" || key == "boolean" {
                    *value = Value::Bool(true);
                }
                remove_spans(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(remove_spans),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Checks that the canonical form of `text` is the same tree and is its own canonical form.
pub(crate) fn assert_canonical(text: &str) -> String {
    let once = format(text).unwrap_or_else(|findings| panic!("{text}\n{findings:#?}"));
    assert_eq!(tree(&once), tree(text), "the tree changed:\n{text}\n---\n{once}");
    let twice = format(&once).unwrap_or_else(|findings| panic!("{once}\n{findings:#?}"));
    assert_eq!(once, twice, "not stable");
    once
}

#[test]
fn every_sample_is_formatted_without_changing_its_tree() {
    // row A01
    for (name, text) in SAMPLES {
        let formatted = assert_canonical(text);
        insta::with_settings!({ snapshot_path => "../snapshots/formatted", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(*name, formatted);
        });
    }
}

#[test]
fn a_text_that_ends_with_a_line_break_keeps_its_closing_quote_there() {
    // row A01
    let (_, csv_quality) = SAMPLES[5];
    let start = (0.6447635121972004 * csv_quality.len() as f64) as usize;
    let mut text = csv_quality.to_owned();
    text.replace_range(start..start + 4, "// note\n");
    assert_canonical(&text);
}

/// Formats the lines of a workflow and returns its lines.
fn body(lines: &str) -> String {
    let text = format!("workflow w edition 1 {{\n{lines}\n}}\n");
    let formatted = assert_canonical(&text);
    let inner = formatted.lines().skip(1).filter(|line| *line != "}");
    inner.collect::<Vec<_>>().join("\n")
}

/// Asserts that the canonical form of `lines` is `wanted`, and of `wanted` too.
#[track_caller]
fn assert_body(lines: &str, wanted: &str) {
    assert_eq!(body(lines), wanted);
    assert_eq!(body(wanted), wanted);
}

#[test]
fn columns_of_neighbouring_lines_are_the_authors() {
    // row A01
    let kept = [
        "  call a {\n    use     = b.c\n    timeout = 3s\n    params  { x = 1 }\n  }",
        "  call a {\n    use = b.c\n    timeout = 3s\n    params { x = 1 }\n  }",
        "  call a {\n    use    = b.c\n    params { x = 1 }\n    retry { attempts = 2 }\n    if     = (true)\n  }",
        "  inputs {\n    a      required\n    longer type = number  default = 1\n  }",
        "  inputs {\n    a       required\n    longer  type = number   default = 1\n    c       type = boolean  default = true\n  }",
        "  parallel {\n    call a   { use = b.c }\n    call abc { use = b.d }\n    call ab\n  }",
        "  set {\n    a = [\n      { x = \"one\"    y = 1 },\n      { x = \"three\"  y = 2 },\n    ]\n  }",
        "  set {\n    a   = 1  // one\n    // between them\n    bcd = 2  # two\n    e   = 3\n  }",
        "  call a { use = b.c }    // one\n  call bcd { use = b.c }  // two",
    ];
    for text in kept {
        assert_body(text, text);
    }
}

#[test]
fn columns_follow_what_changes() {
    // A longer name moves the column, a shorter one takes it back.
    assert_body(
        "  set {\n    a   = 1\n    bcd = 2\n    longer = 3\n  }",
        "  set {\n    a      = 1\n    bcd    = 2\n    longer = 3\n  }",
    );
    assert_body(
        "  set {\n    a      = 1\n    bcd    = 2\n  }",
        "  set {\n    a   = 1\n    bcd = 2\n  }",
    );
    // An empty line and a value of several lines begin other neighbours.
    assert_body(
        "  set {\n    a   = 1\n    bcd = 2\n\n    longer = 3\n  }",
        "  set {\n    a   = 1\n    bcd = 2\n\n    longer = 3\n  }",
    );
    // Blanks that agree with no neighbour mean nothing.
    assert_body(
        "  call a     { use = b.c }\n  call bcd { use = b.c   timeout = 3s }\n  set { a   = 1 }",
        "  call a { use = b.c }\n  call bcd { use = b.c  timeout = 3s }\n  set { a = 1 }",
    );
    assert_body(
        "  set {\n    a     = 1\n    bc = 2\n  }",
        "  set {\n    a = 1\n    bc = 2\n  }",
    );
}

#[test]
fn columns_that_the_author_did_not_write_are_not_made() {
    let line = "  call a { use = b.c  timeout = 30s  retries = 2  params { one = \"a long text that fills it\"  another = \"and one more\" } }";
    assert_body(
        line,
        "  call a {\n    use = b.c\n    timeout = 30s\n    retries = 2\n    params { one = \"a long text that fills it\"  another = \"and one more\" }\n  }",
    );
}
