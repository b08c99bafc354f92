//! The workflows that serve as examples of the whole language.

use cofferdam_dsl::parse;

/// Name and text of each workflow.
pub(crate) const SAMPLES: &[(&str, &str)] = &[
    ("agent-review", include_str!("../data/agent-review.wf")),
    ("alt-texts", include_str!("../data/alt-texts.wf")),
    ("audit", include_str!("../data/audit.wf")),
    ("canary-deploy", include_str!("../data/canary-deploy.wf")),
    ("ci", include_str!("../data/ci.wf")),
    ("csv-quality", include_str!("../data/csv-quality.wf")),
    ("incident", include_str!("../data/incident.wf")),
    ("nightly-advisories", include_str!("../data/nightly-advisories.wf")),
    ("onboarding", include_str!("../data/onboarding.wf")),
    ("paginate", include_str!("../data/paginate.wf")),
    ("release-notes", include_str!("../data/release-notes.wf")),
    ("warehouse", include_str!("../data/warehouse.wf")),
];

#[test]
fn every_sample_parses_without_findings() {
    for (name, text) in SAMPLES {
        let (file, findings) = parse(text);
        assert_eq!(findings, [], "{name}");
        assert!(!file.items.is_empty(), "{name}");
    }
}
