//! What stands between braces: attributes, steps, and maps; and how reading goes on after a mistake there.

use super::foreign::foreign_step;
use super::value::invalid;
use super::{NODE_KEYWORDS, Parser};
use crate::ast::{Attribute, AttributeValue, Attributes, Block, Entry, Map, Node, Trivia, Word};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::source::Span;
use crate::token::TokenKind;

/// Attributes that hold steps when braces follow (rule R51).
const HANDLERS: &[&str] = &["on_fail", "undo"];

impl Parser<'_> {
    pub(super) fn stray_comma(&mut self) {
        let span = self.bump().span;
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, span, "no comma belongs here");
        self.report(
            diagnostic
                .help("steps and declarations follow each other without commas")
                .suggest(span, ""),
        );
    }

    pub(super) fn is_one_line(&self, span: Span) -> bool {
        !span.of(self.text).contains('\n')
    }

    /// Takes `=`; a colon is taken for one and reported.
    pub(super) fn equals(&mut self) -> bool {
        if self.kind() == TokenKind::Colon {
            let mut span = self.bump().span;
            if self.kind() == TokenKind::Equals {
                span.end = self.bump().span.end;
            }
            let diagnostic = Diagnostic::error(Code::ColonInMap, span, "pairs are written with `=`, not with `:`");
            self.report(
                diagnostic
                    .suggest(span, " =")
                    .help("write `=`; the colon belongs to maps inside of `( … )`"),
            );
            return true;
        }
        if self.eat(TokenKind::Equals) {
            let token = self.token();
            if token.kind == TokenKind::Unknown
                && self.token_text(token) == ">"
                && token.span.start == self.end_of_last()
            {
                self.drop_tokens(1);
                let span = Span {
                    start: token.span.start - 1,
                    end: token.span.end,
                };
                let diagnostic =
                    Diagnostic::error(Code::UnexpectedToken, span, "pairs are written with `=`, not with `=>`");
                self.report(diagnostic.help("write `=`").suggest(span, "="));
            }
            // `==` is a slip of those who think of conditions.
            while self.kind() == TokenKind::Equals {
                let span = self.bump().span;
                self.report(Diagnostic::error(Code::UnexpectedToken, span, "one `=` is enough").suggest(span, ""));
            }
            return true;
        }
        false
    }

    /// Keeps the comments of a construct that is dropped.
    pub(super) fn keep_comments(&mut self, trivia: Trivia) {
        let mut comments = trivia.before;
        comments.append(&mut self.pending);
        self.pending = comments;
    }

    /// Takes the braces with attributes that must follow `owner`.
    pub(super) fn attributes(&mut self, owner: &str) -> Attributes {
        let mut attributes = Attributes {
            span: self.token().span.at_start(),
            one_line: true,
            ..Attributes::default()
        };
        if !self.at_brace(&format!("`{{` with the attributes of {owner}"), "write `{ … }`") || !self.enter() {
            return attributes;
        }
        let open = self.open_brace();
        while !matches!(self.kind(), TokenKind::CloseBrace | TokenKind::End) && !self.at_node() && !self.is_left(&open)
        {
            let attribute = self.attribute(owner);
            attributes.entries.extend(attribute);
        }
        attributes.tail = self.comments_before();
        self.close_brace(&open);
        self.leave();
        attributes.span = self.span_from(open.span.start);
        attributes.one_line = self.is_one_line(attributes.span);
        attributes
    }

    /// Returns whether a step begins here, where attributes are expected.
    fn at_node(&self) -> bool {
        let Some(word) = self.word() else { return false };
        match self.next_kind() {
            TokenKind::Equals | TokenKind::Colon => false,
            // Without a brace after its condition it is the attribute `if` that lacks its `=`.
            TokenKind::Word | TokenKind::Quoted | TokenKind::Expression if word == "if" => self.condition_has_block(),
            TokenKind::OpenBrace => matches!(word, "do" | "parallel" | "always" | "set"),
            _ => NODE_KEYWORDS.contains(&word),
        }
    }

    /// Takes one attribute; reports and skips what is none.
    fn attribute(&mut self, owner: &str) -> Option<Attribute> {
        if self.kind() == TokenKind::Comma {
            self.stray_comma();
            return None;
        }
        self.count_value();
        let mut trivia = self.open_trivia();
        if self.kind() != TokenKind::Word {
            let message = self.expectation(&format!("an attribute of {owner} or `}}`"));
            let diagnostic = Diagnostic::error(Code::UnexpectedToken, self.token().span, message);
            self.report_at_token(diagnostic.help("an attribute is `NAME = VALUE`"));
            self.keep_comments(trivia);
            self.skip_construct();
            return None;
        }
        let key = self.take_word();
        if self.took_indented_pairs(&key) {
            self.keep_comments(trivia);
            return None;
        }
        let value = self.attribute_value(&key);
        let span = self.span_from(key.span.start);
        self.eat(TokenKind::Comma);
        self.close_trivia(&mut trivia);
        let Some(value) = value else {
            self.keep_comments(trivia);
            return None;
        };
        Some(Attribute {
            key,
            value,
            trivia,
            span,
        })
    }

    fn attribute_value(&mut self, key: &Word) -> Option<AttributeValue> {
        if self.kind() == TokenKind::OpenBrace {
            if HANDLERS.contains(&key.text.as_str()) {
                return self.handler(key);
            }
            return Some(AttributeValue::Value {
                value: self.full_value(),
                equals: false,
            });
        }
        if self.took_change(key) {
            return Some(AttributeValue::Value {
                value: invalid(key.span),
                equals: true,
            });
        }
        if self.equals() {
            if self.kind() == TokenKind::OpenBrace && HANDLERS.contains(&key.text.as_str()) {
                return self.handler(key);
            }
            return Some(AttributeValue::Value {
                value: self.full_value(),
                equals: true,
            });
        }
        self.missing_equals(key).then(|| AttributeValue::Value {
            value: self.full_value(),
            equals: true,
        })
    }

    /// Takes `.NAME =` after the key `vars`, and reports it: variables are set by their names alone.
    fn took_variable_root(&mut self, key: &Word) -> bool {
        let (name, equals) = (self.ahead(1), self.ahead(2));
        let is_variable = key.text == "vars"
            && self.kind() == TokenKind::Dot
            && name.kind == TokenKind::Word
            && equals.kind == TokenKind::Equals;
        if !is_variable {
            return false;
        }
        let name_text = self.token_text(name).to_owned();
        self.drop_tokens(3);
        self.lost = true;
        let span = key.span.to(name.span);
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, span, "a variable is set by its name alone");
        self.report(
            diagnostic
                .help(format!("write `{name_text} = …`"))
                .suggest(span, name_text),
        );
        true
    }

    fn handler(&mut self, key: &Word) -> Option<AttributeValue> {
        Some(AttributeValue::Handler(self.block(&format!("`{}`", key.text), None)))
    }

    /// Reports a key without `=`; returns whether a value follows all the same.
    fn missing_equals(&mut self, key: &Word) -> bool {
        let what = format!("`=` after `{}`", key.text);
        let value_follows = self.begins_value() && !self.token().begins_line && self.next_kind() != TokenKind::Equals;
        if value_follows {
            let message = self.expectation(&what);
            // At the key: what else is wrong with it shows when its value is there.
            let diagnostic = Diagnostic::error(Code::UnexpectedToken, key.span, message);
            let help = format!("write `{} = …`", key.text);
            self.report_at_token(diagnostic.help(help).suggest(key.span.at_end(), " ="));
        } else {
            self.expected_after(&what, &format!("write `{} = …`", key.text));
        }
        if !value_follows && !self.token().begins_line && self.kind() != TokenKind::Word {
            self.skip_construct();
        }
        value_follows
    }

    pub(super) fn begins_value(&self) -> bool {
        match self.kind() {
            TokenKind::Word
            | TokenKind::Number
            | TokenKind::Duration
            | TokenKind::Quoted
            | TokenKind::Block
            | TokenKind::Raw
            | TokenKind::Code
            | TokenKind::Expression
            | TokenKind::OpenBracket => true,
            TokenKind::OpenBrace
            | TokenKind::CloseBrace
            | TokenKind::CloseBracket
            | TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::Dot
            | TokenKind::Colon
            | TokenKind::Unknown
            | TokenKind::End => false,
        }
    }

    /// Takes the block that must follow `owner`. Unless it holds steps only, `maps` are its attributes that may be
    /// written without `=`.
    pub(super) fn block(&mut self, owner: &str, maps: Option<&[&str]>) -> Block {
        let mut block = Block {
            attributes: Vec::new(),
            nodes: Vec::new(),
            tail: Vec::new(),
            one_line: true,
            span: self.token().span.at_start(),
        };
        if self.took_step_without_braces(&mut block, owner) {
            return block;
        }
        if !self.at_brace(&format!("`{{` after {owner}"), "steps stand in braces: write `{ … }`") || !self.enter() {
            return block;
        }
        let open = self.open_brace();
        loop {
            match self.kind() {
                TokenKind::End | TokenKind::CloseBrace => break,
                _ if self.is_left(&open) => break,
                TokenKind::Comma => self.stray_comma(),
                TokenKind::Word if self.at_attribute(maps.unwrap_or_default()) => {
                    self.block_attribute(&mut block, owner, maps.is_some());
                }
                _ => {
                    let node = self.node(owner);
                    block.nodes.extend(node);
                }
            }
        }
        block.tail = self.comments_before();
        self.close_brace(&open);
        self.leave();
        block.span = self.span_from(open.span.start);
        block.one_line = self.is_one_line(block.span);
        block
    }

    /// Takes one step on the same line where a block must follow `owner`, and reports that it lacks its braces.
    fn took_step_without_braces(&mut self, block: &mut Block, owner: &str) -> bool {
        if self.token().begins_line || !self.begins_step() {
            return false;
        }
        let place = self.token().span;
        let message = self.expectation(&format!("`{{` after {owner}"));
        let node = self.node(owner);
        block.nodes.extend(node);
        block.span = self.span_from(place.start);
        let mended = format!("{{ {} }}", block.span.of(self.text));
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, place, message);
        self.report(
            diagnostic
                .help("steps stand in braces: write `{ … }`")
                .suggest(block.span, mended),
        );
        true
    }

    /// Returns whether a word comes next that begins a step.
    pub(super) fn begins_step(&self) -> bool {
        self.word().is_some_and(|word| NODE_KEYWORDS.contains(&word))
            && matches!(
                self.next_kind(),
                TokenKind::Word | TokenKind::Quoted | TokenKind::Expression | TokenKind::OpenBrace
            )
    }

    fn at_attribute(&self, maps: &[&str]) -> bool {
        match self.next_kind() {
            TokenKind::Equals | TokenKind::Colon => true,
            TokenKind::OpenBrace => self
                .word()
                .is_some_and(|word| maps.contains(&word) || HANDLERS.contains(&word)),
            _ => false,
        }
    }

    fn block_attribute(&mut self, block: &mut Block, owner: &str, takes_attributes: bool) {
        let span = self.token().span;
        if !takes_attributes {
            let message = format!("{owner} has no attributes, only steps");
            self.report(Diagnostic::error(Code::MisplacedAttribute, span, message));
        } else if let Some(node) = block.nodes.first() {
            let keyword = node.keyword;
            let diagnostic = Diagnostic::error(
                Code::MisplacedAttribute,
                span,
                "the attributes of a block stand before its steps",
            );
            self.report(
                diagnostic
                    .also(keyword, "the first step")
                    .help("move it to the beginning of the block"),
            );
        }
        let attribute = self.attribute(owner);
        block.attributes.extend(attribute);
    }

    /// Takes the map that must follow `owner`, which may be `=` and a map.
    pub(super) fn map_after(&mut self, owner: &str) -> Map {
        if self.kind() == TokenKind::Equals {
            self.bump();
        }
        if self.kind() == TokenKind::OpenBrace {
            return self.map();
        }
        if let Some(map) = self.map_without_braces(owner) {
            return map;
        }
        self.at_brace(&format!("`{{` after `{owner}`"), &format!("write `{owner} {{ … }}`"));
        if self.kind() == TokenKind::OpenBrace {
            return self.map();
        }
        Map {
            entries: Vec::new(),
            tail: Vec::new(),
            one_line: true,
            span: self.token().span.at_start(),
        }
    }

    /// Takes a map; the next token is its opening brace.
    pub(super) fn map(&mut self) -> Map {
        let open = self.token().span;
        let mut map = Map {
            entries: Vec::new(),
            tail: Vec::new(),
            one_line: true,
            span: open,
        };
        if !self.enter() {
            return map;
        }
        let opened = self.open_brace();
        while !matches!(
            self.kind(),
            TokenKind::CloseBrace | TokenKind::CloseBracket | TokenKind::End
        ) && !self.left_map()
            && !self.is_left(&opened)
        {
            let entry = self.entry();
            map.entries.extend(entry);
        }
        map.tail = self.comments_before();
        self.close_brace(&opened);
        self.leave();
        map.span = self.span_from(open.start);
        map.one_line = self.is_one_line(map.span);
        map
    }

    /// Returns whether a step begins a line here, which no map contains: its brace is missing.
    fn left_map(&self) -> bool {
        let step = self
            .word()
            .is_some_and(|word| NODE_KEYWORDS.contains(&word) && word != "if");
        step && self.token().begins_line
            && matches!(
                self.next_kind(),
                TokenKind::Word | TokenKind::Quoted | TokenKind::Expression
            )
    }

    pub(super) fn entry(&mut self) -> Option<Entry> {
        self.count_value();
        let mut trivia = self.open_trivia();
        let key = match self.kind() {
            TokenKind::Word => self.take_word(),
            TokenKind::Quoted | TokenKind::Raw => {
                let token = self.bump();
                Word {
                    text: self.text_literal(token).plain,
                    span: token.span,
                }
            }
            _ => {
                let message = self.expectation("a key or `}`");
                let diagnostic = Diagnostic::error(Code::UnexpectedToken, self.token().span, message);
                self.report_at_token(diagnostic.help("a pair is `KEY = VALUE`"));
                self.keep_comments(trivia);
                self.skip_construct();
                return None;
            }
        };
        let has_braces = self.kind() == TokenKind::OpenBrace;
        let changed = !has_braces && self.took_change(&key);
        let equals = !has_braces && !changed && self.equals();
        let value = if changed {
            Some(invalid(key.span))
        } else {
            let found = has_braces || equals || self.took_variable_root(&key) || self.missing_equals(&key);
            found.then(|| self.full_value())
        };
        let span = self.span_from(key.span.start);
        self.eat(TokenKind::Comma);
        self.close_trivia(&mut trivia);
        let Some(value) = value else {
            self.keep_comments(trivia);
            return None;
        };
        Some(Entry {
            key,
            value,
            equals: !has_braces,
            trivia,
            span,
        })
    }

    /// Reports a word (or anything else) that begins no step. It is skipped unless it is clear what was meant.
    pub(super) fn unknown_step(&mut self, more: &[&'static str], trivia: Trivia) -> Option<Node> {
        let known = NODE_KEYWORDS.iter().chain(more).copied();
        match self.word() {
            Some("else") => self.misplaced_else(),
            Some(word) => {
                let span = self.token().span;
                let mut diagnostic = Diagnostic::error(Code::UnknownStep, span, format!("`{word}` begins no step"));
                if let Some(help) = foreign_step(word) {
                    diagnostic = diagnostic.help(help);
                } else if matches!(word, "elseif" | "elsif" | "elif") {
                    diagnostic = diagnostic.help("write `else if`").suggest(span, "else if");
                } else if let Some(known) = did_you_mean(word, known.clone()) {
                    diagnostic = diagnostic
                        .label(format!("did you mean `{known}`?"))
                        .suggest(span, known);
                } else {
                    diagnostic = diagnostic.help(format!("steps begin with {}", known.collect::<Vec<_>>().join(", ")));
                }
                self.report(diagnostic);
                if let Some(keyword) = self.meant_keyword(word) {
                    self.count_node();
                    return self.node_of(keyword, trivia);
                }
            }
            None if self.took_dash() => {}
            None => {
                let message = self.expectation("a step or `}`");
                let diagnostic = Diagnostic::error(Code::UnexpectedToken, self.token().span, message);
                self.report_at_token(diagnostic.help("a step begins with a word such as `call`, `if` or `set`"));
            }
        }
        self.skip_construct();
        self.keep_comments(trivia);
        None
    }

    fn misplaced_else(&mut self) {
        let span = self.token().span;
        let diagnostic = Diagnostic::error(Code::MisplacedElse, span, "this `else` follows no `if`");
        let diagnostic = match self.last_if {
            Some(place) => diagnostic.also(place, "the nearest `if` before it"),
            None => diagnostic,
        };
        self.report(diagnostic.help("`else` stands directly after the closing brace of an `if` or `unless`"));
    }
}
