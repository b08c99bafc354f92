//! Whether the parameters of a call fit the schema of its action, as far as they are written down.

use super::Checker;
use super::value::number_data;
use crate::ast::{Map, Value, ValueKind};
use crate::catalog::ActionEntry;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::{TextForm, TextPart};
use crate::source::Span;
use jsonschema::PatternOptions;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

pub(super) use jsonschema::Validator;

/// What is known about a value before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// All of it.
    Whole,
    /// That it is a text.
    Text,
    /// Nothing.
    Nothing,
}

/// The parameters of a call as a schema sees them: what is not known is null.
#[derive(Default)]
struct Instance {
    /// Where each part stands, by JSON pointer.
    places: BTreeMap<String, (Span, Known)>,
}

impl Instance {
    fn of(&mut self, value: &Value, pointer: &str) -> Json {
        let mut known = Known::Whole;
        let json = match &value.kind {
            ValueKind::Text(text) => {
                let filled_in = text.form != TextForm::Raw
                    && text.parts.iter().any(|part| matches!(part, TextPart::Placeholder(_)));
                if filled_in {
                    known = Known::Text;
                    json!("")
                } else {
                    let plain = text.parts.iter().map(|part| match part {
                        TextPart::Plain(text) => text.as_str(),
                        TextPart::Placeholder(_) => "",
                    });
                    Json::String(plain.collect())
                }
            }
            ValueKind::Code(code) => json!(code.text),
            ValueKind::Number(number) => serde_json::to_value(number_data(number.value)).unwrap_or_default(),
            ValueKind::Duration(duration) => json!(duration.written),
            ValueKind::Path(path) => match path.single() {
                Some("true") => json!(true),
                Some("false") => json!(false),
                Some("null") => Json::Null,
                _ => {
                    known = Known::Nothing;
                    Json::Null
                }
            },
            ValueKind::Expression(_) | ValueKind::Invalid => {
                known = Known::Nothing;
                Json::Null
            }
            ValueKind::List(list) => list
                .items
                .iter()
                .enumerate()
                .map(|(index, item)| self.of(&item.value, &format!("{pointer}/{index}")))
                .collect(),
            ValueKind::Map(map) => self.of_map(map, pointer),
        };
        self.places.insert(pointer.to_owned(), (value.span, known));
        json
    }

    fn of_map(&mut self, map: &Map, pointer: &str) -> Json {
        let entries = map.entries.iter().map(|entry| {
            let name = entry.key.text.replace('~', "~0").replace('/', "~1");
            (
                entry.key.text.clone(),
                self.of(&entry.value, &format!("{pointer}/{name}")),
            )
        });
        Json::Object(entries.collect())
    }

    /// Returns whether everything at `pointer` and below is known.
    fn is_whole(&self, pointer: &str) -> bool {
        let below = format!("{pointer}/");
        self.places
            .range(pointer.to_owned()..)
            .take_while(|(at, _)| at.starts_with(pointer))
            .filter(|(at, _)| *at == pointer || at.starts_with(&below))
            .all(|(_, (_, known))| *known == Known::Whole)
    }
}

/// Returns the properties that a value of a schema can have; none if it can have others too.
pub(super) fn closed_properties(schema: &Json) -> Option<Vec<String>> {
    let open = match schema.get("additionalProperties") {
        None | Some(Json::Bool(false)) => false,
        Some(_) => true,
    };
    let combined = [
        "anyOf",
        "oneOf",
        "allOf",
        "$ref",
        "patternProperties",
        "if",
        "unevaluatedProperties",
    ]
    .iter()
    .any(|keyword| schema.get(keyword).is_some());
    if open || combined {
        return None;
    }
    Some(schema.get("properties")?.as_object()?.keys().cloned().collect())
}

fn required(schema: &Json) -> Vec<&str> {
    let required = schema.get("required").and_then(Json::as_array);
    required.into_iter().flatten().filter_map(Json::as_str).collect()
}

impl<'a> Checker<'a> {
    /// Reports what is wrong with the parameters `written` of a call of `action`, whose name stands at `place`.
    pub(super) fn check_params(&mut self, action: &ActionEntry, place: Span, written: Option<(Span, &Map)>) {
        if !action.params.is_object() || self.is_full() {
            return;
        }
        let mut meant = self.unknown_params(action, place, written.map(|(_, map)| map));
        if let Some((_, map)) = written {
            meant.extend(map.entries.iter().map(|entry| entry.key.text.clone()));
        }
        let missing: Vec<String> = required(&action.params)
            .into_iter()
            .filter(|name| !meant.iter().any(|given| given == name))
            .map(|name| format!("`{name}`"))
            .collect();
        if !missing.is_empty() {
            let message = format!("`{}` needs {}", action.name(), missing.join(" and "));
            let mut diagnostic =
                Diagnostic::error(Code::MissingParameter, written.map_or(place, |(key, _)| key), message);
            if written.is_some() {
                diagnostic = diagnostic.also(place, "this action");
            }
            self.report(explained(diagnostic, action));
        }
        if let Some((_, map)) = written {
            self.check_values(action, place, map);
        }
    }

