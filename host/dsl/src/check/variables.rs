//! Which kind of value each variable has: that of its first value, which null leaves open (LANGUAGE rule R53).

use super::Checker;
use super::kinds::Kind;
use super::known::Known;
use super::typing::Names;
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
            if !self.known_variables.contains_key(name) {
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
            if !is_first {
                continue;
            }
            let known = self.known_written(one);
            match (written[name].len(), known.kind()) {
                (_, None) => continue,
                (1, Some(_)) => self.known_variables.insert(name, known),
                (_, Some(kind)) => self.known_variables.insert(name, Known::Kind(kind)),
            };
        }
        for _ in 0..PASSES {
            let mut is_stable = true;
            for (name, one) in &in_order {
                if let Some(assumed) = self.known_variables.get(name).and_then(Known::kind)
                    && self.known_written(one).kind() != Some(assumed)
                {
                    self.known_variables.remove(name);
                    is_stable = false;
                }
            }
            if is_stable {
                return;
            }
        }
        self.known_variables.clear();
    }

    fn refuse_several_kinds(&mut self, name: &str, all: &[Written<'a>]) {
        let Some((first, rest)) = all.split_first() else { return };
        let Some(kind) = self.known_written(first).kind() else {
            return;
        };
        let other = rest
            .iter()
            .find_map(|one| Some((one, self.known_written(one).kind().filter(|other| *other != kind)?)));
        let Some((one, other)) = other else { return };
        let message = format!("the variable `{name}` is {}, this is {}", kind.phrase(), other.phrase());
        let diagnostic = Diagnostic::error(Code::WrongValue, one.entry.value.span, message)
            .also(first.entry.value.span, format!("its first value is {}", kind.phrase()))
            .help("write a value of that kind or null, or another variable");
        self.report(diagnostic);
    }

    fn known_written(&self, one: &Written<'_>) -> Known {
        let kind = match &one.entry.value.kind {
            ValueKind::Text(_) | ValueKind::Code(_) | ValueKind::Duration(_) => Kind::Text,
            ValueKind::Number(_) => Kind::Number,
            ValueKind::Path(path) if matches!(path.single(), Some("true" | "false")) => Kind::Boolean,
            ValueKind::List(_) => Kind::List,
            ValueKind::Map(_) => Kind::Map,
            ValueKind::Expression(_) => {
                let expression = one.expression.as_ref();
                return expression.map_or(Known::Anything, |expression| {
                    self.known(expression.tree(), Names::default())
                });
            }
            ValueKind::Path(_) | ValueKind::Invalid => return Known::Anything,
        };
        Known::Kind(kind)
    }
}
