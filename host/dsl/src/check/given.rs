//! Whether a called workflow is given the inputs that it declares, and values that they can be (LANGUAGE rules R35-R38).

use super::Checker;
use super::expression::is_name;
use super::kinds::Kind;
use super::signature::{Asked, Signature};
use super::step_table::Scope;
use super::value::number_data;
use crate::ast::{Attribute, Map, Value, ValueKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::literal::{TextForm, TextPart};
use crate::source::{Source, Span};
use cofferdam_engine::expr::references;
use cofferdam_engine::inputs::{parse, resolve};
use cofferdam_engine::plan::InputKind;
use cofferdam_engine::{Data, Expression};
use std::collections::BTreeMap;

/// What is known of a value before a run.
enum Given {
    /// All of it.
    Value(Data),
    /// Its kind.
    Kind(Kind),
    /// That it is a text in which something is filled in.
    Template,
    /// That it is the name of a secret, from an input of this workflow.
    SecretName,
    /// That such a name is a part of it.
    SecretInside,
    /// That it is the value of a secret.
    Secret,
    Nothing,
}

impl<'a> Checker<'a> {
    /// Checks what the workflow `name`, called at `place`, is given with `inputs`, against the signature from its file
    /// `callee`. Values in which something was found from `before` on are left alone.
    pub(super) fn given(
        &mut self,
        (name, place): (&str, Span),
        inputs: Option<&'a Attribute>,
        (callee, signature): (&Source, &Signature),
        before: usize,
        scope: &Scope<'a>,
    ) {
        let map = match inputs.and_then(Attribute::value).map(|value| &value.kind) {
            Some(ValueKind::Map(map)) => Some(map),
            None if inputs.is_none() => None,
            // An expression, or something that the tables of attributes refuse.
            _ => return,
        };
        let blamed: Vec<Span> = self
            .diagnostics
            .get(before..)
            .unwrap_or_default()
            .iter()
            // What this version does not carry out may still be given as something wrong.
            .filter(|found| found.is_error() && found.code != Code::NotCarriedOut)
            .map(|found| found.primary.span)
            .collect();
        let meant = map.map_or_else(Vec::new, |map| self.undeclared((name, place), map, signature));
        let missing: Vec<&Asked> = signature
            .inputs
            .iter()
            .filter(|asked| {
                let name = asked.declaration.name.as_str();
                asked.declaration.required
                    && asked.declaration.default.is_none()
                    && !meant.iter().any(|meant| meant == name)
                    && map.is_none_or(|map| map.get(name).is_none())
            })
            .collect();
        if !missing.is_empty() {
            let diagnostic = self.missing(name, inputs.map_or(place, |inputs| inputs.key.span), &missing, callee);
            self.report(if inputs.is_some() {
                diagnostic.also(place, "this workflow")
            } else {
                diagnostic
            });
        }
        for entry in map.iter().flat_map(|map| &map.entries) {
            let asked = signature
                .inputs
                .iter()
                .find(|asked| asked.declaration.name == entry.key.text);
            let Some(asked) = asked else { continue };
            let span = entry.value.span;
            if blamed
                .iter()
                .any(|blamed| span.start <= blamed.start && blamed.end <= span.end)
            {
                continue;
            }
            let given = self.known_of(&entry.value, scope);
            if let Some(diagnostic) = self.unfit(asked, &given, &entry.value) {
                let line = callee.position(asked.name.start).line;
                let note = format!("`{name}` declares it in {}:{line}", callee.name());
                let mut diagnostic = diagnostic.also(place, "this workflow").note(note);
                if diagnostic.help.is_empty() {
                    diagnostic = diagnostic.help("give it a value that it can be, or change its declaration");
                }
                self.report(diagnostic);
            }
        }
    }

    /// Reports inputs that the workflow does not declare (LANGUAGE rule R38); returns those that were probably meant.
    fn undeclared(&mut self, (name, place): (&str, Span), map: &'a Map, signature: &Signature) -> Vec<String> {
        let declared = || signature.inputs.iter().map(|asked| asked.declaration.name.as_str());
        let mut meant = Vec::new();
        for entry in &map.entries {
            let given = entry.key.text.as_str();
            if given.is_empty() || declared().any(|declared| declared == given) {
                continue;
            }
            let message = format!("the workflow `{name}` has no input `{given}`");
            let mut diagnostic = Diagnostic::doubtful(Code::UndeclaredInput, self.has_edition, entry.key.span, message)
                .also(place, "this workflow");
            let free = declared().filter(|declared| map.get(declared).is_none());
            if let Some(likely) = did_you_mean(given, free) {
                meant.push(likely.to_owned());
                diagnostic = diagnostic
                    .label(format!("did you mean `{likely}`?"))
                    .suggest(entry.key.span, likely);
            } else if signature.inputs.is_empty() {
                diagnostic = diagnostic.help("it declares none: remove this one, or declare it there");
            } else {
                let list: Vec<&str> = declared().collect();
                diagnostic = diagnostic.help(format!("it declares {}", list.join(", ")));
            }
            self.report(diagnostic);
        }
        meant
    }

    fn missing(&self, name: &str, place: Span, missing: &[&Asked], callee: &Source) -> Diagnostic {
        let names: Vec<&str> = missing.iter().map(|asked| asked.declaration.name.as_str()).collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let what = if names.len() == 1 { "the input" } else { "the inputs" };
        let message = format!("the workflow `{name}` needs {what} {}", quoted.join(" and "));
        let mut diagnostic = Diagnostic::error(Code::MissingInput, place, message);
        const SHOWN: usize = 5;
        for asked in missing.iter().take(SHOWN) {
            let line = callee.position(asked.name.start).line;
            let description = asked.declaration.description.as_deref();
            let described = description.map_or_else(String::new, |text| format!(": {text}"));
            diagnostic = diagnostic.note(format!(
                "`{}` is declared in {}:{line}{described}",
                asked.declaration.name,
                callee.name()
            ));
        }
        // An input of this file with the same name is what is mostly meant.
        let pairs: Vec<String> = names
            .iter()
            .map(|name| match self.inputs.contains_key(name) {
                true => format!("{name} = (inputs.{name})"),
                false => format!("{name} = …"),
            })
            .collect();
        diagnostic.help(format!("write `inputs {{ {} }}`", pairs.join("  ")))
    }

    fn known_of(&self, value: &'a Value, scope: &Scope<'a>) -> Given {
        match &value.kind {
            ValueKind::Text(text) => {
                let is_template = text.form != TextForm::Raw
                    && text.parts.iter().any(|part| matches!(part, TextPart::Placeholder(_)));
                if is_template {
                    return match (self.holds_secret(value), text.parts.as_slice()) {
                        (false, _) => Given::Template,
                        (true, [TextPart::Placeholder(_)]) => Given::SecretName,
                        (true, _) => Given::SecretInside,
                    };
                }
                let plain = text.parts.iter().map(|part| match part {
                    TextPart::Plain(text) => text.as_str(),
                    TextPart::Placeholder(_) => "",
                });
                Given::Value(Data::from(plain.collect::<String>()))
            }
            ValueKind::Code(code) => Given::Value(Data::text(&code.text)),
            ValueKind::Number(number) => Given::Value(number_data(number.value)),
            ValueKind::Duration(duration) => Given::Value(Data::text(&duration.written)),
            ValueKind::Path(path) => match path.single() {
                Some("true") => Given::Value(Data::Bool(true)),
                Some("false") => Given::Value(Data::Bool(false)),
                Some("null") => Given::Value(Data::Null),
                // A bare word was a text; with an edition it is refused elsewhere.
                _ if self.is_modern() => Given::Nothing,
                _ => Given::Value(Data::text(path.to_text())),
            },
            ValueKind::Expression(fragment) => {
                let Ok(expression) = Expression::parse(fragment.code.trim()) else {
                    return Given::Nothing;
                };
                if references(&expression)
                    .iter()
                    .any(|reference| &*reference.root == "secrets")
                {
                    return Given::Secret;
                }
                if self.holds_secret(value) {
                    return Given::SecretName;
                }
                self.kind_of(expression.tree(), scope)
                    .map_or(Given::Nothing, Given::Kind)
            }
            ValueKind::List(_) | ValueKind::Map(_) if self.holds_secret(value) => Given::SecretInside,
            ValueKind::List(list) => {
                let items: Option<Vec<Data>> = list.items.iter().map(|item| self.data_of(&item.value, scope)).collect();
                items.map_or(Given::Kind(Kind::List), |items| Given::Value(Data::list(items)))
            }
            ValueKind::Map(map) => {
                let entries = map
                    .entries
                    .iter()
                    .map(|entry| Some((entry.key.text.as_str(), self.data_of(&entry.value, scope)?)));
                let entries: Option<Vec<(&str, Data)>> = entries.collect();
                entries.map_or(Given::Kind(Kind::Map), |entries| Given::Value(Data::map(entries)))
            }
            ValueKind::Invalid => Given::Nothing,
        }
    }

    /// Returns whether a secret input of this workflow is asked for in a value.
    fn holds_secret(&self, value: &Value) -> bool {
        let in_code = |code: &str| {
            Expression::parse(code.trim()).is_ok_and(|expression| {
                references(&expression).iter().any(|reference| {
                    let name = reference.path.first().map(|segment| &*segment.name);
                    &*reference.root == "inputs" && name.is_some_and(|name| self.is_secret_input(name))
                })
            })
        };
        match &value.kind {
            ValueKind::Expression(fragment) => in_code(&fragment.code),
            ValueKind::Text(text) => text.parts.iter().any(|part| match part {
                TextPart::Placeholder(fragment) => in_code(&fragment.code),
                TextPart::Plain(_) => false,
            }),
            ValueKind::List(list) => list.items.iter().any(|item| self.holds_secret(&item.value)),
            ValueKind::Map(map) => map.entries.iter().any(|entry| self.holds_secret(&entry.value)),
            _ => false,
        }
    }

    fn data_of(&self, value: &'a Value, scope: &Scope<'a>) -> Option<Data> {
        match self.known_of(value, scope) {
            Given::Value(data) => Some(data),
            Given::Kind(_)
            | Given::Template
            | Given::SecretName
            | Given::SecretInside
            | Given::Secret
            | Given::Nothing => None,
        }
    }

    /// Returns why an input cannot be what it is given.
    fn unfit(&self, asked: &Asked, given: &Given, value: &Value) -> Option<Diagnostic> {
        let name = &asked.declaration.name;
        let error = |message: String| Diagnostic::error(Code::WrongValue, value.span, message);
        if asked.is_secret {
            return self
                .unfit_secret(name, given)
                .map(|(message, help)| error(message).help(help));
        }
        let (kind, data) = match given {
            Given::SecretName | Given::SecretInside => return Some(self.given_secret(value.span)),
            Given::Nothing | Given::Secret => return None,
            Given::Value(Data::Null) => {
                let needed = asked.declaration.required && asked.declaration.default.is_none();
                let message = format!("the input `{name}` is required: null is as good as nothing");
                return needed
                    .then(|| error(message).help("give it a value, or remove `required` from its declaration"));
            }
            Given::Value(data) => (Kind::of_data(data)?, Some(data)),
            Given::Kind(kind) => (*kind, None),
            Given::Template => (Kind::Text, None),
        };
        let wanted = kind_of_input(asked.declaration.kind);
        if kind == wanted {
            return self.breaks_rule(asked, data?).map(error);
        }
        // Every value has a text (R34); that of a list is hardly what is meant.
        if !asked.is_typed && wanted == Kind::Text {
            let is_scalar = matches!(kind, Kind::Boolean | Kind::Number);
            let message = format!(
                "the input `{name}` is a text, because it has no type, and this is {}",
                kind.phrase()
            );
            let help = if kind == Kind::List {
                "`type = array`"
            } else {
                "`type = object`"
            };
            return (!is_scalar).then(|| {
                Diagnostic::doubtful(Code::WrongValue, self.has_edition, value.span, message)
                    .help(format!("declare it with {help}"))
            });
        }
        self.other_kind(asked, kind, given, value)
    }

    /// Returns what is wrong with a value of another kind than the input: in files without an edition all values were texts.
    fn other_kind(&self, asked: &Asked, kind: Kind, given: &Given, value: &Value) -> Option<Diagnostic> {
        let declaration = &asked.declaration;
        let wanted = kind_of_input(declaration.kind);
        let message = format!(
            "the input `{}` is {}, this is {}",
            declaration.name,
            wanted.phrase(),
            kind.phrase()
        );
        let error = Diagnostic::error(Code::WrongValue, value.span, message.clone());
        let doubtful = || Diagnostic::doubtful(Code::WrongValue, self.has_edition, value.span, message.clone());
        match given {
            Given::Value(Data::Text(text)) if matches!(wanted, Kind::Number | Kind::Boolean) => {
                let Ok(meant) = parse(declaration, text) else {
                    return Some(error);
                };
                if wanted == Kind::Boolean && !self.is_modern() {
                    return None;
                }
                let plain = meant.to_json();
                let mended = doubtful().suggest(value.span, plain.clone());
                Some(mended.help(format!("write `{plain}` without quotes")))
            }
            Given::Template => {
                if !self.is_modern() && matches!(wanted, Kind::Number | Kind::Boolean) {
                    return None;
                }
                Some(doubtful().help("a string gives a text; write `(…)` to keep the kind of the value"))
            }
            Given::Kind(Kind::Text) if wanted == Kind::Boolean && !self.is_modern() => None,
            Given::Kind(Kind::Text) if wanted == Kind::Number => Some(doubtful().help("convert it: `double(x)`")),
            Given::Kind(Kind::Text) if wanted == Kind::Boolean => Some(error.help("compare it: `(x == \"true\")`")),
            Given::Kind(Kind::Number) if wanted == Kind::Text => Some(error.help("convert it: `string(x)`")),
            Given::Value(data) if wanted == Kind::Text && matches!(kind, Kind::Number | Kind::Boolean) => {
                let quoted = format!("\"{}\"", data.to_display());
                let mended = doubtful().suggest(value.span, quoted.clone());
                Some(mended.help(format!("write `{quoted}`")))
            }
            Given::Value(_)
            | Given::Kind(_)
            | Given::SecretName
            | Given::SecretInside
            | Given::Secret
            | Given::Nothing => Some(error),
        }
    }

    /// Returns which rule of the declaration a value of the right kind breaks.
    fn breaks_rule(&self, asked: &Asked, data: &Data) -> Option<String> {
        let name = asked.declaration.name.clone();
        let problems = resolve(
            std::slice::from_ref(&asked.declaration),
            BTreeMap::from([(name, data.clone())]),
        );
        Some(problems.err()?.first()?.to_string())
    }

    /// Returns why an input of type `secret`, which holds the name of a secret, cannot be what it is given (R37).
    fn unfit_secret(&self, name: &str, given: &Given) -> Option<(String, &'static str)> {
        let rule = format!("the input `{name}` holds the name of a configured secret");
        match given {
            Given::Secret => Some((format!("{rule}, not its value"), "write the name: `\"NAME\"`")),
            Given::Value(Data::Text(text)) if is_name(text) => None,
            Given::Value(data) => Some((
                format!(
                    "{rule}, this is {}",
                    if data.as_text().is_some() { "no name" } else { "no text" }
                ),
                "write the name of the secret, never what it is",
            )),
            Given::Kind(kind) if *kind != Kind::Text => Some((
                format!("{rule}, this is {}", kind.phrase()),
                "write the name of the secret",
            )),
            Given::SecretInside => Some((
                format!("{rule}, this is more than one"),
                "give it the name alone: `(inputs.NAME)`",
            )),
            Given::Kind(_) | Given::Template | Given::SecretName | Given::Nothing => None,
        }
    }
}

/// Returns the kind that values of an input have.
fn kind_of_input(kind: InputKind) -> Kind {
    match kind {
        InputKind::String => Kind::Text,
        InputKind::Number => Kind::Number,
        InputKind::Boolean => Kind::Boolean,
        InputKind::Object => Kind::Map,
        InputKind::Array => Kind::List,
    }
}
