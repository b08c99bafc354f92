//! How a tree becomes a value.

use super::arithmetic::{self, with_article};
use super::budget::Budget;
use super::error::{EvaluationError, Problem};
use super::functions::Work;
use super::names::{Members, Names, Root};
use super::select::{Missing, element, member, minus_hint, not_a_key};
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
                self.step()?;
                Ok(data.clone())
            }
            NodeKind::Name(_) | NodeKind::Member { .. } | NodeKind::Index { .. } => match self.place(node)? {
                Place::Value(data) => Ok(data),
                Place::Members(members) => self.whole(members),
            },
            NodeKind::Not(operand) => {
                self.step()?;
                Ok(Data::Bool(!self.condition(operand)?))
            }
            NodeKind::Negate(operand) => {
                self.step()?;
                let value = self.node(operand)?;
                arithmetic::negate(&value)
                    .map_err(|problem| self.fail(node.range.clone(), problem, [(&**operand, value)]))
            }
            NodeKind::And(operands) => self.junction(operands, false),
            NodeKind::Or(operands) => self.junction(operands, true),
            NodeKind::Chain { first, links } => self.chain(first, links),
            NodeKind::Conditional { condition, yes, no } => {
                self.step()?;
                if self.condition(condition)? {
                    self.node(yes)
                } else {
                    self.node(no)
                }
            }
            NodeKind::List(items) => self.list(items),
            NodeKind::Map(entries) => self.map(entries),
            NodeKind::Call {
                function, arguments, ..
            } => {
                self.step()?;
                let values = arguments
                    .iter()
                    .map(|argument| self.node(argument))
                    .collect::<Outcome<Vec<Data>>>()?;
                function
                    .call(&mut self.work, &values)
                    .map_err(|problem| self.fail(node.range.clone(), problem, arguments.iter().zip(values)))
            }
            NodeKind::Has(operand) => {
                self.step()?;
                Ok(Data::Bool(self.present(operand)?.is_some()))
            }
            NodeKind::OrValue { operand, default } => {
                self.step()?;
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

    fn junction(&mut self, operands: &'a [Node], decisive: bool) -> Outcome<Data> {
        self.step()?;
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
            self.step()?;
            let right = self.node(&link.operand)?;
            if let (Operator::Add, Data::Text(beginning), Data::Text(part)) = (link.operator, &left, &right) {
                let (buffer, added) = match &mut joined {
                    Some(buffer) => (buffer, part.len()),
                    None => (joined.insert(beginning.to_string()), beginning.len() + part.len()),
                };
                buffer.push_str(part);
                self.count(|budget| budget.produce(added))?;
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

    fn list(&mut self, items: &'a [Node]) -> Outcome<Data> {
        self.step()?;
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let value = self.node(item)?;
            self.count(|budget| budget.include(&value))?;
            list.push(value);
        }
        Ok(Data::List(Arc::new(list)))
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Outcome<Data> {
        self.step()?;
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
            self.count(|budget| budget.produce(key.len() + 8).and_then(|()| budget.include(&value)))?;
            if map.contains_key(&key) {
                let problem = Problem::new(format!("the key `{key}` stands twice in a map"));
                return Err(self.fail(key_node.range.clone(), problem, []));
            }
            map.insert(key, value);
        }
        Ok(Data::Map(Arc::new(map)))
    }

    fn comprehension(&mut self, node: &'a Node, comprehension: &'a Comprehension) -> Outcome<Data> {
        self.step()?;
        let operand = self.node(&comprehension.operand)?;
        let mut found: usize = 0;
        let mut list = Vec::new();
        let kind = comprehension.macro_kind;
        let elements = match elements(&operand, kind) {
            Ok(Some(elements)) => elements,
            Ok(None) => return Ok(Data::Bool(false)),
            Err(problem) => return Err(self.fail(node.range.clone(), problem, [(&comprehension.operand, operand)])),
        };
        for element in elements.iter() {
            self.step()?;
            self.variables.push((&comprehension.variable, element.clone()));
            if let Some(condition) = &comprehension.condition
                && !self.condition(condition)?
            {
                self.variables.pop();
                continue;
            }
            if kind == MacroKind::Map {
                let value = self.node(&comprehension.body)?;
                self.variables.pop();
                self.count(|budget| budget.include(&value))?;
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
                        self.count(|budget| budget.include(&element))?;
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
                self.step()?;
                self.name(node, name)
            }
            NodeKind::Member {
                operand,
                name,
                optional,
                ..
            } => {
                self.step()?;
                if let Some(value) = self.field(operand, name)? {
                    return Ok(Place::Value(value));
                }
                match self.place(operand)? {
                    Place::Members(members) => Ok(Place::Value(members.member(name).unwrap_or_default())),
                    Place::Value(data) => match member(&data, name, operand, self.source) {
                        Ok(value) => Ok(Place::Value(value)),
                        Err(Missing::Member(_)) if *optional => Ok(Place::Value(Data::Null)),
                        Err(Missing::Member(problem)) => Err(self.fail(node.range.clone(), problem, [])),
                        Err(Missing::NoMembers(problem)) => {
                            Err(self.fail(node.range.clone(), problem, [(&**operand, data)]))
                        }
                    },
                }
            }
            NodeKind::Index {
                operand,
                index,
                optional,
            } => {
                self.step()?;
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

    /// Returns `name` of a member of a root, as in `steps.x.output`, where that is known without the whole member.
    fn field(&mut self, operand: &'a Node, name: &str) -> Outcome<Option<Data>> {
        let NodeKind::Member { operand, name: of, .. } = &operand.kind else {
            return Ok(None);
        };
        let NodeKind::Name(root) = &operand.kind else {
            return Ok(None);
        };
        if self.variables.iter().any(|(variable, _)| *variable == &**root) {
            return Ok(None);
        }
        let Some(Root::Members(members)) = self.names.root(root) else {
            return Ok(None);
        };
        let found = members.field(of, name);
        if found.is_some() {
            // The same steps as on the long way.
            self.step()?;
            self.step()?;
        }
        Ok(found)
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
    fn whole(&mut self, members: &dyn Members) -> Outcome<Data> {
        let mut map = BTreeMap::new();
        for name in members.names() {
            self.step()?;
            let value = members.member(&name).unwrap_or_default();
            self.count(|budget| budget.produce(name.len() + 8).and_then(|()| budget.include(&value)))?;
            map.insert(Arc::from(name), value);
        }
        Ok(Data::Map(Arc::new(map)))
    }

    /// Returns the value of a member, or none if any part of the way to it is missing.
    fn present(&mut self, node: &'a Node) -> Outcome<Option<Data>> {
        self.step()?;
        let (operand, key, is_member) = match &node.kind {
            NodeKind::Member { operand, name, .. } => (operand, Data::Text(Arc::clone(name)), true),
            NodeKind::Index { operand, index, .. } => (operand, self.node(index)?, false),
            _ => return self.node(node).map(Some),
        };
        let data = match &operand.kind {
            NodeKind::Name(_) => match self.place(operand)? {
                Place::Members(members) => return Ok(key.as_text().and_then(|name| members.member(name))),
                Place::Value(data) => Some(data),
            },
            _ => self.present(operand)?,
        };
        Ok(data.filter(|data| !data.is_null()).and_then(|data| match &key {
            Data::Text(name) if is_member => member(&data, name, operand, self.source).ok(),
            key => element(&data, key, operand, self.source).ok(),
        }))
    }

    fn step(&mut self) -> Outcome<()> {
        self.count(Budget::step)
    }

    fn count(&mut self, take: impl FnOnce(&mut Budget) -> Result<(), Problem>) -> Outcome<()> {
        // Which part was the last one says nothing about a spent budget: the whole expression is too costly.
        take(self.work.budget).map_err(|problem| self.error(0..self.source.len(), problem, Vec::new()))
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

/// Returns the elements of a list or the keys of a map; none if the loop is a test of what is missing.
fn elements(data: &Data, kind: MacroKind) -> Result<Option<Arc<Vec<Data>>>, Problem> {
    match data {
        Data::List(items) => Ok(Some(Arc::clone(items))),
        Data::Map(entries) => Ok(Some(Arc::new(
            entries.keys().map(|key| Data::Text(Arc::clone(key))).collect(),
        ))),
        Data::Null if matches!(kind, MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne) => Ok(None),
        other => {
            let problem = Problem::new(format!(
                "`{}` needs a list or a map, not {}",
                kind.name(),
                with_article(other)
            ));
            Err(if other.is_null() {
                problem.hint("say what counts instead: `x.orValue([])`")
            } else {
                problem
            })
        }
    }
}
