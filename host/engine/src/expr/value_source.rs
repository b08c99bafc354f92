//! Where a value of a plan comes from: it is written down, or made from expressions and templates.

use super::Expression;
use super::budget::Budget;
use super::error::EvaluationError;
use super::names::Names;
use super::template::{Missing, Template};
use crate::Data;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A value as a plan stores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ValueSource {
    /// A value that is written down.
    #[serde(rename = "literal")]
    Literal(Data),
    /// A value that is computed and keeps its kind.
    #[serde(rename = "expr")]
    Expression(Expression),
    /// A text with places for values.
    #[serde(rename = "text")]
    Template(Template),
    /// A list of values.
    #[serde(rename = "list")]
    List(Vec<ValueSource>),
    /// Values by name.
    #[serde(rename = "map")]
    Map(BTreeMap<String, ValueSource>),
}

/// A value with what was missing for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    /// The value.
    pub data: Data,
    /// The variables of its templates that have no value.
    pub missing: Vec<String>,
}

impl ValueSource {
    /// Returns the value.
    ///
    /// # Errors
    /// If an expression or template in it fails.
    pub fn evaluate(
        &self,
        names: &dyn Names,
        variables: &dyn Fn(&str) -> Option<String>,
        missing: Missing,
        budget: &mut Budget,
    ) -> Result<Evaluated, EvaluationError> {
        let mut lacking = Vec::new();
        let data = self.value(names, variables, missing, budget, &mut lacking)?;
        Ok(Evaluated { data, missing: lacking })
    }

    /// Calls `visit` with every expression in the value, in order.
    pub fn each_expression<'a>(&'a self, visit: &mut dyn FnMut(&'a Expression)) {
        match self {
            Self::Literal(_) => {}
            Self::Expression(expression) => visit(expression),
            Self::Template(template) => template.expressions().for_each(visit),
            Self::List(items) => items.iter().for_each(|item| item.each_expression(visit)),
            Self::Map(entries) => entries.values().for_each(|value| value.each_expression(visit)),
        }
    }

    fn value(
        &self,
        names: &dyn Names,
        variables: &dyn Fn(&str) -> Option<String>,
        missing: Missing,
        budget: &mut Budget,
        lacking: &mut Vec<String>,
    ) -> Result<Data, EvaluationError> {
        match self {
            Self::Literal(data) => Ok(data.clone()),
            Self::Expression(expression) => expression.evaluate(names, budget),
            Self::Template(template) => {
                let rendered = template.render(names, variables, missing, budget)?;
                for name in rendered.missing {
                    if !lacking.contains(&name) {
                        lacking.push(name);
                    }
                }
                Ok(Data::from(rendered.text))
            }
            Self::List(items) => items
                .iter()
                .map(|item| item.value(names, variables, missing, budget, lacking))
                .collect::<Result<Vec<_>, _>>()
                .map(Data::list),
            Self::Map(entries) => entries
                .iter()
                .map(|(name, value)| Ok((name.as_str(), value.value(names, variables, missing, budget, lacking)?)))
                .collect::<Result<Vec<_>, _>>()
                .map(Data::map),
        }
    }
}

impl From<Data> for ValueSource {
    fn from(data: Data) -> Self {
        Self::Literal(data)
    }
}
