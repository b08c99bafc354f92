//! Works on lists and records: sorts, filters, merges, selects, and reads and writes CSV, JSON and TOML.

mod condition;
mod csv;
mod filter;
mod lists;
mod merge;
mod order;
mod parse;
mod path;
mod select;
mod sort;

use cofferdam_plugin::plugin;

plugin!(
    select::select,
    merge::merge,
    filter::filter,
    sort::sort,
    lists::distinct,
    lists::limit,
    parse::parse,
    parse::parse_toml,
    csv::parse_csv,
    csv::write_csv,
);
