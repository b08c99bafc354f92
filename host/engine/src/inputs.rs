//! What a workflow may be started with: declared inputs, defaults and checks.

use crate::data::Data;
use crate::plan::{InputDeclaration, InputKind};
use regex::Regex;
use std::collections::BTreeMap;

/// Why a run cannot start with the inputs given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidInput {
    /// An input is needed and was not given.
    #[error("input `{name}` is required")]
    Missing {
        /// The input.
        name: String,
        /// What it is for, if the workflow says so.
        description: Option<String>,
    },
    /// The workflow has no such input.
    #[error("the workflow has no input `{name}`")]
    Unknown {
        /// What was given.
        name: String,
        /// The inputs it has.
        known: Vec<String>,
    },
    /// The value is of another kind than the input.
    #[error("`{name}` is {expected}, {actual} was given")]
    WrongKind {
        /// The input.
        name: String,
        /// What it is, with article.
        expected: &'static str,
        /// What was given.
        actual: String,
    },
    /// The value is not one of those allowed.
    #[error("`{name}` is one of {}, {actual} was given", choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NotAChoice {
        /// The input.
        name: String,
        /// What it may be.
        choices: Vec<Data>,
        /// What was given.
        actual: String,
    },
    /// The number is too small or too large.
    #[error("`{name}` is {bound}, {actual} was given")]
    OutOfRange {
        /// The input.
        name: String,
        /// The bound that is not kept, in words.
        bound: String,
        /// What was given.
        actual: String,
    },
    /// The text does not have the required form.
    #[error("`{name}` must match `{pattern}`, {actual} does not")]
    NoMatch {
        /// The input.
        name: String,
        /// The regular expression.
        pattern: String,
        /// What was given.
        actual: String,
    },
}

impl InputKind {
    /// Returns the kind in words with its article: `a number`.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::String => "a text",
            Self::Number => "a number",
            Self::Boolean => "a boolean (true or false)",
            Self::Object => "an object",
            Self::Array => "an array",
        }
    }

    fn accepts(self, data: &Data) -> bool {
        match (self, data) {
            (Self::String, Data::Text(_))
            | (Self::Number, Data::Int(_) | Data::Double(_))
            | (Self::Boolean, Data::Bool(_))
            | (Self::Object, Data::Map(_))
            | (Self::Array, Data::List(_)) => true,
            (Self::String | Self::Number | Self::Boolean | Self::Object | Self::Array, _) => false,
        }
    }
}

/// Returns the value that `text` from a command line stands for (LANGUAGE rule R36): parsed by the declared kind.
///
/// # Errors
/// If the text cannot be read as that kind.
pub fn parse(declaration: &InputDeclaration, text: &str) -> Result<Data, InvalidInput> {
    let parsed = match declaration.kind {
        InputKind::String => Some(Data::text(text)),
        InputKind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(Data::Bool(true)),
            "false" | "no" => Some(Data::Bool(false)),
            _ => None,
        },
        InputKind::Number | InputKind::Object | InputKind::Array => Data::from_json(text, usize::MAX).ok(),
    };
    parsed
        .filter(|data| declaration.kind.accepts(data))
        .ok_or_else(|| InvalidInput::WrongKind {
            name: declaration.name.clone(),
            expected: declaration.kind.phrase(),
            actual: format!("`{}`", shortened(text)),
        })
}

/// Returns the inputs that a run starts with: what was given, defaults for the rest.
///
/// # Errors
/// All inputs that are missing, unknown or not what the workflow declares.
pub fn resolve(
    declarations: &[InputDeclaration],
    mut given: BTreeMap<String, Data>,
) -> Result<BTreeMap<String, Data>, Vec<InvalidInput>> {
    let mut inputs = BTreeMap::new();
    let mut problems = Vec::new();
    for declaration in declarations {
        let name = declaration.name.clone();
        // Null is what an absent optional input is; giving it is the same as not giving it.
        let value = given
            .remove(&name)
            .filter(|value| !value.is_null())
            .or_else(|| declaration.default.clone());
        match value {
            Some(value) => {
                // An absent text is still text; a boolean may be given as the word for it.
                let value = as_boolean(declaration.kind, value);
                problems.extend(check(declaration, &value));
                inputs.insert(name, value);
            }
            None if declaration.required => {
                problems.push(InvalidInput::Missing {
                    name,
                    description: declaration.description.clone(),
                });
            }
            None => {
                let absent = if declaration.kind == InputKind::Boolean {
                    Data::Bool(false)
                } else {
                    Data::Null
                };
                inputs.insert(name, absent);
            }
        }
    }
    let known: Vec<String> = declarations
        .iter()
        .map(|declaration| declaration.name.clone())
        .collect();
    problems.extend(given.into_keys().map(|name| InvalidInput::Unknown {
        name,
        known: known.clone(),
    }));
    if problems.is_empty() { Ok(inputs) } else { Err(problems) }
}

