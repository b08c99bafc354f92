//! How the text of a workflow becomes a plan: everything that can be said about it, at once.

use crate::ast::File;
use crate::attributes::{check_attributes, not_carried_out};
use crate::catalog::Catalog;
use crate::check::check;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::lower::lower;
use crate::parser::parse;
use crate::source::{Source, Span};
use cofferdam_engine::Plan;
use std::collections::BTreeSet;

/// How a workflow is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether a file without an edition is held to the rules of edition 1.
    pub strict: bool,
    /// The variables that the host injects into every run (LANGUAGE rule R30).
    pub variables: BTreeSet<String>,
}

/// What came of the text of a workflow.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The plan, if nothing is wrong.
    pub plan: Option<Plan>,
    /// Everything there is to say, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The text with its lines, for showing the diagnostics.
    pub source: Source,
}

/// Returns the plan of `text`, the content of `file`, and everything that is wrong with it.
///
/// Touches nothing: the actions are looked up in `catalog`, the rest is in the text.
pub fn compile(text: &str, file: &str, catalog: &dyn Catalog, options: &Options) -> Compiled {
    let source = Source::new(file, text);
    let (tree, mut diagnostics) = parse(text);
    let syntax_error = diagnostics.iter().any(Diagnostic::is_error);
    diagnostics.extend(check_attributes(&tree));
    diagnostics.extend(not_carried_out(&tree));
    diagnostics.extend(name_is_not_file(&tree, file));
    let checked = check(&tree, &source, catalog, options);
    let blamed: BTreeSet<Span> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(|diagnostic| diagnostic.primary.span)
        .collect();
    for diagnostic in checked.diagnostics {
        // What could not be read may have declared the names that are missed now: one cause, one finding.
        let follows = syntax_error && needs_whole_file(diagnostic.code);
        if !follows && !blamed.contains(&diagnostic.primary.span) {
            diagnostics.push(diagnostic);
        }
    }
    if options.strict {
        diagnostics.iter_mut().for_each(Diagnostic::make_strict);
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.primary.span);
    let resolved = checked
        .resolved
        .filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    let plan = resolved.and_then(|resolved| match lower(resolved) {
        Ok(plan) => Some(plan),
        Err(error) => {
            let message = format!("the workflow cannot be planned: {error}");
            diagnostics.push(Diagnostic::error(Code::NotCarriedOut, tree.name.span, message));
            None
        }
    });
    Compiled {
        plan,
        diagnostics,
        source,
    }
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
fn needs_whole_file(code: Code) -> bool {
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
    )
}
