//! What is in a file?

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cofferdam_plugin::{Failure, action, data, file_failure};

/// The output of a step holds 8 MiB of JSON; escapes and base64 take a part of it.
const LARGEST: u64 = 6 << 20;

/// How the content is handed over.
#[data]
#[derive(Copy, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// As text; the file must be UTF-8.
    #[default]
    Text,
    /// As base64, for any file.
    Base64,
}

/// Content of a file.
#[data]
#[derive(Eq)]
pub(crate) struct Content {
    path: String,
    /// Size of the file in bytes.
    size: u64,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The bytes, when `encoding` is `base64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// Reads a file.
#[action(needs = [read], example = { "path": "README.md" })]
pub(crate) fn read(
    /// Path of the file.
    path: String,
    /// `text` or `base64`.
    #[serde(default)]
    encoding: Encoding,
) -> Result<Content, Failure> {
    let metadata = fs::metadata(&path).map_err(|error| file_failure(&path, &error))?;
    if metadata.is_dir() {
        let message = format!("`{path}` is a directory: `fs.list` lists its files");
        return Err(Failure::invalid_input(message).with_code("directory"));
    }
    if !metadata.is_file() {
        return Err(no_file(&path));
    }
    let size = metadata.len();
    if size > LARGEST {
        let message = format!("`{path}` has {size} bytes; what a step hands on holds {LARGEST}");
        return Err(Failure::invalid_input(message).with_code("too-large"));
    }
    let bytes = fs::read(&path).map_err(|error| file_failure(&path, &error))?;
    let size = bytes.len() as u64;
    match encoding {
        Encoding::Base64 => Ok(Content {
            path,
            size,
            text: None,
            base64: Some(STANDARD.encode(bytes)),
        }),
        Encoding::Text => match String::from_utf8(bytes) {
            Ok(text) => Ok(Content {
                path,
                size,
                text: Some(text),
                base64: None,
            }),
            Err(error) => Err(Failure::invalid_input(format!(
                "`{path}` is not UTF-8 text (byte {}): read it with encoding = \"base64\"",
                error.utf8_error().valid_up_to()
            ))
            .with_code("not-text")),
        },
    }
}

/// Returns the failure for a pipe, a socket or a device, which might be waited for without end.
pub(crate) fn no_file(path: &str) -> Failure {
    Failure::invalid_input(format!(
        "`{path}` is no regular file: pipes, sockets and devices are not read"
    ))
    .with_code("not-a-file")
}

#[cfg(test)]
mod tests {
    use cofferdam_plugin::{Context, json};

    use crate::plugin;

    #[test]
    fn text_and_bytes() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x");
        let path = path.to_str().unwrap();
        std::fs::write(path, b"a\xff").unwrap();
        let ctx = Context::for_test();
        let refused = plugin().call("read", json!({ "path": path }), &ctx).unwrap_err();
        assert!(
            refused
                .message()
                .ends_with("is not UTF-8 text (byte 1): read it with encoding = \"base64\"")
        );
        let read = plugin()
            .call("read", json!({ "path": path, "encoding": "base64" }), &ctx)
            .unwrap();
        assert_eq!(read, json!({ "path": path, "size": 2, "base64": "Yf8=" }));
        std::fs::write(path, "grün").unwrap();
        let read = plugin().call("read", json!({ "path": path }), &ctx).unwrap();
        assert_eq!(read, json!({ "path": path, "size": 5, "text": "grün" }));
    }

    #[test]
    fn a_missing_file_is_named() {
        let refused = plugin()
            .call("read", json!({ "path": "/no/such" }), &Context::for_test())
            .unwrap_err();
        assert_eq!(refused.to_string(), "permanent: `/no/such`: no such file or directory");
    }
}
