//! How the tree of a file becomes a graph: everything that the author wrote about when a step runs.

use super::{Arm, Branch, Element, Graph, Handler, Kind};
use crate::ast::{
    Attribute, Block, CallTarget, File, ItemKind, Node, NodeKind, Sense, Value, ValueKind, find_attribute,
};
use crate::check::attributes_of;
use crate::outline::{Part, outline, parts};
use crate::written::{condition_text, value_text};
use std::collections::BTreeMap;

/// Returns the graph of a file.
pub fn graph_of_file(file: &File) -> Graph {
    let paths = outline(file)
        .into_iter()
        .map(|step| (step.node.span.start, step.path))
        .collect();
    let builder = Builder { paths };
    let mut graph = Graph {
        name: file.name.text.clone(),
        ..Graph::default()
    };
    for item in &file.items {
        match &item.kind {
            ItemKind::Node(node) => graph.body.push(builder.element(node)),
            ItemKind::Always(block) => graph.cleanup.push(Element {
                path: "always".to_owned(),
                word: "always",
                name: String::new(),
                facts: Vec::new(),
                kind: Kind::Group(builder.block(block)),
                handlers: Vec::new(),
                state: None,
            }),
            ItemKind::Meta(map) => {
                if let Some(ValueKind::Text(title)) = map.get("title").map(|value| &value.kind) {
                    graph.title = Some(title.plain.clone());
                }
            }
            ItemKind::Inputs(_) | ItemKind::Outputs(_) => {}
        }
    }
    graph
}

struct Builder {
    /// The path of each step by where it begins.
    paths: BTreeMap<u32, String>,
}

impl Builder {
    fn block(&self, block: &Block) -> Vec<Element> {
        block.nodes.iter().map(|node| self.element(node)).collect()
    }

    fn element(&self, node: &Node) -> Element {
        let attributes = attributes_of(node);
        let mut facts = Vec::new();
        let (word, name) = heading(node, &mut facts);
        facts.extend(facts_of(attributes));
        let mut handlers: Vec<Handler> = parts(node)
            .into_iter()
            .filter_map(|(part, block)| {
                let word = match part {
                    Part::OnFail => "on_fail",
                    Part::Undo => "undo",
                    Part::Body | Part::Arm(_) | Part::Otherwise | Part::Always(_) => return None,
                };
                let body = self.block(block);
                Some(Handler { word, body })
            })
            .collect();
        let path = self.paths.get(&node.span.start).cloned().unwrap_or_default();
        handlers.extend(named_handler(attributes, &path));
        Element {
            path,
            word,
            name,
            facts,
            kind: self.kind(node),
            handlers,
            state: None,
        }
    }

    fn kind(&self, node: &Node) -> Kind {
        match &node.kind {
            NodeKind::If(choice) => Kind::Choice {
                arms: choice
                    .arms
                    .iter()
                    .map(|arm| Arm {
                        condition: condition_text(&arm.condition),
                        negated: arm.sense == Sense::Unless,
                        body: self.block(&arm.block),
                    })
                    .collect(),
                otherwise: choice
                    .otherwise
                    .as_ref()
                    .map_or_else(Vec::new, |block| self.block(block)),
            },
            NodeKind::While(repeat) => Kind::Loop {
                condition: condition_text(&repeat.condition),
                test_first: true,
                body: self.block(&repeat.block),
            },
            NodeKind::Do(block) => match &block.condition {
                Some(condition) => Kind::Loop {
                    condition: condition_text(condition),
                    test_first: false,
                    body: self.block(&block.block),
                },
                None => Kind::Group(self.block(&block.block)),
            },
            NodeKind::Parallel(parallel) => Kind::Parallel(self.branches(&parallel.block)),
            NodeKind::Foreach(foreach) if foreach.block.nodes.is_empty() => Kind::Simple,
            NodeKind::Foreach(foreach) => Kind::Group(self.block(&foreach.block)),
            NodeKind::Always(block) => Kind::Group(self.block(block)),
            NodeKind::Gate(_) => Kind::Gate,
            NodeKind::Fail(_) => Kind::Fail,
            NodeKind::Call(_) | NodeKind::Script(_) | NodeKind::Wait(_) | NodeKind::Set(_) => Kind::Simple,
        }
    }

    fn branches(&self, block: &Block) -> Vec<Branch> {
        let keys: Vec<&str> = block
            .nodes
            .iter()
            .map(|node| crate::check::key_of(node).map_or("", |(key, _)| key))
            .collect();
        let branch = |node: &Node| {
            let needs = find_attribute(attributes_of(node), "needs").and_then(Attribute::value);
            let needs = needs.map(names).unwrap_or_default();
            let mut needs: Vec<usize> = needs
                .iter()
                .filter_map(|need| keys.iter().position(|key| key == need))
                .collect();
            needs.sort_unstable();
            needs.dedup();
            Branch {
                element: self.element(node),
                needs,
            }
        };
        block.nodes.iter().map(branch).collect()
    }
}