fn as_boolean(kind: InputKind, value: Data) -> Data {
    match (kind, value.as_text()) {
        (InputKind::Boolean, Some(text)) if text.eq_ignore_ascii_case("true") => Data::Bool(true),
        (InputKind::Boolean, Some(text)) if text.eq_ignore_ascii_case("false") => Data::Bool(false),
        _ => value,
    }
}

fn check(declaration: &InputDeclaration, value: &Data) -> Option<InvalidInput> {
    let name = || declaration.name.clone();
    let actual = || shortened(&value.to_json());
    if !declaration.kind.accepts(value) {
        let actual = format!("{} ({})", actual(), value.kind());
        return Some(InvalidInput::WrongKind {
            name: name(),
            expected: declaration.kind.phrase(),
            actual,
        });
    }
    if !declaration.choices.is_empty() && !declaration.choices.contains(value) {
        return Some(InvalidInput::NotAChoice {
            name: name(),
            choices: declaration.choices.clone(),
            actual: actual(),
        });
    }
    let number = match value {
        Data::Int(int) => Some(*int as f64),
        Data::Double(double) => Some(*double),
        Data::Null | Data::Bool(_) | Data::Text(_) | Data::List(_) | Data::Map(_) => None,
    };
    if let Some(number) = number {
        let too_small = declaration
            .min
            .filter(|min| number < *min)
            .map(|min| format!("at least {min}"));
        let too_large = declaration
            .max
            .filter(|max| number > *max)
            .map(|max| format!("at most {max}"));
        if let Some(bound) = too_small.or(too_large) {
            return Some(InvalidInput::OutOfRange {
                name: name(),
                bound,
                actual: actual(),
            });
        }
    }
    if let (Some(pattern), Some(text)) = (&declaration.pattern, value.as_text()) {
        let matches = Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
        if !matches {
            return Some(InvalidInput::NoMatch {
                name: name(),
                pattern: pattern.clone(),
                actual: actual(),
            });
        }
    }
    None
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(name: &str, kind: InputKind, required: bool) -> InputDeclaration {
        InputDeclaration {
            name: name.to_owned(),
            kind,
            required,
            default: None,
            description: None,
            choices: Vec::new(),
            min: None,
            max: None,
            pattern: None,
        }
    }

    fn given<const N: usize>(pairs: [(&str, Data); N]) -> BTreeMap<String, Data> {
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    // row A06
    #[test]
    fn defaults_are_applied_and_what_is_missing_is_named() {
        let limit = InputDeclaration {
            default: Some(Data::Int(10)),
            ..declaration("limit", InputKind::Number, false)
        };
        let all = [
            declaration("path", InputKind::String, true),
            limit,
            declaration("full", InputKind::Boolean, false),
        ];
        let resolved = resolve(&all, given([("path", Data::from("."))])).unwrap();
        assert_eq!(Data::map(resolved).to_json(), r#"{"full":false,"limit":10,"path":"."}"#);
        let problems = resolve(&all, given([("pth", Data::from("."))])).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["input `path` is required", "the workflow has no input `pth`"]);
    }

    // row A07
    #[test]
    fn a_wrong_kind_names_input_expected_and_actual() {
        let all = [declaration("limit", InputKind::Number, true)];
        let problems = resolve(&all, given([("limit", Data::from("many"))])).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "`limit` is a number, \"many\" (text) was given"
        );
        assert_eq!(
            parse(&all[0], "abc").unwrap_err().to_string(),
            "`limit` is a number, `abc` was given"
        );
        assert_eq!(parse(&all[0], "-2.5"), Ok(Data::Double(-2.5)));
    }

    #[test]
    fn choices_ranges_and_patterns_hold() {
        let style = InputDeclaration {
            choices: vec![Data::from("short"), Data::from("full")],
            ..declaration("style", InputKind::String, true)
        };
        let small = InputDeclaration {
            max: Some(3.0),
            ..declaration("n", InputKind::Number, true)
        };
        let named = InputDeclaration {
            pattern: Some("^[a-z]+$".into()),
            ..declaration("id", InputKind::String, true)
        };
        let wrong = given([
            ("style", Data::from("long")),
            ("n", Data::Int(4)),
            ("id", Data::from("A1")),
        ]);
        let shown: Vec<String> = resolve(&[style, small, named], wrong)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "`style` is one of \"short\", \"full\", \"long\" was given",
                "`n` is at most 3, 4 was given",
                "`id` must match `^[a-z]+$`, \"A1\" does not"
            ]
        );
    }

    #[test]
    fn booleans_are_read_from_words() {
        let flag = declaration("full", InputKind::Boolean, false);
        assert_eq!(parse(&flag, "Yes"), Ok(Data::Bool(true)));
        assert!(parse(&flag, "1").is_err());
        let resolved = resolve(&[flag], given([("full", Data::from("TRUE"))])).unwrap();
        assert_eq!(resolved["full"], Data::Bool(true));
    }
}
