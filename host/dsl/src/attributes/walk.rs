//! Where attributes stand in a tree: every construct that has some, in the order of the text.

use super::table::Construct;
use crate::ast::{
    Attribute, Block, CallTarget, Entry, File, Input, InputProperty, ItemKind, Map, Node, NodeKind, Value, ValueKind,
    Word,
};
use crate::source::Span;

/// One attribute as a table sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair<'a> {
    /// The name.
    pub(crate) key: &'a Word,
    /// The value; nothing if steps follow.
    pub(crate) value: Option<&'a Value>,
    /// Whether an equals sign stands between.
    pub(crate) equals: bool,
}

/// One construct with its attributes.
#[derive(Clone, Debug)]
pub(crate) struct Site<'a> {
    /// What it is.
    pub(crate) construct: Construct,
    /// Where its first word stands.
    pub(crate) head: Span,
    /// Its attributes.
    pub(crate) pairs: Vec<Pair<'a>>,
    /// The step, if it is one.
    pub(crate) node: Option<&'a Node>,
}

/// Calls `visit` for every construct that can have attributes.
pub(crate) fn sites<'a>(file: &'a File, visit: &mut dyn FnMut(&Site<'a>)) {
    for item in &file.items {
        match &item.kind {
            ItemKind::Meta(map) => {
                map_site(Construct::Meta, item.span, map, visit);
                for entry in &map.entries {
                    match (entry.key.text.as_str(), &entry.value.kind) {
                        ("concurrency", ValueKind::Map(inner)) => {
                            map_site(Construct::Concurrency, entry.key.span, inner, visit);
                        }
                        ("webhook", ValueKind::Map(inner)) => {
                            map_site(Construct::Webhook, entry.key.span, inner, visit);
                        }
                        _ => {}
                    }
                }
            }
            ItemKind::Inputs(inputs) => inputs.entries.iter().for_each(|input| input_site(input, visit)),
            ItemKind::Outputs(_) => {}
            ItemKind::Always(block) => block_sites(block, visit),
            ItemKind::Node(node) => node_sites(node, visit),
        }
    }
}

fn map_site<'a>(construct: Construct, head: Span, map: &'a Map, visit: &mut dyn FnMut(&Site<'a>)) {
    let pair = |entry: &'a Entry| Pair {
        key: &entry.key,
        value: Some(&entry.value),
        equals: entry.equals,
    };
    visit(&Site {
        construct,
        head,
        pairs: map.entries.iter().map(pair).collect(),
        node: None,
    });
}

fn input_site<'a>(input: &'a Input, visit: &mut dyn FnMut(&Site<'a>)) {
    let pairs = input.properties.iter().filter_map(|property| match property {
        InputProperty::Pair { key, value } => Some(Pair {
            key,
            value: Some(value),
            equals: true,
        }),
        InputProperty::Required(_) | InputProperty::Boolean(_) => None,
    });
    visit(&Site {
        construct: Construct::Input,
        head: input.name.span,
        pairs: pairs.collect(),
        node: None,
    });
}

fn node_sites<'a>(node: &'a Node, visit: &mut dyn FnMut(&Site<'a>)) {
    let mut site = |construct, attributes: &'a [Attribute]| attribute_site(construct, node, attributes, visit);
    match &node.kind {
        NodeKind::Call(call) => {
            let construct = match call.target {
                CallTarget::Workflow(_) => Construct::CallWorkflow,
                CallTarget::Name(_) | CallTarget::Plugin { .. } | CallTarget::Path(_) => Construct::Call,
            };
            site(
                construct,
                call.attributes.as_ref().map_or(&[], |attributes| &attributes.entries),
            );
        }
        NodeKind::If(branches) => {
            for arm in &branches.arms {
                attribute_site(Construct::If, node, &arm.block.attributes, visit);
                block_sites(&arm.block, visit);
            }
            branches.otherwise.iter().for_each(|block| block_sites(block, visit));
        }
        NodeKind::While(inner) => {
            site(Construct::While, &inner.block.attributes);
            block_sites(&inner.block, visit);
        }
        NodeKind::Do(inner) => {
            let construct = if inner.condition.is_some() {
                Construct::DoWhile
            } else {
                Construct::Do
            };
            site(construct, &inner.block.attributes);
            block_sites(&inner.block, visit);
        }
        NodeKind::Parallel(inner) => {
            site(Construct::Parallel, &inner.block.attributes);
            block_sites(&inner.block, visit);
        }
        NodeKind::Gate(gate) => {
            let quality = gate.gate_kind.text == "quality_gate";
            site(
                if quality {
                    Construct::QualityGate
                } else {
                    Construct::Gate
                },
                &gate.attributes.entries,
            );
        }
        NodeKind::Always(block) => block_sites(block, visit),
        NodeKind::Script(script) => site(Construct::Script, &script.attributes.entries),
        NodeKind::Wait(wait) => site(Construct::Wait, &wait.attributes.entries),
        NodeKind::Foreach(foreach) => {
            site(Construct::Foreach, &foreach.block.attributes);
            block_sites(&foreach.block, visit);
        }
        NodeKind::Set(_) | NodeKind::Fail(_) => {}
    }
}

fn block_sites<'a>(block: &'a Block, visit: &mut dyn FnMut(&Site<'a>)) {
    block.nodes.iter().for_each(|node| node_sites(node, visit));
}

fn attribute_site<'a>(
    construct: Construct,
    node: &'a Node,
    attributes: &'a [Attribute],
    visit: &mut dyn FnMut(&Site<'a>),
) {
    let pair = |attribute: &'a Attribute| Pair {
        key: &attribute.key,
        value: attribute.value(),
        equals: matches!(attribute.value, crate::ast::AttributeValue::Value { equals: true, .. }),
    };
    visit(&Site {
        construct,
        head: node.keyword,
        pairs: attributes.iter().map(pair).collect(),
        node: Some(node),
    });
    for attribute in attributes {
        if let Some(handler) = attribute.handler() {
            block_sites(handler, visit);
        }
        if let ("retry", Some(ValueKind::Map(map))) =
            (attribute.key.text.as_str(), attribute.value().map(|value| &value.kind))
        {
            map_site(Construct::Retry, attribute.key.span, map, visit);
        }
    }
}
