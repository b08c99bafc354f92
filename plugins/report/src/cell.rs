//! How does a value look in a table or as a fact?

use cofferdam_plugin::Value;

use crate::escape::escape;

/// Stands between groups of three digits: narrow, and no line is broken there.
const GROUP_SPACE: char = '\u{202f}';

/// Returns the markup of a value.
pub(crate) fn render(value: &Value) -> String {
    match value {
        Value::Null => "<span class=\"none\">–</span>".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(_) => number(value),
        Value::String(text) if text.starts_with("https://") || text.starts_with("http://") => link(text),
        Value::String(text) => escape(text),
        Value::Array(_) | Value::Object(_) => format!("<code>{}</code>", escape(&value.to_string())),
    }
}

/// Writes a number with its digits in groups, and at most four of them behind the point.
pub(crate) fn number(value: &Value) -> String {
    if let Some(integer) = value.as_i64() {
        return grouped(&integer.to_string());
    }
    let Some(number) = value.as_f64() else {
        return escape(&value.to_string());
    };
    if number != 0.0 && !(0.0001..1e15).contains(&number.abs()) {
        return format!("{number:e}");
    }
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", grouped(whole)),
        None => grouped(text),
    }
}

fn link(target: &str) -> String {
    let target = escape(target);
    format!("<a href=\"{target}\" rel=\"noreferrer\">{target}</a>")
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |digits| ("\u{2212}", digits));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        // Four digits are read at a glance.
        if digits.len() > 4 && index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(GROUP_SPACE);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::json;

    use super::render;

    #[test]
    fn values_are_written_for_people() {
        for (value, expected) in [
            (json!(null), "<span class=\"none\">–</span>"),
            (json!(true), "yes"),
            (json!(1234), "1234"),
            (json!(-1234567), "\u{2212}1\u{202f}234\u{202f}567"),
            (json!(0.5), "0.5"),
            (json!(12_345.678_91), "12\u{202f}345.6789"),
            (json!(2.0), "2"),
            (json!(1e-9), "1e-9"),
            (json!("<b>"), "&lt;b&gt;"),
            (json!(["<"]), "<code>[&quot;&lt;&quot;]</code>"),
            (
                json!("https://x/?a&b"),
                "<a href=\"https://x/?a&amp;b\" rel=\"noreferrer\">https://x/?a&amp;b</a>",
            ),
        ] {
            assert_eq!(render(&value), expected);
        }
    }
}
