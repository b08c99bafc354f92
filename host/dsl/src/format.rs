//! How a tree is written: the canonical form, which keeps comments, the author's marks, columns and single empty lines.

mod align;
mod flat;
mod original;
mod printer;
mod value;

use crate::ast::{
    Attribute, AttributeValue, Attributes, Block, Call, CallTarget, File, If, Inputs, Item, ItemKind, Map, Node,
    NodeKind, Sense, Word,
};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::parser::parse;
use crate::source::Span;
use align::StopKind;
use original::Original;
use printer::Printer;

/// The widest line into which a list of attributes is put.
pub const WIDTH: usize = 120;

/// Returns `text` in its canonical form.
///
/// # Errors
/// If something in it could not be understood: writing it again could lose it. All findings are returned.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let (file, findings) = parse(text);
    // What stands after the last brace is not in the tree.
    if findings
        .iter()
        .any(|finding| finding.is_error() || finding.code == Code::TextAfterEnd)
    {
        return Err(findings);
    }
    Ok(print(&file, text))
}

/// Returns the canonical text of a tree without errors, which is that of `text`.
fn print(file: &File, text: &str) -> String {
    let mut printer = Printer::new(Original::new(text));
    printer.comments(&file.trivia.before, true);
    if file.trivia.blank_between {
        printer.blank_line();
    }
    printer.text("workflow ");
    printer.text(&file.name.text);
    if let Some(edition) = file.edition {
        printer.text(&format!(" edition {}", edition.number));
    }
    printer.text(" ");
    if file.items.is_empty() && file.tail.is_empty() {
        printer.text("{}");
    } else {
        printer.open('{');
        for (index, item) in file.items.iter().enumerate() {
            printer.item(item, index == 0);
        }
        printer.comments(&file.tail, file.items.is_empty());
        printer.close('}');
    }
    printer.after(&file.trivia);
    printer.new_line();
    printer.comments(&file.end, false);
    printer.finish()
}

