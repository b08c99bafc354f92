//! What does a file of signatures look like?
//!
//! A first line that names the format, then one line for each signature: the public key, the plugin, the component, the
//! signature. Lines that are empty or begin with `#` mean nothing.

use super::{Beside, PublicKey, Signature, Signatures};
use crate::descriptor::is_name;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cofferdam_engine::Digest;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const HEAD: &str = "cofferdam signatures 1";
/// The number of the line of the first signature in a file that this program writes.
pub(super) const FIRST_LINE: usize = 2;
/// More signatures than a component has, so that nobody makes a host check them for ever.
const MOST: usize = 32;
const LONGEST: u64 = 16 * 1024;
/// What is wrong with a file need not be said longer than it is.
const MOST_FAULTS: usize = 16;

pub(super) fn read(file: &Path) -> Signatures {
    let shown = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match text(file) {
        Ok(Some(text)) => parse(&text),
        Ok(None) => Signatures::default(),
        Err(error) => damaged(vec![format!("{shown} cannot be read: {error}")]),
    }
}

/// Returns the text of a file, if there is one. Opening a pipe would wait for whoever writes to it.
fn text(file: &Path) -> io::Result<Option<String>> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(file);
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !opened.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    opened.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 16 KiB"));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| io::Error::other("it is not UTF-8 text"))
}

pub(super) fn parse(text: &str) -> Signatures {
    let mut faults = Vec::new();
    let mut lines = Vec::new();
    let mut numbered = text.lines().zip(1..);
    match numbered.next() {
        Some((HEAD, _)) => {}
        Some((first, _)) if first.starts_with("cofferdam signatures ") => {
            faults.push(format!("line 1: this cofferdam knows `{HEAD}` and no other format"));
        }
        Some(_) | None => faults.push(format!("line 1: it must be `{HEAD}`")),
    }
    for (line, number) in numbered {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match signature(line) {
            Ok(signature) => lines.push((number, signature)),
            Err(reasons) => faults.push(format!("line {number}: {}", reasons.join(", "))),
        }
    }
    if lines.len() > MOST {
        faults.push(format!("it has {} signatures, more than {MOST}", lines.len()));
    }
    if !faults.is_empty() {
        return damaged(faults);
    }
    Signatures(if lines.is_empty() {
        Beside::Nothing
    } else {
        Beside::Lines(lines.into())
    })
}

fn damaged(mut faults: Vec<String>) -> Signatures {
    if let Some(more) = faults.len().checked_sub(MOST_FAULTS).filter(|more| *more > 0) {
        faults.truncate(MOST_FAULTS);
        faults.push(format!("and {more} more"));
    }
    Signatures(Beside::Damaged(faults.into()))
}

fn signature(line: &str) -> Result<Signature, Vec<String>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [key, plugin, component, bytes] = words.as_slice() else {
        let count = words.len();
        return Err(vec![format!(
            "a signature is four words (key, plugin, component, signature), not {count}"
        )]);
    };
    let mut reasons = Vec::new();
    let key: Option<PublicKey> = key
        .parse()
        .map_err(|error| reasons.push(format!("the key {error}")))
        .ok();
    if !is_name(plugin) {
        reasons.push("the second word is no name of a plugin".to_owned());
    }
    let component: Option<Digest> = component.parse().ok();
    if component.is_none() {
        reasons.push("the third word is no digest: sha256: and 64 hexadecimal digits".to_owned());
    }
    let bytes: Option<[u8; 64]> = BASE64.decode(bytes).ok().and_then(|bytes| bytes.try_into().ok());
    if bytes.is_none() {
        reasons.push("the signature is not 64 bytes in base64".to_owned());
    }
    match (key, component, bytes) {
        (Some(key), Some(component), Some(bytes)) if reasons.is_empty() => Ok(Signature {
            key,
            plugin: (*plugin).to_owned(),
            component,
            bytes,
        }),
        _ => Err(reasons),
    }
}

pub(super) fn write<'s>(signatures: impl Iterator<Item = &'s Signature>) -> String {
    signatures.fold(format!("{HEAD}\n"), |text, signature| {
        let Signature {
            key,
            plugin,
            component,
            bytes,
        } = signature;
        format!("{text}{key} {plugin} {component} {}\n", BASE64.encode(bytes))
    })
}
