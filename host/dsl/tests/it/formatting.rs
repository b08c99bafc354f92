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