impl Printer<'_> {
    fn item(&mut self, item: &Item, first: bool) {
        if let ItemKind::Node(node) = &item.kind {
            return self.node(node, first);
        }
        self.before(&item.trivia, first);
        match &item.kind {
            ItemKind::Meta(map) => self.headed_map("meta", map),
            ItemKind::Outputs(map) => self.headed_map("outputs", map),
            ItemKind::Inputs(inputs) => self.inputs(inputs),
            ItemKind::Always(block) => {
                self.text("always ");
                self.block(block);
            }
            ItemKind::Node(_) => {}
        }
        self.after(&item.trivia);
        self.new_line();
    }

    fn headed_map(&mut self, head: &str, map: &Map) {
        self.text(head);
        self.text(" ");
        self.map(map);
    }

    fn inputs(&mut self, inputs: &Inputs) {
        self.text("inputs ");
        if inputs.one_line && inputs.tail.is_empty() && self.try_flat(|flat| flat.inputs(inputs)) {
            return;
        }
        if inputs.entries.is_empty() && inputs.tail.is_empty() {
            return self.text("{}");
        }
        self.open('{');
        for (index, input) in inputs.entries.iter().enumerate() {
            self.before(&input.trivia, index == 0);
            self.text(&input.name.text);
            for (index, property) in input.properties.iter().enumerate() {
                let kind = if index == 0 { StopKind::Property } else { StopKind::Cell };
                self.stop(kind, self.original.blanks_before(property.span()));
                self.property(property);
            }
            self.after(&input.trivia);
            self.new_line();
        }
        self.comments(&inputs.tail, inputs.entries.is_empty());
        self.close('}');
    }

    pub(super) fn node(&mut self, node: &Node, first: bool) {
        self.before(&node.trivia, first);
        if !self.try_flat(|flat| flat.node(node)) {
            self.node_lines(node);
        }
        self.after(&node.trivia);
        self.new_line();
    }

    fn node_lines(&mut self, node: &Node) {
        match &node.kind {
            NodeKind::Call(call) => self.call(call),
            NodeKind::If(branches) => self.branches(branches),
            NodeKind::While(inner) => {
                self.text("while ");
                self.condition(&inner.condition);
                self.text(" ");
                self.block(&inner.block);
            }
            NodeKind::Do(inner) => {
                self.head("do", &inner.name);
                self.block(&inner.block);
                if let Some(condition) = &inner.condition {
                    self.text(" while ");
                    self.condition(condition);
                }
            }
            NodeKind::Parallel(inner) => {
                self.head("parallel", &inner.name);
                self.block(&inner.block);
            }
            NodeKind::Gate(gate) => {
                self.text("gate ");
                self.head(&gate.gate_kind.text, &gate.name);
                self.attributes(&gate.attributes, false);
            }
            NodeKind::Always(block) => {
                self.text("always ");
                self.block(block);
            }
            NodeKind::Script(script) => {
                self.head("script", &Some(script.name.clone()));
                self.attributes(&script.attributes, false);
            }
            NodeKind::Wait(wait) => {
                self.head("wait", &Some(wait.name.clone()));
                self.attributes(&wait.attributes, false);
            }
            NodeKind::Foreach(foreach) => {
                self.head("foreach", &Some(foreach.name.clone()));
                self.block(&foreach.block);
            }
            NodeKind::Set(map) => self.headed_map("set", map),
            NodeKind::Fail(value) => {
                self.text("fail ");
                self.value(value);
            }
        }
    }

    fn head(&mut self, keyword: &str, name: &Option<Word>) {
        self.text(keyword);
        self.text(" ");
        if let Some(name) = name {
            self.text(&name.text);
            self.text(" ");
        }
    }

    fn call(&mut self, call: &Call) {
        self.text("call ");
        self.call_target(&call.target);
        if let Some(attributes) = &call.attributes {
            self.text(" ");
            self.attributes(attributes, matches!(call.target, CallTarget::Workflow(_)));
        }
    }

    fn call_target(&mut self, target: &CallTarget) {
        match target {
            CallTarget::Name(name) => self.text(&name.text),
            CallTarget::Plugin { plugin, action } => self.text(&format!("{}.{}", plugin.text, action.text)),
            CallTarget::Path(path) => self.literal(path),
            CallTarget::Workflow(name) => self.text(&format!("workflow {}", name.text)),
        }
    }

    fn branches(&mut self, branches: &If) {
        for (index, arm) in branches.arms.iter().enumerate() {
            self.text(match (index, arm.sense) {
                (0, Sense::If) => "if ",
                (0, Sense::Unless) => "unless ",
                (_, _) => " else if ",
            });
            self.condition(&arm.condition);
            self.text(" ");
            self.block(&arm.block);
        }
        if let Some(block) = &branches.otherwise {
            self.text(" else ");
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        if block.one_line && self.try_flat(|flat| flat.block(block)) {
            return;
        }
        if block.attributes.is_empty() && block.nodes.is_empty() && block.tail.is_empty() {
            return self.text("{}");
        }
        self.open('{');
        for (index, attribute) in block.attributes.iter().enumerate() {
            self.attribute(attribute, index == 0, false);
        }
        for (index, node) in block.nodes.iter().enumerate() {
            self.node(node, index == 0 && block.attributes.is_empty());
        }
        self.comments(&block.tail, block.attributes.is_empty() && block.nodes.is_empty());
        self.close('}');
    }

    fn attributes(&mut self, attributes: &Attributes, calls_workflow: bool) {
        if attributes.one_line && self.try_flat(|flat| flat.attributes(attributes, calls_workflow)) {
            return;
        }
        if attributes.entries.is_empty() && attributes.tail.is_empty() {
            return self.text("{}");
        }
        self.open('{');
        for (index, attribute) in attributes.entries.iter().enumerate() {
            self.attribute(attribute, index == 0, calls_workflow);
        }
        self.comments(&attributes.tail, attributes.entries.is_empty());
        self.close('}');
    }

    fn attribute(&mut self, attribute: &Attribute, first: bool, calls_workflow: bool) {
        self.before(&attribute.trivia, first);
        self.text(&attribute.key.text);
        match &attribute.value {
            AttributeValue::Handler(block) => {
                self.after_key(attribute.key.span, false);
                self.block(block);
            }
            AttributeValue::Value { value, .. } => {
                self.after_key(attribute.key.span, flat::prints_equals(attribute, calls_workflow));
                self.value(value);
            }
        }
        self.after(&attribute.trivia);
        self.new_line();
    }

    /// Writes what stands between a key on a line of its own and its value.
    fn after_key(&mut self, key: Span, equals: bool) {
        let written = self.original.blanks_after(key);
        if equals {
            self.stop(StopKind::Equals, written);
            self.text("= ");
        } else {
            self.stop(StopKind::Brace, written);
        }
    }
}