/// Returns word and name of a step, and adds what it is about.
fn heading(node: &Node, facts: &mut Vec<String>) -> (&'static str, String) {
    let word = crate::check::word_of(node);
    let name = crate::check::key_of(node).map_or_else(String::new, |(key, _)| key.to_owned());
    let attribute = |key: &str| find_attribute(attributes_of(node), key).and_then(Attribute::value);
    match &node.kind {
        NodeKind::Call(call) => match &call.target {
            CallTarget::Workflow(_) => return ("call workflow", name),
            CallTarget::Path(path) => facts.push(path.plain.clone()),
            CallTarget::Plugin { plugin, action } => facts.push(format!("{}.{}", plugin.text, action.text)),
            CallTarget::Name(_) => facts.extend(attribute("use").map(plain)),
        },
        NodeKind::Gate(gate) => {
            facts.extend(gate.name.is_some().then(|| gate.gate_kind.text.clone()));
            facts.extend(attribute("prompt").map(plain));
        }
        NodeKind::Wait(_) => {
            facts.extend(
                ["for", "until", "event"]
                    .iter()
                    .filter_map(|key| attribute(key).map(|value| format!("{key} {}", plain(value)))),
            );
        }
        NodeKind::Script(_) => facts.extend(attribute("run").map(plain)),
        NodeKind::Foreach(_) => {
            facts.extend(attribute("over").map(|over| format!("over {}", plain(over))));
            facts.extend(attribute("workflow").map(|workflow| format!("workflow {}", plain(workflow))));
        }
        NodeKind::Set(map) => {
            let names: Vec<&str> = map.entries.iter().map(|entry| entry.key.text.as_str()).collect();
            facts.push(names.join(", "));
        }
        NodeKind::Fail(text) => facts.push(plain(text)),
        NodeKind::If(_) | NodeKind::While(_) | NodeKind::Do(_) | NodeKind::Parallel(_) | NodeKind::Always(_) => {}
    }
    (word, name)
}

/// Returns what attributes say about when and how often a step runs.
fn facts_of(attributes: &[Attribute]) -> Vec<String> {
    /// Attributes that are worth a line, with the words before their values, or around them.
    const SHOWN: &[(&str, &str)] = &[
        ("if", "if"),
        ("retries", "retries"),
        ("timeout", "timeout"),
        ("timeout_total", "in all"),
        ("on_timeout", "on timeout:"),
        ("on_reject", "on reject:"),
        ("min_approvals", "approvals:"),
        ("threshold", "threshold"),
        ("max_iterations", "at most … rounds"),
        ("on_max_iter", "then"),
        ("stuck_after", "stuck after"),
        ("max_parallel", "at most … at once"),
        ("min_success", "successes:"),
        ("join", "join"),
        ("fail_fast", "fail fast:"),
        ("on_item_fail", "on item failure:"),
    ];
    let mut facts = Vec::new();
    for (key, words) in SHOWN {
        if let Some(value) = find_attribute(attributes, key).and_then(Attribute::value) {
            let value = plain(value);
            facts.push(if words.contains('…') {
                words.replacen('…', &value, 1)
            } else {
                format!("{words} {value}")
            });
        }
    }
    if let Some(ValueKind::Map(map)) = find_attribute(attributes, "retry")
        .and_then(Attribute::value)
        .map(|value| &value.kind)
    {
        let words: Vec<String> = map
            .entries
            .iter()
            .map(|entry| format!("{} {}", entry.key.text, plain(&entry.value)))
            .collect();
        facts.push(format!("retry {}", words.join(", ")).trim_end().to_owned());
    }
    facts
}

/// Returns the handler that `on_fail = NAME` stands for, or the fact that a failure does not matter as a handler without
/// steps.
fn named_handler(attributes: &[Attribute], path: &str) -> Option<Handler> {
    let value = find_attribute(attributes, "on_fail")?.value()?;
    let name = plain(value);
    let body = if name == "continue" {
        Vec::new()
    } else if name == "fail" {
        return None;
    } else {
        vec![Element {
            path: format!("{path}/{name}"),
            word: "call",
            name,
            facts: Vec::new(),
            kind: Kind::Simple,
            handlers: Vec::new(),
            state: None,
        }]
    };
    Some(Handler { word: "on_fail", body })
}

fn names(value: &Value) -> Vec<String> {
    match &value.kind {
        ValueKind::List(list) => list.items.iter().map(|item| plain(&item.value)).collect(),
        _ => vec![plain(value)],
    }
}

/// Returns a value as people say it: a text without its quotes.
fn plain(value: &Value) -> String {
    match &value.kind {
        ValueKind::Text(text) => text.plain.clone(),
        _ => value_text(value),
    }
}
