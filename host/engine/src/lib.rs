//! The pure core of Cofferdam: plans, events, decisions and expressions.
//!
//! Nothing here knows a clock, randomness, files, threads or an async runtime: time and results are arguments, and the
//! same inputs give the same events on every machine.

pub mod data;
pub mod time;

pub use data::{Data, InvalidData};
pub use time::Timestamp;
