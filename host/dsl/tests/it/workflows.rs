//! What is found about calls of workflows: each case is a file with the workflows that can be called from it.

use crate::actions::actions;
use crate::check::shown;
use cofferdam_dsl::{Code, Compiled, Library, Options, WorkflowTexts, compile, is_workflow_name};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

/// Workflows in memory; counts how often each is read.
#[derive(Clone, Default)]
pub(crate) struct Texts {
    texts: BTreeMap<String, Result<String, String>>,
    reads: Rc<RefCell<BTreeMap<String, usize>>>,
}

impl Texts {
    pub(crate) fn of<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let texts = files.into_iter();
        Self {
            texts: texts
                .map(|(name, text)| (name.to_owned(), Ok(text.to_owned())))
                .collect(),
            reads: Rc::default(),
        }
    }

    fn broken(mut self, name: &str, reason: &str) -> Self {
        self.texts.insert(name.to_owned(), Err(reason.to_owned()));
        self
    }
}

impl WorkflowTexts for Texts {
    fn names(&self) -> Vec<String> {
        self.texts.keys().cloned().collect()
    }

    fn file(&self, name: &str) -> String {
        format!("workflows/{name}.wf")
    }

    fn read(&self, name: &str) -> Result<String, String> {
        *self.reads.borrow_mut().entry(name.to_owned()).or_default() += 1;
        self.texts[name].clone()
    }

    fn places(&self) -> Vec<String> {
        vec!["`workflows`".to_owned()]
    }
}

/// Compiles the workflow called `name`.
fn compiled(texts: &Texts, name: &str, options: &Options) -> Compiled {
    let catalog = actions().with_workflows(Library::new(texts.clone()));
    let text = texts.texts[name].as_ref().expect("it can be read");
    compile(text, &format!("workflows/{name}.wf"), &catalog, options)
}

/// Returns what is said, but for what this version does not carry out.
fn said(compiled: &Compiled) -> Vec<String> {
    let found = compiled.diagnostics.iter();
    let found = found.filter(|found| found.code != Code::NotCarriedOut);
    found.map(|found| shown(compiled, found)).collect()
}

/// Returns what is found in each first workflow, called `w`, given those after it. Where `⟦` and `⟧` stand, exactly one
/// finding must be.
fn findings_with(cases: &[&[(&str, &str)]], options: &Options) -> String {
    let mut out = String::new();
    let mut seen = BTreeSet::new();
    for case in cases {
        let marked = case[0].1;
        let plain = marked.replace(['⟦', '⟧'], "");
        let mut texts = Texts::of(case.iter().copied());
        texts.texts.insert("w".to_owned(), Ok(plain.clone()));
        let compiled = compiled(&texts, "w", options);
        let all = said(&compiled);
        if let (Some(start), Some(end)) = (marked.find('⟦'), marked.find('⟧')) {
            assert_eq!(all.len(), 1, "{plain}\n{}", all.join("\n"));
            let found = compiled
                .diagnostics
                .iter()
                .find(|found| found.code != Code::NotCarriedOut);
            let range = found.expect("one").primary.span.range();
            assert_eq!(range, start..end - '⟦'.len_utf8(), "{plain}\n{}", all[0]);
        } else {
            assert_eq!(all, Vec::<String>::new(), "{plain}");
        }
        for (name, text) in &case[1..] {
            if seen.insert((*name, *text)) {
                let _ = writeln!(out, "[{name}] {text}\n");
            }
        }
        let _ = writeln!(out, "{plain}\n{}", all.join(""));
    }
    out
}

fn findings(cases: &[&[(&str, &str)]]) -> String {
    findings_with(cases, &Options::default())
}

