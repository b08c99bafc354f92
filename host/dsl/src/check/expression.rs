//! What the expressions of a file refer to, and whether it can be there.

use super::child_steps::some;
use super::members::minus_in;
use super::step_table::Scope;
use super::{Checker, slip};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::Fragment;
use crate::parser::ROOTS;
use crate::source::Span;
use cofferdam_engine::expr::{Reference, Segment, references};
use cofferdam_engine::{Expression, StepResult};
use std::ops::Range;

/// The members of `error` and of `steps.X.error`.
const ERROR_MEMBERS: &[&str] = &["attempt", "class", "code", "details", "message", "step"];

/// The members of `run`.
const RUN_MEMBERS: &[&str] = &["dry_run", "id", "metrics", "now", "started_at", "status", "workflow"];

/// The members of `prior`.
const PRIOR_MEMBERS: &[&str] = &["context", "output"];

/// Returns whether a text is a name and nothing else.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// An expression with the way back to the file.
struct Located<'f> {
    fragment: &'f Fragment,
    /// How many bytes of the fragment stand before the expression.
    skipped: usize,
    expression: Expression,
}

impl Located<'_> {
    fn span(&self, range: &Range<usize>) -> Span {
        self.fragment
            .locate(self.skipped + range.start, self.skipped + range.end)
    }
}

impl<'a> Checker<'a> {
    /// Returns the expression that a piece of text is, if everything that it names can be there.
    pub(super) fn expression(&mut self, fragment: &Fragment, scope: &Scope<'a>) -> Option<Expression> {
        let code = fragment.code.trim();
        if code.is_empty() {
            // Between parentheses the parser has reported it.
            if fragment.written.trim().is_empty() && fragment.span.start == fragment.span.end {
                return None;
            }
            self.error(Code::ExpressionSyntax, fragment.span, "an expression is missing here");
            return None;
        }
        let skipped = fragment.code.len() - fragment.code.trim_start().len();
        let expression = match Expression::parse(code) {
            Ok(expression) => expression,
            Err(error) => {
                let span = fragment.locate(skipped + error.range.start, skipped + error.range.end);
                let mut diagnostic = Diagnostic::error(Code::ExpressionSyntax, span, error.message);
                if let Some(mend) = slip::mend(code, error.range.start) {
                    diagnostic = diagnostic.help(mend.help);
                    if let Some((range, replacement)) = mend.replacement {
                        let span = fragment.locate(skipped + range.start, skipped + range.end);
                        diagnostic = diagnostic.suggest(span, replacement);
                    }
                } else if let Some(hint) = error.hint {
                    diagnostic = diagnostic.help(hint);
                }
                self.report(diagnostic);
                return None;
            }
        };
        let located = Located {
            fragment,
            skipped,
            expression,
        };
        let before = self.diagnostics.len();
        if self.is_full() {
            return Some(located.expression);
        }
        for reference in references(&located.expression) {
            match &*reference.root {
                "vars" => self.read_variables.add(&reference),
                "inputs" => self.read_inputs.add(&reference),
                "steps" if reference.path.get(1).is_none_or(|member| &*member.name != "steps") => {
                    if let Some(step) = reference.path.first() {
                        self.shared_name(&step.name, located.span(&step.range), scope);
                    }
                }
                _ => {}
            }
            if let Some(diagnostic) = self.reference(&reference, &located, scope) {
                // `a.x + a.x` is one mistake.
                let known = self.diagnostics[before..]
                    .iter()
                    .any(|found| found.message == diagnostic.message);
                if !known {
                    self.report(diagnostic);
                }
            }
        }
        for mismatch in self.mismatches(located.expression.tree(), code, scope) {
            let span = located.span(&mismatch.range);
            let mut diagnostic = Diagnostic::error(mismatch.code, span, mismatch.message);
            if !mismatch.label.is_empty() {
                diagnostic = diagnostic.label(mismatch.label);
            }
            if !mismatch.help.is_empty() {
                diagnostic = diagnostic.help(mismatch.help);
            }
            if let Some((range, replacement)) = mismatch.mend {
                diagnostic = diagnostic.suggest(located.span(&range), replacement);
            }
            self.report(diagnostic);
        }
        for range in self.calculated_secrets(&located.expression) {
            let message = "nothing can be made of a secret: there is only a placeholder for it";
            let diagnostic = Diagnostic::error(Code::SecretLeak, located.span(&range), message);
            self.report(diagnostic.help("give it on as it is, or join it to a text with `+`"));
        }
        let failed = self.diagnostics[before..].iter().any(Diagnostic::is_error);
        if !failed && let Some(message) = self.too_costly(&located.expression) {
            let span = located.span(&located.expression.tree().range);
            let diagnostic = Diagnostic::error(Code::ExpressionBudget, span, message);
            self.report(diagnostic.help("work through smaller lists, or let a script do it"));
            return None;
        }
        (!failed).then_some(located.expression)
    }

