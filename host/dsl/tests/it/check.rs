//! What is found wrong with the meaning of workflows: one defect, one finding, at its place.

use crate::actions::actions;
use crate::samples::SAMPLES;
use cofferdam_dsl::{Actions, Code, Compiled, Diagnostic, Options, Severity, compile};
use std::fmt::Write as _;

/// Returns everything that a finding says, with lines and columns.
pub(crate) fn shown(compiled: &Compiled, found: &Diagnostic) -> String {
    let at = |span: cofferdam_dsl::Span| {
        let start = compiled.source.position(span.start);
        format!(
            "{}:{} `{}`",
            start.line,
            start.column,
            span.of(compiled.source.text()).lines().next().unwrap_or("")
        )
    };
    let severity = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut text = format!("{severity}[{}]: {}\n", found.code, found.message);
    let mut line = |what: &str, words: &str| {
        let separator = if words.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "  {what}{separator}{words}");
    };
    line(&at(found.primary.span), &found.primary.text);
    found
        .secondary
        .iter()
        .for_each(|label| line(&at(label.span), &label.text));
    for place in &found.elsewhere {
        let start = place.source.position(place.label.span.start);
        let written = place.label.span.of(place.source.text());
        let at = format!(
            "{}:{}:{} `{}`",
            place.source.name(),
            start.line,
            start.column,
            written.lines().next().unwrap_or("")
        );
        line(&at, &place.label.text);
    }
    found.notes.iter().for_each(|note| line("note", note));
    found.help.iter().for_each(|help| line("help", help));
    if let Some((span, replacement)) = &found.suggestion {
        line("mend", &format!("{} -> `{replacement}`", at(*span)));
    }
    text
}

pub(crate) fn compiled(text: &str) -> Compiled {
    compile(text, "w.wf", &actions(), &Options::default())
}

/// Returns the text without the marks `⟦` and `⟧` and where they stood.
fn unmarked(text: &str) -> (String, (usize, usize)) {
    let start = text.find('⟦').expect("the defect is marked");
    let text = text.replacen('⟦', "", 1);
    let end = text.find('⟧').expect("the end of the defect is marked");
    (text.replacen('⟧', "", 1), (start, end))
}

/// Compiles each text, holds its only finding against the mark, and returns what it says.
pub(crate) fn findings(cases: &[&str]) -> String {
    findings_in(&actions(), cases)
}

/// As [`findings`], with other actions and the project that they know.
pub(crate) fn findings_in(catalog: &Actions, cases: &[&str]) -> String {
    let mut out = String::new();
    for case in cases {
        let (text, (start, end)) = unmarked(case);
        let compiled = compile(&text, "w.wf", catalog, &Options::default());
        // That a construct does not run yet is no finding about how it is written.
        let is_later = |found: &&Diagnostic| found.code == Code::NotCarriedOut && found.severity == Severity::Note;
        // Nor that the case declares more than it needs.
        let is_aside = |found: &&Diagnostic| is_later(found) || found.code == Code::UnusedInput;
        let mut about_text: Vec<&Diagnostic> = compiled.diagnostics.iter().collect();
        if about_text.len() > 1 {
            about_text.retain(|found| !is_aside(found));
        }
        let all: Vec<String> = about_text.iter().map(|found| shown(&compiled, found)).collect();
        assert_eq!(all.len(), 1, "{text}\n{}", all.join("\n"));
        let found = about_text[0];
        assert_eq!(found.primary.span.range(), start..end, "{text}\n{}", all[0]);
        let runs = !found.is_error() && compiled.not_carried_out.is_empty();
        assert_eq!(runs, compiled.plan.is_some(), "{text}");
        let _ = writeln!(out, "{}\n{}", text.trim(), all[0]);
    }
    out
}

// row B02
#[test]
fn conditions_and_expressions_ask_for_steps_that_can_have_run() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { call todos { use = test.fail } if ⟦todo⟧.some { fail \"x\" } }",
        "workflow w edition 1 { call todos { use = test.fail } if (steps.⟦todo⟧.output.count > 10) { fail \"x\" } }",
        "workflow w edition 1 { if ⟦late⟧.some { fail \"x\" } call late { use = test.fail } }",
        "workflow w edition 1 { if (inputs.full) { call a { use = test.fail } } else { call b { use = note.keep params { value = (steps.⟦a⟧.output) } } } inputs { full boolean } }",
        "workflow w edition 1 { call a { use = test.fail  if = ⟦a⟧.some } }",
        "workflow w edition 1 { parallel { call a { use = test.fail } call b { use = note.keep params { value = (steps.⟦a⟧.output) } } } }",
        "workflow w edition 1 { always { call c { use = test.fail } } call a { use = note.keep params { value = (steps.⟦c⟧.output) } } }",
        "workflow w edition 1 { call a { use = test.fail } if ⟦a⟧.b.c { fail \"x\" } }",
        "workflow w edition 1 { outputs { x = (steps.⟦nothing⟧.output) } }",
        "workflow w edition 1 { call a { use = test.fail on_fail { fail \"{{steps.⟦b⟧.output}}\" } } call b { use = test.fail } }",
    ]));
}

