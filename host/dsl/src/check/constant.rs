//! What expressions that ask for nothing are worth: known before any run, so that a choice upon them is none.

use super::Checker;
use crate::ast::{self, Arm};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::literal::Fragment;
use crate::source::Span;
use cofferdam_engine::Expression;
use cofferdam_engine::expr::{Budget, EvaluationError, Names, Node, NodeKind, Root, references};
use cofferdam_engine::plan::{Condition, LoopOrder, Test};

/// Steps of one evaluation, as at run time (LANGUAGE rule R23).
const STEPS: usize = 100_000;

/// Steps of all evaluations for one file: checking it stays quick, whatever is in it.
pub(super) const STEPS_OF_FILE: usize = 400_000;

/// No root at all.
struct Nothing;

impl Names for Nothing {
    fn root(&self, _: &str) -> Option<Root<'_>> {
        None
    }
}

impl Checker<'_> {
    /// Returns why `expression` costs too much, if it asks for nothing and so does in every run.
    pub(super) fn too_costly(&mut self, expression: &Expression) -> Option<String> {
        let failed = |budget: &mut Budget| expression.evaluate(&Nothing, budget).err();
        let (error, taken) = self.without_names(expression, failed)?;
        // Any other failure may be meant.
        error.filter(|_| taken == STEPS).map(|error| error.message)
    }

    /// Returns what a condition always is.
    fn always(&mut self, condition: &Condition) -> Option<bool> {
        let Test::Expression(expression) = &condition.test else {
            return None;
        };
        let holds =
            |budget: &mut Budget| -> Result<bool, EvaluationError> { expression.evaluate_condition(&Nothing, budget) };
        let (holds, _) = self.without_names(expression, holds)?;
        holds.ok().map(|holds| holds != condition.negated)
    }

    fn without_names<T>(
        &mut self,
        expression: &Expression,
        evaluate: impl FnOnce(&mut Budget) -> T,
    ) -> Option<(T, usize)> {
        if self.constant_steps < STEPS || !references(expression).is_empty() {
            return None;
        }
        let mut budget = Budget::with_steps(STEPS);
        let result = evaluate(&mut budget);
        let taken = budget.steps_taken();
        self.constant_steps -= taken.min(self.constant_steps);
        Some((result, taken))
    }

    /// Reports an arm that always or never runs.
    pub(super) fn constant_arm(&mut self, arm: &Arm, condition: &Condition, has_else: bool) {
        let Some(runs) = self.always(condition) else { return };
        let effect = match runs {
            true if has_else => "what stands after its `else` never runs",
            true => "it decides nothing",
            false => "the steps inside never run",
        };
        // What is written is spoken of, not what `unless` makes of it.
        self.constant(arm.condition.span, runs != condition.negated, effect);
    }

    /// Reports an attribute `if` that is no question.
    pub(super) fn constant_guard(&mut self, span: Span, condition: &Condition) {
        match self.always(condition) {
            Some(true) => self.constant(span, true, "it decides nothing"),
            Some(false) => self.constant(span, false, "the step never runs"),
            None => {}
        }
    }

    /// Reports a loop that makes no second round. One that goes on until its limit is a way to write loops.
    pub(super) fn constant_loop(&mut self, written: &ast::Condition, condition: &Condition, order: LoopOrder) {
        if self.always(condition) == Some(false) {
            let effect = match order {
                LoopOrder::TestFirst => "the steps inside never run",
                LoopOrder::BodyFirst => "the steps inside run once",
            };
            self.constant(written.span, false, effect);
        }
    }

    /// Reports operands of `&&` and `||` that are always the same, where the whole is not.
    pub(super) fn constant_parts(&mut self, written: &Fragment, expression: &Expression) {
        let mut parts = Vec::new();
        operands(expression.tree(), &mut parts);
        for (part, joined_by_and) in parts {
            let source = &expression.source()[part.range.clone()];
            let Ok(alone) = Expression::parse(source) else { continue };
            let holds = |budget: &mut Budget| alone.evaluate_condition(&Nothing, budget);
            let Some((Ok(holds), _)) = self.without_names(&alone, holds) else {
                continue;
            };
            let skipped = written.code.len() - written.code.trim_start().len();
            let span = written.locate(skipped + part.range.start, skipped + part.range.end);
            let message = match (joined_by_and, holds) {
                (true, false) => "this is always false, and so is all that `&&` joins to it",
                (false, true) => "this is always true, and so is all that `||` joins to it",
                (true, true) => "this is always true, so that it asks for nothing",
                (false, false) => "this is always false, so that it asks for nothing",
            };
            let help = "ask for an input, a step or a variable, or remove it";
            self.report(Diagnostic::warning(Code::ConstantCondition, span, message).help(help));
        }
    }

    fn constant(&mut self, span: Span, holds: bool, effect: &str) {
        let message = format!("this condition is always {holds}: {effect}");
        let help = "ask for an input, a step or a variable, or remove the condition";
        self.report(Diagnostic::warning(Code::ConstantCondition, span, message).help(help));
    }
}

/// Collects the operands of `&&` and `||`, each with whether it is `&&`; none of an expression that is constant itself.
fn operands<'e>(node: &'e Node, found: &mut Vec<(&'e Node, bool)>) {
    let (nodes, is_and) = match &node.kind {
        NodeKind::And(nodes) => (nodes, true),
        NodeKind::Or(nodes) => (nodes, false),
        NodeKind::Not(operand) => return operands(operand, found),
        _ => return,
    };
    let is_constant = |node: &Node| !asks(node);
    if nodes.iter().all(is_constant) {
        return;
    }
    for node in nodes {
        if is_constant(node) {
            found.push((node, is_and));
        } else {
            operands(node, found);
        }
    }
}

/// Returns whether a part names anything.
fn asks(node: &Node) -> bool {
    let mut asks = matches!(node.kind, NodeKind::Name(_));
    node.each_child(|child| asks |= self::asks(child));
    asks
}
