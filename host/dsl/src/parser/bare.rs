//! Expressions without their parentheses: where they end, and how they are written with them.

use super::Parser;
use super::value::CONDITION_ROOTS;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::token::TokenKind;

/// Words that other languages use as operators, and what stands for them here.
const WORD_OPERATORS: &[(&str, &str)] = &[("and", "&&"), ("or", "||"), ("is", "=="), ("in", "in")];

/// How many tokens are looked at in search of the end of an expression.
const MAX_TOKENS: usize = 400;

/// Where an expression without parentheses stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// After the keyword of a block, where a condition is expected.
    Condition,
    /// After `=`, where any value is expected.
    Value,
}

impl Parser<'_> {
    /// Takes an expression that lacks its parentheses and reports it; returns false if none comes next.
    pub(super) fn took_bare_expression(&mut self, place: Place) -> bool {
        let Some(count) = self.bare_expression(place) else {
            return false;
        };
        let first = self.at;
        let text = self.in_parentheses(first, count, place);
        let start = self.token().span.start;
        for _ in 0..count {
            self.bump();
        }
        let span = self.span_from(start);
        self.withdraw(span);
        let (code, message) = match place {
            Place::Condition => (
                Code::RootAsCondition,
                "a condition that compares or combines stands in parentheses",
            ),
            Place::Value => (Code::UnexpectedToken, "an expression stands in parentheses"),
        };
        let diagnostic = Diagnostic::error(code, span, message);
        self.report(match text {
            Some(text) => diagnostic.help(format!("write `{text}`")).suggest(span, text),
            None => diagnostic.help("write `( … )`"),
        });
        true
    }

    /// Takes `!` or `not` before a condition in the old form, where the other keyword says the same; returns whether it
    /// was there.
    pub(super) fn took_negation(&mut self, keyword: Span, other: &str) -> bool {
        let not = self.token_text(self.token());
        let begins = self.ahead(1).kind == TokenKind::Word && !self.ahead(1).begins_line;
        if !begins || !(not == "!" && self.kind() == TokenKind::Unknown || self.is_word("not")) {
            return false;
        }
        let mut end = 2;
        while self.ahead(end).kind == TokenKind::Dot && self.ahead(end + 1).kind == TokenKind::Word {
            end += 2;
        }
        let root = self.token_text(self.ahead(1));
        let is_old_form = end == 2 || !CONDITION_ROOTS.contains(&root);
        if !is_old_form || self.ahead(end).kind != TokenKind::OpenBrace {
            return false;
        }
        let path = Span {
            start: self.ahead(1).span.start,
            end: self.ahead(end - 1).span.end,
        };
        let span = Span {
            start: keyword.start,
            end: path.end,
        };
        let mended = format!("{other} {}", path.of(self.text));
        let message = format!("`{not}` stands only in expressions");
        let place = self.bump().span;
        self.withdraw(place);
        let diagnostic = Diagnostic::error(Code::RootAsCondition, place, message);
        self.report(diagnostic.help(format!("write `{mended}`")).suggest(span, mended));
        true
    }

    /// Takes back what the lexer has said about `span`: something else explains it better.
    pub(super) fn withdraw(&mut self, span: Span) {
        self.diagnostics
            .retain(|found| !(span.start..span.end).contains(&found.primary.span.start));
    }

    /// Returns how many of the next tokens make an expression without parentheses; nothing if it is a plain value.
    fn bare_expression(&self, place: Place) -> Option<usize> {
        let mut count = 0;
        let mut is_expression = false;
        let mut wants_operand = true;
        let mut questions = 0;
        while count < MAX_TOKENS {
            let token = self.ahead(count);
            let next = self.ahead(count + 1);
            let touches = count > 0 && self.ahead(count - 1).span.end == token.span.start;
            let continues = token.kind == TokenKind::Unknown || (count > 0 && wants_operand);
            if token.begins_line && (count == 0 || !continues) {
                break;
            }
            count += match token.kind {
                TokenKind::Word if wants_operand => {
                    let is_not = self.token_text(token) == "not"
                        && matches!(next.kind, TokenKind::Word | TokenKind::Expression)
                        && !next.begins_line;
                    is_expression |= is_not;
                    wants_operand = is_not;
                    1
                }
                TokenKind::Word => {
                    let text = self.token_text(token);
                    let is_operator = WORD_OPERATORS.iter().any(|(word, _)| *word == text);
                    let is_key = matches!(next.kind, TokenKind::Equals | TokenKind::Colon | TokenKind::OpenBrace);
                    if !is_operator || is_key || next.begins_line {
                        break;
                    }
                    is_expression = true;
                    wants_operand = true;
                    1
                }
                TokenKind::Dot if !wants_operand && next.kind == TokenKind::Word => 2,
                TokenKind::Number if !wants_operand && self.token_text(token).starts_with('-') => {
                    is_expression = true;
                    1
                }
                TokenKind::Number | TokenKind::Quoted | TokenKind::Raw if wants_operand => {
                    wants_operand = false;
                    1
                }
                TokenKind::Expression if wants_operand => {
                    wants_operand = false;
                    1
                }
                TokenKind::Expression if touches => {
                    is_expression = true;
                    1
                }
                TokenKind::OpenBracket if count > 0 && (touches || wants_operand) => {
                    is_expression |= touches;
                    wants_operand = false;
                    self.length_of_brackets(count)?
                }
                TokenKind::Unknown => {
                    let text = self.token_text(token);
                    let is_operator = text.bytes().all(|byte| b"<>!&|+*/%?-".contains(&byte));
                    if !is_operator || (count == 0 && text != "!") || (wants_operand && !matches!(text, "!" | "-")) {
                        break;
                    }
                    questions += usize::from(text == "?");
                    is_expression = true;
                    wants_operand = true;
                    self.length_with_equals(count)
                }
                TokenKind::Equals if !wants_operand => {
                    let length = self.length_with_equals(count);
                    if length == 1 && place == Place::Value {
                        break;
                    }
                    is_expression = true;
                    wants_operand = true;
                    length
                }
                TokenKind::Colon if questions > 0 && !wants_operand => {
                    questions -= 1;
                    wants_operand = true;
                    1
                }
                _ => break,
            };
        }
        is_expression.then_some(count)
    }

    /// Returns how many tokens an operator has that begins at `at`, with the `=` that touch it.
    fn length_with_equals(&self, at: usize) -> usize {
        let mut length = 1;
        while length < 3
            && self.ahead(at + length).kind == TokenKind::Equals
            && self.ahead(at + length - 1).span.end == self.ahead(at + length).span.start
        {
            length += 1;
        }
        length
    }

    fn length_of_brackets(&self, at: usize) -> Option<usize> {
        let mut open = 0;
        for length in 1..MAX_TOKENS {
            match self.ahead(at + length - 1).kind {
                TokenKind::OpenBracket => open += 1,
                TokenKind::CloseBracket => open -= 1,
                TokenKind::End | TokenKind::OpenBrace | TokenKind::CloseBrace => return None,
                _ => {}
            }
            if open == 0 {
                return Some(length);
            }
        }
        None
    }

    /// Returns the expression of `count` tokens in parentheses, in our own words; nothing if it ends with an operator.
    fn in_parentheses(&self, first: usize, count: usize, place: Place) -> Option<String> {
        let tokens = &self.lexed.tokens[first..first + count];
        let last = tokens.last()?;
        if matches!(last.kind, TokenKind::Unknown | TokenKind::Equals | TokenKind::Colon) {
            return None;
        }
        let mut text = String::from("(");
        let mut from = tokens[0].span.start as usize;
        let mut at = 0;
        let mut after_operand = false;
        while let Some(token) = tokens.get(at) {
            text.push_str(&self.text[from..token.span.start as usize]);
            let written = self.token_text(*token);
            let mut length = 1;
            match token.kind {
                TokenKind::Word if after_operand => {
                    let operator = WORD_OPERATORS.iter().find(|(word, _)| *word == written);
                    text.push_str(operator.map_or(written, |(_, operator)| operator));
                    after_operand = false;
                }
                TokenKind::Word
                    if written == "not" && tokens.get(at + 1).is_some_and(|next| next.kind != TokenKind::Dot) =>
                {
                    text.push('!');
                    from = tokens[at + 1].span.start as usize;
                    at += 1;
                    continue;
                }
                TokenKind::Word => {
                    let rest = &tokens[at..];
                    let dots = rest[1..]
                        .chunks(2)
                        .take_while(|pair| pair.len() == 2 && pair[0].kind == TokenKind::Dot);
                    length = 1 + 2 * dots.count();
                    let is_call = rest.get(length).is_some_and(|next| next.kind == TokenKind::Expression);
                    let path: Vec<&str> = rest[..length]
                        .iter()
                        .step_by(2)
                        .map(|word| self.token_text(*word))
                        .collect();
                    text.push_str(&match place {
                        Place::Condition if !is_call => in_an_expression(&path),
                        Place::Condition | Place::Value => path.join("."),
                    });
                    after_operand = true;
                }
                TokenKind::Equals => {
                    length = tokens[at..]
                        .iter()
                        .take_while(|next| next.kind == TokenKind::Equals)
                        .count();
                    let follows = at > 0 && tokens[at - 1].kind == TokenKind::Unknown;
                    text.push_str(if follows { "=" } else { "==" });
                    after_operand = false;
                }
                TokenKind::Unknown | TokenKind::Colon => {
                    text.push_str(written);
                    after_operand = false;
                }
                _ => {
                    text.push_str(written);
                    after_operand = true;
                }
            }
            at += length;
            from = tokens[at - 1].span.end as usize;
        }
        text.push(')');
        Some(text)
    }
}

/// Returns what a path of a condition in the old form is in an expression.
fn in_an_expression(path: &[&str]) -> String {
    match path {
        [word @ ("true" | "false" | "null")] => (*word).to_owned(),
        [input] => format!("inputs.{input}"),
        [root, ..] if super::ROOTS.contains(root) => path.join("."),
        [step, "completed" | "failed" | "skipped"] => format!("steps.{step}.{}", path[1]),
        [step, marker] => format!("(\"{marker}\" in steps.{step}.markers)"),
        _ => format!("steps.{}", path.join(".")),
    }
}
