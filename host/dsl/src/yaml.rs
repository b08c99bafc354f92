//! How a small YAML text becomes a tree with places: bounded, without aliases, every key once.

use crate::source::Span;
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::fmt;

/// A larger text describes no output of a step.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// The deepest nesting of lists and maps: the recursion of what reads the tree is bounded by it.
const MAX_LEVELS: usize = 32;
const TOO_DEEP: &str = "nested deeper than 32 levels";
/// The greatest number of keys and values.
const MAX_NODES: usize = 20_000;

/// A value of a YAML text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Yaml {
    /// Where it stands.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: YamlKind,
}

/// What a [`Yaml`] is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum YamlKind {
    /// A text, number or word: what it is depends on who reads it.
    Scalar(String),
    /// Values in order.
    List(Vec<Yaml>),
    /// Values by name, in the order of the text.
    Map(Vec<Pair>),
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    /// The key.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) place: Span,
    /// What belongs to it.
    pub(crate) value: Yaml,
}

/// Why a text is no YAML that is read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// Where it stands.
    pub(crate) span: Span,
    /// What is wrong.
    pub(crate) message: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Yaml {
    /// Returns the text of a scalar.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            YamlKind::Scalar(text) => Some(text),
            YamlKind::List(_) | YamlKind::Map(_) => None,
        }
    }

    /// Returns the entry called `key` of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            YamlKind::Map(pairs) => pairs.iter().find(|pair| pair.key == key).map(|pair| &pair.value),
            YamlKind::Scalar(_) | YamlKind::List(_) => None,
        }
    }

    /// Returns how a sentence names the kind.
    pub(crate) fn phrase(&self) -> &'static str {
        match &self.kind {
            YamlKind::Scalar(_) => "a word",
            YamlKind::List(_) => "a list",
            YamlKind::Map(_) => "a map",
        }
    }
}

/// A list or map that is not closed yet.
struct Open {
    start: Span,
    kind: YamlKind,
    /// The key whose value comes next.
    key: Option<(String, Span)>,
}

/// Returns the only document of `text`.
///
/// # Errors
/// If it is no YAML, too large or too deep, or says anything twice or by reference: an alias makes much out of little.
pub(crate) fn read(text: &str) -> Result<Yaml, YamlError> {
    let whole = Span::new(0, text.len());
    let refused = |span, message: &str| YamlError {
        span,
        message: message.to_owned(),
    };
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, of at most {MAX_BYTES}", text.len());
        return Err(YamlError { span: whole, message });
    }
    let skipped = text.len() - text.trim_start_matches('\u{feff}').len();
    let body = &text[skipped..];
    let offsets: Vec<usize> = body.char_indices().map(|(at, _)| at + skipped).collect();
    let at = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Yaml> = None;
    let mut nodes = 0;
    let mut parser = Parser::new_from_str(body);
    while let Some(event) = parser.next_event() {
        let (event, place) = event.map_err(|error| {
            let start = at(error.marker().index());
            let deep = error.info().contains("recursion");
            refused(Span::new(start, start), if deep { TOO_DEEP } else { error.info() })
        })?;
        let span = Span::new(at(place.start.index()), at(place.end.index()));
        nodes += 1;
        if nodes > MAX_NODES {
            return Err(refused(span, "the file has more keys and values than are read"));
        }
        let done = match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => continue,
            Event::StreamEnd => break,
            Event::DocumentStart(_) if root.is_some() => {
                return Err(refused(span, "a second document: one file, one document"));
            }
            Event::DocumentStart(_) => continue,
            Event::Alias(_) => {
                return Err(refused(
                    span,
                    "an alias (`*name`) is not read here: write the value out",
                ));
            }
            Event::Scalar(text, style, ..) => {
                let text = match style {
                    ScalarStyle::Plain if matches!(&*text, "~" | "null") => String::new(),
                    _ => text.into_owned(),
                };
                Yaml {
                    span: trimmed(body, skipped, span),
                    kind: YamlKind::Scalar(text),
                }
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() >= MAX_LEVELS {
                    return Err(refused(span, TOO_DEEP));
                }
                let kind = if matches!(event, Event::SequenceStart(..)) {
                    YamlKind::List(Vec::new())
                } else {
                    YamlKind::Map(Vec::new())
                };
                open.push(Open {
                    start: span,
                    kind,
                    key: None,
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = open.pop() else { continue };
                Yaml {
                    span: trimmed(body, skipped, closed.start.to(span)),
                    kind: closed.kind,
                }
            }
        };
        let Some(parent) = open.last_mut() else {
            root = Some(done);
            continue;
        };
        match (&mut parent.kind, parent.key.take()) {
            (YamlKind::List(items), _) => items.push(done),
            (YamlKind::Map(pairs), Some((key, place))) => pairs.push(Pair {
                key,
                place,
                value: done,
            }),
            (YamlKind::Map(pairs), None) => {
                let YamlKind::Scalar(key) = done.kind else {
                    return Err(refused(done.span, "a key is a word, not a list or map"));
                };
                if pairs.iter().any(|pair| pair.key == key) {
                    return Err(refused(done.span, &format!("`{key}` is written twice")));
                }
                parent.key = Some((key, done.span));
            }
            (YamlKind::Scalar(_), _) => {}
        }
    }
    root.ok_or_else(|| refused(whole, "the file is empty"))
}

