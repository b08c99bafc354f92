//! What workflows use, and what applies to their steps.

use crate::samples::SAMPLES;
use cofferdam_dsl::effective::effective;
use cofferdam_dsl::inventory::{Inventory, Used};
use cofferdam_dsl::{Source, parse};

const ALL: &str = r#"workflow all {
  meta { webhook { path = "/x"  secret = hook } }
  inputs { token type = secret default = "crm"  name required }
  call fs.list
  call plan { output = review  with = [style, tone]  as = bot  plugin_dirs = ["p"]  on_fail = mend }
  call "agents/write.md" { on_fail = "agents/mend.md" }
  parallel { call grep { params { a = "{{name}} {{region}} {{secrets.api.value}}" } }  call b { use = fs.stat } }
  if (secrets.key != "") { call workflow child } else { foreach each-file { over = ([1])  workflow = per-file } }
  call c { use = fs.read  on_fail { call d { use = mail.send } } }
  gate human_approval { }
  wait w { event = "orders/paid" }
  script s { run = "make {{name}}"  as = publisher }
  always { call last { use = report.html } }
}
"#;

fn inventory(files: &[(&str, &str)]) -> Inventory {
    let mut inventory = Inventory::default();
    for (name, text) in files {
        inventory.add(&parse(text).0, &Source::new(*name, *text), &crate::actions::actions());
    }
    inventory
}

// row A18
#[test]
fn everything_that_is_used_is_listed_once_and_sorted() {
    let inventory = inventory(&[("all.wf", ALL), ("again.wf", ALL)]);
    let names = |kind| inventory.of(kind).map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(
        names(Used::Actions),
        [
            "fs.grep",
            "fs.list",
            "fs.read",
            "fs.stat",
            "mail.send",
            "mend",
            "plan",
            "report.html"
        ]
    );
    assert_eq!(names(Used::Agents), ["agents/mend.md", "agents/write.md"]);
    assert_eq!(names(Used::Workflows), ["child", "per-file"]);
    assert_eq!(names(Used::Schemas), ["review"]);
    assert_eq!(names(Used::Snippets), ["style", "tone"]);
    assert_eq!(names(Used::Identities), ["bot", "publisher"]);
    assert_eq!(names(Used::PluginDirectories), ["p"]);
    assert_eq!(names(Used::Secrets), ["api", "crm", "hook", "key"]);
    assert_eq!(names(Used::Variables), ["region"]);
    assert_eq!(names(Used::Scripts), ["make {{name}}"]);
    assert_eq!(names(Used::Gates), ["human_approval"]);
    assert_eq!(names(Used::Events), ["orders/paid"]);
    for kind in Used::ALL {
        for (name, places) in inventory.of(kind) {
            assert!(
                places.iter().any(|place| place.file == "again.wf" && place.line > 1),
                "{name}: {places:?}"
            );
        }
    }
}

// row A18
#[test]
fn the_inventory_of_the_samples() {
    let files: Vec<(&str, &str)> = SAMPLES.to_vec();
    insta::assert_json_snapshot!("inventory_of_samples", inventory(&files).to_json());
}

#[test]
fn what_applies_to_a_step_is_what_is_written_and_the_defaults() {
    let text = r#"workflow w edition 1 {
  call a { use = x.a  retry { attempts = 5  on = [timeout] }  timeout = 10s }
  parallel p { min_success = 1  call b { use = x.b  needs = [c]  on_fail { call h { use = x.h } } }  call c { use = x.c  retries = 2 } }
  gate human_approval ask { }
}
"#;
    let source = Source::new("w.wf", text);
    let shown: Vec<String> = effective(&parse(text).0, &source)
        .iter()
        .flat_map(|step| {
            step.settings.iter().map(move |setting| {
                let mark = if setting.written { "=" } else { "~" };
                format!(
                    "{:<4} {:<8} {} {mark} {}",
                    step.line, step.step, setting.name, setting.value
                )
            })
        })
        .collect();
    insta::assert_snapshot!("effective", shown.join("\n"));
}
