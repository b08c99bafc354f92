//! What conditions ask: a marker of a step, a boolean input, or an expression (LANGUAGE rule R3).

use super::Checker;
use super::kinds::Kind;
use super::step_table::Scope;
use crate::ast::{self, Attribute, Path, Sense, Value};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::parser::condition_of;
use cofferdam_engine::plan::{Condition, InputKind, Test};
use std::sync::Arc;

impl<'a> Checker<'a> {
    /// Returns what a condition asks.
    pub(super) fn condition(
        &mut self,
        condition: &ast::Condition,
        sense: Sense,
        scope: &Scope<'a>,
    ) -> Option<Condition> {
        let test = match &condition.test {
            ast::Test::Path(path) => self.old_form(path, scope),
            ast::Test::Expression(fragment) => {
                let expression = self.expression(fragment, scope)?;
                let kind = self
                    .kind_of(expression.tree(), scope)
                    .filter(|kind| *kind != Kind::Boolean);
                if let Some(kind) = kind {
                    let message = format!("a condition must be true or false, this is {}", kind.phrase());
                    self.error(Code::WrongValue, fragment.span, message);
                    return None;
                }
                Some(Test::Expression(expression))
            }
            ast::Test::Invalid => None,
        };
        Some(Condition {
            test: test?,
            negated: sense == Sense::Unless,
        })
    }

    /// Returns the condition of the attribute `if`, none if there is none.
    pub(super) fn guard(&mut self, attributes: &'a [Attribute], scope: &Scope<'a>) -> Option<Condition> {
        let value = super::attribute::value(attributes, "if")?;
        self.guard_of(value, scope)
    }

    pub(super) fn guard_of(&mut self, value: &Value, scope: &Scope<'a>) -> Option<Condition> {
        let written = condition_of(value)?;
        let condition = self.condition(&written, Sense::If, scope)?;
        self.constant_guard(value.span, &condition);
        Some(condition)
    }

    fn old_form(&mut self, path: &Path, scope: &Scope<'a>) -> Option<Test> {
        match path.segments.as_slice() {
            [name] if name.text.is_empty() => None,
            [name] => self.boolean_input(path, &name.text, scope),
            [step, marker] => {
                // A root without parentheses is reported by the parser or the tables of attributes.
                if crate::parser::ROOTS.contains(&step.text.as_str()) && step.text != "prior" {
                    return None;
                }
                if let Some(diagnostic) = self.missing_step(&step.text, step.span, scope) {
                    self.report(diagnostic);
                    return None;
                }
                self.shared_name(&step.text, step.span, scope);
                Some(Test::Marker {
                    step: Arc::from(step.text.as_str()),
                    marker: marker.text.clone(),
                })
            }
            [child, step, _] => {
                let diagnostic = self.missing_step(&child.text, child.span, scope).or_else(|| {
                    let (child, step) = ((child.text.as_str(), child.span), (step.text.as_str(), step.span));
                    self.missing_child_step(child, step, scope)
                });
                // Called workflows do not run yet, which is reported at the call.
                if let Some(diagnostic) = diagnostic {
                    self.report(diagnostic);
                }
                None
            }
            _ => None,
        }
    }

    fn boolean_input(&mut self, path: &Path, name: &str, scope: &Scope<'a>) -> Option<Test> {
        if let Some(declared) = self.inputs.get(name) {
            if declared.declaration.kind == InputKind::Boolean {
                return Some(Test::Input(name.to_owned()));
            }
            let message = format!(
                "the input `{name}` is {}, not a boolean",
                declared.declaration.kind.phrase()
            );
            let diagnostic = Diagnostic::error(Code::NotABooleanInput, path.span, message);
            self.report(diagnostic.also(declared.name, "declared here").help(format!(
                "declare it as `{name} boolean`, or compare it: `(inputs.{name} == …)`"
            )));
            return None;
        }
        let mut diagnostic = Diagnostic::error(
            Code::NotABooleanInput,
            path.span,
            format!("there is no boolean input `{name}`"),
        );
        let booleans = self
            .inputs
            .iter()
            .filter(|(_, declared)| declared.declaration.kind == InputKind::Boolean)
            .map(|(name, _)| *name);
        if let Some(meant) = did_you_mean(name, booleans) {
            diagnostic = diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(path.span, meant);
        } else if self.steps.visible(name, scope).next().is_some() {
            diagnostic = diagnostic.help(format!(
                "`{name}` is a step: write `{name}.MARKER` or `(steps.{name}.completed)`"
            ));
        } else if self.steps.variables.contains(name) {
            diagnostic = diagnostic
                .help(format!("write `(vars.{name})`"))
                .suggest(path.span, format!("(vars.{name})"));
        } else {
            diagnostic = diagnostic.help(format!("declare it: `inputs {{ {name} boolean }}`"));
        }
        self.report(diagnostic);
        None
    }
}
