//! What two definitions of a workflow do differently: comments, layout and the ways to write one value do not count.

use crate::ast::{
    AttributeValue, CallTarget, File, Input, InputProperty, ItemKind, Map, Node, NodeKind, Sense, Value, ValueKind,
};
use crate::check::attributes_of;
use crate::outline::{Part, Step, outline};
use crate::written::{condition_text, value_text};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// What became of it.
    pub change: Change,
    /// What it is about: `step checks/lint`, `input limit`, `output report`, `meta`, `workflow`.
    pub subject: String,
    /// Which attribute of it, with dots into maps; none if it is the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// What there was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It stands elsewhere.
    Moved,
    /// It says something else.
    Changed,
}

/// Returns what `after` does differently from `before`: the workflow itself, then its steps in the order of the text.
pub fn differences(before: &File, after: &File) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut found, "workflow", &heads(before), &heads(after));
    for kind in ["meta", "output"] {
        compare_entries(&mut found, kind, &entries(before, kind), &entries(after, kind));
    }
    compare_inputs(&mut found, &inputs(before), &inputs(after));
    compare_steps(&mut found, &outline(before), &outline(after));
    found
}

/// Places of steps in two outlines.
type Pairs = Vec<(usize, usize)>;

/// Attributes with their values on one line.
type Facts = BTreeMap<String, String>;

fn heads(file: &File) -> Facts {
    let mut heads = BTreeMap::from([("name".to_owned(), file.name.text.clone())]);
    heads.extend(
        file.edition
            .map(|edition| ("edition".to_owned(), edition.number.to_string())),
    );
    heads
}

/// Adds a difference for each attribute that is not the same.
fn compare(found: &mut Vec<Difference>, subject: &str, before: &Facts, after: &Facts) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        let change = match (old, new) {
            (Some(old), Some(new)) if old == new => continue,
            (Some(_), Some(_)) => Change::Changed,
            (Some(_), None) => Change::Removed,
            (None, _) => Change::Added,
        };
        found.push(Difference {
            change,
            subject: subject.to_owned(),
            attribute: Some(name.clone()),
            before: old.cloned(),
            after: new.cloned(),
        });
    }
}

fn entries(file: &File, kind: &str) -> Facts {
    let mut facts = Facts::new();
    for item in &file.items {
        match (&item.kind, kind) {
            (ItemKind::Meta(map), "meta") => flatten_map(&mut facts, "", map),
            (ItemKind::Outputs(map), "output") => {
                let values = map
                    .entries
                    .iter()
                    .map(|entry| (entry.key.text.clone(), value_text(&entry.value)));
                facts.extend(values);
            }
            _ => {}
        }
    }
    facts
}

fn compare_entries(found: &mut Vec<Difference>, kind: &str, before: &Facts, after: &Facts) {
    if kind == "meta" {
        return compare(found, kind, before, after);
    }
    // An output is a thing of its own, not an attribute of one.
    let mut changes = Vec::new();
    compare(&mut changes, kind, before, after);
    found.extend(changes.into_iter().map(|difference| Difference {
        subject: format!("{kind} {}", difference.attribute.unwrap_or_default()),
        attribute: None,
        ..difference
    }));
}

fn inputs(file: &File) -> BTreeMap<String, Facts> {
    let mut inputs = BTreeMap::new();
    for item in &file.items {
        if let ItemKind::Inputs(list) = &item.kind {
            inputs.extend(
                list.entries
                    .iter()
                    .map(|input| (input.name.text.clone(), input_facts(input))),
            );
        }
    }
    inputs
}

fn input_facts(input: &Input) -> Facts {
    let mut facts = Facts::new();
    for property in &input.properties {
        let (name, value) = match property {
            InputProperty::Required(_) => ("required", "true".to_owned()),
            InputProperty::Boolean(_) => ("type", "boolean".to_owned()),
            InputProperty::Pair { key, value } => (key.text.as_str(), value_text(value)),
        };
        facts.insert(name.to_owned(), value);
    }
    // A bare input is required; saying so changes nothing.
    if !facts.contains_key("default") && facts.get("type").is_none_or(|kind| kind != "boolean") {
        facts.insert("required".to_owned(), "true".to_owned());
    }
    facts
}

fn compare_inputs(found: &mut Vec<Difference>, before: &BTreeMap<String, Facts>, after: &BTreeMap<String, Facts>) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let subject = format!("input {name}");
        match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) => compare(found, &subject, old, new),
            (old, _) => found.push(Difference {
                change: if old.is_some() { Change::Removed } else { Change::Added },
                subject,
                attribute: None,
                before: None,
                after: None,
            }),
        }
    }
}

