//! What is meant by the notations of other languages: lists and pairs of YAML, quotes in quotes, keywords that we lack.

use super::{NODE_KEYWORDS, Parser};
use crate::ast::{CallTarget, Entry, Map, Word};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::source::Span;
use crate::token::{Token, TokenKind};

/// How many tokens are looked at in search of an end on the same line.
const MAX_TOKENS: usize = 200;

/// Words that other languages begin a step with, and what says the same here.
const FOREIGN_STEPS: &[(&[&str], &str)] = &[
    (
        &["for", "for_each", "each", "loop"],
        "write `foreach NAME { over = (…)  each = ITEM  … }`",
    ),
    (
        &["let", "var", "const", "vars", "local"],
        "write `set { NAME = VALUE }`",
    ),
    (
        &["try", "catch"],
        "a step that may fail has `on_fail = continue` or `on_fail { … }`",
    ),
    (
        &["switch", "case", "match", "when"],
        "write `if (…) { … } else if (…) { … } else { … }`",
    ),
    (
        &["return"],
        "write `outputs { NAME = (…) }` beside the steps, or `fail \"…\"` to end with an error",
    ),
    (
        &["step", "steps", "task", "job", "use", "action", "uses"],
        "write `call NAME { use = plugin.action }`",
    ),
    (
        &["run", "exec", "shell", "sh", "bash"],
        "write `script NAME { run = \"…\" }`",
    ),
    (&["sleep", "delay", "pause"], "write `wait NAME { for = 5s }`"),
    (&["include", "import"], "write `call workflow NAME`"),
    (&["until"], "write `while (!(…)) { max_iterations = 10  … }`"),
    (
        &["env", "params", "with", "retry"],
        "it belongs between the braces of a `call` or `script`",
    ),
];

/// Units of time as people write them.
const UNITS: &[(&[&str], &str)] = &[
    (&["ms", "millis", "milliseconds"], "ms"),
    (&["s", "sec", "secs", "second", "seconds"], "s"),
    (&["m", "min", "mins", "minute", "minutes"], "m"),
    (&["h", "hour", "hours"], "h"),
    (&["d", "day", "days"], "d"),
];

