//! Whether the parameters of a call fit the schema of its action, as far as they are written down.

use super::Checker;
use super::kinds::Kind;
use super::step_table::Scope;
use super::value::number_data;
use crate::ast::{Map, Value, ValueKind};
use crate::catalog::ActionEntry;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::{Fragment, TextForm, TextPart};
use crate::source::Span;
use cofferdam_engine::expr::{Node, NodeKind};
use cofferdam_engine::{Data, Expression};
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
    /// What kind of value it is, unless it is null.
    Kind(Kind),
    /// Nothing.
    Nothing,
}

/// The parameters of a call as a schema sees them: what is not known is null, or an empty value of its kind.
struct Instance<'c, 'a> {
    checker: &'c Checker<'a>,
    scope: &'c Scope<'a>,
    /// Where each part stands, by JSON pointer.
    places: BTreeMap<String, (Span, Known)>,
}

impl Instance<'_, '_> {
    fn of(&mut self, value: &Value, pointer: &str) -> Json {
        let mut known = Known::Whole;
        let json = match &value.kind {
            ValueKind::Text(text) => {
                let filled_in = text.form != TextForm::Raw
                    && text.parts.iter().any(|part| matches!(part, TextPart::Placeholder(_)));
                if filled_in {
                    known = Known::Kind(Kind::Text);
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
            ValueKind::Expression(fragment) => {
                let skipped = fragment.code.len() - fragment.code.trim_start().len();
                return match Expression::parse(fragment.code.trim()) {
                    Ok(expression) => self.of_node(expression.tree(), fragment, skipped, pointer, Some(value.span)),
                    Err(_) => {
                        self.places.insert(pointer.to_owned(), (value.span, Known::Nothing));
                        Json::Null
                    }
                };
            }
            ValueKind::Invalid => {
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

    /// Returns what is known of a part of an expression: literals, the items of lists and maps, or its kind.
    fn of_node(&mut self, node: &Node, at: &Fragment, skipped: usize, pointer: &str, place: Option<Span>) -> Json {
        let span = place.unwrap_or_else(|| at.locate(skipped + node.range.start, skipped + node.range.end));
        let (json, known) = match &node.kind {
            NodeKind::Literal(data) => (serde_json::to_value(data).unwrap_or_default(), Known::Whole),
            NodeKind::List(items) => {
                let items = items.iter().enumerate();
                let items =
                    items.map(|(index, item)| self.of_node(item, at, skipped, &format!("{pointer}/{index}"), None));
                (Json::Array(items.collect()), Known::Whole)
            }
            NodeKind::Map(entries) if entries.iter().all(|(key, _)| literal_key(key).is_some()) => {
                let entries = entries.iter().filter_map(|(key, value)| {
                    let key = literal_key(key)?;
                    let escaped = key.replace('~', "~0").replace('/', "~1");
                    let value = self.of_node(value, at, skipped, &format!("{pointer}/{escaped}"), None);
                    Some((key.to_owned(), value))
                });
                (Json::Object(entries.collect()), Known::Whole)
            }
            _ => match self.checker.kind_of(node, self.scope) {
                Some(kind) => (empty(kind), Known::Kind(kind)),
                None => (Json::Null, Known::Nothing),
            },
        };
        self.places.insert(pointer.to_owned(), (span, known));
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
}

/// Returns whether everything at `pointer` and below is known.
fn is_whole(places: &BTreeMap<String, (Span, Known)>, pointer: &str) -> bool {
    let below = format!("{pointer}/");
    places
        .range(pointer.to_owned()..)
        .take_while(|(at, _)| at.starts_with(pointer))
        .filter(|(at, _)| *at == pointer || at.starts_with(&below))
        .all(|(_, (_, known))| *known == Known::Whole)
}

fn literal_key(key: &Node) -> Option<&str> {
    match &key.kind {
        NodeKind::Literal(Data::Text(key)) => Some(key),
        _ => None,
    }
}

/// Returns a value of a kind that says nothing more.
fn empty(kind: Kind) -> Json {
    match kind {
        Kind::Boolean => json!(false),
        Kind::Number => json!(0),
        Kind::Text => json!(""),
        Kind::List => json!([]),
        Kind::Map => json!({}),
    }
}

/// Returns whether a value of a kind breaks a rule whatever it is.
fn is_certain(kind: Kind, error: &ValidationErrorKind) -> bool {
    let is_kind = |option: &Json| match option {
        Json::Null => false,
        Json::Bool(_) => kind == Kind::Boolean,
        Json::Number(_) => kind == Kind::Number,
        Json::String(_) => kind == Kind::Text,
        Json::Array(_) => kind == Kind::List,
        Json::Object(_) => kind == Kind::Map,
    };
    match error {
        ValidationErrorKind::Type { .. } => true,
        ValidationErrorKind::Enum { options } => options.as_array().is_some_and(|options| !options.iter().any(is_kind)),
        ValidationErrorKind::Constant { expected_value } => !is_kind(expected_value),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => context
            .iter()
            .all(|branch| branch.iter().any(|error| is_certain(kind, error.kind()))),
        _ => false,
    }
}

/// Returns what a schema says that only refers to one of its definitions.
pub(crate) fn root(schema: &Json) -> &Json {
    const MOST: usize = 8;
    let mut at = schema;
    for _ in 0..MOST {
        let place = at
            .get("$ref")
            .and_then(Json::as_str)
            .and_then(|place| place.strip_prefix('#'));
        match place.and_then(|place| schema.pointer(place)) {
            Some(meant) => at = meant,
            None => return at,
        }
    }
    at
}

/// Returns the properties that a value of a schema can have; none if it can have others too.
pub(crate) fn closed_properties(schema: &Json) -> Option<Vec<String>> {
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
    pub(super) fn check_params(
        &mut self,
        action: &ActionEntry,
        place: Span,
        written: Option<(Span, &Map)>,
        scope: &Scope<'a>,
    ) {
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
            self.check_values(action, place, map, scope);
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

    fn check_values(&mut self, action: &ActionEntry, place: Span, map: &Map, scope: &Scope<'a>) {
        let mut instance = Instance {
            checker: self,
            scope,
            places: BTreeMap::new(),
        };
        let json = instance.of_map(map, "");
        let places = instance.places;
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
            let Some((span, known)) = places.get(pointer).copied() else {
                // What is said about all parameters together has been said, or depends on what is unknown.
                continue;
            };
            let settled = match (known, error.kind()) {
                (Known::Nothing, _) => false,
                // The kind of a text is known whatever it says.
                (Known::Kind(kind), error) => is_certain(kind, error),
                // A list of unknown things is a list, and what a map has is known.
                (
                    Known::Whole,
                    ValidationErrorKind::Type { .. }
                    | ValidationErrorKind::Required { .. }
                    | ValidationErrorKind::AdditionalProperties { .. },
                ) => true,
                (Known::Whole, _) => is_whole(&places, pointer),
            };
            // Several rules can be broken by one value; one is enough.
            if settled && !found.iter().any(|diagnostic| diagnostic.primary.span == span) {
                let given = match known {
                    Known::Kind(kind) => kind.phrase(),
                    Known::Whole | Known::Nothing => given(error.instance()),
                };
                let message = format!(
                    "{}: {}",
                    parameter(pointer, &name),
                    problem(error.kind(), error.instance(), given, known == Known::Whole)
                );
                let mut diagnostic = Diagnostic::error(Code::WrongValue, span, message).also(place, "this action");
                let written = span.of(self.source.text());
                if known == Known::Whole
                    && let Some(mended) = mended(error.kind(), error.instance(), written)
                {
                    diagnostic = diagnostic.label(format!("write `{mended}`")).suggest(span, mended);
                }
                if known == Known::Kind(Kind::Text) && span.of(self.source.text()).starts_with('"') {
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

fn problem(kind: &ValidationErrorKind, instance: &Json, given: &str, is_known: bool) -> String {
    let this = if is_known { shown(instance) } else { given.to_owned() };
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
            format!("takes {}, this is {}", phrase(&expected), given)
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map_or_else(Vec::new, |options| {
                options.iter().map(ToString::to_string).collect::<Vec<_>>()
            });
            format!("takes one of {}, not {}", options.join(", "), this)
        }
        ValidationErrorKind::Required { property } => {
            format!("needs `{}`", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unexpected: Vec<String> = unexpected.iter().map(|name| format!("`{name}`")).collect();
            format!("has no {}", unexpected.join(", "))
        }
        ValidationErrorKind::Constant { expected_value } => format!("is {expected_value}, not {this}"),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }
            if !expected(context).is_empty() =>
        {
            format!("takes {}, this is {given}", expected(context).join(" or "))
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }
            if !words(context).is_empty() =>
        {
            format!("takes one of {}, not {this}", words(context).join(", "))
        }
        ValidationErrorKind::Minimum { limit } => format!("is at least {limit}, not {instance}"),
        ValidationErrorKind::Maximum { limit } => format!("is at most {limit}, not {instance}"),
        ValidationErrorKind::Pattern { pattern } => format!("must match `{pattern}`, {} does not", shown(instance)),
        other => format!("does not fit the schema (`{}`)", other.keyword()),
    }
}

/// Returns what the alternatives take, if each of them wants another kind.
fn expected(context: &[Vec<jsonschema::ValidationError<'_>>]) -> Vec<String> {
    let wanted = context.iter().map(|branch| {
        branch.iter().find_map(|error| match error.kind() {
            ValidationErrorKind::Type {
                kind: jsonschema::error::TypeKind::Single(expected),
            } => Some(phrase(&expected.to_string())),
            _ => None,
        })
    });
    wanted.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Returns what the alternatives list, if some of them are lists of values.
fn words(context: &[Vec<jsonschema::ValidationError<'_>>]) -> Vec<String> {
    context
        .iter()
        .flatten()
        .flat_map(listed)
        .map(ToString::to_string)
        .collect()
}

/// Returns the values that `error` says are the only ones.
fn listed<'e>(error: &'e jsonschema::ValidationError<'_>) -> Vec<&'e Json> {
    match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.iter().flatten().flat_map(listed).collect()
        }
        ValidationErrorKind::Enum { options } => options.as_array().map_or_else(Vec::new, |list| list.iter().collect()),
        ValidationErrorKind::Constant { expected_value } => vec![expected_value],
        _ => Vec::new(),
    }
}

/// Returns what was meant by a value of another kind that is `written` down, or by a word that is none of the list.
fn mended(kind: &ValidationErrorKind, instance: &Json, written: &str) -> Option<String> {
    use jsonschema::error::TypeKind;
    match kind {
        ValidationErrorKind::Type { kind } => match kind {
            TypeKind::Single(wanted) => of_kind(&wanted.to_string(), instance, written),
            TypeKind::Multiple(several) => several
                .iter()
                .find_map(|wanted| of_kind(&wanted.to_string(), instance, written)),
        },
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array()?.iter().filter_map(Json::as_str);
            did_you_mean(instance.as_str()?, options).map(|meant| format!("{meant:?}"))
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => context
            .iter()
            .flatten()
            .find_map(|error| mended(error.kind(), instance, written))
            .or_else(|| {
                let options = context.iter().flatten().flat_map(listed).filter_map(Json::as_str);
                did_you_mean(instance.as_str()?, options).map(|meant| format!("{meant:?}"))
            }),
        _ => None,
    }
}

/// Returns how `instance`, which is `written` down, is written as a value of the kind `wanted`.
fn of_kind(wanted: &str, instance: &Json, written: &str) -> Option<String> {
    match (wanted, instance) {
        ("array", Json::String(_) | Json::Number(_) | Json::Bool(_)) => Some(format!("[{written}]")),
        ("boolean", Json::String(text)) => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Some("true".to_owned()),
            "false" | "no" | "off" => Some("false".to_owned()),
            _ => None,
        },
        ("boolean", Json::Number(number)) => match number.as_i64() {
            Some(0) => Some("false".to_owned()),
            Some(1) => Some("true".to_owned()),
            _ => None,
        },
        ("integer", Json::String(text)) => text.trim().parse::<i64>().ok().map(|number| number.to_string()),
        ("number", Json::String(text)) => {
            let number = text.trim();
            number.parse::<f64>().ok().filter(|value| value.is_finite())?;
            number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
                .then(|| number.to_owned())
        }
        ("string", Json::Number(_) | Json::Bool(_)) => Some(format!("\"{written}\"")),
        _ => None,
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