const CHILD: (&str, &str) = (
    "child",
    "workflow child edition 1 {
  inputs {
    customer required  description = \"who it is for\"
    limit    type = number  min = 1  default = 10
    mode     default = \"fast\"  enum = [\"fast\", \"full\"]
    dry      boolean
    tags     type = array  default = []
    title    type = string  default = \"\"
  }
  outputs {
    count = (steps.match.output.count)
    files = (steps.list.output.files)
    who   = (inputs.customer)
    deep  { ok = true }
  }
  call fs.list { params { root = (inputs.customer) } }
  do {
    if (size(steps.list.output.files) > inputs.limit) {
      call match { use = fs.grep  params { files = (steps.list.output.files)  pattern = (inputs.mode) } }
    }
  }
  call note.keep { params { value = [(inputs.dry), (inputs.tags), (inputs.title)] } }
  foreach each-one { over = ([1])  call inner { use = test.fail } }
}",
);

// row B04
#[test]
fn workflows_exist_and_are_called_by_name() {
    insta::assert_snapshot!(findings(&[
        &[
            (
                "w",
                "workflow w edition 1 { call workflow ⟦chidl⟧ { inputs { customer = \"x\" } } }"
            ),
            CHILD
        ],
        &[("w", "workflow w edition 1 { call workflow ⟦something-else⟧ }"), CHILD],
        &[
            (
                "w",
                "workflow w edition 1 { foreach f { over = ([1])  workflow = ⟦chidl⟧ } }"
            ),
            CHILD
        ],
        &[(
            "w",
            "workflow w edition 1 { call workflow ⟦gone⟧  call workflow gone  foreach f { over = ([1])  workflow = gone } }"
        )],
    ]));
}

// row A16
#[test]
fn names_of_workflows_are_no_paths() {
    insta::assert_snapshot!(findings(&[
        &[
            (
                "w",
                "workflow w edition 1 { foreach f { over = ([1])  workflow = ⟦\"../child\"⟧ } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { foreach f { over = ([1])  workflow = ⟦\"a/child\"⟧ } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { foreach f { over = ([1])  workflow = ⟦\"/etc/child\"⟧ } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { foreach f { over = ([1])  workflow = ⟦a.child⟧ } }"
            ),
            CHILD
        ],
    ]));
    for name in ["", ".", "..", "a/b", "a\\b", "a b", "é", "a.b", "a\0"] {
        assert!(!is_workflow_name(name), "{name:?}");
    }
    let library = Library::new(Texts::of([("../up", ""), ("plain_1-a", ""), ("a/b", "")]));
    assert_eq!(library.names().collect::<Vec<_>>(), ["plain_1-a"]);
}

// row B04
#[test]
fn required_inputs_are_given() {
    insta::assert_snapshot!(findings(&[
        &[("w", "workflow w edition 1 { call workflow ⟦child⟧ }"), CHILD],
        &[
            (
                "w",
                "workflow w edition 1 { inputs { customer required } call workflow child { ⟦inputs⟧ { limit = 3 } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { foreach ff { over = ([1])  workflow = ⟦child⟧ } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { foreach ff { over = ([1])  workflow = child  inputs { customer = \"{{item}}\"  limit = (item) } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = ⟦null⟧ } } }"
            ),
            CHILD
        ],
        &[
            ("w", "workflow w edition 1 { call workflow ⟦two⟧ }"),
            ("two", "workflow two { inputs { a  b  c default = \"\" } }")
        ],
    ]));
}

// row B04
#[test]
fn inputs_are_what_the_workflow_declares() {
    insta::assert_snapshot!(findings(&[
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  limit = ⟦\"3\"⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  limit = ⟦\"many\"⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  limit = ⟦0⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  mode = ⟦\"slow\"⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  dry = ⟦\"true\"⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  dry = ⟦3⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  tags = ⟦\"a\"⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  title = ⟦5⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = ⟦[1, 2]⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { inputs { on boolean } call workflow child { inputs { customer = (1)  limit = ⟦(inputs.on)⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call fs.list { params { root = \".\" } } call workflow child { inputs { customer = \"x\"  dry = ⟦(steps.list.output.files)⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { inputs { n type = number default = 1 } call workflow child { inputs { customer = \"x\"  limit = ⟦\"{{inputs.n}}\"⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = 3  limit = 2.5  dry = false  tags = [1]  title = \"x\"  mode = (run.id) } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\"  limit = (steps.⟦gone⟧.output.n) } } }"
            ),
            CHILD
        ],
    ]));
}

