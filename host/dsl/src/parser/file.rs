//! The outermost part of a file: header, items, input declarations, and what must not follow.

use super::{NODE_KEYWORDS, Parser};
use crate::ast::{Edition, File, Item, ItemKind, Node, Trivia, Word};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::source::Span;
use crate::token::TokenKind;

/// The words that begin an item beside those of nodes.
const ITEM_KEYWORDS: &[&str] = &["meta", "inputs", "outputs"];

/// The only edition there is.
const EDITION: u32 = 1;

/// Returns the tree of a file that could not be read at all.
pub(super) fn empty() -> File {
    File {
        name: Word {
            text: String::new(),
            span: Span::default(),
        },
        edition: None,
        items: Vec::new(),
        trivia: Trivia::default(),
        tail: Vec::new(),
        end: Vec::new(),
        span: Span::default(),
    }
}

fn in_item(node: Node) -> Item {
    let span = node.span;
    Item {
        kind: ItemKind::Node(Box::new(node)),
        trivia: Trivia::default(),
        span,
    }
}

impl Parser<'_> {
    pub(super) fn file(&mut self) -> File {
        let mut trivia = self.open_trivia();
        let start = self.token().span.start;
        if !self.header() {
            return File {
                trivia,
                end: self.rest(),
                ..empty()
            };
        }
        let name = self.name("the name of the workflow");
        let edition = self.edition();
        let mut items = Vec::new();
        let mut tail = Vec::new();
        if self.at_brace(
            "`{` after the name of the workflow",
            "a file is `workflow NAME edition 1 { … }`",
        ) {
            self.enter();
            let open = self.bump().span;
            items = self.items();
            tail = self.comments_before();
            self.close(open, TokenKind::CloseBrace);
            self.leave();
        } else {
            self.stop();
        }
        let span = self.span_from(start);
        self.close_trivia(&mut trivia);
        let end = self.rest();
        File {
            name,
            edition,
            items,
            trivia,
            tail,
            end,
            span,
        }
    }

    /// Takes the word `workflow`; if it is not there, reports it and says whether to go on.
    fn header(&mut self) -> bool {
        if self.is_word("workflow") {
            self.bump();
            return true;
        }
        let place = self.token().span;
        let message = self.expectation("`workflow NAME {` at the beginning of the file");
        let mut diagnostic = Diagnostic::error(Code::MissingHeader, place, message);
        let known = self.word().and_then(|word| did_you_mean(word, ["workflow"]));
        if known.is_some() {
            diagnostic = diagnostic.label("did you mean `workflow`?").suggest(place, "workflow");
        }
        let diagnostic = diagnostic.help("a file begins with `workflow NAME edition 1 {`");
        // `workflw x {` is still worth reading; a picture or a page of prose is not.
        let plausible = self.kind() == TokenKind::Word && self.next_kind() == TokenKind::Word;
        if known.is_some() && plausible {
            self.report_at_token(diagnostic);
            self.bump();
            return true;
        }
        // What is no workflow is not looked at any further, not even for its characters.
        self.diagnostics.clear();
        self.report(diagnostic);
        self.stop();
        false
    }

    fn edition(&mut self) -> Option<Edition> {
        if !self.is_word("edition") {
            return None;
        }
        self.bump();
        let token = self.token();
        if token.kind != TokenKind::Number {
            self.expected("the number of the edition");
            if self.next_kind() == TokenKind::OpenBrace {
                self.bump();
            }
            return None;
        }
        self.bump();
        self.has_edition = true;
        let number = self.token_text(token).parse().unwrap_or(0);
        if number != EDITION {
            let message = format!("there is no edition {}", self.token_text(token));
            let diagnostic = Diagnostic::error(Code::UnknownEdition, token.span, message);
            self.report(
                diagnostic
                    .label("this version knows edition 1")
                    .suggest(token.span, "1"),
            );
        }
        Some(Edition {
            number,
            span: token.span,
        })
    }

    fn items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            match self.kind() {
                TokenKind::End | TokenKind::CloseBrace => return items,
                TokenKind::Comma => self.stray_comma(),
                _ => {
                    let item = self.item();
                    items.extend(item);
                }
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        let mut trivia = self.open_trivia();
        let start = self.token().span.start;
        let kind = match self.word() {
            Some("meta") => {
                self.bump();
                ItemKind::Meta(self.map_after("meta"))
            }
            Some("outputs") => {
                self.bump();
                ItemKind::Outputs(self.map_after("outputs"))
            }
            Some("inputs") => {
                self.bump();
                ItemKind::Inputs(self.inputs())
            }
            Some("always") => {
                self.count_node();
                self.bump();
                ItemKind::Always(self.block("`always`", None))
            }
            Some(word) if NODE_KEYWORDS.contains(&word) => {
                let node = self.node_with(trivia)?;
                return Some(in_item(node));
            }
            _ => {
                let node = self.unknown_step(ITEM_KEYWORDS, trivia)?;
                return Some(in_item(node));
            }
        };
        let span = self.span_from(start);
        self.close_trivia(&mut trivia);
        Some(Item { kind, trivia, span })
    }

    /// Takes what follows the workflow, reports it, and returns the comments.
    fn rest(&mut self) -> Vec<crate::ast::Comment> {
        let token = self.token();
        if token.kind != TokenKind::End {
            let span = Span::new(token.span.start as usize, self.text.trim_end().len());
            let end = self.end_of_last() as usize;
            let before = Span::new(end - 1, end);
            let diagnostic = if self.is_word("workflow") {
                let message = "a second workflow in one file";
                Diagnostic::doubtful(Code::TextAfterEnd, self.has_edition, token.span, message)
                    .help("give it a file of its own: workflows are found by the names of their files")
            } else {
                let span = Span {
                    start: token.span.start,
                    end: token.span.end.min(span.end),
                };
                Diagnostic::doubtful(
                    Code::TextAfterEnd,
                    self.has_edition,
                    span,
                    "text after the last brace of the workflow",
                )
                .also(before, "this brace ends the workflow")
                .help("remove it, or look for a brace too many before it")
            };
            self.report(diagnostic);
        }
        let mut comments = self.comments_before();
        if token.kind != TokenKind::End {
            self.at = self.lexed.tokens.len() - 1;
            self.taken_comments = self.lexed.comments.len();
        } else {
            comments.append(&mut self.comments_before());
        }
        comments
    }
}