// row B02
#[test]
fn what_can_have_run_is_not_refused() {
    for text in [
        "do { max_iterations = 3  if b.done { fail \"x\" }  call b { use = test.fail } } while b.more",
        "call a { use = test.fail } while a.more { max_iterations = 3  if b.done { fail \"x\" }  call b { use = test.fail }  call a { use = test.fail } }",
        "while (!steps.b.output.done) { max_iterations = 3  call b { use = test.fail } }",
        "parallel p { call c { use = test.fail needs = [b] if = a.ok } call b { use = test.fail needs = [a] } call a { use = test.fail } } if p.ok { fail \"x\" }",
        "call a { use = test.fail on_fail { fail \"{{error.message}} {{steps.a.error.class}} {{failed_step}}\" } }",
        "call a { use = test.fail on_fail = fail } always { if a.ok { fail \"{{workflow_status}}\" } } always { call z { use = test.fail if = a.ok } }",
        "if (run.dry_run) { call mark { use = test.fail } } else { call mark { use = test.fail } } if mark.ok { fail \"{{prior.context}}\" }",
    ] {
        let text = format!("workflow w edition 1 {{ {text} }}").replace("on_fail = fail ", "on_fail = test.fail ");
        let compiled = compiled(&text);
        let all: Vec<String> = compiled
            .diagnostics
            .iter()
            .map(|found| shown(&compiled, found))
            .collect();
        assert!(all.is_empty(), "{text}\n{}", all.join("\n"));
        assert!(compiled.plan.is_some(), "{text}");
    }
}

// row B03
#[test]
fn a_bare_condition_names_a_boolean_input() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { inputs { strict boolean } if ⟦strickt⟧ { fail \"x\" } }",
        "workflow w edition 1 { inputs { mode default = \"full\" } unless ⟦mode⟧ { fail \"x\" } }",
        "workflow w edition 1 { call a { use = test.fail } if ⟦a⟧ { fail \"x\" } }",
        "workflow w edition 1 { set { ready = true } if ⟦ready⟧ { fail \"x\" } }",
        "workflow w { if ⟦full⟧ { call test.fail } }",
    ]));
}

#[test]
fn names_in_expressions_exist() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { inputs { limit default = \"3\" } set { a = (inputs.⟦limt⟧) } }",
        "workflow w edition 1 { inputs { n type = number default = 3 } set { a = (inputs.⟦n-1⟧) } }",
        "workflow w edition 1 { set { a = (inputs.⟦path⟧) } }",
        "workflow w edition 1 { set { pages = 1 } set { b = (vars.⟦page⟧ + 1) } }",
        "workflow w edition 1 { call a { use = test.fail } set { b = (steps.a.⟦ouptut⟧) } }",
        "workflow w edition 1 { call fs.grep { params { files = [] pattern = \"x\" } } set { b = (steps.grep.output.⟦cuont⟧) } }",
        "workflow w edition 1 { set { b = (⟦stps⟧.a) } }",
        "workflow w edition 1 { inputs { n default = \"3\" } set { b = (⟦n⟧ == \"3\") } }",
        "workflow w edition 1 { set { b = (run.⟦started⟧) } }",
        "workflow w edition 1 { set { b = (⟦error⟧.message) } }",
        "workflow w edition 1 { set { b = \"{{⟦secrets.token⟧}}\" } }",
    ]));
}

#[test]
fn expressions_are_read_where_they_stand() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 {\n  set {\n    a = (1 +⟦⟧ )\n  }\n}",
        "workflow w edition 1 { set { a = \"so {{ ⟦sise⟧([1]) }}\" } }",
        "workflow w edition 1 { set { a = (\"x\".⟦startsWith⟧()) } }",
        "workflow w edition 1 { set { a = \"\"\"\n  first\n  {{ 1 +⟦*⟧ 2 }}\n  \"\"\" } }",
        "workflow w edition 1 { if \"1 ⟦=⟧ 2\" { fail \"x\" } }",
    ]));
}