// row B04
#[test]
fn in_old_files_values_are_texts() {
    insta::assert_snapshot!(findings(&[
        &[
            (
                "w",
                "workflow w { inputs { on boolean } call workflow child { inputs { customer = \"x\"  dry = \"true\"  limit = \"{{on}}\" } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w { call workflow child { inputs { customer = \"x\"  limit = ⟦\"3\"⟧ } } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w { call workflow child { inputs { customer = \"x\"  dry = ⟦\"perhaps\"⟧ } } }"
            ),
            CHILD
        ],
    ]));
}

// row B04
#[test]
fn undeclared_inputs_are_doubtful() {
    let cases: &[&[(&str, &str)]] = &[
        &[
            (
                "w",
                "workflow w { call workflow child { inputs { customer = \"x\"  ⟦colour⟧ = \"red\" } } }",
            ),
            CHILD,
        ],
        &[
            (
                "w",
                "workflow w { call workflow child { inputs { ⟦custmer⟧ = \"x\" } } }",
            ),
            CHILD,
        ],
        &[
            ("w", "workflow w { call workflow bare { inputs { ⟦x⟧ = \"y\" } } }"),
            ("bare", "workflow bare { }"),
        ],
    ];
    insta::assert_snapshot!(findings(cases));
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    assert_eq!(findings_with(cases, &strict).matches("error[CF0245]").count(), 3);
}

#[test]
fn a_secret_input_takes_a_name() {
    let child = (
        "child",
        "workflow child edition 1 { inputs { token type = secret required } }",
    );
    insta::assert_snapshot!(findings(&[
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { token = \"crm\" } } }"
            ),
            child
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { token = ⟦\"sk-live 1234=\"⟧ } } }"
            ),
            child
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { token = ⟦5⟧ } } }"
            ),
            child
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { token = (⟦secrets.crm⟧) } } }"
            ),
            child
        ],
    ]));
}

// row B04
#[test]
fn a_secret_does_not_leak_into_another_workflow() {
    let plain = (
        "child",
        "workflow child edition 1 { inputs { note required  list type = array default = [] } fail \"{{note}} {{list}}\" }",
    );
    let secret = (
        "child",
        "workflow child edition 1 { inputs { token type = secret required } }",
    );
    let head = "workflow w edition 1 { inputs { key type = secret default = \"crm\" } call workflow child { inputs {";
    let caller = |inputs: &str| format!("{head} {inputs} }} }} }}");
    let cases = [
        (caller("note = ⟦\"{{inputs.key}}\"⟧"), plain),
        (caller("note = ⟦\"Bearer {{inputs.key}}\"⟧"), plain),
        (caller("note = ⟦(inputs.key)⟧"), plain),
        (caller("note = \"x\"  list = ⟦[(inputs.key)]⟧"), plain),
        (caller("token = ⟦\"Bearer {{inputs.key}}\"⟧"), secret),
        (caller("token = (inputs.key)"), secret),
        (caller("token = \"{{inputs.key}}\""), secret),
    ];
    let cases: Vec<[(&str, &str); 2]> = cases
        .iter()
        .map(|(text, child)| [("w", text.as_str()), *child])
        .collect();
    let cases: Vec<&[(&str, &str)]> = cases.iter().map(<[(&str, &str); 2]>::as_slice).collect();
    insta::assert_snapshot!(findings(&cases));
}

