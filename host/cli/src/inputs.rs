//! What a run is given: `-i K=V`, `-i K:=JSON`, `-i K=@FILE`, `--input-file`, `--var`.

use crate::failure::{Exit, Failure};
use cofferdam_dsl::did_you_mean;
use cofferdam_engine::Data;
use cofferdam_engine::inputs::{InvalidInput, parse, resolve};
use cofferdam_engine::plan::{InputDeclaration, InputKind};
use std::collections::BTreeMap;
use std::path::Path;

/// The longest input, in bytes; also what a plugin's parameters may be by default.
const MAX_INPUT: usize = 8 << 20;

/// Returns the inputs of a run, defaults applied.
pub(crate) fn inputs(
    declarations: &[InputDeclaration],
    arguments: &[String],
    file: Option<&Path>,
) -> Result<BTreeMap<String, Data>, Failure> {
    let mut given = match file {
        Some(file) => from_file(file)?,
        None => BTreeMap::new(),
    };
    let mut problems: Vec<String> = Vec::new();
    let mut refused: Vec<&str> = Vec::new();
    for argument in arguments {
        match one(declarations, argument) {
            Ok((name, value)) => {
                given.insert(name, value);
            }
            Err(problem) => {
                problems.push(problem);
                refused.push(argument.split(['=', ':']).next().unwrap_or_default());
            }
        }
    }
    match resolve(declarations, given) {
        Ok(inputs) if problems.is_empty() => return Ok(inputs),
        Ok(_) => {}
        // What was given in a form that does not fit is not missing.
        Err(invalid) => problems.extend(invalid.iter().filter(|problem| !is_about(problem, &refused)).map(shown)),
    }
    let hint = match declarations {
        [] => "the workflow takes no inputs".to_owned(),
        some => format!(
            "it takes: {}",
            some.iter().map(described).collect::<Vec<_>>().join(", ")
        ),
    };
    Err(Failure::new(Exit::Usage, problems.join("\n       "))
        .code("CF0401")
        .hint(hint))
}

fn is_about(problem: &InvalidInput, names: &[&str]) -> bool {
    matches!(problem, InvalidInput::Missing { name, .. } if names.contains(&name.as_str()))
}

/// Returns the variables of `--var K=V`.
pub(crate) fn variables(arguments: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    arguments
        .iter()
        .map(|argument| match argument.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Failure::new(Exit::Usage, format!("`--var {argument}` is not K=V"))),
        })
        .collect()
}

fn one(declarations: &[InputDeclaration], argument: &str) -> Result<(String, Data), String> {
    let Some((name, value)) = argument.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        return Err(format!("`-i {argument}` is not K=V, K:=JSON or K=@FILE"));
    };
    if let Some(name) = name.strip_suffix(':') {
        let data =
            Data::from_json(value, MAX_INPUT).map_err(|error| format!("`{name}` is given as JSON, but is {error}"))?;
        return Ok((name.to_owned(), data));
    }
    let read;
    let text = match value.strip_prefix('@') {
        Some(path) => {
            read =
                std::fs::read_to_string(path).map_err(|error| format!("cannot read `{path}` for `{name}`: {error}"))?;
            read.as_str()
        }
        None => value,
    };
    match declarations.iter().find(|declaration| declaration.name == name) {
        Some(declaration) => parse(declaration, text)
            .map(|value| (name.to_owned(), value))
            .map_err(|error| shown(&error)),
        // Unknown names are reported with all others.
        None => Ok((name.to_owned(), Data::text(text))),
    }
}

fn from_file(file: &Path) -> Result<BTreeMap<String, Data>, Failure> {
    let invalid = |reason: String| {
        Failure::new(
            Exit::Usage,
            format!("the inputs in `{}` are not valid: {reason}", file.display()),
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| invalid(error.to_string()))?;
    let data = if file.extension().is_some_and(|extension| extension == "toml") {
        let value: serde_json::Value = toml::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        Data::from_json(&value.to_string(), MAX_INPUT)
    } else {
        Data::from_json(&text, MAX_INPUT)
    };
    match data.map_err(|error| invalid(error.to_string()))? {
        Data::Map(entries) => Ok(entries
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect()),
        other => Err(invalid(format!("they are {}, not an object", other.kind()))),
    }
}

fn shown(problem: &InvalidInput) -> String {
    match problem {
        InvalidInput::Unknown { name, known } => match did_you_mean(name, known.iter().map(String::as_str)) {
            Some(near) => format!("{problem}; did you mean `{near}`?"),
            None => problem.to_string(),
        },
        InvalidInput::Missing {
            description: Some(description),
            ..
        } => format!("{problem} ({description})"),
        InvalidInput::Missing { name, .. } => format!("{problem}: -i {name}=.."),
        other => other.to_string(),
    }
}

fn described(declaration: &InputDeclaration) -> String {
    let kind = match declaration.kind {
        InputKind::String => "text",
        InputKind::Number => "number",
        InputKind::Boolean => "boolean",
        InputKind::Object => "object",
        InputKind::Array => "array",
    };
    let more = match &declaration.default {
        _ if declaration.required => ", required".to_owned(),
        Some(default) => format!(" = {default}"),
        None => String::new(),
    };
    format!("{} ({kind}{more})", declaration.name)
}
