//! Operators and functions that can have no value, whatever their operands are: these are of kinds that do not fit.

use super::Checker;
use super::kinds::{Kind, Mismatch};
use super::known::Known;
use super::typing::Names;
use crate::diagnostic::did_you_mean;
use cofferdam_engine::Data;
use cofferdam_engine::expr::{self, Comprehension, Link, MacroKind, Node, NodeKind, Operator};

impl Checker<'_> {
    /// Returns what is wrong with the operands of an arithmetic operator or of `in`, whose left side is of the kind
    /// `left`, if that is known.
    pub(super) fn wrong_operand(
        &self,
        before: &Node,
        left: Option<Kind>,
        link: &Link,
        names: Names<'_>,
    ) -> Option<Mismatch> {
        let right = self.known(&link.operand, names).kind();
        let symbol = link.operator.symbol();
        let is_null = |node: &Node| matches!(node.kind, NodeKind::Literal(Data::Null));
        let (message, help) = match link.operator {
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder
                if is_null(before) || is_null(&link.operand) =>
            {
                (
                    format!("`{symbol}` cannot calculate with null"),
                    "null is no number: write the number that is meant, such as `0`",
                )
            }
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
    pub(super) fn wrong_parts(&self, node: &Node, names: Names<'_>) -> Vec<Mismatch> {
        let truth = |symbol: &str, operand: &Node| self.wrong_truth(symbol, operand, names);
        match &node.kind {
            NodeKind::Not(operand) => truth("!", operand).into_iter().collect(),
            NodeKind::And(operands) => operands.iter().filter_map(|operand| truth("&&", operand)).collect(),
            NodeKind::Or(operands) => operands.iter().filter_map(|operand| truth("||", operand)).collect(),
            NodeKind::Conditional { condition, .. } => truth("?", condition).into_iter().collect(),
            NodeKind::Negate(operand) => self
                .known(operand, names)
                .kind()
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
                    let kind = self
                        .known(argument, names)
                        .kind()
                        .filter(|kind| !takes(wanted, *kind))?;
                    let message = format!(
                        "`{}` needs {}, this is {}",
                        function.name,
                        wanted.description(),
                        kind.phrase()
                    );
                    let help = format!("for example: {}", function.example);
                    Some(Mismatch::plain(argument.range.clone(), message, help))
                })
                .chain(self.wrong_content(function, arguments, names))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn wrong_truth(&self, symbol: &str, operand: &Node, names: Names<'_>) -> Option<Mismatch> {
        let kind = self
            .known(operand, names)
            .kind()
            .filter(|kind| *kind != Kind::Boolean)?;
        let message = format!("`{symbol}` needs true or false, this is {}", kind.phrase());
        let help = "compare it with something, such as `x != null` or `size(x) > 0`";
        Some(Mismatch::plain(operand.range.clone(), message, help))
    }

    /// Returns what is wrong with what a loop goes through and with what it asks about each element.
    pub(super) fn wrong_loop(&self, comprehension: &Comprehension, names: Names<'_>) -> Vec<Mismatch> {
        let word = match comprehension.macro_kind {
            MacroKind::All => "all",
            MacroKind::Exists => "exists",
            MacroKind::ExistsOne => "exists_one",
            MacroKind::Map => "map",
            MacroKind::Filter => "filter",
        };
        let operand = &comprehension.operand;
        let kind = self.known(operand, names).kind();
        if let Some(kind) = kind.filter(|kind| !matches!(kind, Kind::List | Kind::Map)) {
            let message = format!("`{word}` goes through a list or a map, this is {}", kind.phrase());
            let help = match kind {
                Kind::Text => "`x.split(\",\")` makes a list of a text",
                _ => "a list or a map is needed before it",
            };
            return vec![Mismatch::plain(operand.range.clone(), message, help)];
        }
        let bound = self.loop_variable(comprehension, names);
        let asked = match comprehension.macro_kind {
            MacroKind::Map => comprehension.condition.as_ref(),
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne | MacroKind::Filter => Some(&comprehension.body),
        };
        asked
            .and_then(|asked| self.wrong_truth(word, asked, names.inside(&bound)))
            .into_iter()
            .collect()
    }

    /// Returns a comparison with a text that is none of the words that the other side can be.
    pub(super) fn wrong_words(&self, before: &Node, link: &Link, names: Names<'_>) -> Option<Mismatch> {
        match link.operator {
            Operator::Equal | Operator::NotEqual => {
                let word = |node: &Node, other: &Node| never(node, &self.known(other, names));
                word(&link.operand, before).or_else(|| word(before, &link.operand))
            }
            Operator::In => {
                let list = self.known(&link.operand, names);
                let items = match &link.operand.kind {
                    NodeKind::List(items) => &items[..],
                    _ => &[],
                };
                let one = self.known(before, names);
                let of_list = items.iter().find_map(|item| never(item, &one));
                of_list.or_else(|| self.wrong_element(before, &list, names))
            }
            _ => None,
        }
    }

    fn wrong_content(&self, function: &expr::Function, arguments: &[Node], names: Names<'_>) -> Option<Mismatch> {
        match arguments {
            [list, item] if function.name == "contains" => self.wrong_element(item, &self.known(list, names), names),
            _ => None,
        }
    }

    /// Returns that `item` can be no element of a list.
    fn wrong_element(&self, item: &Node, list: &Known, names: Names<'_>) -> Option<Mismatch> {
        if list.kind() != Some(Kind::List) {
            return None;
        }
        let element = list.element();
        let (wanted, found) = (element.kind()?, self.known(item, names).kind()?);
        if wanted == found {
            return never(item, &element);
        }
        let message = format!(
            "the elements of this list are {}, this is {}",
            wanted.plural(),
            found.phrase()
        );
        let help = match wanted {
            Kind::Text => "write it as a text: `\"…\"` or `string(x)`",
            _ => "look for a value of that kind",
        };
        Some(Mismatch::plain(item.range.clone(), message, help))
    }
}

/// Returns that a text is none of the words that `known` can be.
fn never(node: &Node, known: &Known) -> Option<Mismatch> {
    let NodeKind::Literal(Data::Text(text)) = &node.kind else {
        return None;
    };
    let words = known
        .words()
        .filter(|words| !words.iter().any(|word| **word == **text))?;
    let list: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let message = format!("it is never `{text}`, only {}", list.join(", "));
    let mut mismatch = Mismatch::plain(node.range.clone(), message, "write one of these words");
    if let Some(meant) = did_you_mean(text, words.iter().map(String::as_str)) {
        mismatch.label = format!("did you mean `{meant}`?");
        mismatch.help = String::new();
        mismatch.mend = Some((node.range.clone(), format!("\"{meant}\"")));
    }
    Some(mismatch)
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