    /// Returns whether a placeholder of an old file can be meant as an expression: it is one, and its roots exist.
    pub(super) fn can_be_expression(&self, fragment: &Fragment, scope: &Scope<'a>) -> bool {
        Expression::parse(fragment.code.trim()).is_ok_and(|expression| {
            references(&expression)
                .iter()
                .all(|reference| self.is_root(&reference.root, scope))
        })
    }

    fn is_root(&self, name: &str, scope: &Scope<'_>) -> bool {
        match name {
            "item" => !scope.items.is_empty(),
            _ => ROOTS.contains(&name) || scope.items.contains(&name),
        }
    }

    fn reference(&self, reference: &Reference, at: &Located<'_>, scope: &Scope<'a>) -> Option<Diagnostic> {
        let root = &*reference.root;
        if scope.items.contains(&root) {
            return None;
        }
        let first = reference.path.first();
        match root {
            "inputs" => first
                .and_then(|name| self.input_reference(name, at))
                .or_else(|| self.secret_reference(reference, at.span(&reference.range))),
            "steps" => self.step_reference(&reference.path, at, scope),
            "vars" => self.variable_reference(first?, at, scope),
            "run" => unknown_member(first?, RUN_MEMBERS, "run", at),
            "prior" => unknown_member(first?, PRIOR_MEMBERS, "prior", at),
            "error" if scope.in_handler => unknown_member(first?, ERROR_MEMBERS, "error", at),
            "error" => {
                let span = at.span(&reference.root_range);
                let diagnostic =
                    Diagnostic::error(Code::UnknownName, span, "`error` is known inside `on_fail { … }` only");
                Some(diagnostic.help("after a step with `on_fail = continue` write `steps.STEP.error`"))
            }
            "secrets" => {
                let span = at.span(&reference.range);
                self.secret_reference(reference, span)
            }
            "item" if !scope.items.is_empty() => None,
            _ => Some(self.unknown_root(reference, at, scope)),
        }
    }

    fn unknown_root(&self, reference: &Reference, at: &Located<'_>, scope: &Scope<'_>) -> Diagnostic {
        let name = &*reference.root;
        let span = at.span(&reference.root_range);
        let diagnostic = Diagnostic::error(Code::UnknownName, span, format!("nothing is called `{name}` here"));
        let instead = if self.inputs.contains_key(name) {
            Some(format!("inputs.{name}"))
        } else if self.steps.variables.contains(name) {
            Some(format!("vars.{name}"))
        } else if self.steps.visible(name, scope).next().is_some() {
            Some(format!("steps.{name}"))
        } else {
            None
        };
        if let Some(instead) = instead {
            return diagnostic.help(format!("write `{instead}`")).suggest(span, instead);
        }
        if name == "item" {
            return diagnostic
                .help("`item` is known inside of a `foreach`; after it write `steps.LOOP.output.items[0]`");
        }
        match did_you_mean(name, ROOTS.iter().copied().chain(scope.items.iter().copied())) {
            Some(meant) => diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(span, meant),
            None => diagnostic.help(format!(
                "an expression begins with one of {}; texts have quotes",
                ROOTS.join(", ")
            )),
        }
    }