#[test]
fn what_is_compared_can_be_equal() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { inputs { merge boolean } if (⟦inputs.merge == \"true\"⟧) { fail \"x\" } }",
        "workflow w edition 1 { inputs { limit default = \"3\" } if (⟦inputs.limit > 3⟧) { fail \"x\" } }",
        "workflow w edition 1 { call a { use = test.fail } if (⟦steps.a.status == true⟧) { fail \"x\" } }",
        "workflow w edition 1 { inputs { mode default = \"full\" } if (⟦inputs.mode⟧) { fail \"x\" } }",
        "workflow w edition 1 { set { n = ([1, 2].filter(x, ⟦size([x]) == \"1\"⟧)) } }",
    ]));
}

// row D12
#[test]
fn parts_of_outputs_have_the_kinds_of_their_schemas() {
    let listed = "workflow w edition 1 { call fs.list { params { root = \".\" } }";
    let with = |rest: &str| format!("{listed} {rest} }}");
    let grep = |rest: &str| {
        format!("workflow w edition 1 {{ call g {{ use = fs.grep params {{ files = [] pattern = \"x\" }} }} {rest} }}")
    };
    let cases = [
        with("if (⟦steps.list.output.files.0.size > \"10\"⟧) { fail \"x\" }"),
        with("if (⟦steps.list.output.files[3].path == 3⟧) { fail \"x\" }"),
        with("if (⟦steps.list.output.files == 0⟧) { fail \"x\" }"),
        with("if (⟦steps.list.output.files.0⟧) { fail \"x\" }"),
        with("set { first = (steps.list.output.⟦items⟧.0.path) }"),
        with("set { first = (steps.list.output.files[0].⟦pth⟧) }"),
        with("set { all = (steps.list.output.files.map(f, f.⟦szie⟧)) }"),
        with("set { all = (steps.list.output.files.filter(f, ⟦f.size > \"1\"⟧)) }"),
        with("set { n = (steps.list.output.files.⟦length⟧) }"),
        with("set { n = (steps.list.output.files.⟦path⟧) }"),
        with("set { files = (steps.list.output.files) } set { n = (vars.files[0].⟦pth⟧) }"),
        with("if (steps.list.output.files[0].kind == ⟦\"dir\"⟧) { fail \"x\" }"),
        with("if (steps.list.output.files[0].kind in [\"link\", ⟦\"fiel\"⟧]) { fail \"x\" }"),
        with("if (⟦steps.list.output.files[0].owner.name == 3⟧) { fail \"x\" }"),
        with("foreach f { over = (steps.list.output.files) each = file set { n = (file.⟦pth⟧) } }"),
        grep("if (⟦steps.g.output.count == \"3\"⟧) { fail \"x\" }"),
        grep("if (steps.g.output.⟦cuont⟧ == 3) { fail \"x\" }"),
        grep("if (⟦steps.g.output.count⟧) { fail \"x\" }"),
        grep("set { n = (steps.g.output.⟦count-1⟧) }"),
        grep("set { n = (steps.g.output.matches.map(m, m.⟦lnie⟧)) }"),
    ];
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    insta::assert_snapshot!(findings(&cases));
    for right in [
        "set { first = (steps.list.output.files.0.path + \"!\") } fail \"{{vars.first}}\"",
        "if (steps.list.output.files[0].kind == \"link\" || steps.list.output.files[0].?x == 1) { fail \"x\" }",
        "if (steps.list.output.files[0].owner[\"any-one\"] == \"me\") { fail \"x\" }",
        "if (steps.list.output.files.filter(f, f.size > 10).map(f, f.path).contains(\"a\")) { fail \"x\" }",
        "call g { use = fs.grep params { files = [] pattern = \"x\" } } if (steps.g.output.matches.exists(m, m.line == \"x\" || m.bytes == 1)) { fail \"x\" }",
        "if (steps.list.output.files.?7.size > 10) { fail \"large: {{steps.list.output.files.0.path}}\" }",
        "if (steps.list.output.files[0] == steps.list.output.files.1) { fail \"x\" }",
    ] {
        assert_eq!(compiled(&with(right)).diagnostics, []);
    }
}

// row A04
#[test]
fn placeholders_name_what_there_is() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { inputs { version default = \"1\" } fail \"no {{⟦versoin⟧}}\" }",
        "workflow w edition 1 { call a { use = test.fail } fail \"no {{⟦a⟧}}\" }",
        "workflow w edition 1 { set { n = 1 } fail \"no {{⟦n⟧}}\" }",
        "workflow w edition 1 { fail \"no {{⟦workflow_status⟧}}\" }",
        "workflow w edition 1 { fail \"no {{⟦failed_step⟧}}\" }",
        "workflow w { fail \"no {{⟦repo⟧}}\" }",
        "workflow w { fail \"no {{⟦x y⟧}}\" }",
        "workflow w edition 1 { fail \"no {{⟦prior_contexts⟧}}\" }",
    ]));
}

