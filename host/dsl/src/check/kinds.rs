//! Which kind of value an expression has, as far as it is certain, and comparisons that can never be meant
//! (LANGUAGE rule R26).

use super::Checker;
use crate::catalog::Lookup;
use cofferdam_engine::Data;
use cofferdam_engine::expr::{self, MacroKind, Node, NodeKind, Operator};
use cofferdam_engine::plan::InputKind;
use std::ops::Range;

/// A kind that a value certainly has, unless it is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Number,
    Text,
    List,
    Map,
}

impl Kind {
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    fn of_result(kind: expr::Kind) -> Option<Self> {
        match kind {
            expr::Kind::Boolean => Some(Self::Boolean),
            expr::Kind::Int | expr::Kind::Double | expr::Kind::Number => Some(Self::Number),
            expr::Kind::Text => Some(Self::Text),
            expr::Kind::List => Some(Self::List),
            expr::Kind::Any | expr::Kind::TextOrList | expr::Kind::Collection | expr::Kind::TextOrInt => None,
        }
    }
}

/// What is wrong with a comparison, and where.
pub(super) struct Mismatch {
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
    /// What to write instead, and where, if one side can only be meant otherwise.
    pub(super) mend: Option<(Range<usize>, String)>,
}

impl Mismatch {
    pub(super) fn plain(range: Range<usize>, message: String, help: impl Into<String>) -> Self {
        Self {
            range,
            message,
            help: help.into(),
            mend: None,
        }
    }

    fn of(sides: [(&Node, Kind); 2], verb: &str, range: Range<usize>) -> Self {
        let [(_, left), (_, right)] = sides;
        let message = format!("{} {verb} {}", left.phrase(), right.phrase());
        // `"3"` beside a number and `"true"` beside a boolean have quotes too many.
        let mend = sides.iter().zip([right, left]).find_map(|((node, _), other)| {
            let NodeKind::Literal(Data::Text(text)) = &node.kind else {
                return None;
            };
            let fits = match other {
                Kind::Number => text.parse::<f64>().is_ok_and(f64::is_finite),
                Kind::Boolean => matches!(&**text, "true" | "false"),
                Kind::Text | Kind::List | Kind::Map => false,
            };
            fits.then(|| (node.range.clone(), text.to_string()))
        });
        let help = match &mend {
            Some((_, plain)) => format!("write `{plain}` without quotes"),
            None => match (left, right) {
                (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text) => {
                    "convert one of them: `double(x)` or `string(x)`".to_owned()
                }
                (Kind::List, _) | (_, Kind::List) => "compare its `size(x)`, or ask `x in list`".to_owned(),
                _ => "compare a member of it, or convert one of them".to_owned(),
            },
        };
        Self {
            range,
            message,
            help,
            mend,
        }
    }
}

