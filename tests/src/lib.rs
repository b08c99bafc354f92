//! Tests of Cofferdam from outside; they are in `it/`. The crate has no code of its own.
