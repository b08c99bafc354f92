//! What the inputs of a workflow are, and whether their defaults and bounds fit (LANGUAGE rule R35).

use super::attribute::word;
use super::template::is_reserved;
use super::value::number_data;
use super::{Checker, Declared};
use crate::ast::{File, Input, InputProperty, ItemKind, Value, ValueKind, Word};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use cofferdam_engine::Data;
use cofferdam_engine::inputs::resolve;
use cofferdam_engine::plan::{InputDeclaration, InputKind};
use regex::Regex;
use std::collections::BTreeMap;

/// What is written about one input, the last of several pairs with one key.
#[derive(Default)]
struct Written<'a> {
    required: Option<Span>,
    boolean: Option<Span>,
    pairs: BTreeMap<&'a str, (&'a Word, &'a Value)>,
}

impl<'a> Written<'a> {
    fn of(input: &'a Input) -> Self {
        let mut written = Self::default();
        for property in &input.properties {
            match property {
                InputProperty::Required(span) => written.required = Some(*span),
                InputProperty::Boolean(span) => written.boolean = Some(*span),
                InputProperty::Pair { key, value } => {
                    written.pairs.insert(&key.text, (key, value));
                }
            }
        }
        written
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.pairs.get(key).map(|(_, value)| *value)
    }
}

impl<'a> Checker<'a> {
    pub(super) fn declare_inputs(&mut self, file: &'a File) {
        for item in &file.items {
            let ItemKind::Inputs(inputs) = &item.kind else { continue };
            for input in &inputs.entries {
                let declaration = self.declaration(input);
                let name = input.name.span;
                let written = Written::of(input);
                let is_secret = written
                    .value("type")
                    .and_then(word)
                    .is_some_and(|(kind, _)| kind == "secret");
                if let Some(default) = written.value("default").filter(|_| is_secret) {
                    self.secret_default(default);
                }
                let declared = Declared {
                    declaration,
                    name,
                    is_secret,
                };
                self.inputs.insert(&input.name.text, declared);
            }
        }
    }

    fn declaration(&mut self, input: &'a Input) -> InputDeclaration {
        let name = &input.name.text;
        if is_reserved(name) {
            let message = format!("`{name}` is the name of a built-in variable");
            let diagnostic = Diagnostic::doubtful(Code::ReservedInput, self.has_edition, input.name.span, message);
            self.report(diagnostic.help("give the input another name"));
        }
        let written = Written::of(input);
        self.contradictions(&written);
        let read = self.kind(&written);
        let kind = read.unwrap_or(InputKind::String);
        let typed = written.boolean.is_some() || written.pairs.contains_key("type");
        let default = written
            .value("default")
            .and_then(|value| self.default_value(name, value, kind, typed));
        let has_default = written.pairs.contains_key("default");
        let is_bare = written.required.is_none() && !has_default && kind != InputKind::Boolean;
        if is_bare && !self.inputs.contains_key(name.as_str()) {
            let message = format!("`{name}` is required, because it has no default");
            let diagnostic = Diagnostic::note_only(Code::ImplicitlyRequired, input.name.span, message);
            self.report(diagnostic.help(format!("write `{name} required` to say so")));
        }
        let choices = written.value("enum").map_or_else(Vec::new, |value| self.choices(value));
        let declaration = InputDeclaration {
            name: name.clone(),
            kind,
            // In files without an edition a boolean is never required: absent means false.
            required: is_bare
                || (written.required.is_some() && !has_default && (self.has_edition || kind != InputKind::Boolean)),
            default: None,
            description: written.value("description").and_then(word).map(|(text, _)| text),
            choices,
            min: self.bound(&written, "min", kind),
            max: self.bound(&written, "max", kind),
            pattern: self.pattern(&written, kind),
        };
        self.check_bounds(&written, &declaration);
        // Of a type that nobody knows every value is a value.
        let is_secret = written
            .value("type")
            .and_then(word)
            .is_some_and(|(kind, _)| kind == "secret");
        if let (Some(default), Some(value), true) = (&default, written.value("default"), read.is_some() && !is_secret) {
            let given = BTreeMap::from([(name.clone(), default.clone())]);
            let problems = resolve(std::slice::from_ref(&declaration), given)
                .err()
                .unwrap_or_default();
            // Nothing fits bounds that exclude each other.
            let possible = !matches!((declaration.min, declaration.max), (Some(min), Some(max)) if min > max);
            if let (Some(problem), true) = (problems.first(), possible) {
                let message = format!("the default does not fit: {problem}");
                self.report(
                    Diagnostic::error(Code::WrongDefault, value.span, message)
                        .help("give it a default that it can be, or change its declaration"),
                );
            }
        }
        InputDeclaration { default, ..declaration }
    }

