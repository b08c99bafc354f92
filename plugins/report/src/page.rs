//! What frame does a page put around its parts?

use crate::escape::escape;
use crate::markdown;

/// How the page looks; a page brings it along, so that it needs nothing from elsewhere.
const STYLE: &str = include_str!("style.css");

/// A part of a page, with a place to jump to.
pub(crate) struct Part {
    pub(crate) anchor: String,
    pub(crate) title: String,
    pub(crate) html: String,
}

/// A page.
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) subtitle: Option<String>,
    pub(crate) facts: Option<String>,
    pub(crate) markdown: Option<String>,
    pub(crate) parts: Vec<Part>,
}

impl Part {
    /// Makes a part of Markdown; `before` is how many parts stand before it.
    pub(crate) fn words(title: &str, text: &str, before: usize) -> Self {
        let anchor = format!("part-{}", before + 1);
        let html = format!(
            "<section class=\"prose\" aria-labelledby=\"{anchor}\">\n<h2 id=\"{anchor}\">{}</h2>\n{}</section>\n",
            escape(title),
            markdown::render(text, 2)
        );
        Self {
            anchor,
            title: title.to_owned(),
            html,
        }
    }
}

impl Page {
    /// Returns the whole page. It has neither a time nor the name of a run in it: the same findings make the same page.
    pub(crate) fn render(&self) -> String {
        let title = escape(&self.title);
        let subtitle = self
            .subtitle
            .as_ref()
            .map(|text| format!("<p class=\"subtitle\">{}</p>\n", escape(text)));
        let prose = self
            .markdown
            .as_ref()
            .map(|text| format!("<section class=\"prose\">\n{}</section>\n", markdown::render(text, 2)));
        let parts: String = self.parts.iter().map(|part| part.html.as_str()).collect();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <header>\n<h1>{title}</h1>\n{subtitle}{contents}</header>\n<main>\n{facts}{prose}{parts}</main>\n\
             <footer>Made by Cofferdam</footer>\n</body>\n</html>\n",
            subtitle = subtitle.unwrap_or_default(),
            contents = self.contents(),
            facts = self.facts.as_deref().unwrap_or_default(),
            prose = prose.unwrap_or_default(),
        )
    }

    fn contents(&self) -> String {
        // Two parts fit on a screen, and nobody needs to jump.
        if self.parts.len() < 3 {
            return String::new();
        }
        let link = |part: &Part| format!("<a href=\"#{}\">{}</a>\n", part.anchor, escape(&part.title));
        format!(
            "<nav aria-label=\"Contents\">\n{}</nav>\n",
            self.parts.iter().map(link).collect::<String>()
        )
    }
}
