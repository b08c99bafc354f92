//! How tokens become a tree: never fails hard, reports every problem once, keeps every comment.

mod bare;
mod block;
mod file;
mod foreign;
mod inputs;
mod node;
mod recovery;
mod value;

use crate::ast::{Comment, File, Trivia, Word};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lexer::{Lexed, MAX_FINDINGS, lex};
use crate::source::{MAX_FILE_BYTES, MAX_LEVELS, MAX_NODES, MAX_VALUES, Span, nul, too_large};
use crate::token::{Token, TokenKind};

pub(crate) use value::refused_condition;
pub use value::{ROOTS, condition_of};

/// Returns the tree of `text` and everything that is wrong with its form, in the order of the text.
///
/// The tree is as complete as can be; where something was missing it holds an empty name or an invalid value.
pub fn parse(text: &str) -> (File, Vec<Diagnostic>) {
    let parsed = parse_as_far_as_possible(text);
    (parsed.file, parsed.diagnostics)
}

/// A tree with what is wrong with its form.
pub(crate) struct Parsed {
    pub(crate) file: File,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether something was skipped that may have declared a name.
    pub(crate) lost: bool,
}

/// Returns the tree of `text`, what is wrong with its form, and whether the tree holds all that could declare a name.
pub(crate) fn parse_as_far_as_possible(text: &str) -> Parsed {
    let refused = |diagnostic| Parsed {
        file: file::empty(),
        diagnostics: vec![diagnostic],
        lost: true,
    };
    if text.len() > MAX_FILE_BYTES {
        return refused(too_large(text.len()));
    }
    if let Some(diagnostic) = nul(text) {
        return refused(diagnostic);
    }
    let mut parser = Parser::new(text, lex(text));
    let file = parser.file();
    Parsed {
        file,
        lost: parser.lost,
        diagnostics: parser.finish(),
    }
}

/// Words that begin a step or a block of steps.
pub(crate) const NODE_KEYWORDS: &[&str] = &[
    "call", "if", "unless", "while", "do", "parallel", "gate", "always", "script", "wait", "foreach", "set", "fail",
];

