//! Which kind of value each variable has: that of its first value, which null leaves open (LANGUAGE rule R53).

use super::Checker;
use super::kinds::Kind;
use crate::ast::{Entry, File, NodeKind, ValueKind};
use crate::attributes::each_node;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use cofferdam_engine::expr::NodeKind as ExpressionKind;
use cofferdam_engine::{Data, Expression};
use std::collections::BTreeMap;

/// How often the kinds are looked at again after one of them turned out to be unknown; no real file needs as many.
const PASSES: usize = 8;

/// One writing of a variable.
struct Written<'a> {
    entry: &'a Entry,
    /// What is between the parentheses, if it is an expression.
    expression: Option<Expression>,
}

impl Written<'_> {
    fn is_null(&self) -> bool {
        match &self.entry.value.kind {
            ValueKind::Path(path) => path.single() == Some("null"),
            _ => self
                .expression
                .as_ref()
                .is_some_and(|expression| matches!(expression.tree().kind, ExpressionKind::Literal(Data::Null))),
        }
    }
}

impl<'a> Checker<'a> {
    /// Finds out the kinds of the variables; reports those that are written with several.
    pub(super) fn type_variables(&mut self, file: &'a File) {
        let mut written: BTreeMap<&'a str, Vec<Written<'a>>> = BTreeMap::new();
        each_node(file, &mut |node| {
            let NodeKind::Set(map) = &node.kind else { return };
            for entry in &map.entries {
                let expression = match &entry.value.kind {
                    ValueKind::Expression(fragment) => Expression::parse(fragment.code.trim()).ok(),
                    _ => None,
                };
                let one = Written { entry, expression };
                if !one.is_null() {
                    written.entry(&entry.key.text).or_default().push(one);
                }
            }
        });
        for all in written.values_mut() {
            all.sort_by_key(|one| one.entry.key.span.start);
        }
        self.assume_kinds(&written);
        for (name, all) in &written {
            if !self.variable_kinds.contains_key(name) {
                self.refuse_several_kinds(name, all);
            }
        }
    }

    /// Keeps the kinds of those variables of which every value certainly has the kind of the first one. A value may
    /// depend on the variable itself, as in `n = (vars.n + 1)`: what nothing contradicts holds.
    fn assume_kinds(&mut self, written: &BTreeMap<&'a str, Vec<Written<'a>>>) {
        let mut in_order: Vec<(&'a str, &Written<'a>)> = written
            .iter()
            .flat_map(|(name, all)| all.iter().map(move |one| (*name, one)))
            .collect();
        in_order.sort_by_key(|(_, one)| one.entry.key.span.start);
        for (name, one) in &in_order {
            let is_first = written[name].first().is_some_and(|first| std::ptr::eq(first, *one));
            if let (true, Some(kind)) = (is_first, self.kind_of_written(one)) {
                self.variable_kinds.insert(name, kind);
            }
        }
        for _ in 0..PASSES {
            let mut is_stable = true;
            for (name, one) in &in_order {
                if let Some(assumed) = self.variable_kinds.get(name).copied()
                    && self.kind_of_written(one) != Some(assumed)
                {
                    self.variable_kinds.remove(name);
                    is_stable = false;
                }
            }
            if is_stable {
                return;
            }
        }
        self.variable_kinds.clear();
    }

    fn refuse_several_kinds(&mut self, name: &str, all: &[Written<'a>]) {
        let Some((first, rest)) = all.split_first() else { return };
        let Some(kind) = self.kind_of_written(first) else {
            return;
        };
        let other = rest
            .iter()
            .find_map(|one| Some((one, self.kind_of_written(one).filter(|other| *other != kind)?)));
        let Some((one, other)) = other else { return };
        let message = format!("the variable `{name}` is {}, this is {}", kind.phrase(), other.phrase());
        let diagnostic = Diagnostic::error(Code::WrongValue, one.entry.value.span, message)
            .also(first.entry.value.span, format!("its first value is {}", kind.phrase()))
            .help("write a value of that kind or null, or another variable");
        self.report(diagnostic);
    }

    fn kind_of_written(&self, one: &Written<'_>) -> Option<Kind> {
        match &one.entry.value.kind {
            ValueKind::Text(_) | ValueKind::Code(_) | ValueKind::Duration(_) => Some(Kind::Text),
            ValueKind::Number(_) => Some(Kind::Number),
            ValueKind::Path(path) => matches!(path.single(), Some("true" | "false")).then_some(Kind::Boolean),
            ValueKind::List(_) => Some(Kind::List),
            ValueKind::Map(_) => Some(Kind::Map),
            ValueKind::Expression(_) => self.kind_of(one.expression.as_ref()?.tree()),
            ValueKind::Invalid => None,
        }
    }
}