#[test]
fn outputs_of_workflows_have_kinds() {
    insta::assert_snapshot!(findings(&[
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\" } } outputs { n = (steps.child.output.⟦cuont⟧) } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\" } } outputs { n = (steps.child.output.deep.ok) m = (steps.child.output.files[0].path) } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\" } } if (⟦steps.child.output.who⟧) { fail \"x\" } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child { inputs { customer = \"x\" } } if (⟦steps.child.output.files[0].size == \"a\"⟧) { fail \"x\" } }"
            ),
            CHILD
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow loose outputs { n = (steps.loose.output.anything) } }"
            ),
            ("loose", "workflow loose { call test.fail }")
        ],
    ]));
}

// row B05
#[test]
fn steps_of_called_workflows_can_be_asked_for() {
    let given = "call workflow child { inputs { customer = \"x\" } }";
    let case = |rest: &str| format!("workflow w edition 1 {{ {given} {rest} }}");
    let old = |rest: &str| format!("workflow w {{ {given} {rest} }}");
    let cases = [
        // Bare, with the workflow, and from inside of its blocks.
        case("if list.ok { fail \"x\" }"),
        case("if match.ok { fail \"x\" }"),
        case("if child.match.ok { fail \"x\" }"),
        old("while match.more { max_iterations = 3  call test.fail }"),
        case(
            "outputs { a = (steps.child.steps.match.completed)  b = (steps.match.output.count)  c = (steps.child.steps.list.output.files[0].path) }",
        ),
        // What is not there.
        case("if child.⟦mtach⟧.ok { fail \"x\" }"),
        case("if ⟦mtach⟧.ok { fail \"x\" }"),
        case("if ⟦nothing⟧.ok { fail \"x\" }"),
        case("outputs { a = (steps.child.steps.⟦mtach⟧.output) }"),
        case("outputs { a = (steps.child.steps.match.⟦ouput⟧) }"),
        case("outputs { a = (steps.child.steps.list.output.⟦fils⟧) }"),
        case("if (⟦steps.child.steps.list.status⟧) { fail \"x\" }"),
        // The steps for an item are not results of the workflow.
        case("if ⟦inner⟧.ok { fail \"x\" }"),
    ];
    let cases: Vec<[(&str, &str); 2]> = cases.iter().map(|text| [("w", text.as_str()), CHILD]).collect();
    let cases: Vec<&[(&str, &str)]> = cases.iter().map(|case| &case[..]).collect();
    insta::assert_snapshot!(findings(&cases));
}

// row B05
#[test]
fn own_steps_come_first_and_one_level_is_seen() {
    let push = (
        "child",
        "workflow child { call push { use = test.fail } call workflow deep }",
    );
    let deep = (
        "deep",
        "workflow deep { call grand { use = test.fail } outputs { n = 1 } }",
    );
    insta::assert_snapshot!(findings(&[
        &[
            (
                "w",
                "workflow w edition 1 { call push { use = test.fail } call workflow child  while ⟦push⟧.more { max_iterations = 3  call test.fail  if push.done { fail \"x\" } } }"
            ),
            push,
            deep
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child  if child.push.more { fail \"x\" } call push { use = test.fail } }"
            ),
            push,
            deep
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child  if ⟦push⟧.more { fail \"x\" } call push { use = test.fail } }"
            ),
            push,
            deep
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child  if ⟦grand⟧.more { fail \"x\" } }"
            ),
            push,
            deep
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child  outputs { a = (steps.child.steps.deep.⟦steps⟧.grand.output) } }"
            ),
            push,
            deep
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child  outputs { a = (steps.deep.⟦steps⟧.grand.output) } }"
            ),
            push,
            deep
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow child  outputs { a = (steps.child.steps.deep.output.n) b = (steps.child.steps.deep.output.⟦m⟧) } }"
            ),
            push,
            deep
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call test.fail { on_fail = continue } if ⟦fail⟧.push.more { set { n = 1 } } outputs { n = (vars.n) } }"
            ),
            push,
            deep
        ],
        &[
            ("w", "workflow w { call workflow same  if ⟦same⟧.done { fail \"x\" } }"),
            ("same", "workflow same { call same { use = test.fail } }")
        ],
    ]));
}

