//! Slips in expressions that come from other languages, and how they are mended.

use std::ops::Range;

/// What mends a slip.
pub(super) struct Mend {
    pub(super) help: String,
    /// The bytes of the expression to replace, and by what.
    pub(super) replacement: Option<(Range<usize>, String)>,
}

/// Returns the call that a filter such as `| upper` means, if `code` ends with one at `at`.
fn filter(code: &str, at: usize) -> Option<String> {
    let rest = code.get(at..)?.strip_prefix('|')?.trim();
    let name = rest.split('(').next().unwrap_or_default();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_call = rest.len() == name.len() || rest.ends_with(')');
    let is_value = matches!(name, "true" | "false" | "null");
    (is_name && is_call && !is_value).then(|| {
        if rest.len() == name.len() {
            format!("{name}()")
        } else {
            rest.to_owned()
        }
    })
}

/// Returns what mends `code`, which cannot be read at `at`, if it is a slip that is known.
pub(super) fn mend(code: &str, at: usize) -> Option<Mend> {
    let before = code.get(..at)?;
    if let Some(function) = filter(code, at) {
        return Some(Mend {
            help: format!("there are no filters: write `X.{function}`"),
            replacement: (!before.contains(['?', '&', '|', '+', '='])).then(|| {
                let left = before.trim_end();
                (left.len()..code.len(), format!(".{function}"))
            }),
        });
    }
    if code.get(at..).is_some_and(|rest| rest.starts_with("=>")) {
        let left = before.trim_end().len();
        return Some(Mend {
            help: "there are no functions `x => …`: write the name and the expression, `X.map(x, …)`".to_owned(),
            replacement: Some((left..at + 2, ",".to_owned())),
        });
    }
    let is_word_end =
        |text: &str| !text.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '_' || last == '-');
    if let Some(rest) = before.trim_end().strip_suffix("not").filter(|rest| is_word_end(rest)) {
        return Some(Mend {
            help: "for \"not\" write `!`".to_owned(),
            replacement: Some((rest.len()..at, "!".to_owned())),
        });
    }
    // `a ?? b`: the second sign is where a value was expected.
    let question = at
        .checked_sub(1)
        .filter(|first| code.get(*first..).is_some_and(|rest| rest.starts_with("??")))?;
    let (left, right) = (code[..question].trim(), code[question + 2..].trim());
    // Within a longer expression it is not clear what the operands are.
    let is_whole = !left.contains(['&', '|', '?', ',']) && !right.contains(['&', '|', '?', ',']);
    Some(Mend {
        help: "there is no `??`: write `X == null ? OTHERWISE : X`".to_owned(),
        replacement: (is_whole && !left.is_empty() && !right.is_empty())
            .then(|| (0..code.len(), format!("{left} == null ? {right} : {left}"))),
    })
}
