//! How do the JSON parameters of a call become the arguments of a function?

use serde_json::{Map, Value};

use crate::data::Data;
use crate::failure::Failure;

/// The parameters of one call, taken out one by one.
#[derive(Debug)]
pub struct Arguments {
    given: Map<String, Value>,
}

impl Arguments {
    /// Takes the parameters of a call of `action` and refuses those that are not among the `allowed` ones.
    pub fn new(action: &str, params: Value, allowed: &[&str]) -> Result<Self, Failure> {
        let given = match params {
            Value::Object(given) => given,
            Value::Null => Map::new(),
            other => {
                return Err(Failure::invalid_input(format!(
                    "the parameters of `{action}` are {}, not an object",
                    kind_of(&other)
                )));
            }
        };
        match given.keys().find(|name| !allowed.contains(&name.as_str())) {
            Some(unknown) => Err(unknown_parameter(action, unknown, allowed)),
            None => Ok(Self { given }),
        }
    }

    /// Takes a parameter that must be there; an `Option` need not.
    pub fn required<T: Data>(&mut self, name: &str) -> Result<T, Failure> {
        match self.given.remove(name) {
            Some(value) => decode(name, value),
            None => T::absent().ok_or_else(|| {
                Failure::invalid_input(format!("the parameter `{name}` is missing")).with_code("missing")
            }),
        }
    }

    /// Takes a parameter that may be left out or `null`.
    pub fn optional<T: Data>(&mut self, name: &str, default: impl FnOnce() -> T) -> Result<T, Failure> {
        match self.given.remove(name) {
            None | Some(Value::Null) => Ok(default()),
            Some(value) => decode(name, value),
        }
    }
}

fn decode<T: Data>(name: &str, value: Value) -> Result<T, Failure> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let place = match error.path().to_string().as_str() {
            "." => name.to_owned(),
            inner if inner.starts_with('[') => format!("{name}{inner}"),
            inner => format!("{name}.{inner}"),
        };
        Failure::invalid_input(format!("the parameter `{place}` does not fit: {}", error.inner()))
    })
}

fn unknown_parameter(action: &str, unknown: &str, allowed: &[&str]) -> Failure {
    let allowed = match allowed {
        [] => "it takes none".to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("it takes {}", names.join(", "))
        }
    };
    Failure::invalid_input(format!("`{action}` has no parameter `{unknown}`: {allowed}")).with_code("unknown-parameter")
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Arguments;

    fn message<T>(result: Result<T, crate::Failure>) -> String {
        match result {
            Ok(_) => panic!("the parameters should have been refused"),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn unknown_parameters_are_refused_by_name() {
        let refused = Arguments::new("grep", json!({ "patern": "a" }), &["files", "pattern"]);
        assert_eq!(
            message(refused),
            "invalid-input: `grep` has no parameter `patern`: it takes `files`, `pattern`"
        );
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_path() {
        let mut arguments = Arguments::new("sum", json!({ "rows": [[1], [2, "x"]] }), &["rows"]).unwrap();
        let refused = arguments.required::<Vec<Vec<i64>>>("rows");
        assert_eq!(
            message(refused),
            "invalid-input: the parameter `rows[1][1]` does not fit: invalid type: string \"x\", expected i64"
        );
    }

    #[test]
    fn options_and_defaults_may_be_left_out_but_others_not() {
        let mut arguments = Arguments::new("x", json!({ "c": null }), &["a", "b", "c"]).unwrap();
        assert_eq!(arguments.required::<Option<String>>("a").unwrap(), None);
        assert_eq!(arguments.optional("c", || 7_i64).unwrap(), 7);
        assert_eq!(
            message(arguments.required::<String>("b")),
            "invalid-input: the parameter `b` is missing"
        );
    }
}
