//! What a literal means: escapes, placeholders, indentation, numbers and units.

use crate::source::Span;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// A piece of expression text with the way back to the file.
///
/// The text can differ from the file's: `\"` inside a string is `"` here, a line break is one `\n`, comments are blanks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fragment {
    /// The expression, without its parentheses or braces.
    pub code: String,
    /// The same as in the file, for the formatter.
    #[serde(skip)]
    pub written: String,
    /// Where it stands, without its parentheses or braces.
    pub span: Span,
    /// From each of these offsets in `code` on, bytes stand one after the other in the file from the second offset.
    #[serde(skip)]
    shifts: Vec<(u32, u32)>,
}

impl Fragment {
    /// Returns the expression `code` that stands at `span` byte by byte.
    pub fn verbatim(code: &str, span: Span) -> Self {
        Self {
            code: code.to_owned(),
            written: code.to_owned(),
            span,
            shifts: vec![(0, span.start)],
        }
    }

    /// Returns the expression `code` that was written at `span` with escapes: of a part of it only the whole is known.
    pub fn escaped(code: &str, span: Span) -> Self {
        Self {
            shifts: Vec::new(),
            ..Self::verbatim(code, span)
        }
    }

    /// Returns where in the file the bytes `start..end` of `code` stand.
    pub fn locate(&self, start: usize, end: usize) -> Span {
        if self.shifts.is_empty() {
            return self.span;
        }
        Span::new(
            self.offset(start),
            if end > start {
                self.offset(end - 1) + 1
            } else {
                self.offset(start)
            },
        )
    }

    fn offset(&self, at: usize) -> usize {
        let index = self
            .shifts
            .partition_point(|(from, _)| *from as usize <= at)
            .saturating_sub(1);
        self.shifts.get(index).map_or(self.span.start as usize, |(from, to)| {
            *to as usize + at - *from as usize
        })
    }
}

/// How a text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextForm {
    /// `"…"`: escapes and placeholders.
    Quoted,
    /// `"""…"""`: escapes, placeholders, common indentation removed.
    Block,
    /// `'…'`: neither escapes nor placeholders.
    Raw,
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Text {
    /// How it was written.
    pub form: TextForm,
    /// What it means where placeholders have no meaning.
    pub plain: String,
    /// What it means where placeholders are filled in.
    pub parts: Vec<TextPart>,
    /// What stands between the delimiters, line breaks as `\n`; of a block without its common indentation.
    #[serde(skip)]
    pub written: String,
    /// Where it stands, delimiters included.
    pub span: Span,
    /// Whether its closing delimiter is there; the text goes to the end of the file if not.
    #[serde(skip)]
    pub closed: bool,
}

impl Text {
    /// Returns where the characters between the delimiters stand.
    pub fn inner_span(&self) -> Span {
        let delimiter = if self.form == TextForm::Block { 3 } else { 1 };
        let range = self.span.range();
        let start = (range.start + delimiter).min(range.end);
        let end = range.end - if self.closed { delimiter } else { 0 };
        Span::new(start, end.max(start))
    }

    /// Returns whether each of its bytes stands for itself, at its own place in the file.
    pub fn is_verbatim(&self) -> bool {
        self.plain == self.written && self.inner_span().range().len() == self.written.len()
    }

    /// Returns whether this is a text between triple quotes on one line.
    pub fn is_inline_block(&self) -> bool {
        self.form == TextForm::Block
            && !self.written.contains('\n')
            && self.inner_span().range().len() == self.written.len()
    }
}

/// A part of a text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextPart {
    /// Characters that stand for themselves.
    Plain(String),
    /// `{{ … }}`.
    Placeholder(Fragment),
}

/// A code fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CodeBlock {
    /// The word after the opening fence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The lines between the fences, without the indentation of the closing one.
    pub text: String,
    /// How many backticks a fence has.
    #[serde(skip)]
    pub fence: usize,
}

/// A number.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Number {
    /// As written.
    pub written: String,
    /// What it is.
    pub value: NumberValue,
}

// A literal is always finite, so equality is total.
impl Eq for Number {}

/// What a number is (rule R20).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum NumberValue {
    /// An integer of 64 bits with sign.
    Int(i64),
    /// Any other finite number.
    Double(f64),
}

/// A number with a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DurationLiteral {
    /// As written.
    pub written: String,
    /// In milliseconds in the tree's JSON.
    #[serde(serialize_with = "as_millis")]
    #[schemars(with = "u64")]
    pub duration: Duration,
}

fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// It does not begin with digits.
    #[error("a duration is a number and a unit: 250ms, 30s, 5m, 2h, 1d")]
    NotANumber,
    /// The unit is none of ours.
    #[error("`{0}` is no unit of time; there are ms, s, m, h and d")]
    UnknownUnit(String),
    /// Several units, such as `1h30m`.
    #[error("a duration has one unit{}", .0.as_ref().map(|text| format!(": write `{text}`")).unwrap_or_default())]
    Compound(Option<String>),
    /// More than a signed 64-bit number of milliseconds.
    #[error("longer than any clock can count")]
    Overflow,
}

/// Returns the duration that `text` means; a bare number counts seconds (LANGUAGE section 2).
///
/// # Errors
/// If it is not a number with one known unit, or too long to be counted in milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    if digits.is_empty() {
        return Err(InvalidDuration::NotANumber);
    }
    if unit.contains(|c: char| c.is_ascii_digit()) && unit.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(compound(text).map_or(InvalidDuration::Compound(None), |total| {
            InvalidDuration::Compound(Some(total))
        }));
    }
    let factor = unit_millis(if unit.is_empty() { "s" } else { unit })
        .ok_or_else(|| InvalidDuration::UnknownUnit(unit.to_owned()))?;
    let count: u64 = digits.parse().map_err(|_| InvalidDuration::Overflow)?;
    let millis = count
        .checked_mul(factor)
        .filter(|millis| i64::try_from(*millis).is_ok());
    millis.map(Duration::from_millis).ok_or(InvalidDuration::Overflow)
}

fn unit_millis(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    }
}

/// Returns a duration of one unit that equals a compound one.
fn compound(text: &str) -> Option<String> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit_millis(&tail[..end])?)?)?;
        rest = &tail[end..];
    }
    let (factor, unit) = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
        (1, "ms"),
    ]
    .into_iter()
    .find(|(factor, _)| total.is_multiple_of(*factor))?;
    Some(format!("{}{unit}", total / factor))
}

/// Returns the number that `text` means: an integer if it is one and fits 64 bits, else a double.
pub(crate) fn parse_number(text: &str) -> Option<Number> {
    let value = match text.parse::<i64>() {
        Ok(int) => NumberValue::Int(int),
        Err(_) => NumberValue::Double(text.parse::<f64>().ok().filter(|number| number.is_finite())?),
    };
    Some(Number {
        written: text.to_owned(),
        value,
    })
}

/// Characters with the place in the file where each of them came from.
struct Cooked {
    text: String,
    /// As in [`Fragment`].
    shifts: Vec<(u32, u32)>,
    next: usize,
}

impl Cooked {
    fn new() -> Self {
        Self {
            text: String::new(),
            shifts: Vec::new(),
            next: usize::MAX,
        }
    }

    fn push(&mut self, character: char, from: usize) {
        if from != self.next {
            let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
            self.shifts.push((clamp(self.text.len()), clamp(from)));
        }
        self.text.push(character);
        self.next = from + character.len_utf8();
    }
}

/// Characters of a literal with their offsets in the file, line breaks as one `\n` each.
type Characters = Vec<(usize, char)>;

fn characters(text: &str, start: usize) -> Characters {
    let mut characters = Vec::with_capacity(text.len());
    let mut rest = text.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        if character == '\r' && rest.peek().is_some_and(|(_, next)| *next == '\n') {
            continue;
        }
        characters.push((start + at, character));
    }
    characters
}

fn collect(characters: &[(usize, char)]) -> String {
    characters.iter().map(|(_, character)| *character).collect()
}

/// Returns the expression inside the parentheses of `text`, which stands at `span` with them.
pub(crate) fn expression(text: &str, span: Span, closed: bool) -> Fragment {
    let end = text.len() - usize::from(closed && text.len() > 1);
    let inner = text.get(1..end).unwrap_or_default();
    // Blanks at the ends mean nothing; in several lines they may be the end of a comment or the layout of the author.
    let (blanks, inner) = match inner.contains('\n') {
        true => (0, inner),
        false => (inner.len() - inner.trim_start().len(), inner.trim()),
    };
    let start = span.start as usize + 1 + blanks;
    let characters = characters(inner, start);
    let mut cooked = Cooked::new();
    let mut scan = ExpressionScan::default();
    for (index, (from, character)) in characters.iter().enumerate() {
        let next = characters.get(index + 1).map(|(_, character)| *character);
        scan.step(*character, next);
        cooked.push(
            if scan.in_comment && *character != '\n' {
                ' '
            } else {
                *character
            },
            *from,
        );
    }
    // A blank is one byte, what it replaces may be more: `push` notices by the offsets.
    Fragment {
        code: cooked.text,
        written: collect(&characters),
        span: Span::new(start, start + inner.len()),
        shifts: cooked.shifts,
    }
}

