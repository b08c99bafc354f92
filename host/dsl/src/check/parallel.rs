//! What parallel blocks mean: branches, what they need of each other, and when the block ends.

use super::Checker;
use super::attribute::{is_word, value, word, words};
use super::node::{attributes_of, key_of};
use super::step_table::Scope;
use crate::ast::{Attribute, Node, Parallel, Value, ValueKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::NumberValue;
use crate::resolved::{self, Branch, StepKind};
use crate::source::Span;
use cofferdam_engine::plan::Join;
use std::collections::BTreeMap;

/// The branches that each branch needs, each with the place where that is written.
type Needs = Vec<Vec<(usize, Span)>>;

impl<'a> Checker<'a> {
    pub(super) fn parallel(&mut self, node: &'a Node, parallel: &'a Parallel, scope: &Scope<'a>) -> Option<StepKind> {
        let nodes = &parallel.block.nodes;
        if nodes.is_empty() {
            let message = "a `parallel` without branches has nothing to do";
            // The grammar of old files asks for a branch, too.
            let diagnostic = Diagnostic::error(Code::NoBranches, node.keyword, message);
            self.report(diagnostic.help("write its branches between the braces, or remove it"));
        }
        let places = self.branch_places(nodes);
        let needs = self.needs(nodes, &places);
        let is_acyclic = self.refuse_circle(nodes, &needs);
        // With a circle no branch could be said to come before another.
        let closure = is_acyclic.then(|| Closure::of(&needs));
        let mut branches = Vec::with_capacity(nodes.len());
        let around = self.with_defaults(&parallel.block.attributes, scope);
        for (place, branch) in nodes.iter().enumerate() {
            let mut inside = around.clone();
            for span in closure.iter().flat_map(|closure| closure.spans(place, nodes)) {
                inside.add(span);
            }
            inside.begin(branch.span.start);
            inside.siblings = nodes
                .iter()
                .filter(|other| other.span != branch.span)
                .filter_map(|other| Some((key_of(other)?.0, other.span)))
                .collect();
            let attributes = attributes_of(branch);
            if let Some(step) = self.node(branch, &inside) {
                branches.push(Branch {
                    step,
                    needs: numbers(&needs[place]),
                    needs_any_result: is_word(attributes, "needs_any_result", "true"),
                });
            }
        }
        let complete = is_acyclic && branches.len() == nodes.len() && !branches.is_empty();
        let attributes = &parallel.block.attributes;
        let min_success = self.min_success(attributes, nodes.len());
        let max_parallel = self.max_parallel(attributes);
        let result = StepKind::Parallel(resolved::Parallel {
            branches,
            join: if is_word(attributes, "join", "any") {
                Join::Any
            } else {
                Join::All
            },
            max_parallel,
            fail_fast: value(attributes, "fail_fast").is_none() || is_word(attributes, "fail_fast", "true"),
            min_success,
        });
        complete.then_some(result)
    }

    /// Returns the place of each branch by its key; two of one key are doubtful (LANGUAGE rule R29).
    fn branch_places(&mut self, nodes: &'a [Node]) -> BTreeMap<&'a str, usize> {
        let mut places: BTreeMap<&str, (usize, Span)> = BTreeMap::new();
        for (place, node) in nodes.iter().enumerate() {
            let Some((key, span)) = key_of(node).filter(|(key, _)| !key.is_empty()) else {
                continue;
            };
            if let Some((_, first)) = places.insert(key, (place, span)) {
                let message = format!("two branches of one `parallel` are called `{key}`");
                let diagnostic = Diagnostic::doubtful(Code::DuplicateBranch, self.has_edition, span, message);
                self.report(
                    diagnostic
                        .also(first, "the other one")
                        .help("name one of them differently: `call NAME { use = plugin.action .. }`"),
                );
            }
        }
        places.into_iter().map(|(key, (place, _))| (key, place)).collect()
    }

    fn needs(&mut self, nodes: &'a [Node], places: &BTreeMap<&'a str, usize>) -> Needs {
        let mut all = Vec::with_capacity(nodes.len());
        for node in nodes {
            let mut needs: Vec<(usize, Span)> = Vec::new();
            for (name, span) in value(attributes_of(node), "needs").map(words).unwrap_or_default() {
                match places.get(name.as_str()) {
                    Some(place) => needs.push((*place, span)),
                    None => self.unknown_branch(&name, span, places),
                }
            }
            needs.sort_unstable();
            needs.dedup_by_key(|(place, _)| *place);
            all.push(needs);
        }
        all
    }

    fn unknown_branch(&mut self, name: &str, span: Span, places: &BTreeMap<&'a str, usize>) {
        let message = format!("this `parallel` has no branch `{name}`");
        let diagnostic = Diagnostic::error(Code::UnknownBranch, span, message);
        self.report(match did_you_mean(name, places.keys().copied()) {
            Some(meant) => diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(span, meant),
            None => diagnostic.help(format!(
                "`needs` names branches of the same block: {}",
                places.keys().copied().collect::<Vec<_>>().join(", ")
            )),
        });
    }

    /// Reports the first circle among the needs with its path; returns whether there is none.
    fn refuse_circle(&mut self, nodes: &'a [Node], needs: &Needs) -> bool {
        let Some(circle) = circle(needs) else { return true };
        let name = |place: usize| key_of(&nodes[place]).map_or("", |(key, _)| key);
        let (first, second) = (circle[0], circle[1 % circle.len()]);
        let span = needs[first]
            .iter()
            .find(|(need, _)| *need == second)
            .map_or(nodes[first].keyword, |(_, span)| *span);
        let mut path: Vec<&str> = circle.iter().map(|place| name(*place)).collect();
        path.push(name(first));
        let message = format!("branches wait for each other: {}", path.join(" needs "));
        let mut diagnostic = Diagnostic::error(Code::NeedsCircle, span, message);
        for (place, next) in circle.iter().zip(circle.iter().skip(1).chain([&first])).skip(1) {
            if let Some((_, span)) = needs[*place].iter().find(|(need, _)| need == next) {
                diagnostic = diagnostic.also(*span, format!("`{}` needs `{}`", name(*place), name(*next)));
            }
        }
        self.report(diagnostic.help("remove one of these needs"));
        false
    }

    fn max_parallel(&mut self, attributes: &'a [Attribute]) -> Option<u32> {
        let value = value(attributes, "max_parallel")?;
        let count = self.count(value, "max_parallel")?;
        self.refuse_no_parallel(value);
        Some(count.max(1))
    }

    /// Reports a `max_parallel` of nothing at a time.
    pub(super) fn refuse_no_parallel(&mut self, value: &'a Value) {
        let is_none = match &value.kind {
            ValueKind::Number(number) => number.value == NumberValue::Int(0),
            ValueKind::Text(text) => text.plain.trim() == "0",
            _ => false,
        };
        if is_none {
            let message = "`max_parallel = 0` would let nothing run; it counts as 1";
            let diagnostic = Diagnostic::doubtful(Code::WrongValue, self.has_edition, value.span, message);
            self.report(diagnostic.help("write `max_parallel = 1`").suggest(value.span, "1"));
        }
    }

    fn min_success(&mut self, attributes: &'a [Attribute], branches: usize) -> Option<u32> {
        let value = value(attributes, "min_success")?;
        let count = self.count(value, "min_success")?;
        if count as usize > branches {
            let message = format!("`min_success = {count}` can never be met by {branches} branches");
            let diagnostic = Diagnostic::doubtful(Code::WrongValue, self.has_edition, value.span, message);
            self.report(diagnostic.help(format!(
                "write `min_success = {branches}`, or remove it: all must succeed"
            )));
        }
        Some(count)
    }

    /// Reports `needs` at a step that is no branch.
    pub(super) fn needs_outside_parallel(&mut self, node: &'a Node) {
        for key in ["needs", "needs_any_result"] {
            if let Some(attribute) = crate::ast::find_attribute(attributes_of(node), key) {
                let message = format!("`{key}` has no effect: the step is no branch of a `parallel`");
                let diagnostic =
                    Diagnostic::doubtful(Code::IgnoredAttribute, self.has_edition, attribute.key.span, message);
                let wanted = attribute.value().and_then(word).map(|(name, _)| name);
                self.report(diagnostic.help(match wanted {
                    Some(name) => format!("steps run one after the other: put it after `{name}`"),
                    None => "steps run one after the other: put it after what it needs".to_owned(),
                }));
            }
        }
    }
}

fn numbers(needs: &[(usize, Span)]) -> Vec<u32> {
    needs
        .iter()
        .map(|(need, _)| u32::try_from(*need).unwrap_or(u32::MAX))
        .collect()
}

/// Which branches each branch needs, also through others: one bit for each pair.
struct Closure {
    words: usize,
    bits: Vec<u64>,
}

impl Closure {
    /// Returns the closure of needs without circles.
    fn of(needs: &Needs) -> Self {
        let words = needs.len().div_ceil(64);
        let mut closure = Self {
            words,
            bits: vec![0; words * needs.len()],
        };
        for place in in_order(needs) {
            for (need, _) in &needs[place] {
                for word in 0..words {
                    let inherited = closure.bits[need * words + word];
                    closure.bits[place * words + word] |= inherited;
                }
                closure.bits[place * words + need / 64] |= 1 << (need % 64);
            }
        }
        closure
    }

    fn needs(&self, place: usize, need: usize) -> bool {
        self.bits[place * self.words + need / 64] >> (need % 64) & 1 == 1
    }

    /// Returns the parts of the text that hold the branches which the one at `place` needs; neighbours are one part.
    fn spans(&self, place: usize, nodes: &[Node]) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut last = None;
        for need in (0..nodes.len()).filter(|need| self.needs(place, *need)) {
            match spans.last_mut() {
                Some(span) if last == need.checked_sub(1) => *span = span.to(nodes[need].span),
                _ => spans.push(nodes[need].span),
            }
            last = Some(need);
        }
        spans
    }
}

/// Returns the branches that are in no circle and need none that is, each after those that it needs.
fn in_order(needs: &Needs) -> Vec<usize> {
    let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut dependents = vec![Vec::new(); needs.len()];
    for (place, needs) in needs.iter().enumerate() {
        needs.iter().for_each(|(need, _)| dependents[*need].push(place));
    }
    let mut order: Vec<usize> = (0..needs.len()).filter(|place| open[*place] == 0).collect();
    let mut next = 0;
    while let Some(place) = order.get(next).copied() {
        next += 1;
        for dependent in &dependents[place] {
            open[*dependent] -= 1;
            if open[*dependent] == 0 {
                order.push(*dependent);
            }
        }
    }
    order
}

/// Returns branches of which each needs the next and the last one the first, if there are such.
fn circle(needs: &Needs) -> Option<Vec<usize>> {
    let mut is_free = vec![false; needs.len()];
    in_order(needs).into_iter().for_each(|place| is_free[place] = true);
    // What is not free needs something that is not free: going on from need to need comes round.
    let mut at = is_free.iter().position(|free| !free)?;
    let mut position = vec![None; needs.len()];
    let mut path: Vec<usize> = Vec::new();
    loop {
        if let Some(begin) = position[at] {
            let mut circle = path.split_off(begin);
            // The circle begins with its first branch in the text.
            let first = circle.iter().enumerate().min_by_key(|(_, place)| **place);
            let first = first.map_or(0, |(index, _)| index);
            circle.rotate_left(first);
            return Some(circle);
        }
        position[at] = Some(path.len());
        path.push(at);
        at = needs[at].iter().map(|(need, _)| *need).find(|need| !is_free[*need])?;
    }
}
