//! What holds for guests that mean no good, and for those that do.

mod copying;
mod crowd;
mod disowned;
mod filling;
mod finding;
mod granting;
mod guests;
mod hostile;
mod loading;
mod renewing;
mod running;
mod values;
