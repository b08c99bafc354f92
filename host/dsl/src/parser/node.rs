//! Steps and blocks of steps.

use super::{NODE_KEYWORDS, Parser};
use crate::ast::{
    Arm, Call, CallTarget, Do, Foreach, Gate, If, Node, NodeKind, Parallel, Script, Sense, Trivia, Wait, While, Word,
};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::token::TokenKind;

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
        } else {
            self.unknown_step(&[]);
        }
        self.keep_comments(trivia);
        None
    }

    /// Takes the step whose keyword comes next.
    pub(super) fn node_with(&mut self, mut trivia: Trivia) -> Option<Node> {
        self.count_node();
        if self.stopped && self.kind() == TokenKind::End {
            return None;
        }
        let token = self.bump();
        let kind = match self.token_text(token) {
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
            "set" => NodeKind::Set(self.map_after("`set`")),
            _ => NodeKind::Fail(self.value()),
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
        let attributes = (self.kind() == TokenKind::OpenBrace).then(|| self.attributes(owner));
        Call { target, attributes }
    }

    fn call_target(&mut self) -> CallTarget {
        if self.kind() == TokenKind::Quoted || self.kind() == TokenKind::Raw {
            let token = self.bump();
            return CallTarget::Path(self.text_literal(token));
        }
        if self.is_word("workflow") && self.next_kind() != TokenKind::Dot {
            self.bump();
            return CallTarget::Workflow(self.name("the name of a workflow"));
        }
        let first = self.name("the name of an action");
        if self.kind() != TokenKind::Dot {
            return CallTarget::Name(first);
        }
        self.bump();
        let action = self.name("the name of an action of the plugin");
        while self.kind() == TokenKind::Dot {
            let span = self.token().span;
            let diagnostic = Diagnostic::error(
                Code::UnexpectedToken,
                span,
                "an action is `plugin.action`, with one dot",
            );
            self.report(diagnostic);
            self.bump();
            self.optional_name();
        }
        CallTarget::Plugin { plugin: first, action }
    }

    fn branches(&mut self, sense: Sense, keyword: crate::source::Span) -> If {
        let condition = self.condition();
        let word = if sense == Sense::If { "if" } else { "unless" };
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
        if self.is_word("while") && !self.while_has_block() {
            self.bump();
            condition = Some(self.condition());
        }
        Do { name, block, condition }
    }

    /// Returns whether the `while` that comes next is a loop of its own: a brace follows its condition (rule R15).
    fn while_has_block(&self) -> bool {
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
