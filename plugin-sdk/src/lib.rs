//! Write plugins for Cofferdam: a plugin is a WebAssembly component, an action is a function.
//!
//! ```
//! use cofferdam_plugin::{action, data, plugin};
//!
//! #[data]
//! struct Counted {
//!     lines: usize,
//!     words: usize,
//! }
//!
//! /// Counts the lines and words of a text.
//! #[action]
//! fn count(text: String) -> Counted {
//!     let lines = text.lines().count();
//!     let words = text.split_whitespace().count();
//!     Counted { lines, words }
//! }
//!
//! plugin!(count);
//!
//! # fn main() {
//! assert_eq!(count("to be\nor not".into()), Counted { lines: 2, words: 4 });
//! # }
//! ```
//!
//! The arguments of the function are the parameters of the action: a workflow says
//! `call wordcount.count { params { text = "to be" } }`. An `Option` or an argument with `#[serde(default)]` may be left
//! out, a doc comment on an argument describes it, and a `&Context` argument gives access to the attempt. What can fail
//! returns `Result<_, Failure>`:
//!
//! ```
//! use cofferdam_plugin::{Context, Failure, action, plugin};
//!
//! /// Counts the lines of a text.
//! #[action]
//! fn count_lines(
//!     /// The text to look at.
//!     text: String,
//!     /// Whether blank lines are left out.
//!     #[serde(default)]
//!     skip_blank: bool,
//!     ctx: &Context,
//! ) -> Result<usize, Failure> {
//!     if text.is_empty() {
//!         return Err(Failure::invalid_input("`text` is empty"));
//!     }
//!     let lines = text.lines().filter(|line| !skip_blank || !line.trim().is_empty()).count();
//!     ctx.info(format!("{lines} lines"));
//!     Ok(lines)
//! }
//!
//! plugin!(count_lines);
//!
//! # fn main() {
//! let ctx = Context::for_test();
//! assert_eq!(count_lines("to be\n\nor not".into(), true, &ctx).unwrap(), 2);
//! assert_eq!(ctx.recorded(), ["info: 2 lines"]);
//! # }
//! ```
//!
//! Every call runs in an instance of its own: a `static` is fresh each time, nothing is kept between calls. A panic ends
//! the attempt and its message becomes the error of the step.

mod action;
mod arguments;
#[cfg(target_arch = "wasm32")]
#[rustfmt::skip]
#[doc(hidden)]
#[allow(missing_docs, unsafe_code, unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
mod component;
mod context;
mod data;
mod durable;
mod encode;
mod failure;
#[cfg(any(feature = "http", test))]
pub mod http;
mod outcome;
mod plugin;
mod specification;

pub use action::Action;
pub use cofferdam_plugin_macros::{action, data, plugin};
pub use context::{Context, Level, Shared, SharedError, TestAttempt};
pub use data::Data;
pub use durable::{append_durably, file_failure, make_directories_durably, write_durably, write_durably_from};
pub use failure::{Failure, FailureClass, OrFailure};
pub use outcome::{Answer, Outcome, Output};
pub use plugin::Plugin;
pub use serde_json::{Error as JsonError, Map, Value, json};

/// What the macros refer to; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::action::{Action, RunAction};
    pub use crate::arguments::Arguments;
    #[cfg(target_arch = "wasm32")]
    pub use crate::bindings;
    #[cfg(target_arch = "wasm32")]
    pub use crate::component::{describe, run};
    pub use crate::data::is_data;
    pub use crate::outcome::{Answer, Settled};
    pub use crate::specification::Specification;
    pub use {schemars, serde, serde_json};
}