impl Parser<'_> {
    /// Reports `NAME = VALUE` where a map must follow `owner`, and returns the map that is meant.
    pub(super) fn map_without_braces(&mut self, owner: &str) -> Option<Map> {
        let pair = self.kind() == TokenKind::Word
            && !self.token().begins_line
            && matches!(self.next_kind(), TokenKind::Equals | TokenKind::Colon);
        if !pair {
            return None;
        }
        let found = self.diagnostics.len();
        let message = self.expectation(&format!("`{{` after `{owner}`"));
        let place = self.token().span;
        let entries: Vec<Entry> = self.entry().into_iter().collect();
        let span = self.span_from(place.start);
        // What is wrong within the pair shows when its braces are there.
        self.diagnostics.truncate(found);
        let pair = span
            .of(self.text)
            .replacen(':', " =", usize::from(!span.of(self.text).contains('=')));
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, place, message);
        self.report(
            diagnostic
                .help(format!("write `{owner} {{ … }}`"))
                .suggest(span, format!("{{ {pair} }}")),
        );
        Some(Map {
            entries,
            tail: Vec::new(),
            one_line: true,
            span,
        })
    }

    /// Takes a text where a name is expected; returns the name, which is empty if the text cannot be one.
    pub(super) fn quoted_name(&mut self, what: &str) -> Word {
        let token = self.bump();
        let text = self.text_literal(token).plain;
        let mended: String = text
            .chars()
            .map(|character| if is_name_character(character) { character } else { '-' })
            .collect();
        let is_name = mended.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let diagnostic = Diagnostic::error(
            Code::UnexpectedToken,
            token.span,
            format!("{what} stands without quotes"),
        );
        let diagnostic = match (is_name, mended == text) {
            (true, true) => diagnostic
                .help(format!("write `{mended}`"))
                .suggest(token.span, mended.as_str()),
            (true, false) => diagnostic
                .note("a name has letters, digits, `_` and `-`")
                .help(format!("write `{mended}`"))
                .suggest(token.span, mended.as_str()),
            (false, _) => diagnostic.help("a name has letters, digits, `_` and `-`, and begins with a letter"),
        };
        self.report(diagnostic);
        let text = if is_name && mended == text {
            text
        } else {
            self.lost = true;
            String::new()
        };
        Word { text, span: token.span }
    }

    /// Takes what stands in the place of a call's braces: `:` and lines as in YAML, or parentheses. Returns whether
    /// that was there.
    pub(super) fn took_foreign_attributes(&mut self, target: Span, owner: &str) -> bool {
        let token = self.token();
        if token.begins_line {
            return false;
        }
        if token.kind == TokenKind::Colon {
            self.yaml_attributes(target, owner);
            return true;
        }
        let text = self.token_text(token);
        if !text.starts_with('(') || !matches!(token.kind, TokenKind::Expression | TokenKind::Unknown) {
            return false;
        }
        self.bump();
        self.lost = true;
        let has_braces = self.kind() == TokenKind::OpenBrace && !self.token().begins_line;
        if has_braces {
            // Whatever is wrong between the braces is told once the parentheses are mended.
            self.skip_braces();
        }
        if token.kind == TokenKind::Expression {
            let inner = text[1..text.len() - 1].trim();
            let mended = match inner {
                _ if has_braces && inner.is_empty() => String::new(),
                "" => "{ }".to_owned(),
                inner => format!("{{ {inner} }}"),
            };
            let message = format!("the attributes of {owner} stand in braces");
            let diagnostic = Diagnostic::error(Code::UnexpectedToken, token.span, message)
                .help(format!("write `{} {{ … }}`", target.of(self.text)));
            self.report(if has_braces && !inner.is_empty() {
                diagnostic
            } else {
                diagnostic.suggest(token.span, mended)
            });
        }
        true
    }

    /// Takes a pair of braces and whatever stands in them.
    fn skip_braces(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.kind() {
                TokenKind::End => return,
                TokenKind::OpenBrace => open += 1,
                TokenKind::CloseBrace => open -= 1,
                _ => {}
            }
            self.bump();
            if open == 0 {
                return;
            }
        }
    }

    /// Takes `:` and the lines after it that are indented more than the line of `target`.
    fn yaml_attributes(&mut self, target: Span, owner: &str) {
        let own = self.indentation(target.start);
        let colon = self.token().span;
        let first = self.at;
        let mut open = 0_usize;
        loop {
            self.bump();
            let token = self.token();
            let outside = token.begins_line && open == 0 && self.indentation(token.span.start) <= own;
            match token.kind {
                TokenKind::End => break,
                TokenKind::CloseBrace | TokenKind::CloseBracket if open == 0 => break,
                _ if outside => break,
                TokenKind::OpenBrace | TokenKind::OpenBracket => open += 1,
                TokenKind::CloseBrace | TokenKind::CloseBracket => open -= 1,
                _ => {}
            }
        }
        let span = self.span_from(colon.start);
        self.withdraw(span);
        self.lost = true;
        let message = format!("the attributes of {owner} stand in braces");
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, colon, message);
        let diagnostic = diagnostic.help(format!(
            "write `{} {{ … }}`, with `=` in each pair",
            target.of(self.text)
        ));
        let mended = self.pairs_in_braces(first + 1, own.unwrap_or_default());
        self.report(match mended {
            Some(mended) => diagnostic.suggest(span, mended),
            None => diagnostic,
        });
    }

    /// Returns the lines of simple pairs from token `first` up to the next one as they stand in braces; nothing if
    /// they are more than that.
    fn pairs_in_braces(&self, first: usize, indentation: usize) -> Option<String> {
        let mut text = " {".to_owned();
        let mut from = self.lexed.tokens[first - 1].span.end as usize;
        let mut begins_pair = true;
        for at in first..self.at {
            let token = self.lexed.tokens[at];
            begins_pair |= token.begins_line;
            match token.kind {
                TokenKind::Colon if begins_pair => {
                    let value = self.lexed.tokens[at + 1];
                    if value.begins_line || at + 1 >= self.at {
                        return None;
                    }
                    text.push_str(&self.text[from..token.span.start as usize]);
                    text.push_str(" =");
                    from = token.span.end as usize;
                    begins_pair = false;
                }
                TokenKind::Unknown | TokenKind::OpenBrace => return None,
                _ => {}
            }
        }
        text.push_str(&self.text[from..self.end_of_last() as usize]);
        text.push('\n');
        text.push_str(&" ".repeat(indentation));
        text.push('}');
        Some(text)
    }

    /// Takes a path where the name of a workflow is expected, such as `../release.wf`.
    pub(super) fn path_for_workflow(&mut self) -> CallTarget {
        let start = self.token().span.start;
        let mut words: Vec<Token> = Vec::new();
        while !self.token().begins_line
            && !matches!(
                self.kind(),
                TokenKind::OpenBrace | TokenKind::CloseBrace | TokenKind::End
            )
        {
            let token = self.bump();
            if token.kind == TokenKind::Word {
                words.push(token);
            }
        }
        let span = self.span_from(start);
        self.withdraw(span);
        self.lost = true;
        let named = words
            .iter()
            .map(|word| self.token_text(*word))
            .rfind(|word| *word != "wf");
        let diagnostic = Diagnostic::error(
            Code::UnexpectedToken,
            span,
            "a workflow is called by its name, not by a path",
        );
        let place = Span { start, end: start };
        self.report(match named {
            Some(name) => diagnostic
                .help(format!("write `call workflow {name}`"))
                .suggest(span, name),
            None => diagnostic.help("write the name of its file without `.wf`"),
        });
        CallTarget::Name(Word {
            text: String::new(),
            span: place,
        })
    }

    /// Takes a call's target with more than one dot.
    pub(super) fn too_many_dots(&mut self, first: Word) -> CallTarget {
        while self.kind() == TokenKind::Dot {
            self.bump();
            if self.kind() == TokenKind::Word {
                self.bump();
            }
        }
        let span = self.span_from(first.span.start);
        self.lost = true;
        let message = "an action is `plugin.action`, with one dot";
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, span, message);
        self.report(diagnostic.help("`cofferdam plugin list` shows the actions"));
        CallTarget::Name(Word {
            text: String::new(),
            span,
        })
    }

    /// Takes `{{ … }}` that stands where a value is expected, and reports it; returns false if it is something else.
    pub(super) fn took_bare_placeholder(&mut self) -> bool {
        let touches = |first: Token, second: Token| first.span.end == second.span.start;
        let is_pair = |parser: &Self, at: usize, kind: TokenKind| {
            let (first, second) = (parser.ahead(at), parser.ahead(at + 1));
            first.kind == kind && second.kind == kind && touches(first, second)
        };
        if !is_pair(self, 0, TokenKind::OpenBrace) {
            return false;
        }
        let mut count = 2;
        while !is_pair(self, count, TokenKind::CloseBrace) {
            let token = self.ahead(count);
            if token.begins_line || token.kind == TokenKind::End || count > MAX_TOKENS {
                return false;
            }
            count += 1;
        }
        let inner = Span {
            start: self.ahead(1).span.end,
            end: self.ahead(count).span.start,
        };
        let code = inner.of(self.text).trim();
        let first = self.token().span;
        self.drop_tokens(count + 2);
        let span = self.span_from(first.start);
        let message = "`{{ … }}` stands only within a text";
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, span, message);
        self.report(
            diagnostic
                .help(format!(
                    "write `({code})` for the value, or `\"{{{{{code}}}}}\"` for a text"
                ))
                .suggest(span, format!("({code})")),
        );
        true
    }

    /// Takes the rest of a text that holds quotes, whose first piece has just been taken; returns whether it was one.
    pub(super) fn took_nested_quotes(&mut self, first: Token) -> bool {
        if self.took_quotes_in_placeholder(first) {
            return true;
        }
        let mut count = 0;
        let mut quotes = Vec::new();
        let mut last = first;
        loop {
            let token = self.ahead(count);
            let touches = last.span.end == token.span.start;
            if count == 0
                && (!touches
                    || !matches!(
                        token.kind,
                        TokenKind::Word | TokenKind::OpenBrace | TokenKind::Unknown | TokenKind::Quoted
                    ))
            {
                return false;
            }
            if token.begins_line || token.kind == TokenKind::End || count > MAX_TOKENS || !token.closed {
                return false;
            }
            if token.kind == TokenKind::Quoted {
                // The inner text begins or ends here: a quote that touches what is around it.
                if !touches {
                    return false;
                }
                quotes.push(token);
                let next = self.ahead(count + 1);
                if next.span.start != token.span.end
                    || !matches!(next.kind, TokenKind::Word | TokenKind::OpenBrace | TokenKind::Unknown)
                {
                    break;
                }
            }
            last = token;
            count += 1;
        }
        self.drop_tokens(count + 1);
        let span = self.span_from(first.span.start);
        let inner = &span.of(self.text)[1..span.range().len() - 1];
        let mended = format!("\"{}\"", inner.replace('"', "\\\""));
        let message = "a quote within a text ends it";
        let place = Span {
            start: first.span.end - 1,
            end: first.span.end,
        };
        let diagnostic = Diagnostic::error(Code::UnexpectedCharacter, place, message);
        self.report(diagnostic.help("write `\\\"` within a text").suggest(span, mended));
        true
    }

    /// Takes the rest of a text in whose placeholder double quotes stand; returns whether it was one.
    fn took_quotes_in_placeholder(&mut self, first: Token) -> bool {
        let written = self.token_text(first);
        let Some((_, tail)) = written.rsplit_once("{{").filter(|(_, tail)| !tail.contains("}}")) else {
            return false;
        };
        // Where the first piece ends within the brackets of an expression, it is not `{{` as a text.
        let touches = first.span.end == self.token().span.start;
        if !touches && !tail.contains('(') {
            return false;
        }
        let mut count = 0;
        loop {
            let token = self.ahead(count);
            if token.begins_line || token.kind == TokenKind::End || count > MAX_TOKENS || !token.closed {
                return false;
            }
            if token.kind == TokenKind::Quoted && self.token_text(token).contains("}}") {
                break;
            }
            count += 1;
        }
        self.drop_tokens(count + 1);
        let span = self.span_from(first.span.start);
        self.withdraw(span);
        let inner = &span.of(self.text)[1..span.range().len() - 1];
        let quote = if inner.contains('\'') { "\\\"" } else { "'" };
        // What was written rightly stays.
        let escaped = inner.replace("\\\"", "\u{0}");
        let mended = format!("\"{}\"", escaped.replace('"', quote).replace('\u{0}', "\\\""));
        let place = Span {
            start: first.span.end - 1,
            end: first.span.end,
        };
        let diagnostic = Diagnostic::error(Code::UnexpectedCharacter, place, "a quote within a text ends it");
        self.report(
            diagnostic
                .help("within `{{ … }}` write texts as `'…'`")
                .suggest(span, mended),
        );
        true
    }

    /// Takes the pairs below `NAME:` as in YAML, where `name` stands within braces; returns whether they were there.
    pub(super) fn took_indented_pairs(&mut self, name: &Word) -> bool {
        let (colon, next) = (self.token(), self.ahead(1));
        let deeper = self.indentation(next.span.start) > self.indentation(name.span.start);
        let is_pair = next.kind == TokenKind::Word && self.ahead(2).kind == TokenKind::Colon;
        if colon.kind != TokenKind::Colon || !next.begins_line || !deeper || !is_pair {
            return false;
        }
        self.yaml_attributes(name.span, &format!("`{}`", name.text));
        true
    }

    /// Takes `: CONDITION` up to the end of its line, as other languages write it; returns whether it was there.
    pub(super) fn took_condition_after_colon(&mut self) -> bool {
        let colon = self.token();
        if colon.kind != TokenKind::Colon || colon.begins_line {
            return false;
        }
        let mut count = 1;
        while !self.ahead(count).begins_line
            && !matches!(self.ahead(count).kind, TokenKind::OpenBrace | TokenKind::End)
            && count < MAX_TOKENS
        {
            count += 1;
        }
        self.drop_tokens(count);
        let span = self.span_from(colon.span.start);
        self.withdraw(span);
        self.lost = true;
        let condition = span.of(self.text)[1..].trim().trim_end_matches(':').trim_end();
        let condition = condition.trim_start_matches("${{").trim_end_matches("}}").trim();
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, colon.span, "no colon stands before a condition");
        self.report(if condition.is_empty() {
            diagnostic.help("write `if (…) { … }`")
        } else {
            diagnostic.help(format!("write `({condition}) {{ … }}`"))
        });
        self.has_said_brace = true;
        true
    }

    /// Takes a unit of time that stands apart from its number, and reports it.
    pub(super) fn took_unit(&mut self, number: Token) -> bool {
        let Some(word) = self.word().filter(|_| !self.token().begins_line) else {
            return false;
        };
        let unit = UNITS.iter().find(|(names, _)| names.contains(&word));
        let is_key = matches!(
            self.next_kind(),
            TokenKind::Equals | TokenKind::Colon | TokenKind::OpenBrace
        );
        let Some((_, unit)) = unit.filter(|_| !is_key && !self.token_text(number).contains(['.', 'e', 'E', '-']))
        else {
            return false;
        };
        self.bump();
        let span = self.span_from(number.span.start);
        let mended = format!("{}{unit}", self.token_text(number));
        let diagnostic = Diagnostic::error(
            Code::InvalidNumber,
            span,
            "a duration is a number and its unit, without a blank",
        );
        self.report(diagnostic.help(format!("write `{mended}`")).suggest(span, mended));
        true
    }

    /// Takes `+=` and its like with the value after it, and reports it.
    pub(super) fn took_change(&mut self, key: &Word) -> bool {
        let (token, next) = (self.token(), self.ahead(1));
        let operator = self.token_text(token);
        let is_change = token.kind == TokenKind::Unknown
            && matches!(operator, "+" | "-" | "*" | "/")
            && next.kind == TokenKind::Equals
            && token.span.end == next.span.start;
        if !is_change {
            return false;
        }
        self.drop_tokens(2);
        let start = self.token().span.start;
        self.value();
        let value = self.span_from(start).of(self.text);
        let span = self.span_from(key.span.start);
        let mended = format!("{} = (vars.{} {operator} {value})", key.text, key.text);
        let message = format!("there is no `{operator}=`");
        let place = Span {
            start: token.span.start,
            end: next.span.end,
        };
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, place, message);
        self.report(diagnostic.help(format!("write `{mended}`")).suggest(span, mended));
        true
    }

    /// Reports the dash of a list of steps as in YAML, and takes it; returns whether it was one.
    pub(super) fn took_dash(&mut self) -> bool {
        let dash = self.token();
        if self.token_text(dash) != "-" || dash.kind != TokenKind::Unknown {
            return false;
        }
        let (word, colon) = (self.ahead(1), self.ahead(2));
        self.drop_tokens(1);
        let diagnostic = Diagnostic::error(Code::UnknownStep, dash.span, "steps stand below each other without `-`");
        let is_pair = word.kind == TokenKind::Word
            && NODE_KEYWORDS.contains(&self.token_text(word))
            && colon.kind == TokenKind::Colon
            && matches!(self.ahead(2).kind, TokenKind::Word | TokenKind::Quoted);
        let span = Span {
            start: dash.span.start,
            end: colon.span.end,
        };
        self.report(if is_pair {
            let keyword = self.token_text(word);
            diagnostic.help(format!("write `{keyword} …`")).suggest(span, keyword)
        } else {
            diagnostic.help("write `call NAME { use = plugin.action }`")
        });
        true
    }

    /// Returns the keyword that `word`, with which no step begins, most likely stands for, if reading on as if it stood
    /// there makes sense.
    pub(super) fn meant_keyword(&self, word: &str) -> Option<&'static str> {
        let lower = word.to_ascii_lowercase();
        let same = NODE_KEYWORDS.iter().copied().find(|known| *known == lower);
        let known = same.or_else(|| did_you_mean(word, NODE_KEYWORDS.iter().copied()))?;
        let next = self.ahead(1);
        let after = self.ahead(2).kind;
        let fits = match known {
            "call" => matches!(next.kind, TokenKind::Word | TokenKind::Quoted),
            "parallel" | "do" | "always" | "set" => next.kind == TokenKind::OpenBrace,
            "if" | "unless" | "while" => {
                next.kind == TokenKind::Expression || matches!(after, TokenKind::Dot | TokenKind::OpenBrace)
            }
            "gate" | "script" | "wait" | "foreach" => {
                next.kind == TokenKind::Word && matches!(after, TokenKind::OpenBrace | TokenKind::Word)
            }
            _ => matches!(next.kind, TokenKind::Quoted),
        };
        (fits && !next.begins_line).then_some(known)
    }
}

/// Returns what says the same as `word`, with which other languages begin a step.
pub(super) fn foreign_step(word: &str) -> Option<&'static str> {
    let found = FOREIGN_STEPS.iter().find(|(words, _)| words.contains(&word));
    found.map(|(_, help)| *help)
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}
