//! What does one request answer?

use std::collections::BTreeMap;

use cofferdam_plugin::{Context, Failure, Map, Value, action, data};

use crate::sending::{Basic, Sending, headers, json, wanted};

/// An answer.
#[data]
pub(crate) struct Answered {
    /// The status.
    status: u16,
    /// Whether it is from 200 to 299.
    ok: bool,
    /// Headers by their names in lower-case letters.
    headers: Map<String, Value>,
    /// The body, where the server says that it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    /// The body, where it is text and no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Addresses of the header `link`, such as `next`.
    links: BTreeMap<String, String>,
}

/// Sends one HTTP request; returns status, headers, body and links.
///
/// A redirect is an answer like any other. 408, 425, 429 and 5xx may be tried again, after the time that the server asks
/// for; other statuses fail unless `accept` lists them.
#[action(
    needs = [network, optional secret],
    retry = "transient",
    example = { "url": "https://api.example.org/v1/items", "query": { "limit": 10 } }
)]
pub(crate) fn request(
    /// Address, with https:// or http://.
    url: String,
    /// Method; GET, or POST where there is a body.
    method: Option<String>,
    /// Headers by name.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Fields that are added to the query of the address.
    #[serde(default)]
    query: BTreeMap<String, Value>,
    /// Body as JSON.
    json: Option<Value>,
    /// Body as text.
    text: Option<String>,
    /// Body as the fields of a form.
    #[serde(default)]
    form: BTreeMap<String, Value>,
    /// User name, and password or the name of the secret that is it.
    basic: Option<Basic>,
    /// Name of the secret that is the bearer token.
    bearer: Option<String>,
    /// Further statuses that are no failure, such as 404.
    #[serde(default)]
    accept: Vec<u16>,
    /// Seconds to connect, to the first byte, and between bytes.
    timeout: Option<f64>,
    /// Largest body of the answer in bytes; at most 6 MiB go into an output.
    max_body: Option<u64>,
    ctx: &Context,
) -> Result<Answered, Failure> {
    let sending = Sending {
        method,
        url,
        headers,
        query,
        json,
        text,
        form,
        basic,
        bearer,
        timeout,
        max_body,
    };
    let (method, url, request) = sending.prepare(ctx)?;
    let response = wanted(request.send_any(ctx)?, &method, &url, &accept)?;
    answered(&response)
}

fn answered(response: &cofferdam_plugin::http::Response) -> Result<Answered, Failure> {
    let value = json(response)?;
    let text = match &value {
        Some(_) => None,
        None => Some(response.text().map(str::to_owned).map_err(|_| {
            Failure::permanent("the answer is neither JSON nor UTF-8 text: http.download puts it into a file")
                .with_code("not-text")
        })?),
    };
    Ok(Answered {
        status: response.status,
        ok: (200..300).contains(&response.status),
        headers: headers(response),
        json: value,
        text,
        links: response.links().into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, json};

    use crate::plugin;

    #[test]
    fn what_contradicts_itself_is_not_sent() {
        let refused = |params| {
            plugin()
                .call("request", params, &Context::for_test())
                .unwrap_err()
                .to_string()
        };
        let both = json!({ "url": "https://a.b", "json": 1, "text": "x" });
        assert_eq!(
            refused(both),
            "invalid-input: a request has one body: `json`, `text` or `form`"
        );
        let both = json!({ "url": "https://a.b", "basic": { "user": "u", "password": "p", "secret": "s" } });
        assert_eq!(
            refused(both),
            "invalid-input: `basic` has one of `password` and `secret`"
        );
        let deep = json!({ "url": "https://a.b", "query": { "a": { "b": 1 } } });
        assert_eq!(
            refused(deep),
            "invalid-input: `a` is no text, number or switch, nor a list of them"
        );
        for timeout in [json!(0), json!(-1), json!(1e300)] {
            let params = json!({ "url": "https://a.b", "timeout": timeout });
            assert_eq!(
                refused(params),
                "invalid-input: `timeout` is a number of seconds above 0"
            );
        }
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        let params = json!({ "url": "https://a.b", "bearer": "nobody" });
        let refused = plugin()
            .call("request", params, &Context::for_test())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("nobody"), "{refused}");
    }
}
