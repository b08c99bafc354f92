//! What is on all pages of a list?

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_plugin::{Context, Failure, Value, action, data};

use crate::sending::{Basic, Sending, json, wanted};

/// The items of all pages.
#[data]
pub(crate) struct Collected {
    /// The items, in the order of the pages.
    items: Vec<Value>,
    /// How many pages were asked for.
    pages: u32,
    /// Address of the page that was not asked for any more, if `max_pages` left one out.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Asks for one page after the other and returns the items of all of them.
///
/// The next page is where the header `link` says so with `rel="next"`, or what `next` finds in the answer: an address, or a
/// value for the field `cursor_field` of the query. Every page is a request of its own, judged like any other.
#[action(
    needs = [network, optional secret],
    retry = "transient",
    example = { "url": "https://api.example.org/v1/items", "items": "data", "next": "paging.next" }
)]
pub(crate) fn pages(
    /// Address of the first page.
    url: String,
    /// Headers by name.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Fields that are added to the query of the first address.
    #[serde(default)]
    query: BTreeMap<String, Value>,
    /// User name, and password or the name of the secret that is it.
    basic: Option<Basic>,
    /// Name of the secret that is the bearer token.
    bearer: Option<String>,
    /// Where the items are in a page, such as `data.items`; the page itself unless given.
    items: Option<String>,
    /// Where a page says what comes next, such as `paging.next`; the header `link` unless given.
    next: Option<String>,
    /// The field of the query that takes what `next` finds, if that is no address.
    cursor_field: Option<String>,
    /// The most pages; 100 unless given.
    max_pages: Option<u32>,
    /// Seconds to connect, to the first byte, and between bytes.
    timeout: Option<f64>,
    ctx: &Context,
) -> Result<Collected, Failure> {
    let most = max_pages.unwrap_or(100);
    let mut collected = Collected {
        items: Vec::new(),
        pages: 0,
        next: None,
    };
    let mut seen = BTreeSet::new();
    let mut at = Some((url.clone(), query.clone()));
    while let Some((address, fields)) = at.take() {
        let shown = format!("{address} {fields:?}");
        if !seen.insert(shown) {
            return Err(Failure::permanent("the pages lead in a circle").with_code("circle"));
        }
        if collected.pages == most {
            collected.next = Some(address);
            break;
        }
        let sending = Sending {
            url: address.clone(),
            headers: headers.clone(),
            query: fields,
            basic: basic.clone(),
            bearer: bearer.clone(),
            timeout,
            ..Sending::default()
        };
        let (method, _, request) = sending.prepare(ctx)?;
        let response = wanted(request.send_any(ctx)?, &method, &address, &[])?;
        let page = json(&response)?.ok_or_else(|| Failure::permanent("a page is no JSON").with_code("not-json"))?;
        collected.pages += 1;
        ctx.progress(u64::from(collected.pages), None, "pages");
        let found = items.as_deref().map_or(Some(&page), |path| member(&page, path));
        match found {
            Some(Value::Array(found)) => collected.items.extend(found.iter().cloned()),
            Some(_) | None => {
                let place = items.as_deref().unwrap_or("the page");
                return Err(
                    Failure::permanent(format!("`{place}` of page {} is no list", collected.pages))
                        .with_code("not-a-list"),
                );
            }
        }
        let following = match &next {
            None => response
                .links()
                .into_iter()
                .find(|(relation, _)| relation == "next")
                .map(|(_, url)| url),
            Some(path) => match member(&page, path) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) if text.is_empty() => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
            },
        };
        at = following.map(|following| match &cursor_field {
            Some(field) => {
                let mut fields = query.clone();
                fields.insert(field.clone(), Value::String(following));
                (url.clone(), fields)
            }
            None => (joined(&address, &following), BTreeMap::new()),
        });
    }
    Ok(collected)
}

/// Returns what is at `a.b.c`.
fn member<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })
}

/// Returns the address that `next` means on the page `address`.
fn joined(address: &str, next: &str) -> String {
    if next.contains("://") {
        return next.to_owned();
    }
    let Some((scheme, rest)) = address.split_once("://") else {
        return next.to_owned();
    };
    if let Some(other_host) = next.strip_prefix("//") {
        return format!("{scheme}://{other_host}");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if next.starts_with('/') {
        format!("{scheme}://{authority}{next}")
    } else if next.starts_with('?') {
        format!("{scheme}://{authority}{path}{next}")
    } else {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        format!("{scheme}://{authority}{directory}/{next}")
    }
}

#[cfg(test)]
mod tests {
    use super::{joined, member};
    use cofferdam_plugin::json;

    #[test]
    fn addresses_are_joined_as_browsers_do() {
        for (next, expected) in [
            ("https://c.d/x", "https://c.d/x"),
            ("//c.d/x", "https://c.d/x"),
            ("/x?y", "https://a.b:8/x?y"),
            ("?page=2", "https://a.b:8/v1/items?page=2"),
            ("other", "https://a.b:8/v1/other"),
        ] {
            assert_eq!(joined("https://a.b:8/v1/items?page=1", next), expected);
        }
        assert_eq!(joined("https://a.b", "?page=2"), "https://a.b?page=2");
    }

    #[test]
    fn members_are_found_by_path() {
        let value = json!({ "a": [{ "b": 1 }] });
        assert_eq!(member(&value, "a.0.b"), Some(&json!(1)));
        assert_eq!(member(&value, "a.x"), None);
    }
}
