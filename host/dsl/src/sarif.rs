//! Findings in SARIF 2.1.0, the form that code hosts and editors read.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::explain::explain;
use crate::source::{Source, Span};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Returns one run of the checker `version` over these files, with everything that it found.
pub fn sarif<'a>(version: &str, files: impl IntoIterator<Item = (&'a Source, &'a [Diagnostic])>) -> Value {
    let places: BTreeMap<Code, usize> = Code::ALL
        .iter()
        .enumerate()
        .map(|(place, code)| (*code, place))
        .collect();
    let mut results = Vec::new();
    let mut artifacts = Vec::new();
    for (source, findings) in files {
        artifacts.push(json!({ "location": { "uri": uri(source.name()) } }));
        results.extend(findings.iter().map(|finding| result(finding, source, &places)));
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "cofferdam",
                "semanticVersion": version,
                "rules": Code::ALL.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "artifacts": artifacts,
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    let page = explain(code.number());
    let text = page.map_or("", |page| page.text);
    let text = if text.is_empty() { code.title() } else { text };
    let mut help = text.to_owned();
    for (word, example) in page
        .into_iter()
        .flat_map(|page| [("Wrong", page.wrong), ("Right", page.right)])
    {
        if !example.is_empty() {
            help.push_str(&format!("\n\n{word}:\n\n    {}", example.replace('\n', "\n    ")));
        }
    }
    json!({
        "id": code.number(),
        "name": format!("{code:?}"),
        "shortDescription": { "text": code.title() },
        "fullDescription": { "text": text },
        "help": { "text": help, "markdown": help },
    })
}

fn result(finding: &Diagnostic, source: &Source, places: &BTreeMap<Code, usize>) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let facts = finding.notes.iter().map(|note| format!("note: {note}"));
    let helps = finding.help.iter().map(|help| format!("help: {help}"));
    let label = Some(finding.primary.text.clone()).filter(|text| !text.is_empty());
    let message: Vec<String> = std::iter::once(finding.message.clone())
        .chain(label)
        .chain(facts)
        .chain(helps)
        .collect();
    let mut result = json!({
        "ruleId": finding.code.number(),
        "ruleIndex": places.get(&finding.code),
        "level": level,
        "message": { "text": message.join("\n") },
        "locations": [{ "physicalLocation": physical(source, finding.primary.span) }],
    });
    let here = finding.secondary.iter().map(|label| (source, label));
    let elsewhere = finding.elsewhere.iter().map(|place| (&place.source, &place.label));
    let mut places = here.chain(elsewhere).enumerate().peekable();
    if places.peek().is_some() {
        let related = places.map(|(number, (source, label))| {
            json!({
                "id": number + 1,
                "physicalLocation": physical(source, label.span),
                "message": { "text": label.text },
            })
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some((span, replacement)) = &finding.suggestion {
        result["fixes"] = json!([{
            "description": { "text": format!("replace it with `{replacement}`") },
            "artifactChanges": [{
                "artifactLocation": { "uri": uri(source.name()) },
                "replacements": [{
                    "deletedRegion": region(source, *span),
                    "insertedContent": { "text": replacement },
                }],
            }],
        }]);
    }
    result
}

fn physical(source: &Source, span: Span) -> Value {
    json!({ "artifactLocation": { "uri": uri(source.name()) }, "region": region(source, span) })
}

fn region(source: &Source, span: Span) -> Value {
    let (start, end) = (source.position(span.start), source.position(span.end));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

/// Returns a path as a reference that every reader takes for a path.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
