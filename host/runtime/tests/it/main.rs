//! What does the runtime do, seen from outside?

mod configuration;
mod driving;
mod embedding;
mod keys;
mod observing;
mod pace;
mod power;
mod reloading;
mod spans;
