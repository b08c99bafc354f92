//! Whose step a name means: one of this file, or one of a workflow that it calls (LANGUAGE rule R39).

use super::Checker;
use super::known::Known;
use super::signature::Signature;
use super::step_table::Scope;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Label, did_you_mean};
use crate::library::{Called, Library};
use crate::source::Span;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The workflows that a file calls.
#[derive(Default)]
pub(super) struct Children<'a> {
    called: BTreeMap<&'a str, Rc<Called>>,
    /// Which of them have a step of a name.
    by_step: BTreeMap<String, Vec<&'a str>>,
}

impl<'a> Children<'a> {
    pub(super) fn of(names: impl Iterator<Item = &'a str>, library: Option<&Library>) -> Self {
        let mut children = Self::default();
        let Some(library) = library else { return children };
        for name in names {
            let Some(called) = library.called(name) else { continue };
            for step in called.signature.iter().flat_map(|signature| signature.steps.keys()) {
                children.by_step.entry(step.clone()).or_default().push(name);
            }
            children.called.insert(name, called);
        }
        children
    }

    fn signature(&self, workflow: &str) -> Option<&Signature> {
        self.called.get(workflow)?.signature.as_ref()
    }

    /// Returns the steps of the called workflow with what is known about their outputs; none if they are not known.
    fn steps(&self, workflow: &str) -> Option<&BTreeMap<String, Known>> {
        Some(&self.signature(workflow)?.steps)
    }

    fn having(&self, step: &str) -> &[&'a str] {
        self.by_step.get(step).map_or(&[], Vec::as_slice)
    }
}

impl<'a> Checker<'a> {
    /// Returns what is known about the output of a called workflow.
    pub(super) fn output_of_workflow(&self, workflow: &str) -> Known {
        let signature = self.children.signature(workflow);
        signature.map_or(Known::Anything, |signature| signature.outputs.clone())
    }

    /// Returns what is known about the output of the step `step` of what the step `child` calls.
    pub(super) fn output_in_child(&self, child: &str, step: &str) -> Known {
        let workflow = self.steps.all(child).find_map(|fact| fact.workflow);
        let steps = workflow.and_then(|workflow| self.children.steps(workflow));
        let known = steps.and_then(|steps| steps.get(step));
        known.cloned().unwrap_or_default()
    }

    /// Returns what is known about the output of the step that a called workflow has under this name.
    pub(super) fn output_in_children(&self, step: &str) -> Known {
        let owners = self.children.having(step).iter();
        Known::either(owners.map(|owner| {
            self.children
                .steps(owner)
                .and_then(|steps| steps.get(step))
                .cloned()
                .unwrap_or_default()
        }))
    }

    /// Returns whether a step of a called workflow that can have run where `scope` is may be called `key`, while this file
    /// has none of that name.
    pub(super) fn is_step_of_child(&self, key: &str, scope: &Scope<'a>) -> bool {
        self.steps.all(key).next().is_none()
            && self.steps.workflows().any(|workflow| {
                let may_have = self
                    .children
                    .steps(workflow)
                    .is_none_or(|steps| steps.contains_key(key));
                may_have && self.steps.visible_workflow(workflow, scope).is_some()
            })
    }

    /// Returns the called workflow that has a step `key` and can have run where `scope` is.
    pub(super) fn child_with(&self, key: &str, scope: &Scope<'a>) -> Option<&'a str> {
        let mut owners = self.children.having(key).iter().copied();
        owners.find(|owner| self.steps.visible_workflow(owner, scope).is_some())
    }

    /// Returns the names of the steps of called workflows that can have run where `scope` is.
    pub(super) fn steps_of_children(&self, scope: &Scope<'a>) -> impl Iterator<Item = &str> {
        let visible = |workflow: &&'a str| self.steps.visible_workflow(workflow, scope).is_some();
        let children = self.steps.workflows().filter(visible);
        children
            .filter_map(|workflow| self.children.steps(workflow))
            .flat_map(|steps| steps.keys().map(String::as_str))
    }

    /// Warns where a bare name means a step of this file, and one of a called workflow has the same name: once for a name.
    pub(super) fn shared_name(&mut self, key: &str, span: Span, scope: &Scope<'a>) {
        let Some(own) = self.steps.all(key).next().map(|fact| fact.name) else {
            return;
        };
        let Some(child) = self.child_with(key, scope) else {
            return;
        };
        if let Some(index) = self.shared_names.get(key) {
            if let Some(known) = self.diagnostics.get_mut(*index) {
                const SHOWN: usize = 5;
                if known.secondary.len() < SHOWN {
                    known.secondary.push(Label {
                        span,
                        text: "also here".to_owned(),
                    });
                }
            }
            return;
        }
        let message = format!("this file has a step `{key}`, and the workflow `{child}` has one too");
        let diagnostic = Diagnostic::warning(Code::SharedStepName, span, message)
            .label("means the one of this file")
            .also(own, "this one")
            .help(format!(
                "the other is `{child}.{key}.MARKER` in a condition and `steps.{child}.steps.{key}` in an expression"
            ));
        self.shared_names.insert(key.to_owned(), self.diagnostics.len());
        self.report(diagnostic);
    }

    /// Returns what is wrong with asking for the step `step` of what the step `child` calls.
    pub(super) fn missing_child_step(
        &self,
        (child, child_span): (&str, Span),
        (step, span): (&str, Span),
        scope: &Scope<'a>,
    ) -> Option<Diagnostic> {
        let Some(workflow) = self.steps.visible(child, scope).find_map(|fact| fact.workflow) else {
            let message = format!("`{child}` calls no workflow, it has no steps of its own");
            let diagnostic = Diagnostic::error(Code::NoStepBefore, child_span, message);
            return Some(diagnostic.help(format!("write `{child}.MARKER`")));
        };
        let steps = self.children.steps(workflow)?;
        if steps.contains_key(step) {
            return None;
        }
        let message = format!("the workflow `{workflow}` has no step `{step}`");
        let diagnostic = Diagnostic::error(Code::NoStepBefore, span, message).also(child_span, "this workflow");
        Some(match did_you_mean(step, steps.keys().map(String::as_str)) {
            Some(near) => diagnostic.label(format!("did you mean `{near}`?")).suggest(span, near),
            None if steps.is_empty() => diagnostic.help("it has no steps that can be asked for"),
            None => diagnostic.help(format!("it has {}", some(steps.keys().map(String::as_str)))),
        })
    }
}

/// Returns the first of `names` in words, and how many more there are.
pub(super) fn some<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> = names.collect();
    let list = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{list} and {more} more"),
        _ => list,
    }
}
