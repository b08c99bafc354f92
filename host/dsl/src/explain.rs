//! What a code means at length, with a wrong and a right example: the pages of `cofferdam explain`.

mod calling;
mod meaning;
mod project;
mod running;
mod syntax;

use crate::code::Code;

/// The page about one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What the code stands for.
    pub title: &'static str,
    /// Why it is so and what to do.
    pub text: &'static str,
    /// What leads to it; may be empty.
    pub wrong: &'static str,
    /// What is meant; may be empty.
    pub right: &'static str,
}

/// Returns the page about a code such as `CF0204`, in any case; nothing if there is no such code.
pub fn explain(number: &str) -> Option<Page> {
    let code = Code::ALL
        .iter()
        .copied()
        .find(|code| code.number().eq_ignore_ascii_case(number.trim()))?;
    let (text, wrong, right) = words(code);
    Some(Page {
        title: code.title(),
        text,
        wrong,
        right,
    })
}

type Words = (&'static str, &'static str, &'static str);

fn words(code: Code) -> Words {
    syntax::page(code)
        .or_else(|| meaning::page(code))
        .or_else(|| calling::page(code))
        .or_else(|| project::page(code))
        .or_else(|| running::page(code))
        .unwrap_or(("", "", ""))
}
