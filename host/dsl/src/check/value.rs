//! What the values of parameters, variables and outputs are.

use super::Checker;
use super::step_table::Scope;
use crate::ast::{Map, Path, Value, ValueKind};
use crate::literal::NumberValue;
use cofferdam_engine::Data;
use cofferdam_engine::expr::ValueSource;
use std::collections::BTreeMap;

impl<'a> Checker<'a> {
    /// Returns where the value comes from; none if something is wrong with it.
    pub(super) fn value(&mut self, value: &'a Value, scope: &Scope<'a>) -> Option<ValueSource> {
        let source = self.source_of(value, scope);
        self.is_complete &= source.is_some();
        source
    }

    fn source_of(&mut self, value: &'a Value, scope: &Scope<'a>) -> Option<ValueSource> {
        match &value.kind {
            ValueKind::Text(text) => {
                let template = self.template(text, scope)?;
                Some(match template.as_literal() {
                    Some(literal) => ValueSource::Literal(Data::text(literal)),
                    None => ValueSource::Template(template),
                })
            }
            ValueKind::Code(code) => Some(ValueSource::Literal(Data::text(&code.text))),
            ValueKind::Number(number) => Some(ValueSource::Literal(number_data(number.value))),
            ValueKind::Duration(duration) => Some(ValueSource::Literal(Data::text(&duration.written))),
            ValueKind::Expression(fragment) => self.expression(fragment, scope).map(ValueSource::Expression),
            ValueKind::Path(path) => bare_word(path).map(ValueSource::Literal),
            ValueKind::List(list) => {
                let items: Vec<Option<ValueSource>> =
                    list.items.iter().map(|item| self.value(&item.value, scope)).collect();
                items.into_iter().collect::<Option<Vec<_>>>().map(list_source)
            }
            ValueKind::Map(map) => self.map_value(map, scope),
            ValueKind::Invalid => None,
        }
    }

    pub(super) fn map_value(&mut self, map: &'a Map, scope: &Scope<'a>) -> Option<ValueSource> {
        let mut entries = BTreeMap::new();
        let mut complete = true;
        for entry in &map.entries {
            match self.value(&entry.value, scope) {
                Some(source) => {
                    entries.insert(entry.key.text.clone(), source);
                }
                None => complete = false,
            }
        }
        complete.then(|| map_source(entries))
    }

    /// Returns the pairs of `set` or `outputs` in their order.
    pub(super) fn assignments(&mut self, map: &'a Map, scope: &Scope<'a>) -> Vec<(String, ValueSource)> {
        map.entries
            .iter()
            .filter_map(|entry| Some((entry.key.text.clone(), self.value(&entry.value, scope)?)))
            .collect()
    }
}

pub(super) fn number_data(number: NumberValue) -> Data {
    match number {
        NumberValue::Int(int) => Data::Int(int),
        NumberValue::Double(double) => Data::Double(double),
    }
}

/// Returns what a bare word stands for; only three words may be bare where any value can stand (LANGUAGE rule R11).
fn bare_word(path: &Path) -> Option<Data> {
    match path.single() {
        Some("true") => Some(Data::Bool(true)),
        Some("false") => Some(Data::Bool(false)),
        Some("null") => Some(Data::Null),
        // The tables of attributes report all others.
        _ => None,
    }
}

/// Returns a list that is written down if all its items are.
fn list_source(items: Vec<ValueSource>) -> ValueSource {
    let literal: Option<Vec<Data>> = items.iter().map(as_literal).collect();
    literal.map_or(ValueSource::List(items), |items| {
        ValueSource::Literal(Data::list(items))
    })
}

/// Returns a map that is written down if all its entries are.
fn map_source(entries: BTreeMap<String, ValueSource>) -> ValueSource {
    let literal: Option<Vec<(&str, Data)>> = entries
        .iter()
        .map(|(key, value)| Some((key.as_str(), as_literal(value)?)))
        .collect();
    match literal {
        Some(entries) => ValueSource::Literal(Data::map(entries)),
        None => ValueSource::Map(entries),
    }
}

fn as_literal(source: &ValueSource) -> Option<Data> {
    match source {
        ValueSource::Literal(data) => Some(data.clone()),
        ValueSource::Expression(_) | ValueSource::Template(_) | ValueSource::List(_) | ValueSource::Map(_) => None,
    }
}
