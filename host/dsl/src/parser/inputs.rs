//! The declarations of inputs, and what is meant where they are written as in other notations.

use super::Parser;
use super::value::invalid;
use crate::ast::{Input, InputProperty, Inputs, Value, ValueKind, Word};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::source::Span;
use crate::token::TokenKind;

/// Words for the types of inputs, with those of other notations.
const TYPES: &[(&[&str], &str)] = &[
    (&["string", "str", "text"], "string"),
    (&["number", "int", "integer", "float"], "number"),
    (&["boolean", "bool"], "boolean"),
    (&["array", "list"], "array"),
    (&["object", "map", "dict"], "object"),
    (&["secret"], "secret"),
];

/// Words for types that are also good names of inputs.
const PLAUSIBLE_NAMES: &[&str] = &["number", "text", "list", "object", "map", "secret"];

impl Parser<'_> {
    pub(super) fn inputs(&mut self) -> Inputs {
        let mut inputs = Inputs {
            entries: Vec::new(),
            tail: Vec::new(),
            one_line: true,
            span: self.token().span,
        };
        if self.kind() == TokenKind::Equals {
            let span = self.bump().span;
            let diagnostic = Diagnostic::error(Code::UnexpectedToken, span, "no `=` belongs after `inputs`");
            self.report(diagnostic.help("write `inputs { … }`").suggest(span, ""));
        }
        if !self.at_brace("`{` after `inputs`", "write `inputs { … }`") || !self.enter() {
            return inputs;
        }
        let open = self.open_brace();
        loop {
            match self.kind() {
                TokenKind::End | TokenKind::CloseBrace => break,
                _ if self.is_left(&open) => break,
                TokenKind::Comma => self.stray_comma(),
                TokenKind::Word | TokenKind::Quoted => {
                    let input = self.input();
                    inputs.entries.push(input);
                }
                _ => {
                    let message = self.expectation("the name of an input");
                    let diagnostic = Diagnostic::error(Code::UnexpectedToken, self.token().span, message);
                    self.report_at_token(
                        diagnostic.help("an input is declared as `NAME required` or `NAME default = …`"),
                    );
                    self.skip_construct();
                }
            }
        }
        inputs.tail = self.comments_before();
        self.close_brace(&open);
        self.leave();
        inputs.span = self.span_from(open.span.start);
        inputs.one_line = self.is_one_line(inputs.span);
        inputs
    }

    fn input(&mut self) -> Input {
        self.count_value();
        let mut trivia = self.open_trivia();
        let name = if self.kind() == TokenKind::Quoted {
            self.quoted_name("the name of an input")
        } else {
            self.take_word()
        };
        let mut properties = Vec::new();
        self.value_of_input(&name, &mut properties);
        while let Some(property) = self.property(&name, properties.is_empty()) {
            properties.extend(property);
        }
        let span = self.span_from(name.span.start);
        self.close_trivia(&mut trivia);
        Input {
            name,
            properties,
            trivia,
            span,
        }
    }

    /// Takes one more property of an input, or a comma or mistake where one stands; nothing if the input ends.
    fn property(&mut self, name: &Word, is_first: bool) -> Option<Option<InputProperty>> {
        let token = self.token();
        match (self.word(), self.next_kind()) {
            (Some(_), TokenKind::Equals | TokenKind::Colon) => {
                let key = self.take_word();
                self.equals();
                let value = self.value();
                Some(Some(InputProperty::Pair { key, value }))
            }
            (Some("required"), _) => {
                self.bump();
                Some(Some(InputProperty::Required(token.span)))
            }
            (Some("boolean"), _) => {
                self.bump();
                Some(Some(InputProperty::Boolean(token.span)))
            }
            (Some(word), _) if !token.begins_line => self.misspelt_property(name, word, is_first),
            _ if token.kind == TokenKind::Comma && matches!(self.next_kind(), TokenKind::Word) => {
                // Commas between the properties of an input were never allowed, but nobody can mean another thing.
                self.stray_comma();
                Some(None)
            }
            _ => None,
        }
    }

    /// Takes a word on the line of an input that is almost one of its properties. The original reader took it for an
    /// input of its own, and in a file without an edition so do we.
    fn misspelt_property(&mut self, name: &Word, word: &str, is_first: bool) -> Option<Option<InputProperty>> {
        let span = self.token().span;
        // Only directly after the name, and not if it is as likely a name itself.
        let kind = type_of(word).filter(|_| is_first && !PLAUSIBLE_NAMES.contains(&word));
        let meant = match kind {
            Some(kind) => format!("type = {kind}"),
            None => did_you_mean(word, ["required", "boolean"])?.to_owned(),
        };
        let message = format!(
            "`{word}` is read as an input of its own, not as a property of `{}`",
            name.text
        );
        let diagnostic = Diagnostic::doubtful(Code::UnknownAttribute, self.has_edition, span, message)
            .label(format!("did you mean `{meant}`?"))
            .help("an input of its own stands on a line of its own")
            .suggest(span, meant.as_str());
        self.report(diagnostic);
        if !self.has_edition {
            return None;
        }
        self.bump();
        Some(match (kind, meant.as_str()) {
            (Some(kind), _) => Some(pair("type", word_value(kind, span), span)),
            (None, "boolean") => Some(InputProperty::Boolean(span)),
            (None, _) => Some(InputProperty::Required(span)),
        })
    }

    /// Takes `= VALUE` or `: VALUE` directly after the name of an input, and reports it.
    fn value_of_input(&mut self, name: &Word, properties: &mut Vec<InputProperty>) {
        let sign = self.token();
        if !matches!(sign.kind, TokenKind::Equals | TokenKind::Colon) {
            return;
        }
        self.bump();
        let found = self.diagnostics.len();
        let value = self.full_value();
        let span = self.span_from(sign.span.start);
        // What is wrong with the value shows when it stands in its place.
        self.diagnostics.truncate(found);
        let word = match &value.kind {
            ValueKind::Path(path) => path.single(),
            _ => None,
        };
        let (meant, property) = match word {
            Some("required") => ("required".to_owned(), InputProperty::Required(value.span)),
            Some("boolean") => ("boolean".to_owned(), InputProperty::Boolean(value.span)),
            Some(word) if type_of(word).is_some() => {
                let kind = type_of(word).unwrap_or_default();
                let property = pair("type", word_value(kind, value.span), value.span);
                let follows = self.word().is_some_and(|word| matches!(word, "required" | "default"));
                let required = if follows || kind == "boolean" { "" } else { "required " };
                if !required.is_empty() {
                    properties.push(InputProperty::Required(value.span));
                }
                (format!("{required}type = {kind}"), property)
            }
            _ => {
                let kind = match (&value.kind, word) {
                    (ValueKind::Number(_), _) => "type = number  ",
                    (ValueKind::List(_), _) => "type = array  ",
                    (ValueKind::Map(_), _) => "type = object  ",
                    (_, Some("true" | "false")) => "boolean  ",
                    _ => "",
                };
                let meant = format!("{kind}default = {}", value.span.of(self.text));
                (meant, pair("default", invalid(value.span), value.span))
            }
        };
        properties.push(property);
        let message = format!("`{}` does not belong after the name of an input", self.token_text(sign));
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, sign.span, message);
        let replacement = if sign.span.start == name.span.end {
            format!(" {meant}")
        } else {
            meant.clone()
        };
        self.report(
            diagnostic
                .help(format!("write `{} {meant}`", name.text))
                .suggest(span, replacement),
        );
    }
}

fn type_of(word: &str) -> Option<&'static str> {
    let found = TYPES.iter().find(|(words, _)| words.contains(&word));
    found.map(|(_, kind)| *kind)
}

fn pair(key: &str, value: Value, span: Span) -> InputProperty {
    InputProperty::Pair {
        key: Word {
            text: key.to_owned(),
            span,
        },
        value,
    }
}

fn word_value(word: &str, span: Span) -> Value {
    let word = Word {
        text: word.to_owned(),
        span,
    };
    Value {
        kind: ValueKind::Path(crate::ast::Path {
            segments: vec![word],
            span,
        }),
        span,
    }
}
