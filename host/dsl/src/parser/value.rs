//! Values, and conditions in all their forms.

use super::Parser;
use super::bare::Place;
use crate::ast::{Condition, List, ListItem, Path, Test, Value, ValueKind, Word};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::literal::{
    DurationLiteral, Fragment, Text, block_text, code_block, expression, parse_duration, parse_number, quoted_text,
    raw_text,
};
use crate::source::Span;
use crate::token::{Token, TokenKind};

/// The names at which an expression can begin (rule R31).
pub const ROOTS: &[&str] = &["inputs", "steps", "vars", "run", "item", "error", "secrets", "prior"];

/// The roots that no condition in the old form can begin with (rule R3).
pub(super) const CONDITION_ROOTS: &[&str] = &["inputs", "steps", "vars", "run", "item", "error", "secrets"];

/// Returns the value that stands for one that could not be read, and was reported.
pub(super) fn invalid(span: Span) -> Value {
    Value {
        kind: ValueKind::Invalid,
        span,
    }
}

impl Parser<'_> {
    /// Takes the value of an attribute or pair, with all that seems to belong to it.
    pub(super) fn full_value(&mut self) -> Value {
        let token = self.token();
        if token.begins_line && self.begins_step() {
            self.expected_after("a value", "write a value");
            return invalid(token.span.at_start());
        }
        if self.took_bare_placeholder() || self.took_bare_expression(Place::Value) {
            return invalid(self.span_from(token.span.start));
        }
        let value = self.value();
        let is_more = match token.kind {
            TokenKind::Quoted => self.took_nested_quotes(token),
            TokenKind::Number => self.took_unit(token),
            _ => false,
        };
        if is_more {
            return invalid(self.span_from(token.span.start));
        }
        value
    }

    pub(super) fn value(&mut self) -> Value {
        self.count_value();
        let token = self.token();
        let kind = match token.kind {
            TokenKind::Quoted | TokenKind::Block | TokenKind::Raw => {
                self.bump();
                ValueKind::Text(self.text_literal(token))
            }
            TokenKind::Code => {
                self.bump();
                ValueKind::Code(code_block(self.token_text(token), token.closed))
            }
            TokenKind::Number => {
                self.bump();
                self.number(token)
            }
            TokenKind::Duration => {
                self.bump();
                self.duration(token)
            }
            TokenKind::Expression => {
                self.bump();
                ValueKind::Expression(self.expression_literal(token))
            }
            TokenKind::Word => ValueKind::Path(self.path()),
            TokenKind::OpenBracket => ValueKind::List(self.list()),
            TokenKind::OpenBrace => ValueKind::Map(self.map()),
            TokenKind::Unknown => {
                self.bump();
                if self.token_text(token) == "-" {
                    self.rest_of_dashes();
                }
                ValueKind::Invalid
            }
            TokenKind::CloseBrace
            | TokenKind::CloseBracket
            | TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::Dot
            | TokenKind::Colon
            | TokenKind::End => {
                self.expected_after("a value", "write a value");
                ValueKind::Invalid
            }
        };
        let span = if matches!(kind, ValueKind::Invalid) {
            token.span
        } else {
            self.span_from(token.span.start)
        };
        Value { kind, span }
    }

    pub(super) fn text_literal(&self, token: Token) -> Text {
        let text = self.token_text(token);
        let delimiter = if token.kind == TokenKind::Block { 3 } else { 1 };
        let end = text.len().saturating_sub(if token.closed { delimiter } else { 0 });
        let inner = text.get(delimiter..end).unwrap_or_default();
        match token.kind {
            TokenKind::Block => block_text(inner, token.span, token.closed),
            TokenKind::Raw => raw_text(inner, token.span, token.closed),
            _ => quoted_text(inner, token.span, token.closed),
        }
    }

    fn expression_literal(&mut self, token: Token) -> Fragment {
        let fragment = expression(self.token_text(token), token.span, token.closed);
        if token.closed && fragment.code.trim().is_empty() {
            self.report(Diagnostic::error(
                Code::UnexpectedToken,
                token.span,
                "an expression is missing between the parentheses",
            ));
        }
        fragment
    }

    fn number(&mut self, token: Token) -> ValueKind {
        let text = self.token_text(token);
        let Some(number) = parse_number(text) else {
            self.report(Diagnostic::error(
                Code::InvalidNumber,
                token.span,
                format!("`{text}` is too large for a number"),
            ));
            return ValueKind::Invalid;
        };
        ValueKind::Number(number)
    }

    fn duration(&mut self, token: Token) -> ValueKind {
        let text = self.token_text(token);
        match parse_duration(text) {
            Ok(duration) => ValueKind::Duration(DurationLiteral {
                written: text.to_owned(),
                duration,
            }),
            Err(error) => {
                let shown: String = text.chars().take(40).collect();
                let message = format!("`{shown}` is neither a number nor a duration");
                self.report(Diagnostic::error(Code::InvalidNumber, token.span, message).label(error.to_string()));
                ValueKind::Invalid
            }
        }
    }

    /// Takes the items of a list as YAML writes it; the lexer has reported its first dash.
    fn rest_of_dashes(&mut self) {
        let first = self.end_of_last();
        let is_dash = |parser: &Self| parser.kind() == TokenKind::Unknown && parser.token_text(parser.token()) == "-";
        while is_dash(self) || (self.begins_value() && !self.token().begins_line) {
            self.bump();
        }
        let rest = Span {
            start: first,
            end: self.end_of_last().max(first),
        };
        self.withdraw(rest);
    }

    fn path(&mut self) -> Path {
        let mut segments = vec![self.take_word()];
        while self.kind() == TokenKind::Dot {
            self.bump();
            if self.kind() == TokenKind::Word {
                let word = self.take_word();
                segments.push(word);
            } else {
                self.expected_after("a name after the dot", "write a name");
                break;
            }
        }
        let span = self.span_from(segments[0].span.start);
        Path { segments, span }
    }

    fn list(&mut self) -> List {
        let open = self.token().span;
        let mut list = List {
            items: Vec::new(),
            tail: Vec::new(),
            one_line: true,
        };
        if !self.enter() {
            return list;
        }
        self.bump();
        while !matches!(
            self.kind(),
            TokenKind::CloseBracket | TokenKind::CloseBrace | TokenKind::End
        ) {
            let mut trivia = self.open_trivia();
            let before = self.at;
            let value = self.value();
            if self.at == before {
                self.keep_comments(trivia);
                self.bump();
                continue;
            }
            if self.kind() == TokenKind::Equals {
                self.expected("`]` or another item");
                break;
            }
            self.eat(TokenKind::Comma);
            self.close_trivia(&mut trivia);
            list.items.push(ListItem { value, trivia });
        }
        list.tail = self.comments_before();
        self.close(open, TokenKind::CloseBracket);
        self.leave();
        list.one_line = self.is_one_line(self.span_from(open.start));
        list
    }

    pub(super) fn condition(&mut self) -> Condition {
        let token = self.token();
        if self.took_condition_after_colon() || self.took_bare_expression(Place::Condition) {
            return Condition {
                test: Test::Invalid,
                quoted: None,
                span: self.span_from(token.span.start),
            };
        }
        let (test, quoted) = match token.kind {
            TokenKind::Expression => {
                self.bump();
                (Test::Expression(self.expression_literal(token)), None)
            }
            TokenKind::Quoted | TokenKind::Raw | TokenKind::Block => {
                self.bump();
                let text = self.text_literal(token);
                (condition_in_text(&text), Some(text))
            }
            TokenKind::Word => {
                let path = self.path();
                (self.bare_condition(path), None)
            }
            TokenKind::Unknown if !token.begins_line => {
                self.bump();
                (Test::Invalid, None)
            }
            _ => {
                self.expected_after(
                    "a condition",
                    "write `step.marker`, a boolean input, or `( expression )`",
                );
                if !token.begins_line
                    && matches!(token.kind, TokenKind::Number | TokenKind::Duration | TokenKind::Unknown)
                {
                    self.bump();
                }
                (Test::Invalid, None)
            }
        };
        let span = if self.end_of_last() > token.span.start {
            self.span_from(token.span.start)
        } else {
            token.span.at_start()
        };
        Condition { test, quoted, span }
    }

    fn bare_condition(&mut self, path: Path) -> Test {
        if let Some(diagnostic) = refused_condition(&path) {
            self.report(diagnostic);
            return Test::Invalid;
        }
        Test::Path(path)
    }
}

