//! What does the runtime do, seen from outside?

mod configuration;
mod driving;
mod embedding;
mod observing;
mod power;
mod spans;
