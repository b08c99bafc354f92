//! `cofferdam events --all`: the events of all runs in the order in which they became durable, from any place on.

use super::history::{event_json, event_line};
use crate::arguments::{Events, Manner};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Station;
use crate::talk::print;
use cofferdam_store::{Cursor, StreamError};
use std::time::Duration;

/// How many events are read at a time.
const PAGE: usize = 1_000;
/// How often there are looked for further events. Nobody waits for whoever reads: writing knows nothing of it.
const LOOK: Duration = Duration::from_millis(200);
/// Stands for the cursor behind all that there is.
const END: &str = "end";

/// Prints what was recorded of all runs.
pub(crate) async fn all(station: &Station, manner: &Manner, arguments: &Events) -> Outcome {
    let log = station.existing_log()?;
    let mut cursor = match arguments.behind.as_deref() {
        None => None,
        Some(END) => {
            let end = log.end_of_stream().await;
            Some(end.map_err(|error| Failure::of(Exit::Internal, error))?)
        }
        Some(text) => Some(text.parse::<Cursor>().map_err(refused)?),
    };
    loop {
        let page = log.stream(None, cursor.clone(), PAGE).await.map_err(refused)?;
        for streamed in &page {
            print(if manner.json {
                let mut json = event_json(streamed.run, &streamed.recorded);
                json["cursor"] = streamed.cursor.to_string().into();
                json.to_string()
            } else {
                let run = streamed.run.to_string();
                format!("{}  {}", &run[run.len() - 6..], event_line(&streamed.recorded))
            });
        }
        match page.last() {
            Some(last) => cursor = Some(last.cursor.clone()),
            None if arguments.follow => tokio::time::sleep(LOOK).await,
            None => return Ok(Exit::Done),
        }
    }
}

fn refused(error: StreamError) -> Failure {
    match error {
        StreamError::Invalid { .. } | StreamError::Foreign { .. } => {
            Failure::of(Exit::Usage, error).hint("a cursor is the `cursor` of a line of: cofferdam events --all --json")
        }
        StreamError::Ahead { .. } | StreamError::Pruned { .. } => Failure::of(Exit::Refused, error)
            .hint("from the first event that is left: leave `--behind` out")
            .hint("from now on: --behind end"),
        StreamError::Store(_) => Failure::of(Exit::Internal, error),
    }
}
