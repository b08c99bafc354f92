//! How reading goes on after a mistake: where a lost brace belongs, and which tokens are dropped.

use super::Parser;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::token::TokenKind;

/// How many tokens are looked at in search of a brace on the same line.
const MAX_TOKENS: usize = 200;

/// An opening brace, and whether its content is indented so that a missing closing brace can be told by that.
pub(super) struct Opened {
    pub(super) span: Span,
    indentation: Option<usize>,
}

impl Parser<'_> {
    /// Takes the opening brace that comes next.
    pub(super) fn open_brace(&mut self) -> Opened {
        let span = self.bump().span;
        let next = self.token();
        let own = self.indentation(span.start);
        // What is not indented at all says nothing about its end.
        let is_flat =
            next.begins_line && next.kind != TokenKind::CloseBrace && self.indentation(next.span.start) <= own;
        Opened {
            span,
            indentation: own.filter(|_| !is_flat),
        }
    }

    /// Returns whether the next line is indented so that it cannot belong to what `opened` began, in a file in which a
    /// closing brace is missing.
    pub(super) fn is_left(&self, opened: &Opened) -> bool {
        let token = self.token();
        let Some(own) = opened
            .indentation
            .filter(|_| self.missing_braces > 0 && token.begins_line)
        else {
            return false;
        };
        let Some(indentation) = self.indentation(token.span.start) else {
            return false;
        };
        match token.kind {
            TokenKind::End => false,
            TokenKind::CloseBrace => indentation < own,
            _ => indentation <= own,
        }
    }

    /// Takes the closing brace of what `opened` began; reports if it is not there.
    pub(super) fn close_brace(&mut self, opened: &Opened) {
        if !self.is_left(opened) {
            self.close(opened.span, TokenKind::CloseBrace);
            return;
        }
        self.missing_braces -= 1;
        let swallowed = self.at > 0 && !self.lexed.tokens[self.at - 1].closed;
        if self.stopped || swallowed {
            return;
        }
        let end = self.end_of_last();
        let start = opened.span.start as usize;
        let is_one_line = !self.text[start..end as usize].contains('\n');
        let line = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let blanks = &self.text[line..line + opened.indentation.unwrap_or_default()];
        let closing = if is_one_line {
            " }".to_owned()
        } else {
            format!("\n{blanks}}}")
        };
        let found = self.describe(self.token());
        let message = "this `{` is never closed";
        let diagnostic = Diagnostic::error(Code::UnclosedBrace, opened.span, message)
            .label("begins here")
            .also(
                self.token().span,
                format!("found {found} on a line that is indented less"),
            )
            .help("write `}` before that line");
        self.report(diagnostic.suggest(Span { start: end, end }, closing));
    }

    /// Reports that `what` was expected after the last token: there, if the line ends with it.
    pub(super) fn expected_after(&mut self, what: &str, help: &str) {
        let diagnostic = self.expectation_after(what).help(help);
        self.lost = true;
        self.report_at_token(diagnostic);
    }

    fn expectation_after(&self, what: &str) -> Diagnostic {
        let token = self.token();
        let ends = token.begins_line || token.kind == TokenKind::End;
        match self.at.checked_sub(1) {
            Some(last) if ends => {
                let message = format!("expected {what}, found the end of the line");
                Diagnostic::error(Code::UnexpectedToken, self.lexed.tokens[last].span, message)
            }
            _ => Diagnostic::error(Code::UnexpectedToken, token.span, self.expectation(what)),
        }
    }

    /// Returns whether the opening brace that must come next is there; reports if it is not. If it comes later on this
    /// line, what is before it is skipped.
    pub(super) fn at_brace(&mut self, what: &str, help: &str) -> bool {
        if self.kind() == TokenKind::OpenBrace {
            self.has_said_brace = false;
            return true;
        }
        let diagnostic = self.expectation_after(what).help(help);
        // An expression without its end has swallowed the brace, too.
        let swallowed = self.at > 0 && !self.lexed.tokens[self.at - 1].closed;
        let is_known = self.is_reported() || swallowed || std::mem::take(&mut self.has_said_brace);
        let found = self.skip_to_brace();
        self.lost |= !found;
        if !is_known {
            self.report(diagnostic);
        }
        if self.kind() == TokenKind::Colon {
            // What follows `if x:` is indented, but it makes sense without that.
            self.bump();
        }
        found
    }

    /// Goes to the opening brace that comes later on this line. If there is none, nothing is taken.
    fn skip_to_brace(&mut self) -> bool {
        let mut count = 0;
        while count < MAX_TOKENS {
            let token = self.ahead(count);
            match token.kind {
                TokenKind::OpenBrace if count > 0 || !token.begins_line => break,
                TokenKind::End | TokenKind::CloseBrace | TokenKind::OpenBrace => return false,
                _ if token.begins_line => return false,
                _ => count += 1,
            }
        }
        if count == MAX_TOKENS {
            return false;
        }
        if count > 0 && !self.is_reported() {
            self.drop_tokens(count);
        } else {
            // The first of them is what the lexer has reported.
            self.bump();
            if count > 1 {
                self.drop_tokens(count - 1);
            }
        }
        true
    }

    /// Takes `count` tokens and withdraws what the lexer has said about them.
    pub(super) fn drop_tokens(&mut self, count: usize) {
        let start = self.token().span.start;
        for _ in 0..count {
            self.bump();
        }
        let span = self.span_from(start);
        self.withdraw(span);
    }
}
