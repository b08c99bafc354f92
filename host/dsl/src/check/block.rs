//! What choices and loops mean.

use super::Checker;
use super::attribute::{is_word, value};
use super::kinds::Kind;
use super::step_table::Scope;
use crate::ast::{self, Attribute, Block, Do, Node, Sense, ValueKind, While};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::resolved::{If, Loop, StepKind};
use crate::source::Span;
use cofferdam_engine::Data;
use cofferdam_engine::expr::ValueSource;
use cofferdam_engine::plan::{Condition, LoopOrder, OnLimit};

impl<'a> Checker<'a> {
    pub(super) fn choice(&mut self, choice: &'a ast::If, scope: &Scope<'a>) -> Option<StepKind> {
        let mut arms = Vec::with_capacity(choice.arms.len());
        let mut complete = true;
        let mut asked: Vec<(Condition, Span)> = Vec::new();
        for (index, arm) in choice.arms.iter().enumerate() {
            let condition = self.condition(&arm.condition, arm.sense, scope);
            if let Some(condition) = &condition {
                let has_else = choice.otherwise.is_some() || index + 1 < choice.arms.len();
                self.constant_arm(arm, condition, has_else);
                if let Some((_, before)) = asked.iter().find(|(known, _)| known == condition) {
                    let message = "this is asked above: these steps are never reached";
                    self.report(
                        Diagnostic::warning(Code::ConstantCondition, arm.condition.span, message)
                            .also(*before, "asked here")
                            .help("ask for something else, or remove these steps"),
                    );
                } else {
                    asked.push((condition.clone(), arm.condition.span));
                }
            }
            let body = self.nodes(&arm.block.nodes, scope);
            match condition {
                Some(condition) => arms.push((condition, body)),
                None => complete = false,
            }
        }
        let otherwise = choice
            .otherwise
            .as_ref()
            .map_or_else(Vec::new, |block| self.nodes(&block.nodes, scope));
        complete.then_some(StepKind::If(If { arms, otherwise }))
    }

    pub(super) fn while_loop(&mut self, node: &'a Node, repeat: &'a While, scope: &Scope<'a>) -> Option<StepKind> {
        let head = node.keyword.to(repeat.condition.span);
        self.repeat(
            node,
            head,
            &repeat.condition,
            &repeat.block,
            LoopOrder::TestFirst,
            scope,
        )
    }

    pub(super) fn do_block(&mut self, node: &'a Node, block: &'a Do, scope: &Scope<'a>) -> Option<StepKind> {
        match &block.condition {
            Some(condition) => {
                let head = node.keyword;
                self.repeat(node, head, condition, &block.block, LoopOrder::BodyFirst, scope)
            }
            None => {
                let inside = self.with_defaults(&block.block.attributes, scope);
                Some(StepKind::Do(self.nodes(&block.block.nodes, &inside)))
            }
        }
    }

    fn repeat(
        &mut self,
        node: &'a Node,
        head: Span,
        written: &ast::Condition,
        block: &'a Block,
        order: LoopOrder,
        scope: &Scope<'a>,
    ) -> Option<StepKind> {
        // Whatever stands in the body can have run in an earlier round.
        let mut inside = self.with_defaults(&block.attributes, scope);
        inside.add(node.span);
        let mut asked = inside.clone();
        if order == LoopOrder::TestFirst {
            // The first test comes before the first round.
            asked.unset.push(block.span);
        }
        let condition = self.condition(written, Sense::If, &asked);
        if let Some(condition) = &condition {
            self.constant_loop(written, condition, order);
        }
        let limit = self.limit(&block.attributes, head, order, &inside);
        let stuck_after = self.stuck_after(&block.attributes, &inside);
        self.order_of_limits(&block.attributes, stuck_after.flatten());
        // Without a limit there is more to mend than the condition.
        if let (Some(condition), Some(_)) = (&condition, &limit) {
            self.unchanging_loop(written, condition, block);
        }
        let on_limit = if is_word(&block.attributes, "on_max_iter", "continue") {
            OnLimit::Continue
        } else {
            OnLimit::Fail
        };
        let body = self.nodes(&block.nodes, &inside);
        Some(StepKind::Loop(Box::new(Loop {
            condition: condition?,
            order,
            limit: limit?,
            on_limit,
            stuck_after: stuck_after?,
            body,
        })))
    }

