//! Which texts a campaign tries.

use crate::chance::Chance;

const TOKENS: &[&str] = &[
    "workflow",
    "edition",
    "1",
    "meta",
    "inputs",
    "outputs",
    "always",
    "call",
    "call workflow",
    "if",
    "unless",
    "else",
    "else if",
    "while",
    "do",
    "parallel",
    "gate",
    "script",
    "wait",
    "foreach",
    "set",
    "fail",
    "on_fail",
    "undo",
    "retry",
    "params",
    "needs",
    "use",
    "timeout",
    "retries",
    "max_iterations",
    "over",
    "each",
    "env",
    "run",
    "source",
    "required",
    "boolean",
    "default",
    "type",
    "a",
    "b-c",
    "_x",
    "fs.list",
    "a.ok",
    "true",
    "null",
    "continue",
    "{",
    "}",
    "{",
    "}",
    "[",
    "]",
    "=",
    "=",
    ",",
    ".",
    ":",
    "(",
    ")",
    "(a.b > 1)",
    "(x[0] == \"}\")",
    "(steps.a.output.n + 1)",
    "(inputs.n)",
    "\"text\"",
    "\"{{a}} \\\" \\{\"",
    "\"{{steps.a.output.n}}\"",
    "\"\\{{\"",
    "\"",
    "'raw'",
    "'a\\d{{x}}'",
    "'",
    "\"\"\"block\"\"\"",
    "\"\"\"\n  a\n    b\n  \"\"\"",
    "\"\"\"",
    "```js\n  x\n  ```",
    "```",
    "3",
    "-1",
    "1.5",
    "1e6",
    "9223372036854775808",
    "30s",
    "1h30m",
    "-",
    "--",
    "// note\n",
    "# note\n",
    "\n",
    "\n\n",
    "\r\n",
    "é",
    "漢",
    "\u{feff}",
    "\u{1}",
    "\t",
];

const OPERANDS: &[&str] = &[
    "1",
    "0",
    "-1",
    "2.5",
    "1e308",
    "9223372036854775807",
    "true",
    "null",
    "\"a\"",
    "'b'",
    "\"\"",
    "[]",
    "[1, 2, 3]",
    "{}",
    "{\"a\": 1}",
    "steps.a.output.n",
    "steps.a.output",
    "steps.gone.output.x",
    "inputs.limit",
    "inputs.name",
    "vars.n",
    "run.id",
    "x",
    "steps.a-b.output",
];

const OPERATORS: &[&str] = &[
    "+", " - ", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", " in ", "&&", "||",
];

const CALLS: &[&str] = &[
    ".size()",
    ".map(x, x)",
    ".filter(x, x > 1)",
    ".all(x, x == x)",
    ".exists(x, true)",
    ".split(\",\")",
    ".join(\",\")",
    ".lower()",
    ".trim()",
    ".sum()",
    ".sort()",
    ".distinct()",
    ".flatten()",
    ".contains(\"a\")",
    ".replace(\"a\", \"b\")",
    ".a",
    ".?a",
    "[0]",
    "[?0]",
    "[\"a\"]",
    ".orValue(1)",
    ".matches(\"a+\")",
    ".startsWith(\"a\")",
];

/// Returns a text: an expression, or a file.
pub(crate) fn text(chance: &mut Chance, corpus: &[(String, String)], of_expressions: bool) -> String {
    match (of_expressions, chance.below(10)) {
        (true, 0) => soup(chance),
        (true, _) => expression(chance, 5),
        (false, 0..=2) => soup(chance),
        (false, 3) => format!(
            "workflow w edition 1 {{\n  call a {{ use = fs.list  if = ({}) }}\n  set {{ n = ({}) }}\n}}\n",
            expression(chance, 4),
            expression(chance, 4)
        ),
        (false, _) => mutated(chance, corpus),
    }
}

fn soup(chance: &mut Chance) -> String {
    let head = chance.word(&[
        "",
        "workflow a {",
        "workflow a edition 1 { call b {",
        "workflow a edition 1 {",
    ]);
    let mut text = head.to_owned();
    for _ in 0..chance.below(80) {
        text.push(' ');
        text.push_str(chance.word(TOKENS));
    }
    text
}

fn mutated(chance: &mut Chance, corpus: &[(String, String)]) -> String {
    let mut text = chance.one(corpus).1.clone();
    for _ in 0..=chance.below(4) {
        let start = text.floor_char_boundary(chance.below(text.len() + 1));
        let length = chance.below(40);
        let end = text.floor_char_boundary((start + length).min(text.len())).max(start);
        match chance.below(6) {
            0 => text.replace_range(start..end, ""),
            1 => text.insert_str(start, chance.word(TOKENS)),
            2 => text.replace_range(start..end, chance.word(TOKENS)),
            3 => {
                let copy = text[start..end].to_owned();
                let at = text.floor_char_boundary(chance.below(text.len() + 1));
                text.insert_str(at, &copy);
            }
            4 => {
                let other = &chance.one(corpus).1;
                let from = other.floor_char_boundary(chance.below(other.len() + 1));
                let to = other
                    .floor_char_boundary((from + 4 * length).min(other.len()))
                    .max(from);
                text.replace_range(start..end, &other[from..to]);
            }
            // Blanks and comments between words must change nothing.
            _ => {
                if let Some(blank) = text[start..].find(' ') {
                    text.insert_str(start + blank, chance.word(&["\n", " // note\n", "\n\n# note\n", "  "]));
                }
            }
        }
    }
    text
}

fn expression(chance: &mut Chance, depth: usize) -> String {
    if depth == 0 || chance.below(5) == 0 {
        return chance.word(OPERANDS).to_owned();
    }
    let inner = |chance: &mut Chance| expression(chance, depth - 1);
    match chance.below(10) {
        0..=3 => format!("{}{}{}", inner(chance), chance.word(OPERATORS), inner(chance)),
        4 => format!("({})", inner(chance)),
        5 => format!("!{}", inner(chance)),
        6 => format!("{} ? {} : {}", inner(chance), inner(chance), inner(chance)),
        7 => format!("[{}, {}]", inner(chance), inner(chance)),
        8 => format!("has({})", inner(chance)),
        _ => format!("{}{}", inner(chance), chance.word(CALLS)),
    }
}
