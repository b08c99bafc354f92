//! Does the house stand as it was drawn?

mod embedding;
mod hostile;
mod layers;
mod promises;
