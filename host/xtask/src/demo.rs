//! What does somebody see who tries Cofferdam for the first time?

use crate::report;
use crate::repository::Repository;
use crate::stage::Stages;
use crate::{host, plugins, process, toolchain};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const WORKFLOW: &str = "examples/audit/audit.wf";

/// Where a demo keeps its state and puts its report.
pub(crate) struct Place {
    pub(crate) state: PathBuf,
    pub(crate) output: PathBuf,
}

/// Builds everything, checks the workflow and runs it on this source tree.
pub(crate) fn demo(repository: &Repository) -> Result<()> {
    println!("Cofferdam demo: builds the host and its plugins, then audits this source tree with them.");
    let mut stages = prepare(repository, 5)?;
    let place = Place::of(repository, "demo")?;
    stages.run("run", |_| Ok(format!("cofferdam run {WORKFLOW} -i path=.")))?;
    println!();
    process::run(&mut run(repository, &place))?;
    let page = report::check(&place.output.join("audit.html"))?;
    println!(
        "\nopen      {}, {} KB",
        repository.short(&place.output.join("audit.html")),
        page.len().div_ceil(1000)
    );
    println!("touched   {}", touched(repository, &place)?);
    println!("          network, secrets, processes: nothing can be granted in this release");
    let binary = repository.short(&repository.binary());
    println!("\ntry next");
    println!("  cargo xtask demo --kill      the same, killed half-way and resumed: finished steps are kept");
    println!("  {binary} check {WORKFLOW}");
    println!("  {binary} plugin inspect fs");
    Ok(())
}

/// Does the stages up to the run.
pub(crate) fn prepare(repository: &Repository, total: usize) -> Result<Stages> {
    let mut stages = Stages::new(total);
    if repository.binary().is_file() {
        println!("What did not change since the last build is not built again.\n");
    } else {
        println!("The first build compiles the sandbox and takes 5-20 minutes; later ones take seconds.\n");
    }
    stages.run("toolchain", |_| toolchain::prepare(repository))?;
    stages.run("plugins", |_| plugins::build(repository))?;
    stages.run("host", |heading| host::build(repository, heading))?;
    stages.run("check", |_| {
        process::output(cofferdam(repository).args(["check", WORKFLOW]))?;
        Ok(format!("{WORKFLOW}: no problems"))
    })?;
    Ok(stages)
}

/// Returns the host that was built, started in the root of the repository.
pub(crate) fn cofferdam(repository: &Repository) -> Command {
    let mut command = Command::new(repository.binary());
    command.current_dir(repository.root());
    command
}

/// Returns the command that runs the demo.
pub(crate) fn run(repository: &Repository, place: &Place) -> Command {
    let mut command = cofferdam(repository);
    command.args(["run", WORKFLOW, "-i", "path=."]);
    place.name_in(&mut command);
    command
}

impl Place {
    /// Returns a place of its own for the demo called `name`, with nothing in it from the time before.
    pub(crate) fn of(repository: &Repository, name: &str) -> Result<Self> {
        let root = repository.target().join(name);
        if root.exists() {
            std::fs::remove_dir_all(&root).with_context(|| format!("cannot empty {}", root.display()))?;
        }
        // The directory of the state is hidden from every guest, so that the output cannot lie in it.
        Ok(Self {
            state: root.join("state/state.db"),
            output: root.join("out"),
        })
    }

    /// Lets a command use this place.
    pub(crate) fn name_in(&self, command: &mut Command) {
        command.arg("--state").arg(&self.state).arg("--out").arg(&self.output);
    }
}

/// Asks the host who may touch what, and says it of the plugins that the run used.
fn touched(repository: &Repository, place: &Place) -> Result<String> {
    let used = used_plugins(repository)?;
    let mut command = cofferdam(repository);
    command.args(["grants", "--json"]);
    place.name_in(&mut command);
    let grants = process::json(&mut command)?;
    let mut lines = BTreeSet::new();
    collect(&grants, None, &used, repository.root(), &mut lines);
    ensure!(
        !lines.is_empty(),
        "the host says that nothing was granted, but a report was written"
    );
    Ok(lines.into_iter().collect::<Vec<_>>().join("\n          "))
}

/// The plugins that the workflow names.
fn used_plugins(repository: &Repository) -> Result<BTreeSet<String>> {
    let workflow = std::fs::read_to_string(repository.root().join(WORKFLOW))?;
    let uses = workflow
        .split("use")
        .filter_map(|rest| rest.trim_start().strip_prefix('='));
    Ok(uses
        .filter_map(|rest| rest.trim_start().split_once('.'))
        .map(|(plugin, _)| plugin.to_owned())
        .collect())
}

/// Looks for granted directories wherever they are in what the host prints.
fn collect(value: &Value, plugin: Option<&str>, used: &BTreeSet<String>, root: &Path, lines: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            let plugin = object.get("plugin").and_then(Value::as_str).or(plugin);
            let text = |key| object.get(key).and_then(Value::as_str);
            if let (Some(plugin), Some(host), Some(access)) = (plugin, text("host"), text("access"))
                && used.contains(plugin)
            {
                let short = Path::new(host)
                    .strip_prefix(root)
                    .map_or(host.to_owned(), |rest| rest.display().to_string());
                let short = if short.is_empty() { "." } else { &short };
                lines.insert(format!("{access:<5} {short:<17} by {plugin}"));
            }
            for value in object.values() {
                collect(value, plugin, used, root, lines);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, plugin, used, root, lines)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
