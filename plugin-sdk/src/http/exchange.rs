//! How does a request become calls of the standard interface?

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;

use super::{Request, Response, too_large, without_query};
use crate::context::Context;
use crate::failure::Failure;

const CHUNK: u64 = 64 * 1024;

/// Sends a request and hands the body of the answer on.
pub(super) fn exchange(
    request: &Request,
    ctx: &Context,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<Response, Failure> {
    let outgoing = outgoing(request)?;
    let body = match &request.body {
        Some(bytes) => {
            let body = outgoing
                .body()
                .map_err(|()| Failure::transient("the request takes no body"))?;
            Some((body, bytes))
        }
        None => None,
    };
    let answer = outgoing_handler::handle(outgoing, options(request)?).map_err(|error| said(request, &error))?;
    // Written while the host sends: what is written before has no room anywhere.
    if let Some((body, bytes)) = body {
        write(body, bytes)?;
    }
    let pollable = answer.subscribe();
    pollable.block();
    drop(pollable);
    let response = match answer.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(error))) => return Err(said(request, &error)),
        Some(Err(())) | None => return Err(Failure::transient("the answer is gone")),
    };
    let head = head(&response);
    let body = response
        .consume()
        .map_err(|()| Failure::transient("the answer has no body"))?;
    read(request, ctx, &body, take)?;
    Ok(head)
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, Failure> {
    let refuse = |what: &str| Failure::invalid_input(format!("`{}` {what}", without_query(&request.url)));
    let (scheme, rest) = request
        .url
        .split_once("://")
        .ok_or_else(|| refuse("must begin with https:// or http://"))?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(refuse("must begin with https:// or http://")),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let headers = Fields::new();
    for (name, value) in &request.headers {
        headers
            .append(name, value.as_bytes())
            .map_err(|error| Failure::invalid_input(format!("the header `{name}` cannot be sent: {error:?}")))?;
    }
    if let Some(body) = &request.body {
        let length = body.len().to_string().into_bytes();
        headers
            .set("content-length", &[length])
            .map_err(|error| Failure::invalid_input(format!("the length cannot be sent: {error:?}")))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    outgoing
        .set_method(&method(&request.method))
        .map_err(|()| Failure::invalid_input(format!("`{}` is no method", request.method)))?;
    outgoing
        .set_scheme(Some(&scheme))
        .map_err(|()| refuse("has no scheme that can be sent"))?;
    outgoing
        .set_authority(Some(authority))
        .map_err(|()| refuse("names no host that can be asked"))?;
    outgoing
        .set_path_with_query(Some(&path))
        .map_err(|()| refuse("has a path that cannot be sent: encode spaces and the like"))?;
    Ok(outgoing)
}

fn options(request: &Request) -> Result<Option<RequestOptions>, Failure> {
    let Some(timeout) = request.timeout else {
        return Ok(None);
    };
    let options = RequestOptions::new();
    let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    options
        .set_connect_timeout(Some(nanoseconds))
        .and_then(|()| options.set_first_byte_timeout(Some(nanoseconds)))
        .and_then(|()| options.set_between_bytes_timeout(Some(nanoseconds)))
        .map_err(|()| Failure::invalid_input("the timeout cannot be kept"))?;
    Ok(Some(options))
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Failure> {
    let stream = body
        .write()
        .map_err(|()| Failure::transient("the request takes no body"))?;
    let mut rest = bytes;
    while !rest.is_empty() {
        stream.subscribe().block();
        // When the host has stopped reading, the answer says why.
        let Ok(room) = stream.check_write() else { return Ok(()) };
        let next = rest.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let (now, later) = rest.split_at(next);
        if stream.write(now).is_err() {
            return Ok(());
        }
        rest = later;
    }
    let _ = stream.flush();
    stream.subscribe().block();
    drop(stream);
    // The same: an error here is one of the answer, too.
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

fn head(response: &IncomingResponse) -> Response {
    let fields = response.headers().entries();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    Response {
        status: response.status(),
        headers: fields
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), text(value)))
            .collect(),
        body: Vec::new(),
    }
}

fn read(
    request: &Request,
    ctx: &Context,
    body: &IncomingBody,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stream = body
        .stream()
        .map_err(|()| Failure::transient("the answer has no body"))?;
    let mut got = 0_u64;
    loop {
        ctx.check_cancelled()?;
        match stream.blocking_read(CHUNK) {
            Ok(bytes) => {
                got += bytes.len() as u64;
                if got > request.largest {
                    return Err(too_large(request.largest));
                }
                take(&bytes)?;
            }
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match wasip2::http::types::http_error_code(&error) {
                    Some(code) => said(request, &code),
                    None => Failure::transient(format!("the answer broke off: {}", error.to_debug_string())),
                });
            }
        }
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// Returns the failure that an error of the host stands for.
fn said(request: &Request, error: &ErrorCode) -> Failure {
    let at = format!("{} {}", request.method, without_query(&request.url));
    let permanent = |why: &str, code: &str| Failure::permanent(format!("{at}: {why}")).with_code(code);
    let transient = |why: &str, code: &str| Failure::transient(format!("{at}: {why}")).with_code(code);
    match error {
        ErrorCode::HttpRequestDenied => permanent("not granted", "denied"),
        ErrorCode::HttpResponseBodySize(_) => {
            permanent("the answer is longer than the limit `http_body` allows", "too-large")
        }
        ErrorCode::HttpRequestBodySize(_) => {
            permanent("the body is longer than the limit `http_body` allows", "too-large")
        }
        ErrorCode::HttpResponseHeaderSectionSize(_) => permanent("the answer has too many headers", "too-large"),
        ErrorCode::ConnectionLimitReached => {
            permanent("more requests at once than the limit `http_calls` allows", "too-many")
        }
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
            Failure::invalid_input(format!("{at}: it cannot be sent")).with_code("invalid")
        }
        ErrorCode::TlsCertificateError => permanent("the server cannot prove who it is", "tls"),
        ErrorCode::TlsProtocolError => permanent("the server does not speak TLS that is safe", "tls"),
        ErrorCode::DnsError(_) => transient("the host has no address", "dns"),
        ErrorCode::DnsTimeout => transient("nobody says which address the host has", "dns"),
        ErrorCode::ConnectionRefused | ErrorCode::DestinationUnavailable => {
            transient("the server takes no connection", "connect")
        }
        ErrorCode::ConnectionTimeout => transient("the server does not answer the connection", "timeout"),
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            transient("the server does not go on answering", "timeout")
        }
        ErrorCode::HttpResponseIncomplete | ErrorCode::ConnectionTerminated => {
            transient("the connection broke off", "broken")
        }
        ErrorCode::HttpProtocolError => permanent("the answer is not HTTP", "protocol"),
        ErrorCode::InternalError(Some(why)) => permanent(why, "failed"),
        other => transient(&format!("{other:?}"), "failed"),
    }
}
