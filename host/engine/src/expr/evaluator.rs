//! How a tree becomes a value.

use super::arithmetic::{self, with_article};
use super::budget::Budget;
use super::error::{EvaluationError, Problem};
use super::functions::Work;
use super::names::{Members, Names, Root};
use super::suggest;
use super::tree::{Comprehension, Link, MacroKind, Node, NodeKind, Operator};
use crate::Data;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

type Outcome<T> = Result<T, Box<EvaluationError>>;

/// Returns the value of `tree`.
pub(super) fn evaluate(
    source: &Arc<str>,
    tree: &Node,
    names: &dyn Names,
    budget: &mut Budget,
) -> Result<Data, EvaluationError> {
    let mut evaluator = Evaluator::new(source, names, budget);
    let result = evaluator.node(tree).map_err(|error| *error)?;
    // What is only passed on already exists and does not grow.
    if !matches!(
        tree.kind,
        NodeKind::Name(_) | NodeKind::Member { .. } | NodeKind::Index { .. }
    ) {
        let checked = evaluator.work.budget.check_result(&result);
        checked.map_err(|problem| *evaluator.fail(tree.range.clone(), problem, []))?;
    }
    Ok(result)
}

/// Returns the value of `tree` as a condition.
pub(super) fn evaluate_condition(
    source: &Arc<str>,
    tree: &Node,
    names: &dyn Names,
    budget: &mut Budget,
) -> Result<bool, EvaluationError> {
    Evaluator::new(source, names, budget)
        .condition(tree)
        .map_err(|error| *error)
}

struct Evaluator<'a> {
    source: &'a Arc<str>,
    names: &'a dyn Names,
    work: Work<'a>,
    /// The loop variables, innermost last.
    variables: Vec<(&'a str, Data)>,
}

/// A value, or a root whose members are made on demand.
enum Place<'a> {
    Value(Data),
    Members(&'a dyn Members),
}

impl<'a> Evaluator<'a> {
    fn new(source: &'a Arc<str>, names: &'a dyn Names, budget: &'a mut Budget) -> Self {
        let work = Work {
            budget,
            patterns: BTreeMap::new(),
        };
        Self {
            source,
            names,
            work,
            variables: Vec::new(),
        }
    }

    fn node(&mut self, node: &'a Node) -> Outcome<Data> {
        match &node.kind {
            NodeKind::Literal(data) => {
                self.step(node)?;
                Ok(data.clone())
            }
            NodeKind::Name(_) | NodeKind::Member { .. } | NodeKind::Index { .. } => match self.place(node)? {
                Place::Value(data) => Ok(data),
                Place::Members(members) => self.whole(node, members),
            },
            NodeKind::Not(operand) => {
                self.step(node)?;
                Ok(Data::Bool(!self.condition(operand)?))
            }
            NodeKind::Negate(operand) => {
                self.step(node)?;
                let value = self.node(operand)?;
                arithmetic::negate(&value)
                    .map_err(|problem| self.fail(node.range.clone(), problem, [(&**operand, value)]))
            }
            NodeKind::And(operands) => self.junction(node, operands, false),
            NodeKind::Or(operands) => self.junction(node, operands, true),
            NodeKind::Chain { first, links } => self.chain(first, links),
            NodeKind::Conditional { condition, yes, no } => {
                self.step(node)?;
                if self.condition(condition)? {
                    self.node(yes)
                } else {
                    self.node(no)
                }
            }
            NodeKind::List(items) => self.list(node, items),
            NodeKind::Map(entries) => self.map(node, entries),
            NodeKind::Call {
                function, arguments, ..
            } => {
                self.step(node)?;
                let values = arguments
                    .iter()
                    .map(|argument| self.node(argument))
                    .collect::<Outcome<Vec<Data>>>()?;
                function
                    .call(&mut self.work, &values)
                    .map_err(|problem| self.fail(node.range.clone(), problem, arguments.iter().zip(values)))
            }
            NodeKind::Has(operand) => {
                self.step(node)?;
                Ok(Data::Bool(self.present(operand)?.is_some()))
            }
            NodeKind::OrValue { operand, default } => {
                self.step(node)?;
                let value = self.node(operand)?;
                if value.is_null() { self.node(default) } else { Ok(value) }
            }
            NodeKind::Comprehension(comprehension) => self.comprehension(node, comprehension),
        }
    }

