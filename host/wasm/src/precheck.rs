//! Whether bytes look like a component of reasonable size, found out in one pass before anything validates them.
//!
//! Validators and compilers of WebAssembly can be made to use minutes and gigabytes by a few hundred kilobytes: nested
//! components cost them quadratic time, one huge function as much memory as the machine has. Honest components have a
//! nesting depth of 2, at most 14 modules and functions of at most 427 KB.

use crate::log::printable;
use wasmparser::{Encoding, Parser, Payload};
use wasmtime::Engine;

/// Why bytes are not taken as a component.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is something else than WebAssembly.
    #[error("not WebAssembly but {0}")]
    NotWasm(&'static str),
    /// It is code that a compiler has made, which only the host may make for itself.
    #[error("compiled code, not a component: a plugin is the `.wasm` file that `cofferdam plugin build` makes")]
    Compiled,
    /// It is a core module.
    #[error("a core module, not a component: build it for wasm32-wasip2 with `cofferdam plugin build`")]
    CoreModule,
    /// It ends in the middle or its structure is broken.
    #[error("damaged at byte {offset}: {message}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What is wrong there.
        message: String,
    },
    /// It is larger or more complex than any honest component.
    #[error("too large: {found} {what}, of at most {allowed}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is, at least.
        found: u64,
        /// How much there may be.
        allowed: u64,
    },
}

/// What the pass finds on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// The version of the plugin's package, from a custom section.
    pub(crate) version: Option<String>,
}

/// The largest file that is looked at.
pub(crate) const MAX_FILE: u64 = 64 * 1024 * 1024;
const MAX_DEPTH: u64 = 8;
const MAX_MODULES: u64 = 64;
const MAX_FUNCTIONS: u64 = 50_000;
const MAX_BODY: u64 = 1024 * 1024;
/// Imports and exports of components; those of the modules inside have a cap of their own, for dynamic linking is busy.
const MAX_NAMES: u64 = 2_000;
const MAX_CORE_NAMES: u64 = 50_000;
const MAX_TYPES: u64 = 50_000;
const MAX_ITEMS: u64 = 100_000;
/// All custom sections together: debug information has this much, and nothing else has.
const MAX_CUSTOM: u64 = 16 * 1024 * 1024;
/// The SDK and common tools write the version of the package here.
const VERSION_SECTIONS: [&str; 2] = ["version", "cofferdam:version"];
const MAX_VERSION: usize = 64;
/// What somebody reads of a reason.
const MAX_MESSAGE: usize = 512;

/// Looks at every section once, without validating it.
pub(crate) fn survey(bytes: &[u8]) -> Result<Survey, Unfit> {
    preamble(bytes)?;
    let mut survey = Survey::default();
    let mut tally = Tally::default();
    let (mut depth, mut custom) = (0, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(damaged)?;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth += 1;
                at_most("levels of nesting", depth, MAX_DEPTH)?;
                if matches!(payload, Payload::ModuleSection { .. }) {
                    tally.modules.add(1)?;
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) => {
                custom += section.data().len() as u64;
                at_most("bytes in custom sections", custom, MAX_CUSTOM)?;
                if VERSION_SECTIONS.contains(&section.name()) && survey.version.is_none() {
                    survey.version = version(section.data());
                }
            }
            other => tally.count(other)?,
        }
    }
    Ok(survey)
}

struct Counter {
    what: &'static str,
    found: u64,
    allowed: u64,
}

struct Tally {
    modules: Counter,
    functions: Counter,
    names: Counter,
    core_names: Counter,
    types: Counter,
    items: Counter,
}

impl Default for Tally {
    fn default() -> Self {
        let counter = |what, allowed| Counter {
            what,
            found: 0,
            allowed,
        };
        Self {
            modules: counter("modules", MAX_MODULES),
            functions: counter("functions", MAX_FUNCTIONS),
            names: counter("imports and exports", MAX_NAMES),
            core_names: counter("imports and exports of modules", MAX_CORE_NAMES),
            types: counter("types", MAX_TYPES),
            items: counter("definitions", MAX_ITEMS),
        }
    }
}

impl Counter {
    fn add(&mut self, more: u32) -> Result<(), Unfit> {
        self.found += u64::from(more);
        at_most(self.what, self.found, self.allowed)
    }
}

impl Tally {
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), Unfit> {
        match payload {
            Payload::FunctionSection(section) => self.functions.add(section.count()),
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                at_most("bytes in one function", range.end - range.start, MAX_BODY)
            }
            Payload::ImportSection(section) => self.core_names.add(section.count()),
            Payload::ExportSection(section) => self.core_names.add(section.count()),
            Payload::ComponentImportSection(section) => self.names.add(section.count()),
            Payload::ComponentExportSection(section) => self.names.add(section.count()),
            Payload::TypeSection(section) => self.types.add(section.count()),
            Payload::CoreTypeSection(section) => self.types.add(section.count()),
            Payload::ComponentTypeSection(section) => self.types.add(section.count()),
            Payload::GlobalSection(section) => self.items.add(section.count()),
            Payload::TableSection(section) => self.items.add(section.count()),
            Payload::MemorySection(section) => self.items.add(section.count()),
            Payload::TagSection(section) => self.items.add(section.count()),
            Payload::ElementSection(section) => self.items.add(section.count()),
            Payload::DataSection(section) => self.items.add(section.count()),
            Payload::InstanceSection(section) => self.items.add(section.count()),
            Payload::ComponentInstanceSection(section) => self.items.add(section.count()),
            Payload::ComponentAliasSection(section) => self.items.add(section.count()),
            Payload::ComponentCanonicalSection(section) => self.items.add(section.count()),
            // The rest holds no list, or was looked at before; what is new to the parser is the validator's to refuse.
            _ => Ok(()),
        }
    }
}

fn preamble(bytes: &[u8]) -> Result<(), Unfit> {
    at_most("bytes", bytes.len() as u64, MAX_FILE)?;
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(Unfit::Compiled);
    }
    let known: [(&[u8], &'static str); 6] = [
        (b"\x7fELF", "a native program or library"),
        (b"\x1f\x8b", "a gzip file"),
        (b"PK\x03\x04", "a zip file"),
        (b"!<arch>", "an archive"),
        (b"(component", "WebAssembly as text"),
        (b"(module", "WebAssembly as text"),
    ];
    if bytes.is_empty() {
        return Err(Unfit::NotWasm("an empty file"));
    }
    if let Some((_, name)) = known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(Unfit::NotWasm(name));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(Unfit::NotWasm("something else"));
    }
    match Parser::new(0).parse(bytes, true).map_err(damaged)? {
        wasmparser::Chunk::Parsed {
            payload: Payload::Version {
                encoding: Encoding::Component,
                ..
            },
            ..
        } => Ok(()),
        _ => Err(Unfit::CoreModule),
    }
}

fn version(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
    (plain && !text.is_empty() && text.len() <= MAX_VERSION).then(|| text.to_owned())
}

fn at_most(what: &'static str, found: u64, allowed: u64) -> Result<(), Unfit> {
    if found > allowed {
        Err(Unfit::TooLarge { what, found, allowed })
    } else {
        Ok(())
    }
}

fn damaged(error: wasmparser::BinaryReaderError) -> Unfit {
    Unfit::Damaged {
        offset: error.offset(),
        // Its own messages have several lines now and then, with bytes of the file in them.
        message: printable(
            &error.message().split_whitespace().collect::<Vec<_>>().join(" "),
            MAX_MESSAGE,
        ),
    }
}
