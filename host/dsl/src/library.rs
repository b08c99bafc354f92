//! Which workflows can be called by name: each is read once, and checked before the one that calls it.

use crate::ast::{CallTarget, File, NodeKind, ValueKind, find_attribute};
use crate::attributes::each_node;
use crate::catalog::Catalog;
use crate::check::Signature;
use crate::code::Code;
use crate::compile::{Options, examine};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::parser::{Parsed, parse_as_far_as_possible};
use crate::source::{Source, Span};
use reach::Explorer;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

mod reach;

pub(crate) use reach::Reach;

/// Where the texts of workflows come from: reading files is the work of the shell.
pub trait WorkflowTexts {
    /// Returns the names of all workflows, each the stem of its file (LANGUAGE rule R18).
    fn names(&self) -> Vec<String>;

    /// Returns the file of one of them, as it is shown.
    fn file(&self, name: &str) -> String;

    /// Returns the text of one of them.
    ///
    /// # Errors
    /// In a few words, why it cannot be read.
    fn read(&self, name: &str) -> Result<String, String>;

    /// Returns where workflows are looked for, for people.
    fn places(&self) -> Vec<String>;
}

/// Returns whether a workflow can be called by `name`: no path, and nothing that a path is made of (capability A16).
pub fn is_workflow_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The workflows that can be called by name.
#[derive(Clone)]
pub struct Library {
    inner: Rc<Inner>,
}

struct Inner {
    texts: Box<dyn WorkflowTexts>,
    names: BTreeSet<String>,
    state: RefCell<State>,
}

/// What is known so far.
#[derive(Default)]
struct State {
    definitions: BTreeMap<String, Rc<Definition>>,
    reaches: BTreeMap<String, Rc<Reach>>,
    called: BTreeMap<String, Rc<Called>>,
    /// What `called` holds for.
    options: Option<Options>,
}

/// One workflow as it is written.
pub(crate) struct Definition {
    pub(crate) source: Source,
    parsed: Result<Parsed, String>,
    pub(crate) calls: Vec<CallSite>,
}

/// A place where a workflow is called by name.
#[derive(Clone, Debug)]
pub(crate) struct CallSite {
    pub(crate) name: String,
    pub(crate) span: Span,
}

/// One workflow as those that call it see it.
pub(crate) struct Called {
    pub(crate) source: Source,
    /// What it takes and gives; none if its text cannot be read.
    pub(crate) signature: Option<Signature>,
    /// Why it cannot run.
    pub(crate) trouble: Option<Rc<Trouble>>,
}

/// What keeps a workflow, or one that it calls, from running.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The workflow that has the errors.
    pub(crate) workflow: String,
    /// Its file.
    pub(crate) file: String,
    /// How many there are; none if the file cannot be read at all.
    pub(crate) errors: usize,
    /// The first of them.
    pub(crate) first: String,
}

impl Library {
    /// Returns the workflows that `texts` has. Nothing is read before it is called.
    pub fn new(texts: impl WorkflowTexts + 'static) -> Self {
        let names = texts.names().into_iter().filter(|name| is_workflow_name(name));
        Self {
            inner: Rc::new(Inner {
                names: names.collect(),
                texts: Box::new(texts),
                state: RefCell::default(),
            }),
        }
    }