    /// Returns the value of `node` as a condition: what is missing is false.
    fn condition(&mut self, node: &'a Node) -> Outcome<bool> {
        match self.node(node)? {
            Data::Bool(value) => Ok(value),
            Data::Null => Ok(false),
            other => {
                let problem = Problem::new(format!("a condition is a boolean, not {}", with_article(&other)));
                let problem = match other {
                    Data::Text(_) => problem.hint("compare it: `x != \"\"`"),
                    Data::List(_) | Data::Map(_) => problem.hint("ask for its size: `size(x) > 0`"),
                    _ => problem.hint("compare it: `x != 0`"),
                };
                Err(self.fail(node.range.clone(), problem, [(node, other)]))
            }
        }
    }

    fn junction(&mut self, node: &'a Node, operands: &'a [Node], decisive: bool) -> Outcome<Data> {
        self.step(node)?;
        for operand in operands {
            if self.condition(operand)? == decisive {
                return Ok(Data::Bool(decisive));
            }
        }
        Ok(Data::Bool(!decisive))
    }

    fn chain(&mut self, first: &'a Node, links: &'a [Link]) -> Outcome<Data> {
        let mut left = self.node(first)?;
        let mut left_end = first.range.end;
        // A run of joined texts grows in one buffer instead of being copied for every part.
        let mut joined: Option<String> = None;
        for link in links {
            self.count(&link.range, |budget| budget.step())?;
            let right = self.node(&link.operand)?;
            if let (Operator::Add, Data::Text(beginning), Data::Text(part)) = (link.operator, &left, &right) {
                let (buffer, added) = match &mut joined {
                    Some(buffer) => (buffer, part.len()),
                    None => (joined.insert(beginning.to_string()), beginning.len() + part.len()),
                };
                buffer.push_str(part);
                self.count(&link.range, |budget| budget.produce(added))?;
                left_end = link.range.end;
                continue;
            }
            if let Some(buffer) = joined.take() {
                left = Data::from(buffer);
            }
            let result = arithmetic::apply(link.operator, &left, &right, self.work.budget);
            left = match result {
                Ok(value) => value,
                Err(problem) => {
                    let left_range = if left_end == first.range.end {
                        first.range.clone()
                    } else {
                        link.range.start..left_end
                    };
                    let is_computed = |node: &Node| !matches!(node.kind, NodeKind::Literal(_));
                    let mut operands = Vec::new();
                    if !problem.last_operand_only && (left_end != first.range.end || is_computed(first)) {
                        operands.push((self.text(&left_range), left));
                    }
                    if is_computed(&link.operand) {
                        operands.push((self.text(&link.operand.range), right));
                    }
                    return Err(self.error(link.range.clone(), problem, operands));
                }
            };
            left_end = link.range.end;
        }
        Ok(joined.map_or(left, Data::from))
    }