// row B08
#[test]
fn recursion_is_refused_with_its_path() {
    insta::assert_snapshot!(findings(&[
        &[("w", "workflow w edition 1 { call workflow ⟦w⟧ }")],
        &[(
            "w",
            "workflow w edition 1 { if (run.dry_run) { foreach f { over = ([1])  workflow = ⟦w⟧ } } }"
        )],
        &[
            ("w", "workflow w edition 1 { call workflow ⟦b⟧ }"),
            ("b", "workflow b {\n  call workflow w\n}")
        ],
        &[
            ("w", "workflow w edition 1 { call workflow ⟦a⟧ call workflow a }"),
            ("a", "workflow a {\n call workflow b }"),
            ("b", "workflow b {\n\n foreach f { over = ([1]) workflow = a } }")
        ],
        &[
            ("w", "workflow w edition 1 { call workflow ⟦a⟧ }"),
            ("a", "workflow a {\n call workflow b }"),
            ("b", "workflow b {\n call test.fail { on_fail { call workflow c } } }"),
            ("c", "workflow c { always { call workflow w } }")
        ],
    ]));
}

// row B08
#[test]
fn the_depth_of_calls_is_limited() {
    let texts = chain(7);
    let limit = |call_levels| Options {
        call_levels,
        ..Options::default()
    };
    let mut out = String::new();
    for (name, levels) in [("w1", 5), ("w0", 5), ("w0", 7)] {
        let _ = writeln!(
            out,
            "{name}, at most {levels}\n{}",
            said(&compiled(&texts, name, &limit(levels))).join("")
        );
    }
    insta::assert_snapshot!(out);
    // The limit ends no process, however long the chain is.
    let found = said(&compiled(&chain(2_000), "w0", &Options::default()));
    assert_eq!(found.len(), 1, "{}", found.join(""));
}

/// Returns workflows of which each calls the next one, `levels` times.
fn chain(levels: usize) -> Texts {
    let mut texts = Texts::default();
    for number in 0..=levels {
        let call = if number < levels {
            format!("call workflow w{}", number + 1)
        } else {
            "call test.fail".to_owned()
        };
        let text = format!("workflow w{number} edition 1 {{ {call} }}");
        texts.texts.insert(format!("w{number}"), Ok(text));
    }
    texts
}

// row B06
#[test]
fn what_is_wrong_in_a_called_workflow_is_one_finding() {
    let lost = (
        "lost",
        "workflow lost edition 1 {\n  call fs.lits\n  call fs.reed\n  call test.fail { on_fail = nobody }\n}",
    );
    insta::assert_snapshot!(findings(&[
        &[
            ("w", "workflow w edition 1 { call workflow ⟦lost⟧  call workflow lost }"),
            lost
        ],
        &[
            ("w", "workflow w edition 1 { call workflow ⟦one⟧ }"),
            (
                "one",
                "workflow one edition 1 {\n  call test.fail { on_fail = nobody }\n}"
            )
        ],
        &[
            ("w", "workflow w edition 1 { call workflow ⟦mid⟧ }"),
            ("mid", "workflow mid edition 1 { call workflow lost }"),
            lost
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow ⟦torn⟧ { inputs { x = 1 } } if torn.some.thing { fail \"x\" } }"
            ),
            ("torn", "workflow torn edition 1 {\n  cal x\n  if (1 + ) { }\n}")
        ],
        &[
            (
                "w",
                "workflow w edition 1 { call workflow fine { on_fail = ⟦nobody⟧ } }"
            ),
            ("fine", "workflow fine edition 1 { call test.fail }")
        ],
        // Warnings, and what this version does not carry out, are told where they are.
        &[
            ("w", "workflow w edition 1 { call workflow warned }"),
            (
                "warned",
                "workflow warned { call test.fail { retires = 1 } script s { run = \"x\" } }"
            )
        ],
    ]));
}

