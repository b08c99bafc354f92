//! The interface `run-context`: values that the steps of a run share. An attempt sees them as they were when it started, with
//! its own changes, which count once it has succeeded.

use crate::contract::run_context;
use crate::grants::ContextGrant;
use crate::host::denials::Denials;
use crate::store::State;
use cofferdam_engine::shared::{MAX_SHARED, MAX_SHARED_KEY, MAX_SHARED_VALUE};
use cofferdam_engine::{Data, SharedChange, SharedValues};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wasmtime::component::{HasData, Linker};

/// The most names that one call returns.
const MOST_KEYS: u32 = 1_000;

/// The shared values of one attempt, and what it changes of them.
#[derive(Default)]
pub(crate) struct ContextBook {
    grant: ContextGrant,
    shared: SharedValues,
    staged: BTreeMap<Arc<str>, Staged>,
    /// What is staged takes, in bytes.
    size: usize,
}

struct Staged {
    value: Option<Data>,
    /// The revision that the value had to have before the first change of it.
    expected: Option<u64>,
}

/// The view of a guest, and where it is recorded what was refused.
pub(crate) struct View<'a> {
    book: &'a mut ContextBook,
    denials: &'a Denials,
}

pub(crate) struct RunContext;

impl HasData for RunContext {
    type Data<'a> = View<'a>;
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    run_context::add_to_linker::<_, RunContext>(linker, |state| View {
        book: &mut state.context,
        denials: &state.denials,
    })
}

impl ContextBook {
    pub(crate) fn new(grant: ContextGrant, shared: SharedValues) -> Self {
        Self {
            grant,
            shared,
            staged: BTreeMap::new(),
            size: 0,
        }
    }

    /// Returns what the guest has changed, each value once.
    pub(crate) fn take(&mut self) -> Vec<SharedChange> {
        let staged = std::mem::take(&mut self.staged).into_iter();
        let change = |(key, Staged { value, expected })| SharedChange { key, value, expected };
        staged.map(change).collect()
    }

    /// Returns the value and the revision of a key, as the guest sees them.
    fn look(&self, key: &str) -> Option<(&Data, u64)> {
        match self.staged.get(key) {
            Some(Staged { value, .. }) => value.as_ref().map(|value| (value, self.shared.next_revision(key))),
            None => self.shared.get(key).map(|shared| (&shared.value, shared.revision)),
        }
    }

    /// Stages a change, unless the value is another one than expected.
    fn stage(&mut self, key: String, value: Option<Data>, expected: Option<u64>) -> Result<u64, run_context::Refusal> {
        let found = self.look(&key).map(|(_, revision)| revision);
        if expected.is_some_and(|expected| expected != found.unwrap_or(0)) {
            return Err(run_context::Refusal::Conflict(found));
        }
        let weight = |key: &str, value: Option<&Data>| key.len() + value.map_or(0, |value| value.to_json().len());
        let former = self.staged.get(key.as_str());
        let before = former.map_or(0, |former| weight(&key, former.value.as_ref()));
        let size = self.size - before + weight(&key, value.as_ref());
        if size > MAX_SHARED {
            return Err(run_context::Refusal::TooLarge(MAX_SHARED as u64));
        }
        // Later changes look at what the guest staged itself: what counts is what the first one expected.
        let expected = former.map_or(expected, |former| former.expected);
        let revision = self.shared.next_revision(&key);
        self.size = size;
        self.staged.insert(key.into(), Staged { value, expected });
        Ok(revision)
    }
}

impl View<'_> {
    fn refuse(&self, call: &'static str, target: &str) -> run_context::Refusal {
        let reason = match self.book.grant.is_empty() {
            true => "the run context is not granted",
            false => "this key of the run context is not granted",
        };
        self.denials.record(call, target, reason);
        run_context::Refusal::NotGranted(reason.to_owned())
    }

    fn admit(&self, call: &'static str, key: &str) -> Result<(), run_context::Refusal> {
        if self.book.grant.is_empty() {
            return Err(self.refuse(call, key));
        }
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if key.is_empty() || key.len() > MAX_SHARED_KEY || !key.chars().all(known) {
            return Err(run_context::Refusal::Other(format!(
                "a key has 1 to {MAX_SHARED_KEY} letters, digits, `-`, `_` and `.`"
            )));
        }
        if !self.book.grant.contains(key) {
            return Err(self.refuse(call, key));
        }
        Ok(())
    }
}

