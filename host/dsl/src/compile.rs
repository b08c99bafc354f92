//! How the text of a workflow becomes a plan: everything that can be said about it, at once.

use crate::ast::File;
use crate::attributes::{check_attributes, not_carried_out};
use crate::catalog::Catalog;
use crate::check::{Signature, check};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::library::Trouble;
use crate::lower::lower;
use crate::parser::{Parsed, parse_as_far_as_possible};
use crate::resolved::Resolved;
use crate::source::{Source, Span};
use cofferdam_engine::Plan;
use std::collections::BTreeSet;
use std::rc::Rc;

/// How many calls of workflows may be inside of each other where nothing else is said.
pub const DEFAULT_CALL_LEVELS: usize = 5;

/// How a workflow is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a file without an edition is held to the rules of edition 1.
    pub strict: bool,
    /// The variables that the host injects into every run (LANGUAGE rule R30).
    pub variables: BTreeSet<String>,
    /// The words that `meta.targets` may name; anything if there are none.
    pub targets: Vec<String>,
    /// How many calls of workflows may be inside of each other.
    pub call_levels: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strict: false,
            variables: BTreeSet::new(),
            targets: Vec::new(),
            call_levels: DEFAULT_CALL_LEVELS,
        }
    }
}

/// What came of the text of a workflow.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan, if nothing is wrong and this version carries all of it out.
    pub plan: Option<Plan>,
    /// Everything there is to say, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Why a file without errors cannot be run: an error for each construct that this version does not carry out, in
    /// the order of the text. In `diagnostics` one note stands for all of them.
    pub not_carried_out: Vec<Diagnostic>,
    /// The text with its lines, for showing the diagnostics.
    pub source: Source,
}

/// Returns the plan of `text`, the content of `file`, and everything that is wrong with it.
///
/// Touches nothing: actions and workflows are looked up in `catalog`, the rest is in the text.
pub fn compile(text: &str, file: &str, catalog: &dyn Catalog, options: &Options) -> Compiled {
    let source = Source::new(file, text);
    let parsed = parse_as_far_as_possible(text);
    if let Some(library) = catalog.workflows() {
        library.prepare(&parsed.file, &source, catalog, options);
    }
    let examined = examine(&source, &parsed, catalog, options);
    let (mut diagnostics, not_carried_out) = (examined.diagnostics, examined.not_carried_out);
    let plan = if !not_carried_out.is_empty() || diagnostics.iter().any(Diagnostic::is_error) {
        None
    } else {
        let planned = examined
            .resolved
            .ok_or_else(|| "a part of it has no meaning".to_owned());
        let planned = planned.and_then(|resolved| lower(resolved).map_err(|error| error.to_string()));
        // No text should come to this; but a part that is lost without a word would be worse than a poor message.
        planned
            .map_err(|reason| {
                let message = format!("the workflow cannot be planned: {reason}");
                diagnostics.push(Diagnostic::error(Code::NotCarriedOut, parsed.file.name.span, message));
            })
            .ok()
    };
    Compiled {
        plan,
        diagnostics,
        not_carried_out,
        source,
    }
}

/// What came of looking at a file without planning it.
pub(crate) struct Examined {
    /// Everything there is to say, in the order of the text.
    pub(crate) diagnostics: Vec<Diagnostic>,
    not_carried_out: Vec<Diagnostic>,
    resolved: Option<Resolved>,
    /// What it takes and gives; none if its syntax hides a part of it.
    pub(crate) signature: Option<Signature>,
    /// What is wrong with the first of the called workflows that are broken.
    pub(crate) broken: Option<Rc<Trouble>>,
}

