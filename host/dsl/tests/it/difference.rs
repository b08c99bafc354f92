//! What two definitions do differently, and what is no difference.

use cofferdam_dsl::difference::{Difference, differences};
use cofferdam_dsl::{format, parse};

fn lines(before: &str, after: &str) -> Vec<String> {
    differences(&parse(before).0, &parse(after).0)
        .iter()
        .map(line)
        .collect()
}

fn line(difference: &Difference) -> String {
    let Difference {
        change,
        subject,
        attribute,
        before,
        after,
    } = difference;
    let of = attribute
        .as_ref()
        .map_or_else(String::new, |attribute| format!(" {attribute}"));
    let from = before
        .as_ref()
        .map_or_else(String::new, |before| format!(" from {before}"));
    let to = after.as_ref().map_or_else(String::new, |after| format!(" to {after}"));
    format!("{change:?} {subject}{of}{from}{to}").to_lowercase()
}

const BEFORE: &str = r#"workflow w edition 1 {
  meta { title = "Old"  trigger = manual }
  inputs { limit type = number default = 3  path required }
  call list { use = fs.list  params { root = "."  deep { a = 1  b = [1, 2] } }  timeout = 60s }
  call scan { use = fs.grep  params { pattern = 'a\d' } }
  if (steps.scan.output.count > 0) { call tell { use = mail.send } }
  parallel checks { call a { use = x.a }  call b { use = x.b  needs = [a] } }
  call last { use = x.last }
  outputs { count = (steps.scan.output.count) }
}
"#;

#[test]
fn layout_comments_and_spelling_are_no_difference() {
    let other = r#"# another hand
workflow w edition 1 {
  inputs { path   limit type = number   default = 3 }   // moved
  meta { trigger = manual  title = "Old" }
  call list {
    timeout = 1m
    use = fs.list,
    params = { deep = { b = [1, 2,]  a = 1 }, root = """.""" }
  }
  call scan { use = fs.grep  params { pattern = "a\\d" } }
  if ( steps.scan.output.count
       > 0 ) { call tell { use = mail.send } }
  parallel checks { call b { use = x.b  needs = a }  call a { use = x.a } }
  call last { use = x.last }
  outputs { count = (steps.scan.output.count) }
}
"#;
    assert_eq!(lines(BEFORE, other), Vec::<String>::new());
    for (name, text) in crate::samples::SAMPLES {
        let formatted = format(text).expect("a sample is sound");
        assert_eq!(lines(text, &formatted), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_kind_of_difference_is_named() {
    let after = r#"workflow w2 edition 1 {
  meta { title = "New"  trigger = manual }
  inputs { limit type = number default = 5  strict boolean }
  call scan { use = fs.grep  params { pattern = 'a\d' } }
  call list { use = fs.list  params { root = "."  deep { a = 1  b = [1, 3] } }  timeout = 2m  retries = 1 }
  set { n = 1 }
  if (steps.scan.output.count > 1) { }  else { call tell { use = mail.send } }
  parallel checks { call a { use = x.a }  call c { use = x.c } }
  call last { use = x.last  on_fail { call undo-it { use = x.undo } } }
  outputs { total = (steps.scan.output.count) }
}
"#;
    insta::assert_snapshot!("differences", lines(BEFORE, after).join("\n"));
}

#[test]
fn a_difference_turned_round_is_its_opposite() {
    let samples = crate::samples::SAMPLES;
    for (first, second) in samples.iter().zip(&samples[1..]) {
        let there = differences(&parse(first.1).0, &parse(second.1).0).len();
        let back = differences(&parse(second.1).0, &parse(first.1).0).len();
        assert_eq!(there, back, "{} and {}", first.0, second.0);
    }
}
