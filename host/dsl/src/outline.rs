//! Which steps a file has, under which paths, and in which part of which step each of them stands.

use crate::ast::{Attribute, Block, File, ItemKind, Node, NodeKind};
use crate::check::{attributes_of, key_of, word_of};
use std::collections::BTreeMap;

/// One step of a file.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// Its path, the same as in a run: `checks/lint`, the second one `checks/lint#2`.
    pub path: String,
    /// The name of its result, if it has one.
    pub key: Option<&'a str>,
    /// The word that it begins with.
    pub word: &'static str,
    /// What it is.
    pub node: &'a Node,
    /// The step around it, by its place in the outline.
    pub parent: Option<usize>,
    /// In which part of that step, or of the file, it stands.
    pub part: Part,
}

/// A part of a step, or of a file, that holds steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The steps of a file, a loop, a `do`, a `parallel` or an `always`.
    Body,
    /// The arm of an `if` with this number.
    Arm(usize),
    /// The block after the last `else`.
    Otherwise,
    /// `on_fail { }`.
    OnFail,
    /// `undo { }`.
    Undo,
    /// The top-level `always` with this number.
    Always(usize),
}

/// Returns all steps of a file: outer ones first, those of top-level `always` blocks last.
pub fn outline(file: &File) -> Vec<Step<'_>> {
    let mut outline = Outline { steps: Vec::new() };
    let mut names = Names::default();
    for item in &file.items {
        if let ItemKind::Node(node) = &item.kind {
            outline.node(node, None, Part::Body, "", &mut names);
        }
    }
    let blocks = file.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Always(block) => Some(block),
        ItemKind::Meta(_) | ItemKind::Inputs(_) | ItemKind::Outputs(_) | ItemKind::Node(_) => None,
    });
    for (number, block) in blocks.enumerate() {
        let path = names.path("", "always");
        outline.block(block, None, Part::Always(number), &path, &mut Names::default());
    }
    outline.steps
}

/// How often each name was used among the steps directly inside one step.
#[derive(Default)]
struct Names<'a>(BTreeMap<&'a str, u32>);

impl<'a> Names<'a> {
    fn path(&mut self, parent: &str, segment: &'a str) -> String {
        let count = self.0.entry(segment).or_insert(0);
        *count += 1;
        let number = if *count > 1 { format!("#{count}") } else { String::new() };
        if parent.is_empty() {
            format!("{segment}{number}")
        } else {
            format!("{parent}/{segment}{number}")
        }
    }
}

struct Outline<'a> {
    steps: Vec<Step<'a>>,
}

impl<'a> Outline<'a> {
    fn block(&mut self, block: &'a Block, parent: Option<usize>, part: Part, path: &str, names: &mut Names<'a>) {
        for node in &block.nodes {
            self.node(node, parent, part, path, names);
        }
    }

    fn node(&mut self, node: &'a Node, parent: Option<usize>, part: Part, outer: &str, names: &mut Names<'a>) {
        let key = key_of(node).map(|(key, _)| key).filter(|key| !key.is_empty());
        let word = word_of(node);
        let path = names.path(outer, key.unwrap_or(word));
        let at = self.steps.len();
        self.steps.push(Step {
            path: path.clone(),
            key,
            word,
            node,
            parent,
            part,
        });
        let mut inner = Names::default();
        for (part, block) in parts(node) {
            self.block(block, Some(at), part, &path, &mut inner);
        }
    }
}

/// Returns the parts of a step that hold steps, in the order of the text.
pub fn parts(node: &Node) -> Vec<(Part, &Block)> {
    let handlers = attributes_of(node).iter().filter_map(handler);
    let body: Vec<(Part, &Block)> = match &node.kind {
        NodeKind::If(choice) => {
            let arms = choice.arms.iter().enumerate();
            arms.map(|(number, arm)| (Part::Arm(number), &arm.block))
                .chain(choice.otherwise.iter().map(|block| (Part::Otherwise, block)))
                .collect()
        }
        NodeKind::While(repeat) => vec![(Part::Body, &repeat.block)],
        NodeKind::Do(block) => vec![(Part::Body, &block.block)],
        NodeKind::Parallel(parallel) => vec![(Part::Body, &parallel.block)],
        NodeKind::Foreach(foreach) => vec![(Part::Body, &foreach.block)],
        NodeKind::Always(block) => vec![(Part::Body, block)],
        NodeKind::Call(_)
        | NodeKind::Gate(_)
        | NodeKind::Script(_)
        | NodeKind::Wait(_)
        | NodeKind::Set(_)
        | NodeKind::Fail(_) => Vec::new(),
    };
    handlers.chain(body).collect()
}

fn handler(attribute: &Attribute) -> Option<(Part, &Block)> {
    let part = if attribute.key.text == "undo" {
        Part::Undo
    } else {
        Part::OnFail
    };
    attribute.handler().map(|block| (part, block))
}
