//! What calls of workflows lead to: whether the workflow is there, sound, and not the one that calls it.

use super::Checker;
use super::step_table::Scope;
use crate::ast::{Attribute, Node, Word, find_attribute};
use crate::attributes::Construct;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Label};
use crate::library::{Library, is_workflow_name};
use crate::source::Span;
use std::rc::Rc;

impl<'a> Checker<'a> {
    /// Checks `call workflow NAME { .. }`.
    pub(super) fn workflow_call(
        &mut self,
        node: &'a Node,
        name: &'a Word,
        attributes: &'a [Attribute],
        scope: &Scope<'a>,
    ) {
        let before = self.diagnostics.len();
        for attribute in attributes {
            match (attribute.key.text.as_str(), attribute.handler()) {
                ("on_fail", _) => {
                    self.on_fail(node, attributes, scope);
                }
                // A handler sees the step whose failure it handles.
                (_, Some(block)) => {
                    self.handler(block, node.span.start, scope);
                }
                (_, None) => self.probe(std::slice::from_ref(attribute), scope),
            }
        }
        self.retry(attributes);
        let timeout = self.timeout(attributes, "timeout");
        let timeout_total = self.timeout(attributes, "timeout_total");
        self.order_of_timeouts(attributes, timeout, timeout_total);
        self.child(&name.text, name.span, attributes, before, scope);
    }

    /// Checks the call of the workflow `name`, which stands at `place`; findings from `before` on are about the attributes.
    pub(super) fn child(
        &mut self,
        name: &str,
        place: Span,
        attributes: &'a [Attribute],
        before: usize,
        scope: &Scope<'a>,
    ) {
        if name.is_empty() {
            return;
        }
        if !is_workflow_name(name) {
            let message = format!("`{name}` is no name of a workflow");
            let help = "workflows are called by their names, of letters, digits, `_` and `-`, not by their paths";
            self.report(Diagnostic::error(Code::InvalidPath, place, message).help(help));
            return;
        }
        let Some(library) = self.library else { return };
        if let Some(diagnostic) = self.uncallable(library, name, place) {
            self.blame(name, place, diagnostic);
        }
        let Some(called) = library.called(name) else { return };
        if let Some(signature) = &called.signature {
            let inputs = find_attribute(attributes, "inputs");
            let is_known = |attribute: &Attribute| {
                let name = &attribute.key.text;
                Construct::CallWorkflow.rule(name).is_some() || Construct::Foreach.rule(name).is_some()
            };
            if self.is_modern() && inputs.is_none() && !attributes.iter().all(is_known) {
                // What stands in the wrong place is told there, and was meant to be given.
                return;
            }
            self.given((name, place), inputs, (&called.source, signature), before, scope);
        }
    }

    /// Returns why a workflow cannot be called, by itself or because of what it calls.
    fn uncallable(&mut self, library: &Library, name: &str, place: Span) -> Option<Diagnostic> {
        if !library.contains(name) {
            return Some(unknown(library, name, place));
        }
        let own = self.own_name.as_deref();
        if own == Some(name) {
            return Some(itself(name, place));
        }
        let reach = library.reach(name)?;
        if let Some(circle) = &reach.circle {
            return Some(in_circle(library, own, circle, name, place));
        }
        if reach.levels >= self.options.call_levels {
            return Some(too_deep(library, own, self.options.call_levels, name, place));
        }
        let trouble = library.called(name)?.trouble.clone()?;
        self.broken.get_or_insert_with(|| Rc::clone(&trouble));
        let strict = if self.options.strict { " --strict" } else { "" };
        let help = format!("cofferdam check{strict} {}", trouble.file);
        if trouble.errors == 0 {
            let message = if trouble.workflow == name {
                format!("the workflow `{name}` cannot be read: {}", trouble.first)
            } else {
                format!(
                    "the workflow `{name}` calls `{}`, which cannot be read: {}",
                    trouble.workflow, trouble.first
                )
            };
            return Some(Diagnostic::error(Code::BrokenWorkflow, place, message).help(help));
        }
        let count = match trouble.errors {
            1 => "an error".to_owned(),
            count => format!("{count} errors"),
        };
        let message = if trouble.workflow == name {
            format!("the workflow `{name}` has {count}")
        } else {
            format!("the workflow `{name}` calls `{}`, which has {count}", trouble.workflow)
        };
        let diagnostic = Diagnostic::error(Code::BrokenWorkflow, place, message);
        let which = if trouble.errors == 1 { "it is" } else { "the first is" };
        Some(diagnostic.note(format!("{which}: {}", trouble.first)).help(help))
    }