impl Checker<'_> {
    /// Returns the parts of `node` whose operands are of kinds that cannot be meant.
    pub(super) fn mismatches(&self, node: &Node) -> Vec<Mismatch> {
        let mut found = Vec::new();
        self.collect_mismatches(node, &mut found);
        found
    }

    fn collect_mismatches(&self, node: &Node, found: &mut Vec<Mismatch>) {
        match &node.kind {
            NodeKind::Chain { first, links } => {
                let mut left = self.kind_of(first);
                let mut before: &Node = first;
                for link in links {
                    let right = self.kind_of(&link.operand);
                    if let (Some(left), Some(right), Some(verb)) = (left, right, verb(link.operator))
                        && left != right
                    {
                        let sides = [(before, left), (&link.operand, right)];
                        found.push(Mismatch::of(sides, verb, link.range.clone()));
                    }
                    found.extend(self.wrong_operand(before, left, link));
                    before = &link.operand;
                    left = result(left, link.operator, right);
                }
            }
            // A loop variable may have the name of a root.
            NodeKind::Comprehension(comprehension)
                if matches!(&*comprehension.variable, "inputs" | "steps" | "run") =>
            {
                return self.collect_mismatches(&comprehension.operand, found);
            }
            _ => found.extend(self.wrong_parts(node)),
        }
        node.each_child(|child| self.collect_mismatches(child, found));
    }

    /// Returns the kind that the value of `node` certainly has if it is not null.
    pub(super) fn kind_of(&self, node: &Node) -> Option<Kind> {
        match &node.kind {
            NodeKind::Literal(data) => match data {
                Data::Null => None,
                Data::Bool(_) => Some(Kind::Boolean),
                Data::Int(_) | Data::Double(_) => Some(Kind::Number),
                Data::Text(_) => Some(Kind::Text),
                Data::List(_) => Some(Kind::List),
                Data::Map(_) => Some(Kind::Map),
            },
            NodeKind::Member { operand, name, .. } => {
                self.kind_of_member(operand, name).or_else(|| self.kind_in_output(node))
            }
            NodeKind::Not(_) | NodeKind::And(_) | NodeKind::Or(_) | NodeKind::Has(_) => Some(Kind::Boolean),
            NodeKind::Negate(_) => Some(Kind::Number),
            NodeKind::Chain { first, links } => {
                let first = self.kind_of(first);
                links.iter().fold(first, |left, link| {
                    result(left, link.operator, self.kind_of(&link.operand))
                })
            }
            NodeKind::Conditional { yes, no, .. } => self.kind_of(yes).filter(|kind| self.kind_of(no) == Some(*kind)),
            NodeKind::OrValue { operand, default } => self
                .kind_of(operand)
                .filter(|kind| self.kind_of(default) == Some(*kind)),
            NodeKind::List(_) => Some(Kind::List),
            NodeKind::Map(_) => Some(Kind::Map),
            NodeKind::Call { function, .. } => Kind::of_result(function.result),
            NodeKind::Comprehension(comprehension) => match comprehension.macro_kind {
                MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => Some(Kind::Boolean),
                MacroKind::Map | MacroKind::Filter => None,
            },
            NodeKind::Index { .. } => self.kind_in_output(node),
            NodeKind::Name(_) => None,
        }
    }

    /// Returns the kind that the schemas of all steps called `X` give to a part of `steps.X.output`.
    fn kind_in_output(&self, node: &Node) -> Option<Kind> {
        let path = output_path(node)?;
        let (step, rest) = path.split_first()?;
        let mut kinds = self.steps.all(step).map(|fact| {
            let (Lookup::Found(entry) | Lookup::Fallback(entry)) = self.catalog.action(fact.action.as_deref()?) else {
                return None;
            };
            kind_in_schema(&entry.output, rest)
        });
        let first = kinds.next()??;
        kinds.all(|kind| kind == Some(first)).then_some(first)
    }

    fn kind_of_member(&self, operand: &Node, name: &str) -> Option<Kind> {
        match &operand.kind {
            NodeKind::Name(root) if &**root == "inputs" => {
                self.inputs.get(name).map(|declared| match declared.declaration.kind {
                    InputKind::String => Kind::Text,
                    InputKind::Number => Kind::Number,
                    InputKind::Boolean => Kind::Boolean,
                    InputKind::Object => Kind::Map,
                    InputKind::Array => Kind::List,
                })
            }
            NodeKind::Member { operand, .. } if matches!(&operand.kind, NodeKind::Name(root) if &**root == "steps") => {
                match name {
                    "completed" | "failed" | "skipped" | "cancelled" => Some(Kind::Boolean),
                    "status" | "context" | "started_at" | "ended_at" => Some(Kind::Text),
                    "attempts" | "iteration" => Some(Kind::Number),
                    "markers" => Some(Kind::List),
                    _ => None,
                }
            }
            NodeKind::Name(root) if &**root == "vars" => self.variable_kinds.get(name).copied(),
            NodeKind::Name(root) if &**root == "run" => match name {
                "dry_run" => Some(Kind::Boolean),
                "id" | "now" | "started_at" | "status" | "workflow" => Some(Kind::Text),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Returns the name of the step and the members below `output` that a part of `steps.X.output` is selected by.
fn output_path(node: &Node) -> Option<Vec<&str>> {
    let mut path = Vec::new();
    let mut current = node;
    loop {
        current = match &current.kind {
            NodeKind::Member { operand, name, .. } => {
                path.push(&**name);
                operand
            }
            NodeKind::Index { operand, index, .. } => {
                path.push(match &index.kind {
                    NodeKind::Literal(Data::Text(name)) => name,
                    // Which element it is does not matter.
                    NodeKind::Literal(Data::Int(_)) => "0",
                    _ => return None,
                });
                operand
            }
            NodeKind::Name(root) if &**root == "steps" => break,
            _ => return None,
        };
    }
    path.reverse();
    (path.get(1) == Some(&"output")).then(|| path.remove(1))?;
    Some(path)
}

/// Returns the kind that a JSON Schema gives to what `path` selects, if it says so without alternatives.
fn kind_in_schema(schema: &serde_json::Value, path: &[&str]) -> Option<Kind> {
    let mut part = schema;
    for name in path {
        part = if name.bytes().all(|byte| byte.is_ascii_digit()) && part.get("properties").is_none() {
            part.get("items")?
        } else {
            part.get("properties")?.get(name)?
        };
    }
    match part.get("type")?.as_str()? {
        "string" => Some(Kind::Text),
        "boolean" => Some(Kind::Boolean),
        "number" | "integer" => Some(Kind::Number),
        "array" => Some(Kind::List),
        "object" => Some(Kind::Map),
        _ => None,
    }
}

/// Returns how a comparison of different kinds is spoken of, none if the operator is no comparison.
fn verb(operator: Operator) -> Option<&'static str> {
    match operator {
        Operator::Equal | Operator::NotEqual => Some("is never equal to"),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            Some("is neither less nor greater than")
        }
        Operator::Add
        | Operator::Subtract
        | Operator::Multiply
        | Operator::Divide
        | Operator::Remainder
        | Operator::In => None,
    }
}

fn result(left: Option<Kind>, operator: Operator, right: Option<Kind>) -> Option<Kind> {
    match operator {
        Operator::Equal
        | Operator::NotEqual
        | Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::In => Some(Kind::Boolean),
        Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => Some(Kind::Number),
        Operator::Add => left.filter(|left| right == Some(*left)),
    }
}
