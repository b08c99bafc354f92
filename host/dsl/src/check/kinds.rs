//! Which kind of value an expression has, as far as it is certain, and comparisons that can never be meant
//! (LANGUAGE rule R26).

use super::Checker;
use super::step_table::Scope;
use super::typing::Names;
use crate::code::Code;
use cofferdam_engine::Data;
use cofferdam_engine::expr::{self, Node, NodeKind, Operator};
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

    /// Returns the word for several values of the kind.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Boolean => "booleans",
            Self::Number => "numbers",
            Self::Text => "texts",
            Self::List => "lists",
            Self::Map => "maps",
        }
    }

    pub(super) fn of_data(data: &Data) -> Option<Self> {
        match data {
            Data::Null => None,
            Data::Bool(_) => Some(Self::Boolean),
            Data::Int(_) | Data::Double(_) => Some(Self::Number),
            Data::Text(_) => Some(Self::Text),
            Data::List(_) => Some(Self::List),
            Data::Map(_) => Some(Self::Map),
        }
    }

    pub(super) fn of_result(kind: expr::Kind) -> Option<Self> {
        match kind {
            expr::Kind::Boolean => Some(Self::Boolean),
            expr::Kind::Int | expr::Kind::Double | expr::Kind::Number => Some(Self::Number),
            expr::Kind::Text => Some(Self::Text),
            expr::Kind::List => Some(Self::List),
            expr::Kind::Any | expr::Kind::TextOrList | expr::Kind::Collection | expr::Kind::TextOrInt => None,
        }
    }
}

/// What is wrong with a part of an expression, and where.
pub(super) struct Mismatch {
    pub(super) code: Code,
    pub(super) range: Range<usize>,
    pub(super) message: String,
    /// What stands beside the place; may be empty.
    pub(super) label: String,
    /// What helps; may be empty.
    pub(super) help: String,
    /// What to write instead, and where, if one side can only be meant otherwise.
    pub(super) mend: Option<(Range<usize>, String)>,
}

impl Mismatch {
    pub(super) fn plain(range: Range<usize>, message: String, help: impl Into<String>) -> Self {
        Self {
            code: Code::WrongValue,
            range,
            message,
            label: String::new(),
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
            mend,
            ..Self::plain(range, message, help)
        }
    }
}

impl Checker<'_> {
    /// Returns the parts of `node`, the tree of `source`, that can have no value or never the meant one.
    pub(super) fn mismatches(&self, node: &Node, source: &str, scope: &Scope<'_>) -> Vec<Mismatch> {
        let mut found = Vec::new();
        self.collect_mismatches(node, source, Names::of(scope), &mut found);
        found
    }

    fn collect_mismatches(&self, node: &Node, source: &str, names: Names<'_>, found: &mut Vec<Mismatch>) {
        match &node.kind {
            NodeKind::Chain { first, links } => {
                let mut left = self.known(first, names).kind();
                let mut before: &Node = first;
                for link in links {
                    let right = self.known(&link.operand, names).kind();
                    if let (Some(left), Some(right), Some(verb)) = (left, right, verb(link.operator))
                        && left != right
                    {
                        let sides = [(before, left), (&link.operand, right)];
                        found.push(Mismatch::of(sides, verb, link.range.clone()));
                    }
                    found.extend(self.wrong_operand(before, left, link, names));
                    found.extend(self.wrong_words(before, link, names));
                    before = &link.operand;
                    left = result(left, link.operator, right);
                }
            }
            NodeKind::Comprehension(comprehension) => {
                found.extend(self.wrong_loop(comprehension, names));
                self.collect_mismatches(&comprehension.operand, source, names, found);
                let bound = self.loop_variable(comprehension, names);
                let inside = names.inside(&bound);
                for part in comprehension.condition.iter().chain([&comprehension.body]) {
                    self.collect_mismatches(part, source, inside, found);
                }
                return;
            }
            NodeKind::Member { .. } | NodeKind::Index { .. } => {
                found.extend(self.wrong_selection(node, names, source));
            }
            _ => found.extend(self.wrong_parts(node, names)),
        }
        node.each_child(|child| self.collect_mismatches(child, source, names, found));
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

pub(super) fn result(left: Option<Kind>, operator: Operator, right: Option<Kind>) -> Option<Kind> {
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
