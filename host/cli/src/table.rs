//! How tables are printed: columns two blanks apart, nothing before the first and nothing behind the last.

use crate::talk::print;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// Returns a table with these headings.
pub(crate) fn table<'h>(headings: impl IntoIterator<Item = &'h str>) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(headings.into_iter().collect::<Vec<_>>());
    table
}

/// Prints a table; the columns of `numbers` stand at the right of their room.
pub(crate) fn print_table(table: &mut Table, numbers: &[usize]) {
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.to_string().lines() {
        print(line.trim_end());
    }
}
