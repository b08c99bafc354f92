//! Constructs on one line: possible if the author wrote them on one line and they fit.

use super::align::{Stop, StopKind};
use super::original::Original;
use crate::ast::{
    Attribute, AttributeValue, Attributes, Block, CallTarget, Condition, InputProperty, Inputs, List, Map, Node,
    NodeKind, Path, Sense, Test, Value, ValueKind,
};
use crate::literal::{Fragment, Text, TextForm};
use crate::source::Span;

/// A line that grows up to a width. Each writing function returns false once it is clear that it will not do.
pub(super) struct Flat<'a> {
    out: String,
    original: Original<'a>,
    stops: Vec<Stop>,
    width: usize,
}

/// Returns whether an attribute is written with an equals sign.
pub(super) fn prints_equals(attribute: &Attribute, calls_workflow: bool) -> bool {
    match &attribute.value {
        AttributeValue::Handler(_) => false,
        AttributeValue::Value { value, equals } => {
            // `inputs = { }` on the call of a workflow is the doubtful one of two forms (rule R9).
            let inputs = calls_workflow && attribute.key.text == "inputs" && matches!(value.kind, ValueKind::Map(_));
            *equals && !inputs
        }
    }
}

/// Returns a key of a map, in quotes if it is no name.
pub(super) fn key_text(key: &str) -> String {
    let begins_name = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins_name
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    {
        return key.to_owned();
    }
    let mut text = String::from("\"");
    for character in key.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '"' | '\\' => text.extend(['\\', character]),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

impl<'a> Flat<'a> {
    pub(super) fn new(width: usize, original: Original<'a>) -> Self {
        Self {
            out: String::new(),
            original,
            stops: Vec::new(),
            width,
        }
    }

    /// Returns the line and the places in it where columns can meet.
    pub(super) fn into_parts(self) -> (String, Vec<Stop>) {
        (self.out, self.stops)
    }

    /// Writes the blanks of a place where columns can meet and the author wrote `written` ones.
    fn stop(&mut self, kind: StopKind, written: usize) -> bool {
        self.stops.push(Stop {
            at: self.out.len(),
            written,
            kind,
        });
        self.text(&"  "[..kind.blanks()])
    }

    pub(super) fn fits(&self) -> bool {
        self.out.chars().count() <= self.width
    }

    fn text(&mut self, text: &str) -> bool {
        self.out.push_str(text);
        // A character has at most four bytes: beyond that it cannot fit, and nothing more needs to be tried.
        self.out.len() <= self.width * 4 && !text.contains('\n')
    }

    /// Writes brackets around entries with two blanks between them.
    fn braces<T>(
        &mut self,
        entries: impl Iterator<Item = (Span, T)>,
        mut write: impl FnMut(&mut Self, T) -> bool,
    ) -> bool {
        let start = self.out.len();
        self.out.push('{');
        for (index, (span, entry)) in entries.enumerate() {
            if index == 0 {
                self.out.push(' ');
            } else {
                self.stop(StopKind::Cell, self.original.blanks_before(span));
            }
            if !write(self, entry) {
                return false;
            }
        }
        let empty = self.out.len() == start + 1;
        self.text(if empty { "}" } else { " }" })
    }

    pub(super) fn inputs(&mut self, inputs: &Inputs) -> bool {
        self.braces(inputs.entries.iter().map(|input| (input.span, input)), |flat, input| {
            input.trivia.is_empty()
                && flat.text(&input.name.text)
                && input
                    .properties
                    .iter()
                    .enumerate()
                    .all(|(index, property)| flat.text(if index == 0 { " " } else { "  " }) && flat.property(property))
        })
    }

    fn property(&mut self, property: &InputProperty) -> bool {
        match property {
            InputProperty::Required(_) => self.text("required"),
            InputProperty::Boolean(_) => self.text("boolean"),
            InputProperty::Pair { key, value } => self.text(&key.text) && self.text(" = ") && self.value(value),
        }
    }

    pub(super) fn block(&mut self, block: &Block) -> bool {
        enum Part<'a> {
            Attribute(&'a Attribute),
            Node(&'a Node),
        }
        let attributes = block.attributes.iter().map(|it| (it.span, Part::Attribute(it)));
        let nodes = block.nodes.iter().map(|it| (it.span, Part::Node(it)));
        block.one_line
            && block.tail.is_empty()
            && self.braces(attributes.chain(nodes), |flat, part| match part {
                Part::Attribute(attribute) => flat.attribute(attribute, false),
                Part::Node(node) => node.trivia.is_empty() && flat.node(node),
            })
    }

    pub(super) fn attributes(&mut self, attributes: &Attributes, calls_workflow: bool) -> bool {
        attributes.one_line
            && attributes.tail.is_empty()
            && self.braces(
                attributes.entries.iter().map(|entry| (entry.span, entry)),
                |flat, entry| flat.attribute(entry, calls_workflow),
            )
    }

    fn attribute(&mut self, attribute: &Attribute, calls_workflow: bool) -> bool {
        attribute.trivia.is_empty()
            && self.text(&attribute.key.text)
            && match &attribute.value {
                AttributeValue::Handler(block) => self.text(" ") && self.block(block),
                AttributeValue::Value { value, .. } => {
                    self.text(if prints_equals(attribute, calls_workflow) {
                        " = "
                    } else {
                        " "
                    }) && self.value(value)
                }
            }
    }

    pub(super) fn node(&mut self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Call(call) => {
                let calls_workflow = matches!(call.target, CallTarget::Workflow(_));
                let attributes = call.attributes.as_ref();
                self.text("call ")
                    && self.target(&call.target)
                    && attributes.is_none_or(|attributes| {
                        self.step_brace(attributes) && self.attributes(attributes, calls_workflow)
                    })
            }
            NodeKind::If(branches) => {
                branches.arms.iter().enumerate().all(|(index, arm)| {
                    let word = match (index, arm.sense) {
                        (0, Sense::If) => "if ",
                        (0, Sense::Unless) => "unless ",
                        (_, _) => " else if ",
                    };
                    self.text(word) && self.condition(&arm.condition) && self.text(" ") && self.block(&arm.block)
                }) && branches
                    .otherwise
                    .as_ref()
                    .is_none_or(|block| self.text(" else ") && self.block(block))
            }
            NodeKind::While(inner) => {
                self.text("while ") && self.condition(&inner.condition) && self.text(" ") && self.block(&inner.block)
            }
            NodeKind::Do(inner) => {
                let condition = inner.condition.as_ref();
                self.head("do", inner.name.as_ref().map(|name| name.text.as_str()))
                    && self.block(&inner.block)
                    && condition.is_none_or(|condition| self.text(" while ") && self.condition(condition))
            }
            NodeKind::Parallel(inner) => {
                self.head("parallel", inner.name.as_ref().map(|name| name.text.as_str())) && self.block(&inner.block)
            }
            NodeKind::Gate(gate) => {
                self.text("gate ")
                    && self.text(&gate.gate_kind.text)
                    && gate
                        .name
                        .as_ref()
                        .is_none_or(|name| self.text(" ") && self.text(&name.text))
                    && self.step_brace(&gate.attributes)
                    && self.attributes(&gate.attributes, false)
            }
            NodeKind::Always(block) => self.text("always ") && self.block(block),
            NodeKind::Script(script) => {
                self.text("script ")
                    && self.text(&script.name.text)
                    && self.step_brace(&script.attributes)
                    && self.attributes(&script.attributes, false)
            }
            NodeKind::Wait(wait) => {
                self.text("wait ")
                    && self.text(&wait.name.text)
                    && self.step_brace(&wait.attributes)
                    && self.attributes(&wait.attributes, false)
            }
            NodeKind::Foreach(foreach) => self.head("foreach", Some(&foreach.name.text)) && self.block(&foreach.block),
            NodeKind::Set(map) => self.text("set ") && self.map(map),
            NodeKind::Fail(value) => self.text("fail ") && self.value(value),
        }
    }

    fn head(&mut self, keyword: &str, name: Option<&str>) -> bool {
        self.text(keyword) && self.text(" ") && name.is_none_or(|name| self.text(name) && self.text(" "))
    }

    /// Writes the blanks before the brace of a step.
    fn step_brace(&mut self, attributes: &Attributes) -> bool {
        self.stop(StopKind::Step, self.original.blanks_before(attributes.span))
    }

    fn target(&mut self, target: &CallTarget) -> bool {
        match target {
            CallTarget::Name(name) => self.text(&name.text),
            CallTarget::Plugin { plugin, action } => {
                self.text(&plugin.text) && self.text(".") && self.text(&action.text)
            }
            CallTarget::Path(path) => self.literal(path),
            CallTarget::Workflow(name) => self.text("workflow ") && self.text(&name.text),
        }
    }

    fn condition(&mut self, condition: &Condition) -> bool {
        match (&condition.quoted, &condition.test) {
            (Some(text), _) => self.literal(text),
            (None, Test::Path(path)) => self.path(path),
            (None, Test::Expression(fragment)) => self.expression(fragment),
            (None, Test::Invalid) => false,
        }
    }

    fn path(&mut self, path: &Path) -> bool {
        self.text(&path.to_text())
    }

    fn expression(&mut self, fragment: &Fragment) -> bool {
        self.text("(") && self.text(&fragment.written) && self.text(")")
    }

    fn literal(&mut self, text: &Text) -> bool {
        let delimiter = match text.form {
            TextForm::Quoted => "\"",
            TextForm::Block if !text.is_inline_block() => return false,
            TextForm::Block => "\"\"\"",
            TextForm::Raw => "'",
        };
        self.text(delimiter) && self.text(&text.written) && self.text(delimiter)
    }

    pub(super) fn value(&mut self, value: &Value) -> bool {
        match &value.kind {
            ValueKind::Text(text) => self.literal(text),
            ValueKind::Code(_) | ValueKind::Invalid => false,
            ValueKind::Number(number) => self.text(&number.written),
            ValueKind::Duration(duration) => self.text(&duration.written),
            ValueKind::Expression(fragment) => self.expression(fragment),
            ValueKind::Path(path) => self.path(path),
            ValueKind::List(list) => self.list(list),
            ValueKind::Map(map) => self.map(map),
        }
    }

    pub(super) fn list(&mut self, list: &List) -> bool {
        list.one_line
            && list.tail.is_empty()
            && self.text("[")
            && list.items.iter().enumerate().all(|(index, item)| {
                (index == 0 || self.text(", ")) && item.trivia.is_empty() && self.value(&item.value)
            })
            && self.text("]")
    }

    pub(super) fn map(&mut self, map: &Map) -> bool {
        map.one_line
            && map.tail.is_empty()
            && self.braces(map.entries.iter().map(|entry| (entry.span, entry)), |flat, entry| {
                entry.trivia.is_empty()
                    && flat.text(&key_text(&entry.key.text))
                    && flat.text(if entry.equals { " = " } else { " " })
                    && flat.value(&entry.value)
            })
    }
}
