//! Does the house stand as it was drawn?

mod embedding;
mod layers;
mod promises;
