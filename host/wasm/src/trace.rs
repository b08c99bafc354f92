//! What the traces of a broken guest say: its panic message and the functions it was in.

use crate::log::printable;
use wasmtime::WasmBacktrace;

/// A panic, as the guest's language reported it on the standard error stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panic {
    pub(crate) location: String,
    pub(crate) message: String,
}

const MAX_FRAMES: usize = 16;
const MAX_MESSAGE: usize = 1024;

/// Returns the last panic that `stderr` tells of, in the form that Rust gives it.
pub(crate) fn panic(stderr: &str) -> Option<Panic> {
    let (_, told) = stderr.rsplit_once("panicked at ")?;
    let (place, rest) = told.split_once('\n').unwrap_or((told, ""));
    // file:line:column: of which the column helps nobody.
    let location = place
        .trim_end_matches(':')
        .rsplit_once(':')
        .map_or(place, |(location, _)| location);
    let message = rest.split("note: run with").next().unwrap_or_default().trim();
    Some(Panic {
        location: printable(location, MAX_MESSAGE),
        message: printable(message, MAX_MESSAGE),
    })
}

/// Returns the innermost functions, innermost first.
pub(crate) fn frames(error: &wasmtime::Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    backtrace
        .to_string()
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|(_, frame)| printable(frame, 256))
        .take(MAX_FRAMES)
        .collect()
}

/// Returns whether the innermost functions are few that repeat, as when recursion has used up a stack.
pub(crate) fn repeats(error: &wasmtime::Error) -> bool {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return false;
    };
    let mut functions: Vec<u32> = backtrace.frames().iter().map(wasmtime::FrameInfo::func_index).collect();
    let depth = functions.len();
    functions.sort_unstable();
    functions.dedup();
    depth >= MAX_FRAMES && functions.len() <= MAX_FRAMES / 4
}

#[cfg(test)]
mod tests {
    use super::{Panic, panic};

    #[test]
    fn the_last_panic_is_found() {
        let stderr = "warming up\n\nthread '<unnamed>' (1) panicked at src/lib.rs:13:5:\nindex out of bounds: the len is 3\n\
                      note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let expected = Panic {
            location: "src/lib.rs:13".to_owned(),
            message: "index out of bounds: the len is 3".to_owned(),
        };
        assert_eq!(panic(stderr), Some(expected));
        assert_eq!(panic("nothing of that kind"), None);
    }
}
