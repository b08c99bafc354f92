//! Whoever watches a run may be slow, hang or panic: the run waits for nobody.

use crate::driving::{Script, ended, host, kinds, request, start};
use cofferdam_engine::{RunId, RunStatus};
use cofferdam_runtime::{Host, Notice, Observer, Unheard};
use cofferdam_store::RunLog;
use cofferdam_testkit::memory_log::MemoryLog;
use cofferdam_testkit::plan_builder::{call, workflow};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// Does not come back from its first notice before it is let go.
struct Stuck {
    let_go: Mutex<Receiver<()>>,
    heard: Sender<&'static str>,
}

impl Observer for Stuck {
    fn notice(&self, notice: Notice<'_>) {
        // Whoever lets go is gone later on.
        let _ = self.let_go.lock().unwrap().recv();
        let _ = self.heard.send(match notice {
            Notice::Durable(_) => "durable",
            Notice::Said { .. } | Notice::Progressed { .. } => "said",
            Notice::Ended { .. } => "ended",
        });
    }
}

// row N06
#[tokio::test]
async fn an_observer_that_hangs_delays_no_step_and_hears_everything_once_it_listens() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let (let_go, held) = channel();
    let (heard, hears) = channel();
    let observer = Arc::new(Stuck {
        let_go: Mutex::new(held),
        heard,
    });
    let plan = workflow([call("first"), call("second"), call("third")]).plan();
    let host = with(&log, &script);
    let driving = host.start(RunId::from_bits(7), request(plan), observer);
    while kinds(&log, "run.finished").await == 0 {
        tokio::task::yield_now().await;
    }
    assert!(hears.try_recv().is_err(), "the observer has come back");
    assert_eq!(script.entered().len(), 3);
    drop(let_go);
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    let told: Vec<_> = hears.try_iter().collect();
    assert_eq!(told.iter().filter(|kind| **kind == "ended").count(), 3, "{told:?}");
    assert_eq!(host.unheard(), Unheard::default());
}

/// Cannot bear anything.
struct Nervous;

impl Observer for Nervous {
    fn notice(&self, _: Notice<'_>) {
        std::panic::resume_unwind(Box::new("oh no"));
    }
}

// row N06
#[tokio::test]
async fn an_observer_that_panics_is_counted_and_stops_nothing() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let host = with(&log, &script);
    let plan = workflow([call("first"), call("second")]).plan();
    let driving = host.start(RunId::from_bits(7), request(plan), Arc::new(Nervous));
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
    let unheard = host.unheard();
    assert_eq!(unheard.left_out, 0);
    assert!(
        unheard.panics >= 3,
        "{unheard:?}: two attempts ended and something was recorded"
    );
}

fn with(log: &Arc<dyn RunLog>, script: &Arc<Script>) -> Host {
    Host::new(
        Arc::clone(log),
        Arc::new(crate::driving::Actions(Arc::clone(script))),
        4,
    )
}

#[tokio::test]
async fn a_run_that_waits_until_it_is_told_decides_and_enters_nothing_before() {
    let log: Arc<dyn RunLog> = Arc::new(MemoryLog::new(host("a")));
    let script = Arc::new(Script::default());
    let plan = workflow([call("gate"), call("last")]).plan();
    let (host, driving) = start(&log, &script, 4, plan);
    while script.entered().is_empty() {
        tokio::task::yield_now().await;
    }
    driving.interrupt(std::time::Duration::ZERO).await;
    driving.wait().await.unwrap();

    let claim = log.claim(RunId::from_bits(7)).await.unwrap();
    let observer = Arc::new(cofferdam_runtime::Unobserved);
    let driving = host.take_up_when_told(claim, observer).await.unwrap();
    while kinds(&log, "run.adopted").await == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(script.entered().len(), 1, "somebody was entered again");
    driving.go_on().await;
    while script.entered().len() < 2 {
        tokio::task::yield_now().await;
    }
    script.open_the_gate();
    assert_eq!(ended(driving.wait().await.unwrap()), RunStatus::Completed);
}
