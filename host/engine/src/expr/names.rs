//! Where an expression's names come from: the roots that the caller knows.

use crate::Data;

/// The roots of an expression: `inputs`, `steps`, `vars` and their like.
pub trait Names {
    /// Returns the root called `name`, if there is one.
    fn root(&self, name: &str) -> Option<Root<'_>>;

    /// Returns the names of the roots, from which an error suggests one.
    fn roots(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a root is.
pub enum Root<'a> {
    /// A value that exists.
    Value(Data),
    /// Members that are made when asked for.
    Members(&'a dyn Members),
}

/// A root whose members are made one by one, so that `steps.x` never builds the map of all steps.
pub trait Members {
    /// Returns the member called `name`; none counts as null (LANGUAGE rule R21).
    fn member(&self, name: &str) -> Option<Data>;

    /// Returns the member `field` of the member called `name` where that can be told without making all of it; none
    /// says nothing.
    fn field(&self, name: &str, field: &str) -> Option<Data> {
        let _ = (name, field);
        None
    }

    /// Returns the names of all members, for the use of the whole root as a map.
    fn names(&self) -> Vec<String>;
}
