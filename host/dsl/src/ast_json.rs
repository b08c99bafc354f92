//! The tree as JSON, for `cofferdam ast`, and the schema that it follows.

use crate::ast::File;
use schemars::generate::SchemaSettings;

/// Returns the tree of a file as JSON, with the byte span of every part.
pub fn ast_json(file: &File) -> serde_json::Value {
    // The tree holds only texts, finite numbers, lists and maps with text keys: it always serialises.
    serde_json::to_value(file).unwrap_or_default()
}

/// Returns the JSON Schema of what [`ast_json`] returns.
pub fn ast_schema() -> serde_json::Value {
    // What is left out when it is empty is not required.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    word_as_member(&mut schema);
    schema["title"] = "The syntax tree of a Cofferdam workflow, as `cofferdam ast` prints it".into();
    schema
}

/// Describes the word `invalid` as it is written: within an object that has more members, it is one without a value.
fn word_as_member(part: &mut serde_json::Value) {
    match part {
        serde_json::Value::Object(entries) if entries.get("const").is_some_and(|word| word == "invalid") => {
            entries.remove("const");
            entries.insert("type".to_owned(), "object".into());
            entries.insert("required".to_owned(), serde_json::json!(["invalid"]));
            entries.insert(
                "properties".to_owned(),
                serde_json::json!({ "invalid": { "type": "null" } }),
            );
        }
        serde_json::Value::Object(entries) => entries.values_mut().for_each(word_as_member),
        serde_json::Value::Array(items) => items.iter_mut().for_each(word_as_member),
        _ => {}
    }
}
