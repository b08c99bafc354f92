//! What those that call a workflow see of it: what it takes, what it returns, and the results of its steps.

use super::Checker;
use super::kinds::Kind;
use super::known::Known;
use super::step_table::Scope;
use super::typing::Names;
use crate::ast::{Entry, File, Input, InputProperty, ItemKind, Value, ValueKind};
use crate::source::Span;
use cofferdam_engine::Expression;
use cofferdam_engine::plan::InputDeclaration;
use std::collections::BTreeMap;

/// What those that call a workflow see of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signature {
    /// What it takes, in the order of the text.
    pub(super) inputs: Vec<Asked>,
    /// What is known about what it returns.
    pub(super) outputs: Known,
    /// What is known about the outputs of its steps, by their keys.
    pub(super) steps: BTreeMap<String, Known>,
}

/// An input that a workflow asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) declaration: InputDeclaration,
    /// Whether the file says what it must be; else it is a text.
    pub(super) is_typed: bool,
    /// Whether it is the name of a secret.
    pub(super) is_secret: bool,
    /// Where its name stands.
    pub(super) name: Span,
}

impl<'a> Checker<'a> {
    /// Returns what callers of `file` see, whose inputs are declared and whose steps have been checked. `scope` is that of
    /// its outputs.
    pub(super) fn signature(&self, file: &'a File, scope: &Scope<'a>) -> Signature {
        let mut outputs: BTreeMap<&str, Vec<Known>> = BTreeMap::new();
        for fact in self.steps.seen_from_outside() {
            outputs.entry(fact.key).or_default().push(self.known_output(fact));
        }
        let steps = outputs.into_iter();
        Signature {
            inputs: self.asked(file),
            outputs: self.known_outputs(file, scope),
            steps: steps
                .map(|(key, known)| (key.to_owned(), Known::either(known)))
                .collect(),
        }
    }

    /// Returns the declared inputs in the order of the text; of two with one name the later one counts.
    fn asked(&self, file: &'a File) -> Vec<Asked> {
        let inputs = file.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Inputs(inputs) => Some(&inputs.entries),
            ItemKind::Meta(_) | ItemKind::Outputs(_) | ItemKind::Always(_) | ItemKind::Node(_) => None,
        });
        let counts = |input: &&Input| {
            let declared = self.inputs.get(input.name.text.as_str());
            declared.is_some_and(|declared| declared.name == input.name.span)
        };
        inputs
            .flatten()
            .filter(counts)
            .filter_map(|input| {
                let declared = self.inputs.get(input.name.text.as_str())?;
                let kind = input.properties.iter().find_map(|property| match property {
                    InputProperty::Boolean(_) => Some("boolean".to_owned()),
                    InputProperty::Pair { key, value } if key.text == "type" => {
                        super::attribute::word(value).map(|(word, _)| word)
                    }
                    InputProperty::Pair { .. } | InputProperty::Required(_) => None,
                });
                Some(Asked {
                    declaration: declared.declaration.clone(),
                    is_typed: kind.is_some(),
                    is_secret: kind.as_deref() == Some("secret"),
                    name: declared.name,
                })
            })
            .collect()
    }

    fn known_outputs(&self, file: &'a File, scope: &Scope<'a>) -> Known {
        let maps = file.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Outputs(map) => Some(map),
            ItemKind::Meta(_) | ItemKind::Inputs(_) | ItemKind::Always(_) | ItemKind::Node(_) => None,
        });
        let entries: Vec<&Entry> = maps.flat_map(|map| &map.entries).collect();
        if entries.is_empty() {
            return Known::Anything;
        }
        self.known_entries(entries.into_iter(), scope)
    }

    fn known_entries(&self, entries: impl Iterator<Item = &'a Entry>, scope: &Scope<'a>) -> Known {
        // Of two with one name the later one counts.
        let members: BTreeMap<&str, Known> = entries
            .map(|entry| (entry.key.text.as_str(), self.known_value(&entry.value, scope)))
            .collect();
        Known::fields(members)
    }

    fn known_value(&self, value: &'a Value, scope: &Scope<'a>) -> Known {
        match &value.kind {
            ValueKind::Map(map) => self.known_entries(map.entries.iter(), scope),
            ValueKind::Expression(fragment) => Expression::parse(fragment.code.trim())
                .map_or(Known::Anything, |expression| {
                    self.known(expression.tree(), Names::of(scope)).outside()
                }),
            ValueKind::Text(_) | ValueKind::Code(_) | ValueKind::Duration(_) => Known::Kind(Kind::Text),
            ValueKind::Number(_) => Known::Kind(Kind::Number),
            ValueKind::List(_) => Known::Kind(Kind::List),
            ValueKind::Path(path) if matches!(path.single(), Some("true" | "false")) => Known::Kind(Kind::Boolean),
            ValueKind::Path(_) | ValueKind::Invalid => Known::Anything,
        }
    }
}