    fn list(&mut self, node: &'a Node, items: &'a [Node]) -> Outcome<Data> {
        self.step(node)?;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let value = self.node(item)?;
            self.count(&node.range, |budget| budget.include(&value))?;
            list.push(value);
        }
        Ok(Data::List(Arc::new(list)))
    }

    fn map(&mut self, node: &'a Node, entries: &'a [(Node, Node)]) -> Outcome<Data> {
        self.step(node)?;
        let mut map = BTreeMap::new();
        for (key_node, value_node) in entries {
            let key = match (self.node(key_node), &key_node.kind) {
                (Err(mut error), NodeKind::Name(name)) => {
                    error.hint = Some(format!("a key that is text stands in quotes: `\"{name}\"`"));
                    return Err(error);
                }
                (key, _) => key?,
            };
            let Data::Text(key) = key else {
                let problem = Problem::new(format!("the key of a map is a text, not {}", with_article(&key)));
                return Err(self.fail(
                    key_node.range.clone(),
                    problem.hint("write `string(x)`"),
                    [(key_node, key)],
                ));
            };
            let value = self.node(value_node)?;
            self.count(&node.range, |budget| {
                budget.produce(key.len() + 8).and_then(|()| budget.include(&value))
            })?;
            if map.contains_key(&key) {
                let problem = Problem::new(format!("the key `{key}` stands twice in a map"));
                return Err(self.fail(key_node.range.clone(), problem, []));
            }
            map.insert(key, value);
        }
        Ok(Data::Map(Arc::new(map)))
    }

    fn comprehension(&mut self, node: &'a Node, comprehension: &'a Comprehension) -> Outcome<Data> {
        self.step(node)?;
        let operand = self.node(&comprehension.operand)?;
        let mut found: usize = 0;
        let mut list = Vec::new();
        let kind = comprehension.macro_kind;
        let mut elements = match Elements::of(&operand, kind) {
            Ok(Some(elements)) => elements,
            Ok(None) => return Ok(Data::Bool(false)),
            Err(problem) => return Err(self.fail(node.range.clone(), problem, [(&comprehension.operand, operand)])),
        };
        while let Some(element) = elements.next() {
            self.step(node)?;
            self.variables.push((&comprehension.variable, element));
            if let Some(condition) = &comprehension.condition
                && !self.condition(condition)?
            {
                self.variables.pop();
                continue;
            }
            if kind == MacroKind::Map {
                let value = self.node(&comprehension.body)?;
                self.variables.pop();
                self.count(&node.range, |budget| budget.include(&value))?;
                list.push(value);
                continue;
            }
            let holds = self.condition(&comprehension.body)?;
            let element = self.variables.pop();
            match kind {
                MacroKind::All if !holds => return Ok(Data::Bool(false)),
                MacroKind::Exists if holds => return Ok(Data::Bool(true)),
                MacroKind::ExistsOne if holds && found == 1 => return Ok(Data::Bool(false)),
                MacroKind::Filter if holds => {
                    if let Some((_, element)) = element {
                        self.count(&node.range, |budget| budget.include(&element))?;
                        list.push(element);
                    }
                }
                _ => found += usize::from(holds),
            }
        }
        Ok(match kind {
            MacroKind::All => Data::Bool(true),
            MacroKind::Exists => Data::Bool(false),
            MacroKind::ExistsOne => Data::Bool(found == 1),
            MacroKind::Map | MacroKind::Filter => Data::List(Arc::new(list)),
        })
    }

    /// Returns the value of a name, member or element, without making a whole root for a member of it.
    fn place(&mut self, node: &'a Node) -> Outcome<Place<'a>> {
        match &node.kind {
            NodeKind::Name(name) => {
                self.step(node)?;
                self.name(node, name)
            }
            NodeKind::Member {
                operand,
                name,
                optional,
                name_range,
            } => {
                self.step(node)?;
                match self.place(operand)? {
                    Place::Members(members) => Ok(Place::Value(members.member(name).unwrap_or_default())),
                    Place::Value(data) => match member(&data, name, operand, self.source) {
                        Ok(value) => Ok(Place::Value(value)),
                        Err(Missing::Member(_)) if *optional => Ok(Place::Value(Data::Null)),
                        Err(Missing::Member(problem)) => Err(self.fail(name_range.clone(), problem, [])),
                        Err(Missing::NoMembers(problem)) => {
                            Err(self.fail(name_range.clone(), problem, [(&**operand, data)]))
                        }
                    },
                }
            }
            NodeKind::Index {
                operand,
                index,
                optional,
            } => {
                self.step(node)?;
                let place = self.place(operand)?;
                let key = self.node(index)?;
                let found = match (&place, &key) {
                    (Place::Members(members), Data::Text(name)) => Ok(members.member(name).unwrap_or_default()),
                    (Place::Members(_), other) => Err(Missing::NoMembers(not_a_key(other))),
                    (Place::Value(data), key) => element(data, key, operand, self.source),
                };
                match found {
                    Ok(value) => Ok(Place::Value(value)),
                    Err(Missing::Member(_)) if *optional => Ok(Place::Value(Data::Null)),
                    Err(Missing::Member(problem) | Missing::NoMembers(problem)) => {
                        Err(self.fail(node.range.clone(), problem, [(&**index, key)]))
                    }
                }
            }
            _ => self.node(node).map(Place::Value),
        }
    }

    fn name(&mut self, node: &Node, name: &str) -> Outcome<Place<'a>> {
        if let Some((_, value)) = self.variables.iter().rev().find(|(variable, _)| *variable == name) {
            return Ok(Place::Value(value.clone()));
        }
        match self.names.root(name) {
            Some(Root::Value(data)) => Ok(Place::Value(data)),
            Some(Root::Members(members)) => Ok(Place::Members(members)),
            None => {
                let roots = self.names.roots();
                let is_known = |name: &str| {
                    self.variables.iter().any(|(variable, _)| *variable == name) || self.names.root(name).is_some()
                };
                let known = roots
                    .iter()
                    .map(String::as_str)
                    .chain(self.variables.iter().map(|(variable, _)| *variable));
                let mut problem = Problem::new(format!("there is no `{name}` here"));
                problem.hint = minus_hint(name, "", is_known)
                    .or_else(|| suggest::closest(name, known).map(|known| format!("did you mean `{known}`?")))
                    .or_else(|| Some("text stands in quotes, members after their root: `inputs.name`".to_owned()));
                Err(self.fail(node.range.clone(), problem, []))
            }
        }
    }

    /// Returns a root as a map of all its members.
    fn whole(&mut self, node: &Node, members: &dyn Members) -> Outcome<Data> {
        let mut map = BTreeMap::new();
        for name in members.names() {
            self.step(node)?;
            let value = members.member(&name).unwrap_or_default();
            self.count(&node.range, |budget| {
                budget.produce(name.len() + 8).and_then(|()| budget.include(&value))
            })?;
            map.insert(Arc::from(name), value);
        }
        Ok(Data::Map(Arc::new(map)))
    }

    /// Returns the value of a member, or none if any part of the way to it is missing.
    fn present(&mut self, node: &'a Node) -> Outcome<Option<Data>> {
        self.step(node)?;
        let (operand, key) = match &node.kind {
            NodeKind::Member { operand, name, .. } => (operand, Data::Text(Arc::clone(name))),
            NodeKind::Index { operand, index, .. } => (operand, self.node(index)?),
            _ => return self.node(node).map(Some),
        };
        let data = match &operand.kind {
            NodeKind::Name(_) => match self.place(operand)? {
                Place::Members(members) => return Ok(key.as_text().and_then(|name| members.member(name))),
                Place::Value(data) => Some(data),
            },
            _ => self.present(operand)?,
        };
        Ok(data
            .filter(|data| !data.is_null())
            .and_then(|data| element(&data, &key, operand, self.source).ok()))
    }

    fn step(&mut self, node: &Node) -> Outcome<()> {
        self.count(&node.range, |budget| budget.step())
    }

    fn count(&mut self, range: &Range<usize>, take: impl FnOnce(&mut Budget) -> Result<(), Problem>) -> Outcome<()> {
        // Which part was the last one says nothing about a spent budget: the whole expression is too costly.
        take(self.work.budget).map_err(|problem| {
            let _ = range;
            self.error(0..self.source.len(), problem, Vec::new())
        })
    }

    fn fail<'n>(
        &self,
        range: Range<usize>,
        problem: Problem,
        operands: impl IntoIterator<Item = (&'n Node, Data)>,
    ) -> Box<EvaluationError> {
        let operands = operands
            .into_iter()
            .filter(|(node, _)| !matches!(node.kind, NodeKind::Literal(_)))
            .map(|(node, value)| (self.text(&node.range), value))
            .collect();
        self.error(range, problem, operands)
    }

    fn error(&self, range: Range<usize>, problem: Problem, operands: Vec<(String, Data)>) -> Box<EvaluationError> {
        let expression = Arc::clone(self.source);
        Box::new(EvaluationError {
            expression,
            range,
            message: problem.message,
            operands,
            hint: problem.hint,
        })
    }

    fn text(&self, range: &Range<usize>) -> String {
        self.source.get(range.clone()).unwrap_or_default().to_owned()
    }
}

