use cofferdam_plugin::{action, data, plugin};

struct Word;

#[data]
struct Counted {
    words: Vec<Word>,
}

/// Counts.
#[action]
fn count() -> Counted {
    Counted { words: vec![] }
}

plugin!(count);
