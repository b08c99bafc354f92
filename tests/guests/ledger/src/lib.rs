//! Writes down outside of the host what was done, so that a test can hold it against what the host recorded.

mod append;
mod spin;
mod think;

use cofferdam_plugin::plugin;

plugin!(
    append::append,
    append::once,
    append::ask,
    append::stumble,
    spin::spin,
    spin::grind,
    think::think
);