    /// Reports properties that have no effect beside each other.
    fn contradictions(&mut self, written: &Written<'_>) {
        if let (Some(span), true) = (written.required, written.pairs.contains_key("default")) {
            let message = "`required` has no effect beside a default";
            let diagnostic = Diagnostic::warning(Code::IgnoredAttribute, span, message);
            self.report(diagnostic.help("leave out one of them").suggest(span, ""));
        }
        if let (Some(span), Some((kind, place))) = (written.boolean, written.value("type").and_then(word))
            && kind != "boolean"
        {
            let message = format!("an input is `boolean` or has `type = {kind}`, not both");
            let diagnostic = Diagnostic::error(Code::ExclusiveAttributes, span, message);
            self.report(
                diagnostic
                    .also(place, "the other type")
                    .help("leave out one of them")
                    .suggest(span, ""),
            );
        }
    }

    /// Returns what an input must be, none if the word for it is unknown.
    fn kind(&mut self, written: &Written<'_>) -> Option<InputKind> {
        let Some((kind, span)) = written.value("type").and_then(word) else {
            return Some(if written.boolean.is_some() {
                InputKind::Boolean
            } else {
                InputKind::String
            });
        };
        match kind.as_str() {
            "string" => Some(InputKind::String),
            "number" => Some(InputKind::Number),
            "boolean" => Some(InputKind::Boolean),
            "object" => Some(InputKind::Object),
            "array" => Some(InputKind::Array),
            "secret" => {
                self.not_yet(span, "an input of type `secret`");
                Some(InputKind::String)
            }
            // Reported by the tables of attributes.
            _ => None,
        }
    }

    /// Returns the default. Without a type an input is a text, whatever its default looks like.
    fn default_value(&mut self, name: &str, value: &'a Value, kind: InputKind, typed: bool) -> Option<Data> {
        if kind == InputKind::String && !typed {
            if let ValueKind::Number(number) = &value.kind
                && self.is_modern()
            {
                let message = format!("`{name}` is a text, its default is a number");
                let diagnostic = Diagnostic::doubtful(Code::WrongDefault, self.has_edition, value.span, message);
                self.report(diagnostic.help(format!("write `type = number`, or `default = \"{}\"`", number.written)));
            }
            let text = match &value.kind {
                ValueKind::Number(number) => Some(number.written.clone()),
                ValueKind::Duration(duration) => Some(duration.written.clone()),
                _ => word(value).map(|(text, _)| text),
            };
            if let Some(text) = text {
                return Some(Data::from(text));
            }
        }
        let data = self.written_data(value, kind == InputKind::String)?;
        // The original knew texts only: `default = "true"` is the default of a boolean too.
        Some(match (kind, &data) {
            (InputKind::Boolean, Data::Text(text)) if text.eq_ignore_ascii_case("true") => Data::Bool(true),
            (InputKind::Boolean, Data::Text(text)) if text.eq_ignore_ascii_case("false") => Data::Bool(false),
            _ => data,
        })
    }

