//! What a `foreach` goes through, and what it does with each item.

use super::Checker;
use super::attribute::{as_name, value, word};
use super::kinds::Kind;
use super::step_table::Scope;
use crate::ast::{Attribute, Foreach, Node, Value, ValueKind, find_attribute};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::parser::ROOTS;

/// Attributes that say something about the items of a provider or about child runs only.
const OF_WORKFLOW: &[&str] = &["scope", "filter", "inputs", "ordered", "on_cycle", "on_child_fail"];

impl<'a> Checker<'a> {
    /// Checks a `foreach` with everything inside.
    pub(super) fn foreach(&mut self, node: &'a Node, foreach: &'a Foreach, scope: &Scope<'a>) {
        let attributes = &foreach.block.attributes;
        let item = value(attributes, "each").and_then(as_name).unwrap_or("item");
        let known = self.known_item(attributes, scope);
        let inside = scope.of_item(node.span, item, known);
        let before = self.diagnostics.len();
        for attribute in attributes {
            // The inputs of a child run are made for each item.
            let around = if attribute.key.text == "inputs" { &inside } else { scope };
            self.probe(std::slice::from_ref(attribute), around);
        }
        self.nodes(&foreach.block.nodes, &inside);
        if let Some((name, place)) = value(attributes, "workflow").and_then(word) {
            self.child(&name, place, attributes, before, &inside);
        }
        self.item_hides_root(attributes);
        self.what_it_does(node, foreach);
        self.what_it_goes_through(attributes, scope);
        if let Some(limit) = value(attributes, "max_parallel") {
            self.refuse_no_parallel(limit);
        }
    }

    fn item_hides_root(&mut self, attributes: &'a [Attribute]) {
        let Some(each) = value(attributes, "each") else { return };
        let hidden = as_name(each).filter(|name| *name != "item" && ROOTS.contains(name));
        if let Some(name) = hidden {
            let message = format!("an item called `{name}` hides the `{name}` of expressions");
            let diagnostic = Diagnostic::error(Code::WrongValue, each.span, message);
            self.report(diagnostic.help("give the item another name: `each = one`"));
        }
    }

    /// Reports a `foreach` that has steps and a workflow, or neither.
    fn what_it_does(&mut self, node: &'a Node, foreach: &'a Foreach) {
        let attributes = &foreach.block.attributes;
        let workflow = find_attribute(attributes, "workflow");
        match (workflow, foreach.block.nodes.first()) {
            (Some(workflow), Some(step)) => {
                let message = "`workflow` and steps exclude each other: one of them is run for each item";
                let diagnostic = Diagnostic::error(Code::ExclusiveAttributes, workflow.key.span, message);
                self.report(
                    diagnostic
                        .also(step.keyword, "the first step")
                        .help("remove `workflow`, or call it among the steps: `call workflow NAME { inputs { … } }`"),
                );
            }
            (None, None) => {
                let message = "`foreach` needs steps to run for each item, or `workflow`";
                let diagnostic = Diagnostic::error(Code::MissingAttribute, node.keyword, message);
                self.report(diagnostic.help("write the steps between the braces, or `workflow = NAME`"));
            }
            (Some(_), None) => {}
            (None, Some(_)) => {
                for attribute in attributes {
                    let name = &attribute.key.text;
                    if OF_WORKFLOW.contains(&name.as_str()) {
                        let message = format!("`{name}` has no effect: the items are a list, and steps run for each");
                        let diagnostic =
                            Diagnostic::doubtful(Code::IgnoredAttribute, self.has_edition, attribute.key.span, message);
                        self.report(diagnostic.help(format!(
                            "remove it; `{name}` belongs to a `foreach` with `workflow = NAME`"
                        )));
                    }
                }
            }
        }
    }

    /// Reports an `over` that is no list, where no provider is asked for items.
    fn what_it_goes_through(&mut self, attributes: &'a [Attribute], scope: &Scope<'a>) {
        let Some(over) = value(attributes, "over") else { return };
        let has_workflow = find_attribute(attributes, "workflow").is_some();
        let found = match &over.kind {
            ValueKind::Expression(fragment) => {
                let parsed = cofferdam_engine::Expression::parse(fragment.code.trim()).ok();
                let kind = parsed.and_then(|expression| self.kind_of(expression.tree(), scope));
                match kind.filter(|kind| *kind != Kind::List) {
                    Some(kind) => kind.phrase(),
                    None => return,
                }
            }
            ValueKind::Path(_) | ValueKind::Text(_) if has_workflow => return,
            ValueKind::Path(_) => "a word",
            ValueKind::Text(_) | ValueKind::Code(_) | ValueKind::Duration(_) => "a text",
            ValueKind::Number(_) => "a number",
            ValueKind::Map(_) => "a map",
            ValueKind::List(_) | ValueKind::Invalid => return,
        };
        let message = format!("`over` takes a list, this is {found}");
        let diagnostic = Diagnostic::error(Code::WrongValue, over.span, message);
        let help = self.list_instead(over);
        self.report(diagnostic.help(help));
    }

    fn list_instead(&self, over: &Value) -> String {
        let Some(name) = as_name(over) else {
            return "for example `over = (steps.list.output.files)`, or a list: `over = [\"a\", \"b\"]`".to_owned();
        };
        if self.inputs.contains_key(name) {
            format!("write `over = (inputs.{name})`")
        } else if self.steps.variables.contains(name) {
            format!("write `over = (vars.{name})`")
        } else {
            "write a list, such as `(steps.list.output.files)`; items of a provider go to a `workflow = NAME`"
                .to_owned()
        }
    }
}
