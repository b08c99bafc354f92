//! Which functions expressions can call: one table for the evaluator, the checker and the documentation.

mod convert;
mod list;
mod table;
mod text;
mod time;

pub(crate) use time::moment;

use super::arithmetic::with_article;
use super::budget::Budget;
use super::error::Problem;
use super::suggest;
use crate::Data;
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::Arc;
use table::FUNCTIONS;

/// A function or macro.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Where its name stands.
    pub form: Form,
    /// What it takes, the receiver first.
    pub parameters: &'static [Kind],
    /// How many of the parameters must be given.
    pub required: usize,
    /// Whether the last parameter may be given several times.
    pub variadic: bool,
    /// What it returns.
    pub result: Kind,
    /// What it does, in a line.
    pub summary: &'static str,
    /// An expression that is true.
    pub example: &'static str,
    null: OnNull,
    apply: Apply,
}

/// Where the name of a function stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `name(a, b)`.
    Function,
    /// `a.name(b)`.
    Method,
    /// `name(a, b)` or `a.name(b)`.
    Either,
    /// A form of the syntax with a node of its own: its arguments are not simply evaluated.
    Macro,
}

/// What a parameter accepts or a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Any,
    /// True or false.
    Boolean,
    /// An integer.
    Int,
    /// A number with fraction.
    Double,
    /// An integer or a double.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// A text or a list.
    TextOrList,
    /// A text, a list or a map.
    Collection,
    /// A text or an integer.
    TextOrInt,
}

/// What a function gives for a null receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnNull {
    /// Null is a value like any other, or is refused by the kind of the parameter.
    Apply,
    /// A test of what is missing is false, as `<` is (LANGUAGE rule R21).
    False,
    /// The size of what is missing is null, so that comparing it is false.
    Null,
}

type Body = fn(&mut Work<'_>, &[Data]) -> Result<Data, Problem>;

#[derive(Clone, Copy, Debug)]
enum Apply {
    Macro,
    Pure(Body),
}

/// What functions need beside their arguments.
pub(super) struct Work<'a> {
    pub(super) budget: &'a mut Budget,
    /// The patterns compiled during this evaluation.
    pub(super) patterns: BTreeMap<Arc<str>, Regex>,
}

/// Returns all functions and macros, sorted by name.
pub fn functions() -> &'static [Function] {
    &FUNCTIONS
}

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS
        .binary_search_by(|function| function.name.cmp(name))
        .ok()
        .map(|index| &FUNCTIONS[index])
}

/// Returns the function that someone who writes `name` looks for.
pub(super) fn suggest(name: &str) -> Option<&'static str> {
    let other_languages = match name {
        "len" | "length" | "count" => Some("size"),
        "str" | "to_string" | "toString" => Some("string"),
        "includes" | "has_item" => Some("contains"),
        "toLowerCase" | "lowercase" | "downcase" => Some("lower"),
        "toUpperCase" | "uppercase" | "upcase" => Some("upper"),
        "any" | "some" => Some("exists"),
        "every" => Some("all"),
        "unique" | "uniq" => Some("distinct"),
        "float" => Some("double"),
        "to_json" | "tojson" => Some("json"),
        "from_json" | "fromJSON" => Some("parse_json"),
        "default" => Some("orValue"),
        _ => None,
    };
    other_languages.or_else(|| suggest::closest(name, FUNCTIONS.iter().map(|function| function.name)))
}

impl Function {
    /// Returns whether the function can be called with `count` arguments, the receiver included.
    pub fn accepts(&self, count: usize) -> bool {
        count >= self.required && (self.variadic || count <= self.parameters.len())
    }

    pub(super) fn call(&self, work: &mut Work<'_>, arguments: &[Data]) -> Result<Data, Problem> {
        match (self.null, arguments.first()) {
            (OnNull::False, Some(Data::Null)) => return Ok(Data::Bool(false)),
            (OnNull::Null, Some(Data::Null)) => return Ok(Data::Null),
            _ => {}
        }
        for (index, argument) in arguments.iter().enumerate() {
            let kind = self
                .parameters
                .get(index)
                .or(self.parameters.last())
                .copied()
                .unwrap_or(Kind::Any);
            if !kind.accepts(argument) {
                let place = if index == 0 && self.form != Form::Function {
                    ""
                } else {
                    " as an argument"
                };
                let problem = Problem::new(format!(
                    "`{}` needs {}{place}, not {}",
                    self.name,
                    kind.description(),
                    with_article(argument)
                ));
                return Err(match kind.stand_in() {
                    Some(stand_in) if argument.is_null() => {
                        problem.hint(format!("say what counts instead: `x.orValue({stand_in})`"))
                    }
                    _ => problem,
                });
            }
        }
        match self.apply {
            Apply::Pure(body) => {
                let result = body(work, arguments)?;
                work.budget.include(&result)?;
                Ok(result)
            }
            // The parser makes nodes of their own from macros.
            Apply::Macro => Err(Problem::new(format!("`{}` is a macro", self.name))),
        }
    }
}

impl Kind {
    /// Returns whether a value is of this kind.
    pub fn accepts(self, data: &Data) -> bool {
        match self {
            Self::Any => true,
            Self::Boolean => matches!(data, Data::Bool(_)),
            Self::Int => matches!(data, Data::Int(_)),
            Self::Double => matches!(data, Data::Double(_)),
            Self::Number => matches!(data, Data::Int(_) | Data::Double(_)),
            Self::Text => matches!(data, Data::Text(_)),
            Self::List => matches!(data, Data::List(_)),
            Self::TextOrList => matches!(data, Data::Text(_) | Data::List(_)),
            Self::Collection => matches!(data, Data::Text(_) | Data::List(_) | Data::Map(_)),
            Self::TextOrInt => matches!(data, Data::Text(_) | Data::Int(_)),
        }
    }

    /// Returns the kind in words, with its article.
    pub fn description(self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Boolean => "a boolean",
            Self::Int => "an int",
            Self::Double => "a double",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::TextOrList => "a text or a list",
            Self::Collection => "a text, a list or a map",
            Self::TextOrInt => "a text or an int",
        }
    }

    /// Returns what an author could use in place of a missing value.
    fn stand_in(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Boolean => Some("false"),
            Self::Int | Self::Number | Self::TextOrInt => Some("0"),
            Self::Double => Some("0.0"),
            Self::Text => Some("\"\""),
            Self::List | Self::TextOrList | Self::Collection => Some("[]"),
        }
    }
}

impl Work<'_> {
    /// Returns the compiled `pattern`.
    fn pattern(&mut self, pattern: &Arc<str>) -> Result<Regex, Problem> {
        if let Some(regex) = self.patterns.get(pattern) {
            return Ok(regex.clone());
        }
        // Compiling costs far more than a step; 100 keeps a loop over computed patterns in bounds.
        self.budget.steps(100 + pattern.len())?;
        let regex = regex::RegexBuilder::new(pattern)
            .size_limit(256 * 1024)
            .dfa_size_limit(1024 * 1024)
            .nest_limit(64)
            .build()
            .map_err(|error| {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Problem::new(format!("not a regular expression: {reason}"))
            })?;
        self.patterns.insert(Arc::clone(pattern), regex.clone());
        Ok(regex)
    }
}
