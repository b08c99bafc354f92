//! How do parameters become a request, and an answer an output?

use std::collections::BTreeMap;
use std::time::Duration;

use cofferdam_plugin::http::{Request, Response, request, without_query};
use cofferdam_plugin::{Context, Failure, Map, Value, data};

/// Who asks, by user name and password.
#[data]
#[derive(Eq)]
pub(crate) struct Basic {
    /// The user name.
    user: String,
    /// The password: the name of a secret in `secret` is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    /// The name of the secret that is the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// What is sent.
#[derive(Default)]
pub(crate) struct Sending {
    pub(crate) method: Option<String>,
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, Value>,
    pub(crate) json: Option<Value>,
    pub(crate) text: Option<String>,
    pub(crate) form: BTreeMap<String, Value>,
    pub(crate) basic: Option<Basic>,
    pub(crate) bearer: Option<String>,
    pub(crate) timeout: Option<f64>,
    pub(crate) max_body: Option<u64>,
}

/// The output of a step holds 8 MiB of JSON; escapes take a part of it.
const LARGEST: u64 = 6 << 20;

impl Sending {
    /// Puts the request together.
    pub(crate) fn prepare(self, ctx: &Context) -> Result<(String, String, Request), Failure> {
        let bodies = [self.json.is_some(), self.text.is_some(), !self.form.is_empty()];
        if bodies.into_iter().filter(|body| *body).count() > 1 {
            return Err(Failure::invalid_input(
                "a request has one body: `json`, `text` or `form`",
            ));
        }
        if self.basic.is_some() && self.bearer.is_some() {
            return Err(Failure::invalid_input("a request has one of `basic` and `bearer`"));
        }
        let has_body = bodies.contains(&true);
        let method = match self.method {
            Some(method) => method.to_ascii_uppercase(),
            None if has_body => "POST".to_owned(),
            None => "GET".to_owned(),
        };
        let mut prepared = request(&method, &self.url).max_body(self.max_body.unwrap_or(LARGEST));
        let named = |wanted: &str| self.headers.keys().any(|name| name.eq_ignore_ascii_case(wanted));
        if !named("user-agent") {
            prepared = prepared.header("user-agent", concat!("cofferdam/", env!("CARGO_PKG_VERSION")));
        }
        let is_safe = matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS");
        if !is_safe && !named("idempotency-key") {
            // The same for every attempt: a receiver that knows such keys does the work once.
            prepared = prepared.header("idempotency-key", ctx.token());
        }
        for (name, value) in &self.headers {
            prepared = prepared.header(name, value);
        }
        if let Some(basic) = &self.basic {
            let password = match (&basic.password, &basic.secret) {
                (Some(password), None) => password.clone(),
                (None, Some(secret)) => ctx.secret(secret)?,
                (None, None) => String::new(),
                (Some(_), Some(_)) => {
                    return Err(Failure::invalid_input("`basic` has one of `password` and `secret`"));
                }
            };
            prepared = prepared.basic_auth(&basic.user, password);
        }
        if let Some(bearer) = &self.bearer {
            prepared = prepared.header("authorization", format!("Bearer {}", ctx.secret(bearer)?));
        }
        prepared = prepared.query(fields(&self.query)?);
        if let Some(json) = &self.json {
            prepared = prepared.json(json);
        } else if let Some(text) = self.text {
            prepared = prepared.text(text);
        } else if !self.form.is_empty() {
            prepared = prepared.form(fields(&self.form)?);
        }
        if let Some(seconds) = self.timeout {
            let timeout = Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|timeout| !timeout.is_zero());
            let timeout = timeout.ok_or_else(|| Failure::invalid_input("`timeout` is a number of seconds above 0"))?;
            prepared = prepared.timeout(timeout);
        }
        Ok((method, self.url, prepared))
    }
}

/// Returns plain values as the texts that a query or a form holds; a list is the same name several times.
fn fields(values: &BTreeMap<String, Value>) -> Result<Vec<(String, String)>, Failure> {
    let mut fields = Vec::new();
    for (name, value) in values {
        let one = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(Failure::invalid_input(format!(
                "`{name}` is no text, number or switch, nor a list of them"
            ))),
        };
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items {
                    fields.push((name.clone(), one(item)?));
                }
            }
            other => fields.push((name.clone(), one(other)?)),
        }
    }
    Ok(fields)
}

/// Returns the answer if its status is among those that are wanted, else the failure that it stands for.
pub(crate) fn wanted(response: Response, method: &str, url: &str, accept: &[u16]) -> Result<Response, Failure> {
    if (200..300).contains(&response.status) || accept.contains(&response.status) {
        return Ok(response);
    }
    let mut failure = response.failure(method, url);
    if let Some(location) = response
        .header("location")
        .filter(|_| (300..400).contains(&response.status))
    {
        failure = failure.with_detail("location", without_query(location));
    }
    if let Ok(text) = response.text() {
        let end = text.floor_char_boundary(text.len().min(1024));
        if end > 0 {
            failure = failure.with_detail("body", &text[..end]);
        }
    }
    Err(failure)
}

/// Returns headers by name; several of one name are joined as lists are.
pub(crate) fn headers(response: &Response) -> Map<String, Value> {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &response.headers {
        match headers.get_mut(name) {
            Some(Value::String(present)) => *present = format!("{present}, {value}"),
            _ => {
                headers.insert(name.clone(), Value::String(value.clone()));
            }
        }
    }
    headers
}

/// Returns the body as JSON where the server says that it is.
pub(crate) fn json(response: &Response) -> Result<Option<Value>, Failure> {
    let kind = response.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json" || kind.ends_with("+json");
    if !is_json || response.body.is_empty() {
        return Ok(None);
    }
    response.json().map(Some)
}
