//! Which schema and which snippets a call has: its own, and those of the blocks around it.

use super::Checker;
use super::attribute::{value, word, words};
use super::step_table::Scope;
use crate::ast::{Attribute, ValueKind};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use std::sync::Arc;

/// The most snippets of one call, so that blocks within each other cannot grow a plan without bounds.
const MOST_SNIPPETS: usize = 64;

/// What `output` and `with` of blocks say about the calls inside.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    /// The schema named by the innermost.
    pub(super) output: Option<String>,
    /// The snippets of all, the outermost first.
    pub(super) with: Arc<[String]>,
}

impl<'a> Checker<'a> {
    /// Returns the scope inside a block with `attributes`.
    pub(super) fn with_defaults(&mut self, attributes: &'a [Attribute], scope: &Scope<'a>) -> Scope<'a> {
        let mut inside = scope.clone();
        inside.defaults = self.defaults(attributes, scope);
        inside
    }

    /// Returns what holds for a call or block with `attributes`: its own `output` wins, its own snippets come last.
    pub(super) fn defaults(&mut self, attributes: &'a [Attribute], scope: &Scope<'a>) -> Defaults {
        let mut defaults = scope.defaults.clone();
        if let Some((name, _)) = value(attributes, "output").and_then(word) {
            defaults.output = Some(name);
        }
        let Some(own) = value(attributes, "with") else {
            return defaults;
        };
        let names = words(own);
        let count = defaults.with.len() + names.len();
        if count > MOST_SNIPPETS {
            let message = format!("{count} snippets go with one prompt, of at most {MOST_SNIPPETS}");
            let help = "put what belongs together into one snippet";
            self.report(Diagnostic::error(Code::WrongValue, own.span, message).help(help));
            return defaults;
        }
        if !matches!(own.kind, ValueKind::Invalid) {
            let outer = defaults.with.iter().cloned();
            defaults.with = outer.chain(names.into_iter().map(|(name, _)| name)).collect();
        }
        defaults
    }
}
