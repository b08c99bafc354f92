//! What does somebody see who tries Cofferdam for the first time?

use crate::report;
use crate::repository::Repository;
use crate::stage::Stages;
use crate::{host, plugins, process, toolchain};
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
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
    println!("          network, secrets: nothing was granted; sockets, processes: nobody can be");
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

/// Asks the host what the actions of the workflow were granted.
fn touched(repository: &Repository, place: &Place) -> Result<String> {
    let workflow = std::fs::read_to_string(repository.root().join(WORKFLOW))?;
    let used = actions(&workflow);
    let mut command = cofferdam(repository);
    command.args(["grants", "--json"]);
    place.name_in(&mut command);
    let grants = process::json(&mut command)?;
    let mut plugins: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for action in grants["actions"].as_array().into_iter().flatten() {
        let name = action["action"].as_str().unwrap_or_default();
        let Some((plugin, _)) = name.split_once('.').filter(|_| used.contains(name)) else {
            continue;
        };
        for directory in action["grants"]["directories"].as_array().into_iter().flatten() {
            let host = Path::new(directory["host"].as_str().unwrap_or_default());
            let short = repository.short(host);
            let short = if short.is_empty() { ".".to_owned() } else { short };
            let access = directory["access"].as_str().unwrap_or_default().to_owned();
            plugins.entry((access, short)).or_default().insert(plugin);
        }
    }
    ensure!(
        !plugins.is_empty(),
        "the host says that nothing was granted, but a report was written"
    );
    let by = |plugins: &BTreeSet<&str>| plugins.iter().copied().collect::<Vec<_>>().join(", ");
    let lines = plugins
        .iter()
        .map(|((access, host), plugins)| format!("{access:<5} {host:<17} by {}", by(plugins)));
    Ok(lines.collect::<Vec<_>>().join("\n          "))
}

/// Returns the names that calls of a workflow give with `use`.
fn actions(workflow: &str) -> BTreeSet<&str> {
    let uses = workflow.split_whitespace().collect::<Vec<_>>();
    uses.windows(3)
        .filter(|words| words[0] == "use" && words[1] == "=")
        .map(|words| words[2])
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_actions_of_a_workflow_are_found() {
        let workflow = "call a { use = fs.list  params { use-case = 1 } }\ncall b {\n  use    = json.sort\n}";
        assert_eq!(
            super::actions(workflow).into_iter().collect::<Vec<_>>(),
            ["fs.list", "json.sort"]
        );
    }
}
