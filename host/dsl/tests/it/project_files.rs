//! What is found wrong with what a workflow names beside actions: schemas, agents, snippets, scripts, gates, secrets.

use crate::actions::actions;
use crate::check::{findings_in, shown};
use crate::project::catalog;
use cofferdam_dsl::{Code, FileList, Options, Severity, compile};
use std::sync::Arc;
use std::time::Duration;

/// Returns what is found in each text, the notes on what is carried out later left out.
fn all(cases: &[&str]) -> String {
    let mut out = String::new();
    for case in cases {
        let text = format!("workflow w edition 1 {{ {case} }}");
        let compiled = compile(&text, "w.wf", &catalog(), &Options::default());
        let found: Vec<String> = compiled
            .diagnostics
            .iter()
            .filter(|found| !matches!(found.code, Code::NotCarriedOut | Code::UnusedInput))
            .map(|found| shown(&compiled, found))
            .collect();
        assert_eq!(found.len(), 1, "{text}\n{}", found.join("\n"));
        out.push_str(&format!("{case}\n{}\n", found[0]));
    }
    out
}

/// Holds that nothing is said about any of these, whatever is carried out later.
fn nothing(cases: &[&str]) {
    for case in cases {
        for edition in ["", "edition 1"] {
            let text = format!("workflow w {edition} {{ {case} }}");
            let compiled = compile(&text, "w.wf", &catalog(), &Options::default());
            let found: Vec<String> = compiled
                .diagnostics
                .iter()
                .filter(|found| !matches!(found.code, Code::NotCarriedOut | Code::UnusedInput))
                .map(|found| shown(&compiled, found))
                .collect();
            assert!(found.is_empty(), "{text}\n{}", found.join("\n"));
        }
    }
}

// row D07 A16
#[test]
fn schemas_are_there_and_can_be_used() {
    insta::assert_snapshot!(all(&[
        "call reviewer { output = reviw }",
        "call reviewer { output = quantum }",
        "call reviewer { output = \"../review\" }",
        "call \"agents/reviewer.md\" { output = \"/etc/passwd\" }",
        "call reviewer { output = torn }",
        "do { output = reviw  call reviewer  call reviewer }",
    ]));
    let text = "workflow w edition 1 { call reviewer { output = typo } }";
    let compiled = compile(text, "w.wf", &catalog(), &Options::default());
    let found: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| shown(&compiled, found))
        .collect();
    insta::assert_snapshot!("each_problem_of_a_schema_is_told", found.join("\n"));
    let json = compiled.diagnostics[0].to_json(&compiled.source);
    assert_eq!(json["related"][0]["file"], "schemas/typo.yaml");
    assert_eq!(json["related"][0]["line"], 2);
}

// row D07 B02
#[test]
fn the_output_has_the_form_of_its_schema() {
    insta::assert_snapshot!(findings_in(
        &catalog(),
        &[
            "workflow w edition 1 { call reviewer { output = review } if (steps.reviewer.output.⟦findngs⟧ != null) { fail \"x\" } }",
            "workflow w edition 1 { do { output = review call reviewer } if (steps.reviewer.output.verdict.⟦pased⟧) { fail \"x\" } }",
            "workflow w edition 1 { call reviewer { output = review } if (steps.reviewer.output.findings.exists(f, f.⟦severty⟧ == 'critical')) { fail \"x\" } }",
            "workflow w edition 1 { call reviewer { output = review } if (steps.reviewer.output.findings.exists(f, f.severity == ⟦'critcal'⟧)) { fail \"x\" } }",
            "workflow w edition 1 { call reviewer { output = review } if (⟦steps.reviewer.output.findings == \"x\"⟧) { fail \"x\" } }",
            "workflow w edition 1 { call reviewer { output = review } if (steps.reviewer.output.findings[0].⟦fil⟧ == \"x\") { fail \"x\" } }",
            "workflow w edition 1 { call reviewer { output = review } if reviewer.⟦has_critcal⟧ { fail \"x\" } }",
            "workflow w edition 1 { call test.fail { output = review } if fail.⟦has_finding⟧ { fail \"x\" } }",
        ]
    ));
    nothing(&[
        "call reviewer { output = review } if reviewer.has_critical { fail \"x\" }",
        "call reviewer { output = review } if (size(steps.reviewer.output.findings) > 2 && steps.reviewer.output.verdict.passed) { fail \"x\" }",
        "call test.fail { output = review } if fail.of_its_own { fail \"x\" }",
        "call reviewer if reviewer.anything { fail \"x\" }",
        "call fs.list { params { root = \".\" } output = review } if (steps.list.output.files != null && steps.list.output.summary != \"\") { fail \"x\" }",
    ]);
}