/// Whether a position in expression text is inside quotes, brackets or a comment.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpressionScan {
    quote: Option<char>,
    escaped: bool,
    raw: bool,
    previous: char,
    before_previous: char,
    /// Whether `//` and `#` begin a comment: not in a placeholder, whose end such a comment would swallow.
    no_comments: bool,
    /// Closing brackets that are still to come.
    pub(crate) brackets: Vec<char>,
    /// Whether the last character belongs to a comment.
    pub(crate) in_comment: bool,
    /// The bracket that had to close last.
    pub(crate) expected: Option<char>,
    /// Whether a bracket closed that was not open.
    pub(crate) mismatch: bool,
}

impl ExpressionScan {
    /// Returns a scan of a placeholder.
    fn of_placeholder() -> Self {
        Self {
            no_comments: true,
            ..Self::default()
        }
    }

    /// Returns whether the last character was inside quotes.
    pub(crate) fn in_quotes(&self) -> bool {
        self.quote.is_some()
    }

    /// Takes the next character, knowing the one after it.
    pub(crate) fn step(&mut self, character: char, next: Option<char>) {
        if self.in_comment {
            self.in_comment = character != '\n';
        } else if let Some(quote) = self.quote {
            if self.escaped {
                self.escaped = false;
            } else if character == '\\' && !self.raw {
                self.escaped = true;
            } else if character == quote || character == '\n' {
                // A text in an expression ends on its line at the latest; so a forgotten quote spoils one line.
                self.quote = None;
            }
        } else {
            match character {
                '"' | '\'' => {
                    let word_before = self.before_previous.is_alphanumeric() || self.before_previous == '_';
                    self.raw = matches!(self.previous, 'r' | 'R') && !word_before;
                    self.quote = Some(character);
                }
                '#' => self.in_comment = !self.no_comments,
                '/' if next == Some('/') => self.in_comment = !self.no_comments,
                '(' => self.brackets.push(')'),
                '[' => self.brackets.push(']'),
                '{' => self.brackets.push('}'),
                ')' | ']' | '}' => {
                    self.expected = self.brackets.pop();
                    self.mismatch |= self.expected != Some(character);
                }
                _ => {}
            }
        }
        self.before_previous = std::mem::replace(&mut self.previous, character);
    }
}

/// Returns the text between single quotes.
pub(crate) fn raw_text(inner: &str, span: Span, closed: bool) -> Text {
    let plain = collect(&characters(inner, 0));
    Text {
        form: TextForm::Raw,
        parts: vec![TextPart::Plain(plain.clone())],
        written: plain.clone(),
        plain,
        span,
        closed,
    }
}

/// Returns the text between double quotes; `inner` begins one byte after the beginning of `span`.
pub(crate) fn quoted_text(inner: &str, span: Span, closed: bool) -> Text {
    text(
        TextForm::Quoted,
        &characters(inner, span.start as usize + 1),
        span,
        closed,
    )
}

/// Returns the text between triple quotes; `inner` begins three bytes after the beginning of `span`.
pub(crate) fn block_text(inner: &str, span: Span, closed: bool) -> Text {
    text(
        TextForm::Block,
        &dedent(&characters(inner, span.start as usize + 3)),
        span,
        closed,
    )
}

/// Removes the line break after the opening delimiter, the one before the closing delimiter, and what all lines with
/// something in them begin with.
fn dedent(characters: &[(usize, char)]) -> Characters {
    let mut lines: Vec<&[(usize, char)]> = characters.split(|(_, character)| *character == '\n').collect();
    let blank = |line: &[(usize, char)]| line.iter().all(|(_, character)| matches!(character, ' ' | '\t'));
    // Text beside the opening delimiter has no indentation to speak of.
    let beside = !blank(lines[0]);
    if lines.len() == 1 {
        return characters.to_vec();
    }
    if !beside {
        lines.remove(0);
    }
    let ends_alone = lines.len() > 1 || !beside;
    if ends_alone && lines.last().is_some_and(|line| blank(line)) {
        lines.pop();
    }
    let indentation = |line: &[(usize, char)]| line.iter().take_while(|(_, c)| matches!(c, ' ' | '\t')).count();
    let counted = lines.iter().skip(usize::from(beside)).filter(|line| !blank(line));
    let common = counted.map(|line| indentation(line)).min().unwrap_or(0);
    let mut result = Vec::with_capacity(characters.len());
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            // The break belongs to the end of the line before.
            let from = line.first().map_or(0, |(from, _)| from.saturating_sub(1));
            result.push((from, '\n'));
        }
        let cut = if index == 0 && beside {
            0
        } else {
            common.min(line.len())
        };
        if !blank(line) {
            result.extend_from_slice(&line[cut..]);
        }
    }
    result
}

