//! How a graph is written for Mermaid.

use super::flow::{Entry, Shape, Vertex, flow};
use super::{Graph, State, label};
use std::fmt::Write as _;

/// Returns the graph as a Mermaid flow chart.
pub(super) fn write(graph: &Graph) -> String {
    let flow = flow(graph);
    let mut out = String::from("flowchart TB\n");
    entries(&mut out, &flow.entries, 1);
    for arrow in &flow.arrows {
        let line = if arrow.dashed { "-.->" } else { "-->" };
        let label = if arrow.label.is_empty() {
            String::new()
        } else {
            format!("|{}|", arrow.label)
        };
        // Writing to a text does not fail.
        let _ = writeln!(out, "  n{} {line}{label} n{}", arrow.from, arrow.to);
    }
    if graph.shows_run() {
        for state in State::ALL {
            let (ground, ink) = state.colours();
            let _ = writeln!(
                out,
                "  classDef {} fill:{ground},stroke:{ink},color:{ink}",
                state.word()
            );
        }
    }
    out
}

fn entries(out: &mut String, list: &[Entry], depth: usize) {
    let indent = "  ".repeat(depth);
    for entry in list {
        match entry {
            Entry::Vertex(vertex) => {
                let _ = writeln!(out, "{indent}{}", shape(vertex));
            }
            Entry::Frame(frame) => {
                let _ = writeln!(out, "{indent}subgraph n{}[\"{}\"]", frame.id, escaped(&frame.lines));
                entries(out, &frame.entries, depth + 1);
                let _ = writeln!(out, "{indent}end");
                if frame.dashed {
                    let _ = writeln!(out, "{indent}style n{} stroke-dasharray:4 3", frame.id);
                }
                if let Some(state) = frame.state {
                    let _ = writeln!(out, "{indent}style n{} stroke:{}", frame.id, state.colours().1);
                }
            }
        }
    }
}

fn shape(vertex: &Vertex) -> String {
    let text = escaped(&vertex.lines);
    let (open, close) = match vertex.shape {
        Shape::End => ("([", "])"),
        Shape::Step => ("[", "]"),
        Shape::Gate => ("{{", "}}"),
        Shape::Fail => ("[/", "/]"),
        Shape::Choice => ("{", "}"),
        Shape::Dot => ("((", "))"),
    };
    let text = if text.is_empty() { " ".to_owned() } else { text };
    let class = vertex
        .state
        .map_or_else(String::new, |state| format!(":::{}", state.word()));
    format!("n{}{open}\"{text}\"{close}{class}", vertex.id)
}

/// Returns lines as the inside of a quoted label. Whatever Mermaid or HTML could read as more than text becomes a
/// numbered character.
fn escaped(lines: &[String]) -> String {
    let line = |line: &String| {
        label(line)
            .chars()
            .map(|character| match character {
                '"' | '#' | '<' | '>' | '&' | '%' | '`' | '\\' | ';' | '{' | '}' | '[' | ']' | '|' | '*' | '_'
                | '~' => {
                    format!("#{};", u32::from(character))
                }
                other => other.to_string(),
            })
            .collect::<String>()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("<br/>")
}
