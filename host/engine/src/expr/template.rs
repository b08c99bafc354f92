//! How a text with `{{ }}` becomes text.

use super::Expression;
use super::budget::Budget;
use super::error::{EvaluationError, Problem};
use super::names::Names;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A text with places for values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template {
    /// The parts in order.
    pub parts: Vec<TemplatePart>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TemplatePart {
    /// `{{ expression }}`.
    #[serde(rename = "expr")]
    Expression(Expression),
    /// `{{name}}` in its old form: a variable that is text.
    #[serde(rename = "var")]
    Variable(String),
    /// Text that stands for itself.
    #[serde(untagged)]
    Text(String),
}

/// What becomes of a variable that has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is put in its place.
    Remove,
    /// It stays as it was written.
    Keep,
}

/// A template whose places are filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// The variables without a value, in the order of their first place.
    pub missing: Vec<String>,
}

impl Template {
    /// Returns the template that is `text` and nothing else.
    pub fn literal(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            parts: if text.is_empty() {
                Vec::new()
            } else {
                vec![TemplatePart::Text(text)]
            },
        }
    }

    /// Returns the text if there are no places for values.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [TemplatePart::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the expressions in order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Expression(expression) => Some(expression),
            TemplatePart::Variable(_) | TemplatePart::Text(_) => None,
        })
    }

    /// Returns the text with all values in their places; values are never expanded again.
    ///
    /// # Errors
    /// If an expression fails or the text grows beyond the budget.
    pub fn render(
        &self,
        names: &dyn Names,
        variables: &dyn Fn(&str) -> Option<String>,
        missing: Missing,
        budget: &mut Budget,
    ) -> Result<Rendered, EvaluationError> {
        let mut rendered = Rendered::default();
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => rendered.text.push_str(text),
                TemplatePart::Expression(expression) => {
                    let value = expression.evaluate(names, budget)?.to_display();
                    rendered.text.push_str(&value);
                }
                TemplatePart::Variable(name) => match variables(name) {
                    Some(value) => rendered.text.push_str(&value),
                    None => {
                        if missing == Missing::Keep {
                            rendered.text.push_str(&format!("{{{{{name}}}}}"));
                        }
                        if !rendered.missing.contains(name) {
                            rendered.missing.push(name.clone());
                        }
                    }
                },
            }
            budget
                .check_text(rendered.text.len())
                .map_err(|problem| failure(part, problem))?;
        }
        Ok(rendered)
    }
}

fn failure(part: &TemplatePart, problem: Problem) -> EvaluationError {
    let expression: Arc<str> = match part {
        TemplatePart::Expression(expression) => Arc::from(expression.source()),
        TemplatePart::Variable(name) => Arc::from(name.as_str()),
        TemplatePart::Text(_) => Arc::from(""),
    };
    let range = 0..expression.len();
    EvaluationError {
        expression,
        range,
        message: problem.message,
        operands: Vec::new(),
        hint: problem.hint,
    }
}
