//! What does the host learn about an action before it runs: its parameters, its output, what it asks for?

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::data::Data;

/// The specification of one action, filled in by the code that `#[action]` makes.
#[derive(Debug)]
pub struct Specification {
    generator: SchemaGenerator,
    properties: Map<String, Value>,
    required: Vec<Value>,
    output: Value,
    needs: Option<Vec<Value>>,
    examples: Vec<Value>,
    words: Map<String, Value>,
}

impl Specification {
    pub(crate) fn new() -> Self {
        Self {
            generator: generator(),
            properties: Map::new(),
            required: Vec::new(),
            output: Value::Null,
            needs: None,
            examples: Vec::new(),
            words: Map::new(),
        }
    }

    /// Adds a parameter that must be there, unless it is an `Option`.
    pub fn required<T: Data>(&mut self, name: &str, description: &str) {
        self.property::<T>(name, description);
        if T::absent().is_none() {
            self.required.push(name.into());
        }
    }

    /// Adds a parameter that may be left out.
    pub fn optional<T: Data>(&mut self, name: &str, description: &str) {
        self.property::<T>(name, description);
    }

    /// Sets the type of the output.
    pub fn output<T: Data>(&mut self) {
        let mut generator = generator();
        let mut schema: Value = generator.subschema_for::<T>().into();
        attach_definitions(&mut schema, &mut generator);
        self.output = schema;
    }

    /// Says that the action asks for a list of things of its own, which may be empty.
    pub fn own_needs(&mut self) {
        self.needs.get_or_insert_default();
    }

    /// Adds something that the action asks for.
    pub fn need(&mut self, need: Value) {
        self.needs.get_or_insert_default().push(need);
    }

    /// Adds an example of the parameters.
    pub fn example(&mut self, params: Value) {
        self.examples.push(json!({ "params": params }));
    }

    /// Sets one of the words `retry`, `dry-run`, `on-lost`.
    pub fn word(&mut self, key: &str, word: &str) {
        self.words.insert(key.to_owned(), word.into());
    }

    pub(crate) fn has_needs(&self) -> bool {
        self.needs.is_some()
    }

    pub(crate) fn into_json(mut self) -> Value {
        let mut params = json!({ "type": "object", "properties": self.properties, "additionalProperties": false });
        if !self.required.is_empty() {
            params["required"] = self.required.into();
        }
        attach_definitions(&mut params, &mut self.generator);
        let mut specification = self.words;
        specification.insert("params".into(), params);
        specification.insert("output".into(), self.output);
        if let Some(needs) = self.needs {
            specification.insert("needs".into(), needs.into());
        }
        if !self.examples.is_empty() {
            specification.insert("examples".into(), self.examples.into());
        }
        specification.into()
    }

    fn property<T: Data>(&mut self, name: &str, description: &str) {
        let mut schema = self.generator.subschema_for::<T>();
        if !description.is_empty() {
            schema.insert("description".into(), description.into());
        }
        self.properties.insert(name.to_owned(), schema.into());
    }
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .with(|settings| settings.meta_schema = None)
        .into_generator()
}

fn attach_definitions(schema: &mut Value, generator: &mut SchemaGenerator) {
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        schema["$defs"] = definitions.into();
    }
}
