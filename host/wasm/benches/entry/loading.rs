//! How long does it take to load a component whose compiled code is kept?

use super::Result;
use crate::table::{Table, median};
use cofferdam_wasm::{Sandbox, SandboxOptions};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const SIZE: usize = 1_000_000;
const ROUNDS: usize = 9;

/// Measures the largest first-party component, filled up to a megabyte.
pub(crate) async fn measure(table: &mut Table, plugin: &Path) -> Result<()> {
    let mut bytes = std::fs::read(plugin)?;
    let own = bytes.len() / 1_000;
    fill_up(&mut bytes);
    let bytes: Arc<[u8]> = bytes.into();
    let directory = tempfile::tempdir()?;
    let options = || SandboxOptions {
        slots: 2,
        vault: Some(directory.path().join("code")),
        ..SandboxOptions::default()
    };
    table.section(&format!(
        "a component of 1 MB ({own} KB of them its own), its code kept"
    ));
    let began = Instant::now();
    Sandbox::new(&options())?.load(Arc::clone(&bytes)).await?;
    table.row(
        "compiled first, in this process",
        &format!("{:.0} ms", began.elapsed().as_secs_f64() * 1e3),
    );
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        // As in another process: nothing of it is in memory.
        let sandbox = Sandbox::new(&options())?;
        let began = Instant::now();
        sandbox.load(Arc::clone(&bytes)).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let half = median(times);
    table.bar("loaded after that", &format!("{half:.2} ms"), "< 5 ms", half < 5.0);
    Ok(())
}

/// Adds a custom section.
fn fill_up(bytes: &mut Vec<u8>) {
    const NAME: &[u8] = b"filling";
    let Some(missing) = SIZE.checked_sub(bytes.len() + 16) else {
        return;
    };
    let mut length = missing + NAME.len() + 1;
    bytes.push(0);
    // In seven bits each, as the format has it.
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.push(NAME.len() as u8);
    bytes.extend_from_slice(NAME);
    bytes.resize(bytes.len() + missing, 0);
}