struct Parser<'t> {
    text: &'t str,
    lexed: Lexed,
    at: usize,
    /// How many comments of the file are in the tree or pending.
    taken_comments: usize,
    /// Comments at odd places; they go before the construct that holds them.
    pending: Vec<Comment>,
    diagnostics: Vec<Diagnostic>,
    has_edition: bool,
    /// Whether a finding has shown the brace that comes next, so that it need not be missed.
    has_said_brace: bool,
    depth: usize,
    nodes: usize,
    values: usize,
    /// The first block whose closing brace stands in another column than its first line: probably not its own.
    askew: Option<Span>,
    /// Where the last `if` or `unless` began that is complete.
    last_if: Option<Span>,
    /// How many closing braces are missing in the whole text, less those that have been reported.
    missing_braces: usize,
    /// Whether something was skipped that may have declared a name.
    lost: bool,
    /// Whether a limit ended the parsing; what follows from that is not reported.
    stopped: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, mut lexed: Lexed) -> Self {
        let stopped = lexed.swallowed_rest;
        let count = |kind| lexed.tokens.iter().filter(|token| token.kind == kind).count();
        let missing_braces = count(TokenKind::OpenBrace).saturating_sub(count(TokenKind::CloseBrace));
        let lost = lexed.lost;
        let diagnostics = std::mem::take(&mut lexed.diagnostics);
        Self {
            text,
            lexed,
            at: 0,
            taken_comments: 0,
            pending: Vec::new(),
            diagnostics,
            has_edition: false,
            has_said_brace: false,
            depth: 0,
            nodes: 0,
            values: 0,
            askew: None,
            last_if: None,
            missing_braces,
            lost,
            stopped,
        }
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.primary.span.start);
        if self.diagnostics.len() >= MAX_FINDINGS {
            self.diagnostics.truncate(MAX_FINDINGS);
            let end = Span::new(self.text.len(), self.text.len());
            let message = format!("only the first {MAX_FINDINGS} findings are shown");
            self.diagnostics
                .push(Diagnostic::new(Code::TooManyFindings, Severity::Note, end, message));
        }
        self.diagnostics
    }

    fn token(&self) -> Token {
        self.ahead(0)
    }

    fn ahead(&self, count: usize) -> Token {
        self.lexed.tokens[(self.at + count).min(self.lexed.tokens.len() - 1)]
    }

    fn kind(&self) -> TokenKind {
        self.token().kind
    }

    fn next_kind(&self) -> TokenKind {
        self.ahead(1).kind
    }

    fn token_text(&self, token: Token) -> &'t str {
        token.span.of(self.text)
    }

    /// Returns the word that comes next, if a word does.
    fn word(&self) -> Option<&'t str> {
        (self.kind() == TokenKind::Word).then(|| self.token_text(self.token()))
    }

    fn is_word(&self, text: &str) -> bool {
        self.word() == Some(text)
    }

    /// Returns where the last taken token ends.
    fn end_of_last(&self) -> u32 {
        self.at
            .checked_sub(1)
            .map_or(0, |last| self.lexed.tokens[last].span.end)
    }

    fn span_from(&self, start: u32) -> Span {
        Span {
            start,
            end: self.end_of_last().max(start),
        }
    }

    /// Takes the next token. Comments before it that nobody has taken are kept for the construct around it.
    fn bump(&mut self) -> Token {
        let token = self.token();
        while self.taken_comments < token.comments as usize {
            let comment = self.comment(self.taken_comments);
            self.pending.push(comment);
            self.taken_comments += 1;
        }
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.bump();
        }
        found
    }

    fn comment(&self, index: usize) -> Comment {
        let token = self.lexed.comments[index];
        Comment {
            text: self.comment_text(token.span),
            blank_before: token.blank_before,
            span: token.span,
        }
    }

    fn comment_text(&self, span: Span) -> String {
        let text = span.of(self.text);
        // A wrong mark is reported; in the tree it is what it should have been.
        text.strip_prefix("--")
            .map_or_else(|| text.to_owned(), |rest| format!("//{rest}"))
    }

    /// Returns the comments before the next token.
    fn comments_before(&mut self) -> Vec<Comment> {
        let mut comments = std::mem::take(&mut self.pending);
        let end = self.token().comments as usize;
        while self.taken_comments < end {
            comments.push(self.comment(self.taken_comments));
            self.taken_comments += 1;
        }
        comments
    }

    /// Begins a construct that can have comments.
    fn open_trivia(&mut self) -> Trivia {
        let before = self.comments_before();
        let gap = self.token().blank_before;
        Trivia {
            blank_before: before.first().map_or(gap, |comment| comment.blank_before),
            blank_between: !before.is_empty() && gap,
            before,
            after: None,
        }
    }

    /// Ends a construct that can have comments: a comment on its last line is its own.
    fn close_trivia(&mut self, trivia: &mut Trivia) {
        trivia.before.append(&mut self.pending);
        let next = self.taken_comments;
        if next < self.token().comments as usize && self.lexed.comments[next].trailing {
            trivia.after = Some(self.comment(next));
            self.taken_comments += 1;
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_FINDINGS {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports that `what` was expected at the next token, unless that one has been reported already.
    fn expected(&mut self, what: &str) {
        let diagnostic = Diagnostic::error(Code::UnexpectedToken, self.token().span, self.expectation(what));
        self.report_at_token(diagnostic);
    }

    fn expectation(&self, what: &str) -> String {
        format!("expected {what}, found {}", self.describe(self.token()))
    }

    fn report_at_token(&mut self, diagnostic: Diagnostic) {
        if !self.is_reported() {
            self.report(diagnostic);
        }
    }

    /// Returns whether what is wrong with the next token has been reported.
    fn is_reported(&self) -> bool {
        self.kind() == TokenKind::Unknown || (self.kind() == TokenKind::End && self.stopped)
    }

    fn describe(&self, token: Token) -> String {
        match token.kind {
            TokenKind::Word | TokenKind::Number | TokenKind::Duration => {
                let text: String = self.token_text(token).chars().take(40).collect();
                format!("`{text}`")
            }
            TokenKind::Quoted | TokenKind::Block | TokenKind::Raw => "a text".to_owned(),
            TokenKind::Code => "a code fence".to_owned(),
            TokenKind::Expression => "an expression".to_owned(),
            TokenKind::OpenBrace => "`{`".to_owned(),
            TokenKind::CloseBrace => "`}`".to_owned(),
            TokenKind::OpenBracket => "`[`".to_owned(),
            TokenKind::CloseBracket => "`]`".to_owned(),
            TokenKind::Equals => "`=`".to_owned(),
            TokenKind::Comma => "`,`".to_owned(),
            TokenKind::Dot => "`.`".to_owned(),
            TokenKind::Colon => "`:`".to_owned(),
            TokenKind::Unknown => "a character without meaning".to_owned(),
            TokenKind::End => "the end of the file".to_owned(),
        }
    }

    /// Takes a name; reports and returns an empty one if there is none.
    fn name(&mut self, what: &str) -> Word {
        if self.kind() == TokenKind::Word && !(self.token().begins_line && self.begins_step()) {
            return self.take_word();
        }
        if matches!(self.kind(), TokenKind::Quoted | TokenKind::Raw) && !self.token().begins_line {
            return self.quoted_name(what);
        }
        self.expected_after(what, &format!("write {what}"));
        Word {
            text: String::new(),
            span: self.token().span.at_start(),
        }
    }

    fn take_word(&mut self) -> Word {
        let token = self.bump();
        Word {
            text: self.token_text(token).to_owned(),
            span: token.span,
        }
    }

    /// Counts one level of braces or brackets that begins at the next token. If that is one too many, reports it once,
    /// ends the parsing and returns false.
    fn enter(&mut self) -> bool {
        if self.depth < MAX_LEVELS {
            self.depth += 1;
            return true;
        }
        let message = format!("nested more than {MAX_LEVELS} levels deep");
        let diagnostic = Diagnostic::error(Code::TooDeep, self.token().span, message);
        self.report_at_token(diagnostic.help("move the inner part into a workflow of its own and call it"));
        self.stop();
        false
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn count_node(&mut self) {
        self.nodes += 1;
        if self.nodes > MAX_NODES && !self.stopped {
            let message = format!("more than {MAX_NODES} steps in one file");
            let diagnostic = Diagnostic::error(Code::TooManyNodes, self.token().span, message);
            self.report(diagnostic.help("use a loop, `foreach`, or several workflows"));
            self.stop();
        }
    }

    fn count_value(&mut self) {
        self.values += 1;
        if self.values > MAX_VALUES && !self.stopped {
            let message = format!("more than {MAX_VALUES} values in one file");
            let diagnostic = Diagnostic::error(Code::TooManyValues, self.token().span, message);
            self.report(diagnostic.help("move the data into a file that a step reads"));
            self.stop();
        }
    }

    /// Ends the parsing: everything that is open closes without a word.
    fn stop(&mut self) {
        self.lost = true;
        self.stopped = true;
        self.at = self.lexed.tokens.len() - 1;
        self.taken_comments = self.lexed.comments.len();
    }

    /// Skips what cannot be understood: at least one token, then up to a new line, a closing bracket, or past one pair
    /// of brackets.
    fn skip_construct(&mut self) {
        if self.kind() == TokenKind::Unknown && self.token_text(self.token()).starts_with([';', '/']) {
            // A separator or a comment hides nothing.
            self.bump();
            return;
        }
        self.lost = true;
        if self.kind() == TokenKind::CloseBracket {
            // Nobody waits for it here.
            self.bump();
            return;
        }
        let mut open = 0_usize;
        loop {
            match self.kind() {
                TokenKind::End => return,
                TokenKind::OpenBrace | TokenKind::OpenBracket => open += 1,
                TokenKind::CloseBrace | TokenKind::CloseBracket if open == 0 => return,
                TokenKind::CloseBrace | TokenKind::CloseBracket => open -= 1,
                _ => {}
            }
            let closed = self.kind() == TokenKind::CloseBrace;
            self.bump();
            let continues = self
                .word()
                .is_some_and(|word| matches!(word, "else" | "elseif" | "elif" | "elsif" | "catch" | "finally"));
            let ends = self.token().begins_line || (closed && !continues);
            if open == 0 && ends {
                return;
            }
        }
    }

    /// Returns how far the line that holds `offset` is indented; nothing if the line began long before.
    fn indentation(&self, offset: u32) -> Option<usize> {
        // Bounded, so that a file of one line does not cost the square of its length.
        const LOOK_BACK: usize = 400;
        let before = &self.text.as_bytes()[(offset as usize).saturating_sub(LOOK_BACK)..offset as usize];
        let line = &before[before.iter().rposition(|byte| *byte == b'\n')? + 1..];
        Some(line.iter().take_while(|byte| byte.is_ascii_whitespace()).count())
    }

    /// Takes the closing `kind` of what `open` began; reports if it is not there.
    fn close(&mut self, open: Span, kind: TokenKind) {
        if self.kind() == kind {
            if kind == TokenKind::CloseBrace && self.askew.is_none() {
                let token = self.token();
                if token.begins_line && self.indentation(token.span.start) < self.indentation(open.start) {
                    self.askew = Some(open);
                }
            }
            self.bump();
            return;
        }
        self.lost = true;
        // A literal without end has swallowed the bracket, and has been reported.
        let swallowed = self.at > 0 && !self.lexed.tokens[self.at - 1].closed;
        if self.stopped || swallowed {
            return;
        }
        let at_end = self.kind() == TokenKind::End;
        let askew = self.askew.filter(|askew| at_end || askew.start > open.start);
        let place = askew.unwrap_or(open);
        let shown = if kind == TokenKind::CloseBrace { "{" } else { "[" };
        let diagnostic = Diagnostic::error(Code::UnclosedBrace, place, format!("this `{shown}` is never closed"));
        let found = self.describe(self.token());
        self.report(
            diagnostic
                .label("begins here")
                .also(self.token().span, format!("found {found} instead"))
                .help(format!(
                    "write `{}` where it ends",
                    if shown == "{" { "}" } else { "]" }
                )),
        );
        if at_end {
            // All blocks around this one lack their ends too; once is enough.
            self.stopped = true;
        }
    }
}
