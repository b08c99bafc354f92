//! How a picture is written as SVG: nothing is loaded, nothing runs, and it can be read on light and dark grounds.

use super::layout::{Mark, Outline, Rectangle, layout};
use super::{Graph, State};
use std::fmt::Write as _;

const MARGIN: i32 = 20;

/// Colours of states on dark grounds: ground and ink.
fn dark(state: State) -> (&'static str, &'static str) {
    match state {
        State::Running => ("#12325f", "#a8cbff"),
        State::Waiting => ("#4a3800", "#ffd970"),
        State::Completed => ("#123d1c", "#95e0a5"),
        State::Failed => ("#551613", "#ffb0aa"),
        State::Skipped | State::Pending => ("#2b2b2b", "#a6a6a6"),
        State::Cancelled => ("#36235c", "#cdb6f5"),
    }
}

/// Returns the graph as a picture.
pub(super) fn write(graph: &Graph) -> String {
    let picture = layout(graph);
    let legend = if graph.shows_run() { 34 } else { 0 };
    let width = (picture.width + 2 * MARGIN).max(if legend > 0 { 660 } else { 0 });
    let height = picture.height + 2 * MARGIN + legend;
    let mut out = String::new();
    // Writing to a text does not fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">"
    );
    let _ = writeln!(out, "<title>{}</title>", escaped(&graph.name));
    out.push_str(&style());
    out.push_str("<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n");
    let _ = writeln!(out, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {MARGIN})\">");
    // Frames lie below, ways above them, boxes on top.
    let layer = |mark: &Mark| match mark {
        Mark::Frame { .. } => 0,
        Mark::Line { .. } | Mark::Curve { .. } | Mark::Bar { .. } => 1,
        Mark::Box { .. } | Mark::Word { .. } => 2,
    };
    for wanted in 0..3 {
        for mark in picture.marks.iter().filter(|mark| layer(mark) == wanted) {
            draw(&mut out, mark);
        }
    }
    out.push_str("</g>\n");
    if legend > 0 {
        draw_legend(&mut out, height - 30);
    }
    out.push_str("</svg>\n");
    out
}

fn style() -> String {
    let mut light = String::new();
    let mut night = String::new();
    for state in State::ALL {
        let word = state.word();
        let (ground, ink) = state.colours();
        let _ = write!(
            light,
            ".{word}{{fill:{ground};stroke:{ink}}}text.{word}{{fill:{ink};stroke:none}}"
        );
        let (ground, ink) = dark(state);
        let _ = write!(
            night,
            ".{word}{{fill:{ground};stroke:{ink}}}text.{word}{{fill:{ink};stroke:none}}"
        );
    }
    format!(
        "<style>\
         text{{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}}.head{{font-weight:600}}.small{{font-size:11px;fill:#59636e}}\
         .paper{{fill:#fff}}.box{{fill:#f6f8fa;stroke:#59636e}}.gate{{fill:#fff8e1;stroke:#8a6100}}.fail{{fill:#ffefee;stroke:#a4211b}}\
         .choice{{fill:#eef4ff;stroke:#2f5fb3}}.end{{fill:#e9ecef;stroke:#59636e}}.frame{{fill:#808080;fill-opacity:.05;stroke:#9aa4ae}}\
         .way{{fill:none;stroke:#59636e;stroke-width:1.3}}.dashed{{stroke-dasharray:4 3}}.tip,.bar{{fill:#59636e}}{light}\
         .frame.frame{{fill:#808080;fill-opacity:.05}}\
         @media (prefers-color-scheme:dark){{text{{fill:#e6edf3}}.small{{fill:#9198a1}}.paper{{fill:#0d1117}}.box{{fill:#161b22;stroke:#8b949e}}\
         .gate{{fill:#2e2508;stroke:#d9a728}}.fail{{fill:#331212;stroke:#f08a84}}.choice{{fill:#10223f;stroke:#79a7ec}}.end{{fill:#21262d;stroke:#8b949e}}\
         .frame{{stroke:#484f58}}.way{{stroke:#8b949e}}.tip,.bar{{fill:#8b949e}}{night}}}\
         </style>\n"
    )
}

