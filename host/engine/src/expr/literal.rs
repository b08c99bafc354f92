//! What a number or a quoted text in an expression stands for.

use super::error::SyntaxError;
use super::lexer::TokenKind;
use std::ops::Range;
use std::sync::Arc;

/// Reads the number at `at`; returns it with its length.
pub(super) fn number(source: &str, at: usize) -> Result<(TokenKind, usize), SyntaxError> {
    let text = &source[at..];
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let length = count(digits, |byte| byte.is_ascii_hexdigit());
        let end = 2 + length + suffix(&digits[length..]);
        no_name_follows(source, at, end)?;
        return match u64::from_str_radix(&digits[..length], 16) {
            Ok(int) => Ok((TokenKind::Int(int), end)),
            Err(_) if length == 0 => Err(error(at..at + end, "a number without digits")),
            Err(_) => Err(too_large(at..at + end)),
        };
    }
    let whole = count(text, |byte| byte.is_ascii_digit());
    let fraction = match text[whole..].strip_prefix('.') {
        Some(rest) => match count(rest, |byte| byte.is_ascii_digit()) {
            0 => 0,
            digits => digits + 1,
        },
        None => 0,
    };
    let exponent = exponent(&text[whole + fraction..]);
    let end = whole + fraction + exponent;
    if fraction + exponent == 0 {
        let end = end + suffix(&text[end..]);
        no_name_follows(source, at, end)?;
        return match text[..whole].parse() {
            Ok(int) => Ok((TokenKind::Int(int), end)),
            Err(_) => Err(too_large(at..at + end)),
        };
    }
    no_name_follows(source, at, end)?;
    match text[..end].parse::<f64>() {
        Ok(double) if double.is_finite() => Ok((TokenKind::Double(double), end)),
        _ => Err(error(at..at + end, "a number that is too large")),
    }
}

/// Reads the digits at `at`, which name the place of an element after a dot; returns them with their length.
pub(super) fn place(source: &str, at: usize) -> Result<(TokenKind, usize), SyntaxError> {
    let length = count(&source[at..], |byte| byte.is_ascii_digit());
    no_name_follows(source, at, length)?;
    match source[at..at + length].parse() {
        Ok(int) => Ok((TokenKind::Int(int), length)),
        Err(_) => Err(too_large(at..at + length)),
    }
}

/// Reads the quoted text at `at` after `prefix` bytes (1 for a raw text); returns it with its length.
pub(super) fn text(source: &str, at: usize, prefix: usize) -> Result<(TokenKind, usize), SyntaxError> {
    let body = &source[at + prefix..];
    let quote = &body[..1];
    let triple = quote.repeat(3);
    let delimiter = if body.starts_with(&triple) {
        triple.as_str()
    } else {
        quote
    };
    let mut text = String::new();
    let mut position = at + prefix + delimiter.len();
    loop {
        let rest = &source[position..];
        if rest.starts_with(delimiter) {
            return Ok((TokenKind::Text(Arc::from(text)), position + delimiter.len() - at));
        }
        match rest.chars().next() {
            None => return Err(unterminated(at..source.len(), delimiter)),
            Some('\n') if delimiter.len() == 1 => return Err(unterminated(at..position, delimiter)),
            Some('\\') if prefix == 0 => {
                let (character, length) = escape(source, position)?;
                text.push(character);
                position += length;
            }
            Some(character) => {
                text.push(character);
                position += character.len_utf8();
            }
        }
    }
}

/// Reads the escape at `at`; returns its character and its length.
fn escape(source: &str, at: usize) -> Result<(char, usize), SyntaxError> {
    let Some(letter) = source[at + 1..].chars().next() else {
        return Err(error(at..at + 1, "a backslash at the end"));
    };
    let character = match letter {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '?' | '"' | '\'' | '`' => letter,
        'x' | 'X' => return coded(source, at, 2, 2, 16),
        'u' => return coded(source, at, 2, 4, 16),
        'U' => return coded(source, at, 2, 8, 16),
        '0'..='3' => return coded(source, at, 1, 3, 8),
        _ => {
            return Err(SyntaxError {
                range: at..at + 1 + letter.len_utf8(),
                message: format!("unknown escape `\\{}`", letter.escape_debug()),
                hint: Some("write `\\\\` for a backslash, or a raw text: `r'..'`".to_owned()),
            });
        }
    };
    Ok((character, 2))
}

fn coded(source: &str, at: usize, lead: usize, digits: usize, radix: u32) -> Result<(char, usize), SyntaxError> {
    let start = at + lead;
    let end = start + digits;
    source
        .get(start..end)
        .filter(|text| text.bytes().all(|byte| char::from(byte).is_digit(radix)))
        .and_then(|text| u32::from_str_radix(text, radix).ok())
        .and_then(char::from_u32)
        .map(|character| (character, end - at))
        .ok_or_else(|| {
            let kind = if radix == 8 { "octal" } else { "hexadecimal" };
            error(
                at..start,
                &format!("this escape needs {digits} {kind} digits that name a Unicode character"),
            )
        })
}

fn count(text: &str, accepts: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| accepts(*byte)).count()
}

/// Returns the length of the exponent at the beginning of `text`.
fn exponent(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(['e', 'E']) else {
        return 0;
    };
    let sign = usize::from(rest.starts_with(['+', '-']));
    match count(&rest[sign..], |byte| byte.is_ascii_digit()) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// Returns the length of CEL's mark of an unsigned number, which here is a number like any other.
fn suffix(text: &str) -> usize {
    usize::from(text.starts_with(['u', 'U']))
}

fn no_name_follows(source: &str, at: usize, length: usize) -> Result<(), SyntaxError> {
    let rest = &source[at + length..];
    let name = count(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name == 0 {
        return Ok(());
    }
    let range = at..at + length + name;
    Err(SyntaxError {
        message: format!("`{}` is neither a number nor a name", &source[range.clone()]),
        range,
        hint: Some("a name begins with a letter; text stands in quotes".to_owned()),
    })
}

fn unterminated(range: Range<usize>, delimiter: &str) -> SyntaxError {
    let hint = (delimiter.len() == 1).then(|| "text over several lines stands in `\"\"\"`".to_owned());
    SyntaxError {
        range,
        message: format!("this text has no closing {delimiter}"),
        hint,
    }
}

fn too_large(range: Range<usize>) -> SyntaxError {
    SyntaxError {
        range,
        message: "an integer that does not fit 64 bits".to_owned(),
        hint: Some("with a decimal point it is a double: `1e20`".to_owned()),
    }
}

fn error(range: Range<usize>, message: &str) -> SyntaxError {
    SyntaxError {
        range,
        message: message.to_owned(),
        hint: None,
    }
}