    fn input_reference(&self, segment: &Segment, located: &Located<'_>) -> Option<Diagnostic> {
        let name = &*segment.name;
        if self.inputs.contains_key(name) {
            return None;
        }
        let span = located.span(&segment.range);
        let mut diagnostic = Diagnostic::error(Code::UnknownInput, span, format!("there is no input `{name}`"));
        if let Some(at) = minus_in(name, |before| self.inputs.contains_key(before)) {
            return Some(minus(diagnostic, "inputs", segment, at, located));
        }
        if let Some(meant) = did_you_mean(name, self.inputs.keys().copied()) {
            diagnostic = diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(span, meant);
            return Some(diagnostic.also(self.inputs[meant].name, format!("there is `{meant}`")));
        }
        Some(diagnostic.help(if self.inputs.is_empty() {
            format!("declare it: `inputs {{ {name} required }}`")
        } else {
            format!(
                "declared are: {}",
                self.inputs.keys().copied().collect::<Vec<_>>().join(", ")
            )
        }))
    }

    fn variable_reference(&self, segment: &Segment, located: &Located<'_>, scope: &Scope<'a>) -> Option<Diagnostic> {
        let name = &*segment.name;
        let span = located.span(&segment.range);
        if let Some(writes) = self.steps.writes.get(name) {
            // Who asks whether it is there knows that it may not be.
            let is_asked = segment.optional || located.fragment.code.contains("has(");
            if is_asked || writes.iter().any(|write| scope.can_be_written(*write)) {
                return None;
            }
            let message = format!("`vars.{name}` is read before any `set` can have written it");
            let diagnostic = Diagnostic::error(Code::UnknownVariable, span, message);
            return Some(diagnostic.also(writes[0], "written only here").help(format!(
                "write `set {{ {name} = … }}` before it, with the value it begins with"
            )));
        }
        let diagnostic = Diagnostic::error(
            Code::UnknownVariable,
            span,
            format!("no `set` writes the variable `{name}`"),
        );
        if let Some(at) = minus_in(name, |before| self.steps.variables.contains(before)) {
            return Some(minus(diagnostic, "vars", segment, at, located));
        }
        Some(match did_you_mean(name, self.steps.variables.iter().copied()) {
            Some(meant) => diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(span, meant),
            None if self.inputs.contains_key(name) => diagnostic.help(format!("the input is `inputs.{name}`")),
            None => diagnostic.help(format!("write `set {{ {name} = … }}` before it")),
        })
    }

    fn step_reference(&self, path: &[Segment], at: &Located<'_>, scope: &Scope<'a>) -> Option<Diagnostic> {
        let step = path.first()?;
        if let Some(diagnostic) = self.missing_step(&step.name, at.span(&step.range), scope) {
            return Some(diagnostic);
        }
        let member = path.get(1)?;
        let of = format!("steps.{}", step.name);
        if &*member.name != "steps" {
            return result_reference(&of, &path[1..], at);
        }
        if self.steps.all(&step.name).next().is_none() && self.child_with(&step.name, scope).is_some() {
            return Some(one_level(&of, member, at));
        }
        if !self
            .steps
            .visible(&step.name, scope)
            .any(|fact| fact.workflow.is_some())
        {
            let message = format!("`{of}` calls no workflow, it has no steps of its own");
            return Some(Diagnostic::error(Code::UnknownMember, at.span(&member.range), message));
        }
        let inner = path.get(2)?;
        let child = (&*step.name, at.span(&step.range));
        if let Some(diagnostic) = self.missing_child_step(child, (&inner.name, at.span(&inner.range)), scope) {
            return Some(diagnostic);
        }
        let of = format!("{of}.steps.{}", inner.name);
        match path.get(3)? {
            deeper if &*deeper.name == "steps" => Some(one_level(&of, deeper, at)),
            _ => result_reference(&of, &path[3..], at),
        }
    }

