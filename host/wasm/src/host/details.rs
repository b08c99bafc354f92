//! How named values from a guest are taken in.

use crate::log::printable;
use cofferdam_engine::{Data, InvalidData};

const MAX_ENTRIES: usize = 64;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 64 * 1024;

/// Returns the entries whose values are JSON; a value that is not becomes text, for a log is no place to fail.
pub(crate) fn lenient(entries: Vec<(String, String)>) -> Vec<(String, Data)> {
    entries
        .into_iter()
        .take(MAX_ENTRIES)
        .map(|(name, value)| {
            let data = Data::from_json(&value, MAX_VALUE).unwrap_or_else(|_| Data::text(printable(&value, MAX_NAME)));
            (printable(&name, MAX_NAME), data)
        })
        .collect()
}

/// Returns a map of the entries, all of which must be JSON; otherwise the name of the first that is not, and why.
pub(crate) fn strict(entries: Vec<(String, String)>, limit: usize) -> Result<Data, (String, InvalidData)> {
    let mut map = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let name = printable(&name, MAX_NAME);
        match Data::from_json(&value, limit) {
            Ok(data) => map.push((name, data)),
            Err(error) => return Err((name, error)),
        }
    }
    Ok(if map.is_empty() { Data::Null } else { Data::map(map) })
}