/// Looks at what was parsed of `source`. What it calls has been prepared.
pub(crate) fn examine(source: &Source, parsed: &Parsed, catalog: &dyn Catalog, options: &Options) -> Examined {
    let (tree, lost) = (&parsed.file, parsed.lost);
    let mut diagnostics = parsed.diagnostics.clone();
    let syntax_error = diagnostics.iter().any(Diagnostic::is_error);
    // What has been said about the form of a word comes before what can be said about its meaning.
    let misread: BTreeSet<Span> = diagnostics.iter().map(|found| found.primary.span).collect();
    let attributes = check_attributes(tree, source.text()).into_iter();
    diagnostics.extend(attributes.filter(|found| !misread.contains(&found.primary.span)));
    let mut not_carried_out = not_carried_out(tree);
    diagnostics.extend(name_is_not_file(tree, source.name()));
    let checked = check(tree, source, catalog, options);
    // That a text is taken as it is written says why nothing is called like that.
    let misnamed: BTreeSet<Span> = checked
        .diagnostics
        .iter()
        .filter(|found| found.is_error())
        .map(|found| found.primary.span)
        .collect();
    diagnostics
        .iter_mut()
        .filter(|found| found.code == Code::IgnoredAttribute && misnamed.contains(&found.primary.span))
        .for_each(Diagnostic::make_error);
    let is_wrong = diagnostics.iter().any(Diagnostic::is_error);
    let blamed: BTreeSet<Span> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(|diagnostic| diagnostic.primary.span)
        .chain(misread)
        .collect();
    let is_new = |diagnostic: &Diagnostic| {
        // What could not be read may have declared the names that are missed now, or used them: one cause, one finding.
        let follows = (lost && needs_declarations(diagnostic.code))
            || (syntax_error && needs_uses(diagnostic.code))
            || (is_wrong && is_unused(diagnostic.code));
        !follows && !blamed.contains(&diagnostic.primary.span)
    };
    let (later, found): (Vec<_>, Vec<_>) = checked.diagnostics.into_iter().partition(is_for_later);
    diagnostics.extend(found.into_iter().filter(is_new));
    not_carried_out.extend(later);
    // What is wrong is not also said to be carried out later, and that is said once.
    let wrong: BTreeSet<Span> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(|diagnostic| diagnostic.primary.span)
        .collect();
    not_carried_out.retain(|diagnostic| !wrong.contains(&diagnostic.primary.span));
    not_carried_out.sort_by_key(|diagnostic| diagnostic.primary.span);
    not_carried_out.dedup_by_key(|diagnostic| diagnostic.primary.span);
    diagnostics.extend(in_one_note(&not_carried_out));
    diagnostics.sort_by_key(|diagnostic| diagnostic.primary.span);
    // A part that is looked at in several ways, as a text in a handler is, has one finding.
    diagnostics.dedup_by(|one, before| {
        one.code == before.code && one.primary.span == before.primary.span && one.message == before.message
    });
    if options.strict {
        diagnostics.iter_mut().for_each(Diagnostic::make_strict);
    }
    Examined {
        diagnostics,
        not_carried_out,
        resolved: checked.resolved,
        signature: Some(checked.signature).filter(|_| !syntax_error),
        broken: checked.broken,
    }
}

fn is_for_later(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == Code::NotCarriedOut && diagnostic.is_error()
}

/// Returns the note that stands for all that is not carried out.
fn in_one_note(found: &[Diagnostic]) -> Option<Diagnostic> {
    // A file of which nothing runs would otherwise be drawn whole.
    const SHOWN: usize = 6;
    const LABEL: &str = "not carried out yet";
    let (first, rest) = found.split_first()?;
    let all = match rest.len() {
        0 => "one construct".to_owned(),
        more => format!("{} constructs", more + 1),
    };
    let message = format!(
        "{all} of this file {} checked, but this version does not carry {} out",
        if rest.is_empty() { "is" } else { "are" },
        if rest.is_empty() { "it" } else { "them" }
    );
    let note = Diagnostic::note_only(Code::NotCarriedOut, first.primary.span, message).label(LABEL);
    let note = rest
        .iter()
        .take(SHOWN - 1)
        .fold(note, |note, more| note.also(more.primary.span, LABEL));
    let note = match rest.len().saturating_sub(SHOWN - 1) {
        0 => note,
        more => note.note(format!("and {more} more")),
    };
    Some(note.help("`cofferdam run` refuses the file and names each of them"))
}

/// Returns the warning that a workflow is found by another name than it is shown by (LANGUAGE rule R18).
fn name_is_not_file(tree: &File, file: &str) -> Option<Diagnostic> {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = base.strip_suffix(".wf")?;
    let name = &tree.name;
    if name.text.is_empty() || name.text == stem {
        return None;
    }
    let message = format!("the workflow `{}` is in a file called `{base}`", name.text);
    let diagnostic = Diagnostic::warning(Code::NameIsNotFile, name.span, message);
    Some(diagnostic.help(format!(
        "it is found as `{stem}` and shown as `{}`: rename one of them",
        name.text
    )))
}

/// Returns whether a finding may come from a declaration that was lost to a syntax error.
fn needs_declarations(code: Code) -> bool {
    matches!(
        code,
        Code::NoStepBefore
            | Code::NotABooleanInput
            | Code::MissingAttribute
            | Code::MissingParameter
            | Code::UnknownBranch
            | Code::UnknownInput
            | Code::UnknownVariable
            | Code::UnknownName
            | Code::MissingInput
    )
}

/// Returns whether a finding may come from a name that stands elsewhere in the wrong place, or in wrong letters.
fn is_unused(code: Code) -> bool {
    matches!(code, Code::UnusedVariable | Code::UnusedInput)
}

/// Returns whether a finding may come from a use that was lost to a syntax error.
fn needs_uses(code: Code) -> bool {
    matches!(
        code,
        Code::Unreachable
            | Code::UnusedVariable
            | Code::UnusedInput
            | Code::UnchangingLoop
            | Code::NoDeadline
            | Code::AlwaysNull
    )
}