// row B06
#[test]
fn actions_exist_also_in_handlers() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { call a { use = ⟦fs.lits⟧ } }",
        "workflow w edition 1 { call ⟦plan⟧ }",
        "workflow w edition 1 { call ⟦read⟧ { params { path = \"x\" } } }",
        "workflow w edition 1 { call test.fail { on_fail = ⟦notify⟧ } }",
        "workflow w edition 1 { call test.fail { on_fail { call ⟦fs.romve⟧ } } }",
        "workflow w edition 1 { call ⟦build⟧ call x { use = build } call build }",
        "workflow w edition 1 { call test.fail { on_fail = ⟦fs.read⟧ } }",
    ]));
}

#[test]
fn parameters_fit_the_schema_of_the_action() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 {\n  call list { use = fs.list  params { root = \".\" } }\n  call todos { use = fs.grep  params { files = (steps.list.output.files)  ⟦patern⟧ = \"TODO\" } }\n}",
        "workflow w edition 1 { call fs.read { ⟦params⟧ { } } }",
        "workflow w edition 1 { call ⟦fs.read⟧ }",
        "workflow w edition 1 { call test.fail { params { ⟦x⟧ = 1 } } }",
        "workflow w edition 1 { call fs.read { params { path = ⟦3⟧ } } }",
        "workflow w edition 1 { call fs.list { params { root = \".\" include = [\"a\", ⟦true⟧] } } }",
        "workflow w edition 1 { call json.sort { params { items = [] limit = ⟦\"{{run.id}}\"⟧ } } }",
        "workflow w edition 1 { call json.sort { params { items = [] limit = ⟦0⟧ } } }",
        "workflow w edition 1 { call json.sort { params { items = [] limit = ⟦1.5⟧ } } }",
        "workflow w edition 1 { call http.request { params { url = \"x\" method = ⟦\"PATCH\"⟧ } } }",
        "workflow w edition 1 { call http.request { params { url = \"x\" headers { n = ⟦1⟧ } } } }",
    ]));
}

#[test]
fn branches_and_their_needs_fit() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { parallel { call a { use = test.fail } call ⟦a⟧ { use = note.keep } } }",
        "workflow w { parallel { call a { use = test.fail } call ⟦a⟧ { use = note.keep } } }",
        "workflow w edition 1 { parallel { call fetch { use = test.fail } call b { use = test.fail needs = [⟦fecth⟧] } } }",
        "workflow w edition 1 { parallel { call a { use = test.fail needs = [⟦b⟧] } call b { use = test.fail needs = [c] } call c { use = test.fail needs = [a] } } }",
        "workflow w edition 1 { parallel { call a { use = test.fail needs = ⟦a⟧ } } }",
        "workflow w edition 1 { call a { use = test.fail } call b { use = test.fail ⟦needs⟧ = [a] } }",
        "workflow w edition 1 { parallel { min_success = ⟦3⟧ call a { use = test.fail } call b { use = test.fail } } }",
        "workflow w edition 1 { ⟦parallel⟧ { } }",
        "workflow w { parallel { fail_fast = ⟦yes⟧ call a { use = test.fail } } }",
        "workflow w { parallel { max_parallel = ⟦0⟧ call a { use = test.fail } } }",
    ]));
}

// row A19
#[test]
fn policies_and_limits_make_sense() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { call test.fail { retry { attempts = ⟦0⟧ } } }",
        "workflow w edition 1 { call test.fail { retry { factor = ⟦0.5⟧ } } }",
        "workflow w edition 1 { call test.fail { retry { jitter = ⟦2⟧ } } }",
        "workflow w edition 1 { call test.fail { retry { backoff = 1m max = ⟦1s⟧ } } }",
        "workflow w edition 1 { call test.fail { retry { on = ⟦[timeout]⟧ never = [timeout] } } }",
        "workflow w edition 1 { call test.fail { retry { on = [⟦timeuot⟧] } } }",
        "workflow w edition 1 { call test.fail { retry { attempts = 2 } ⟦retries⟧ = 2 } }",
        "workflow w edition 1 { call test.fail { retry { on_exhausted = ⟦pause⟧ } } }",
        "workflow w edition 1 { call test.fail { timeout = ⟦0s⟧ } }",
        "workflow w edition 1 { call test.fail { timeout = ⟦\"1h30m\"⟧ } }",
        "workflow w edition 1 { call test.fail { timeout = ⟦\"99999999999999999999d\"⟧ } }",
        "workflow w edition 1 { call a { use = test.fail } ⟦while⟧ a.more { call b { use = test.fail } } }",
        "workflow w edition 1 { ⟦do⟧ { call b { use = test.fail } } while b.more }",
        "workflow w edition 1 { call a { use = test.fail } while a.more { max_iterations = 3 stuck_after = ⟦0⟧ call a { use = test.fail } } }",
        "workflow w edition 1 { call a { use = test.fail } while a.more { max_iterations = ⟦-1⟧ call b { use = test.fail } } }",
    ]));
}