/// Why a value has no such member.
enum Missing {
    /// It could have one, but has not.
    Member(Problem),
    /// Its kind has no members like this.
    NoMembers(Problem),
}

fn member(data: &Data, name: &str, operand: &Node, source: &str) -> Result<Data, Missing> {
    match data {
        Data::Map(entries) => entries.get(name).cloned().ok_or_else(|| {
            let mut problem = Problem::new(format!("there is no member `{name}`"));
            let prefix = format!("{}.", source.get(operand.range.clone()).unwrap_or_default());
            problem.hint = minus_hint(name, &prefix, |name| entries.contains_key(name))
                .or_else(|| {
                    suggest::closest(name, entries.keys().map(|key| &**key))
                        .map(|known| format!("did you mean `{known}`?"))
                })
                .or_else(|| Some(known_members(entries.keys().map(|key| &**key), name)));
            Missing::Member(problem)
        }),
        Data::Null => Ok(Data::Null),
        Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::Text(_) | Data::List(_) => {
            let mut problem = Problem::new(format!("{} has no member `{name}`", with_article(data)));
            if matches!(name, "length" | "size" | "count") {
                problem = problem.hint("write `size(x)`");
            } else if matches!(data, Data::List(_)) {
                problem = problem.hint(format!("take an element, `x[0].{name}`, or all: `x.map(i, i.{name})`"));
            } else if matches!(data, Data::Text(_)) {
                problem = problem.hint("a text that holds JSON becomes a value by `parse_json(x)`");
            }
            Err(Missing::NoMembers(problem))
        }
    }
}

