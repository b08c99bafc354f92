//! The simulation on itself.

mod simulation;
