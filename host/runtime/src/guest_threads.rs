//! On which threads do guests compute?

use tokio::runtime::{Builder, Runtime};

/// How much the threads of guests stand back behind those that keep deadlines and the log.
///
/// Who computes without end on every core would else be given its turn before a timer that is due, once for each of the threads that
/// have a part in taking a run up.
const NICENESS: i32 = 10;

/// After how many turns a thread looks at its clock. A turn of a guest that computes lasts as long as a tick of the epoch: with the 61 turns
/// of tokio, a guest that sleeps beside others that never let go would wake half a second late. Deadlines are kept elsewhere.
const TURNS: u32 = 1;

/// Returns the threads on which guests compute: one for each core, of a lower priority than the thread that asks for them.
///
/// # Errors
/// If the threads cannot be started.
pub fn guest_threads() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    Builder::new_multi_thread()
        .worker_threads(cores)
        .thread_name("guests")
        .on_thread_start(stand_back)
        .event_interval(TURNS)
        .enable_all()
        .build()
}

/// Lowers the priority of this thread, where threads have one of their own. Without it everything goes on, timers are late.
fn stand_back() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICENESS);
}