// row A13
#[test]
fn a_file_that_cannot_be_read_harms_only_those_that_call_it() {
    let texts = Texts::of([
        ("a", "workflow a edition 1 { call workflow fine }"),
        ("b", "workflow b edition 1 { call workflow broken }"),
        ("c", "workflow c edition 1 { call workflow b }"),
        ("fine", "workflow fine edition 1 { call test.fail }"),
    ])
    .broken("broken", "it is not text in UTF-8");
    assert_eq!(said(&compiled(&texts, "a", &Options::default())), Vec::<String>::new());
    let found = ["b", "c"].map(|name| said(&compiled(&texts, name, &Options::default())).join(""));
    insta::assert_snapshot!(found.join("\n"));
}

// row A13
#[test]
fn each_file_is_read_once_however_many_ways_lead_to_it() {
    // Each workflow calls the next two twice: 2^30 ways from the first to the last.
    const COUNT: usize = 60;
    let mut texts = Texts::default();
    for number in 0..COUNT {
        let mut calls = String::from("call test.fail");
        for next in [number + 1, number + 2].into_iter().filter(|next| *next < COUNT) {
            let _ = write!(calls, "  call workflow w{next}  call workflow w{next}");
        }
        let text = format!("workflow w{number} edition 1 {{ {calls} }}");
        texts.texts.insert(format!("w{number}"), Ok(text));
    }
    let catalog = actions().with_workflows(Library::new(texts.clone()));
    let options = Options {
        call_levels: COUNT,
        ..Options::default()
    };
    for (name, text) in &texts.texts {
        let text = text.as_ref().expect("it can be read");
        let compiled = compile(text, &format!("workflows/{name}.wf"), &catalog, &options);
        assert_eq!(said(&compiled), Vec::<String>::new(), "{name}");
    }
    let reads = texts.reads.borrow();
    assert_eq!(reads.len(), COUNT);
    assert!(reads.values().all(|reads| *reads == 1), "{reads:?}");
}

#[test]
fn nothing_is_read_that_is_not_called() {
    let texts = Texts::of([
        ("a", "workflow a edition 1 { call test.fail }"),
        ("b", "workflow b edition 1 { call workflow c }"),
        ("c", "workflow c edition 1 { call test.fail }"),
        ("d", "workflow d edition 1 { call test.fail }"),
    ]);
    compiled(&texts, "a", &Options::default());
    assert!(texts.reads.borrow().is_empty());
    compiled(&texts, "b", &Options::default());
    let read: Vec<String> = texts.reads.borrow().keys().cloned().collect();
    assert_eq!(read, ["b", "c"]);
}

// row B10
#[test]
fn targets_are_those_of_the_configuration() {
    let allowed = Options {
        targets: ["worktree", "pull-request", "two words"].map(str::to_owned).to_vec(),
        ..Options::default()
    };
    let cases: &[&[(&str, &str)]] = &[
        &[(
            "w",
            "workflow w edition 1 { meta { targets = [\"worktree\", ⟦\"worktre\"⟧] } call test.fail }",
        )],
        &[("w", "workflow w { meta { targets = ⟦ticket⟧ } call test.fail }")],
        &[(
            "w",
            "workflow w edition 1 { meta { targets = [worktree, pull-request] } call test.fail }",
        )],
        &[(
            "w",
            "workflow w edition 1 { meta { trigger = ⟦hourly⟧ } call test.fail }",
        )],
    ];
    insta::assert_snapshot!(findings_with(cases, &allowed));
    let any = &[(
        "w",
        "workflow w edition 1 { meta { targets = [anything] } call test.fail }",
    )];
    findings(&[any]);
}

#[test]
fn without_a_library_calls_of_workflows_are_left_alone() {
    let text =
        "workflow w edition 1 { call workflow gone  if gone.any.thing { fail \"x\" } if other.ok { fail \"x\" } }";
    let compiled = compile(text, "w.wf", &actions(), &Options::default());
    assert_eq!(said(&compiled), Vec::<String>::new());
}
