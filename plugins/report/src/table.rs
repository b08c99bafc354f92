//! How do rows become a table of a page?

use cofferdam_plugin::{Map, Value, data};

use crate::cell::render;
use crate::escape::escape;

/// How many rows are shown: a page of more is slow to open and read by nobody.
const MOST_ROWS: usize = 500;

/// A table with a title.
#[data]
#[derive(Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// What the table shows.
    #[serde(default)]
    pub(crate) title: String,
    /// The rows: objects by the names of the columns, lists, or single values; `null` counts as none.
    #[serde(default)]
    rows: Option<Vec<Value>>,
    /// Which columns, in which order; without it all of them, texts first.
    #[serde(default)]
    columns: Option<Vec<String>>,
    /// A sentence below the title.
    #[serde(default)]
    note: Option<String>,
}

/// Rows as cells, with the names of the columns if they have any.
struct Grid<'a> {
    columns: Vec<String>,
    rows: Vec<Vec<&'a Value>>,
}

impl Table {
    /// Returns the markup of the table, as a section with an anchor.
    pub(crate) fn render(&self, anchor: &str) -> String {
        let rows = self.rows.as_deref().unwrap_or_default();
        let mut html = format!(
            "<section aria-labelledby=\"{anchor}\">\n<h2 id=\"{anchor}\">{}",
            escape(&self.title)
        );
        html.push_str(&format!(" <span class=\"count\">{}</span></h2>\n", rows.len()));
        if let Some(note) = &self.note {
            html.push_str(&format!("<p class=\"note\">{}</p>\n", escape(note)));
        }
        if rows.is_empty() {
            html.push_str("<p class=\"nothing\">Nothing to show.</p>\n</section>\n");
            return html;
        }
        let grid = self.grid(&rows[..rows.len().min(MOST_ROWS)]);
        html.push_str(&grid.render(anchor));
        if rows.len() > MOST_ROWS {
            html.push_str(&format!(
                "<p class=\"note\">{} more rows are left out.</p>\n",
                rows.len() - MOST_ROWS
            ));
        }
        html.push_str("</section>\n");
        html
    }

    fn grid<'a>(&self, rows: &'a [Value]) -> Grid<'a> {
        if rows.iter().any(Value::is_object) {
            let columns = self.columns.clone().unwrap_or_else(|| columns_of(rows));
            let cells = |row: &'a Value| {
                columns
                    .iter()
                    .map(|column| row.get(column).unwrap_or(&Value::Null))
                    .collect()
            };
            let rows = rows.iter().map(cells).collect();
            return Grid { columns, rows };
        }
        let rows: Vec<Vec<&Value>> = rows
            .iter()
            .map(|row| match row {
                Value::Array(values) => values.iter().collect(),
                single => vec![single],
            })
            .collect();
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let padded = |mut row: Vec<&'a Value>| {
            row.resize(width, &Value::Null);
            row
        };
        let mut columns = self.columns.clone().unwrap_or_default();
        if !columns.is_empty() {
            columns.resize(width, String::new());
        }
        Grid {
            columns,
            rows: rows.into_iter().map(padded).collect(),
        }
    }
}

impl Grid<'_> {
    fn render(&self, anchor: &str) -> String {
        let width = self.rows.first().map_or(0, Vec::len);
        let numeric: Vec<bool> = (0..width)
            .map(|column| is_numeric(self.rows.iter().map(|row| row[column])))
            .collect();
        let class = |column: usize| if numeric[column] { " class=\"number\"" } else { "" };
        let mut html =
            format!("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{anchor}\"><table>\n");
        if !self.columns.is_empty() {
            html.push_str("<thead><tr>");
            for (index, column) in self.columns.iter().enumerate() {
                html.push_str(&format!(
                    "<th scope=\"col\"{}>{}</th>",
                    class(index),
                    escape(&heading(column))
                ));
            }
            html.push_str("</tr></thead>\n");
        }
        html.push_str("<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (index, cell) in row.iter().enumerate() {
                html.push_str(&format!("<td{}>{}</td>", class(index), render(cell)));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table></div>\n");
        html
    }
}

/// Returns the columns of objects: those of texts before those of numbers, each in the order of their names.
fn columns_of(rows: &[Value]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for key in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(key) {
            columns.push(key.clone());
        }
    }
    columns.sort();
    columns.sort_by_key(|column| is_numeric(rows.iter().map(|row| row.get(column).unwrap_or(&Value::Null))));
    columns
}

fn is_numeric<'a>(cells: impl Iterator<Item = &'a Value>) -> bool {
    let mut some = false;
    for cell in cells {
        match cell {
            Value::Number(_) => some = true,
            Value::Null => {}
            _ => return false,
        }
    }
    some
}

/// Makes a name such as `line_number` a heading.
fn heading(column: &str) -> String {
    column.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Value, json};

    use super::Table;

    fn html(rows: Value, columns: Option<Vec<String>>) -> String {
        let rows = rows.as_array().cloned();
        Table {
            title: "A <title>".into(),
            rows,
            columns,
            note: None,
        }
        .render("t1")
    }

    #[test]
    fn objects_have_columns_and_numbers_are_aligned() {
        let table = html(
            json!([{ "count": 12000, "path": "<x>" }, { "path": "y", "count": null }]),
            None,
        );
        assert!(
            table.contains("A &lt;title&gt; <span class=\"count\">2</span>"),
            "{table}"
        );
        assert!(
            table.contains("<th scope=\"col\">path</th><th scope=\"col\" class=\"number\">count</th>"),
            "{table}"
        );
        assert!(
            table.contains("<td>&lt;x&gt;</td><td class=\"number\">12\u{202f}000</td>"),
            "{table}"
        );
        assert!(
            table.contains("<td>y</td><td class=\"number\"><span class=\"none\">–</span></td>"),
            "{table}"
        );
    }

    #[test]
    fn lists_texts_and_nothing() {
        let lists = html(json!([["a", 1], ["b"]]), Some(vec!["x".into(), "line_no".into()]));
        assert!(
            lists.contains("<th scope=\"col\" class=\"number\">line no</th>"),
            "{lists}"
        );
        assert!(
            lists.contains("<td>b</td><td class=\"number\"><span class=\"none\">–</span></td>"),
            "{lists}"
        );
        let texts = html(json!(["one"]), None);
        assert!(texts.contains("<td>one</td>") && !texts.contains("<thead>"), "{texts}");
        assert!(html(json!(null), None).contains("Nothing to show."));
    }

    #[test]
    fn a_long_table_is_cut_and_says_so() {
        let table = html((0..600).map(Value::from).collect(), None);
        assert_eq!(table.matches("<td").count(), 500);
        assert!(table.contains("100 more rows are left out."));
    }
}
