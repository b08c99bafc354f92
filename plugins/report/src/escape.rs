//! How does any text become harmless text of a page?

/// Writes a text so that a browser shows it as it is, also within an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters are not allowed in a page; they are made visible.
            control if control.is_control() && !matches!(control, '\n' | '\t') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Returns whether a link may be followed from a page: to the web, by mail, or to a place beside the page.
pub(crate) fn is_harmless_link(target: &str) -> bool {
    let target = target.trim();
    // A browser leaves out control characters before it looks for the scheme.
    if target.chars().any(char::is_control) {
        return false;
    }
    match target.split_once(':') {
        Some((scheme, _)) if !scheme.contains(['/', '?', '#']) => ["http", "https", "mailto"]
            .iter()
            .any(|allowed| scheme.eq_ignore_ascii_case(allowed)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::{escape, is_harmless_link};

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(
            escape("<a href=\"x\" on='y'>&\u{1b}"),
            "&lt;a href=&quot;x&quot; on=&#39;y&#39;&gt;&amp;\u{fffd}"
        );
    }

    #[test]
    fn only_harmless_schemes_are_links() {
        for (target, expected) in [
            ("https://example.org/a:b", true),
            ("docs/a.md#x", true),
            ("/a?b=c:d", true),
            ("mailto:a@example.org", true),
            ("javascript:alert(1)", false),
            (" JavaScript:alert(1)", false),
            ("java\nscript:alert(1)", false),
            ("data:text/html,x", false),
        ] {
            assert_eq!(is_harmless_link(target), expected, "{target:?}");
        }
    }
}
