//! A hundred typical mistakes of authors: each gives one finding, on its line, with a hint that mends it.

use crate::actions::actions;
use crate::check::shown;
use cofferdam_dsl::{Code, Compiled, Diagnostic, Options, compile};
use std::fmt::Write as _;

/// A mistake: what it is, and the lines of a workflow; the line where it should be found begins with `>`.
type Mistake = (&'static str, &'static str);

/// What precedes the lines of each mistake.
const HEAD: &str = "workflow w edition 1 {
  inputs {
    dir   required
    full  boolean
    limit type = number  default = 10
  }
  call fs.list { params { root = \"{{inputs.dir}}\" } }
";

const MISTAKES: &[Mistake] = &[
    (
        "double quotes within a placeholder",
        ">  fail \"{{ steps.list.output.files.map(f, f.path).join(\", \") }}\"",
    ),
    (
        "pairs as in YAML below a key within braces",
        "  call fs.read {\n>    params:\n      path: \"a\"\n  }",
    ),
    (
        "a list of several items as in YAML",
        "  call fs.list {\n    params {\n      root = \".\"\n      include =\n>        - \"*.md\"\n        - \"*.rs\"\n    }\n  }",
    ),
    (
        "a condition after a colon, and no braces",
        ">  if: inputs.dir == \"x\"\n    fail \"x\"",
    ),
    (
        "a typing mistake in `use`",
        "  call listing {\n>    uses = test.fail\n  }",
    ),
    (
        "a function of JavaScript",
        ">  fail \"{{ [1, 2].map(x => x + 1).size() }}\"",
    ),
    (
        "a variable set with its root",
        ">  set { vars.n = 1 }\n  fail \"{{vars.n}}\"",
    ),
    (
        "a parameter beside the attributes",
        "  call fs.read {\n>    path = \"a\"\n    params { path = \"a\" }\n  }",
    ),
    (
        "a typing mistake in the name of an attribute",
        "  call test.fail {\n>    retires = 3\n  }",
    ),
    ("a typing mistake in a keyword", ">  paralel {\n    call test.fail\n  }"),
    (
        "a typing mistake in the name of an action",
        ">  call fs.lits { params { root = \".\" } }",
    ),
    (
        "a typing mistake in the name of an input",
        ">  if (inputs.limt > 3) { fail \"x\" }",
    ),
    (
        "a typing mistake in the name of a step",
        ">  set { n = (steps.lst.output.files) }",
    ),
    (
        "a typing mistake in a member of a step",
        ">  set { n = (steps.list.ouput) }",
    ),
    (
        "a typing mistake in a field of an output",
        ">  set { n = (steps.list.output.fils) }",
    ),
    (
        "a missing closing brace",
        ">  if full {\n    fail \"x\"\n  call test.fail",
    ),
    (
        "a text without a closing quote",
        ">  fail \"stopped\n  call test.fail { timeout = 30s }",
    ),
    (
        "a text for a number",
        "  call test.fail {\n>    retries = \"three\"\n  }",
    ),
    ("a number for a text", "  call fs.list {\n>    params { root = 5 }\n  }"),
    ("a parameter that is missing", ">  call fs.read"),
    (
        "a parameter that does not exist",
        "  call fs.read {\n>    params { file = \"a\"  path = \"b\" }\n  }",
    ),
    (
        "a later step",
        ">  if later.done { fail \"x\" }\n  call later { use = test.fail }",
    ),
    (
        "a step of another arm",
        "  if full { call a { use = test.fail } }\n>  else { set { n = (steps.a.output) } }",
    ),
    ("the variable of a loop outside of it", ">  set { n = (item.name) }"),
    ("a pair as in YAML", "  call test.fail {\n>    retries: 3\n  }"),
    (
        "a list as in YAML",
        "  call fs.list {\n    params {\n      root = \".\"\n      include =\n>        - \"*.md\"\n    }\n  }",
    ),
    ("a comment as in SQL", ">  -- all files\n  call test.fail"),
    (
        "a comment over several lines as in C",
        ">  /* all files */\n  call test.fail",
    ),
    ("a minus without blanks", ">  set { n = (inputs.limit-1) }"),
    (
        "quotes within a template",
        "  call fs.read {\n>    params { path = \"{{ inputs.full ? \"a\" : \"b\" }}\" }\n  }",
    ),
    (
        "`elseif`",
        "  if full {\n    fail \"x\"\n>  } elseif (inputs.limit > 3) {\n    fail \"y\"\n  }",
    ),
    ("one `=` for a comparison", ">  if (inputs.limit = 3) { fail \"x\" }"),
    (
        "a text without quotes",
        "  call fs.read {\n>    params { path = README.md }\n  }",
    ),
    (
        "`and` for `&&`",
        ">  if (inputs.full and inputs.limit > 3) { fail \"x\" }",
    ),
    (
        "a number compared with a text",
        ">  if (inputs.limit > \"3\") { fail \"x\" }",
    ),
    (
        "an input in a condition without parentheses",
        ">  if inputs.full { fail \"x\" }",
    ),
    ("a text for a boolean", ">  if (inputs.full == \"true\") { fail \"x\" }"),
    ("a compound duration", "  call test.fail {\n>    timeout = 1h30m\n  }"),
    (
        "a loop without a limit",
        ">  while list.more {\n    call test.fail\n  }",
    ),
    (
        "a semicolon at the end of a line",
        ">  call test.fail;\n  call fs.list { params { root = \".\" } }",
    ),
    ("a variable that nothing sets", ">  fail \"{{vars.total}}\""),
    (
        "a typing mistake in a parameter",
        "  call fs.read {\n>    params { path = \"a\"  patth = \"x\" }\n  }",
    ),
    (
        "a need that is no branch of the block",
        "  parallel {\n    call a { use = test.fail }\n>    call b { use = test.fail  needs = [c] }\n  }",
    ),
    // Comparisons and conditions.
    (
        "a comparison without parentheses",
        ">  if steps.list.attempts > 3 { fail \"x\" }",
    ),
    (
        "a comparison with one `=` and without parentheses",
        ">  if inputs.limit = 3 {\n    fail \"x\"\n  }",
    ),
    (
        "`&&` between a member and a marker",
        ">  if steps.list.completed && list.done { fail \"x\" }",
    ),
    (
        "`and` between a marker and an input",
        ">  if list.done and full { fail \"x\" }",
    ),
    ("`!` before a marker", ">  if !list.done { fail \"x\" }"),
    ("`not` before a marker", ">  if not list.done { fail \"x\" }"),
    ("`not` before a boolean input", ">  unless not full { fail \"x\" }"),
    ("`!` before an input with its root", ">  if !inputs.full { fail \"x\" }"),
    (
        "a call of a function as a condition",
        ">  if size(inputs.dir) > 3 { fail \"x\" }",
    ),
    (
        "a comparison in the attribute `if`",
        "  call test.fail {\n>    if = inputs.limit >= 3\n  }",
    ),
    (
        "an expression without parentheses as a value",
        ">  set { n = inputs.limit + 1 }",
    ),
    ("`+=`", "  set { n = 1 }\n>  set { n += 1 }"),
    ("`not` in an expression", ">  if (not inputs.full) { fail \"x\" }"),
    (
        "`??` for a missing value",
        ">  set { n = (steps.list.output.files ?? []) }",
    ),
    (
        "a comparison after `do`",
        "  do {\n    max_iterations = 3\n    call list { use = fs.list  params { root = \".\" } }\n>  } while steps.list.attempts > 3",
    ),
    // Brackets and signs that are missing or others.
    (
        "a condition whose parenthesis is not closed",
        ">  if (inputs.limit > 3 { fail \"x\" }\n  call later { use = test.fail }\n  if later.done { fail \"y\" }",
    ),
    (
        "a parameter whose parenthesis is not closed",
        ">  call fs.list { params { root = (inputs.dir } }",
    ),
    ("an operand that is missing before a brace", ">  set { a = (1 + }"),
    (
        "a list that is not closed",
        ">  call fs.list { params { root = \".\" include = [\"a\", \"b\" } }",
    ),
    (
        "a condition of a call without `=`",
        ">  call a { use = test.fail if (inputs.full) }\n  if a.done { fail \"x\" }",
    ),
    ("an attribute without `=`", "  call test.fail {\n>    retries 3\n  }"),
    ("`set` without braces", ">  set x = 1\n  fail \"{{vars.x}}\""),
    ("`=>` for `=`", ">  call a { use => test.fail }"),
    ("`:=` for `=`", ">  set { n := 1 }"),
    ("parentheses around attributes", ">  call a ( use = test.fail )"),
    (
        "a parameter among the attributes",
        ">  call a { use = fs.list  root = \".\" }",
    ),
    (
        "inputs of a workflow among the attributes",
        ">  call workflow other { root = \".\" }",
    ),
    (
        "`params` for the inputs of a workflow",
        ">  call workflow other { params { root = \".\" } }",
    ),
    (
        "a workflow that is called like an action",
        ">  call other { inputs { root = \".\" } }",
    ),
    (
        "a text for a list",
        "  call fs.list {\n>    params { root = \".\"  include = \"**/*.rs\" }\n  }",
    ),
    ("empty braces in a text", ">  fail \"{{}}\""),
    (
        "a text that is not closed before a line with another",
        ">  set { a = \"abc }\n  fail \"x\"",
    ),
    (
        "the same condition twice",
        "  if (inputs.limit > 3) { fail \"a\" }\n>  else if (inputs.limit > 3) { fail \"b\" }",
    ),
    ("a script that runs nothing", ">  script a { run = \"\" }"),
    (
        "a gate without time",
        ">  gate human_review g { prompt = \"x\"  timeout = 0s }",
    ),
    ("arguments before the braces", ">  call fs.list(\".\") { }"),
    ("a calculation with null", ">  set { n = (null + 1) }"),
    ("a time zone that is none", ">  meta { timezone = \"Europe/Zurrich\" }"),
    ("a brace too many", "  if full { fail \"x\" } }\n>  call test.fail"),
    ("`for … in`", ">  for x in [1, 2] { call test.fail }"),
    ("two names of a gate", ">  gate human_approval a b { prompt = \"x\" }"),
    ("a quoted name of a workflow in a call", ">  call workflow \"x y\""),
    ("a path to a workflow", ">  call workflow ../x"),
    ("an action with two dots", ">  call a.b.c"),
    (
        "a missing brace of `params`",
        "  call a {\n    use = fs.list\n>    params { root = \".\"\n    retries = 3\n  }\n  if a.done { fail \"x\" }",
    ),
    (
        "a missing brace of `params` on a line of its own",
        "  call fs.list {\n>    params {\n      root = \".\"\n    retries = 2\n  }",
    ),
    (
        "a missing brace of a call",
        ">  call a {\n    use = test.fail\n    timeout = 3s\n  call b { use = test.fail }\n  if a.done { fail \"x\" }",
    ),
    (
        "a condition without braces after it",
        ">  if (inputs.limit == 3) fail \"x\"",
    ),
    ("a step without its text", ">  fail\n  call test.fail"),
    ("a call without an action", ">  call\n  call test.fail"),
    ("a keyword with a capital", ">  Call test.fail"),
    ("a name in quotes", ">  foreach \"all\" { over = [1]  call test.fail }"),
    ("`let`", ">  let z = 3"),
    ("`try … catch`", ">  try { call test.fail } catch { fail \"x\" }"),
    ("`switch`", ">  switch inputs.limit { }"),
    ("`return`", ">  return 3"),
    ("an outer block for variables", ">  vars { a = 1 }"),
    ("a step as in other systems", ">  step x { use = fs.list }"),
    ("`sleep`", ">  sleep 5s"),
    (
        "a duration with a blank",
        "  call test.fail {\n>    timeout = 10 s\n  }",
    ),
    (
        "triple single quotes",
        ">  call fs.list { params { root = '''abc''' } }",
    ),
    (
        "an `else` after a loop",
        "  while list.more {\n    max_iterations = 3\n    call test.fail\n>  } else { call fs.list { params { root = \".\" } } }",
    ),
    // Habits of YAML and of templates.
    ("a call as in YAML", ">  call a:\n    use: test.fail\n    retries: 3"),
    ("a list of steps as in YAML", ">  - call: test.fail"),
    ("a block as in Python", ">  if (inputs.full):\n    fail \"x\""),
    (
        "a placeholder without quotes",
        ">  call fs.list { params { root = {{inputs.dir}} } }",
    ),
    (
        "quotes around a placeholder within a text",
        ">  call fs.list { params { root = \"say \"{{inputs.dir}}\"\" } }",
    ),
    (
        "quotes around a word within a text",
        ">  call fs.list { params { root = \"say \"hello\" now\" } }",
    ),
    (
        "a placeholder as in a shell",
        ">  call fs.list { params { root = \"${inputs.dir}/a\" } }",
    ),
    (
        "a placeholder as in GitHub",
        ">  call fs.list { params { root = \"${{ inputs.dir }}\" } }",
    ),
    (
        "a placeholder with one brace",
        ">  call fs.list { params { root = \"a/{inputs.dir}\" } }",
    ),
    (
        "a block in a template",
        ">  call fs.list { params { root = \"{{#if full}}a{{/if}}\" } }",
    ),
    (
        "a filter in a template",
        ">  call fs.list { params { root = \"{{ inputs.dir | upper }}\" } }",
    ),
    // Declarations of inputs.
    (
        "a misspelt `required`",
        ">  inputs { path reqired }\n  fail \"{{path}}\"",
    ),
    (
        "a misspelt `boolean`",
        ">  inputs { quick boolaen }\n  if quick { fail \"x\" }",
    ),
    (
        "`=` before `required`",
        ">  inputs { path = required }\n  fail \"{{path}}\"",
    ),
    (
        "a type after a colon",
        ">  inputs { path: string }\n  fail \"{{path}}\"",
    ),
    (
        "a type without `type =`",
        ">  inputs { path string required }\n  fail \"{{path}}\"",
    ),
    (
        "a default after a colon",
        ">  inputs { count: 10 }\n  fail \"{{count}}\"",
    ),
    (
        "a default of a required input",
        ">  inputs { path required default = \"x\" }\n  fail \"{{path}}\"",
    ),
    (
        "a boolean of another type",
        ">  inputs { count required boolean type = number }\n  fail \"{{count}}\"",
    ),
];

/// Returns the text of a mistake and the number of the line where it should be found.
fn written((_, lines): &Mistake) -> (String, u32) {
    let mut text = HEAD.to_owned();
    let mut wanted = 0;
    for line in lines.lines() {
        if line.starts_with('>') {
            wanted = u32::try_from(text.lines().count()).unwrap() + 1;
        }
        text.push_str(line.strip_prefix('>').unwrap_or(line));
        text.push('\n');
    }
    text.push_str("}\n");
    (text, wanted)
}

/// Returns whether a finding is about more than what this version carries out, and what all mistakes are preceded by.
fn is_about_the_text(found: &Diagnostic) -> bool {
    !matches!(found.code, Code::NotCarriedOut | Code::UnusedInput)
}

fn compiled(text: &str) -> Compiled {
    compile(text, "w.wf", &actions(), &Options::default())
}

#[test]
fn a_file_of_another_language_is_one_finding() {
    let text = "name: build\non: push\njobs:\n  a:\n    steps:\n      - run: ‘x’\n";
    let found = compiled(text).diagnostics;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].code, Code::MissingHeader);
}

