//! The pictures of workflows: complete, the same each time, and nothing in a name can break out of them.

use crate::samples::SAMPLES;
use cofferdam_dsl::graph::{Format, Graph, State, graph_of_file, graph_of_plan};
use cofferdam_dsl::outline::outline;
use cofferdam_dsl::{Options, compile, parse};

fn graph(text: &str) -> Graph {
    graph_of_file(&parse(text).0)
}

const EVERYTHING: &str = r#"workflow everything edition 1 {
  meta { title = "All kinds of steps" }
  inputs { fast boolean }
  call list { use = fs.list  retries = 2  timeout = 30s  on_fail = continue }
  parallel checks {
    fail_fast = false
    call a { use = x.a }
    call b { use = x.b  needs = [a]  if = (steps.a.output.n > 0) }
    call c { use = x.c  needs = [a] }
    call d { use = x.d  needs = [b, c]  on_fail { call tell { use = x.tell } } }
  }
  if fast { set { n = 1 } } else if (vars.n == 2) { call e { use = x.e } } else { fail "no" }
  unless a.ok { call f { use = x.f } }
  while e.more { max_iterations = 3  call g { use = x.g } }
  do { max_iterations = 2  call h { use = x.h } } while h.more
  gate human_approval publish { prompt = "go?"  timeout = 1h  on_timeout = fail }
  script build { run = "make all"  undo { call remove { use = x.remove } } }
  foreach item { over = ([1, 2])  each = n  call i { use = x.i } }
  wait pause { for = 5m }
  call workflow other
  always { call report { use = x.report } }
}
"#;

// row P06
#[test]
fn every_construct_is_drawn_in_every_format() {
    let graph = graph(EVERYTHING);
    insta::assert_snapshot!("graph_mermaid", graph.draw(Format::Mermaid));
    insta::assert_snapshot!("graph_dot", graph.draw(Format::Dot));
    insta::assert_snapshot!("graph_svg", graph.draw(Format::Svg));
}

// row P06
#[test]
fn every_step_of_every_sample_is_in_its_pictures() {
    for (name, text) in SAMPLES {
        let graph = graph(text);
        let picture = graph.draw(Format::Svg);
        let file = parse(text).0;
        for step in outline(&file).iter().filter(|step| step.key.is_some()) {
            let key = step.key.unwrap_or_default();
            for format in [Format::Mermaid, Format::Dot, Format::Svg] {
                let drawn = graph.draw(format).replace("#95;", "_");
                assert!(drawn.contains(key), "{name}: {key} is not in {format:?}");
            }
        }
        assert_eq!(
            picture,
            self::graph(text).draw(Format::Svg),
            "{name} is drawn differently each time"
        );
    }
}

#[test]
fn boxes_of_a_picture_do_not_overlap() {
    for (name, text) in SAMPLES.iter().chain([&("everything", EVERYTHING)]) {
        let picture = graph(text).draw(Format::Svg);
        let boxes = rectangles(&picture);
        assert!(boxes.len() > 3, "{name}");
        for (place, first) in boxes.iter().enumerate() {
            for second in &boxes[place + 1..] {
                let apart = first.2 <= second.0 || second.2 <= first.0 || first.3 <= second.1 || second.3 <= first.1;
                assert!(apart, "{name}: {first:?} and {second:?}");
            }
        }
    }
}

/// Returns the corners of all boxes of steps, gates and choices.
fn rectangles(picture: &str) -> Vec<(i32, i32, i32, i32)> {
    let mut found = Vec::new();
    for line in picture.lines().filter(|line| line.starts_with("<g><title>")) {
        let attribute = |name: &str| -> Option<i32> {
            let rest = line.split_once(&format!(" {name}=\""))?.1;
            rest.split_once('"')?.0.parse().ok()
        };
        if let Some((_, points)) = line.split_once("<polygon") {
            let points = points
                .split_once("points=\"")
                .expect("points")
                .1
                .split_once('"')
                .expect("their end")
                .0;
            let corners: Vec<(i32, i32)> = points
                .split(' ')
                .map(|point| {
                    let (x, y) = point.split_once(',').expect("two numbers");
                    (x.parse().expect("x"), y.parse().expect("y"))
                })
                .collect();
            let xs = || corners.iter().map(|corner| corner.0);
            let ys = || corners.iter().map(|corner| corner.1);
            found.push((
                xs().min().unwrap_or(0),
                ys().min().unwrap_or(0),
                xs().max().unwrap_or(0),
                ys().max().unwrap_or(0),
            ));
        } else if let (Some(x), Some(y), Some(width), Some(height)) =
            (attribute("x"), attribute("y"), attribute("width"), attribute("height"))
        {
            found.push((x, y, x + width, y + height));
        }
    }
    found
}

#[test]
fn names_and_texts_cannot_break_out_of_a_format() {
    let hostile = r#"workflow w edition 1 { call a { use = x.y  if = "a.b" } fail "</text><script>alert(1)</script>\"];} end %%{init}%% `x` \\" }"#;
    let graph = graph(hostile);
    let svg = graph.draw(Format::Svg);
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
    let mermaid = graph.draw(Format::Mermaid);
    assert!(
        !mermaid.contains("<script") && !mermaid.contains("%%") && !mermaid.contains("];"),
        "{mermaid}"
    );
    let dot = graph.draw(Format::Dot);
    assert!(dot.contains(r#"<script>alert(1)</script>\"];}"#), "{dot}");
}

// row P06
#[test]
fn a_plan_is_drawn_with_the_states_of_its_steps() {
    let text = r#"workflow w edition 1 {
  call list { use = fs.list  params { root = "." }  retry { attempts = 3  backoff = 2s } }
  if (size(steps.list.output.files) > 3) { fail "too many" } else { set { n = 1 } }
}
"#;
    let compiled = compile(text, "w.wf", &crate::actions::actions(), &Options::default());
    let plan = compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    let states = [State::Completed, State::Running, State::Pending, State::Failed];
    let graph = graph_of_plan(&plan, &|node| states.get(node.0 as usize).copied());
    insta::assert_snapshot!("graph_of_a_run", graph.draw(Format::Mermaid));
    let svg = graph.draw(Format::Svg);
    for state in states {
        assert!(svg.contains(&format!(" {}\"", state.word())), "{state:?}");
    }
}

// row A16
#[test]
fn paths_are_those_of_the_plan() {
    for (name, text) in SAMPLES {
        let (file, _) = parse(text);
        let compiled = compile(
            text,
            &format!("{name}.wf"),
            &crate::actions::actions(),
            &Options::default(),
        );
        let Some(plan) = compiled.plan else { continue };
        let planned: Vec<String> = plan.nodes().iter().map(|node| node.path.to_string()).collect();
        for step in outline(&file) {
            assert!(
                planned.contains(&step.path),
                "{name}: {} is not in {planned:?}",
                step.path
            );
        }
    }
}
