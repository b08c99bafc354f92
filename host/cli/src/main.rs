//! The binary `cofferdam`: reads the command line, carries it out, says what went wrong.

mod arguments;
mod builtin;
mod commands;
mod diagnostics;
mod equipment;
mod explanations;
mod failure;
mod inputs;
mod mouth;
mod progress;
mod report;
mod run_log;
mod station;
mod table;
mod talk;
mod tree;
mod watch;
mod workflows;

use crate::arguments::Arguments;
use crate::failure::{Exit, Failure};
use crate::talk::{BAD, Look, say};
use clap::Parser;
use cofferdam_runtime::guest_threads;
use cofferdam_wasm::CompileLimits;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    if let Some(limits) = compile_limits() {
        return cofferdam_wasm::compile_for_parent(limits);
    }
    raise_open_files();
    keep_memory_to_itself();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help to stdout and mistakes to stderr.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Done.into()
            };
        }
    };
    let look = Look::of(arguments.manner.color, arguments.manner.plain);
    let filter = tracing_subscriber::EnvFilter::try_from_env("COFFERDAM_LOG").unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(mouth::Lines::default)
        .with_ansi(look.colour)
        .init();
    let carried_out = catch_unwind(AssertUnwindSafe(|| carry_out(arguments)));
    let exit = match carried_out.unwrap_or_else(|_| Err(panicked())) {
        Ok(exit) => match talk::unprinted() {
            Some(reason) => {
                let failure = unprinted(exit, reason);
                complain(&failure, &look);
                failure.exit
            }
            None => exit,
        },
        Err(failure) => {
            let failure = failure.with_state_in_mind();
            complain(&failure, &look);
            failure.exit
        }
    };
    mouth::finish();
    exit.into()
}

/// Lets no dump of a crash hold what is in memory: secrets and what guests were given among it.
fn keep_memory_to_itself() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        ..getrlimit(Resource::Core)
    };
    // Who cannot be refused a dump has one; nothing else depends on it.
    let _ = setrlimit(Resource::Core, none);
    // A program that the system hands dumps to has no such limit, and gets one without memory.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/coredump_filter", "0");
}

/// Takes as many open files as this user may have: what a login shell leaves is meant for one program, and all guests of a
/// host share it.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where the system does not let it be raised it stays as it is.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

/// Returns what compiling may take if this process was started to compile and do nothing else.
fn compile_limits() -> Option<CompileLimits> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != station::COMPILE {
        return None;
    }
    let mut number = || arguments.next()?.parse().ok();
    Some(CompileLimits {
        wall: Duration::from_secs(number()?),
        memory: number()?,
    })
}

/// Returns the failure of a command in which something panicked: what is in memory is not to be trusted any more (rule C13).
fn panicked() -> Failure {
    let failure = Failure::new(Exit::Internal, "a fault of this program ended it, as told above");
    failure.hint("what is recorded is kept: cofferdam runs, cofferdam resume RUN")
}

/// Returns the failure of a command that did what it should and could not say so.
fn unprinted(exit: Exit, reason: &std::io::Error) -> Failure {
    let failure = Failure::new(
        if exit == Exit::Done { Exit::Internal } else { exit },
        format!("the output could not be written: {reason}"),
    );
    failure.hint("what was done is recorded: cofferdam show last")
}

fn carry_out(arguments: Arguments) -> Result<Exit, Failure> {
    // A deadline must not wait for a guest: the control side has threads of its own.
    let control = control_threads().map_err(unthreaded)?;
    let guests = guest_threads().map_err(unthreaded)?;
    let outcome = control.block_on(async {
        // A file that may not grow is an error of the write that it happens to, not the end of this process.
        let _too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
        commands::carry_out(arguments, guests.handle().clone()).await
    });
    // A guest's file operation that blocks for ever must not keep the process.
    guests.shutdown_background();
    control.shutdown_background();
    outcome
}

fn control_threads() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("control")
        .enable_all()
        .build()
}

fn unthreaded(error: std::io::Error) -> Failure {
    Failure::of(Exit::Internal, error)
}

/// Returns an error in words: the number that the system has for it tells people nothing.
fn worded(error: &(dyn std::error::Error + 'static)) -> String {
    let text = error.to_string();
    let mut words = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(" (os error ") {
        words.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    words + rest
}

/// Says what went wrong, why, and what to do.
fn complain(failure: &Failure, look: &Look) {
    let word = match failure.code {
        Some(code) => format!("error[{code}]"),
        None => "error".to_owned(),
    };
    let mut causes = failure.error.chain();
    let message = causes.next().map(worded).unwrap_or_default();
    say(format!("{}: {message}", look.paint(BAD, &word)));
    let mut last = message;
    for cause in causes {
        let cause = worded(cause);
        if !last.contains(&cause) {
            say(format!("  caused by: {cause}"));
        }
        last = cause;
    }
    for hint in &failure.hints {
        say(format!("  = help: {hint}"));
    }
}
