//! Whether the attributes of a file exist, stand once, have values of the right kind, and are carried out.

mod defaults;
mod shape;
mod table;
mod walk;

use crate::ast::{CallTarget, File, ItemKind, Map, Node, NodeKind, Value, ValueKind, Word};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::parser::ROOTS;
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};

pub use defaults::default_of;
pub use table::{Construct, FAILURE_CLASSES, INPUT_TYPES, Rule, Shape};
use walk::{Pair, Site, sites};

/// Returns what is wrong with the attributes of a file, which was read from `text`, as far as it can be told without knowing any plugin.
pub fn check_attributes(file: &File, text: &str) -> Vec<Diagnostic> {
    let mut check = Check {
        text,
        edition: file.edition.is_some(),
        inputs: file
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Inputs(inputs) => Some(&inputs.entries),
                _ => None,
            })
            .flatten()
            .map(|input| input.name.text.clone())
            .collect(),
        found: Vec::new(),
    };
    sites(file, &mut |site| check.site(site));
    for item in &file.items {
        if let ItemKind::Outputs(map) = &item.kind {
            check.typed_map(map, false);
        }
    }
    check.repeated(file);
    each_node(file, &mut |node| {
        if let NodeKind::Set(map) = &node.kind {
            check.typed_map(map, false);
        }
    });
    check.found.sort_by_key(|diagnostic| diagnostic.primary.span);
    check.found
}

/// Returns one error for each construct and attribute that this version understands but does not carry out.
pub fn not_carried_out(file: &File) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut report = |span, what: &str| {
        let message = format!("{what} is understood but not carried out by this version");
        found.push(Diagnostic::error(Code::NotCarriedOut, span, message));
    };
    sites(file, &mut |site| {
        if !site.construct.carried_out() {
            return report(site.head, site.construct.article());
        }
        if let Some(NodeKind::Call(call)) = site.node.map(|node| &node.kind)
            && let CallTarget::Path(path) = &call.target
        {
            report(path.span, "a call of an agent's file");
        }
        for pair in &site.pairs {
            if site
                .construct
                .rule(&pair.key.text)
                .is_some_and(|rule| !rule.carried_out)
            {
                report(
                    pair.key.span,
                    &format!("the attribute `{}` of {}", pair.key.text, site.construct.article()),
                );
            }
        }
    });
    found.sort_by_key(|diagnostic| diagnostic.primary.span);
    found
}

/// Calls `visit` for every step of a file, outer ones first, handlers included.
pub fn each_node<'a>(file: &'a File, visit: &mut dyn FnMut(&'a Node)) {
    for item in &file.items {
        match &item.kind {
            ItemKind::Always(block) => block.nodes.iter().for_each(|node| inner_nodes(node, visit)),
            ItemKind::Node(node) => inner_nodes(node, visit),
            ItemKind::Meta(_) | ItemKind::Inputs(_) | ItemKind::Outputs(_) => {}
        }
    }
}

fn inner_nodes<'a>(node: &'a Node, visit: &mut dyn FnMut(&'a Node)) {
    visit(node);
    for block in node.blocks() {
        block.nodes.iter().for_each(|node| inner_nodes(node, visit));
    }
}