#[test]
fn bounds_that_exclude_each_other_are_one_finding() {
    let text =
        "workflow w edition 1 { inputs { n type = number  min = 5  max = 1  default = 3 } fail \"{{inputs.n}}\" }";
    let found = compiled(text).diagnostics;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].code, Code::WrongValue);
}

#[test]
fn an_expression_that_swallows_its_line_is_one_finding() {
    let text = format!("workflow w edition 1 {{\n  if {}\n}}\n", "(".repeat(100_000));
    let found: Vec<Code> = compiled(&text).diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(found, [Code::UnclosedExpression]);
}

#[test]
fn a_mistake_of_form_hides_no_other_mistake() {
    let text = "workflow w edition 1 {
  call list { use = fs.list ; params { root = \".\" } }
  -- a comment
  if (inputs.nope) { fail \"x\" }
  if (steps.zz.completed) { fail \"y\" }
  call b { use = fs.list retries 3 params { rooot = \"x\" } }
  paralel { call later { use = test.fail } }
  if (1 + 1 > 3 { fail \"{{vars.nope}}\" }
  if later.done { fail \"z\" }
}
";
    let compiled = compiled(text);
    let found: Vec<_> = compiled
        .diagnostics
        .iter()
        .map(|found| {
            let line = compiled.source.position(found.primary.span.start).line;
            format!("{line} {} {}", found.code, found.message)
        })
        .collect();
    insta::assert_snapshot!(found.join("\n"));
}

/// The files that once were hard to read, or gave many findings for one mistake.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test of files reads files")]
fn kept_files_are_read_within_their_bounds() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut out = String::new();
    for name in names {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let compiled = compiled(&text);
        let codes: Vec<String> = compiled
            .diagnostics
            .iter()
            .filter(|found| is_about_the_text(found) && found.code != Code::NameIsNotFile)
            .map(|found| {
                let spans = std::iter::once(found.primary.span).chain(found.suggestion.iter().map(|mend| mend.0));
                for span in spans {
                    assert!(text.get(span.range()).is_some(), "{name}: {found:?}");
                }
                let line = compiled.source.position(found.primary.span.start).line;
                format!("{line}:{}", found.code)
            })
            .collect();
        let _ = writeln!(out, "{name}: {}", codes.join(" "));
    }
    insta::assert_snapshot!(out);
}

/// A second mistake on the same word shows when the first is mended.
#[test]
fn an_unknown_attribute_without_equals_is_one_finding() {
    let text = "workflow w edition 1 {\n  call test.fail { retires 3 }\n}\n";
    let codes: Vec<Code> = compiled(text).diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, [Code::UnexpectedToken]);
}

// row B01
#[test]
fn typical_mistakes() {
    let mut out = String::new();
    let mut wrong = String::new();
    for mistake in MISTAKES {
        let (text, wanted) = written(mistake);
        let compiled = compiled(&text);
        let _ = writeln!(out, "## {}\n", mistake.0);
        for found in compiled
            .diagnostics
            .iter()
            .filter(|found| found.code != Code::UnusedInput)
        {
            let _ = writeln!(out, "{}", shown(&compiled, found));
        }
        let findings: Vec<&Diagnostic> = compiled
            .diagnostics
            .iter()
            .filter(|found| is_about_the_text(found))
            .collect();
        let complaint = match findings.as_slice() {
            [only] => {
                let line = compiled.source.position(only.primary.span.start).line;
                let said = only.hint().is_some() || only.suggestion.is_some();
                let mended = only.suggestion.as_ref().is_none_or(|(span, replacement)| {
                    let mut text = text.clone();
                    text.replace_range(span.range(), replacement);
                    let left = self::compiled(&text).diagnostics;
                    // Some lines write a variable only to hold their mistake.
                    left.iter()
                        .filter(|found| is_about_the_text(found))
                        .all(|found| found.code == Code::UnusedVariable)
                });
                match (line == wanted, said, mended) {
                    (false, _, _) => format!("is found on line {line}, not {wanted}"),
                    (_, false, _) => "has no hint".to_owned(),
                    (_, _, false) => "is not mended by its suggestion".to_owned(),
                    (true, true, true) => continue,
                }
            }
            several => format!("gives {} findings", several.len()),
        };
        let _ = writeln!(wrong, "{} {complaint}:", mistake.0);
        for found in &compiled.diagnostics {
            let _ = writeln!(wrong, "{}", shown(&compiled, found));
        }
    }
    assert!(MISTAKES.len() >= 100);
    assert!(wrong.is_empty(), "{wrong}");
    insta::assert_snapshot!(out);
}
