//! Works on texts: counts, extracts, replaces, splits, joins, hashes, fills in templates.

mod extract;
mod hash;
mod lists;
mod pattern;
mod replace;
mod stats;
mod template;

use cofferdam_plugin::plugin;

plugin!(
    stats::stats,
    template::template,
    extract::extract,
    replace::replace,
    lists::split,
    lists::join,
    hash::hash,
);
