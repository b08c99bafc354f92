//! Does the house stand as it was drawn?

mod layers;
mod promises;
