//! The pages about codes: their examples show what they say.

use crate::rendering::findings;
use cofferdam_dsl::{Code, explain};
use std::collections::BTreeSet;

/// Returns the example as a file, if it is a part of one.
fn file(example: &str) -> String {
    match example.split_whitespace().next() {
        Some("workflow" | "{") => example.to_owned(),
        Some("title") => format!("workflow a edition 1 {{ meta {{ {example} }} }}"),
        Some("source") => format!("workflow a edition 1 {{ script s {{ {example} }} }}"),
        Some("pattern" | "prompt") => format!("workflow a edition 1 {{ call b {{ params {{ {example} }} }} }}"),
        Some("params" | "timeout") => format!("workflow a edition 1 {{ call b {{ {example} }} }}"),
        _ => format!("workflow a edition 1 {{\n{example}\n}}"),
    }
}

#[test]
fn wrong_examples_give_the_code_and_right_ones_do_not() {
    for code in Code::ALL.iter().filter(|code| code.number() < "CF0200") {
        let page = explain(code.number()).unwrap();
        assert!(!page.text.is_empty(), "{code} has no page");
        let gives = |example: &str| findings(&file(example)).iter().any(|finding| finding.code == *code);
        if !page.wrong.is_empty() {
            assert!(gives(page.wrong), "{code}: {:#?}", findings(&file(page.wrong)));
            assert!(!gives(page.right), "{code}: {:#?}", findings(&file(page.right)));
        }
    }
}

#[test]
fn numbers_are_unique_and_found_in_any_case() {
    let numbers: BTreeSet<&str> = Code::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(numbers.len(), Code::ALL.len());
    assert_eq!(explain("cf0204"), explain("CF0204"));
    assert_eq!(explain("CF9999"), None);
}
