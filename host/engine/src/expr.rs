//! What the expressions of a workflow mean: the syntax of CEL, evaluated without side effects and within a budget.
//!
//! It differs from CEL in few points (LANGUAGE rules R5 and R20-R27): a hyphen between name characters belongs to the
//! name; a step that did not run and members of null are null, and a test of null is false; integers and doubles mix;
//! `&&` and `||` stop at the first operand that decides; maps iterate in key order; texts have no bytes and times are
//! texts; `items.0` is the element `items[0]`, and `items.?0` is null where there is none.

mod arithmetic;
mod budget;
mod compare;
mod error;
mod evaluator;
mod functions;
mod lexer;
mod literal;
mod names;
mod parser;
mod references;
mod select;
mod suggest;
mod template;
mod tree;
mod value_source;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use error::{EvaluationError, SyntaxError};
pub(crate) use functions::moment;
pub use functions::{Form, Function, Kind, functions};
pub use names::{Members, Names, Root};
pub use references::{Reference, Segment, references};
pub use template::{Missing, Rendered, Template, TemplatePart};
pub use tree::{Comprehension, Link, MacroKind, Node, NodeKind, Operator};
pub use value_source::{Evaluated, ValueSource};

use crate::Data;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The longest source of an expression (LANGUAGE rule R17).
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;

/// The deepest nesting of brackets and operators within each other (LANGUAGE rule R23).
pub const MAX_NESTING: usize = 64;

/// An expression that has been parsed. Clones are cheap; expressions are equal if their sources are.
#[derive(Clone)]
pub struct Expression(Arc<Parsed>);

struct Parsed {
    source: Arc<str>,
    tree: Node,
}

impl Expression {
    /// Returns the expression that `source` stands for.
    ///
    /// # Errors
    /// If the source is not an expression, too long or nested too deeply.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        let tree = parser::parse(source)?;
        Ok(Self(Arc::new(Parsed {
            source: Arc::from(source),
            tree,
        })))
    }

    /// Returns the text from which the expression was parsed.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Returns the tree, whose ranges are bytes of the source.
    pub fn tree(&self) -> &Node {
        &self.0.tree
    }

    /// Returns the value, with the names that the caller knows.
    ///
    /// # Errors
    /// If an operator, function or name has no value, or the budget is spent.
    pub fn evaluate(&self, names: &dyn Names, budget: &mut Budget) -> Result<Data, EvaluationError> {
        evaluator::evaluate(&self.0.source, &self.0.tree, names, budget)
    }

    /// Returns the value as a condition: null counts as false, everything else but a boolean is refused.
    ///
    /// # Errors
    /// As [`Expression::evaluate`], or if the value is neither a boolean nor null.
    pub fn evaluate_condition(&self, names: &dyn Names, budget: &mut Budget) -> Result<bool, EvaluationError> {
        evaluator::evaluate_condition(&self.0.source, &self.0.tree, names, budget)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.source() == other.source()
    }
}

impl Eq for Expression {}

impl Hash for Expression {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source().hash(state);
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source()).finish()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.source())
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.source())
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::parse(&source).map_err(|error| D::Error::custom(error.render(&source)))
    }
}