// row A16
#[test]
fn snippets_and_agents_are_there_and_are_read_as_meant() {
    insta::assert_snapshot!(all(&[
        "call reviewer { with = [scope, scop] }",
        "parallel { with = nothing  call reviewer { with = nothing } }",
        "call reviewer { with = \"../scope\" }",
        "call \"agents/revewer.md\"",
        "call \"../agents/reviewer.md\"",
        "call chooser",
        "script s { run = \"ci/test.sh\" as = developr }",
    ]));
    let text = "workflow w { call header call header call chooser }";
    let compiled = compile(text, "w.wf", &catalog(), &Options::default());
    let found: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| shown(&compiled, found))
        .collect();
    insta::assert_snapshot!("agents_of_an_old_file", found.join("\n"));
    assert!(compiled.plan.is_some(), "an old file is warned");
    nothing(&["call reviewer { with = [scope] }", "call \"agents/reviewer.md\""]);
}

// row B11 A16
#[test]
fn scripts_exist_stay_inside_and_can_be_run() {
    insta::assert_snapshot!(all(&[
        "script s { run = \"ci/tset.sh --all\" }",
        "script s { run = \"./ci/build.sh\" }",
        "script s { run = \"'ci/build.sh' x\" }",
        "script s { run = \"./ci x\" }",
        "script s { run = \"ci/out.sh\" }",
        "script s { run = \"../test.sh\" }",
        "script s { run = \"/usr/bin/git status\" }",
        "inputs { a required } script s { run = \"ci/test.sh '{{a}}'\" }",
        "inputs { a required } script s { run = \"ci/test.sh \\\"{{a}}\\\" --x\" }",
        "inputs { a required } script s { run = \"ci/test.sh 'x {{a}} y'\" }",
        "inputs { a required } script s { run = \"ci/none.sh {{a}}\" }",
        "script s { source = \"x = 1\" }",
        "script s { source = \"x = 1\" lang = pyhton }",
        "script s { source = ```cobol\n  x\n```\n }",
    ]));
    nothing(&[
        "script s { run = \"ci/test.sh --json\" }",
        "script s { run = \"./ci/test.sh\" }",
        "script s { run = \"cargo test --all\" }",
        "script s { run = \"FOO=a/b ci\" }",
        "inputs { dir required } script s { run = \"{{dir}}/x.sh a\" }",
        "inputs { dir required } script s { run = \"ci/{{dir}}.sh a\" }",
        "inputs { a required } script s { run = \"ci/test.sh {{a}} 'x' {{a}}\" }",
        "script s { source = ```python\n  x = 1\n```\n }",
        "script s { source = 'print(1)' lang = sh }",
    ]);
}

// row B07 B09
#[test]
fn gates_can_be_decided() {
    insta::assert_snapshot!(all(&[
        "gate human_reviw { timeout = 1h }",
        "gate pr_checks { timeout = 1h }",
        "gate human_review { timeout = 1h min_approvals = 0 }",
        "gate human_review { timeout = 1h options = [] }",
        "gate human_review { timeout = 1h options = [\"a\", \"b\", \"a\"] }",
        "gate human_review { timeout = 1h options = [{ value = \"a\" lable = \"A\" }] }",
        "gate human_review { timeout = 1h options = [{ label = \"A\" }] }",
        "gate human_review { timeout = 1h options = 3 }",
        "gate human_review { timeout = 1h options = plan.choices }",
        "call reviewer { output = review } gate human_review { timeout = 1h options = \"reviewer.choices\" }",
        "gate human_review { timeout = 1h mode = review_decision min_approvals = 2 }",
        "call reviewer { output = rated } gate quality_gate { source = reviewer threshold = 101 }",
        "gate quality_gate { source = reviewer threshold = 80 } call reviewer",
        "call reviewer { output = review } gate quality_gate { source = reviewer threshold = 80 }",
    ]));
    nothing(&[
        "gate human_approval { timeout = 1h min_approvals = 2 }",
        "gate pr_approval { timeout = 1h mode = review_decision }",
        "gate human_review { timeout = 1h options = [\"a\", { value = \"b\" label = \"B\" }] }",
        "gate human_review { timeout = 1h options = { a = \"A\" b = \"B\" } }",
        "call reviewer { output = rated } gate human_review { timeout = 1h options = reviewer.choices }",
        "call reviewer { output = rated } gate quality_gate { source = reviewer threshold = 100 }",
        "wait pause { for = 5m }",
    ]);
}

