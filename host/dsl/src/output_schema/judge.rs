//! Whether an output has the form that its schema says, and which markers follow from it.

use super::marker::WHOLE;
use super::{Field, FieldKind, OutputSchema};
use cofferdam_engine::Data;
use cofferdam_engine::expr::{Budget, Names, Root};

/// The most violations that are told; an output can break a rule in every item of a long list.
const MOST_VIOLATIONS: usize = 20;

/// What a schema says of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What does not have the form, in the order of the fields.
    pub violations: Vec<Violation>,
    /// The markers that are set, sorted; none where the form is violated.
    pub markers: Vec<String>,
    /// The markers whose expressions could not be evaluated.
    pub failed: Vec<FailedMarker>,
}

/// A part of an output that does not have the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which part, as an expression would name it: `findings[2].line`; empty for the whole.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

/// A marker of which it cannot be told whether it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedMarker {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl OutputSchema {
    /// Returns what the schema says of `output`. The same output always gives the same.
    pub fn judge(&self, output: &Data) -> Judgement {
        let mut judgement = Judgement::default();
        check_fields(output, &self.fields, "", &mut judgement.violations);
        if !judgement.violations.is_empty() {
            return judgement;
        }
        let Some(markers) = &self.markers else {
            judgement.markers = unnamed_markers(output);
            return judgement;
        };
        let names = Fields {
            output,
            fields: &self.fields,
        };
        for marker in markers {
            match marker.expression.evaluate_condition(&names, &mut Budget::standard()) {
                Ok(true) => judgement.markers.push(marker.name.clone()),
                Ok(false) => {}
                Err(error) => judgement.failed.push(FailedMarker {
                    name: marker.name.clone(),
                    reason: error.message,
                }),
            }
        }
        judgement.markers.sort_unstable();
        judgement
    }
}

/// The output as the roots of an expression.
struct Fields<'a> {
    output: &'a Data,
    fields: &'a [Field],
}

impl Names for Fields<'_> {
    fn root(&self, name: &str) -> Option<Root<'_>> {
        let is_field = self.fields.iter().any(|field| field.name == name);
        match self.output.get(name) {
            Some(value) if is_field => Some(Root::Value(value.clone())),
            _ if is_field => Some(Root::Value(Data::Null)),
            _ => (name == WHOLE).then(|| Root::Value(self.output.clone())),
        }
    }
}

fn check_fields(value: &Data, fields: &[Field], path: &str, found: &mut Vec<Violation>) {
    let Data::Map(entries) = value else {
        return violate(path, format!("must be a map, not {}", phrase(value)), found);
    };
    for field in fields {
        if found.len() >= MOST_VIOLATIONS {
            return;
        }
        let path = if path.is_empty() {
            field.name.clone()
        } else {
            format!("{path}.{}", field.name)
        };
        match entries.get(field.name.as_str()) {
            None if field.required => violate(&path, "is missing".to_owned(), found),
            // What is null counts as missing everywhere (LANGUAGE rule R21).
            None | Some(Data::Null) if !field.required => {}
            Some(value) => check_kind(value, &field.kind, &path, found),
            None => {}
        }
    }
}

fn check_kind(value: &Data, kind: &FieldKind, path: &str, found: &mut Vec<Violation>) {
    if found.len() >= MOST_VIOLATIONS {
        return;
    }
    let expected = match (kind, value) {
        (FieldKind::Text, Data::Text(_))
        | (FieldKind::Number, Data::Int(_) | Data::Double(_))
        | (FieldKind::Boolean, Data::Bool(_))
        | (FieldKind::List(None), Data::List(_)) => return,
        (FieldKind::Enum(options), Data::Text(text)) => {
            if !options.iter().any(|option| **option == **text) {
                let shown: String = text.chars().take(60).collect();
                violate(
                    path,
                    format!("must be one of {}, not `{shown}`", options.join(", ")),
                    found,
                );
            }
            return;
        }
        (FieldKind::List(Some(item)), Data::List(values)) => {
            for (index, value) in values.iter().enumerate() {
                check_kind(value, item, &format!("{path}[{index}]"), found);
            }
            return;
        }
        (FieldKind::Map(fields), Data::Map(_)) => return check_fields(value, fields, path, found),
        (FieldKind::Text, _) => "a text",
        (FieldKind::Number, _) => "a number",
        (FieldKind::Boolean, _) => "true or false",
        (FieldKind::Enum(_), _) => "a text",
        (FieldKind::List(_), _) => "a list",
        (FieldKind::Map(_), _) => "a map",
    };
    violate(path, format!("must be {expected}, not {}", phrase(value)), found);
}

fn violate(path: &str, message: String, found: &mut Vec<Violation>) {
    found.push(Violation {
        path: path.to_owned(),
        message,
    });
}

fn phrase(value: &Data) -> &'static str {
    match value {
        Data::Null => "null",
        Data::Bool(_) => "a boolean",
        Data::Int(_) | Data::Double(_) => "a number",
        Data::Text(_) => "a text",
        Data::List(_) => "a list",
        Data::Map(_) => "a map",
    }
}

/// Returns the markers of an output whose schema names none: those of reviews.
fn unnamed_markers(output: &Data) -> Vec<String> {
    let mut markers = Vec::new();
    if let Some(Data::List(findings)) = output.get("findings") {
        let is = |severity: &str| {
            let has = |finding: &Data| finding.get("severity").and_then(Data::as_text) == Some(severity);
            findings.iter().any(has)
        };
        if is("critical") {
            markers.push("has_critical_findings");
        }
        if !findings.is_empty() {
            markers.push("has_findings");
        }
        if is("high") {
            markers.push("has_high_findings");
        }
    }
    if matches!(output.get("approved"), Some(Data::Bool(false))) {
        markers.push("not_approved");
    }
    markers.into_iter().map(str::to_owned).collect()
}