fn draw(out: &mut String, mark: &Mark) {
    let _ = match mark {
        Mark::Box {
            at,
            outline,
            lines,
            state,
            path,
        } => {
            draw_box(out, *at, *outline, lines, *state, path);
            Ok(())
        }
        Mark::Frame {
            at,
            lines,
            dashed,
            state,
        } => {
            let class = state.map_or("", State::word);
            let dashed = if *dashed { " dashed" } else { "" };
            let _ = writeln!(
                out,
                "<rect class=\"frame{dashed} {class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
                at.x, at.y, at.width, at.height
            );
            write_lines(out, lines, at.x + 12, at.y + 19, "start", class);
            Ok(())
        }
        Mark::Line { points, arrow, dashed } => {
            let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
            let dashed = if *dashed { " dashed" } else { "" };
            let tip = if *arrow { " marker-end=\"url(#arrow)\"" } else { "" };
            writeln!(
                out,
                "<polyline class=\"way{dashed}\" points=\"{}\"{tip}/>",
                points.join(" ")
            )
        }
        Mark::Curve { from, to } => {
            let bend = ((to.1 - from.1) / 2).max(14);
            writeln!(
                out,
                "<path class=\"way\" d=\"M{} {}C{} {} {} {} {} {}\" marker-end=\"url(#arrow)\"/>",
                from.0,
                from.1,
                from.0,
                from.1 + bend,
                to.0,
                to.1 - bend,
                to.0,
                to.1
            )
        }
        Mark::Bar { from, to, y } => writeln!(
            out,
            "<rect class=\"bar\" x=\"{from}\" y=\"{}\" width=\"{}\" height=\"4\" rx=\"2\"/>",
            y - 2,
            to - from
        ),
        Mark::Word { at, text } => writeln!(out, "<text class=\"small\" x=\"{}\" y=\"{}\">{text}</text>", at.0, at.1),
    };
}

fn draw_box(out: &mut String, at: Rectangle, outline: Outline, lines: &[String], state: Option<State>, path: &str) {
    let Rectangle { x, y, width, height } = at;
    let (right, bottom, middle) = (x + width, y + height, y + height / 2);
    let class = match outline {
        Outline::End => "end",
        Outline::Step => "box",
        Outline::Gate => "gate",
        Outline::Fail => "fail",
        Outline::Choice => "choice",
    };
    let state = state.map_or("", State::word);
    let class = format!("{class} {state}");
    let _ = write!(out, "<g>");
    if !path.is_empty() {
        let _ = write!(out, "<title>{}</title>", escaped(path));
    }
    let _ = match outline {
        Outline::End => write!(
            out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{}\"/>",
            (height / 2).min(16)
        ),
        Outline::Step => write!(
            out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"/>"
        ),
        Outline::Choice => write!(
            out,
            "<polygon class=\"{class}\" points=\"{x},{middle} {},{y} {},{y} {right},{middle} {},{bottom} {},{bottom}\"/>",
            x + 14,
            right - 14,
            right - 14,
            x + 14
        ),
        // A slab with cut corners: what is decided by somebody.
        Outline::Gate | Outline::Fail => write!(
            out,
            "<polygon class=\"{class}\" points=\"{x},{} {},{y} {},{y} {right},{} {right},{} {},{bottom} {},{bottom} {x},{}\"/>",
            y + 9,
            x + 9,
            right - 9,
            y + 9,
            bottom - 9,
            right - 9,
            x + 9,
            bottom - 9
        ),
    };
    write_lines(out, lines, x + width / 2, y + 18, "middle", state);
    out.push_str("</g>\n");
}

fn write_lines(out: &mut String, lines: &[String], x: i32, y: i32, anchor: &str, class: &str) {
    let mut at = y;
    for (number, line) in lines.iter().enumerate() {
        let head = if number == 0 { "head" } else { "small" };
        let _ = write!(
            out,
            "<text class=\"{head} {class}\" x=\"{x}\" y=\"{at}\" text-anchor=\"{anchor}\" xml:space=\"preserve\">{}</text>",
            escaped(line)
        );
        at += 16;
    }
    out.push('\n');
}

fn draw_legend(out: &mut String, y: i32) {
    let mut x = MARGIN;
    for state in State::ALL {
        let word = state.word();
        let _ = writeln!(
            out,
            "<rect class=\"{word}\" x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" rx=\"3\"/><text class=\"small\" x=\"{}\" y=\"{}\">{word}</text>",
            x + 18,
            y + 10
        );
        x += 88;
    }
}

/// Returns text that means nothing to XML, without the characters that XML cannot hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other if other.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
