//! Operators and functions that can have no value, whatever their operands are: these are of kinds that do not fit.

use super::Checker;
use super::kinds::{Kind, Mismatch};
use cofferdam_engine::expr::{self, Link, Node, NodeKind, Operator};

impl Checker<'_> {
    /// Returns what is wrong with the operands of an arithmetic operator or of `in`, whose left side is of the kind
    /// `left`, if that is known.
    pub(super) fn wrong_operand(&self, before: &Node, left: Option<Kind>, link: &Link) -> Option<Mismatch> {
        let right = self.kind_of(&link.operand);
        let symbol = link.operator.symbol();
        let (message, help) = match link.operator {
            Operator::Add => {
                let adds = |kind: Kind| matches!(kind, Kind::Number | Kind::Text | Kind::List);
                match (left, right) {
                    (Some(left), Some(right)) if left != right => (
                        format!("`+` cannot add {} and {}", left.phrase(), right.phrase()),
                        help_of_add(left, right),
                    ),
                    (Some(kind), _) | (_, Some(kind)) if !adds(kind) => (
                        format!("`+` cannot add {}", kind.phrase()),
                        "`+` adds numbers, texts or lists",
                    ),
                    _ => return None,
                }
            }
            Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
                let wrong = [left, right].into_iter().flatten().find(|kind| *kind != Kind::Number)?;
                let help = match wrong {
                    Kind::Text => "write `int(x)` or `double(x)` for the number in a text",
                    Kind::List => "write `size(x)` for the number of its items",
                    Kind::Boolean | Kind::Number | Kind::Map => "numbers are needed on both sides",
                };
                (format!("`{symbol}` cannot calculate with {}", wrong.phrase()), help)
            }
            Operator::In => {
                let container = right.filter(|kind| !matches!(kind, Kind::List | Kind::Map))?;
                let help = match container {
                    Kind::Text => "write `text.contains(part)`",
                    _ => "a list or a map is needed on its right",
                };
                (format!("`in` cannot look into {}", container.phrase()), help)
            }
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual => return None,
        };
        let start = link.range.start.min(before.range.start);
        Some(Mismatch::plain(start..link.range.end, message, help))
    }

    /// Returns what is wrong with the operands of a part that is neither a comparison nor arithmetic of two.
    pub(super) fn wrong_parts(&self, node: &Node) -> Vec<Mismatch> {
        let truth = |symbol: &str, operand: &Node| {
            let kind = self.kind_of(operand).filter(|kind| *kind != Kind::Boolean)?;
            let message = format!("`{symbol}` needs true or false, this is {}", kind.phrase());
            let help = "compare it with something, such as `x != null` or `size(x) > 0`";
            Some(Mismatch::plain(operand.range.clone(), message, help))
        };
        match &node.kind {
            NodeKind::Not(operand) => truth("!", operand).into_iter().collect(),
            NodeKind::And(operands) => operands.iter().filter_map(|operand| truth("&&", operand)).collect(),
            NodeKind::Or(operands) => operands.iter().filter_map(|operand| truth("||", operand)).collect(),
            NodeKind::Conditional { condition, .. } => truth("?", condition).into_iter().collect(),
            NodeKind::Negate(operand) => self
                .kind_of(operand)
                .filter(|kind| *kind != Kind::Number)
                .map(|kind| {
                    let message = format!("`-` cannot calculate with {}", kind.phrase());
                    Mismatch::plain(node.range.clone(), message, "a number is needed")
                })
                .into_iter()
                .collect(),
            NodeKind::Call {
                function, arguments, ..
            } => arguments
                .iter()
                .enumerate()
                .filter_map(|(place, argument)| {
                    let parameters = function.parameters;
                    let wanted = *parameters.get(place).or(parameters.last())?;
                    let kind = self.kind_of(argument).filter(|kind| !takes(wanted, *kind))?;
                    let message = format!(
                        "`{}` needs {}, this is {}",
                        function.name,
                        wanted.description(),
                        kind.phrase()
                    );
                    let help = format!("for example: {}", function.example);
                    Some(Mismatch::plain(argument.range.clone(), message, help))
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn help_of_add(left: Kind, right: Kind) -> &'static str {
    match (left, right) {
        (Kind::Text, _) | (_, Kind::Text) => {
            "write `string(x)` to join it as text, or `int(x)` to calculate with the number in a text"
        }
        (Kind::List, _) | (_, Kind::List) => "write `[x]` to add one item to a list",
        _ => "`+` adds numbers, texts or lists",
    }
}

/// Returns whether a parameter can take a value of a kind.
fn takes(wanted: expr::Kind, kind: Kind) -> bool {
    match wanted {
        expr::Kind::Any => true,
        expr::Kind::Boolean => kind == Kind::Boolean,
        expr::Kind::Int | expr::Kind::Double | expr::Kind::Number => kind == Kind::Number,
        expr::Kind::Text => kind == Kind::Text,
        expr::Kind::List => kind == Kind::List,
        expr::Kind::TextOrList => matches!(kind, Kind::Text | Kind::List),
        expr::Kind::Collection => matches!(kind, Kind::Text | Kind::List | Kind::Map),
        expr::Kind::TextOrInt => matches!(kind, Kind::Text | Kind::Number),
    }
}
