//! How does an answer get into a file?

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;

use cofferdam_plugin::{Context, Failure, action, data, file_failure};

use crate::sending::{Basic, Sending, wanted};

/// A file that was written.
#[data]
#[derive(Eq)]
pub(crate) struct Downloaded {
    /// The file.
    path: String,
    /// Its size in bytes.
    size: u64,
    /// The status of the answer.
    status: u16,
    /// What the server says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
}

/// Puts the body of an answer into a file, which is there whole or not at all.
#[action(
    needs = [network, write, optional secret],
    retry = "transient",
    example = { "url": "https://example.org/data.csv", "path": "out/data.csv" }
)]
pub(crate) fn download(
    /// Address, with https:// or http://.
    url: String,
    /// The file, in a directory that may be written.
    path: String,
    /// Headers by name.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// User name, and password or the name of the secret that is it.
    basic: Option<Basic>,
    /// Name of the secret that is the bearer token.
    bearer: Option<String>,
    /// Seconds to connect, to the first byte, and between bytes.
    timeout: Option<f64>,
    /// Largest body of the answer in bytes; the limit `http_body` of the host holds besides.
    max_body: Option<u64>,
    ctx: &Context,
) -> Result<Downloaded, Failure> {
    let sending = Sending {
        url,
        headers,
        basic,
        bearer,
        timeout,
        max_body: Some(max_body.unwrap_or(u64::MAX)),
        ..Sending::default()
    };
    let (method, url, request) = sending.prepare(ctx)?;
    // Beside the file, so that it can be given its name at the end; named after the attempt, so that no two meet.
    let aside = format!("{path}.{}-{}-{}", ctx.token(), ctx.attempt(), ctx.delivery());
    let failed = |error: &std::io::Error| file_failure(&path, error);
    let mut file = File::create(&aside).map_err(|error| failed(&error))?;
    let mut size = 0_u64;
    let fetched = request
        .send_into(ctx, &mut |bytes: &[u8]| {
            size += bytes.len() as u64;
            ctx.progress(size, None, "bytes");
            file.write_all(bytes).map_err(|error| failed(&error))
        })
        .and_then(|response| wanted(response, &method, &url, &[]))
        .and_then(|response| file.sync_all().map(|()| response).map_err(|error| failed(&error)));
    let response = match fetched {
        Ok(response) => response,
        Err(failure) => {
            // What is half there is of no use; that it stays is worth no failure of its own.
            let _ = fs::remove_file(&aside);
            return Err(failure);
        }
    };
    fs::rename(&aside, &path).map_err(|error| failed(&error))?;
    Ok(Downloaded {
        size,
        status: response.status,
        content_type: response.header("content-type").map(str::to_owned),
        path,
    })
}
