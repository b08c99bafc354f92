use cofferdam_plugin::{action, data, plugin};

#[data]
struct Counted {
    lines: usize,
    words: usize,
}

/// Counts the lines and words of a text.
#[action]
fn count(text: String) -> Counted {
    let lines = text.lines().count();
    let words = text.split_whitespace().count();
    Counted { lines, words }
}

plugin!(count);

#[cfg(test)]
mod tests {
    #[test]
    fn counts() {
        let counted = super::count("to be\nor not".into());
        assert_eq!((counted.lines, counted.words), (2, 4));
    }
}
