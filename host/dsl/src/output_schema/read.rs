//! How a schema file is read: every problem in it at once, with its place.

use super::{Field, FieldKind, Marker, OutputSchema, SchemaProblem, marker};
use crate::diagnostic::did_you_mean;
use crate::source::Span;
use crate::yaml::{self, Pair, Yaml, YamlKind};

const TYPES: &[&str] = &["string", "number", "boolean", "enum", "array", "object"];
const FILE_KEYS: &[&str] = &["fields", "markers"];
const FIELD_KEYS: &[&str] = &["type", "desc", "examples", "items", "fields", "values"];

#[derive(Default)]
struct Reader {
    problems: Vec<SchemaProblem>,
}

pub(super) fn read(name: &str, text: &str) -> (Option<OutputSchema>, Vec<SchemaProblem>) {
    let mut reader = Reader::default();
    let root = match yaml::read(text) {
        Ok(root) => root,
        Err(error) => {
            reader.error(error.span, error.message, None);
            return (None, reader.problems);
        }
    };
    let schema = reader.file(name, &root, text);
    let is_whole = !reader.problems.iter().any(|problem| problem.is_error);
    (schema.filter(|_| is_whole), reader.problems)
}

impl Reader {
    fn error(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        self.problems.push(SchemaProblem {
            span,
            is_error: true,
            is_marker: false,
            message: message.into(),
            help,
            mend: None,
        });
    }

    fn file(&mut self, name: &str, root: &Yaml, text: &str) -> Option<OutputSchema> {
        const HELP: &str = "write `fields:` and below it `name: string`, one line for each";
        let YamlKind::Map(pairs) = &root.kind else {
            let message = format!("a schema is a map with `fields`, this is {}", root.phrase());
            self.error(root.span, message, Some(HELP.to_owned()));
            return None;
        };
        let Some(written) = root.get("fields") else {
            let meant = pairs.iter().find(|pair| did_you_mean(&pair.key, ["fields"]).is_some());
            if let Some(pair) = meant {
                self.error(
                    pair.place,
                    format!("a schema has no key `{}`", pair.key),
                    Some("did you mean `fields`?".to_owned()),
                );
                return None;
            }
            self.error(root.span.at_start(), "a schema needs `fields`", Some(HELP.to_owned()));
            return None;
        };
        self.unknown_keys(pairs, FILE_KEYS, "a schema");
        let fields = self.fields(written)?;
        let markers = root
            .get("markers")
            .and_then(|markers| self.markers(markers, &fields, text));
        Some(OutputSchema {
            name: name.to_owned(),
            fields,
            markers,
        })
    }

    fn unknown_keys(&mut self, pairs: &[Pair], known: &[&str], what: &str) {
        for pair in pairs
            .iter()
            .filter(|pair| !known.contains(&pair.key.as_str()) && !is_torn(pair))
        {
            let meant = did_you_mean(&pair.key, known.iter().copied());
            self.problems.push(SchemaProblem {
                span: pair.place,
                // It was always read without a word.
                is_error: false,
                is_marker: false,
                message: format!("{what} has no key `{}`", pair.key),
                help: Some(match meant {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("there are {}", known.join(", ")),
                }),
                mend: meant.map(str::to_owned),
            });
        }
    }

    fn fields(&mut self, written: &Yaml) -> Option<Vec<Field>> {
        let YamlKind::Map(pairs) = &written.kind else {
            let message = format!("`fields` is a map of names and types, this is {}", written.phrase());
            self.error(written.span, message, Some("write `name: string`".to_owned()));
            return None;
        };
        let mut fields: Vec<Field> = Vec::new();
        for pair in pairs.iter().filter(|pair| !is_torn(pair)) {
            let name = pair.key.trim_end_matches('?');
            if name.is_empty() {
                self.error(pair.place, "a field needs a name", None);
                continue;
            }
            if fields.iter().any(|field| field.name == name) {
                self.error(pair.place, format!("the field `{name}` is written twice"), None);
                continue;
            }
            if let Some(kind) = self.kind(&pair.value) {
                let text = |key: &str| pair.value.get(key).and_then(Yaml::as_text).map(str::to_owned);
                fields.push(Field {
                    name: name.to_owned(),
                    required: name.len() == pair.key.len(),
                    kind,
                    description: text("desc"),
                    examples: words(pair.value.get("examples")),
                });
            }
        }
        Some(fields)
    }

    /// Returns what a field or an item is: a word, or a map that says more.
    fn kind(&mut self, written: &Yaml) -> Option<FieldKind> {
        match &written.kind {
            YamlKind::Scalar(word) => self.word(word, written),
            YamlKind::List(_) => {
                let message = "a type is one of the words string, number, boolean, enum(…), array, object";
                self.error(
                    written.span,
                    message,
                    Some("for a choice write `enum(a, b)`".to_owned()),
                );
                None
            }
            YamlKind::Map(pairs) => {
                self.unknown_keys(pairs, FIELD_KEYS, "a field");
                let Some(kind) = written.get("type") else {
                    return Some(FieldKind::Map(self.inner_fields(written)?));
                };
                let Some(word) = kind.as_text() else {
                    self.error(kind.span, format!("`type` is a word, this is {}", kind.phrase()), None);
                    return None;
                };
                match word.trim() {
                    "array" => match written.get("items") {
                        Some(items) => Some(FieldKind::List(Some(Box::new(self.items(items)?)))),
                        None => Some(FieldKind::List(None)),
                    },
                    "object" => Some(FieldKind::Map(self.inner_fields(written)?)),
                    "enum" => self.choice(words(written.get("values")), kind.span),
                    word => self.word(word, kind),
                }
            }
        }
    }