#[test]
fn secrets_stay_where_a_placeholder_is_replaced() {
    let input = "inputs { token type = secret default = \"crm\" }";
    let cases: Vec<String> = [
        "set { t = (secrets.github) }",
        "set { t = \"x {{secrets.github}}\" }",
        "outputs { t = (inputs.token) }",
        "fail \"no {{token}}\"",
        "fail \"no {{inputs.token}}\"",
        "if (secrets.github == \"x\") { fail \"x\" }",
        "call test.fail { if = (inputs.token != \"\") }",
        "script s { run = \"ci/test.sh {{secrets.github}}\" }",
        "script s { run = \"ci/test.sh\" env { T = (secrets.github) } }",
        "script s { run = \"ci/test.sh\" stdin = (inputs.token) }",
        "gate human_review { timeout = 1h prompt = \"use {{token}}?\" }",
        "foreach f { over = ([secrets.github]) call test.fail }",
        "call workflow child { inputs { t = (secrets.github) } }",
        "call note.keep { params { text = (secrets.github.upper()) } }",
        "call note.keep { params { value = (secrets.github == \"a\" ? 1 : 2) } }",
        "call note.keep { params { text = (secrets.githb) } }",
        "call note.keep { params { text = (secrets.payroll) } }",
        "set { all = (inputs) }",
        "while (inputs.token != \"\") { max_iterations = 2 call test.fail }",
    ]
    .iter()
    .map(|case| format!("{input} {case}"))
    .collect();
    insta::assert_snapshot!(all(&cases.iter().map(String::as_str).collect::<Vec<_>>()));
    insta::assert_snapshot!(
        "a_secret_input_holds_a_name",
        all(&[
            "inputs { t type = secret default = \"ghp secret!\" }",
            "inputs { t type = secret default = githb }",
            "inputs { t type = secret default = 3 }",
            "meta { webhook { path = \"/x\" secret = githb } }",
        ])
    );
    nothing(&[
        "call note.keep { params { text = (secrets.github) } }",
        "call note.keep { params { text = \"Bearer {{secrets.github}}\" value = { a = (secrets.crm) } } }",
        "call note.keep { params { text = (\"Bearer \" + secrets.github) value = ([secrets.crm]) } }",
        "inputs { token type = secret default = \"crm\" } call note.keep { params { text = (inputs.token) } }",
        "script s { run = \"ci/test.sh\" as = publisher env { T = (secrets.github) } }",
    ]);
}

#[test]
fn loops_can_end_and_conditions_ask() {
    insta::assert_snapshot!(all(&[
        "inputs { full boolean } while full { max_iterations = 3 call test.fail }",
        "call test.fail while fail.more { max_iterations = 3 call reviewer }",
        "set { n = 1 } while (vars.n < 3) { max_iterations = 3 call test.fail }",
        "call test.fail do { max_iterations = 3 call reviewer } while (steps.fail.completed)",
        "inputs { full boolean } if (inputs.full && false) { fail \"x\" }",
        "inputs { full boolean } if (inputs.full || 1 < 2) { fail \"x\" }",
        "inputs { full boolean } if (!(inputs.full && true)) { fail \"x\" }",
        "outputs { a = null }",
        "outputs { a = (null) }",
    ]));
    nothing(&[
        "while (true) { max_iterations = 3 call test.fail }",
        "while fail.more { max_iterations = 3 call test.fail }",
        "set { n = 1 } while (vars.n < 3) { max_iterations = 3 set { n = (vars.n + 1) } }",
        "call test.fail while (prior.output != null) { max_iterations = 3 call reviewer }",
        "while (run.metrics.cost_usd < 3) { max_iterations = 3 call reviewer }",
        "call test.fail while fail.more { max_iterations = 3 call workflow child }",
        "inputs { n type = number default = 1 } while fail.more { max_iterations = (inputs.n) call reviewer { on_fail = test.fail } }",
    ]);
}

