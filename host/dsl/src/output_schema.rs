//! Which form the output of a step must have, and which markers follow from it: the schema files of a project.
//!
//! A file says `fields`, by name: `name: TYPE` or `name: { type, desc, examples, items, fields, values }`, and `markers`,
//! by name: an expression over the fields. A field whose name ends with `?` may be missing.

mod judge;
mod legacy;
mod marker;
mod read;
mod typing;

use crate::source::Span;
use cofferdam_engine::{Data, Expression};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

pub use judge::{FailedMarker, Judgement, Violation};

/// The form of an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSchema {
    /// The name by which workflows know it.
    pub name: String,
    /// What the output, a map, has.
    pub fields: Vec<Field>,
    /// What follows from it; none if the file says nothing about markers.
    pub markers: Option<Vec<Marker>>,
}

/// A member of a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it is.
    pub kind: FieldKind,
    /// What it means, for whoever fills it in.
    pub description: Option<String>,
    /// Values that it could have.
    pub examples: Vec<String>,
}

/// What a field is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// One of these texts.
    Enum(Vec<String>),
    /// A list, whose items may be of one kind.
    List(Option<Box<FieldKind>>),
    /// A map; without fields any map.
    Map(Vec<Field>),
}

/// A word that a step sets if an expression over its output is true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    /// The word.
    pub name: String,
    /// The expression, in the syntax of workflows whatever it was written in.
    pub expression: Expression,
}

/// What is wrong with a schema file, or doubtful about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaProblem {
    /// Where it stands in the file.
    pub span: Span,
    /// Whether the file cannot be used, or not all of it.
    pub is_error: bool,
    /// Whether it is the expression of a marker.
    pub is_marker: bool,
    /// What is wrong.
    pub message: String,
    /// What can be done about it.
    pub help: Option<String>,
    /// A text that mends it when it replaces the span.
    pub mend: Option<String>,
}

/// The markers that follow from an output whose schema names none, as ever.
pub const UNNAMED_MARKERS: [&str; 4] = [
    "has_critical_findings",
    "has_findings",
    "has_high_findings",
    "not_approved",
];

impl OutputSchema {
    /// Returns the schema called `name` that `text` describes, if nothing in it is wrong, and what there is to say.
    pub fn read(name: &str, text: &str) -> (Option<Self>, Vec<SchemaProblem>) {
        read::read(name, text)
    }

    /// Returns the markers that a step with this schema can set.
    pub fn marker_names(&self) -> Vec<&str> {
        match &self.markers {
            Some(markers) => markers.iter().map(|marker| marker.name.as_str()).collect(),
            None => UNNAMED_MARKERS.to_vec(),
        }
    }

    /// Returns it as plans keep it.
    pub fn to_data(&self) -> Data {
        // Of names, texts and lists, all of which a value can be.
        serde_json::to_value(self)
            .and_then(serde_json::from_value)
            .unwrap_or_default()
    }

    /// Returns the schema that [`Self::to_data`] gave.
    ///
    /// # Errors
    /// What is not the form of a schema: it was written by another version.
    pub fn from_data(data: &Data) -> Result<Self, serde_json::Error> {
        serde_json::to_value(data).and_then(serde_json::from_value)
    }

    /// Returns the same as JSON Schema, which models and validators understand.
    pub fn to_json_schema(&self) -> Json {
        of_fields(&self.fields)
    }
}

fn of_fields(fields: &[Field]) -> Json {
    if fields.is_empty() {
        return json!({ "type": "object", "additionalProperties": true });
    }
    let properties: Map<String, Json> = fields
        .iter()
        .map(|field| {
            let mut schema = of_kind(&field.kind);
            if let Some(description) = &field.description {
                schema["description"] = description.as_str().into();
            }
            if !field.examples.is_empty() {
                schema["examples"] = field.examples.clone().into();
            }
            (field.name.clone(), schema)
        })
        .collect();
    let required = fields.iter().filter(|field| field.required);
    let required: Vec<&str> = required.map(|field| field.name.as_str()).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn of_kind(kind: &FieldKind) -> Json {
    match kind {
        FieldKind::Text => json!({ "type": "string" }),
        FieldKind::Number => json!({ "type": "number" }),
        FieldKind::Boolean => json!({ "type": "boolean" }),
        FieldKind::Enum(values) => json!({ "type": "string", "enum": values }),
        FieldKind::List(None) => json!({ "type": "array" }),
        FieldKind::List(Some(item)) => json!({ "type": "array", "items": of_kind(item) }),
        FieldKind::Map(fields) => of_fields(fields),
    }
}
