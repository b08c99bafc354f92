//! The core played through scenarios: plans as code, a virtual clock, no store.

mod allocations;
mod blocks;
mod branches;
mod cancelling;
mod commands;
mod conditions;
mod encoding;
mod failures;
mod gates;
mod hosts;
mod inbox;
mod kinds;
mod limits;
mod loops;
mod remembering;
mod retries;
mod retrying;
mod sharing;
mod size;
mod steps;
mod taking_up;
mod waits;
