//! What the calls of workflows lead to: how many levels deep, and whether back to where they began.

use super::{CallSite, Library};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What the calls of one workflow lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// How many calls are inside of each other at most.
    pub(crate) levels: usize,
    /// The workflow that the deepest of them begins with.
    pub(crate) next: Option<String>,
    /// Workflows of which each calls the next one, and the last the first; none if no way leads into such a circle.
    pub(crate) circle: Option<Rc<[String]>>,
}

impl Reach {
    fn add(&mut self, name: &str, called: &Self) {
        if self.circle.is_none() {
            self.circle = called.circle.clone();
        }
        if called.levels + 1 > self.levels {
            self.levels = called.levels + 1;
            self.next = Some(name.to_owned());
        }
    }
}

/// Walks from call to call without recursion: a hostile chain of files must not end the process.
pub(super) struct Explorer<'l> {
    library: &'l Library,
    path: Vec<Frame>,
    /// Where in the path each of its workflows is.
    on_path: BTreeMap<String, usize>,
    finished: Vec<String>,
}

struct Frame {
    /// None for a file that no call finds.
    name: Option<String>,
    /// What is still to be looked at.
    calls: std::vec::IntoIter<String>,
    reach: Reach,
}

impl<'l> Explorer<'l> {
    pub(super) fn new(library: &'l Library) -> Self {
        Self {
            library,
            path: Vec::new(),
            on_path: BTreeMap::new(),
            finished: Vec::new(),
        }
    }

    /// Finds out what is reached from `calls` of the workflow called `name`; returns what was not known before, each
    /// after those that it calls.
    pub(super) fn explore(mut self, name: Option<String>, calls: Vec<CallSite>) -> Vec<String> {
        self.enter(name, &calls);
        while let Some(frame) = self.path.last_mut() {
            match frame.calls.next() {
                Some(call) => self.follow(call),
                None => self.leave(),
            }
        }
        self.finished
    }

    fn enter(&mut self, name: Option<String>, calls: &[CallSite]) {
        if let Some(name) = &name {
            self.on_path.insert(name.clone(), self.path.len());
        }
        let mut seen = BTreeSet::new();
        let calls: Vec<String> = calls
            .iter()
            .filter(|call| self.library.contains(&call.name) && seen.insert(&call.name))
            .map(|call| call.name.clone())
            .collect();
        self.path.push(Frame {
            name,
            calls: calls.into_iter(),
            reach: Reach::default(),
        });
    }

    fn follow(&mut self, call: String) {
        if let Some(start) = self.on_path.get(&call).copied() {
            let circle: Rc<[String]> = self.path[start..]
                .iter()
                .filter_map(|frame| frame.name.clone())
                .collect();
            if let Some(frame) = self.path.last_mut() {
                frame.reach.circle.get_or_insert(circle);
            }
        } else if let Some(reach) = self.library.reach(&call) {
            if let Some(frame) = self.path.last_mut() {
                frame.reach.add(&call, &reach);
            }
        } else {
            let definition = self.library.definition(&call);
            self.enter(Some(call), &definition.calls);
        }
    }

    fn leave(&mut self) {
        let Some(Frame {
            name: Some(name),
            reach,
            ..
        }) = self.path.pop()
        else {
            return;
        };
        self.on_path.remove(&name);
        // What was begun with is checked by whoever asked; the others may still call it one day.
        let Some(caller) = self.path.last_mut() else { return };
        caller.reach.add(&name, &reach);
        let mut state = self.library.inner.state.borrow_mut();
        state.reaches.insert(name.clone(), Rc::new(reach));
        self.finished.push(name);
    }
}
