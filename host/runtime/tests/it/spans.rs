//! What a tracing subscriber sees of a run.

use crate::driving::{Script, ended, start};
use cofferdam_engine::RunStatus;
use cofferdam_store::{HostId, RunLog};
use cofferdam_testkit::memory_log::MemoryLog;
use cofferdam_testkit::plan_builder::{call, workflow};
use std::sync::{Arc, Mutex};
use tracing::Subscriber;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Remembers the names of spans from the outermost to the one that was opened.
struct Paths(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Paths {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(scope) = context.span_scope(id) else { return };
        let names: Vec<&str> = scope.from_root().map(|span| span.name()).collect();
        self.0.lock().unwrap().push(names.join(" > "));
    }
}

// row N08
#[test]
fn a_run_is_a_span_around_its_steps_and_their_calls() {
    let paths = Arc::default();
    let subscriber = tracing_subscriber::registry().with(Paths(Arc::clone(&paths)));
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(HostId::parse("a").unwrap()));
            let plan = workflow([call("first"), call("last")]).plan();
            let (_host, driving) = start(&log, &Arc::new(Script::default()), 2, plan);
            assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
        });
    });
    let seen = paths.lock().unwrap().clone();
    assert_eq!(
        seen,
        [
            "run",
            "run > step",
            "run > step > call",
            "run > step",
            "run > step > call"
        ]
    );
}