    /// Reports parameters that the action does not have; returns those that were probably meant.
    fn unknown_params(&mut self, action: &ActionEntry, place: Span, written: Option<&Map>) -> Vec<String> {
        let (Some(known), Some(map)) = (closed_properties(&action.params), written) else {
            return Vec::new();
        };
        let mut meant = Vec::new();
        for entry in &map.entries {
            let name = &entry.key.text;
            if known.contains(name) {
                continue;
            }
            let message = format!("`{}` has no parameter `{name}`", action.name());
            let mut diagnostic =
                Diagnostic::error(Code::UnknownParameter, entry.key.span, message).also(place, "this action");
            let free = known.iter().filter(|known| map.get(known).is_none());
            if let Some(likely) = did_you_mean(name, free.map(String::as_str)) {
                meant.push(likely.to_owned());
                diagnostic = diagnostic
                    .label(format!("did you mean `{likely}`?"))
                    .suggest(entry.key.span, likely);
            } else if known.is_empty() {
                diagnostic = diagnostic.label("it takes none");
            } else {
                diagnostic = diagnostic.label(format!("it takes {}", known.join(", ")));
            }
            self.report(explained(diagnostic, action));
        }
        meant
    }

    fn check_values(&mut self, action: &ActionEntry, place: Span, map: &Map) {
        let mut instance = Instance::default();
        let json = instance.of_map(map, "");
        let name = action.name();
        if !self.validators.contains_key(&name) {
            let built = jsonschema::options()
                .with_pattern_options(PatternOptions::regex())
                .build(&action.params);
            let validator = built.map_err(|error| {
                let message = format!("the parameters of `{name}` cannot be checked: its schema is not valid");
                self.report(
                    Diagnostic::warning(Code::BadSchema, place, message)
                        .note(error.to_string())
                        .help("they are handed over as they are; tell the author of the plugin"),
                );
            });
            let validator = validator.ok();
            self.validators.insert(name.clone(), validator);
        }
        let Some(Some(validator)) = self.validators.get(&name) else {
            return;
        };
        let mut found: Vec<Diagnostic> = Vec::new();
        for error in validator.iter_errors(&json) {
            let pointer = error.instance_path().as_str();
            let Some((span, known)) = instance.places.get(pointer).copied() else {
                // What is said about all parameters together has been said, or depends on what is unknown.
                continue;
            };
            let settled = match error.kind() {
                // The kind of a text is known whatever it says; a list of unknown things is a list.
                ValidationErrorKind::Type { .. } => known != Known::Nothing,
                ValidationErrorKind::Required { .. } | ValidationErrorKind::AdditionalProperties { .. } => true,
                _ => instance.is_whole(pointer),
            };
            // Several rules can be broken by one value; one is enough.
            if settled && !found.iter().any(|diagnostic| diagnostic.primary.span == span) {
                let message = format!(
                    "{}: {}",
                    parameter(pointer, &name),
                    problem(error.kind(), error.instance())
                );
                let mut diagnostic = Diagnostic::error(Code::WrongValue, span, message).also(place, "this action");
                if known == Known::Text {
                    diagnostic = diagnostic.help("a string gives a text; write `(…)` to keep the kind of the value");
                }
                found.push(explained(diagnostic, action));
            }
        }
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }
}

fn explained(diagnostic: Diagnostic, action: &ActionEntry) -> Diagnostic {
    let name = action.name();
    let required: Vec<String> = required(&action.params)
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let diagnostic = if required.is_empty() {
        diagnostic.note(format!("{name} of {} requires no parameter", action.provider))
    } else {
        diagnostic.note(format!(
            "{name} of {} requires {}",
            action.provider,
            required.join(" and ")
        ))
    };
    diagnostic.help(format!("cofferdam plugin inspect {name}"))
}

/// Returns `/a/0` as a person would write it.
fn parameter(pointer: &str, action: &str) -> String {
    let path: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    format!("`{}` of `{action}`", path.join("."))
}

fn problem(kind: &ValidationErrorKind, instance: &Json) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => {
            use jsonschema::error::TypeKind;
            let expected = match kind {
                TypeKind::Single(expected) => expected.to_string(),
                TypeKind::Multiple(several) => several
                    .iter()
                    .map(|expected| expected.to_string())
                    .collect::<Vec<_>>()
                    .join(" or "),
            };
            format!("takes {}, this is {}", phrase(&expected), given(instance))
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map_or_else(Vec::new, |options| {
                options.iter().map(ToString::to_string).collect::<Vec<_>>()
            });
            format!("takes one of {}, not {}", options.join(", "), shown(instance))
        }
        ValidationErrorKind::Required { property } => {
            format!("needs `{}`", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unexpected: Vec<String> = unexpected.iter().map(|name| format!("`{name}`")).collect();
            format!("has no {}", unexpected.join(", "))
        }
        ValidationErrorKind::Minimum { limit } => format!("is at least {limit}, not {instance}"),
        ValidationErrorKind::Maximum { limit } => format!("is at most {limit}, not {instance}"),
        ValidationErrorKind::Pattern { pattern } => format!("must match `{pattern}`, {} does not", shown(instance)),
        other => format!("does not fit the schema (`{}`)", other.keyword()),
    }
}

fn phrase(kind: &str) -> String {
    kind.split(" or ")
        .map(|kind| match kind {
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "a text",
            "boolean" => "`true` or `false`",
            "array" => "a list",
            "object" => "a map",
            other => other,
        })
        .collect::<Vec<_>>()
        .join(" or ")
}

fn given(instance: &Json) -> &'static str {
    match instance {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(number) if number.is_f64() => "a number with a fraction",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

fn shown(instance: &Json) -> String {
    let text = instance.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