fn compare_steps(found: &mut Vec<Difference>, before: &[Step<'_>], after: &[Step<'_>]) {
    let pairs = pairs(before, after);
    let old_of: BTreeMap<usize, usize> = pairs.iter().map(|(old, new)| (*new, *old)).collect();
    let moved = moved(before, after, &pairs, &old_of);
    // In the order of the new text; what is gone stands where it stood among what came before it.
    let mut rows: Vec<(usize, usize, Vec<Difference>)> = Vec::new();
    for (place, step) in after.iter().enumerate() {
        let subject = format!("step {}", step.path);
        let mut here = Vec::new();
        match old_of.get(&place) {
            Some(old) => {
                if moved.contains(&place) {
                    here.push(Difference {
                        change: Change::Moved,
                        subject: subject.clone(),
                        attribute: None,
                        before: Some(position(before, *old)),
                        after: Some(position(after, place)),
                    });
                }
                compare(&mut here, &subject, &facts(before[*old].node), &facts(step.node));
            }
            None => here.push(whole(Change::Added, subject)),
        }
        rows.push((place, 1, here));
    }
    let kept: BTreeSet<usize> = old_of.values().copied().collect();
    let new_of: BTreeMap<usize, usize> = pairs.iter().copied().collect();
    for (place, step) in before.iter().enumerate().filter(|(place, _)| !kept.contains(place)) {
        let after_what = (0..place).rev().find_map(|earlier| new_of.get(&earlier));
        let at = after_what.map_or(0, |place| place + 1);
        rows.push((at, 0, vec![whole(Change::Removed, format!("step {}", step.path))]));
    }
    rows.sort_by_key(|(place, order, _)| (*place, *order));
    found.extend(rows.into_iter().flat_map(|(.., differences)| differences));
}

fn whole(change: Change, subject: String) -> Difference {
    Difference {
        change,
        subject,
        attribute: None,
        before: None,
        after: None,
    }
}