// rows A06 A07
#[test]
fn inputs_are_declared_well() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { inputs { ⟦prior_context⟧ required } }",
        "workflow w { inputs { ⟦workflow_run_id⟧ required } }",
        "workflow w edition 1 { inputs { ⟦path⟧ } }",
        "workflow w edition 1 { inputs { limit type = number default = ⟦\"many\"⟧ } }",
        "workflow w edition 1 { inputs { limit default = ⟦10⟧ } }",
        "workflow w edition 1 { inputs { limit type = ⟦numbr⟧ default = 10 } }",
        "workflow w edition 1 { inputs { style enum = [\"short\", \"full\"] default = ⟦\"long\"⟧ } }",
        "workflow w edition 1 { inputs { n type = number min = 3 max = ⟦1⟧ required } }",
        "workflow w edition 1 { inputs { n type = number max = 1 default = ⟦2⟧ } }",
        "workflow w edition 1 { inputs { n min = ⟦3⟧ required } }",
        "workflow w edition 1 { inputs { n pattern = ⟦'[a-'⟧ required } }",
        "workflow w edition 1 { inputs { n enum = ⟦[]⟧ required } }",
        "workflow w edition 1 { inputs { token type = ⟦secret⟧ required } }",
    ]));
}

// row A16
#[test]
fn paths_stay_in_the_project() {
    for path in ["../x.md", "/etc/x.md", "a/../../x.md", "a\\\\b"] {
        let text = format!("workflow w edition 1 {{ call \"{path}\" }}");
        let compiled = compiled(&text);
        let codes: Vec<&str> = compiled.diagnostics.iter().map(|found| found.code.number()).collect();
        assert!(codes.contains(&"CF0222"), "{text}: {codes:?}");
    }
}

