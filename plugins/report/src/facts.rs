//! How do the few numbers that matter most stand at the top of a page?

use cofferdam_plugin::{Map, Value, data};

use crate::cell::render;
use crate::escape::escape;

/// A fact: what it is about, and its value.
#[data]
#[derive(Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fact {
    /// What it is about.
    label: String,
    /// The value.
    value: Value,
}

/// Facts by name, or a list of them in order.
#[data]
#[derive(Eq)]
#[serde(untagged)]
pub(crate) enum Facts {
    /// In order.
    List(Vec<Fact>),
    /// By name.
    Named(Map<String, Value>),
}

impl Facts {
    /// Returns the markup of the facts.
    pub(crate) fn render(self) -> String {
        let facts = match self {
            Self::List(facts) => facts,
            Self::Named(map) => map.into_iter().map(|(label, value)| Fact { label, value }).collect(),
        };
        if facts.is_empty() {
            return String::new();
        }
        let cards = facts.iter().map(|fact| {
            format!(
                "<div><dt>{}</dt><dd>{}</dd></div>\n",
                escape(&fact.label),
                render(&fact.value)
            )
        });
        format!("<dl class=\"facts\">\n{}</dl>\n", cards.collect::<String>())
    }
}
