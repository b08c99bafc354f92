//! Findings as plain lines, for snapshots.

use cofferdam_dsl::{Diagnostic, Source, check_attributes, parse};
use std::fmt::Write;

/// Returns every finding of a text, of its form and of its attributes.
pub(crate) fn findings(text: &str) -> Vec<Diagnostic> {
    let (file, mut findings) = parse(text);
    findings.extend(check_attributes(&file, text));
    findings.sort_by_key(|finding| finding.primary.span.start);
    findings
}

/// Returns the findings of a text as lines: place, severity, code, message, then what helps.
pub(crate) fn rendered(text: &str) -> String {
    let source = Source::new("a.wf", text);
    let mut lines = String::new();
    for finding in findings(text) {
        let place = source.position(finding.primary.span.start);
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let _ = writeln!(
            lines,
            "{}:{} {severity}[{}]: {}",
            place.line, place.column, finding.code, finding.message
        );
        if !finding.primary.text.is_empty() {
            let _ = writeln!(
                lines,
                "    ^ {:?} {}",
                finding.primary.span.of(text),
                finding.primary.text
            );
        }
        for label in &finding.secondary {
            let place = source.position(label.span.start);
            let _ = writeln!(lines, "    {}:{} {}", place.line, place.column, label.text);
        }
        for help in &finding.help {
            let _ = writeln!(lines, "    = help: {help}");
        }
    }
    lines
}

/// Returns a snapshot of several texts with their findings.
pub(crate) fn table(cases: &[&str]) -> String {
    let mut table = String::new();
    for case in cases {
        let _ = writeln!(table, "{case}\n----\n{}====", rendered(case));
    }
    table
}
