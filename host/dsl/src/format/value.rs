//! Values on as many lines as they need.

use super::flat::key_text;
use super::printer::Printer;
use crate::ast::{Condition, InputProperty, List, Map, Test, Value, ValueKind};
use crate::literal::{CodeBlock, Fragment, Text, TextForm};

impl Printer<'_> {
    pub(super) fn property(&mut self, property: &InputProperty) {
        match property {
            InputProperty::Required(_) => self.text("required"),
            InputProperty::Boolean(_) => self.text("boolean"),
            InputProperty::Pair { key, value } => {
                self.text(&key.text);
                self.text(" = ");
                self.value(value);
            }
        }
    }

    pub(super) fn condition(&mut self, condition: &Condition) {
        match (&condition.quoted, &condition.test) {
            (Some(text), _) => self.literal(text),
            (None, Test::Path(path)) => self.text(&path.to_text()),
            (None, Test::Expression(fragment)) => self.expression(fragment),
            (None, Test::Invalid) => {}
        }
    }

    fn expression(&mut self, fragment: &Fragment) {
        self.text("(");
        self.verbatim(&fragment.written);
        self.text(")");
    }

    pub(super) fn value(&mut self, value: &Value) {
        match &value.kind {
            ValueKind::Text(text) => self.literal(text),
            ValueKind::Code(code) => self.code(code),
            ValueKind::Number(number) => self.text(&number.written),
            ValueKind::Duration(duration) => self.text(&duration.written),
            ValueKind::Expression(fragment) => self.expression(fragment),
            ValueKind::Path(path) => self.text(&path.to_text()),
            ValueKind::List(list) => self.list(list),
            ValueKind::Map(map) => self.map(map),
            ValueKind::Invalid => {}
        }
    }

    pub(super) fn literal(&mut self, text: &Text) {
        let delimiter = match text.form {
            TextForm::Quoted => "\"",
            TextForm::Raw => "'",
            TextForm::Block if text.is_inline_block() => "\"\"\"",
            TextForm::Block => return self.text_block(text),
        };
        self.text(delimiter);
        self.verbatim(&text.written);
        self.text(delimiter);
    }

    fn text_block(&mut self, text: &Text) {
        if text.written.is_empty() {
            return self.text("\"\"\"\"\"\"");
        }
        self.text("\"\"\"");
        let filled = || text.written.split('\n').filter(|line| !line.is_empty());
        let indented = filled().count() > 0 && filled().all(|line| line.starts_with([' ', '\t']));
        let mut lines = text.written.split('\n');
        if indented {
            // Only beside the opening quotes can a first line keep its blanks.
            self.text(lines.next().unwrap_or_default());
        }
        for line in lines {
            self.literal_line(1, line);
        }
        self.literal_line(1, "\"\"\"");
    }

    fn code(&mut self, code: &CodeBlock) {
        let fence = "`".repeat(code.fence);
        self.text(&fence);
        self.text(code.language.as_deref().unwrap_or_default());
        if !code.text.is_empty() {
            for line in code.text.split('\n') {
                self.literal_line(1, line);
            }
        }
        self.literal_line(1, &fence);
    }

    fn list(&mut self, list: &List) {
        if self.try_flat(|flat| flat.list(list)) {
            return;
        }
        if list.items.is_empty() && list.tail.is_empty() {
            return self.text("[]");
        }
        self.open('[');
        for (index, item) in list.items.iter().enumerate() {
            self.before(&item.trivia, index == 0);
            self.value(&item.value);
            self.text(",");
            self.after(&item.trivia);
            self.new_line();
        }
        self.comments(&list.tail, list.items.is_empty());
        self.close(']');
    }

    pub(super) fn map(&mut self, map: &Map) {
        if self.try_flat(|flat| flat.map(map)) {
            return;
        }
        if map.entries.is_empty() && map.tail.is_empty() {
            return self.text("{}");
        }
        self.open('{');
        for (index, entry) in map.entries.iter().enumerate() {
            self.before(&entry.trivia, index == 0);
            self.text(&key_text(&entry.key.text));
            self.after_key(entry.key.span, entry.equals);
            self.value(&entry.value);
            self.after(&entry.trivia);
            self.new_line();
        }
        self.comments(&map.tail, map.entries.is_empty());
        self.close('}');
    }
}
