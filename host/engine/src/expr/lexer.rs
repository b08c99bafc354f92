//! Which tokens an expression's source consists of.

use super::error::SyntaxError;
use super::literal;
use std::ops::Range;
use std::sync::Arc;

/// A token with its place.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) range: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name or word; its text is that of the source.
    Word,
    Text(Arc<str>),
    /// The digits of an integer; the sign is an operator.
    Int(u64),
    Double(f64),
    Symbol(&'static str),
    End,
}

/// The operators and brackets, longer ones before their beginnings.
const SYMBOLS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "+", "-", "*", "/", "%", "!",
    "<", ">",
];

/// Returns the tokens of `source`, the last one being [`TokenKind::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blank(source, at);
        let rest = &source[at..];
        let Some(first) = rest.chars().next() else {
            tokens.push(Token {
                kind: TokenKind::End,
                range: at..at,
            });
            return Ok(tokens);
        };
        let (kind, length) = match first {
            'A'..='Z' | 'a'..='z' | '_' => word_or_text(source, at)?,
            '\'' | '"' => literal::text(source, at, 0)?,
            '0'..='9' if follows_dot(&tokens) => literal::place(source, at)?,
            '0'..='9' => literal::number(source, at)?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) && !follows_operand(&tokens) => {
                literal::number(source, at)?
            }
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (TokenKind::Symbol(symbol), symbol.len()),
                None => return Err(unexpected(at, first)),
            },
        };
        tokens.push(Token {
            kind,
            range: at..at + length,
        });
        at += length;
    }
}

/// Returns the length of the name at the beginning of `text`: a hyphen between name characters belongs to it (rule R5).
fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut end = 0;
    loop {
        end += bytes[end..].iter().take_while(|byte| is_name(byte)).count();
        let hyphens = bytes[end..].iter().take_while(|byte| **byte == b'-').count();
        if hyphens == 0 || !bytes.get(end + hyphens).is_some_and(is_name) {
            return end;
        }
        end += hyphens;
    }
}

fn word_or_text(source: &str, at: usize) -> Result<(TokenKind, usize), SyntaxError> {
    let bytes = source.as_bytes();
    if matches!(bytes.get(at + 1), Some(b'\'' | b'"')) {
        match bytes[at] {
            b'r' | b'R' => return literal::text(source, at, 1),
            b'b' | b'B' => {
                return Err(SyntaxError {
                    range: at..at + 1,
                    message: "there are no byte strings".to_owned(),
                    hint: Some("leave out the `b`: a text holds any Unicode characters".to_owned()),
                });
            }
            _ => {}
        }
    }
    Ok((TokenKind::Word, word_length(&source[at..])))
}

fn follows_operand(tokens: &[Token]) -> bool {
    tokens.last().is_some_and(|token| match token.kind {
        TokenKind::Word | TokenKind::Text(_) | TokenKind::Int(_) | TokenKind::Double(_) => true,
        TokenKind::Symbol(symbol) => matches!(symbol, ")" | "]" | "}"),
        TokenKind::End => false,
    })
}

/// Returns whether a member is selected next: in `items.0.5` no number with a fraction stands.
fn follows_dot(tokens: &[Token]) -> bool {
    let kinds: Vec<&TokenKind> = tokens.iter().rev().take(2).map(|token| &token.kind).collect();
    matches!(
        kinds.as_slice(),
        [TokenKind::Symbol("."), ..] | [TokenKind::Symbol("?"), TokenKind::Symbol(".")]
    )
}

fn skip_blank(source: &str, mut at: usize) -> usize {
    loop {
        let rest = &source[at..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{c}']).len();
        at += blank;
        let rest = &source[at..];
        if rest.starts_with("//") || rest.starts_with('#') {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if blank == 0 {
            return at;
        }
    }
}

fn unexpected(at: usize, first: char) -> SyntaxError {
    let hint = match first {
        '=' => Some("to compare write `==`"),
        '&' => Some("for \"and\" write `&&`"),
        '|' => Some("for \"or\" write `||`"),
        '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' | '`' => Some("text stands in `\"..\"` or `'..'`"),
        '$' => Some("names stand alone: `inputs.name`"),
        ';' => Some("an expression is a single one, without `;`"),
        _ => None,
    };
    SyntaxError {
        range: at..at + first.len_utf8(),
        message: format!("unexpected `{}`", first.escape_debug()),
        hint: hint.map(str::to_owned),
    }
}
