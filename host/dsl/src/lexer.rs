//! How text becomes tokens: never fails, never stops, reports what it cannot read.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::literal::ExpressionScan;
use crate::source::{MAX_EXPRESSION_BYTES, MAX_LEVELS, Span};
use crate::token::{CommentToken, Token, TokenKind};
use std::cell::Cell;

/// The tokens of a text.
#[derive(Clone, Debug)]
pub struct Lexed {
    /// The tokens; the last one is [`TokenKind::End`].
    pub tokens: Vec<Token>,
    /// The comments, in order.
    pub comments: Vec<CommentToken>,
    /// What could not be read.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether a literal without end swallowed the rest of the text.
    pub swallowed_rest: bool,
    /// Whether a literal without end may have swallowed a declaration.
    pub lost: bool,
}

/// Returns the tokens of `text`.
pub fn lex(text: &str) -> Lexed {
    let first = Lexer::new(text, false).run();
    if first
        .diagnostics
        .iter()
        .any(|diagnostic| diagnostic.code == Code::UnclosedText)
    {
        // One quote too few turns all later texts inside out. Texts that seem to hold code are cut at their first
        // line now, so that the message points at the line that lacks the quote.
        return Lexer::new(text, true).run();
    }
    first
}

/// How many findings one text gives at most: nobody reads more, and a hostile file must not fill the memory.
pub(crate) const MAX_FINDINGS: usize = 200;

/// How many bytes are looked at in search of a closing delimiter that is not there, over the whole text.
///
/// Without it a file of nothing but opening parentheses takes the square of its length.
const MAX_VAIN_BYTES: usize = 2 * 1024 * 1024;

struct Lexer<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    cut_suspicious: bool,
    /// How many more bytes may be looked at in vain, see [`MAX_VAIN_BYTES`].
    vain_budget: usize,
    /// The last line whose end was asked for: from where, and the end.
    line: Cell<(usize, usize)>,
    lexed: Lexed,
}

