//! What does the file take away from single workflows?

use super::document::{Document, get, printable};
use super::file::{Configuration, merged};
use super::network;
use super::paths;
use super::problem::ProblemCode;
use super::section::{self, LimitValues};
use super::source::Source;
use cofferdam_wasm::{Access, DirectoryCap, LimitName, Limits, Narrowing, NetworkRule, Pattern};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What the file says about the workflows with certain names. None of it can add to what plugins are granted.
#[derive(Clone, Debug)]
pub struct WorkflowSection {
    /// The names.
    pub workflows: Pattern,
    /// Where requests may go at most; none: wherever it is granted.
    pub network: Option<Vec<NetworkRule>>,
    /// What may be done in directories at most.
    pub directories: Vec<DirectoryCap>,
    /// Where the section begins.
    pub source: Source,
    pub(super) limit_values: LimitValues,
}

const DIRECTORIES: &str = "a table such as { \"/out\" = \"read\", \"/private\" = \"none\" }";
const NETWORK: &str = "\"none\", or a list such as [{ url = \"https://api.example.org\", methods = [\"GET\"] }]";

/// Reads `[workflows."PATTERN"]`, section by section.
pub(super) fn sections(document: &mut Document<'_>, table: &DeTable<'_>, base: &Limits) -> Vec<WorkflowSection> {
    let mut sections = Vec::new();
    for (key, value) in table {
        let name: &str = key.get_ref();
        let Some(workflows) = Pattern::parse(name) else {
            let message = format!(
                "`{}` is no name of workflows: letters, digits, `-`, `_`, and stars for any part",
                printable(name)
            );
            document.add(ProblemCode::WrongValue, key.span(), message);
            continue;
        };
        let Some(entry) = value.get_ref().as_table() else {
            document.wrong::<()>(name, value, "a section");
            continue;
        };
        let title = format!("workflows.\"{name}\"");
        document.check_keys(&title, "workflows", entry);
        let limit_values = match document.table(entry, "limits") {
            Some(limits) => section::narrowing_limits(document, &format!("{title}.limits"), limits, base),
            None => LimitValues::new(),
        };
        sections.push(WorkflowSection {
            workflows,
            network: get(entry, "network").and_then(|value| addresses(document, &title, value)),
            directories: get(entry, "dirs").map_or_else(Vec::new, |value| directories(document, value)),
            source: document.source(&key.span()),
            limit_values,
        });
    }
    sections
}

fn addresses(document: &mut Document<'_>, title: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<NetworkRule>> {
    match value.get_ref() {
        DeValue::String(text) if &**text == "none" => Some(Vec::new()),
        DeValue::Array(items) => {
            let entries = items.iter().filter_map(|item| match item.get_ref().as_table() {
                Some(entry) => network::narrowing_address(document, title, entry, item),
                None => document.wrong("network", item, NETWORK),
            });
            let rules: Vec<NetworkRule> = entries.collect();
            // A list in which something is wrong stops the reading as a whole; it must not stand for another one.
            Some(rules)
        }
        _ => document.wrong("network", value, NETWORK),
    }
}

fn directories(document: &mut Document<'_>, value: &Spanned<DeValue<'_>>) -> Vec<DirectoryCap> {
    let Some(table) = value.get_ref().as_table() else {
        document.wrong::<()>("dirs", value, DIRECTORIES);
        return Vec::new();
    };
    let mut caps = Vec::new();
    for (guest, access) in table {
        let name: &str = guest.get_ref();
        if !paths::is_guest_path(name) {
            let message = format!(
                "`{}` is no guest path: it must start with `/`, and hold neither `..` nor `//`",
                printable(name)
            );
            document.add(ProblemCode::WrongValue, guest.span(), message);
            continue;
        }
        let access = match access.get_ref().as_str() {
            Some("none") => None,
            Some("read") => Some(Access::Read),
            _ => {
                let message = format!(
                    "what is left of `{}` must be \"read\" or \"none\": a workflow can only be given less",
                    printable(name)
                );
                document.add(ProblemCode::WrongValue, access.span(), message);
                continue;
            }
        };
        caps.push(DirectoryCap {
            guest: name.to_owned(),
            access,
        });
    }
    caps
}

impl WorkflowSection {
    /// Returns how the section is called in messages.
    pub fn shown(&self) -> String {
        format!("[workflows.\"{}\"], {}", self.workflows, self.source)
    }

    fn narrowing(&self) -> Narrowing {
        Narrowing {
            source: self.shown(),
            network: self.network.clone(),
            directories: self.directories.clone(),
        }
    }
}

impl Configuration {
    /// Returns the sections about single workflows, in the order of their patterns.
    pub fn workflow_sections(&self) -> &[WorkflowSection] {
        &self.workflow_sections
    }

    /// Returns what is taken away from a workflow: all sections hold that mean it.
    pub fn narrowing_of(&self, workflow: &str) -> Vec<Narrowing> {
        let sections = self.workflow_sections.iter();
        sections
            .filter(|section| section.workflows.matches(workflow))
            .map(WorkflowSection::narrowing)
            .collect()
    }

    /// Returns what an attempt of `plugin` may use in a workflow: never more than elsewhere.
    pub fn limits_in(&self, workflow: &str, plugin: &str) -> Limits {
        let sections = self.workflow_sections.iter();
        sections
            .filter(|section| section.workflows.matches(workflow))
            .fold(self.limits_for(plugin).clone(), |limits, section| {
                limits.narrow(&merged(&limits, &section.limit_values))
            })
    }

    /// Returns where a limit of `plugin` is set, in `workflow` if it is one of a step.
    pub fn limit_source(&self, workflow: Option<&str>, plugin: &str, limit: LimitName) -> Source {
        let own = self.plugins.get(plugin).map(|section| &section.limit_values);
        let mut values: Vec<&(u64, Source)> = Vec::new();
        let widest = own
            .and_then(|values| values.get(&limit))
            .or_else(|| self.limit_values.get(&limit));
        values.extend(widest);
        if let Some(workflow) = workflow {
            let narrower = self
                .workflow_sections
                .iter()
                .filter(|section| section.workflows.matches(workflow))
                .filter_map(|section| section.limit_values.get(&limit))
                .filter(|(value, _)| *value < self.limits_for(plugin).get(limit));
            values.extend(narrower);
        }
        values
            .into_iter()
            .min_by_key(|(value, _)| *value)
            .map_or(Source::BuiltIn, |(_, source)| source.clone())
    }
}
