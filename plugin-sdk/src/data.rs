//! Which Rust types can cross the border between a workflow and a plugin?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A type that can be a parameter or the output of an action; `#[data]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter or an output of an action: write `#[data]` above it",
    label = "not a data type of Cofferdam",
    note = "numbers, `bool`, `String`, `Value`, and `Option`, `Vec`, `BTreeMap<String, _>` of data are data already"
)]
pub trait Data: Serialize + DeserializeOwned + JsonSchema {
    /// Returns the value of a parameter of this type that was left out, if it can be.
    #[doc(hidden)]
    fn absent() -> Option<Self> {
        None
    }
}

/// Compiles if `T` is data: `#[data]` asks it of every field.
#[doc(hidden)]
pub fn is_data<T: Data>() {}

macro_rules! data {
    ($($type:ty),* $(,)?) => { $(impl Data for $type {})* };
}

data!((), bool, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64, char, String, Value, Map<String, Value>);

impl<T: Data> Data for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }
}
impl<T: Data> Data for Vec<T> {}
impl<T: Data> Data for Box<T> {}
impl<T: Data + Ord> Data for BTreeSet<T> {}
impl<T: Data> Data for BTreeMap<String, T> {}
impl<T: Data> Data for HashMap<String, T> {}
impl<A: Data, B: Data> Data for (A, B) {}
impl<A: Data, B: Data, C: Data> Data for (A, B, C) {}