// row B01
#[test]
fn five_defects_are_five_findings() {
    let text = "workflow w edition 1 {
  inputs { limit type = number default = \"x\" }
  call a { use = fs.lits }
  call b { use = fs.grep  params { files = []  patern = \"x\" }  retires = 3 }
  if (steps.c.output.n > inputs.limt) { fail \"x\" }
  if d.some { fail \"x\" }
}";
    let compiled = compiled(text);
    let all: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| shown(&compiled, found))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
    assert!(compiled.plan.is_none());
}

#[test]
fn a_syntax_error_hides_no_other_mistake_and_makes_no_new_ones() {
    let compiled = compiled(
        "workflow w edition 1 {\n  cal a { use = test.fail }\n  if a.x { fail \"x\" }\n  call b { use = fs.lits }\n}",
    );
    let codes: Vec<&str> = compiled.diagnostics.iter().map(|found| found.code.number()).collect();
    assert_eq!(codes, ["CF0122", "CF0212"]);
}

// row A04
#[test]
fn strict_checking_makes_doubts_errors() {
    let text = "workflow other { parallel { max_parallel = 0 call test.fail { retires = 3 } } }";
    let lenient = compile(text, "other.wf", &actions(), &Options::default());
    assert!(lenient.plan.is_some());
    assert_eq!(
        lenient
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Warning)
            .count(),
        2
    );
    let strict = compile(
        text,
        "other.wf",
        &actions(),
        &Options {
            strict: true,
            ..Options::default()
        },
    );
    assert!(strict.plan.is_none());
    assert_eq!(strict.diagnostics.iter().filter(|found| found.is_error()).count(), 2);
}

#[test]
fn variables_of_the_host_are_known() {
    let text = "workflow w edition 1 { fail \"{{branch}}\" }";
    let options = Options {
        variables: ["branch".to_owned()].into(),
        ..Options::default()
    };
    assert!(compile(text, "w.wf", &actions(), &options).plan.is_some());
    assert!(compiled(text).plan.is_none());
}

/// The samples that run now have no finding; the others have only those that say what does not run yet.
#[test]
fn the_samples_check() {
    let mut out = String::new();
    for (name, text) in SAMPLES {
        // Names of agents go to the fallback action.
        let agents = [
            "review-security",
            "review-performance",
            "review-tests",
            "review-aggregator",
            "address-reviews",
        ];
        let actions = actions().with_fallback("agent.chat", agents.map(str::to_owned));
        let compiled = compile(text, &format!("{name}.wf"), &actions, &Options::default());
        let _ = writeln!(
            out,
            "{name}: {}",
            if compiled.plan.is_some() {
                "runs"
            } else {
                "does not run"
            }
        );
        for found in &compiled.diagnostics {
            let line = compiled.source.position(found.primary.span.start).line;
            let _ = writeln!(out, "  {line}: {} {}", found.code, found.message);
        }
        for found in &compiled.not_carried_out {
            let line = compiled.source.position(found.primary.span.start).line;
            let _ = writeln!(out, "    {line}: {}", found.message);
        }
    }
    insta::assert_snapshot!(out);
}

/// As many mistakes as fit into a file are found in little time, and the first of them are shown.
#[test]
fn a_file_full_of_mistakes_is_checked_in_bounded_work() {
    let mut text = String::from("workflow w edition 1 { parallel {");
    for n in 0..4_000 {
        let _ = writeln!(
            text,
            "call step-{n} {{ use = note.keep  needs = [step-{}]  params {{ value = (steps.stp-{n}.output) }} }}",
            n.max(1) - 1
        );
    }
    text.push_str("} }");
    let text = text.replacen("needs = [step-0]", "", 1);
    let compiled = compiled(&text);
    assert!(compiled.plan.is_none());
    let errors = compiled.diagnostics.iter().filter(|found| found.is_error()).count();
    assert_eq!(errors, 200);
    assert_eq!(
        compiled.diagnostics.last().map(|found| found.code.number()),
        Some("CF0125")
    );
}

#[test]
fn a_long_chain_of_branches_has_a_plan() {
    let mut text = String::from("workflow w edition 1 { parallel { call step-0 { use = note.keep }");
    for n in 1..3_000 {
        let _ = writeln!(
            text,
            "call step-{n} {{ use = note.keep  needs = [step-{}]  params {{ value = (steps.step-0.output) }} }}",
            n - 1
        );
    }
    text.push_str("} }");
    let compiled = compiled(&text);
    assert_eq!(compiled.diagnostics, []);
    assert_eq!(compiled.plan.map(|plan| plan.nodes().len()), Some(3_001));
}

#[test]
fn an_expression_that_always_costs_too_much_is_refused() {
    let items = "0, ".repeat(400);
    let costly = format!("workflow w edition 1 {{ set {{ n = (⟦[{items}].map(a, [{items}].map(b, a + b))⟧) }} }}");
    let (text, (start, end)) = unmarked(&costly);
    let compiled = compiled(&text);
    let found: Vec<_> = compiled
        .diagnostics
        .iter()
        .map(|found| (found.code.number(), found.primary.span.range(), found.message.as_str()))
        .collect();
    assert_eq!(found, [("CF0312", start..end, "stopped after 100 000 steps")]);
}

// row A19
#[test]
fn what_decides_nothing_or_never_runs_is_said() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { if ⟦(1 > 2)⟧ { fail \"x\" } }",
        "workflow w edition 1 { unless ⟦(1 > 2)⟧ { fail \"x\" } else { call test.fail } }",
        "workflow w edition 1 { if (run.dry_run) { fail \"x\" } else if ⟦(true)⟧ { call test.fail } else { fail \"y\" } }",
        "workflow w edition 1 { call test.fail { if = ⟦(null)⟧ } }",
        "workflow w edition 1 { while ⟦(false)⟧ { max_iterations = 3 call test.fail } }",
        "workflow w edition 1 { do { max_iterations = 3 call test.fail } while ⟦([].exists(x, x))⟧ }",
        "workflow w edition 1 { fail \"x\" ⟦call test.fail⟧ { retries = 2 } call test.fail }",
        "workflow w edition 1 { parallel { do a { if (run.dry_run) { fail \"x\" } else { fail \"y\" } ⟦set⟧ { n = 1 } } } outputs { n = (vars.n) } }",
        "workflow w edition 1 { call test.fail { on_fail { do { fail \"x\" } ⟦if (run.dry_run)⟧ { call test.fail } } } }",
        "workflow w edition 1 { call test.fail { timeout = ⟦2m⟧ timeout_total = 1m } }",
        "workflow w edition 1 { set { ⟦n⟧ = 1 } set { n = 2 } }",
        "workflow w { set { ⟦n⟧ = 1 } call note.keep }",
    ]));
}