impl<'t> Lexer<'t> {
    fn new(text: &'t str, cut_suspicious: bool) -> Self {
        let lexed = Lexed {
            tokens: Vec::new(),
            comments: Vec::new(),
            diagnostics: Vec::new(),
            swallowed_rest: false,
            lost: false,
        };
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            cut_suspicious,
            vain_budget: MAX_VAIN_BYTES,
            line: Cell::new((1, 0)),
            lexed,
        }
    }

    fn run(mut self) -> Lexed {
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        loop {
            let (begins_line, blank_before) = self.skip_trivia();
            let start = self.at;
            let (kind, closed) = if start < self.bytes.len() {
                self.token()
            } else {
                (TokenKind::End, true)
            };
            let comments = u32::try_from(self.lexed.comments.len()).unwrap_or(u32::MAX);
            let span = Span::new(start, self.at);
            self.lexed.tokens.push(Token {
                kind,
                span,
                begins_line,
                blank_before,
                closed,
                comments,
            });
            if kind == TokenKind::End {
                return self.lexed;
            }
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.lexed.diagnostics.len() < MAX_FINDINGS {
            self.lexed.diagnostics.push(diagnostic);
        }
    }

    /// Returns how far a closing delimiter of what begins at `start` is searched.
    fn search_end(&self, start: usize) -> usize {
        if self.vain_budget == 0 {
            self.end_of_line(start)
        } else {
            self.bytes.len()
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Skips blanks and comments; returns whether the next token begins a line and whether an empty line is before it.
    fn skip_trivia(&mut self) -> (bool, bool) {
        let mut begins_line = self.lexed.tokens.is_empty();
        let mut breaks = 0;
        loop {
            match self.peek(0) {
                b'\n' => {
                    begins_line = true;
                    breaks += 1;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' => self.comment(!begins_line, &mut breaks),
                b'/' if self.peek(1) == b'/' => self.comment(!begins_line, &mut breaks),
                b'-' if self.peek(1) == b'-' => {
                    let span = Span::new(self.at, self.at + 2);
                    let message = "comments are `//` or `#`";
                    let diagnostic = Diagnostic::error(Code::CommentMark, span, message)
                        .label("write `//`")
                        .suggest(span, "//");
                    self.report(diagnostic.help("begin the comment with `//` or `#`"));
                    self.comment(!begins_line, &mut breaks);
                }
                _ => return (begins_line, breaks > 1),
            }
        }
    }

    fn comment(&mut self, trailing: bool, breaks: &mut u32) {
        let start = self.at;
        let length = self.bytes[start..]
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(self.bytes.len() - start);
        self.at = start + length;
        let end = start + self.text[start..self.at].trim_end().len();
        self.lexed.comments.push(CommentToken {
            span: Span::new(start, end),
            trailing,
            blank_before: *breaks > 1,
        });
        *breaks = 0;
    }

    /// Takes one token; returns its kind and whether it is closed.
    fn token(&mut self) -> (TokenKind, bool) {
        let first = self.peek(0);
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.skip_while(is_name_byte);
                (TokenKind::Word, true)
            }
            b'0'..=b'9' => (self.number(), true),
            b'-' if self.peek(1).is_ascii_digit() => (self.number(), true),
            b'"' if self.peek(1) == b'"' && self.peek(2) == b'"' => (TokenKind::Block, self.block()),
            b'"' => (TokenKind::Quoted, self.quoted(b'"')),
            b'\'' if self.peek(1) == b'\'' && self.peek(2) == b'\'' => self.triple_single_quotes(),
            b'\'' => (TokenKind::Raw, self.quoted(b'\'')),
            b'`' if self.peek(1) == b'`' && self.peek(2) == b'`' => (TokenKind::Code, self.code()),
            b'(' => self.expression(),
            b'{' => self.single(TokenKind::OpenBrace),
            b'}' => self.single(TokenKind::CloseBrace),
            b'[' => self.single(TokenKind::OpenBracket),
            b']' => self.single(TokenKind::CloseBracket),
            b'=' => self.single(TokenKind::Equals),
            b',' => self.single(TokenKind::Comma),
            b'.' => self.single(TokenKind::Dot),
            b':' => self.single(TokenKind::Colon),
            _ => self.unknown(),
        }
    }

    fn single(&mut self, kind: TokenKind) -> (TokenKind, bool) {
        self.at += 1;
        (kind, true)
    }

    fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) {
        while self.at < self.bytes.len() && belongs(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> TokenKind {
        self.at += 1;
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
        if matches!(self.peek(0), b'e' | b'E') && self.peek(1 + sign).is_ascii_digit() {
            self.at += 1 + sign;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        if is_name_byte(self.peek(0)) {
            self.skip_while(is_name_byte);
            return TokenKind::Duration;
        }
        TokenKind::Number
    }

    fn unknown(&mut self) -> (TokenKind, bool) {
        let start = self.at;
        if self.text[start..].starts_with("/*") {
            let rest = &self.text[start..];
            self.at = rest
                .find("*/")
                .map_or_else(|| self.end_of_line(start), |end| start + end + 2);
            let span = Span::new(start, self.at);
            let diagnostic = Diagnostic::error(Code::UnexpectedCharacter, span, "there are no comments `/* … */`");
            self.report(diagnostic.help("comments are `//` or `#`, each to the end of its line"));
            return (TokenKind::Unknown, true);
        }
        let begins_token =
            |byte: u8| is_name_byte(byte) || byte.is_ascii_whitespace() || b"\"'`({}[]=,.:#/".contains(&byte);
        self.at += 1;
        while self.at < self.bytes.len() && (!self.text.is_char_boundary(self.at) || !begins_token(self.bytes[self.at]))
        {
            self.at += 1;
        }
        let written: String = self.text[start..self.at].chars().take(20).collect();
        let message = format!("`{}` has no meaning here", written.escape_debug());
        let mut diagnostic = Diagnostic::error(Code::UnexpectedCharacter, Span::new(start, self.at), message);
        if written.contains(['“', '”', '„', '‘', '’']) {
            diagnostic = diagnostic.help("texts stand between straight quotes: \"…\"");
        } else if written.starts_with(')') {
            diagnostic = diagnostic.help("an expression begins with `(`");
        } else if written.starts_with('`') {
            diagnostic = diagnostic.help("a code fence has at least three backticks");
        } else if written.starts_with(';') {
            diagnostic = diagnostic.help("nothing separates attributes and steps but blanks");
        } else if written == "-" && self.peek(0) == b' ' {
            diagnostic = diagnostic.help("a list is `[a, b]`; minus stands in an expression: `( … )`");
        } else if written.starts_with(['!', '<', '>', '+', '*', '&', '|', '?', '-']) {
            diagnostic = diagnostic.help("expressions stand in parentheses: `( … )`");
        }
        self.report(diagnostic);
        (TokenKind::Unknown, true)
    }

    /// Takes a text between `quote` bytes.
    fn quoted(&mut self, quote: u8) -> bool {
        let start = self.at;
        let end = self.search_end(start);
        self.at += 1;
        while self.at < end {
            match self.bytes[self.at] {
                byte if byte == quote => {
                    self.at += 1;
                    let text = &self.text[start..self.at];
                    // A word right behind a text of several lines: what ended it was to begin the next one.
                    let is_inside_out = text.contains('\n') && is_name_byte(self.peek(0));
                    if self.cut_suspicious && (is_inside_out || holds_code(text)) {
                        break;
                    }
                    if quote == b'"' && self.is_quote_in_template(start) {
                        return true;
                    }
                    if quote == b'"' {
                        self.doubt_escapes(start + 1, self.at - 1);
                    }
                    return true;
                }
                b'\\' if quote == b'"' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.vain_budget = self.vain_budget.saturating_sub(self.at - start);
        self.lexed.lost = true;
        self.at = self.end_of_line(start).max(start + 1);
        let shown = if quote == b'"' { "\"" } else { "'" };
        let message = format!("this text has no closing `{shown}`");
        let diagnostic = Diagnostic::error(Code::UnclosedText, Span::new(start, self.at), message);
        self.report(
            diagnostic
                .label("begins here")
                .help(format!("add `{shown}` where the text ends")),
        );
        false
    }

    /// Returns whether the text from `start`, closed just now, ends within a `{{ }}` that goes on behind it; if so reports
    /// that and takes the rest of the line up to the quote that was meant.
    fn is_quote_in_template(&mut self, start: usize) -> bool {
        let text = &self.text[start..self.at - 1];
        let Some(open) = text.rfind("{{").filter(|open| !text[*open..].contains("}}")) else {
            return false;
        };
        let escaped = text[..open].ends_with('\\');
        if escaped || !(is_name_byte(self.peek(0)) || self.peek(0) == b'"') {
            return false;
        }
        let line = &self.text[self.at..self.end_of_line(self.at)];
        let Some(close) = line.find("}}") else { return false };
        let Some(quote) = line[close..].find('"') else {
            return false;
        };
        let span = Span::new(start + open, self.at + close + 2);
        let mended = span.of(self.text).replace('"', "'");
        let message = "a quote within `{{ … }}` ends the text around it";
        let diagnostic = Diagnostic::error(Code::UnexpectedCharacter, span, message);
        self.report(diagnostic.help("write `'…'` within a text").suggest(span, mended));
        self.at += close + quote + 1;
        true
    }

    fn block(&mut self) -> bool {
        let start = self.at;
        self.at += 3;
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'"' if self.peek(1) == b'"' && self.peek(2) == b'"' => {
                    self.at += 3;
                    self.doubt_escapes(start + 3, self.at - 3);
                    return true;
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.swallow_rest(
            start,
            start + 3,
            "this text has no closing `\"\"\"`",
            Code::UnclosedBlock,
        );
        false
    }

    fn code(&mut self) -> bool {
        let start = self.at;
        self.skip_while(|byte| byte == b'`');
        let fence = self.at - start;
        let mut line = self.end_of_line(start);
        let word = self.text[self.at..line].trim();
        if word.contains(|c: char| !(c.is_alphanumeric() || "_+.#-".contains(c))) {
            let span = Span::new(self.at, line);
            let diagnostic = Diagnostic::error(
                Code::UnclosedFence,
                span,
                "only the name of a language stands beside a code fence",
            );
            self.report(diagnostic.help("begin the code on the next line"));
        }
        while line < self.bytes.len() {
            line += 1;
            let end = self.end_of_line(line);
            let text = &self.text[line..end];
            let begin = line + text.len() - text.trim_start_matches([' ', '\t']).len();
            let ticks = self.bytes[begin..end].iter().take_while(|byte| **byte == b'`').count();
            if ticks >= fence {
                self.at = begin + ticks;
                return true;
            }
            line = end;
        }
        self.swallow_rest(
            start,
            start + fence,
            "this code fence is never closed",
            Code::UnclosedFence,
        );
        false
    }

    fn swallow_rest(&mut self, start: usize, end: usize, message: &str, code: Code) {
        self.at = self.bytes.len();
        self.lexed.swallowed_rest = true;
        self.lexed.lost = true;
        let diagnostic = Diagnostic::error(code, Span::new(start, end), message);
        self.report(diagnostic.label("begins here").help("close it on a line of its own"));
    }

    /// Takes a text between triple single quotes, which there are none of.
    fn triple_single_quotes(&mut self) -> (TokenKind, bool) {
        let start = self.at;
        let end = self.text[start + 3..self.search_end(start).max(start + 3)].find("'''");
        self.at = end.map_or_else(|| self.end_of_line(start), |length| start + 3 + length + 3);
        let span = Span::new(start, self.at);
        let diagnostic = Diagnostic::error(Code::UnexpectedCharacter, span, "there are no triple single quotes");
        let inner = span.of(self.text).trim_matches('\'');
        self.report(match end {
            Some(_) if !inner.contains("\"\"\"") => diagnostic
                .help("a text of several lines stands between `\"\"\"`, one without escapes between `'…'`")
                .suggest(span, format!("\"\"\"{inner}\"\"\"")),
            _ => diagnostic.help("a text of several lines stands between `\"\"\"`"),
        });
        (TokenKind::Unknown, end.is_some())
    }

    /// Takes an expression: everything up to the matching parenthesis. One that cannot be read becomes an unknown token,
    /// so that nothing more is said about it.
    fn expression(&mut self) -> (TokenKind, bool) {
        let start = self.at;
        let mut scan = ExpressionScan::default();
        let mut deepest = 0;
        let mut characters = self.text[start..self.search_end(start)].char_indices().peekable();
        self.at = self.bytes.len();
        while let Some((offset, character)) = characters.next() {
            scan.step(character, characters.peek().map(|(_, next)| *next));
            deepest = deepest.max(scan.brackets.len());
            if scan.mismatch {
                // `(a[1)` ends there all the same; another bracket belongs to what is around.
                let own = usize::from(character == ')' && self.end_of_line(start) > start + offset);
                self.at = start + offset + own;
                break;
            }
            if scan.brackets.is_empty() {
                self.at = start + offset + character.len_utf8();
                let kind = if self.is_within_limits(start, deepest) {
                    TokenKind::Expression
                } else {
                    TokenKind::Unknown
                };
                return (kind, true);
            }
        }
        self.vain_budget = self.vain_budget.saturating_sub(self.at - start);
        // Only the first line is taken, without what closes or opens a block on it, so that the rest still makes sense.
        let line_end = self.end_of_line(start);
        if scan.mismatch && self.at < line_end {
            self.at = start + self.text[start..self.at].trim_end().len();
        } else {
            let line = self.text[start..line_end].trim_end();
            self.at = start + until_block(line).trim_end().len();
        }
        self.at = self.at.max(start + 1);
        // `=` alone stands in no expression: an attribute is gone with it.
        self.lexed.lost |= self.text[start..self.at].contains(" = ");
        let span = Span::new(start, self.at);
        let missing = match (scan.mismatch, scan.expected) {
            (true, Some(bracket)) => bracket,
            _ => ')',
        };
        let message = format!("this expression has no closing `{missing}`");
        let help = format!("add `{missing}` where it belongs");
        let diagnostic = Diagnostic::error(Code::UnclosedExpression, span, message)
            .label("begins here")
            .help(help);
        self.report(match closing_of(span.of(self.text)) {
            Some((place, closing)) => diagnostic.suggest(Span::new(start + place, start + place), closing),
            None => diagnostic,
        });
        (TokenKind::Unknown, false)
    }

    /// Returns whether an expression keeps the limits; reports if it does not.
    fn is_within_limits(&mut self, start: usize, deepest: usize) -> bool {
        let span = Span::new(start, self.at);
        if span.range().len() > MAX_EXPRESSION_BYTES {
            let message = format!(
                "this expression has {} bytes, of at most {MAX_EXPRESSION_BYTES} (64 KiB)",
                span.range().len()
            );
            let place = Span::new(start, start + 1);
            self.report(
                Diagnostic::error(Code::ExpressionTooLong, place, message)
                    .help("put the data into a file or a step's output"),
            );
            return false;
        }
        if deepest > MAX_LEVELS {
            let message = format!("brackets are nested {deepest} levels deep, of at most {MAX_LEVELS}");
            let diagnostic = Diagnostic::error(Code::TooDeep, Span::new(start, start + 1), message);
            self.report(diagnostic.help("compute a part of it in a `set { … }` before"));
            return false;
        }
        true
    }

    /// Warns of escapes that only drop their backslash, such as those of a regular expression.
    fn doubt_escapes(&mut self, start: usize, end: usize) {
        let bytes = &self.bytes[start..end];
        let mut at = 0;
        let mut open_placeholder = false;
        while at + 1 < bytes.len() {
            match (bytes[at], bytes[at + 1]) {
                (b'{', b'{') => open_placeholder = true,
                (b'}', b'}') => open_placeholder = false,
                (b'\\', escaped) => {
                    if !open_placeholder && escaped.is_ascii_alphanumeric() && !matches!(escaped, b'n' | b't') {
                        let span = Span::new(start + at, start + at + 2);
                        let shown = char::from(escaped);
                        let message = format!("`\\{shown}` in double quotes means just `{shown}`");
                        let help = format!("write `\\\\{shown}` for a backslash, or use '…' for a regular expression");
                        self.report(Diagnostic::warning(Code::DoubtfulEscape, span, message).help(help));
                        return;
                    }
                    at += 1;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Returns where the line that holds `from` ends, without its line break.
    fn end_of_line(&self, from: usize) -> usize {
        let from = from.min(self.bytes.len());
        // Many broken literals on one long line ask for the same end.
        let (start, end) = self.line.get();
        if (start..=end).contains(&from) {
            return end;
        }
        let rest = &self.bytes[from..];
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.bytes.len(), |length| from + length);
        let has_return = end > from && end < self.bytes.len() && self.bytes[end - 1] == b'\r';
        let end = end - usize::from(has_return);
        self.line.set((from, end));
        end
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Returns the part of `line`, which begins with an expression that is never closed, up to the brace that must begin a
/// block: one that follows an operand.
fn until_block(line: &str) -> &str {
    let mut scan = ExpressionScan::default();
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == '{' && !scan.in_quotes() {
            let before = line[..at].trim_end();
            let after_operand = before.ends_with(|last: char| last.is_alphanumeric() || "_\"')]".contains(last));
            if after_operand && !before.ends_with(" in") {
                return before;
            }
        }
        scan.step(character, characters.peek().map(|(_, next)| *next));
    }
    line.strip_suffix('{').unwrap_or(line)
}

/// Returns what closes the brackets that are open at the end of `text`, and where it belongs; nothing if that would not
/// mend it.
fn closing_of(text: &str) -> Option<(usize, String)> {
    let own = text.strip_suffix(')').filter(|inner| {
        let mut scan = ExpressionScan::default();
        step_through(&mut scan, inner);
        scan.brackets.len() > 1 && scan.brackets.last() != Some(&')')
    });
    let text = own.unwrap_or(text);
    let mut scan = ExpressionScan::default();
    step_through(&mut scan, text);
    let complete = text.ends_with(|last: char| last.is_alphanumeric() || "_\"')]}".contains(last));
    if scan.in_quotes() || scan.mismatch || !complete {
        return None;
    }
    let closing: String = scan.brackets.iter().skip(usize::from(own.is_some())).rev().collect();
    Some((text.len(), closing))
}

fn step_through(scan: &mut ExpressionScan, text: &str) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        scan.step(character, characters.peek().copied());
    }
}

/// Returns whether the second line of a literal looks like an attribute or the end of a block.
fn holds_code(literal: &str) -> bool {
    let Some((_, rest)) = literal.split_once('\n') else {
        return false;
    };
    let line = rest.lines().next().unwrap_or_default().trim();
    let after_name = line
        .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        .trim_start();
    let assignment = after_name.len() < line.len() && (after_name.starts_with('=') || after_name.ends_with('{'));
    line.starts_with('}') || assignment
}
