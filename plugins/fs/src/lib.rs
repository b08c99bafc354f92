//! Lists, reads, searches, measures and writes files in granted directories.
//!
//! Paths are those of the guest. Actions that only look ask only to read, so that a plugin with a writable directory
//! still has quiet actions.

mod append;
mod copy;
mod count;
mod glob;
mod grep;
mod ignored;
mod language;
mod list;
mod read;
mod selection;
mod stat;
mod tree;
mod write;

use cofferdam_plugin::plugin;

plugin!(
    list::list,
    read::read,
    stat::stat,
    grep::grep,
    count::count_by_extension,
    write::write,
    append::append,
    copy::copy,
);
