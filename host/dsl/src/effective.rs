//! What applies to each step of a workflow: what its author wrote, and the defaults of what nobody wrote.

use crate::ast::{Attribute, CallTarget, File, ItemKind, NodeKind, Value, ValueKind, find_attribute};
use crate::attributes::{Construct, Rule, Shape, default_of};
use crate::check::attributes_of;
use crate::outline::{Step, outline};
use crate::source::Source;
use crate::written::value_text;
use serde::Serialize;

/// What applies to one step, or to the workflow as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// The path of the step; empty for the workflow.
    pub step: String,
    /// The word that the step begins with; `workflow` for the workflow.
    pub word: &'static str,
    /// The action that it calls, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The line that it begins on.
    pub line: u32,
    /// The settings, in the order of the table of attributes.
    pub settings: Vec<Setting>,
}

/// One setting of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The attribute; those of `retry` begin with `retry.`.
    pub name: String,
    /// What holds.
    pub value: String,
    /// Whether the file says it.
    pub written: bool,
}

/// Returns what applies to the workflow and to each of its steps, in the order of the text.
pub fn effective(file: &File, source: &Source) -> Vec<Effective> {
    let mut all = vec![whole(file, source)];
    all.extend(outline(file).iter().filter_map(|step| of_step(step, source)));
    all
}

fn whole(file: &File, source: &Source) -> Effective {
    let meta = |name: &str| {
        file.items.iter().rev().find_map(|item| match &item.kind {
            ItemKind::Meta(map) => map.get(name),
            ItemKind::Inputs(_) | ItemKind::Outputs(_) | ItemKind::Always(_) | ItemKind::Node(_) => None,
        })
    };
    let settings = Construct::Meta.rules().iter();
    Effective {
        step: String::new(),
        word: "workflow",
        action: None,
        line: source.position(file.span.start).line,
        settings: settings
            .filter_map(|rule| setting(Construct::Meta, rule, "", meta(rule.name)))
            .collect(),
    }
}

fn of_step(step: &Step<'_>, source: &Source) -> Option<Effective> {
    let construct = Construct::of(step.node)?;
    let attributes = attributes_of(step.node);
    let value = |name: &str| find_attribute(attributes, name).and_then(Attribute::value);
    let retry = value("retry").and_then(|value| match &value.kind {
        ValueKind::Map(map) => Some(map),
        _ => None,
    });
    let mut settings = Vec::new();
    for rule in construct.rules() {
        match (rule.name, retry) {
            // What `retry` says stands instead of it.
            ("retries", Some(_)) => {}
            ("retry", Some(map)) => {
                let rules = Construct::Retry.rules().iter();
                settings.extend(rules.filter_map(|rule| setting(Construct::Retry, rule, "retry.", map.get(rule.name))));
            }
            ("needs_any_result", _) if value("needs").is_none() => {}
            ("on_fail", _) if find_attribute(attributes, "on_fail").is_some_and(|found| found.handler().is_some()) => {
                settings.push(Setting {
                    name: "on_fail".to_owned(),
                    value: "steps".to_owned(),
                    written: true,
                });
            }
            _ => settings.extend(setting(construct, rule, "", value(rule.name))),
        }
    }
    Some(Effective {
        step: step.path.clone(),
        word: step.word,
        action: action(step),
        line: source.position(step.node.span.start).line,
        settings,
    })
}

fn action(step: &Step<'_>) -> Option<String> {
    let NodeKind::Call(call) = &step.node.kind else {
        return None;
    };
    match &call.target {
        CallTarget::Plugin { plugin, action } => Some(format!("{}.{}", plugin.text, action.text)),
        CallTarget::Name(name) => {
            let attribute = find_attribute(attributes_of(step.node), "use").and_then(Attribute::value);
            Some(attribute.map_or_else(|| name.text.clone(), plain))
        }
        CallTarget::Path(_) | CallTarget::Workflow(_) => None,
    }
}

/// Returns the setting that a rule leads to: what is written, else what holds without it. Data such as parameters has no
/// default and is not shown.
fn setting(construct: Construct, rule: &Rule, prefix: &str, written: Option<&Value>) -> Option<Setting> {
    let default = default_of(construct, rule.name);
    let shown = default.is_some() || matches!(rule.shape, Shape::Duration | Shape::Integer | Shape::Condition);
    let value = written.filter(|_| shown).map(plain);
    Some(Setting {
        name: format!("{prefix}{}", rule.name),
        written: value.is_some(),
        value: value.or_else(|| default.map(str::to_owned))?,
    })
}

fn plain(value: &Value) -> String {
    match &value.kind {
        ValueKind::Text(text) => text.plain.clone(),
        _ => value_text(value),
    }
}
