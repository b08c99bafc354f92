//! What the placeholders of a text mean: old variables or expressions.

use super::Checker;
use super::expression::is_name;
use super::foreign::{block_in, is_block, placeholders_in};
use super::step_table::Scope;
use crate::ast::{Value, ValueKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::{Fragment, Text, TextForm, TextPart};
use crate::parser::ROOTS;
use crate::source::Span;
use cofferdam_engine::expr::{Template, TemplatePart};

/// The variables that every step knows (LANGUAGE section 1).
const BUILT_IN: &[&str] = &[
    "workflow_run_id",
    "prior_context",
    "prior_contexts",
    "prior_output",
    "prior_output_file",
    "gate_feedback",
    "dry_run",
];

/// Built-in variables that have no value yet in this release.
const NOT_YET: &[&str] = &["prior_contexts", "prior_output_file"];

/// The variables of `on_fail`.
const IN_HANDLER: &[&str] = &["failed_step", "failure_reason", "retry_count"];

/// The variables of top-level `always` blocks.
const IN_CLEANUP: &[&str] = &["workflow_status"];

/// Returns whether an input may not have this name (capability B13).
pub(crate) fn is_reserved(name: &str) -> bool {
    [BUILT_IN, IN_HANDLER, IN_CLEANUP]
        .iter()
        .any(|names| names.contains(&name))
        || name == "item"
}

impl<'a> Checker<'a> {
    /// Returns the template that a text is.
    pub(super) fn template(&mut self, text: &'a Text, scope: &Scope<'a>) -> Option<Template> {
        if text.form == TextForm::Raw {
            return Some(Template::literal(&*text.plain));
        }
        let mut template = Template::default();
        let mut complete = true;
        let block = block_in(text, self.is_modern());
        let has_blocks = block.is_some();
        block.into_iter().for_each(|found| self.report(found));
        for found in placeholders_in(text, scope) {
            self.report(found);
        }
        for part in &text.parts {
            match part {
                TextPart::Plain(text) if text.is_empty() => {}
                TextPart::Plain(text) => template.parts.push(TemplatePart::Text(text.clone())),
                TextPart::Placeholder(fragment) if has_blocks && is_block(fragment) => {
                    complete &= !self.is_modern();
                    let name = fragment.code.trim().to_owned();
                    template.parts.push(TemplatePart::Variable(name));
                }
                TextPart::Placeholder(fragment) => match self.placeholder(fragment, scope) {
                    Some(part) => template.parts.push(part),
                    None => complete = false,
                },
            }
        }
        complete.then_some(template)
    }

    /// Returns the template that a value is: a text, or an expression whose value is shown.
    pub(super) fn text_value(&mut self, value: &'a Value, scope: &Scope<'a>) -> Option<Template> {
        match &value.kind {
            ValueKind::Text(text) => self.template(text, scope),
            ValueKind::Code(code) => Some(Template::literal(&*code.text)),
            ValueKind::Expression(fragment) => {
                let expression = self.expression(fragment, scope)?;
                Some(Template {
                    parts: vec![TemplatePart::Expression(expression)],
                })
            }
            ValueKind::Invalid => None,
            ValueKind::Number(_)
            | ValueKind::Duration(_)
            | ValueKind::Path(_)
            | ValueKind::List(_)
            | ValueKind::Map(_) => {
                self.error(Code::WrongValue, value.span, "a text is needed here: `\"…\"`");
                None
            }
        }
    }

    fn placeholder(&mut self, fragment: &'a Fragment, scope: &Scope<'a>) -> Option<TemplatePart> {
        let name = fragment.code.trim();
        if name.is_empty() {
            let span = fragment.span;
            let around = Span::new((span.start as usize).saturating_sub(2), span.end as usize + 2);
            let whole = self.source.text().get(around.range());
            let place = if whole.is_some_and(|text| text.starts_with("{{") && text.ends_with("}}")) {
                around
            } else {
                span
            };
            let message = "nothing stands between these braces";
            let diagnostic = Diagnostic::doubtful(Code::ExpressionSyntax, self.is_modern(), place, message);
            self.report(
                diagnostic.help("write what is filled in, such as `{{run.id}}`, or `\\{{` for braces that are meant"),
            );
            return (!self.is_modern()).then(|| TemplatePart::Variable(String::new()));
        }
        let is_value = ROOTS.contains(&name) || matches!(name, "true" | "false" | "null");
        let is_root = is_value && !self.inputs.contains_key(name);
        if is_name(name) && !is_root && !scope.items.contains(&name) {
            return self.variable(name, fragment, scope);
        }
        if !self.is_modern() && !self.can_be_expression(fragment, scope) {
            let message = format!("nothing is called `{name}` here; it is replaced by nothing");
            self.report(Diagnostic::warning(Code::UnknownName, fragment.span, message));
            return Some(TemplatePart::Variable(name.to_owned()));
        }
        self.expression(fragment, scope).map(TemplatePart::Expression)
    }

    /// Returns the part for an old variable (LANGUAGE rules R31 and R32).
    fn variable(&mut self, name: &str, fragment: &Fragment, scope: &Scope<'a>) -> Option<TemplatePart> {
        let start = fragment.code.len() - fragment.code.trim_start().len();
        let span = fragment.locate(start, start + name.len());
        let provided = self.options.variables.contains(name) || self.inputs.contains_key(name);
        if !provided && NOT_YET.contains(&name) {
            self.not_yet(span, &format!("the variable `{name}`"));
            return None;
        }
        let known = provided
            || BUILT_IN.contains(&name)
            || (scope.in_handler && IN_HANDLER.contains(&name))
            || (scope.in_cleanup && IN_CLEANUP.contains(&name));
        if known {
            if let Some(diagnostic) = self.secret_variable(name, span) {
                self.report(diagnostic);
                return None;
            }
            return Some(TemplatePart::Variable(name.to_owned()));
        }
        if !self.is_modern() {
            let message = format!("`{{{{{name}}}}}` is neither an input nor built in");
            let diagnostic = Diagnostic::note_only(Code::UnknownName, span, message);
            self.report(
                diagnostic
                    .note("an output of an earlier step may define it; if none does, nothing stands in its place"),
            );
            return Some(TemplatePart::Variable(name.to_owned()));
        }
        self.report(self.unknown_variable(name, span, scope));
        None
    }

    fn unknown_variable(&self, name: &str, span: crate::source::Span, scope: &Scope<'_>) -> Diagnostic {
        let diagnostic = Diagnostic::error(Code::UnknownName, span, format!("nothing is called `{name}` here"));
        if IN_HANDLER.contains(&name) {
            return diagnostic.help(format!("`{name}` is known inside `on_fail {{ … }}` only"));
        }
        if IN_CLEANUP.contains(&name) {
            return diagnostic.help(format!(
                "`{name}` is known inside a top-level `always {{ … }}` only; the status of a step is `steps.STEP.status`"
            ));
        }
        if self.steps.variables.contains(name) {
            return diagnostic
                .help(format!("write `{{{{vars.{name}}}}}`"))
                .suggest(span, format!("vars.{name}"));
        }
        if self.steps.visible(name, scope).next().is_some() {
            return diagnostic.help(format!("write `{{{{steps.{name}.output.FIELD}}}}`"));
        }
        let known = self.inputs.keys().copied();
        let known = known
            .chain(self.options.variables.iter().map(String::as_str))
            .chain(BUILT_IN.iter().copied());
        match did_you_mean(name, known) {
            Some(meant) => diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(span, meant),
            None => diagnostic.help("declare it in `inputs`, or read an output: `{{steps.STEP.output.FIELD}}`"),
        }
    }
}