/// Undoes the escapes of a string and finds its placeholders (rules R6 and R7).
fn text(form: TextForm, characters: &[(usize, char)], span: Span, closed: bool) -> Text {
    let mut parts = Vec::new();
    let mut pending = String::new();
    let mut at = 0;
    while let Some((_, character)) = characters.get(at) {
        let next = characters.get(at + 1).map(|(_, next)| *next);
        match (character, next) {
            ('\\', Some(escaped)) => {
                pending.push(unescape(escaped));
                at += 2;
            }
            ('{', Some('{')) => match placeholder(characters, at + 2, form) {
                Some((fragment, end)) => {
                    if !pending.is_empty() {
                        parts.push(TextPart::Plain(std::mem::take(&mut pending)));
                    }
                    parts.push(TextPart::Placeholder(fragment));
                    at = end;
                }
                None => {
                    pending.push_str("{{");
                    at += 2;
                }
            },
            _ => {
                pending.push(*character);
                at += 1;
            }
        }
    }
    if !pending.is_empty() || parts.is_empty() {
        parts.push(TextPart::Plain(pending));
    }
    Text {
        form,
        plain: plain(characters),
        parts,
        written: collect(characters),
        span,
        closed,
    }
}

fn plain(characters: &[(usize, char)]) -> String {
    let mut plain = String::with_capacity(characters.len());
    let mut rest = characters.iter().map(|(_, character)| *character);
    while let Some(character) = rest.next() {
        match (character, character == '\\') {
            (_, true) => plain.push(rest.next().map_or('\\', unescape)),
            (_, false) => plain.push(character),
        }
    }
    plain
}

fn unescape(escaped: char) -> char {
    match escaped {
        'n' => '\n',
        't' => '\t',
        other => other,
    }
}

/// Returns the placeholder whose expression begins at `start`, and where the text goes on; nothing if it has no end.
fn placeholder(characters: &[(usize, char)], start: usize, form: TextForm) -> Option<(Fragment, usize)> {
    let mut cooked = Cooked::new();
    let mut scan = ExpressionScan::of_placeholder();
    let mut at = start;
    loop {
        let (mut from, mut character) = *characters.get(at)?;
        let mut next = characters.get(at + 1).map(|(_, next)| *next);
        if character == '}' && next == Some('}') && !scan.in_quotes() && scan.brackets.is_empty() {
            let end = from;
            let begin = characters[start].0;
            let written = collect(&characters[start..at]);
            let shifts = if cooked.shifts.is_empty() {
                vec![(0, u32::try_from(begin).unwrap_or(u32::MAX))]
            } else {
                cooked.shifts
            };
            return Some((
                Fragment {
                    code: cooked.text,
                    written,
                    span: Span::new(begin, end),
                    shifts,
                },
                at + 2,
            ));
        }
        // The string layer undoes only `\"`; in a block nothing needs undoing, `"` stands there as it is.
        if form == TextForm::Quoted && character == '\\' && next == Some('"') {
            at += 1;
            (from, character) = characters[at];
            next = characters.get(at + 1).map(|(_, next)| *next);
        }
        scan.step(character, next);
        if scan.mismatch {
            return None;
        }
        cooked.push(character, from);
        at += 1;
    }
}

/// Returns the code between two fences; `text` holds the fences too.
pub(crate) fn code_block(text: &str, closed: bool) -> CodeBlock {
    let text: String = collect(&characters(text, 0));
    let fence = text.bytes().take_while(|byte| *byte == b'`').count();
    let (head, body) = text[fence..].split_once('\n').unwrap_or((&text[fence..], ""));
    let language = Some(head.trim()).filter(|word| !word.is_empty()).map(str::to_owned);
    let (lines, last) = match (closed, body.rsplit_once('\n')) {
        (true, Some((lines, last))) => (Some(lines), last),
        (true, None) => (None, body),
        (false, _) => (Some(body), ""),
    };
    let indentation = last.len() - last.trim_start_matches([' ', '\t']).len();
    let strip = |line: &str| {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        line[blanks.min(indentation)..].to_owned()
    };
    let text = lines
        .map(|lines| lines.split('\n').map(strip).collect::<Vec<_>>().join("\n"))
        .unwrap_or_default();
    CodeBlock { language, text, fence }
}