/// Returns where a step stands: its path, and in which part of the step around it.
fn position(steps: &[Step<'_>], place: usize) -> String {
    let step = &steps[place];
    let previous = steps[..place]
        .iter()
        .rev()
        .find(|other| other.parent == step.parent && other.part == step.part);
    let part = match step.part {
        Part::Body => String::new(),
        Part::Arm(number) => format!(", arm {}", number + 1),
        Part::Otherwise => ", else".to_owned(),
        Part::OnFail => ", on_fail".to_owned(),
        Part::Undo => ", undo".to_owned(),
        Part::Always(_) => ", always".to_owned(),
    };
    match previous {
        Some(previous) => format!("{} after {}{part}", step.path, previous.path),
        None => format!("{} first{part}", step.path),
    }
}

/// Returns which step of `before` is which of `after`: the surest matches first.
fn pairs(before: &[Step<'_>], after: &[Step<'_>]) -> Pairs {
    let contents = |steps: &[Step<'_>]| -> Vec<String> { steps.iter().map(|step| content(step.node)).collect() };
    let (old, new) = (contents(before), contents(after));
    let name = |step: &Step<'_>| format!("{} {}", step.word, step.key.unwrap_or_default());
    let mut pairs = Vec::new();
    let mut taken = (vec![false; before.len()], vec![false; after.len()]);
    type Identity<'i> = &'i dyn Fn(&Step<'_>, &str) -> Option<String>;
    let passes: [Identity<'_>; 4] = [
        &|step, content| Some(format!("{} {} {content}", step.word, step.path)),
        &|step, content| Some(format!("{} {content}", name(step))),
        &|step, _| Some(format!("{} {}", step.word, step.path)),
        &|step, _| step.key.map(|_| name(step)),
    ];
    for identity in passes {
        let mut waiting: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
        for (place, step) in before.iter().enumerate().filter(|(place, _)| !taken.0[*place]) {
            if let Some(identity) = identity(step, &old[place]) {
                waiting.entry(identity).or_default().push_back(place);
            }
        }
        for (place, step) in after.iter().enumerate() {
            let found = (!taken.1[place])
                .then(|| identity(step, &new[place]))
                .flatten()
                .and_then(|identity| waiting.get_mut(&identity)?.pop_front());
            if let Some(found) = found {
                taken.0[found] = true;
                taken.1[place] = true;
                pairs.push((found, place));
            }
        }
    }
    pairs
}

/// Returns the steps of `after` that stand elsewhere than before: inside another step, or in another order.
fn moved(
    before: &[Step<'_>],
    after: &[Step<'_>],
    pairs: &[(usize, usize)],
    old_of: &BTreeMap<usize, usize>,
) -> BTreeSet<usize> {
    let mut moved = BTreeSet::new();
    let mut siblings: BTreeMap<(Option<usize>, Part), Pairs> = BTreeMap::new();
    for (old, new) in pairs {
        let parent = after[*new].parent.and_then(|parent| old_of.get(&parent));
        let same_parent = before[*old].parent == parent.copied() && before[*old].part == after[*new].part;
        let is_top = after[*new].parent.is_none() == before[*old].parent.is_none();
        // Branches of a parallel block have no order.
        let in_parallel = before[*old]
            .parent
            .is_some_and(|parent| matches!(before[parent].node.kind, NodeKind::Parallel(_)));
        if !(same_parent && is_top) {
            moved.insert(*new);
        } else if !in_parallel {
            siblings
                .entry((after[*new].parent, after[*new].part))
                .or_default()
                .push((*new, *old));
        }
    }
    for mut list in siblings.into_values() {
        list.sort_unstable();
        let kept = longest_rising(&list.iter().map(|(_, old)| *old).collect::<Vec<_>>());
        moved.extend(
            (0..list.len())
                .filter(|place| !kept.contains(place))
                .map(|place| list[place].0),
        );
    }
    moved
}

/// Returns the places of a longest rising part of `values`: what keeps its order.
fn longest_rising(values: &[usize]) -> BTreeSet<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut previous = vec![None; values.len()];
    for (place, value) in values.iter().enumerate() {
        let at = ends.partition_point(|end| values[*end] < *value);
        previous[place] = at.checked_sub(1).map(|before| ends[before]);
        match ends.get_mut(at) {
            Some(end) => *end = place,
            None => ends.push(place),
        }
    }
    let mut kept = BTreeSet::new();
    let mut current = ends.last().copied();
    while let Some(place) = current {
        kept.insert(place);
        current = previous[place];
    }
    kept
}

/// Returns what a step says itself, without the steps inside it.
fn facts(node: &Node) -> Facts {
    let mut facts = Facts::new();
    for attribute in attributes_of(node) {
        if let AttributeValue::Value { value, .. } = &attribute.value {
            let key = &attribute.key.text;
            match &value.kind {
                ValueKind::Map(map) => flatten_map(&mut facts, &format!("{key}."), map),
                ValueKind::List(list) if key == "needs" => {
                    let mut names: Vec<String> = list.items.iter().map(|item| value_text(&item.value)).collect();
                    names.sort();
                    facts.insert(key.clone(), names.join(", "));
                }
                _ => {
                    facts.insert(key.clone(), value_text(value));
                }
            }
        }
    }
    match &node.kind {
        NodeKind::Call(call) => {
            let target = match &call.target {
                CallTarget::Name(name) | CallTarget::Workflow(name) => name.text.clone(),
                CallTarget::Plugin { plugin, action } => {
                    // Both ways to name an action mean the same.
                    facts.insert("use".to_owned(), format!("{}.{}", plugin.text, action.text));
                    action.text.clone()
                }
                CallTarget::Path(path) => path.plain.clone(),
            };
            facts.insert("call".to_owned(), target);
        }
        NodeKind::If(choice) => {
            for (number, arm) in choice.arms.iter().enumerate() {
                let word = if arm.sense == Sense::Unless { "unless" } else { "if" };
                let name = if number == 0 {
                    "condition".to_owned()
                } else {
                    format!("condition {}", number + 1)
                };
                facts.insert(name, format!("{word} {}", condition_text(&arm.condition)));
            }
        }
        NodeKind::While(repeat) => {
            facts.insert("condition".to_owned(), condition_text(&repeat.condition));
        }
        NodeKind::Do(block) => {
            facts.extend(
                block
                    .condition
                    .iter()
                    .map(|condition| ("condition".to_owned(), condition_text(condition))),
            );
        }
        NodeKind::Gate(gate) => {
            facts.insert("kind".to_owned(), gate.gate_kind.text.clone());
        }
        NodeKind::Set(map) => flatten_map(&mut facts, "", map),
        NodeKind::Fail(text) => {
            facts.insert("text".to_owned(), value_text(text));
        }
        NodeKind::Parallel(_)
        | NodeKind::Always(_)
        | NodeKind::Script(_)
        | NodeKind::Wait(_)
        | NodeKind::Foreach(_) => {}
    }
    facts
}

fn flatten_map(facts: &mut Facts, prefix: &str, map: &Map) {
    for entry in &map.entries {
        flatten(facts, &format!("{prefix}{}", entry.key.text), &entry.value);
    }
}

fn flatten(facts: &mut Facts, name: &str, value: &Value) {
    match &value.kind {
        ValueKind::Map(map) if !map.entries.is_empty() => flatten_map(facts, &format!("{name}."), map),
        _ => {
            facts.insert(name.to_owned(), value_text(value));
        }
    }
}

/// Returns everything that a step says, the steps inside it included, as one text.
fn content(node: &Node) -> String {
    let mut text = format!("{:?}", facts(node));
    for (part, block) in crate::outline::parts(node) {
        text.push_str(&format!("{part:?}["));
        for inner in &block.nodes {
            text.push_str(crate::check::word_of(inner));
            text.push_str(crate::check::key_of(inner).map_or("", |(key, _)| key));
            text.push_str(&content(inner));
        }
        text.push(']');
    }
    text
}
