//! How does what a workflow found become a page that a person reads?

use cofferdam_plugin::{Context, Failure, action, data, write_durably};

use crate::chart::Chart;
use crate::facts::Facts;
use crate::page::{Page, Part};
use crate::table::Table;

/// A part of a page in words.
#[data]
#[derive(Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    /// What the part is about.
    title: String,
    /// The text, in Markdown.
    #[serde(alias = "text")]
    markdown: String,
}

/// A page that was written.
#[data]
#[derive(Eq)]
pub(crate) struct Written {
    path: String,
    /// Size in bytes.
    size: u64,
}

/// Writes a page with facts, text, charts and tables that needs nothing but a browser.
#[action(needs = [write], example = {
    "path": "out/audit.html",
    "title": "Audit",
    "summary": { "files": 312 },
    "charts": [{ "kind": "bar", "title": "Lines", "data": { "Rust": 21940, "WIT": 912 } }],
    "tables": [{ "title": "Worst files", "rows": [{ "path": "src/main.rs", "count": 3 }] }]
})]
#[expect(
    clippy::too_many_arguments,
    reason = "the arguments are the parameters of the action"
)]
pub(crate) fn html(
    /// Where the page is written.
    path: String,
    /// Title of the page.
    title: String,
    /// A line below the title.
    subtitle: Option<String>,
    /// The few facts that matter most: by name, or a list of objects with `label` and `value`.
    summary: Option<Facts>,
    /// Text of the page, in Markdown.
    markdown: Option<String>,
    /// Parts in words.
    #[serde(default)]
    sections: Vec<Section>,
    /// Charts.
    #[serde(default)]
    charts: Vec<Chart>,
    /// Tables.
    #[serde(default)]
    tables: Vec<Table>,
    ctx: &Context,
) -> Result<Written, Failure> {
    let mut parts = Vec::new();
    for section in &sections {
        parts.push(Part::words(&section.title, &section.markdown, parts.len()));
    }
    for chart in &charts {
        let anchor = format!("part-{}", parts.len() + 1);
        parts.push(Part {
            title: chart.title.clone(),
            html: chart.render(&anchor)?,
            anchor,
        });
    }
    for table in &tables {
        let anchor = format!("part-{}", parts.len() + 1);
        parts.push(Part {
            title: table.title.clone(),
            html: table.render(&anchor),
            anchor,
        });
    }
    let page = Page {
        title,
        subtitle,
        facts: summary.map(Facts::render),
        markdown,
        parts,
    }
    .render();
    write_durably(&path, page.as_bytes(), ctx)?;
    Ok(Written {
        path,
        size: page.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, json};

    use crate::plugin;

    #[test]
    fn a_page_has_all_its_parts_and_no_script() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("out/audit.html");
        let params = json!({
            "path": path.to_str(),
            "title": "Audit of <.>",
            "subtitle": "all of it",
            "summary": [{ "label": "files", "value": 312 }],
            "markdown": "# Hello\n<script>x</script>",
            "sections": [{ "title": "Why", "markdown": "*because*" }],
            "charts": [{ "kind": "bar", "title": "Lines by language", "data": { "Rust": 21940 } }],
            "tables": [
                { "title": "Worst files", "rows": [{ "path": "a.rs", "count": 3 }] },
                { "title": "Likely secrets", "rows": null },
            ],
        });
        let written = plugin().call("html", params, &Context::for_test()).unwrap();
        let html = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, json!({ "path": path.to_str(), "size": html.len() }));
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
        for part in [
            "<title>Audit of &lt;.&gt;</title>",
            "<dt>files</dt><dd>312</dd>",
            "<h3>Hello</h3>",
            "<em>because</em>",
            "Rust: 21\u{202f}940",
            "<td>a.rs</td><td class=\"number\">3</td>",
            "Nothing to show.",
            "<a href=\"#part-4\">Likely secrets</a>",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
        assert!(!html.contains("<script") && !html.contains("src="), "{html}");
    }

    #[test]
    fn the_same_parameters_make_the_same_page() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, run: &str| {
            let path = root.path().join(name);
            let params = json!({ "path": path.to_str(), "title": "T", "summary": { "b": 1, "a": 2 } });
            let attempt = cofferdam_plugin::TestAttempt {
                run: run.into(),
                ..Default::default()
            };
            plugin().call("html", params, &Context::for_test_of(attempt)).unwrap();
            std::fs::read(path).unwrap()
        };
        assert_eq!(write("one.html", "run-1"), write("two.html", "run-2"));
    }

    #[test]
    fn a_typo_in_a_part_is_refused_with_its_place() {
        let params = json!({ "path": "x", "title": "T", "charts": [{ "titel": "x" }] });
        let refused = plugin().call("html", params, &Context::for_test()).unwrap_err();
        assert!(refused.message().starts_with("the parameter `charts[0]"), "{refused}");
        assert!(refused.message().contains("unknown field `titel`"), "{refused}");
    }
}
