//! What would it cost without Cofferdam to do what a workflow of components does: the same component entered on the same
//! threads, the same rows committed by one writer with the same barriers?
//!
//! Each run is a task that hands its rows to the writer, waits until they are durable, enters the component, and comes
//! back with the next rows. The writer commits together what has come, and waits a moment for those whom it just
//! answered. There is no decision, no expression, no fence, no observer.

use crate::floor::{self, Row, Statements};
use cofferdam_engine::{Append, Data};
use cofferdam_runtime::PreparedAction;
use cofferdam_wasm::{AttemptCall, AttemptInfo, Authority, CancelFlag, Silent, Verdict};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};

/// Which append of which run is to be committed, and whom to tell.
struct Order {
    run: usize,
    append: usize,
    durable: oneshot::Sender<()>,
}

/// Returns how long all `runs` take, `attempts` guests at a time, the rows in a new database in `directory`.
pub(crate) fn drive(
    directory: &Path,
    runs: &[Vec<Append>],
    action: &PreparedAction,
    attempts: usize,
    control: &Runtime,
) -> Result<Duration, Box<dyn Error>> {
    let db = floor::bare(&directory.join("components.db"))?;
    let rows: Vec<Vec<Vec<Row<'_>>>> = runs
        .iter()
        .map(|appends| appends.iter().map(floor::rows).collect::<Result<_, _>>())
        .collect::<Result<_, _>>()?;
    let steps = rows.first().map(Vec::len).ok_or("there are runs")?;
    let (orders, ordered) = channel();
    let began = Instant::now();
    let permits = Arc::new(Semaphore::new(attempts));
    let tasks: Vec<_> = (0..rows.len())
        .map(|run| {
            let (orders, action, permits) = (orders.clone(), action.clone(), Arc::clone(&permits));
            control.spawn(advance(run, steps, orders, action, permits))
        })
        .collect();
    drop(orders);
    std::thread::scope(|scope| {
        // The connection goes to the thread that writes, as that of the log does.
        let rows = &rows;
        let written = scope.spawn(move || write(&db, rows, &ordered).map_err(|error| error.to_string()));
        written
            .join()
            .map_err(|_| "the writer of the floor panicked".to_owned())?
    })?;
    for task in tasks {
        control.block_on(task)??;
    }
    Ok(began.elapsed())
}

/// Goes through all steps of a run.
async fn advance(
    run: usize,
    steps: usize,
    orders: Sender<Order>,
    action: PreparedAction,
    permits: Arc<Semaphore>,
) -> Result<(), String> {
    for append in 0..steps {
        // The last append starts nothing.
        let permit = match append + 1 < steps {
            true => Some(permits.acquire().await.map_err(|error| error.to_string())?),
            false => None,
        };
        let (durable, told) = oneshot::channel();
        orders
            .send(Order { run, append, durable })
            .map_err(|error| error.to_string())?;
        told.await.map_err(|error| error.to_string())?;
        if permit.is_some() {
            let report = action.action.run(call(&action)).await;
            if !matches!(report.verdict, Verdict::Completed(_)) {
                return Err(format!("the guest did not return: {:?}", report.verdict));
            }
        }
    }
    Ok(())
}

fn write(
    db: &rusqlite::Connection,
    rows: &[Vec<Vec<Row<'_>>>],
    ordered: &Receiver<Order>,
) -> Result<(), Box<dyn Error>> {
    let mut statements = Statements::prepare(db)?;
    let mut numbers = vec![0; rows.len()];
    let mut expected = 1;
    let mut patience = Duration::ZERO;
    while let Ok(first) = ordered.recv() {
        let mut batch = vec![first];
        let until = Instant::now() + patience;
        batch.extend(ordered.try_iter());
        while batch.len() < expected {
            match ordered.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(order) => batch.push(order),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let began = Instant::now();
        statements.open()?;
        for order in &batch {
            let appends = &rows[order.run];
            if order.append == 0 {
                numbers[order.run] = statements.begin(order.run)?;
            }
            statements.add(
                numbers[order.run],
                &appends[order.append],
                order.append + 1 == appends.len(),
            )?;
        }
        statements.commit()?;
        expected = batch.len();
        patience = (began.elapsed() / 2).min(Duration::from_millis(1));
        for order in batch {
            // A task that failed has said so.
            let _ = order.durable.send(());
        }
    }
    Ok(())
}

fn call(action: &PreparedAction) -> AttemptCall {
    AttemptCall {
        params: Data::map([("items", Data::list([Data::text("a"), Data::text("b")]))]),
        attempt: AttemptInfo {
            number: 1,
            delivery: 1,
            ..AttemptInfo::default()
        },
        grants: Arc::clone(&action.grants),
        settings: Arc::clone(&action.settings),
        limits: action.limits.clone(),
        observer: Arc::new(Silent),
        cancel: CancelFlag::default(),
        authority: Authority::unlimited(),
    }
}
