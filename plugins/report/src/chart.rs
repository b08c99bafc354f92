//! How do numbers become a chart of a page?

use cofferdam_plugin::{Failure, Map, Value, data};

use crate::cell::number;
use crate::escape::escape;

/// More bars than this are put together in a last one.
const MOST_BARS: usize = 20;
/// Sizes in the units of the drawing, which is scaled to the page.
const WIDTH: f64 = 760.0;
const LABELS: f64 = 190.0;
const NUMBERS: f64 = 96.0;
const ROW: f64 = 28.0;

/// What kind of chart it is.
#[data]
#[derive(Copy, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Lying bars.
    #[default]
    Bar,
}

/// A chart with a title.
#[data]
#[derive(Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chart {
    /// What kind of chart it is: `bar`.
    #[serde(default)]
    kind: Kind,
    /// What the chart shows.
    #[serde(default)]
    pub(crate) title: String,
    /// Numbers by name, the largest first; or a list of `[name, number]` or of objects with a text and a number.
    #[serde(default)]
    data: Option<Value>,
}

struct Bar {
    label: String,
    value: Value,
    size: f64,
}

impl Chart {
    /// Returns the markup of the chart, as a section with an anchor.
    pub(crate) fn render(&self, anchor: &str) -> Result<String, Failure> {
        let title = escape(&self.title);
        let mut bars = match &self.data {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(map)) => self.by_name(map)?,
            Some(Value::Array(items)) => items.iter().map(|item| self.bar_of(item)).collect::<Result<_, _>>()?,
            Some(_) => return Err(self.refuse("has `data` that is neither an object nor a list")),
        };
        put_together(&mut bars);
        let body = match bars.as_slice() {
            [] => "<p class=\"nothing\">Nothing to show.</p>\n".to_owned(),
            bars => drawing(bars, &title),
        };
        Ok(format!(
            "<section aria-labelledby=\"{anchor}\">\n<h2 id=\"{anchor}\">{title}</h2>\n{body}</section>\n"
        ))
    }

    /// Returns the bars of an object; it has no order of its own, so the largest comes first.
    fn by_name(&self, map: &Map<String, Value>) -> Result<Vec<Bar>, Failure> {
        let bar = |(label, value): (&String, &Value)| self.bar(label.clone(), value);
        let mut bars = map.iter().map(bar).collect::<Result<Vec<_>, _>>()?;
        bars.sort_by(|left, right| right.size.total_cmp(&left.size));
        Ok(bars)
    }

    fn bar_of(&self, item: &Value) -> Result<Bar, Failure> {
        let cells: Vec<&Value> = match item {
            Value::Array(cells) => cells.iter().collect(),
            Value::Object(map) => map.values().collect(),
            _ => return Err(self.refuse("has an item that is neither a list nor an object")),
        };
        let label = cells.iter().find_map(|cell| cell.as_str());
        let value = cells.iter().find(|cell| cell.is_number());
        match (label, value) {
            (Some(label), Some(value)) => self.bar(label.to_owned(), value),
            _ => Err(self.refuse("has an item without a text and a number")),
        }
    }

    fn bar(&self, label: String, value: &Value) -> Result<Bar, Failure> {
        match value.as_f64() {
            Some(size) if size >= 0.0 => Ok(Bar {
                label,
                value: value.clone(),
                size,
            }),
            _ => Err(self.refuse(&format!("has `{label}`, which is no number from 0 up"))),
        }
    }

    fn refuse(&self, problem: &str) -> Failure {
        Failure::invalid_input(format!("the chart `{}` {problem}", self.title))
    }
}

/// Puts together the bars that would be too many.
fn put_together(bars: &mut Vec<Bar>) {
    if bars.len() <= MOST_BARS {
        return;
    }
    let rest = bars.split_off(MOST_BARS - 1);
    let size: f64 = rest.iter().map(|bar| bar.size).sum();
    // Sums of whole numbers stay whole.
    let value = match rest.iter().map(|bar| bar.value.as_i64()).sum::<Option<i64>>() {
        Some(sum) => sum.into(),
        None => size.into(),
    };
    bars.push(Bar {
        label: format!("{} others", rest.len()),
        value,
        size,
    });
}

fn drawing(bars: &[Bar], title: &str) -> String {
    let height = bars.len() as f64 * ROW + 4.0;
    let largest = bars.iter().map(|bar| bar.size).fold(0.0, f64::max);
    let mut svg =
        format!("<svg class=\"bars\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n");
    for (index, bar) in bars.iter().enumerate() {
        let top = index as f64 * ROW + 4.0;
        let share = if largest > 0.0 { bar.size / largest } else { 0.0 };
        let width = (share * (WIDTH - LABELS - NUMBERS)).max(if bar.size > 0.0 { 2.0 } else { 0.0 });
        let text = top + ROW / 2.0;
        svg.push_str(&format!(
            "<g><title>{label}: {number}</title>\
             <text class=\"label\" x=\"{label_end}\" y=\"{text}\">{short}</text>\
             <rect x=\"{LABELS}\" y=\"{top}\" width=\"{width:.1}\" height=\"{bar_height}\" rx=\"3\"/>\
             <text class=\"value\" x=\"{number_start:.1}\" y=\"{text}\">{number}</text></g>\n",
            label = escape(&bar.label),
            short = escape(&shortened(&bar.label)),
            number = number(&bar.value),
            label_end = LABELS - 10.0,
            bar_height = ROW - 8.0,
            number_start = LABELS + width + 8.0,
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

/// Keeps the end of a long label, which is where paths differ.
fn shortened(label: &str) -> String {
    const MOST: usize = 26;
    let length = label.chars().count();
    if length <= MOST {
        label.to_owned()
    } else {
        format!("…{}", label.chars().skip(length - MOST + 1).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Map, Value, json};

    use super::{Chart, Kind};

    fn chart(data: Value) -> Result<String, String> {
        let chart = Chart {
            kind: Kind::Bar,
            title: "Lines".into(),
            data: Some(data),
        };
        chart.render("c1").map_err(|failure| failure.message().to_owned())
    }

    fn labels(html: &str) -> Vec<&str> {
        html.split("<title>")
            .skip(1)
            .filter_map(|part| part.split("</title>").next())
            .collect()
    }

    #[test]
    fn an_object_is_sorted_and_a_list_is_not() {
        let html = chart(json!({ "a": 1, "<b>": 300, "c": 0 })).unwrap();
        assert_eq!(labels(&html), ["&lt;b&gt;: 300", "a: 1", "c: 0"]);
        assert!(html.contains("width=\"474.0\""), "{html}");
        assert!(html.contains("width=\"0.0\""), "{html}");
        let html = chart(json!([["x", 1], { "n": 2.5, "name": "y" }])).unwrap();
        assert_eq!(labels(&html), ["x: 1", "y: 2.5"]);
    }

    #[test]
    fn many_bars_are_put_together() {
        let data: Map<String, Value> = (0..30).map(|index| (format!("n{index}"), index.into())).collect();
        let html = chart(data.into()).unwrap();
        assert_eq!(labels(&html).len(), 20);
        assert_eq!(labels(&html)[19], "11 others: 55");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!(
            chart(json!({ "a": "x" })).unwrap_err(),
            "the chart `Lines` has `a`, which is no number from 0 up"
        );
        assert_eq!(
            chart(json!([1])).unwrap_err(),
            "the chart `Lines` has an item that is neither a list nor an object"
        );
        assert!(chart(json!(null)).unwrap().contains("Nothing to show."));
    }
}
