//! Steps and blocks of steps.

use super::{NODE_KEYWORDS, Parser};
use crate::ast::{
    Arm, Call, CallTarget, Do, Foreach, Gate, If, Node, NodeKind, Parallel, Script, Sense, Trivia, Wait, While, Word,
};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::token::{Token, TokenKind};

/// Attributes of `foreach` that may be written without `=` (rule R10).
const FOREACH_MAPS: &[&str] = &["inputs", "scope", "filter"];

/// For blocks without such attributes.
const NO_MAPS: &[&str] = &[];

impl Parser<'_> {
    /// Takes one step; reports and skips what is none.
    pub(super) fn node(&mut self, owner: &str) -> Option<Node> {
        let trivia = self.open_trivia();
        if self.word().is_some_and(|word| NODE_KEYWORDS.contains(&word)) {
            return self.node_with(trivia);
        }
        if let Some(word @ ("inputs" | "meta" | "outputs")) = self.word() {
            let span = self.token().span;
            let message = format!("`{word}` belongs between the outer braces of the workflow, not into {owner}");
            let diagnostic = Diagnostic::error(Code::MisplacedAttribute, span, message);
            self.report(diagnostic.help("look for a missing `}` before it"));
            self.skip_construct();
            self.keep_comments(trivia);
            return None;
        }
        self.unknown_step(&[], trivia)
    }

    /// Takes the step whose keyword comes next.
    pub(super) fn node_with(&mut self, trivia: Trivia) -> Option<Node> {
        self.count_node();
        if self.stopped && self.kind() == TokenKind::End {
            return None;
        }
        let keyword = self.token_text(self.token());
        self.node_of(keyword, trivia)
    }

    /// Takes a step as if it began with `keyword`.
    pub(super) fn node_of(&mut self, keyword: &str, mut trivia: Trivia) -> Option<Node> {
        let token = self.bump();
        let kind = match keyword {
            "call" => NodeKind::Call(self.call()),
            "if" => NodeKind::If(self.branches(Sense::If, token.span)),
            "unless" => NodeKind::If(self.branches(Sense::Unless, token.span)),
            "while" => {
                let condition = self.condition();
                NodeKind::While(While {
                    condition,
                    block: self.block("the condition of `while`", Some(NO_MAPS)),
                })
            }
            "do" => NodeKind::Do(self.do_block()),
            "parallel" => NodeKind::Parallel(Parallel {
                name: self.optional_name(),
                block: self.block("`parallel`", Some(NO_MAPS)),
            }),
            "gate" => {
                let gate_kind = self.name("the kind of the gate");
                NodeKind::Gate(Gate {
                    gate_kind,
                    name: self.optional_name(),
                    attributes: self.attributes("the gate"),
                })
            }
            "always" => NodeKind::Always(self.block("`always`", None)),
            "script" => NodeKind::Script(Script {
                name: self.name("the name of the script"),
                attributes: self.attributes("the script"),
            }),
            "wait" => NodeKind::Wait(Wait {
                name: self.name("the name of the wait"),
                attributes: self.attributes("the wait"),
            }),
            "foreach" => {
                let name = self.name("the name of the loop");
                NodeKind::Foreach(Foreach {
                    name,
                    block: self.block("the name of `foreach`", Some(FOREACH_MAPS)),
                })
            }
            "set" => NodeKind::Set(self.map_after("set")),
            _ => NodeKind::Fail(self.full_value()),
        };
        let span = self.span_from(token.span.start);
        self.close_trivia(&mut trivia);
        Some(Node {
            kind,
            trivia,
            keyword: token.span,
            span,
        })
    }

    fn optional_name(&mut self) -> Option<Word> {
        (self.kind() == TokenKind::Word).then(|| self.take_word())
    }

    fn call(&mut self) -> Call {
        let target = self.call_target();
        let owner = if matches!(target, CallTarget::Workflow(_)) {
            "the call of a workflow"
        } else {
            "the call"
        };
        let span = target.span();
        if self.took_foreign_attributes(span, owner) {
            // Without its attributes nothing is known about it.
            let target = CallTarget::Name(Word {
                text: String::new(),
                span,
            });
            return Call {
                target,
                attributes: None,
            };
        }
        let attributes = (self.kind() == TokenKind::OpenBrace).then(|| self.attributes(owner));
        Call { target, attributes }
    }

    fn call_target(&mut self) -> CallTarget {
        if self.kind() == TokenKind::Quoted || self.kind() == TokenKind::Raw {
            let token = self.bump();
            return CallTarget::Path(self.text_literal(token));
        }
        let is_plugin = self.next_kind() == TokenKind::Dot && self.token().span.end == self.ahead(1).span.start;
        if self.is_word("workflow") && !is_plugin {
            self.bump();
            let begins_path = |token: Token| {
                !token.begins_line
                    && (token.kind == TokenKind::Dot
                        || (token.kind == TokenKind::Unknown && self.token_text(token).starts_with(['/', '\\'])))
            };
            let after_name = self.kind() == TokenKind::Word && begins_path(self.ahead(1));
            if begins_path(self.token()) || (after_name && !self.token().begins_line) {
                return self.path_for_workflow();
            }
            let name = self.name("the name of a workflow");
            // Nothing is called without a name, which is reported.
            return if name.text.is_empty() {
                CallTarget::Name(name)
            } else {
                CallTarget::Workflow(name)
            };
        }
        let first = self.name("the name of an action");
        if self.kind() != TokenKind::Dot {
            return CallTarget::Name(first);
        }
        self.bump();
        let action = self.name("the name of an action of the plugin");
        if self.kind() == TokenKind::Dot {
            return self.too_many_dots(first);
        }
        CallTarget::Plugin { plugin: first, action }
    }

    fn branches(&mut self, sense: Sense, keyword: crate::source::Span) -> If {
        let (sense, word) = match sense {
            Sense::If if self.took_negation(keyword, "unless") => (Sense::Unless, "unless"),
            Sense::Unless if self.took_negation(keyword, "if") => (Sense::If, "if"),
            Sense::If => (sense, "if"),
            Sense::Unless => (sense, "unless"),
        };
        let condition = self.condition();
        let block = self.block(&format!("the condition of `{word}`"), Some(NO_MAPS));
        let mut branches = If {
            arms: vec![Arm {
                sense,
                condition,
                block,
            }],
            otherwise: None,
        };
        while self.is_word("else") {
            self.bump();
            if self.is_word("unless") {
                let span = self.token().span;
                let diagnostic = Diagnostic::error(Code::MisplacedElse, span, "there is no `else unless`");
                self.report(diagnostic.help("write `else if (!(…))`, or put the `unless` into `else { … }`"));
            } else if !self.is_word("if") {
                branches.otherwise = Some(self.block("`else`", None));
                break;
            }
            self.count_node();
            self.bump();
            let condition = self.condition();
            let block = self.block("the condition of `else if`", Some(NO_MAPS));
            branches.arms.push(Arm {
                sense: Sense::If,
                condition,
                block,
            });
        }
        self.last_if = Some(keyword);
        branches
    }

    fn do_block(&mut self) -> Do {
        // `do while x { }` without a body is taken as a nameless block that lacks its braces.
        let name = if self.is_word("while") {
            None
        } else {
            self.optional_name()
        };
        let block = self.block("`do`", Some(NO_MAPS));
        let mut condition = None;
        if self.is_word("while") && !self.condition_has_block() {
            self.bump();
            condition = Some(self.condition());
        }
        Do { name, block, condition }
    }

    /// Returns whether a brace follows the condition after the word that comes next: a `while` is then a loop of its own
    /// (rule R15).
    pub(super) fn condition_has_block(&self) -> bool {
        let mut ahead = 1;
        match self.ahead(ahead).kind {
            TokenKind::Expression | TokenKind::Quoted | TokenKind::Raw => ahead += 1,
            TokenKind::Word => {
                ahead += 1;
                while self.ahead(ahead).kind == TokenKind::Dot && self.ahead(ahead + 1).kind == TokenKind::Word {
                    ahead += 2;
                }
            }
            _ => return false,
        }
        self.ahead(ahead).kind == TokenKind::OpenBrace
    }
}