    /// Returns the names of all workflows, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inner.names.iter().map(String::as_str)
    }

    /// Returns where workflows are looked for, for people.
    pub fn places(&self) -> Vec<String> {
        self.inner.texts.places()
    }

    /// Returns whether there is a workflow of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.inner.names.contains(name)
    }

    /// Returns the name that was probably meant.
    pub(crate) fn suggestion(&self, name: &str) -> Option<&str> {
        did_you_mean(name, self.names())
    }

    /// Reads and checks everything that `tree`, the tree of `source`, calls, and all that those call, the innermost first: checking
    /// a workflow then finds what it needs to know about others without checking them in turn.
    pub(crate) fn prepare(&self, tree: &File, source: &Source, catalog: &dyn Catalog, options: &Options) {
        let calls = call_sites(tree);
        if calls.is_empty() {
            return;
        }
        {
            let mut state = self.inner.state.borrow_mut();
            if state.options.as_ref() != Some(options) {
                state.options = Some(options.clone());
                state.reaches.clear();
                state.called.clear();
            }
        }
        let order = Explorer::new(self).explore(self.name_of(source), calls);
        for name in order {
            let called = Rc::new(self.examined(&name, catalog, options));
            self.inner.state.borrow_mut().called.insert(name, called);
        }
    }

    /// Returns the name by which `source` itself is called if it calls any workflow: that of its file, if that is what a
    /// call would find.
    pub(crate) fn name_of_caller(&self, tree: &File, source: &Source) -> Option<String> {
        if call_sites(tree).is_empty() {
            return None;
        }
        self.name_of(source)
    }

    fn name_of(&self, source: &Source) -> Option<String> {
        let file = source.name().rsplit(['/', '\\']).next().unwrap_or_default();
        let name = file.strip_suffix(".wf").filter(|name| self.contains(name))?;
        (self.definition(name).source.text() == source.text()).then(|| name.to_owned())
    }

    /// Returns the workflow called `name` as it is written.
    pub(crate) fn definition(&self, name: &str) -> Rc<Definition> {
        if let Some(definition) = self.inner.state.borrow().definitions.get(name) {
            return Rc::clone(definition);
        }
        let file = self.inner.texts.file(name);
        let definition = Rc::new(match self.inner.texts.read(name) {
            Ok(text) => {
                let parsed = parse_as_far_as_possible(&text);
                Definition {
                    source: Source::new(file, text),
                    calls: call_sites(&parsed.file),
                    parsed: Ok(parsed),
                }
            }
            Err(reason) => Definition {
                source: Source::new(file, ""),
                parsed: Err(reason),
                calls: Vec::new(),
            },
        });
        let mut state = self.inner.state.borrow_mut();
        state.definitions.insert(name.to_owned(), Rc::clone(&definition));
        definition
    }

    /// Returns the workflow called `name` as those see it that call it; none before it was prepared.
    pub(crate) fn called(&self, name: &str) -> Option<Rc<Called>> {
        self.inner.state.borrow().called.get(name).cloned()
    }

    /// Returns what the calls of the workflow called `name` lead to; none before it was prepared.
    pub(crate) fn reach(&self, name: &str) -> Option<Rc<Reach>> {
        self.inner.state.borrow().reaches.get(name).cloned()
    }

    fn examined(&self, name: &str, catalog: &dyn Catalog, options: &Options) -> Called {
        let definition = self.definition(name);
        let source = definition.source.clone();
        let trouble = |errors, first| {
            let (workflow, file) = (name.to_owned(), source.name().to_owned());
            Some(Rc::new(Trouble {
                workflow,
                file,
                errors,
                first,
            }))
        };
        let parsed = match &definition.parsed {
            Ok(parsed) => parsed,
            Err(reason) => {
                return Called {
                    trouble: trouble(0, reason.clone()),
                    signature: None,
                    source,
                };
            }
        };
        let examined = examine(&source, parsed, catalog, options);
        let errors: Vec<&Diagnostic> = examined.diagnostics.iter().filter(|found| found.is_error()).collect();
        let is_broken_call = |found: &&&Diagnostic| found.code == Code::BrokenWorkflow;
        let broken_calls = errors.iter().filter(is_broken_call).count();
        let trouble = match (errors.first(), &examined.broken) {
            (None, _) => None,
            // It is sound itself; what it calls is to blame.
            (Some(_), Some(blamed)) if errors.len() == broken_calls => Some(Rc::clone(blamed)),
            (Some(first), _) => {
                let line = source.position(first.primary.span.start).line;
                let first = format!("{} ({}:{line})", first.message, source.name());
                trouble(errors.len(), first)
            }
        };
        Called {
            signature: examined.signature,
            trouble,
            source,
        }
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("names", &self.inner.names)
            .finish_non_exhaustive()
    }
}

/// Returns the places where a file calls workflows, in the order of the text.
fn call_sites(file: &File) -> Vec<CallSite> {
    let mut sites = Vec::new();
    each_node(file, &mut |node| {
        let site = match &node.kind {
            NodeKind::Call(call) => match &call.target {
                CallTarget::Workflow(name) => Some((name.text.clone(), name.span)),
                CallTarget::Name(_) | CallTarget::Plugin { .. } | CallTarget::Path(_) => None,
            },
            NodeKind::Foreach(repeat) => {
                let value = find_attribute(&repeat.block.attributes, "workflow").and_then(|found| found.value());
                value.and_then(|value| match &value.kind {
                    ValueKind::Path(path) => Some((path.to_text(), path.span)),
                    ValueKind::Text(text) => Some((text.plain.clone(), text.span)),
                    _ => None,
                })
            }
            _ => None,
        };
        sites.extend(site.map(|(name, span)| CallSite { name, span }));
    });
    sites
}
