//! Which results and variables a step sees: its own branch, the branches it needs, and what stood before the block.

use crate::data::Data;
use crate::plan::StepKey;
use crate::result::{StepResult, StepStatus};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names a scope within a run.
pub(super) type ScopeId = u32;

/// The scope of the run itself.
pub(super) const ROOT: ScopeId = 0;

/// What one branch, or the run itself, has written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredScope", into = "StoredScope")]
pub(super) struct Scope {
    parent: Option<ScopeId>,
    /// The branches that this one needs, in the order of the text.
    needs: Vec<ScopeId>,
    results: BTreeMap<StepKey, Arc<StepResult>>,
    variables: BTreeMap<Arc<str>, Data>,
    /// String fields of outputs, by name: what `{{name}}` finds in files without an edition.
    texts: BTreeMap<Arc<str>, Arc<str>>,
    context: Option<Arc<str>>,
    output: Option<Value>,
    /// What the latest decision about a gate said.
    feedback: Option<Arc<str>>,
    last: Option<Arc<StepResult>>,
}

/// All scopes of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scopes {
    scopes: BTreeMap<ScopeId, Scope>,
    next: ScopeId,
}

/// A scope in a snapshot: the latest result and output are most often among the results, and are not written twice.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredScope {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<ScopeId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<ScopeId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    results: BTreeMap<StepKey, Arc<StepResult>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    variables: BTreeMap<Arc<str>, Data>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    texts: BTreeMap<Arc<str>, Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Latest<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    feedback: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Latest<Arc<StepResult>>>,
}

/// The latest of its kind in a scope.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Latest<T> {
    /// It is that of the result under this key.
    Under(StepKey),
    /// No result has it any more.
    Own(T),
}

impl From<Scope> for StoredScope {
    fn from(scope: Scope) -> Self {
        let under = |fits: &dyn Fn(&Arc<StepResult>) -> bool| {
            let found = scope.results.iter().find(|(_, result)| fits(result));
            found.map(|(key, _)| Latest::<()>::Under(Arc::clone(key)))
        };
        let output = scope
            .output
            .as_ref()
            .map(|output| latest(under(&|result| result.output == *output), || output.clone()));
        let last = scope
            .last
            .as_ref()
            .map(|last| latest(under(&|result| result == last), || Arc::clone(last)));
        Self {
            parent: scope.parent,
            needs: scope.needs,
            results: scope.results,
            variables: scope.variables,
            texts: scope.texts,
            context: scope.context,
            output,
            feedback: scope.feedback,
            last,
        }
    }
}

fn latest<T>(under: Option<Latest<()>>, own: impl FnOnce() -> T) -> Latest<T> {
    match under {
        Some(Latest::Under(key)) => Latest::Under(key),
        Some(Latest::Own(())) | None => Latest::Own(own()),
    }
}

impl From<StoredScope> for Scope {
    fn from(stored: StoredScope) -> Self {
        let output = stored.output.and_then(|output| match output {
            Latest::Under(key) => stored.results.get(&key).map(|result| result.output.clone()),
            Latest::Own(output) => Some(output),
        });
        let last = stored.last.and_then(|last| match last {
            Latest::Under(key) => stored.results.get(&key).cloned(),
            Latest::Own(last) => Some(last),
        });
        Self {
            parent: stored.parent,
            needs: stored.needs,
            results: stored.results,
            variables: stored.variables,
            texts: stored.texts,
            context: stored.context,
            output,
            feedback: stored.feedback,
            last,
        }
    }
}

impl Default for Scopes {
    fn default() -> Self {
        Self {
            scopes: BTreeMap::from([(ROOT, Scope::default())]),
            next: 1,
        }
    }
}