/// Returns the condition that an attribute `if = …` states; nothing if the value cannot be one.
pub fn condition_of(value: &Value) -> Option<Condition> {
    let (test, quoted) = match &value.kind {
        ValueKind::Expression(fragment) => (Test::Expression(fragment.clone()), None),
        ValueKind::Text(text) => (condition_in_text(text), Some(text.clone())),
        ValueKind::Path(path) => (Test::Path(path.clone()), None),
        ValueKind::Code(_)
        | ValueKind::Number(_)
        | ValueKind::Duration(_)
        | ValueKind::List(_)
        | ValueKind::Map(_)
        | ValueKind::Invalid => return None,
    };
    Some(Condition {
        test,
        quoted,
        span: value.span,
    })
}

/// Returns why a bare path is no condition (rule R4), if it is none.
pub(crate) fn refused_condition(path: &Path) -> Option<Diagnostic> {
    let text = path.to_text();
    let first = path.segments[0].text.as_str();
    if path.segments.len() > 1 && CONDITION_ROOTS.contains(&first) {
        let message = format!("`{text}` without parentheses would ask for a marker of a step called `{first}`");
        let diagnostic =
            Diagnostic::error(Code::RootAsCondition, path.span, message).suggest(path.span, format!("({text})"));
        let help = match (first, path.segments.as_slice()) {
            ("inputs", [_, name]) => format!("write `{}` or `({text})`", name.text),
            _ => format!("write `({text})`"),
        };
        return Some(diagnostic.help(help));
    }
    (path.segments.len() > 3).then(|| {
        let message = format!("`{text}` has too many parts for a condition");
        let diagnostic = Diagnostic::error(Code::RootAsCondition, path.span, message);
        diagnostic.help("write `step.marker`, `child.step.marker`, or an expression: `(steps.STEP.output.FIELD)`")
    })
}

/// Reads a string as a condition (rule R3): a name or path that begins with no root is the old form.
fn condition_in_text(text: &Text) -> Test {
    let parts: Vec<&str> = text.plain.split('.').collect();
    let name = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    let old_form = parts.len() <= 3 && parts.iter().all(name);
    let span = text.inner_span();
    if old_form && !(CONDITION_ROOTS.contains(&parts[0]) && parts.len() > 1) {
        let mut at = span.start as usize;
        let segments = parts.iter().map(|part| {
            let place = match text.is_verbatim() {
                true => Span::new(at, at + part.len()),
                false => span,
            };
            at += part.len() + 1;
            Word {
                text: (*part).to_owned(),
                span: place,
            }
        });
        return Test::Path(Path {
            segments: segments.collect(),
            span,
        });
    }
    Test::Expression(if text.is_verbatim() {
        Fragment::verbatim(&text.plain, span)
    } else {
        Fragment::escaped(&text.plain, span)
    })
}