// row D03
#[test]
fn expressions_in_parameters_have_kinds() {
    let head = "inputs { name required  n type = number default = 1  l type = array default = [] }";
    let cases: Vec<String> = [
        "call json.sort { params { items = (inputs.l) limit = (inputs.name) } }",
        "call json.sort { params { items = (inputs.name) } }",
        "call fs.read { params { path = (inputs.n + 1) } }",
        "call fs.list { params { root = \".\" include = ([\"a\", inputs.n]) } }",
        "call fs.list { params { root = \".\" include = [\"a\", (inputs.n)] } }",
        "call http.request { params { url = \"x\" method = (\"PATCH\") } }",
        "call http.request { params { url = \"x\" method = (inputs.n) } }",
        "call http.request { params { url = \"x\" headers = ({\"a\": inputs.n}) } }",
        "call json.sort { params { items = [] limit = (0) } }",
        "call json.sort { params { items = [] limit = \"{{inputs.n}}\" } }",
    ]
    .iter()
    .map(|case| format!("{head} {case}"))
    .collect();
    insta::assert_snapshot!(all(&cases.iter().map(String::as_str).collect::<Vec<_>>()));
    nothing(
        &[
            "call json.sort { params { items = (inputs.l) limit = (inputs.n) by = (inputs.name) } }",
            "call http.request { params { url = (inputs.name) method = (inputs.name) headers = ({\"a\": inputs.name}) json = (inputs.n) } }",
            "call fs.list { params { root = (inputs.name) include = ([inputs.name, \"b\"]) exclude = (inputs.l) } }",
            "call json.sort { params { items = [] limit = (inputs.n * 2) } }",
        ]
        .map(|case| format!("{head} {case}"))
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>(),
    );
}

#[test]
fn strict_readers_are_told_of_waits_without_a_deadline() {
    let said = |text: &str, strict: bool| {
        let options = Options {
            strict,
            ..Options::default()
        };
        let text = format!("workflow w edition 1 {{ {text} }}");
        let compiled = compile(&text, "w.wf", &catalog(), &options);
        let found = compiled
            .diagnostics
            .iter()
            .filter(|found| found.code.number() == "CF0332");
        found.map(|found| found.message.clone()).collect::<Vec<_>>()
    };
    let gate = "gate human_review { prompt = \"x\" }";
    assert_eq!(said(gate, true), ["this gate waits for 24h and then fails"]);
    assert_eq!(said(gate, false), [""; 0]);
    let wait = "wait hook { event = \"a\" }";
    assert_eq!(
        said(wait, true),
        ["this waits until the event comes, however long that takes"]
    );
    assert_eq!(
        said("wait hook { event = \"a\" timeout = 1h } wait soak { for = 1h }", true),
        [""; 0]
    );
}

/// Without a project around it nothing is said about files that could be there.
#[test]
fn without_a_project_files_are_not_looked_for() {
    let text = "workflow w edition 1 { call test.fail { output = x with = y } script s { run = \"a/b.sh\" as = z } \
                gate pr_checks { timeout = 1h } call note.keep { params { text = (secrets.any) } } }";
    let compiled = compile(text, "w.wf", &crate::actions::actions(), &Options::default());
    let worst = compiled.diagnostics.iter().map(|found| found.severity).max();
    assert_eq!(worst, Some(Severity::Note), "{:#?}", compiled.diagnostics);
}

// row E11
#[test]
fn an_attempt_that_may_take_longer_than_the_run_is_told_with_both() {
    let files = FileList::default().with_wall("test", Duration::from_secs(120), "cofferdam.toml:7");
    let catalog = actions().with_surroundings(Arc::new(files));
    let body = |run: &str, body: &str| format!("workflow w edition 1 {{ meta {{ timeout = {run} }} {body} }}");
    insta::assert_snapshot!(findings_in(
        &catalog,
        &[
            &body("1m", "call ⟦test.fail⟧  call test.fail"),
            &body("1m", "call test.fail { timeout = ⟦90s⟧ }"),
        ]
    ));
    for (run, calls) in [
        ("2m", "call test.fail"),
        ("1m", "call test.fail { timeout = 1m }"),
        // Of a limit that nobody set nothing is said, and clean-up has time of its own.
        ("1s", "call note.keep  always { call test.fail { timeout = 90s } }"),
    ] {
        let compiled = compile(&body(run, calls), "w.wf", &catalog, &Options::default());
        assert_eq!(compiled.diagnostics, [], "{calls}");
    }
}