// row A19
#[test]
fn what_may_be_meant_is_not_doubted() {
    for text in [
        "while (true) { max_iterations = 3 call test.fail } do { max_iterations = 3 call test.fail } while (true)",
        "if (run.dry_run) { fail \"x\" } call test.fail",
        "if (run.dry_run) { fail \"x\" } else { call test.fail } call test.fail",
        "do { if = (run.dry_run) fail \"x\" } call test.fail",
        "do { fail \"x\" always { call test.fail } }",
        "fail \"x\" always { call test.fail }",
        "if ((1 / 0) == 1) { fail \"x\" }",
        "call test.fail { timeout = 1m timeout_total = 1m }",
        "set { n = 0 } while (vars[\"n\"] < 3) { max_iterations = 3 set { n = (vars.n + 1) } }",
        "set { n = 0 m = 1 } outputs { all = (vars) }",
    ] {
        let compiled = compiled(&format!("workflow w edition 1 {{ {text} }}"));
        assert_eq!(compiled.diagnostics, [], "{text}");
    }
}

#[test]
fn inputs_that_nothing_uses_are_told() {
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    let unused = |body: &str| -> Vec<String> {
        let text = format!("workflow w edition 1 {{ inputs {{ path required  full boolean }} {body} }}");
        let found = self::compiled(&text).diagnostics;
        assert_eq!(compile(&text, "w.wf", &actions(), &strict).diagnostics, found);
        // Scripts and people may know of inputs of old files that the text does not name.
        let old = self::compiled(&text.replace(" edition 1", "")).diagnostics;
        assert!(old.iter().all(|found| found.code != Code::UnusedInput), "{old:?}");
        assert!(
            found.iter().all(|found| found.severity == Severity::Warning),
            "{found:?}"
        );
        found.into_iter().map(|found| found.message).collect()
    };
    let text = "workflow w edition 1 { inputs { path required } call test.fail }";
    let compiled = compile(text, "w.wf", &actions(), &strict);
    let all: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| shown(&compiled, found))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
    assert_eq!(
        unused("call test.fail"),
        ["nothing uses the input `path`", "nothing uses the input `full`"]
    );
    assert_eq!(unused("if full { call test.fail }"), ["nothing uses the input `path`"]);
    assert!(unused("if full { fail \"{{path}}\" }").is_empty());
    assert!(unused("outputs { all = (inputs) }").is_empty());
}

// row B12
#[test]
fn what_happens_within_an_item_stays_there() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { foreach f { over = [1] each = x call fs.list { params { root = \".\" } } } fail \"{{steps.⟦list⟧.output.files}}\" }",
        "workflow w edition 1 { foreach f { over = [1] each = x call fs.list { params { root = \".\" } } } if ⟦list⟧.done { fail \"x\" } }",
        "workflow w edition 1 { foreach f { over = [1] each = x call test.fail } fail \"{{⟦x⟧}}\" }",
        "workflow w edition 1 { foreach f { over = [1] each = x foreach g { over = [2] each = y call test.fail } fail \"{{x}}{{⟦y⟧}}\" } }",
    ]));
    // What stands around an item is known in it, and loops are no scopes (R40).
    for right in [
        "call fs.list { params { root = \".\" } } foreach f { over = [1] each = x fail \"{{x}} {{steps.list.output.files}}\" }",
        "set { n = 0 } while (vars.n < 2) { max_iterations = 2 call fs.list { params { root = \".\" } } set { n = (vars.n + 1) } } fail \"{{steps.list.output.files}}\"",
        "foreach f { over = [1] each = x call fs.list { params { root = (x) } } } fail \"{{steps.f.output.items[0].output}}\"",
    ] {
        let text = format!("workflow w edition 1 {{ {right} }}");
        let found = compiled(&text).diagnostics;
        assert!(
            found.iter().all(|found| found.code == Code::NotCarriedOut),
            "{text}\n{found:?}"
        );
    }
}