    fn limit(
        &mut self,
        attributes: &'a [Attribute],
        head: Span,
        order: LoopOrder,
        scope: &Scope<'a>,
    ) -> Option<ValueSource> {
        let Some(limit) = value(attributes, "max_iterations") else {
            // The tables of attributes know it of `while`.
            if order == LoopOrder::BodyFirst {
                let message = "`do … while` needs `max_iterations`";
                self.report(
                    Diagnostic::error(Code::MissingAttribute, head, message)
                        .help("write `max_iterations = 10`, or an expression: `max_iterations = (inputs.max_pages)`"),
                );
            }
            return None;
        };
        match &limit.kind {
            ValueKind::Expression(fragment) => {
                let expression = self.expression(fragment, scope)?;
                let kind = self
                    .kind_of(expression.tree(), scope)
                    .filter(|kind| *kind != Kind::Number);
                if let Some(kind) = kind {
                    let message = format!("`max_iterations` takes a whole number, this is {}", kind.phrase());
                    let diagnostic = Diagnostic::error(Code::WrongValue, fragment.span, message);
                    self.report(diagnostic.help(match kind {
                        Kind::Text => "for the number in a text write `int(x)`",
                        _ => "for example `max_iterations = (inputs.max_pages)`",
                    }));
                    return None;
                }
                Some(ValueSource::Expression(expression))
            }
            _ => {
                let count = self.count(limit, "max_iterations")?;
                if count == 0 {
                    let message = "a loop of at most no round does nothing";
                    let diagnostic = Diagnostic::doubtful(Code::WrongValue, self.has_edition, limit.span, message);
                    self.report(diagnostic.help("write how many rounds there may be: `max_iterations = 10`"));
                }
                Some(ValueSource::Literal(Data::Int(i64::from(count))))
            }
        }
    }

    /// Returns the number of rounds without a change that fail a loop; the outer none says that it is wrong.
    #[expect(clippy::option_option, reason = "absent and wrong are two things")]
    fn stuck_after(&mut self, attributes: &'a [Attribute], scope: &Scope<'a>) -> Option<Option<u32>> {
        let Some(value) = value(attributes, "stuck_after") else {
            return Some(None);
        };
        // Whose outputs are compared, the expression says (LANGUAGE rule R60).
        if let ValueKind::Expression(fragment) = &value.kind {
            self.expression(fragment, scope)?;
            self.not_yet(value.span, "`stuck_after` with an expression");
            return None;
        }
        let rounds = self.count(value, "stuck_after")?;
        if rounds == 0 {
            let message = "`stuck_after` counts rounds: at least 1";
            let diagnostic = Diagnostic::error(Code::WrongValue, value.span, message);
            self.report(diagnostic.help("for example `stuck_after = 3`"));
            return None;
        }
        Some(Some(rounds))
    }

    /// Reports a loop that reaches its limit before it can be found stuck.
    fn order_of_limits(&mut self, attributes: &'a [Attribute], stuck_after: Option<u32>) {
        let (Some(stuck), Some(limit)) = (value(attributes, "stuck_after"), value(attributes, "max_iterations")) else {
            return;
        };
        let most = match &limit.kind {
            ValueKind::Number(_) | ValueKind::Text(_) => self.count(limit, "max_iterations"),
            _ => None,
        };
        if let (Some(rounds), Some(most)) = (stuck_after, most)
            && rounds > most
            && most > 0
        {
            let message = format!("a loop of at most {most} rounds is never stuck after {rounds}");
            let diagnostic = Diagnostic::warning(Code::UselessLimit, stuck.span, message);
            self.report(
                diagnostic
                    .also(limit.span, "ends the loop first")
                    .help("make `stuck_after` smaller than `max_iterations`, or remove it"),
            );
        }
    }
}
