//! Findings in the form that code hosts read.

use cofferdam_dsl::{Code, Options, compile, sarif};
use serde_json::Value;

const TEXT: &str = "workflow w edition 1 {\n  call a { use = fs.lsit  retires = 3 }\n  call á { use = fs.list  params { root = \".\" }  retries = 1  retries = 2 }\n}\n";

/// Returns the text after the replacements of all results, last ones first.
fn mended(text: &str, results: &[Value]) -> String {
    let mut fixes: Vec<(usize, usize, String)> = Vec::new();
    let offset = |line: &Value, column: &Value| {
        let number = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("small");
        let line_start: usize = text.split_inclusive('\n').take(number(line) - 1).map(str::len).sum();
        let rest = &text[line_start..];
        line_start
            + rest
                .char_indices()
                .nth(number(column) - 1)
                .map_or(rest.len(), |(at, _)| at)
    };
    for result in results {
        for change in result["fixes"].as_array().into_iter().flatten() {
            let replacement = &change["artifactChanges"][0]["replacements"][0];
            let region = &replacement["deletedRegion"];
            fixes.push((
                offset(&region["startLine"], &region["startColumn"]),
                offset(&region["endLine"], &region["endColumn"]),
                replacement["insertedContent"]["text"]
                    .as_str()
                    .expect("a text")
                    .to_owned(),
            ));
        }
    }
    fixes.sort_by_key(|fix| std::cmp::Reverse(fix.0));
    let mut text = text.to_owned();
    for (start, end, inserted) in fixes {
        text.replace_range(start..end, &inserted);
    }
    text
}

// row B01
#[test]
fn findings_have_rules_regions_and_fixes() {
    let compiled = compile(TEXT, "flows/a b.wf", &crate::actions::actions(), &Options::default());
    let log = sarif("1.2.3", [(&compiled.source, compiled.diagnostics.as_slice())]);
    assert_eq!(log["version"], "2.1.0");
    let runs = log["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1);
    let rules = runs[0]["tool"]["driver"]["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), Code::ALL.len());
    for rule in rules {
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(
                rule[text]["text"].as_str().is_some_and(|text| !text.is_empty()),
                "{rule}"
            );
        }
    }
    let results = runs[0]["results"].as_array().expect("results");
    assert_eq!(results.len(), compiled.diagnostics.len());
    for result in results {
        let place = usize::try_from(result["ruleIndex"].as_u64().expect("a rule")).expect("small");
        assert_eq!(rules[place]["id"], result["ruleId"]);
        assert!(
            ["error", "warning", "note"].contains(&result["level"].as_str().expect("a level")),
            "{result}"
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "flows/a%20b.wf");
        for side in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(
                place["region"][side].as_u64().is_some_and(|number| number >= 1),
                "{result}"
            );
        }
    }
    let mended = mended(TEXT, results);
    assert!(mended.contains("fs.list  retries = 3"), "{mended}");
    insta::assert_json_snapshot!("sarif_results", results);
}
