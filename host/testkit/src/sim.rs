//! The simulation: random programs under seeded schedules of faults, judged by oracles and an interpreter.
//!
//! A schedule is a number. From it follow the program, the faults and every value that an action returns, so that a
//! failing schedule can be played again from its number alone.

mod campaign;
mod dice;
mod faults;
mod generator;
mod interpreter;
mod mutants;
mod oracles;
mod script;
mod world;

pub use campaign::{Failed, Summary, campaign};
pub use faults::Fault;
pub use mutants::Mutant;
pub use oracles::{Compared, ORACLES, Violation};
pub use world::{Played, play, play_mutant};
