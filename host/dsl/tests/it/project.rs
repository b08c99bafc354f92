//! A project around the workflows of these tests.

use crate::actions::actions;
use cofferdam_dsl::{ActionEntry, Actions, FileKind, FileList, FoundScript};
use cofferdam_engine::Digest;
use std::sync::Arc;

pub(crate) const REVIEW: &str = "fields:\n  findings:\n    type: array\n    items:\n      file: string\n      line: number\n      \
     severity: enum(critical, warning)\n  summary: string\n  verdict?: {fields: {passed: boolean}}\nmarkers:\n  \
     has_critical: findings[severity == critical].length > 0\n  has_findings: \"size(findings) > 0\"\n";

/// Returns the files of the project.
pub(crate) fn files() -> FileList {
    FileList::default()
        .with_file(FileKind::Schema, "review", REVIEW)
        .with_file(
            FileKind::Schema,
            "rated",
            "fields:\n  confidence: number\n  choices: array\n",
        )
        .with_file(
            FileKind::Schema,
            "torn",
            "fields:\n  a: string\nmarkers:\n  m: \"size(b) > 0\"\n  n: a == x\n",
        )
        .with_file(FileKind::Schema, "typo", "fields:\n  a: strng\n  b:\n    typ: string\n")
        .with_file(FileKind::Snippet, "scope", "Look at the change only.")
        .with_file(
            FileKind::Agent,
            "reviewer",
            "---\nrole: reviewer\ncan_commit: false\nmodel: small\nlicence: x\n---\nReview {{diff}}.\n",
        )
        .with_file(FileKind::Agent, "agents/plan.md", "Make a plan.\n")
        .with_file(FileKind::Agent, "agents/reviewer.md", "Review {{diff}}.\n")
        .with_file(
            FileKind::Agent,
            "chooser",
            "Do it.\n{{#if strict}}\nStrictly.\n{{/if}}\n",
        )
        .with_file(
            FileKind::Agent,
            "header",
            "---\nrole: reviewer\ncan_comit: true\ncan_commit: perhaps\n---\nText\n",
        )
        .with_script("ci/test.sh", FoundScript::Fine)
        .with_script("ci/build.sh", FoundScript::NotExecutable)
        .with_script("ci", FoundScript::NotAFile)
        .with_script("ci/out.sh", FoundScript::Outside)
        .with_secrets(&["crm", "github"])
        .with_identities(&["developer", "publisher"])
        .with_gate_kinds(&["pr_approval"])
}

/// Returns the actions with the project around them; some names are agents.
pub(crate) fn catalog() -> Actions {
    catalog_with(files())
}

pub(crate) fn catalog_with(files: FileList) -> Actions {
    let chat = [ActionEntry::new("agent", "run", Digest::of(b"agent"))];
    let known = crate::actions::entries(&actions());
    let names = ["reviewer", "chooser", "header"].map(str::to_owned);
    Actions::new(known.into_iter().chain(chat))
        .with_fallback("agent.run", names)
        .with_surroundings(Arc::new(files))
}
