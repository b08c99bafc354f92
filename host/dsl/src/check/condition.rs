//! What conditions ask: a marker of a step, a boolean input, or an expression (LANGUAGE rule R3).

use super::Checker;
use super::kinds::Kind;
use super::secrets::Destination;
use super::step_table::{Fact, Scope};
use crate::ast::{self, Attribute, Path, Sense, Value, Word};
use crate::catalog::Lookup;
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
                let asked = Destination::Seen("a condition");
                let expression = self.for_destination(asked, |checker| checker.expression(fragment, scope))?;
                let kind = self
                    .kind_of(expression.tree(), scope)
                    .filter(|kind| *kind != Kind::Boolean);
                if let Some(kind) = kind {
                    let message = format!("a condition must be true or false, this is {}", kind.phrase());
                    let diagnostic = Diagnostic::error(Code::WrongValue, fragment.span, message);
                    let code = fragment.code.trim();
                    self.report(diagnostic.help(match kind {
                        Kind::Text => format!("compare it: `({code} != \"\")`"),
                        Kind::List | Kind::Map => format!("ask for its size: `(size({code}) > 0)`"),
                        Kind::Number | Kind::Boolean => format!("compare it: `({code} > 0)`"),
                    }));
                    return None;
                }
                self.constant_parts(fragment, &expression);
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
                self.marker(step, marker, path, scope);
                let facts = self.steps.visible(&step.text, scope);
                if let Some(diagnostic) = self.unknown_marker(facts, &step.text, &marker.text, marker.span) {
                    self.report(diagnostic);
                }
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

    /// Reports a marker that the step never has, or that is a status and no marker of an action.
    fn marker(&mut self, step: &Word, marker: &Word, path: &Path, scope: &Scope<'a>) {
        let is_status = matches!(marker.text.as_str(), "completed" | "failed" | "skipped" | "cancelled");
        let instead = format!("(steps.{}.{})", step.text, marker.text);
        if let Some(markers) = self.markers_of(&step.text) {
            if markers.contains(&marker.text.as_str()) {
                return;
            }
            let message = format!("`{}` never has the marker `{}`", step.text, marker.text);
            let diagnostic = Diagnostic::doubtful(Code::UnknownMember, self.has_edition, marker.span, message);
            self.report(match did_you_mean(&marker.text, markers.iter().copied()) {
                _ if is_status => diagnostic
                    .help(format!("its status is `{instead}`"))
                    .suggest(path.span, instead),
                Some(meant) => diagnostic
                    .label(format!("did you mean `{meant}`?"))
                    .suggest(marker.span, meant),
                None => diagnostic.help(format!("it has {}", markers.join(", "))),
            });
            return;
        }
        // The fallback is an agent, which is free in its markers, and so is a script.
        let calls_action = |fact: &Fact<'_>| {
            let action = fact.action.as_deref().map(|name| self.catalog.action(name));
            matches!(action, Some(Lookup::Found(_)))
        };
        if is_status && self.steps.visible(&step.text, scope).all(calls_action) {
            let message = format!("this asks for a marker called `{}`, not for the status", marker.text);
            let diagnostic = Diagnostic::warning(Code::RootAsCondition, path.span, message);
            self.report(
                diagnostic
                    .help(format!("for the status write `{instead}`"))
                    .suggest(path.span, instead),
            );
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
