//! Which shapes an expression has: the spanned tree that the evaluator and the type checker walk.

use super::functions::Function;
use crate::Data;
use std::ops::Range;
use std::sync::Arc;

/// A part of an expression with its place in the source.
#[derive(Clone, Debug)]
pub struct Node {
    /// The bytes of the source, without enclosing brackets.
    pub range: Range<usize>,
    /// What the part is.
    pub kind: NodeKind,
    depth: usize,
}

/// What a [`Node`] is.
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// A number, text, `true`, `false` or `null`.
    Literal(Data),
    /// A root such as `steps`, or a loop variable.
    Name(Arc<str>),
    /// `operand.name`, or `operand.?name`, which is null where the member is missing.
    Member {
        /// What the member is taken from.
        operand: Box<Node>,
        /// The name of the member.
        name: Arc<str>,
        /// Where the name stands.
        name_range: Range<usize>,
        /// Whether a missing member is null instead of an error.
        optional: bool,
    },
    /// `operand[index]`, or `operand[?index]`, which is null where the element is missing.
    Index {
        /// A list, a map or a root.
        operand: Box<Node>,
        /// A position in a list or a key of a map.
        index: Box<Node>,
        /// Whether a missing element is null instead of an error.
        optional: bool,
    },
    /// `!operand`.
    Not(Box<Node>),
    /// `-operand`.
    Negate(Box<Node>),
    /// Two or more operands joined by `&&`, evaluated from the left until one is false.
    And(Vec<Node>),
    /// Two or more operands joined by `||`, evaluated from the left until one is true.
    Or(Vec<Node>),
    /// Operators of one precedence applied from the left: `first op operand op operand ..`.
    Chain {
        /// The leftmost operand.
        first: Box<Node>,
        /// The operators with their right operands, at least one.
        links: Vec<Link>,
    },
    /// `condition ? yes : no`.
    Conditional {
        /// What decides.
        condition: Box<Node>,
        /// The value if the condition is true.
        yes: Box<Node>,
        /// The value otherwise.
        no: Box<Node>,
    },
    /// `[a, b]`.
    List(Vec<Node>),
    /// `{"key": value}`; keys are expressions that must give text.
    Map(Vec<(Node, Node)>),
    /// `name(arguments)` or `receiver.name(arguments)`.
    Call {
        /// The called entry of the function table; never a macro.
        function: &'static Function,
        /// Where the function's name stands.
        name_range: Range<usize>,
        /// Whether the first argument was written as the receiver.
        method: bool,
        /// The arguments, the receiver first; their number fits the function.
        arguments: Vec<Node>,
    },
    /// `has(a.b.c)`; the operand is a [`NodeKind::Member`] or a [`NodeKind::Index`].
    Has(Box<Node>),
    /// `operand.orValue(default)`: the default stands where the operand is null.
    OrValue {
        /// What is wanted.
        operand: Box<Node>,
        /// What stands in for null.
        default: Box<Node>,
    },
    /// `operand.all(x, ..)` and its like.
    Comprehension(Box<Comprehension>),
}

/// An operator of a [`NodeKind::Chain`] with its right operand.
#[derive(Clone, Debug)]
pub struct Link {
    /// The operator.
    pub operator: Operator,
    /// Where the operator stands.
    pub operator_range: Range<usize>,
    /// The right operand; the left one is everything before it.
    pub operand: Node,
    /// The source from the start of the chain to the end of this operand, brackets included.
    pub range: Range<usize>,
}

/// A loop over the elements of a list or the keys of a map.
#[derive(Clone, Debug)]
pub struct Comprehension {
    /// What the loop does.
    pub macro_kind: MacroKind,
    /// The list or map.
    pub operand: Node,
    /// The loop variable.
    pub variable: Arc<str>,
    /// Where the loop variable is named.
    pub variable_range: Range<usize>,
    /// Which elements `map` takes, if it has three arguments.
    pub condition: Option<Node>,
    /// What is evaluated for each element.
    pub body: Node,
}

/// The kinds of loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroKind {
    /// Whether the body is true for every element.
    All,
    /// Whether the body is true for an element.
    Exists,
    /// Whether the body is true for exactly one element.
    ExistsOne,
    /// The values of the body.
    Map,
    /// The elements for which the body is true.
    Filter,
}

/// The operators of a [`NodeKind::Chain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+` of numbers, texts and lists.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`; of two integers an integer.
    Divide,
    /// `%` of integers.
    Remainder,
    /// `==`; values of different kinds are unequal.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `in` a list or the keys of a map.
    In,
}

impl Operator {
    /// Returns how the operator is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
        }
    }
}

impl MacroKind {
    /// Returns the macro's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Exists => "exists",
            Self::ExistsOne => "exists_one",
            Self::Map => "map",
            Self::Filter => "filter",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::All, Self::Exists, Self::ExistsOne, Self::Map, Self::Filter]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

impl Node {
    pub(super) fn new(range: Range<usize>, kind: NodeKind) -> Self {
        let mut node = Self { range, kind, depth: 0 };
        let mut deepest = 0;
        node.each_child(|child| deepest = deepest.max(child.depth));
        node.depth = deepest + 1;
        node
    }

    /// Returns how many levels of nodes there are from here down.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Calls `visit` with each direct part, in the order of the source.
    pub fn each_child<'a>(&'a self, mut visit: impl FnMut(&'a Self)) {
        match &self.kind {
            NodeKind::Literal(_) | NodeKind::Name(_) => {}
            NodeKind::Member { operand, .. }
            | NodeKind::Not(operand)
            | NodeKind::Negate(operand)
            | NodeKind::Has(operand) => visit(operand),
            NodeKind::Index { operand, index, .. } => {
                visit(operand);
                visit(index);
            }
            NodeKind::OrValue { operand, default } => {
                visit(operand);
                visit(default);
            }
            NodeKind::And(nodes) | NodeKind::Or(nodes) | NodeKind::List(nodes) => nodes.iter().for_each(visit),
            NodeKind::Call { arguments, .. } => arguments.iter().for_each(visit),
            NodeKind::Chain { first, links } => {
                visit(first);
                links.iter().for_each(|link| visit(&link.operand));
            }
            NodeKind::Conditional { condition, yes, no } => {
                visit(condition);
                visit(yes);
                visit(no);
            }
            NodeKind::Map(entries) => {
                for (key, value) in entries {
                    visit(key);
                    visit(value);
                }
            }
            NodeKind::Comprehension(comprehension) => {
                visit(&comprehension.operand);
                if let Some(condition) = &comprehension.condition {
                    visit(condition);
                }
                visit(&comprehension.body);
            }
        }
    }
}