// rows A04 D10
#[test]
fn a_variable_has_one_kind() {
    insta::assert_snapshot!(findings(&[
        "workflow w edition 1 { set { n = 0 } set { n = ⟦\"none\"⟧ } outputs { n = (vars.n) } }",
        "workflow w edition 1 { set { n = null } set { n = [1] } set { n = ⟦(size(vars.n))⟧ } }",
        "workflow w edition 1 { set { n = 0 } if (⟦vars.n == \"0\"⟧) { fail \"x\" } }",
        "workflow w edition 1 { set { n = 0 } set { n = (vars.n + 1) } if (⟦vars.n⟧) { fail \"x\" } }",
        "workflow w edition 1 { inputs { first default = \"a\" } set { at = (inputs.first) } set { last = (vars.at) } if (⟦vars.last > 3⟧) { fail \"x\" } }",
    ]));
    for text in [
        "set { n = null } set { n = 3 } if (vars.n == 3) { fail \"x\" }",
        "set { n = 0 } set { n = null } if (vars.n == null) { fail \"x\" }",
        "call note.keep set { n = 0 } set { n = (steps.keep.output) } if (vars.n == \"x\") { fail \"x\" }",
        "call note.keep set { a = 0 b = \"\" } set { a = (steps.keep.output) } set { b = (vars.a) } fail \"{{vars.b}}\"",
        "set { a = 1 b = \"x\" } if ([1].exists(vars, vars == 1) && vars.b == \"x\" && vars.a == 1) { fail \"x\" }",
    ] {
        assert_eq!(
            compiled(&format!("workflow w edition 1 {{ {text} }}")).diagnostics,
            [],
            "{text}"
        );
    }
}

// row A04
#[test]
fn operators_and_functions_take_what_fits() {
    let with = |expression: &str| {
        format!(
            "workflow w edition 1 {{ inputs {{ n type = number default = 1  s default = \"s\"  full boolean  list type = array default = []  map type = object required }} outputs {{ x = ({expression}) }} }}"
        )
    };
    let cases: Vec<String> = [
        "⟦inputs.s + inputs.n⟧",
        "⟦1 + inputs.list⟧",
        "⟦inputs.full + inputs.full⟧",
        "⟦inputs.s * 2⟧",
        "⟦inputs.list - 1⟧",
        "inputs.n + inputs.n > 0 && ⟦inputs.n⟧",
        "!⟦inputs.s⟧",
        "⟦inputs.list⟧ ? 1 : 2",
        "⟦-inputs.s⟧",
        "⟦\"a\" in inputs.s⟧",
        "size(⟦inputs.n⟧)",
        "⟦inputs.n⟧.startsWith(\"a\")",
        "inputs.s.split(⟦1⟧)",
        "[1].map(i, ⟦inputs.s / 2⟧)",
        "inputs.s.⟦length⟧ > 3",
        "⟦inputs.s[0]⟧ == \"x\"",
        "inputs.n.⟦value⟧",
        "inputs.s.⟦items⟧",
        "inputs.list[⟦\"a\"⟧]",
        "[1].filter(x, ⟦x + 1⟧)",
        "[1, 2].all(x, ⟦x > \"a\"⟧)",
        "⟦inputs.s⟧.map(x, x)",
        "[\"a\"].contains(⟦1⟧)",
        "⟦1⟧ in [\"a\"]",
    ]
    .into_iter()
    .map(with)
    .collect();
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    insta::assert_snapshot!(findings(&cases));
    for right in [
        "inputs.s + string(inputs.n)",
        "inputs.n + 1.5 - size(inputs.list) * 2 % 3",
        "inputs.list + [1]",
        "\"a\" in inputs.list || \"a\" in inputs.map",
        "!inputs.full && inputs.map.x && (inputs.map.y ? true : false)",
        "-inputs.n + inputs.map.z",
        "size(inputs.map) + size(inputs.s) + int(inputs.s) + int(inputs.n)",
        "inputs.s.split(\",\").map(s, s + \"!\").join(\"; \")",
        "inputs.list.0.length + inputs.list[0].x + inputs.map.length + inputs.map[\"x\"].y",
        "[1, \"a\"].contains(1) || 1 in [1, null] || \"a\" in [inputs.s]",
        "inputs.list.filter(x, x.done).map(x, x.size > 1, x.name).distinct()",
        "inputs.map.filter(key, key.startsWith(\"a\"))",
    ] {
        let found = compiled(&with(right)).diagnostics;
        assert!(
            found.iter().all(|found| found.code == Code::UnusedInput),
            "{right}\n{found:?}"
        );
    }
}

#[test]
fn what_is_known_of_a_value_stays_small() {
    // Each variable can be one of two values of the one before: without a bound that would be 2^300 of them.
    let mut text = String::from("workflow w edition 1 {\n  set { v0 = ([1]) }\n");
    for number in 1..300 {
        let before = number - 1;
        let _ = writeln!(
            text,
            "  set {{ v{number} = (run.dry_run ? [vars.v{before}] : [vars.v{before}]) }}"
        );
    }
    text.push_str("  if (vars.v299 == 1) { fail \"x\" }\n}\n");
    let compiled = compiled(&text);
    assert_eq!(compiled.diagnostics.len(), 1, "a list is never equal to a number");
    assert_eq!(compiled.diagnostics[0].code, Code::WrongValue);
}