    /// Reports why a workflow cannot be called, once for all its calls.
    fn blame(&mut self, name: &str, place: Span, diagnostic: Diagnostic) {
        if let Some(index) = self.blamed_workflows.get(name) {
            const SHOWN: usize = 5;
            if let Some(known) = self.diagnostics.get_mut(*index)
                && known.secondary.len() < SHOWN
            {
                known.secondary.push(Label {
                    span: place,
                    text: "also here".to_owned(),
                });
            }
            return;
        }
        self.blamed_workflows.insert(name.to_owned(), self.diagnostics.len());
        self.report(diagnostic);
    }
}

fn unknown(library: &Library, name: &str, place: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::UnknownWorkflow, place, format!("there is no workflow `{name}`"));
    if let Some(meant) = library.suggestion(name) {
        return diagnostic
            .label(format!("did you mean `{meant}`?"))
            .suggest(place, meant);
    }
    let places = library.places();
    diagnostic.help(match places.as_slice() {
        [] => format!("no directory is configured where `{name}.wf` could be"),
        places => format!("`{name}.wf` is looked for in {}", places.join(", ")),
    })
}

fn itself(name: &str, place: Span) -> Diagnostic {
    let message = format!("the workflow `{name}` calls itself");
    Diagnostic::error(Code::CircleOfCalls, place, message)
        .help("to repeat steps write `while … { max_iterations = 10 … }`")
}

fn in_circle(library: &Library, own: Option<&str>, circle: &[String], name: &str, place: Span) -> Diagnostic {
    // A circle has no beginning of its own: it is shown from here, or from where it is entered.
    let start = [own, Some(name)]
        .into_iter()
        .flatten()
        .find_map(|start| circle.iter().position(|member| member == start))
        .unwrap_or(0);
    let members: Vec<&str> = circle
        .iter()
        .cycle()
        .skip(start)
        .take(circle.len() + 1)
        .map(String::as_str)
        .collect();
    let is_in_it = own.is_some_and(|own| members.contains(&own));
    let path = few(&members, " -> ");
    let message = if is_in_it {
        format!("workflows call each other in a circle: {path}")
    } else {
        format!("calling `{name}` leads into a circle: {path}")
    };
    let mut diagnostic = Diagnostic::error(Code::CircleOfCalls, place, message);
    const SHOWN: usize = 5;
    for pair in members.windows(2).take(SHOWN) {
        // The call from here is the place of the finding itself.
        if let [caller, called] = pair
            && own != Some(caller)
            && let Some(place) = call_place(library, caller, called)
        {
            diagnostic = diagnostic.note(format!("`{caller}` calls `{called}` in {place}"));
        }
    }
    diagnostic.help("take one of these calls out; to repeat steps write `while … { max_iterations = 10 … }`")
}

fn too_deep(library: &Library, own: Option<&str>, most: usize, name: &str, place: Span) -> Diagnostic {
    let mut chain: Vec<String> = own.into_iter().chain([name]).map(str::to_owned).collect();
    let mut levels = 1;
    while let Some(next) = chain.last().and_then(|last| library.reach(last)?.next.clone()) {
        chain.push(next);
        levels += 1;
    }
    let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
    let message = format!("calls of workflows are {levels} levels deep here, of at most {most}");
    Diagnostic::error(Code::TooManyLevels, place, message)
        .note(few(&chain, " -> "))
        .help("call some of them one after the other, or allow more: `call_levels` in [project]")
}

/// Returns where one workflow calls another.
fn call_place(library: &Library, caller: &str, called: &str) -> Option<String> {
    let definition = library.definition(caller);
    let site = definition.calls.iter().find(|site| site.name == called)?;
    let line = definition.source.position(site.span.start).line;
    Some(format!("{}:{line}", definition.source.name()))
}

/// Returns names in a row; of many the first and the last.
fn few(names: &[&str], between: &str) -> String {
    const SHOWN: usize = 12;
    if names.len() <= SHOWN {
        return names.join(between);
    }
    let (first, rest) = names.split_at(SHOWN / 2);
    let (left_out, last) = rest.split_at(rest.len() - SHOWN / 2);
    format!(
        "{}{between}… {} more …{between}{}",
        first.join(between),
        left_out.len(),
        last.join(between)
    )
}
