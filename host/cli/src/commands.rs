//! The verbs of the command line.

mod ask;
mod attempts;
mod author;
mod broadcast;
mod configuration;
mod control;
mod definition;
mod doctor;
mod drive;
mod follow;
mod graph;
mod history;
mod plugin;
mod plugin_author;
mod resume;
mod retry;
mod run;
mod secrets;
mod started_before;
mod take_up;
mod waiting;
mod why;
mod work;

pub(crate) use run::contents;

use crate::arguments::{Arguments, Config, Plugin, Secrets, Verb};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Station;
use crate::talk::{Look, print};
use cofferdam_engine::RunId;
use cofferdam_store::{FindError, RunLog};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Carries a command out. Guests run on `guests`.
pub(crate) async fn carry_out(arguments: Arguments, guests: Handle) -> Outcome {
    let Arguments { place, manner, verb } = arguments;
    let look = Look::of(manner.color, manner.plain);
    let open = || Station::open(&place, look, &guests);
    match verb {
        Verb::Run(arguments) => run::run(&open()?.choosing(&arguments.locking), &manner, &arguments).await,
        Verb::Resume(arguments) => resume::resume(&open()?.choosing(&arguments.locking), &manner, &arguments).await,
        Verb::Retry(arguments) => retry::retry(&open()?.choosing(&arguments.asking.locking), &manner, &arguments).await,
        Verb::Cancel(arguments) => {
            control::cancel(&open()?.choosing(&arguments.asking.locking), &manner, &arguments).await
        }
        Verb::Kill(arguments) => control::kill(&open()?, &manner, &arguments).await,
        Verb::Pause(arguments) => control::pause(&open()?, &manner, &arguments).await,
        Verb::Approve(arguments) => {
            control::decide(&open()?.choosing(&arguments.asking.locking), &manner, &arguments, true).await
        }
        Verb::Reject(arguments) => {
            control::decide(&open()?.choosing(&arguments.asking.locking), &manner, &arguments, false).await
        }
        Verb::Signal(arguments) if arguments.to_all.is_some() => {
            let topic = arguments.to_all.as_deref().unwrap_or_default();
            broadcast::signal(&open()?, &manner, &arguments, topic).await
        }
        Verb::Signal(arguments) => {
            control::signal(&open()?.choosing(&arguments.asking.locking), &manner, &arguments).await
        }
        Verb::Work(arguments) => work::work(&open()?.choosing(&arguments.locking), &manner, &arguments).await,
        Verb::Check(arguments) => author::check(&open()?.choosing(&arguments.locking), &manner, &arguments).await,
        Verb::Fmt(arguments) => author::fmt(&look, &manner, &arguments),
        Verb::Explain(arguments) => author::explain(&look, &manner, &arguments),
        Verb::Ast(arguments) => author::ast(&look, &arguments),
        Verb::Graph(arguments) => graph::graph(&open()?, &manner, &arguments).await,
        Verb::Diff(arguments) => definition::diff(&open()?, &manner, &arguments),
        Verb::Inventory(arguments) => definition::inventory(&open()?, &manner, &arguments).await,
        Verb::Runs(arguments) => history::runs(&open()?, &manner, &arguments).await,
        Verb::Show(arguments) if arguments.effective => definition::show_effective(&open()?, &manner, &arguments).await,
        Verb::Show(arguments) => history::show(&open()?, &manner, &arguments).await,
        Verb::Why(arguments) => why::why(&open()?, &manner, &arguments).await,
        Verb::Events(arguments) if arguments.all => follow::all(&open()?, &manner, &arguments).await,
        Verb::Events(arguments) => history::events(&open()?, &manner, &arguments).await,
        Verb::Logs(arguments) => history::logs(&open()?, &manner, &arguments).await,
        Verb::Plugin(Plugin::List) => plugin::list(&open()?, &manner).await,
        Verb::Plugin(Plugin::Inspect(arguments)) => plugin::inspect(&open()?, &manner, &arguments).await,
        Verb::Plugin(Plugin::Check(arguments)) => plugin::check(&open()?, &manner, &arguments).await,
        Verb::Plugin(Plugin::Accept(arguments)) => plugin::accept(&open()?, &manner, &arguments).await,
        Verb::Plugin(Plugin::Install(arguments)) => plugin::install(&open()?, &arguments).await,
        Verb::Plugin(Plugin::Remove(arguments)) => plugin::remove(&open()?, &arguments).await,
        Verb::Plugin(Plugin::Disable(arguments)) => plugin::switch(&open()?, &arguments, false).await,
        Verb::Plugin(Plugin::Enable(arguments)) => plugin::switch(&open()?, &arguments, true).await,
        Verb::Plugin(Plugin::Keygen(arguments)) => plugin::keygen(&manner, &arguments),
        Verb::Plugin(Plugin::Sign(arguments)) => plugin::sign(&open()?, &manner, &arguments).await,
        Verb::Plugin(Plugin::Verify(arguments)) => plugin::verify(&open()?, &manner, &arguments).await,
        Verb::Plugin(Plugin::Run(arguments)) => {
            plugin::run(&open()?.choosing(&arguments.locking), &manner, &arguments).await
        }
        Verb::Plugin(Plugin::New(arguments)) => plugin_author::new(&arguments),
        Verb::Plugin(Plugin::Build(arguments)) => plugin_author::build(&open()?, &arguments).await,
        Verb::Init(arguments) => configuration::init(&arguments),
        Verb::Trust(arguments) => configuration::trust(&open()?, &manner, &arguments).await,
        Verb::Grants(arguments) => configuration::grants(&open()?, &manner, &arguments).await,
        Verb::Doctor => doctor::doctor(&open()?, &manner).await,
        Verb::Secrets(Secrets::Check(arguments)) => secrets::check(&open()?, &manner, &arguments).await,
        Verb::Config(Config::Check) => configuration::check(&open()?, &manner).await,
        Verb::Config(Config::Show(arguments)) => configuration::show(&open()?, &manner, &arguments),
        Verb::Completions(arguments) => {
            let mut command = <Arguments as clap::CommandFactory>::command();
            // Into memory first: the generator panics when a reader goes away.
            let mut script = Vec::new();
            clap_complete::generate(arguments.shell, &mut command, "cofferdam", &mut script);
            print(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Done)
        }
    }
}

/// Returns the run that a user means.
async fn find_run(log: &Arc<dyn RunLog>, reference: &str) -> Result<RunId, Failure> {
    match log.find(reference).await {
        Ok(run) => Ok(run),
        Err(FindError::Ambiguous { reference, candidates }) => {
            let mut failure = Failure::new(Exit::Usage, format!("`{reference}` fits several runs"));
            for candidate in candidates.iter().take(5) {
                failure = failure.hint(candidate.to_string());
            }
            Err(failure)
        }
        Err(FindError::NotFound { reference }) if reference == "last" => {
            Err(Failure::new(Exit::Usage, "there are no runs here yet").hint("start one: cofferdam run FILE"))
        }
        Err(error @ (FindError::NotFound { .. } | FindError::Invalid { .. })) => {
            Err(Failure::of(Exit::Usage, error).hint("list them: cofferdam runs"))
        }
        Err(FindError::Store(error)) => Err(Failure::of(Exit::Internal, error)),
    }
}
