//! What holds for guests that mean no good, and for those that do.

mod guests;
mod running;