/// Returns `span` without the white space at its end, which some values end with.
fn trimmed(body: &str, skipped: usize, span: Span) -> Span {
    let start = (span.start as usize).saturating_sub(skipped);
    let end = (span.end as usize).saturating_sub(skipped);
    let text = body.get(start..end).unwrap_or_default().trim_end();
    Span::new(span.start as usize, span.start as usize + text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (String, String) {
        let error = read(text).expect_err(text);
        (error.message.clone(), error.span.of(text).to_owned())
    }

    #[test]
    fn values_know_their_places() {
        let text = "\u{feff}# Größe\nfields:\n  ä: \"x == 'y'\"\n  list: [a, b]\nend: z # more\n";
        let yaml = read(text).expect("YAML");
        let fields = yaml.get("fields").expect("a map");
        let quoted = fields.get("ä").expect("a scalar");
        assert_eq!(
            (quoted.as_text(), quoted.span.of(text)),
            (Some("x == 'y'"), "\"x == 'y'\"")
        );
        let list = fields.get("list").expect("a list");
        assert_eq!(list.span.of(text), "[a, b]");
        assert_eq!(yaml.get("end").expect("a scalar").span.of(text), "z");
        let YamlKind::Map(pairs) = &fields.kind else {
            panic!("{fields:?}")
        };
        assert_eq!(pairs[0].place.of(text), "ä");
    }

    #[test]
    fn what_is_hostile_or_ambiguous_is_refused() {
        assert_eq!(error("a: &x [1]\nb: *x\n").1, "*x");
        assert_eq!(
            error("a: 1\na: 2\n"),
            ("`a` is written twice".to_owned(), "a".to_owned())
        );
        assert_eq!(error("").0, "the file is empty");
        assert_eq!(
            error("a: 1\n---\nb: 2\n").0,
            "a second document: one file, one document"
        );
        assert_eq!(error("[a]: 1\n").0, "a key is a word, not a list or map");
        assert!(error(&"[".repeat(5_000)).0.contains("deep"));
        assert!(error(&"- a\n".repeat(30_000)).0.contains("more keys and values"));
        assert!(error(&" ".repeat(MAX_BYTES + 1)).0.contains("bytes"));
        assert!(!error("a: [1, 2\nb: }\n").0.is_empty());
    }

    #[test]
    fn no_text_is_a_panic() {
        let pieces = [
            "a", ":", " ", "\n", "-", "[", "]", "{", "}", "\"", "'", "|", ">", "&x", "*x", "!t", "?", "é", "#", "%",
        ];
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            }
            let _ = read(&text);
        }
    }
}
