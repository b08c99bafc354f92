//! How the bytes of a component become code of this machine, and in which process.
//!
//! Compilation is attack surface: it works on what a stranger wrote, and small components can be made that cost it minutes
//! and gigabytes. Nothing reaches it that [`crate::precheck`] has not passed; what passed and is expensive all the same is
//! stopped where a process of its own compiles it, and only there.

use crate::precheck::MAX_FILE;
use crate::sandbox;
use rustix::process::{Resource, Rlimit};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use wasmtime::Engine;

/// Which process compiles components.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// This one: nothing but the look at a component before bounds what compiling it costs.
    #[default]
    InProcess,
    /// One of its own for each component, stopped when it takes too much. The program must do what
    /// [`compile_for_parent`] does when it is started with these arguments and two more, the numbers of the limits.
    Process {
        /// The program, such as the one that runs now.
        program: PathBuf,
        /// Its arguments before those of the limits.
        arguments: Vec<OsString>,
        /// What a compilation may take.
        limits: CompileLimits,
    },
}

/// What the compilation of one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// For how long.
    pub wall: Duration,
    /// How many bytes of memory.
    pub memory: u64,
}

impl Default for CompileLimits {
    /// Returns limits that honest components stay below by far: the largest seen take 6 s and 0.5 GB.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(60),
            memory: 2 << 30,
        }
    }
}

/// Why there is no code.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("not valid: {0}")]
    Invalid(String),
    #[error("the compiler broke down over it")]
    BrokeDown,
    #[error("compiling it takes longer than {0:?}; `compile = {{ wall = \"..\" }}` of [limits] allows more")]
    TooLong(Duration),
    #[error(
        "the compiler broke down or was stopped; it may take {} MiB, and `compile = {{ memory = \"..\" }}` of [limits] allows more", .0 >> 20
    )]
    Stopped(u64),
    #[error("the process that compiles cannot be started: {0}")]
    NoProcess(String),
}

// What the process that compiles says first, before the code or the reason.
const CODE: u8 = b'c';
const INVALID: u8 = b'i';
/// Code is about thirty times as large as the component at most.
const MAX_CODE: u64 = 2 << 30;

/// Returns the code of `component`, for this engine only.
pub(crate) fn compile(compiler: &Compiler, engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    match compiler {
        Compiler::InProcess => compile_here(engine, component),
        Compiler::Process {
            program,
            arguments,
            limits,
        } => {
            let mut command = Command::new(program);
            command
                .args(arguments)
                .arg(limits.wall.as_secs().max(1).to_string())
                .arg(limits.memory.to_string());
            compile_there(command, limits, component)
        }
    }
}

fn compile_here(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    match catch_unwind(AssertUnwindSafe(|| engine.precompile_component(component))) {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Err(CompileError::Invalid(first_line(&format!("{error:#}")))),
        Err(_) => Err(CompileError::BrokeDown),
    }
}

/// Hands `component` to a process and returns what it makes of it. The process has nothing of this one: no environment,
/// no files but the two pipes.
fn compile_there(mut command: Command, limits: &CompileLimits, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let spawned = command
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = spawned.map_err(|error| CompileError::NoProcess(error.to_string()))?;
    let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(CompileError::NoProcess("it has no pipes".to_owned()));
    };
    let (tell, told) = mpsc::channel();
    let mut said = Vec::new();
    let in_time = thread::scope(|scope| {
        scope.spawn(move || {
            // A process that ended before it read all has said why.
            let _ = to.write_all(component);
        });
        let said = &mut said;
        scope.spawn(move || {
            let _ = from.take(MAX_CODE).read_to_end(said);
            let _ = tell.send(());
        });
        let in_time = told.recv_timeout(limits.wall).is_ok();
        if !in_time {
            // Ends both pipes, and with them both threads.
            let _ = child.kill();
        }
        in_time
    });
    let status = child
        .wait()
        .map_err(|error| CompileError::NoProcess(error.to_string()))?;
    match said.first() {
        _ if !in_time => Err(CompileError::TooLong(limits.wall)),
        Some(&CODE) if status.success() => {
            said.remove(0);
            Ok(said)
        }
        Some(&INVALID) if status.success() => {
            Err(CompileError::Invalid(first_line(&String::from_utf8_lossy(&said[1..]))))
        }
        _ => Err(CompileError::Stopped(limits.memory)),
    }
}

/// Compiles the component on standard input and writes the code to standard output, as a process of [`Compiler::Process`]
/// does. Takes no more than `limits` from then on; what would need more ends the process.
pub fn compile_for_parent(limits: CompileLimits) -> ExitCode {
    // Where the system does not know a limit, the parent still watches the clock.
    let limit = |resource, most| {
        let _ = rustix::process::setrlimit(
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        );
    };
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    // Only for a process whose parent is gone: the parent watches the clock.
    limit(Resource::Cpu, (limits.wall.as_secs() + 1).saturating_mul(cores));
    limit(Resource::Data, limits.memory);
    limit(Resource::Core, 0);
    limit(Resource::Fsize, 0);
    let mut component = Vec::new();
    let read = std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut component);
    let (word, rest) = match read.map(|_| sandbox::compiling_engine()) {
        Ok(Ok(engine)) => match compile_here(&engine, &component) {
            Ok(code) => (CODE, code),
            Err(CompileError::Invalid(reason)) => (INVALID, reason.into_bytes()),
            // A compiler that finds no memory may as well panic as abort.
            Err(_) => return ExitCode::FAILURE,
        },
        Ok(Err(_)) | Err(_) => return ExitCode::FAILURE,
    };
    let mut out = std::io::stdout().lock();
    match out
        .write_all(&[word])
        .and_then(|()| out.write_all(&rest))
        .and_then(|()| out.flush())
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn first_line(text: &str) -> String {
    crate::log::printable(text, 512)
}
