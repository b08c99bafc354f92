//! How does Markdown become harmless HTML?

use cofferdam_plugin::{action, data};
use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::escape::is_harmless_link;

/// HTML of a Markdown text.
#[data]
#[derive(Eq)]
pub(crate) struct Rendered {
    html: String,
}

/// Renders Markdown as HTML; HTML in it is shown as text, pictures become links.
#[action(example = { "text": "# Notes\n\n- one" })]
pub(crate) fn markdown(
    /// The Markdown.
    text: String,
) -> Rendered {
    Rendered { html: render(&text, 0) }
}

/// Renders Markdown with its headings some levels lower, so that they fit below those of a page.
pub(crate) fn render(text: &str, lower: usize) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(text, options).map(|event| harmless(event, lower));
    let mut html = String::with_capacity(text.len() * 3 / 2);
    pulldown_cmark::html::push_html(&mut html, events);
    html
}

fn harmless(event: Event<'_>, lower: usize) -> Event<'_> {
    match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        Event::Start(Tag::Heading { level, .. }) => Event::Start(Tag::Heading {
            level: lowered(level, lower),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        }),
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lowered(level, lower))),
        // A picture from elsewhere would tell that elsewhere who reads the page.
        Event::Start(Tag::Link { dest_url, title, .. } | Tag::Image { dest_url, title, .. }) => {
            let dest_url = if is_harmless_link(&dest_url) {
                dest_url
            } else {
                CowStr::Borrowed("#")
            };
            Event::Start(Tag::Link {
                link_type: LinkType::Inline,
                dest_url,
                title,
                id: CowStr::Borrowed(""),
            })
        }
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        other => other,
    }
}

fn lowered(level: HeadingLevel, lower: usize) -> HeadingLevel {
    HeadingLevel::try_from((level as usize + lower).min(6)).unwrap_or(HeadingLevel::H6)
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn markdown_is_rendered() {
        let html = render("# Title\n\n- *a*\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n", 1);
        assert!(html.contains("<h2>Title</h2>"), "{html}");
        assert!(
            html.contains("<li><em>a</em></li>") && html.contains("<table>"),
            "{html}"
        );
    }

    #[test]
    fn markup_and_scripts_are_shown_not_run() {
        let html = render(
            "a <b onclick=x>b</b>\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![p](https://x/p.png)",
            0,
        );
        assert!(
            !html.contains("<script") && !html.contains("<b ") && !html.contains("javascript:"),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
        assert!(html.contains("<a href=\"#\">x</a>"), "{html}");
        assert!(html.contains("<a href=\"https://x/p.png\">p</a>"), "{html}");
    }
}