fn element(data: &Data, key: &Data, operand: &Node, source: &str) -> Result<Data, Missing> {
    match (data, key) {
        (Data::Null, _) => Ok(Data::Null),
        (_, Data::Text(name)) if !matches!(data, Data::List(_)) => member(data, name, operand, source),
        (Data::List(items), Data::Int(index)) => usize::try_from(*index)
            .ok()
            .and_then(|index| items.get(index))
            .cloned()
            .ok_or_else(|| {
                let problem = Problem::new(format!("there is no element {index} in a list of {}", items.len()));
                Missing::Member(if *index < 0 {
                    problem.hint("the last one is `x[size(x) - 1]`")
                } else {
                    problem
                })
            }),
        (Data::List(_), other) => Err(Missing::NoMembers(Problem::new(format!(
            "an element of a list has an int as its place, not {}",
            with_article(other)
        )))),
        (Data::Map(_), other) => Err(Missing::NoMembers(not_a_key(other))),
        (other, _) => Err(Missing::NoMembers(Problem::new(format!(
            "{} has no elements",
            with_article(other)
        )))),
    }
}

fn not_a_key(key: &Data) -> Problem {
    Problem::new(format!("the key of a map is a text, not {}", with_article(key)))
}

/// Returns the advice for a name like `n-1` where `n` is known (LANGUAGE rule R5).
fn minus_hint(name: &str, prefix: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    name.match_indices('-')
        .find(|(at, _)| is_known(&name[..*at]))
        .map(|(at, _)| {
            format!(
                "for minus write `{prefix}{} - {}`",
                &name[..at],
                name[at..].trim_start_matches('-')
            )
        })
}

fn known_members<'k>(keys: impl ExactSizeIterator<Item = &'k str>, missing: &str) -> String {
    const SHOWN: usize = 8;
    let count = keys.len();
    let shown: Vec<&str> = keys.take(SHOWN).collect();
    let members = match count {
        0 => "the map is empty".to_owned(),
        1..=SHOWN => format!("there is {}", shown.join(", ")),
        _ => format!("there is {}, ..", shown.join(", ")),
    };
    format!("{members}; if it may be missing write `.?{missing}`")
}

/// The elements that a loop visits.
struct Elements {
    items: Vec<Data>,
    next: usize,
}

impl Elements {
    /// Returns the elements of a list or the keys of a map; none if the loop is a test of what is missing.
    fn of(data: &Data, kind: MacroKind) -> Result<Option<Self>, Problem> {
        let items = match data {
            Data::List(items) => items.to_vec(),
            Data::Map(entries) => entries.keys().map(|key| Data::Text(Arc::clone(key))).collect(),
            Data::Null if matches!(kind, MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne) => return Ok(None),
            other => {
                let problem = Problem::new(format!(
                    "`{}` needs a list or a map, not {}",
                    kind.name(),
                    with_article(other)
                ));
                return Err(if other.is_null() {
                    problem.hint("say what counts instead: `x.orValue([])`")
                } else {
                    problem
                });
            }
        };
        Ok(Some(Self { items, next: 0 }))
    }

    fn next(&mut self) -> Option<Data> {
        let item = self.items.get(self.next).cloned();
        self.next += 1;
        item
    }
}