    /// Returns a value that is written down; reports an expression.
    fn written_data(&mut self, value: &'a Value, bare_is_text: bool) -> Option<Data> {
        match &value.kind {
            ValueKind::Text(text) => Some(Data::text(&text.plain)),
            ValueKind::Code(code) => Some(Data::text(&code.text)),
            ValueKind::Number(number) => Some(number_data(number.value)),
            ValueKind::Duration(duration) => Some(Data::text(&duration.written)),
            ValueKind::Path(path) => match path.single() {
                Some("true") if !bare_is_text => Some(Data::Bool(true)),
                Some("false") if !bare_is_text => Some(Data::Bool(false)),
                Some("null") if !bare_is_text => Some(Data::Null),
                _ => Some(Data::text(path.to_text())),
            },
            ValueKind::List(list) => {
                let items: Vec<Option<Data>> = list
                    .items
                    .iter()
                    .map(|item| self.written_data(&item.value, bare_is_text))
                    .collect();
                items.into_iter().collect::<Option<Vec<_>>>().map(Data::list)
            }
            ValueKind::Map(map) => {
                let entries: Vec<Option<(&str, Data)>> = map
                    .entries
                    .iter()
                    .map(|entry| Some((entry.key.text.as_str(), self.written_data(&entry.value, bare_is_text)?)))
                    .collect();
                entries.into_iter().collect::<Option<Vec<_>>>().map(Data::map)
            }
            ValueKind::Expression(_) => {
                let message = "a default is a fixed value: there is nothing yet that an expression could ask";
                self.error(Code::WrongDefault, value.span, message);
                None
            }
            ValueKind::Invalid => None,
        }
    }

    fn choices(&mut self, value: &'a Value) -> Vec<Data> {
        let ValueKind::List(list) = &value.kind else {
            if !matches!(value.kind, ValueKind::Invalid) {
                self.error(
                    Code::WrongValue,
                    value.span,
                    "`enum` takes a list of the allowed values",
                );
            }
            return Vec::new();
        };
        if list.items.is_empty() {
            self.error(Code::WrongValue, value.span, "an empty `enum` allows nothing");
        }
        list.items
            .iter()
            .filter_map(|item| self.written_data(&item.value, true))
            .collect()
    }

    fn bound(&mut self, written: &Written<'_>, key: &str, kind: InputKind) -> Option<f64> {
        let value = written.value(key)?;
        if kind != InputKind::Number {
            let message = format!("`{key}` bounds numbers, this input is {}", kind.phrase());
            self.report(Diagnostic::error(Code::WrongValue, value.span, message).help("write `type = number`"));
            return None;
        }
        self.number(value, key)
    }

    fn pattern(&mut self, written: &Written<'_>, kind: InputKind) -> Option<String> {
        let value = written.value("pattern")?;
        let (pattern, span) = word(value)?;
        if kind != InputKind::String {
            let message = format!("`pattern` is for texts, this input is {}", kind.phrase());
            self.error(Code::WrongValue, span, message);
            return None;
        }
        if let Err(error) = Regex::new(&pattern) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("`pattern` is no regular expression: {reason}");
            self.error(Code::WrongValue, span, message);
            return None;
        }
        Some(pattern)
    }

    fn check_bounds(&mut self, written: &Written<'_>, declaration: &InputDeclaration) {
        if let (Some(min), Some(max), Some(value)) = (declaration.min, declaration.max, written.value("max"))
            && min > max
        {
            let message = format!("nothing is at least {min} and at most {max}");
            let diagnostic = Diagnostic::error(Code::WrongValue, value.span, message);
            self.report(diagnostic.help("make `min` smaller than `max`"));
        }
        let bare = InputDeclaration {
            choices: Vec::new(),
            required: true,
            ..declaration.clone()
        };
        for choice in &declaration.choices {
            let given = BTreeMap::from([(declaration.name.clone(), choice.clone())]);
            let problem = resolve(std::slice::from_ref(&bare), given)
                .err()
                .and_then(|problems| problems.into_iter().next());
            if let (Some(problem), Some(value)) = (problem, written.value("enum")) {
                self.error(
                    Code::WrongValue,
                    value.span,
                    format!("a value of `enum` does not fit: {problem}"),
                );
                return;
            }
        }
    }
}