impl Scopes {
    /// Opens one scope per branch, `needs` by place in the block; returns the first, the others follow it.
    pub(super) fn open<'a>(&mut self, parent: ScopeId, needs: impl Iterator<Item = &'a [u32]>) -> ScopeId {
        let first = self.next;
        for needs in needs {
            let mut needs: Vec<ScopeId> = needs.iter().map(|need| first + need).collect();
            needs.sort_unstable();
            self.scopes.insert(
                self.next,
                Scope {
                    parent: Some(parent),
                    needs,
                    ..Scope::default()
                },
            );
            self.next += 1;
        }
        first
    }

    /// Closes `count` scopes from `first` on and adds what they wrote to `parent`, in the order of the text.
    pub(super) fn merge(&mut self, parent: ScopeId, first: ScopeId, count: u32) {
        for id in first..first + count {
            let Some(branch) = self.scopes.remove(&id) else {
                continue;
            };
            let Some(target) = self.scopes.get_mut(&parent) else {
                continue;
            };
            target.results.extend(branch.results);
            target.variables.extend(branch.variables);
            target.texts.extend(branch.texts);
            target.context = branch.context.or(target.context.take());
            target.output = branch.output.or(target.output.take());
            target.feedback = branch.feedback.or(target.feedback.take());
            target.last = branch.last.or(target.last.take());
        }
    }

    /// Returns the markers of everything that `count` scopes from `first` on wrote, sorted, each once.
    pub(super) fn markers(&self, first: ScopeId, count: u32) -> Vec<String> {
        let mut markers: Vec<String> = (first..first + count)
            .filter_map(|id| self.scopes.get(&id))
            .flat_map(|scope| scope.results.values())
            .flat_map(|result| result.markers.iter().cloned())
            .collect();
        markers.sort_unstable();
        markers.dedup();
        markers
    }

    /// Looks for something in `scope`, the branches it needs, and what encloses it, in this order.
    fn find<T>(&self, scope: ScopeId, look: &dyn Fn(&Scope) -> Option<T>) -> Option<T> {
        let mut at = Some(scope);
        while let Some(id) = at {
            let found = self.find_in_branch(id, look);
            if found.is_some() {
                return found;
            }
            at = self.scopes.get(&id).and_then(|scope| scope.parent);
        }
        None
    }

    /// Looks in `scope` and in all branches that it needs, also through others; the later in the text wins.
    fn find_in_branch<T>(&self, scope: ScopeId, look: &dyn Fn(&Scope) -> Option<T>) -> Option<T> {
        let own = self.scopes.get(&scope)?;
        if let Some(found) = look(own) {
            return Some(found);
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut open: Vec<ScopeId> = own.needs.clone();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(self.scopes.get(&id).into_iter().flat_map(|scope| &scope.needs));
            }
        }
        seen.iter().rev().find_map(|id| self.scopes.get(id).and_then(look))
    }

    pub(super) fn result(&self, scope: ScopeId, key: &str) -> Option<Arc<StepResult>> {
        self.find(scope, &|scope| scope.results.get(key).cloned())
    }

    pub(super) fn variable(&self, scope: ScopeId, name: &str) -> Option<Data> {
        self.find(scope, &|scope| scope.variables.get(name).cloned())
    }

    pub(super) fn text(&self, scope: ScopeId, name: &str) -> Option<Arc<str>> {
        self.find(scope, &|scope| scope.texts.get(name).cloned())
    }

    pub(super) fn context(&self, scope: ScopeId) -> Option<Arc<str>> {
        self.find(scope, &|scope| scope.context.clone())
    }

    pub(super) fn output(&self, scope: ScopeId) -> Option<Value> {
        self.find(scope, &|scope| scope.output.clone())
    }

    pub(super) fn feedback(&self, scope: ScopeId) -> Option<Arc<str>> {
        self.find(scope, &|scope| scope.feedback.clone())
    }

    pub(super) fn set_feedback(&mut self, scope: ScopeId, text: &str) {
        if let Some(target) = self.scopes.get_mut(&scope) {
            target.feedback = Some(Arc::from(text));
        }
    }

    pub(super) fn last(&self, scope: ScopeId) -> Option<Arc<StepResult>> {
        self.find(scope, &|scope| scope.last.clone())
    }

    /// Returns the names of all results or variables that `scope` sees.
    pub(super) fn names(&self, scope: ScopeId, of: Names) -> Vec<String> {
        let all = std::cell::RefCell::new(std::collections::BTreeSet::new());
        self.find(scope, &|scope| -> Option<()> {
            match of {
                Names::Results => all.borrow_mut().extend(scope.results.keys().map(ToString::to_string)),
                Names::Variables => all.borrow_mut().extend(scope.variables.keys().map(ToString::to_string)),
            }
            None
        });
        all.into_inner().into_iter().collect()
    }

    pub(super) fn record(&mut self, scope: ScopeId, key: &StepKey, result: StepResult) {
        let result = if result.status == StepStatus::Skipped {
            // A skip does not erase an older result (LANGUAGE rule R41).
            match self.result(scope, key) {
                Some(older) => StepResult {
                    skipped_since: true,
                    ..(*older).clone()
                },
                None => result,
            }
        } else {
            result
        };
        let Some(target) = self.scopes.get_mut(&scope) else {
            return;
        };
        let result = Arc::new(result);
        // Blocks, gates and waits make no attempts: what they give is not what `prior_output` means.
        if result.status == StepStatus::Completed && !result.skipped_since && result.attempts > 0 {
            target.last = Some(Arc::clone(&result));
            if let Some(context) = result.context.as_deref().filter(|context| !context.is_empty()) {
                target.context = Some(Arc::from(context));
            }
            if let Data::Map(fields) = result.output.data() {
                target.output = Some(result.output.clone());
                for (name, value) in fields.iter() {
                    if let Data::Text(text) = value {
                        target.texts.insert(Arc::clone(name), Arc::clone(text));
                    }
                }
            }
        }
        target.results.insert(Arc::clone(key), result);
    }

    pub(super) fn set(&mut self, scope: ScopeId, values: &Data) {
        if let (Some(target), Data::Map(values)) = (self.scopes.get_mut(&scope), values) {
            target
                .variables
                .extend(values.iter().map(|(name, value)| (Arc::clone(name), value.clone())));
        }
    }

    /// Returns every value that may be large.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.scopes.values().flat_map(|scope| {
            let results = scope.results.values().chain(&scope.last);
            results.map(|result| &result.output).chain(&scope.output)
        })
    }

    /// Visits what [`Scopes::values`] returns.
    pub(super) fn values_mut(&mut self, visit: &mut dyn FnMut(&mut Value)) {
        for scope in self.scopes.values_mut() {
            let results = scope.results.values_mut().chain(&mut scope.last);
            // The latest one is shared with its place among the others.
            results.for_each(|result| visit(&mut Arc::make_mut(result).output));
            scope.output.iter_mut().for_each(&mut *visit);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.scopes.len()
    }
}

/// What names are asked for.
#[derive(Clone, Copy)]
pub(super) enum Names {
    /// Keys of results.
    Results,
    /// Names of variables.
    Variables,
}
