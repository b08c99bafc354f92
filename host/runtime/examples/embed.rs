//! A program that runs workflows itself: `cargo run -p cofferdam-runtime --example embed -- target/plugins`.

use cofferdam_engine::{Data, Event, Request, RunStatus};
use cofferdam_runtime::{Driven, Embedded, Notice, Observer};
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A workflow of the program: it digests a text, waits for somebody to say that it may go on, and digests the digest.
const WORKFLOW: &str = r#"
workflow greeting edition 1 {
  inputs { name required }

  call once { use = text.hash  params { text = "hello, {{inputs.name}}" } }
  wait release { event = "released" }
  call twice { use = text.hash  params { text = (steps.once.output.hex) } }

  outputs { digest = (steps.twice.output.hex) }
}
"#;

/// A sink of the program's own: it hears what is on disk.
#[derive(Default)]
struct Sink(Mutex<Vec<String>>);

impl Observer for Sink {
    fn notice(&self, notice: Notice<'_>) {
        if let Notice::Durable(events) = notice {
            let completed = events.iter().filter_map(|recorded| match &recorded.event {
                Event::StepCompleted { at, .. } => Some(at.step.to_string()),
                _ => None,
            });
            self.0.lock().unwrap().extend(completed);
        }
    }
}

/// Runs the workflow with the plugins of a directory, recording it in another.
pub(crate) async fn greet(plugins: &Path, state: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let host = Embedded::builder()
        .state(state.join("state.db"))
        .plugins(plugins)
        .attempts(4)
        .build()
        .await?;

    // What is wrong with a workflow is known before anything starts.
    if let Err(unsound) = host.check("workflow w edition 1 { call a { use = text.shout } }", "w.wf") {
        writeln!(out, "refused: {unsound}")?;
    }
    let workflow = host.check(WORKFLOW, "greeting.wf")?;

    // Start, observe, await. The run parks at its `wait`: nobody works on it, and this program could end here.
    let sink = Arc::new(Sink::default());
    let inputs = [("name".to_owned(), Data::from("embedder"))];
    let driving = host.start(&workflow, inputs, Arc::clone(&sink) as Arc<_>).await?;
    let run = driving.run;
    let Driven::Parked(parked) = driving.wait().await? else {
        return Err("the run should wait".into());
    };
    writeln!(out, "parked: {}", parked.status().word())?;

    // Control: anybody may say it, from any process.
    let released = Request::Signal {
        topic: "released".to_owned(),
        correlation: None,
        data: Data::Null,
        key: None,
    };
    writeln!(out, "answer: {:?}", host.ask(run, "an operator", released).await?)?;

    let driving = host.resume(run, Arc::clone(&sink) as Arc<_>).await?;
    let Driven::Ended(ended) = driving.wait().await? else {
        return Err("the run should have ended".into());
    };
    assert_eq!(ended.status(), RunStatus::Completed);
    writeln!(out, "steps: {}", sink.0.lock().unwrap().join(", "))?;

    // What happened stays: the history is read from the log, here or by `cofferdam events`.
    let events = host.log().events(run, 0, usize::MAX).await?;
    if let Some(Event::RunFinished { outputs, .. }) = events.last().map(|recorded| &recorded.event) {
        writeln!(out, "outputs: {}", outputs.data())?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let plugins = std::env::args().nth(1).unwrap_or_else(|| "target/plugins".to_owned());
    let state = tempfile::tempdir()?;
    greet(Path::new(&plugins), state.path(), &mut std::io::stdout()).await
}