    fn inner_fields(&mut self, written: &Yaml) -> Option<Vec<Field>> {
        written
            .get("fields")
            .map_or(Some(Vec::new()), |fields| self.fields(fields))
    }

    /// Returns what the items of a list are: of one type, or maps whose fields stand here.
    fn items(&mut self, written: &Yaml) -> Option<FieldKind> {
        let YamlKind::Map(pairs) = &written.kind else {
            return self.kind(written);
        };
        // A field may be called `type`; a type that is said at length has `fields`, `items` or `values` beside it.
        let is_type = written
            .get("type")
            .and_then(Yaml::as_text)
            .is_some_and(|word| match word {
                "object" => written
                    .get("fields")
                    .is_some_and(|fields| matches!(fields.kind, YamlKind::Map(_))),
                "array" => written.get("items").is_some(),
                "enum" => written.get("values").is_some(),
                _ => {
                    pairs
                        .iter()
                        .all(|pair| matches!(pair.key.as_str(), "type" | "desc" | "examples"))
                        && pairs.len() > 1
                }
            });
        if is_type {
            return self.kind(written);
        }
        Some(FieldKind::Map(self.fields(written)?))
    }

    fn word(&mut self, word: &str, at: &Yaml) -> Option<FieldKind> {
        let word = word.trim();
        if let Some(inner) = word.strip_prefix("enum(").and_then(|rest| rest.strip_suffix(')')) {
            let values = inner.split(',').map(|value| value.trim().to_owned());
            return self.choice(values.filter(|value| !value.is_empty()).collect(), at.span);
        }
        if word.starts_with("enum(") {
            let help = "put it between quotes: inside braces a comma ends a value";
            self.error(at.span, format!("`{word}` has no end"), Some(help.to_owned()));
            return None;
        }
        Some(match word {
            "string" => FieldKind::Text,
            "number" => FieldKind::Number,
            "boolean" => FieldKind::Boolean,
            "array" => FieldKind::List(None),
            "object" => FieldKind::Map(Vec::new()),
            _ => {
                let usual = match word {
                    "text" | "str" => Some("string"),
                    "int" | "integer" | "float" => Some("number"),
                    "bool" => Some("boolean"),
                    "list" => Some("array"),
                    "map" | "dict" => Some("object"),
                    "enum" => Some("enum(a, b)"),
                    _ => did_you_mean(word, TYPES.iter().copied()),
                };
                self.problems.push(SchemaProblem {
                    span: at.span,
                    is_error: true,
                    is_marker: false,
                    message: format!("there is no type `{word}`"),
                    help: Some(match usual {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => "there are string, number, boolean, enum(a, b), array, object".to_owned(),
                    }),
                    mend: usual.filter(|meant| !meant.contains('(')).map(str::to_owned),
                });
                return None;
            }
        })
    }

    fn choice(&mut self, values: Vec<String>, place: Span) -> Option<FieldKind> {
        if values.is_empty() {
            self.error(
                place,
                "an enum without values allows nothing",
                Some("write `enum(a, b)`".to_owned()),
            );
            return None;
        }
        Some(FieldKind::Enum(values))
    }

    fn markers(&mut self, written: &Yaml, fields: &[Field], text: &str) -> Option<Vec<Marker>> {
        // `markers:` with nothing below it names none.
        if written.as_text() == Some("") {
            return Some(Vec::new());
        }
        let YamlKind::Map(pairs) = &written.kind else {
            let message = format!(
                "`markers` is a map of names and expressions, this is {}",
                written.phrase()
            );
            self.error(
                written.span,
                message,
                Some("write `many: \"size(findings) > 10\"`".to_owned()),
            );
            return None;
        };
        let mut markers = Vec::new();
        for pair in pairs {
            if !is_marker_name(&pair.key) {
                let message = format!("no condition can ask for a marker called `{}`", pair.key);
                self.error(pair.place, message, Some("letters, digits, `_` and `-`".to_owned()));
            }
            let Some(expression) = pair.value.as_text() else {
                let message = format!("the expression of a marker is a text, this is {}", pair.value.phrase());
                self.error(pair.value.span, message, Some("put it between quotes".to_owned()));
                continue;
            };
            match marker::read(expression, fields) {
                Ok(expression) => markers.push(Marker {
                    name: pair.key.clone(),
                    expression,
                }),
                Err(problem) => {
                    let (span, is_exact) = within(&pair.value, expression, &problem.range, text);
                    self.problems.push(SchemaProblem {
                        span,
                        is_error: true,
                        is_marker: true,
                        message: format!("the marker `{}`: {}", pair.key, problem.message),
                        help: problem.help,
                        mend: problem.mend.filter(|_| is_exact),
                    });
                }
            }
        }
        Some(markers)
    }
}

/// Returns where a part of a scalar stands, if it is written as it reads; else where the scalar does.
fn within(scalar: &Yaml, text: &str, range: &std::ops::Range<usize>, file: &str) -> (Span, bool) {
    let written = scalar.span.of(file);
    let skipped = match written.find(text) {
        Some(skipped @ 0..=1) if !text.is_empty() => skipped,
        _ => return (scalar.span, false),
    };
    let start = scalar.span.start as usize + skipped;
    (Span::new(start + range.start, start + range.end), true)
}

/// Returns whether this is the rest of an `enum(a, b)` that a comma has torn apart, which is told where it begins.
fn is_torn(pair: &Pair) -> bool {
    pair.key.ends_with(')') && pair.value.as_text() == Some("")
}

fn words(list: Option<&Yaml>) -> Vec<String> {
    let Some(YamlKind::List(items)) = list.map(|list| &list.kind) else {
        return Vec::new();
    };
    items.iter().filter_map(Yaml::as_text).map(str::to_owned).collect()
}

fn is_marker_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
