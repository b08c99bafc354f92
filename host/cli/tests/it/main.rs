//! What people see: whole outputs with their exit codes, of the real binary with the real plugins in it.

mod accepting;
mod author;
mod components;
mod configuration;
mod control;
mod definition;
mod everyone;
mod gates;
mod grants;
mod history;
mod hostile;
mod http;
mod installing;
mod interrupt;
mod mistakes;
mod plugins;
mod project;
mod refusals;
mod retry;
mod run;
mod schemas;
mod sharing;
mod started_before;
mod state;
mod workflows;