impl run_context::Host for View<'_> {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<run_context::Entry>, run_context::Refusal>> {
        let entry = |(value, revision): (&Data, u64)| run_context::Entry {
            value: value.to_json(),
            revision,
        };
        let found = self.admit("run-context.get", &key);
        Ok(found.map(|()| self.book.look(&key).map(entry)))
    }

    fn set(
        &mut self,
        key: String,
        value: String,
        expected: Option<u64>,
    ) -> wasmtime::Result<Result<u64, run_context::Refusal>> {
        if let Err(refusal) = self.admit("run-context.set", &key) {
            return Ok(Err(refusal));
        }
        if value.len() > MAX_SHARED_VALUE {
            return Ok(Err(run_context::Refusal::TooLarge(MAX_SHARED_VALUE as u64)));
        }
        Ok(match Data::from_json(&value, MAX_SHARED_VALUE) {
            Ok(value) => self.book.stage(key, Some(value), expected),
            Err(error) => Err(run_context::Refusal::Other(error.to_string())),
        })
    }

    fn delete(&mut self, key: String, expected: Option<u64>) -> wasmtime::Result<Result<(), run_context::Refusal>> {
        let admitted = self.admit("run-context.delete", &key);
        Ok(admitted.and_then(|()| self.book.stage(key, None, expected).map(drop)))
    }

    fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, run_context::Refusal>> {
        if self.book.grant.is_empty() {
            return Ok(Err(self.refuse("run-context.keys", &prefix)));
        }
        let is_there = |key: &&Arc<str>| self.book.look(key).is_some();
        let is_wanted = |key: &&Arc<str>| {
            key.starts_with(&prefix)
                && after.as_deref().is_none_or(|after| &***key > after)
                && self.book.grant.contains(key)
        };
        let known = self.book.shared.iter().map(|(key, _)| key);
        let keys: BTreeSet<&Arc<str>> = known
            .chain(self.book.staged.keys())
            .filter(is_wanted)
            .filter(is_there)
            .collect();
        let most = limit.min(MOST_KEYS) as usize;
        Ok(Ok(keys.into_iter().take(most).map(ToString::to_string).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::{ContextBook, View};
    use crate::contract::run_context::{Host as _, Refusal};
    use crate::grants::ContextGrant;
    use crate::host::denials::Denials;
    use crate::pattern::Pattern;
    use cofferdam_engine::shared::{MAX_SHARED, MAX_SHARED_VALUE};
    use cofferdam_engine::{Data, SharedChange, SharedValues};

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    fn book(asked: &[&str], allowed: &[&str]) -> ContextBook {
        let mut shared = SharedValues::default();
        let change = |key: &str, value: i64| SharedChange {
            key: key.into(),
            value: Some(Data::Int(value)),
            expected: None,
        };
        shared.apply(&[change("a.one", 1), change("a.two", 2), change("b.one", 3)]);
        shared.apply(&[change("a.one", 10)]);
        ContextBook::new(ContextGrant::of(patterns(asked), patterns(allowed)), shared)
    }

    fn set(view: &mut View<'_>, key: &str, value: &str, expected: Option<u64>) -> Result<u64, Refusal> {
        view.set(key.to_owned(), value.to_owned(), expected).unwrap()
    }

    fn get(view: &mut View<'_>, key: &str) -> Option<(String, u64)> {
        let entry = view.get(key.to_owned()).unwrap().unwrap();
        entry.map(|entry| (entry.value, entry.revision))
    }

    // rows D09, E14
    #[test]
    fn a_guest_sees_its_own_changes_and_only_what_both_lists_mean() {
        let denials = Denials::default();
        let mut book = book(&["a.*", "b.*"], &["a.*", "c.*"]);
        let mut view = View {
            book: &mut book,
            denials: &denials,
        };
        assert_eq!(get(&mut view, "a.one"), Some(("10".to_owned(), 2)));
        assert!(matches!(
            set(&mut view, "a.one", "11", Some(1)),
            Err(Refusal::Conflict(Some(2)))
        ));
        assert!(matches!(
            set(&mut view, "a.new", "1", Some(1)),
            Err(Refusal::Conflict(None))
        ));
        assert!(matches!(set(&mut view, "a.one", "11", Some(2)), Ok(3)));
        // It looks at what it staged itself; what counts is what it first expected.
        assert!(matches!(set(&mut view, "a.one", "12", Some(3)), Ok(3)));
        assert_eq!(get(&mut view, "a.one"), Some(("12".to_owned(), 3)));
        assert!(matches!(set(&mut view, "a.new", "null", Some(0)), Ok(1)));
        view.delete("a.two".to_owned(), None).unwrap().unwrap();
        assert_eq!(get(&mut view, "a.two"), None);
        let keys = |view: &mut View<'_>, after: Option<&str>, limit| {
            view.keys(String::new(), after.map(str::to_owned), limit)
                .unwrap()
                .unwrap()
        };
        assert_eq!(keys(&mut view, None, 10), ["a.new", "a.one"]);
        assert_eq!(keys(&mut view, Some("a.new"), 10), ["a.one"]);
        assert_eq!(keys(&mut view, None, 1), ["a.new"]);
        for key in ["b.one", "c.one", "d"] {
            assert!(
                matches!(set(&mut view, key, "1", None), Err(Refusal::NotGranted(_))),
                "{key}"
            );
        }
        assert_eq!(denials.take().0.len(), 3);
        let changes = book.take();
        let told: Vec<(&str, Option<Data>, Option<u64>)> = changes
            .iter()
            .map(|change| (&*change.key, change.value.clone(), change.expected))
            .collect();
        assert_eq!(
            told,
            [
                ("a.new", Some(Data::Null), Some(0)),
                ("a.one", Some(Data::Int(12)), Some(2)),
                ("a.two", None, None)
            ]
        );
    }

    // row D13
    #[test]
    fn keys_values_and_all_that_is_staged_are_bounded() {
        let denials = Denials::default();
        let mut book = book(&["*"], &["*"]);
        let mut view = View {
            book: &mut book,
            denials: &denials,
        };
        for key in ["", "a b", "a*", "a/b", &"x".repeat(129)] {
            assert!(
                matches!(set(&mut view, key, "1", None), Err(Refusal::Other(_))),
                "{key}"
            );
        }
        assert!(matches!(set(&mut view, "a", "{", None), Err(Refusal::Other(_))));
        let largest = format!("\"{}\"", "x".repeat(MAX_SHARED_VALUE - 2));
        assert!(matches!(
            set(&mut view, "a", &format!("{largest} "), None),
            Err(Refusal::TooLarge(most)) if most == MAX_SHARED_VALUE as u64
        ));
        let fit = (0..100).take_while(|number| set(&mut view, &format!("k{number:02}"), &largest, None).is_ok());
        assert_eq!(fit.count(), MAX_SHARED / (MAX_SHARED_VALUE + 3));
        // One that is set again takes its room once.
        assert!(set(&mut view, "k00", &largest, None).is_ok());
        assert!(matches!(
            set(&mut view, "more", &largest, None),
            Err(Refusal::TooLarge(most)) if most == MAX_SHARED as u64
        ));
    }

    #[test]
    fn nothing_is_there_without_a_grant() {
        let denials = Denials::default();
        let mut book = book(&[], &["*"]);
        let mut view = View {
            book: &mut book,
            denials: &denials,
        };
        assert!(matches!(
            view.get("a.one".to_owned()).unwrap(),
            Err(Refusal::NotGranted(_))
        ));
        assert!(matches!(
            view.keys(String::new(), None, 1).unwrap(),
            Err(Refusal::NotGranted(_))
        ));
        assert_eq!(denials.take().1, 2);
    }
}