struct Check<'t> {
    text: &'t str,
    edition: bool,
    /// The names of the declared inputs.
    inputs: BTreeSet<String>,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    fn doubt(&self, code: Code, pair: &Pair<'_>, message: String) -> Diagnostic {
        Diagnostic::doubtful(code, self.edition, pair.key.span, message)
    }

    fn site(&mut self, site: &Site<'_>) {
        for pair in &site.pairs {
            match site.construct.rule(&pair.key.text) {
                Some(rule) => self.known(site, pair, rule),
                None => self.unknown(site, pair),
            }
        }
        self.duplicates(site.pairs.iter().map(|pair| pair.key), |name| {
            format!("`{name}` is set twice")
        });
        self.exclusive(site);
        self.missing(site);
    }

    fn known(&mut self, site: &Site<'_>, pair: &Pair<'_>, rule: &Rule) {
        let calls_workflow = site.construct == Construct::CallWorkflow;
        if calls_workflow && rule.name == "inputs" && pair.equals {
            let message = "the inputs of a workflow are written without `=`".to_owned();
            let diagnostic = self.doubt(Code::InputsWithEquals, pair, message);
            self.found.push(diagnostic.help("write `inputs { … }`"));
        }
        match shape::mismatch(site.construct, pair, rule, self.edition) {
            Some(diagnostic) => self.found.push(diagnostic),
            None => self.no_template(pair, rule),
        }
        let typed = matches!(
            (site.construct, rule.name),
            (Construct::Call, "params") | (Construct::Gate, "form")
        );
        match pair.value.map(|value| &value.kind) {
            Some(ValueKind::Map(map)) if typed => self.typed_map(map, false),
            Some(ValueKind::Map(map)) if rule.name == "inputs" => self.typed_map(map, true),
            Some(ValueKind::Map(map)) if rule.name == "env" => self.map_keys(map),
            _ => {}
        }
    }

    fn unknown(&mut self, site: &Site<'_>, pair: &Pair<'_>) {
        let name = &pair.key.text;
        if site.construct == Construct::If {
            let message = format!("`{name}` has no effect: `if` and `unless` have no attributes");
            let diagnostic = self.doubt(Code::IgnoredAttribute, pair, message);
            return self
                .found
                .push(diagnostic.help("remove it, or give it to the steps inside"));
        }
        if let Some(diagnostic) = self.misplaced(site, pair) {
            return self.found.push(diagnostic);
        }
        let known = || site.construct.rules().iter().map(|rule| rule.name);
        let message = format!("{} has no attribute `{name}`", site.construct.article());
        let mut diagnostic = match site.construct {
            // The original refused it here, and only here.
            Construct::Do => Diagnostic::error(Code::UnknownAttribute, pair.key.span, message),
            _ => self.doubt(Code::UnknownAttribute, pair, message),
        };
        diagnostic = match did_you_mean(name, known()) {
            Some(meant) => diagnostic
                .label(format!("did you mean `{meant}`?"))
                .suggest(pair.key.span, meant),
            None => diagnostic.help(format!("there are {}", known().collect::<Vec<_>>().join(", "))),
        };
        self.found.push(diagnostic);
    }

    /// Returns the finding for what a call hands over and does not stand where that does.
    fn misplaced(&self, site: &Site<'_>, pair: &Pair<'_>) -> Option<Diagnostic> {
        let name = pair.key.text.as_str();
        let (inside, what) = match site.construct {
            Construct::Call => ("params", "parameters of the action"),
            Construct::CallWorkflow => ("inputs", "inputs of the workflow"),
            _ => return None,
        };
        let call = match site.node.map(|node| &node.kind) {
            Some(NodeKind::Call(call)) => call,
            _ => return None,
        };
        let is_map = matches!(pair.value.map(|value| &value.kind), Some(ValueKind::Map(_)));
        let has = |name: &str| site.pairs.iter().any(|pair| pair.key.text == name);
        if let (CallTarget::Name(target), "inputs", false) = (&call.target, name, has("use")) {
            let message = format!(
                "`{}` is called like an action, and given inputs like a workflow",
                target.text
            );
            return Some(
                Diagnostic::error(Code::UnknownAttribute, target.span, message)
                    .also(pair.key.span, "actions have `params`, workflows `inputs`")
                    .help(format!("write `call workflow {}`, or `params {{ … }}`", target.text))
                    .suggest(target.span, format!("workflow {}", target.text)),
            );
        }
        if is_map && !has(inside) && matches!(name, "inputs" | "params" | "with" | "args" | "arguments" | "parameters")
        {
            let message = format!("{} has no attribute `{name}`", site.construct.article());
            return Some(
                self.doubt(Code::UnknownAttribute, pair, message)
                    .label(format!("did you mean `{inside}`?"))
                    .suggest(pair.key.span, inside),
            );
        }
        let known = site.construct.rules().iter().map(|rule| rule.name);
        if did_you_mean(name, known.clone()).is_some() {
            return None;
        }
        let message = format!("{} has no attribute `{name}`", site.construct.article());
        let diagnostic = self
            .doubt(Code::UnknownAttribute, pair, message)
            .help(format!("{what} stand in `{inside} {{ {name} = … }}`"))
            .help(format!("the attributes are {}", known.collect::<Vec<_>>().join(", ")));
        let unknown = site
            .pairs
            .iter()
            .filter(|pair| site.construct.rule(&pair.key.text).is_none());
        Some(match pair.value {
            Some(value) if !has(inside) && unknown.count() == 1 => {
                let whole = pair.key.span.to(value.span);
                diagnostic.suggest(whole, format!("{inside} {{ {} }}", whole.of(self.text)))
            }
            _ => diagnostic,
        })
    }

    fn duplicates<'w>(&mut self, words: impl Iterator<Item = &'w Word>, message: impl Fn(&str) -> String) {
        let mut seen: BTreeMap<&str, &Word> = BTreeMap::new();
        for word in words {
            if let Some(first) = seen.insert(&word.text, word) {
                let diagnostic =
                    Diagnostic::doubtful(Code::DuplicateAttribute, self.edition, word.span, message(&word.text));
                self.found.push(
                    diagnostic
                        .label("the last one counts")
                        .also(first.span, "set before here")
                        .help("keep one of them"),
                );
            }
        }
    }

    /// Checks the names in blocks that may repeat: in all of them together each stands once.
    fn repeated(&mut self, file: &File) {
        let mut blocks: [BTreeMap<&str, (Span, &Word)>; 3] = Default::default();
        for item in &file.items {
            let (block, words): (usize, Vec<&Word>) = match &item.kind {
                ItemKind::Meta(map) => (0, map.entries.iter().map(|entry| &entry.key).collect()),
                ItemKind::Outputs(map) => (1, map.entries.iter().map(|entry| &entry.key).collect()),
                ItemKind::Inputs(inputs) => (2, inputs.entries.iter().map(|input| &input.name).collect()),
                ItemKind::Always(_) | ItemKind::Node(_) => continue,
            };
            for word in words {
                let first = blocks[block].insert(&word.text, (item.span, word));
                // Of `meta` and `outputs` each block is checked by itself, too.
                let Some((_, first)) = first.filter(|(span, _)| block == 2 || *span != item.span) else {
                    continue;
                };
                let message = if block == 2 {
                    format!("the input `{}` is declared twice", word.text)
                } else {
                    format!("`{}` is set twice", word.text)
                };
                let diagnostic = Diagnostic::doubtful(Code::DuplicateAttribute, self.edition, word.span, message);
                self.found.push(
                    diagnostic
                        .label("the last one counts")
                        .also(first.span, "set before here")
                        .help("keep one of them"),
                );
            }
        }
    }

    /// Reports `{{ }}` in a text that nothing fills in (rule R33).
    fn no_template(&mut self, pair: &Pair<'_>, rule: &Rule) {
        let texts: Vec<&Value> = match pair.value.map(|value| &value.kind) {
            Some(ValueKind::Text(_)) => pair.value.into_iter().collect(),
            Some(ValueKind::List(list)) => list.items.iter().map(|item| &item.value).collect(),
            _ => return,
        };
        let is_condition_or_pattern = rule.shape == Shape::Condition || rule.name == "pattern";
        for value in texts {
            let ValueKind::Text(text) = &value.kind else { continue };
            if rule.template || is_condition_or_pattern || !shape::has_placeholder(text) {
                continue;
            }
            let message = format!(
                "nothing is filled in here: `{}` takes its text as it is written",
                rule.name
            );
            let diagnostic = Diagnostic::warning(Code::IgnoredAttribute, value.span, message);
            self.found.push(diagnostic.help(match rule.name {
                "source" => "hand the value over: `stdin { a = (inputs.a) }` arrives as `input.a`",
                "default" => "a default is a fixed value; compute it in a step: `set { a = \"{{inputs.a}}\" }`",
                _ => "write it out, or `\\{` for a brace that is meant",
            }));
            return;
        }
    }

    fn exclusive(&mut self, site: &Site<'_>) {
        let find = |name: &str| site.pairs.iter().find(|pair| pair.key.text == name);
        for (first, second, help) in [
            (
                "retry",
                "retries",
                "keep one: `retries = n` is `retry { attempts = n + 1  backoff = 0s }`",
            ),
            (
                "mode",
                "min_approvals",
                "keep one: `mode = review_decision` leaves the number to the reviewed change",
            ),
            (
                "run",
                "source",
                "keep one: `run` starts a command, `source` is the text of a script",
            ),
        ] {
            if let (Some(first), Some(second)) = (find(first), find(second)) {
                let message = format!("`{}` and `{}` exclude each other", first.key.text, second.key.text);
                let diagnostic = Diagnostic::error(Code::ExclusiveAttributes, second.key.span, message);
                self.found
                    .push(diagnostic.also(first.key.span, "the other one").help(help));
            }
        }
    }

    fn missing(&mut self, site: &Site<'_>) {
        let has = |name: &str| site.pairs.iter().any(|pair| pair.key.text == name);
        let needed: &[&str] = match site.construct {
            Construct::While => &["max_iterations"],
            Construct::Script => &["run", "source"],
            Construct::Wait => &["for", "until", "event"],
            Construct::Foreach => &["over"],
            Construct::QualityGate => &["source"],
            Construct::Meta
            | Construct::Concurrency
            | Construct::Webhook
            | Construct::Input
            | Construct::Call
            | Construct::CallWorkflow
            | Construct::If
            | Construct::Do
            | Construct::DoWhile
            | Construct::Parallel
            | Construct::Gate
            | Construct::Retry => return,
        };
        if !needed.iter().any(|name| has(name)) {
            let names = needed
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(" or ");
            let message = format!("{} needs {names}", site.construct.article());
            self.found
                .push(Diagnostic::error(Code::MissingAttribute, site.head, message).help(missing_help(&names)));
        }
    }

    /// Checks a map whose values have types: bare words are no texts there (rule R11).
    fn typed_map(&mut self, map: &Map, of_workflow: bool) {
        self.duplicates(map.entries.iter().map(|entry| &entry.key), |name| {
            format!("`{name}` is set twice")
        });
        map.entries
            .iter()
            .for_each(|entry| self.typed_value(&entry.value, of_workflow));
    }

    fn map_keys(&mut self, map: &Map) {
        self.duplicates(map.entries.iter().map(|entry| &entry.key), |name| {
            format!("`{name}` is set twice")
        });
    }

    fn typed_value(&mut self, value: &Value, of_workflow: bool) {
        match &value.kind {
            ValueKind::Path(path) if !matches!(path.single(), Some("true" | "false" | "null")) => {
                let text = path.to_text();
                let message = format!("`{text}` is neither a text nor an expression");
                // The inputs of a workflow took bare words as texts.
                let diagnostic = if of_workflow {
                    Diagnostic::doubtful(Code::BareWord, self.edition, value.span, message)
                } else {
                    Diagnostic::error(Code::BareWord, value.span, message)
                };
                let boolean = match text.to_ascii_lowercase().as_str() {
                    "yes" | "true" | "on" => Some("true"),
                    "no" | "false" | "off" => Some("false"),
                    "none" | "nil" | "null" => Some("null"),
                    _ => None,
                };
                let expression = match path.segments.as_slice() {
                    [name] if self.inputs.contains(&name.text) => Some(format!("(inputs.{text})")),
                    [root, _, ..] if ROOTS.contains(&root.text.as_str()) => Some(format!("({text})")),
                    _ => None,
                };
                self.found.push(match (boolean, expression) {
                    (Some(boolean), _) => diagnostic
                        .help(format!("write `{boolean}`, or as a text `\"{text}\"`"))
                        .suggest(value.span, boolean),
                    (None, Some(expression)) => diagnostic
                        .help(format!("write `\"{text}\"` or `{expression}`"))
                        .suggest(value.span, expression),
                    (None, None) => diagnostic
                        .help(format!("write `\"{text}\"`"))
                        .suggest(value.span, format!("\"{text}\"")),
                });
            }
            ValueKind::List(list) => list
                .items
                .iter()
                .for_each(|item| self.typed_value(&item.value, of_workflow)),
            ValueKind::Map(map) => self.typed_map(map, of_workflow),
            ValueKind::Path(_)
            | ValueKind::Text(_)
            | ValueKind::Code(_)
            | ValueKind::Number(_)
            | ValueKind::Duration(_)
            | ValueKind::Expression(_)
            | ValueKind::Invalid => {}
        }
    }
}

/// Returns how to write attributes that are missing.
fn missing_help(names: &str) -> String {
    if names == "`max_iterations`" {
        return "write `max_iterations = 10`, or an expression: `max_iterations = (inputs.max_pages)`".to_owned();
    }
    format!("add {names} between the braces")
}