    /// Returns the finding that no step called `key` can have run where `scope` is.
    pub(super) fn missing_step(&self, key: &str, span: Span, scope: &Scope<'a>) -> Option<Diagnostic> {
        if self.steps.visible(key, scope).next().is_some() || self.is_step_of_child(key, scope) {
            return None;
        }
        let own = self.steps.visible_keys(scope);
        let known: Vec<&str> = own.iter().copied().chain(self.steps_of_children(scope)).collect();
        let mut diagnostic = Diagnostic::error(
            Code::NoStepBefore,
            span,
            format!("no step `{key}` can have run before this line"),
        );
        if let Some(later) = self.steps.all(key).next() {
            if let Some(foreach) = self.steps.foreach_around(later, scope) {
                return Some(
                    diagnostic
                        .also(later.name, format!("this `{key}` runs for each item"))
                        .help(format!(
                            "what the last step of each item returned is `steps.{foreach}.output.items[0].output`"
                        )),
                );
            }
            let branch = scope
                .siblings
                .iter()
                .find(|(_, span)| span.start <= later.at && later.at < span.end);
            if let Some((branch, _)) = branch {
                return Some(
                    diagnostic
                        .also(later.name, "runs at the same time")
                        .help(format!("write `needs = [{branch}]` to run after it")),
                );
            }
            diagnostic = diagnostic.also(later.name, format!("this `{key}` cannot have run by then"));
            if let Some(child) = self.child_with(key, scope) {
                return Some(diagnostic.help(format!(
                    "the step of `{child}` is `{child}.{key}.MARKER` in a condition and `steps.{child}.steps.{key}` in an expression"
                )));
            }
        } else if let Some(near) = did_you_mean(key, known.iter().copied()) {
            diagnostic = diagnostic.suggest(span, near);
            if let Some(fact) = self.steps.visible(near, scope).next() {
                diagnostic = diagnostic.also(fact.name, format!("there is `{near}`"));
            } else if let Some(child) = self.child_with(near, scope) {
                diagnostic = diagnostic.label(format!("the workflow `{child}` has `{near}`"));
            }
        }
        Some(if known.is_empty() {
            diagnostic.help("no step stands before it")
        } else {
            diagnostic.help(format!("steps that can have run here: {}", some(known.into_iter())))
        })
    }
}

/// Returns what is wrong with the members `path` of the result of a step, which is written as `of`. What is below `output`
/// is known by its type.
fn result_reference(of: &str, path: &[Segment], at: &Located<'_>) -> Option<Diagnostic> {
    let member = path.first()?;
    // The steps of a called workflow are below its key, too.
    let members: Vec<&str> = StepResult::MEMBERS.into_iter().chain(["steps"]).collect();
    if let Some(diagnostic) = unknown_member(member, &members, of, at) {
        return Some(if members.contains(&&*member.name) || member.optional {
            diagnostic
        } else {
            diagnostic.note(format!("what a step returns is below `{of}.output`"))
        });
    }
    match (&*member.name, path.get(1)) {
        ("error", Some(part)) => unknown_member(part, ERROR_MEMBERS, &format!("{of}.error"), at),
        _ => None,
    }
}

/// Returns the finding that the steps of a workflow that a called workflow calls are asked for.
fn one_level(of: &str, member: &Segment, at: &Located<'_>) -> Diagnostic {
    let message = format!("`{of}` is a step of a called workflow: what that step calls cannot be looked into");
    Diagnostic::error(Code::UnknownMember, at.span(&member.range), message)
        .help("let the called workflow return what is needed: `outputs { name = … }`")
}

/// Adds how to write the minus at `at` in the name of `segment`, a member of `of` (LANGUAGE rule R5).
fn minus(diagnostic: Diagnostic, of: &str, segment: &Segment, at: usize, located: &Located<'_>) -> Diagnostic {
    let code = located.fragment.code.trim();
    // What follows belongs to the second operand: `a.n-b.n`.
    let start = segment.range.start + at + 1;
    let end = code[segment.range.end..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
        .map_or(code.len(), |length| segment.range.end + length);
    let after = code.get(start..end).unwrap_or_default();
    diagnostic
        .help(format!("for minus write `{of}.{} - {after}`", &segment.name[..at]))
        .suggest(located.span(&(start - 1..start)), " - ")
}

fn unknown_member(segment: &Segment, members: &[&'static str], of: &str, at: &Located<'_>) -> Option<Diagnostic> {
    let name = &*segment.name;
    if members.contains(&name) || segment.optional {
        return None;
    }
    let span = at.span(&segment.range);
    let diagnostic = Diagnostic::error(Code::UnknownMember, span, format!("`{of}` has no `{name}`"));
    if let Some(place) = minus_in(name, |before| members.contains(&before)) {
        return Some(minus(diagnostic, of, segment, place, at));
    }
    Some(match did_you_mean(name, members.iter().copied()) {
        Some(meant) => diagnostic
            .label(format!("did you mean `{meant}`?"))
            .suggest(span, meant),
        None => diagnostic.help(format!("it has {}", members.join(", "))),
    })
}
