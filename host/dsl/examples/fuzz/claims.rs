//! What must hold for every text.

use cofferdam_dsl::ast::File;
use cofferdam_dsl::difference::differences;
use cofferdam_dsl::effective::effective;
use cofferdam_dsl::graph::{Format, graph_of_file};
use cofferdam_dsl::inventory::Inventory;
use cofferdam_dsl::{
    ActionEntry, Actions, Diagnostic, Library, Options, Source, WorkflowTexts, ast_json, check_attributes, compile,
    format, parse,
};
use cofferdam_engine::expr::{Budget, Members, Names, Root};
use cofferdam_engine::{Data, Digest, Expression, Plan};
use serde_json::Value;

/// Something that holds for every text.
pub(crate) struct Claim {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it is about expressions, not files.
    pub(crate) of_expressions: bool,
    /// Says what is wrong if it does not hold.
    pub(crate) holds: fn(&str) -> Result<(), String>,
}

/// All claims.
pub(crate) const CLAIMS: &[Claim] = &[
    Claim {
        name: "read",
        of_expressions: false,
        holds: read,
    },
    Claim {
        name: "format",
        of_expressions: false,
        holds: formatted,
    },
    Claim {
        name: "check",
        of_expressions: false,
        holds: checked,
    },
    Claim {
        name: "show",
        of_expressions: false,
        holds: shown,
    },
    Claim {
        name: "evaluate",
        of_expressions: true,
        holds: evaluated,
    },
];

fn inside(text: &str, findings: &[Diagnostic]) -> Result<(), String> {
    for finding in findings {
        let range = finding.primary.span.range();
        if text.get(range).is_none() {
            return Err(format!(
                "{} points outside of the text: {:?}",
                finding.code, finding.primary.span
            ));
        }
        if finding.message.is_empty() {
            return Err(format!("{} says nothing", finding.code));
        }
    }
    Ok(())
}

/// Every text is read to its end, with findings inside of it.
fn read(text: &str) -> Result<(), String> {
    let (file, findings) = parse(text);
    inside(text, &findings)?;
    inside(text, &check_attributes(&file, text))
}

/// The canonical form means the same, and is its own canonical form.
fn formatted(text: &str) -> Result<(), String> {
    let Ok(once) = format(text) else { return Ok(()) };
    let (before, after) = (parse(text).0, parse(&once).0);
    if tree(&before) != tree(&after) {
        let found = differences(&before, &after);
        return Err(format!("the canonical form is another tree {found:?}:\n{once}"));
    }
    match format(&once) {
        Ok(twice) if twice == once => Ok(()),
        Ok(twice) => Err(format!("the canonical form changes again:\n{once}\n---\n{twice}")),
        Err(findings) => Err(format!("the canonical form is refused: {findings:?}\n{once}")),
    }
}

/// Returns a tree without the places of its parts.
fn tree(file: &File) -> Value {
    fn strip(json: &mut Value) {
        match json {
            Value::Object(map) => {
                map.retain(|key, _| key != "span" && key != "keyword");
                for (key, value) in map.iter_mut() {
                    if key == "required" || key == "boolean" {
                        *value = Value::Null;
                    }
                    strip(value);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut json = ast_json(file);
    strip(&mut json);
    json
}

fn actions() -> Actions {
    let digest = Digest::of(b"fuzz");
    Actions::new(
        [("fs", "list"), ("fs", "grep"), ("json", "merge"), ("x", "a")]
            .map(|(plugin, action)| ActionEntry::new(plugin, action, digest)),
    )
}

/// A library in which every workflow has the text that is checked: calls lead to calls, and back.
struct Itself(String);

impl WorkflowTexts for Itself {
    fn names(&self) -> Vec<String> {
        ["fuzz", "other", "freeze-deploys", "second-chance", "publish-dashboard"]
            .map(str::to_owned)
            .to_vec()
    }

    fn file(&self, name: &str) -> String {
        format!("{name}.wf")
    }

    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }

    fn places(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Checking ends, points into the text, and says the same twice; a plan without errors survives its encoding.
fn checked(text: &str) -> Result<(), String> {
    let actions = || actions().with_workflows(Library::new(Itself(text.to_owned())));
    let compiled = compile(text, "fuzz.wf", &actions(), &Options::default());
    inside(text, &compiled.diagnostics)?;
    inside(text, &compiled.not_carried_out)?;
    let again = compile(text, "fuzz.wf", &actions(), &Options::default());
    if again.diagnostics != compiled.diagnostics || again.plan != compiled.plan {
        return Err("checked twice, it is not the same".to_owned());
    }
    let refused = compiled.diagnostics.iter().any(Diagnostic::is_error) || !compiled.not_carried_out.is_empty();
    match &compiled.plan {
        Some(_) if refused => Err("there is a plan in spite of errors".to_owned()),
        None if !refused => Err("there is no plan and no reason".to_owned()),
        Some(plan) => match Plan::decode(&plan.encode()) {
            Ok(decoded) if decoded == *plan => Ok(()),
            Ok(_) => Err("the plan is another one after decoding".to_owned()),
            Err(error) => Err(format!("the plan cannot be decoded: {error}")),
        },
        None => Ok(()),
    }
}

/// Everything that shows a file can show every file.
fn shown(text: &str) -> Result<(), String> {
    let (file, _) = parse(text);
    let source = Source::new("fuzz.wf", text);
    let graph = graph_of_file(&file);
    for format in [Format::Mermaid, Format::Dot, Format::Svg] {
        let drawn = graph.draw(format);
        if drawn.contains("<script") {
            return Err(format!("something broke out of {format:?}"));
        }
    }
    effective(&file, &source);
    Inventory::default().add(&file, &source, &actions());
    match differences(&file, &file).first() {
        None => Ok(()),
        Some(difference) => Err(format!("a file differs from itself: {difference:?}")),
    }
}

/// An expression gives a value or an error within its budget, and the same one each time.
fn evaluated(text: &str) -> Result<(), String> {
    let Ok(expression) = Expression::parse(text) else {
        return Ok(());
    };
    let once = expression.evaluate(&Known, &mut Budget::standard());
    let twice = expression.evaluate(&Known, &mut Budget::standard());
    if format!("{once:?}") != format!("{twice:?}") {
        return Err(format!("{once:?} is not {twice:?}"));
    }
    let reparsed = Expression::parse(expression.source()).map_err(|error| format!("{error:?}"))?;
    if reparsed == expression {
        Ok(())
    } else {
        Err("it is not itself".to_owned())
    }
}

/// What random expressions can ask for.
struct Known;

impl Names for Known {
    fn root(&self, name: &str) -> Option<Root<'_>> {
        match name {
            "steps" => Some(Root::Members(&Steps)),
            "inputs" => Some(Root::Value(Data::map([
                ("limit", Data::from(3_i64)),
                ("name", Data::from("a,b")),
            ]))),
            "vars" => Some(Root::Value(Data::map([("n", Data::from(5_i64))]))),
            "run" => Some(Root::Value(Data::map([("id", Data::from("r"))]))),
            _ => None,
        }
    }
}

struct Steps;

impl Members for Steps {
    fn member(&self, name: &str) -> Option<Data> {
        let output = Data::map([
            ("n", Data::from(2_i64)),
            ("items", Data::list([Data::from(1_i64), Data::Null])),
        ]);
        (name == "a" || name == "a-b").then(|| Data::map([("output", output)]))
    }

    fn names(&self) -> Vec<String> {
        vec!["a".to_owned(), "a-b".to_owned()]
    }
}
