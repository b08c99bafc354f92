//! The pages of CF01xx: characters and syntax.

use super::Words;
use crate::code::Code;

pub(super) fn page(code: Code) -> Option<Words> {
    Some(match code {
        Code::UnexpectedToken => (
            "The file could be read up to here, but what follows does not fit the grammar. The message says what was expected. Reading goes on after it, so later findings are real too.",
            "call fetch { timeout 30s }",
            "call fetch { timeout = 30s }",
        ),
        Code::CommentMark => (
            "Comments begin with `//` or `#` and go to the end of the line; `--` is part of names.",
            "-- fetch it",
            "// fetch it",
        ),
        Code::UnclosedText => (
            "A text begins with a quote and must end with the same quote. Texts may span lines, so a missing quote can swallow what follows; the message points at the text that most likely lacks it.",
            "title = \"Nightly",
            "title = \"Nightly\"",
        ),
        Code::UnclosedExpression => (
            "An expression stands in parentheses; every bracket inside must be closed in order.",
            "inputs { n type = number required }  if (inputs.n > 3 { call a }",
            "inputs { n type = number required }  if (inputs.n > 3) { call a }",
        ),
        Code::UnclosedBrace => (
            "A brace or bracket was opened and the end, or something that cannot stand inside, came first. When braces and indentation disagree, the message points at the block that is not closed where it begins.",
            "call a  if a.ok { call b",
            "call a  if a.ok { call b }",
        ),
        Code::UnclosedFence => (
            "A code fence is three or more backticks, a language name, and a line break; it ends with as many backticks on a line of their own.",
            "source = ```python",
            "source = ```python\n  print(1)\n  ```",
        ),
        Code::InvalidNumber => (
            "Numbers are `3`, `-1.5`, `1e6`. Durations are a whole number and one unit: ms, s, m, h or d.",
            "timeout = 1h30m",
            "timeout = 90m",
        ),
        Code::TextAfterEnd => (
            "A file holds one workflow and nothing after its last brace. Files without an edition only get a warning.",
            "workflow audit { } }",
            "workflow audit { }",
        ),
        Code::DoubtfulEscape => (
            "In double quotes `\\n`, `\\t`, `\\\"`, `\\\\` and `\\{` have a meaning; before anything else the backslash is simply dropped. Regular expressions belong into single quotes, where nothing is an escape.",
            "pattern = \"\\d+\"",
            "pattern = '\\d+'",
        ),
        Code::FileTooLarge => (
            "A workflow file has at most 10 MiB. Data belongs into files that steps read. `⟨x⟩×3` stands for `xxx`.",
            "⟨#⟩×10485761",
            "# in short",
        ),
        Code::NulByte => (
            "A text never holds a NUL byte: this is most likely a binary file. Below, `␀` stands for it.",
            "fail \"half␀\"",
            "fail \"half\"",
        ),
        Code::NotUtf8 => (
            "Workflow files are UTF-8. Save the file in that encoding. Below, `<E9>` stands for one byte.",
            "fail \"caf<E9>\"",
            "fail \"café\"",
        ),
        Code::TooDeep => (
            "Braces, brackets and the brackets of expressions nest at most 64 levels deep. Move the inner part into a workflow and call it. `⟨x⟩×3` stands for `xxx`.",
            "set { a = ⟨[⟩×65 ⟨]⟩×65 }",
            "set { a = [[1, 2], [3]] }",
        ),
        Code::TooManyNodes => (
            "A file has at most 10 000 steps. Use a loop, `foreach`, or several workflows. `⟨x⟩×3` stands for `xxx`.",
            "⟨call a ⟩×10001",
            "while a.more { max_iterations = 10001  call a }",
        ),
        Code::ExpressionTooLong => (
            "An expression has at most 64 KiB. Put data into a file or the output of a step. `⟨x⟩×3` stands for `xxx`.",
            "set { a = (⟨1 + ⟩×20000 1) }",
            "set { a = (1 + 1) }",
        ),
        Code::TooManyValues => (
            "A file has at most 250 000 values, attributes and list items. Put data into a file that a step reads. `⟨x⟩×3` stands for `xxx`.",
            "set { a = [⟨1 ⟩×250001] }",
            "set { a = [1, 2] }",
        ),
        Code::UnexpectedCharacter => (
            "This character begins nothing in the language. Operators belong into parentheses, texts into straight quotes.",
            "params { n = 1; }",
            "params { n = 1 }",
        ),
        Code::UnclosedBlock => (
            "A text block begins and ends with three double quotes.",
            "prompt = \"\"\"\n  Hello",
            "prompt = \"\"\"\n  Hello\n  \"\"\"",
        ),
        Code::MissingHeader => (
            "A file is one workflow. With `edition 1` doubtful things are errors, not warnings.",
            "{ call a }",
            "workflow audit edition 1 { call a }",
        ),
        Code::UnknownEdition => (
            "The edition says which rules the file is written for. This version knows edition 1.",
            "workflow audit edition 2 { }",
            "workflow audit edition 1 { }",
        ),
        Code::MisplacedElse => (
            "`else` and `else if` stand directly after the closing brace of an `if` or `unless`.",
            "call a  if a.ok { call b }  call c  else { call d }",
            "call a  if a.ok { call b } else { call d }",
        ),
        Code::UnknownStep => (
            "Every step begins with one of the words of the language.",
            "cal fetch",
            "call fetch",
        ),
        Code::MisplacedAttribute => (
            "The attributes of a block stand before its steps; bodies such as `else { }` and `always { }` have none; `meta`, `inputs` and `outputs` stand between the outer braces.",
            "parallel { call a  fail_fast = false }",
            "parallel { fail_fast = false  call a }",
        ),
        Code::ColonInMap => (
            "Maps are written with `=`. Colons belong to maps inside of expressions.",
            "params { a: 1 }",
            "params { a = 1 }",
        ),
        Code::TooManyFindings => (
            "Only the first findings of a file are shown. Mend those first. `⟨x⟩×3` stands for `xxx`.",
            "⟨call a { retires = 1 } cal b ⟩×201",
            "call a { retries = 1 }  call b",
        ),
        Code::ForeignPlaceholder => (
            "Placeholders are `{{ … }}` with an expression in them, without a `$` before them; a single brace is a character like others. There are no blocks such as `{{#if x}}`: an expression chooses with `? :`, and the action `text.template` goes through lists.",
            "inputs { dir required }  call fs.list { params { root = \"${inputs.dir}\" } }",
            "inputs { dir required }  call fs.list { params { root = \"{{inputs.dir}}\" } }",
        ),
        _ => return None,
    })
}
