//! How a graph is written for Graphviz.

use super::flow::{Entry, Shape, Vertex, flow};
use super::{Graph, label};
use std::fmt::Write as _;

/// Returns the graph in the language of Graphviz.
pub(super) fn write(graph: &Graph) -> String {
    let flow = flow(graph);
    let mut out = format!("digraph {} {{\n", quoted(std::slice::from_ref(&graph.name)));
    out.push_str("  graph [fontname=\"Helvetica\" fontsize=11 compound=true]\n");
    out.push_str(
        "  node [fontname=\"Helvetica\" fontsize=11 shape=box style=\"rounded,filled\" fillcolor=\"#ffffff\"]\n",
    );
    out.push_str("  edge [fontname=\"Helvetica\" fontsize=10]\n");
    entries(&mut out, &flow.entries, 1);
    for arrow in &flow.arrows {
        let mut attributes = Vec::new();
        if !arrow.label.is_empty() {
            attributes.push(format!("label=\"{}\"", arrow.label));
        }
        if arrow.dashed {
            attributes.push("style=dashed".to_owned());
        }
        let attributes = if attributes.is_empty() {
            String::new()
        } else {
            format!(" [{}]", attributes.join(" "))
        };
        // Writing to a text does not fail.
        let _ = writeln!(out, "  n{} -> n{}{attributes}", arrow.from, arrow.to);
    }
    out.push_str("}\n");
    out
}

fn entries(out: &mut String, list: &[Entry], depth: usize) {
    let indent = "  ".repeat(depth);
    for entry in list {
        match entry {
            Entry::Vertex(vertex) => {
                let _ = writeln!(out, "{indent}n{} [{}]", vertex.id, attributes(vertex));
            }
            Entry::Frame(frame) => {
                let style = if frame.dashed { "rounded,dashed" } else { "rounded" };
                let colour = frame.state.map_or("#888888", |state| state.colours().1);
                // Only names that begin with `cluster` are drawn as frames.
                let _ = writeln!(out, "{indent}subgraph cluster_{} {{", frame.id);
                let _ = writeln!(
                    out,
                    "{indent}  label={} labeljust=l style=\"{style}\" color=\"{colour}\"",
                    quoted(&frame.lines)
                );
                entries(out, &frame.entries, depth + 1);
                let _ = writeln!(out, "{indent}}}");
            }
        }
    }
}

fn attributes(vertex: &Vertex) -> String {
    let shape = match vertex.shape {
        Shape::End => " shape=oval",
        Shape::Step => "",
        Shape::Gate => " shape=hexagon style=filled",
        Shape::Fail => " shape=octagon style=filled",
        Shape::Choice => " shape=diamond style=filled",
        Shape::Dot => " shape=point",
    };
    let colours = vertex.state.map_or_else(String::new, |state| {
        let (ground, ink) = state.colours();
        format!(" fillcolor=\"{ground}\" color=\"{ink}\" fontcolor=\"{ink}\"")
    });
    format!("label={}{shape}{colours}", quoted(&vertex.lines))
}

/// Returns lines as one quoted text: in it only quotes and backslashes mean something.
fn quoted(lines: &[String]) -> String {
    let line = |line: &String| label(line).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", lines.iter().map(line).collect::<Vec<_>>().join("\\n"))
}
