//! What can be said on the command line.

use crate::talk::Colour;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Durable workflows whose every action is a sandboxed WebAssembly component.
#[derive(Debug, Parser)]
#[command(name = "cofferdam", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) manner: Manner,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Where everything is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Place {
    /// The configuration to use instead of the project's cofferdam.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = "Place")]
    pub(crate) config: Option<PathBuf>,
    /// A further directory with plugins (NAME.wasm); may be repeated
    #[arg(long, global = true, value_name = "DIR", help_heading = "Place")]
    pub(crate) plugins: Vec<PathBuf>,
    /// The file that keeps the runs, instead of .cofferdam/state.db
    #[arg(long, global = true, value_name = "FILE", help_heading = "Place")]
    pub(crate) state: Option<PathBuf>,
    /// The output directory that plugins may write to without a configuration, instead of out/
    #[arg(long, global = true, value_name = "DIR", help_heading = "Place")]
    pub(crate) out: Option<PathBuf>,
}

/// How the command talks.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Manner {
    /// Print one JSON object on stdout, for programs
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// No colours, no cursor movements, ASCII signs
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) plain: bool,
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Output"
    )]
    pub(crate) color: Colour,
    /// How the steps of a run are shown on stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "HOW",
        help_heading = "Output"
    )]
    pub(crate) progress: Progress,
}

/// How the steps of a run are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A live tree on a terminal, lines elsewhere
    #[default]
    Auto,
    /// One line for each event
    Lines,
    /// The tree, once, at the end
    Tree,
    /// Nothing
    None,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Write a cofferdam.toml to start from
    Init(Init),
    /// Run a workflow: a file, or a name from the workflow directories
    Run(Run),
    /// Go on with a run that was interrupted or lost its host
    Resume(Resume),
    /// Go on with a run that has ended, from one of its steps: what came before is kept
    Retry(Retry),
    /// Give up a run: what is under way is stopped, its `always` blocks run, then it ends as cancelled
    Cancel(Cancel),
    /// End a run at once: nothing of it runs any more, no `always` block either
    Kill(Kill),
    /// Let a run start nothing new; what is under way may end
    Pause(Pause),
    /// Approve a gate that a run waits at
    Approve(Decide),
    /// Reject a gate that a run waits at
    Reject(Decide),
    /// Tell a run that something happened that it waits for, or will wait for
    Signal(Signal),
    /// Carry on all runs that nobody works on, whenever one can go on
    Work(Work),
    /// Say everything that is wrong with workflows, without running them
    Check(Check),
    /// Bring workflows into the one canonical form
    Fmt(Fmt),
    /// Tell more about the code of an error
    Explain(Explain),
    /// Print the syntax tree of a workflow as JSON
    Ast(Ast),
    /// Draw a workflow, or a run with the states of its steps
    Graph(Graph),
    /// Say what two definitions of a workflow do differently
    Diff(Diff),
    /// List what workflows use: actions, schemas, identities, grants, secrets and more
    Inventory(Inventory),
    /// List runs
    Runs(Runs),
    /// Show a run: its steps, outputs and failure
    Show(Show),
    /// Say in one sentence what a run does or waits for
    Why(Why),
    /// Print the events of a run
    Events(Events),
    /// Print what the guests of a run said
    Logs(Logs),
    /// Look at plugins, write them, try them
    #[command(subcommand)]
    Plugin(Plugin),
    /// Let the project's configuration grant what it asks for
    Trust(Trust),
    /// Show who may touch what, and why
    Grants(Grants),
    /// Check and show the configuration
    #[command(subcommand)]
    Config(Config),
    /// Check the secrets
    #[command(subcommand)]
    Secrets(Secrets),
    /// Say what is allowed here and worth a second look
    Doctor,
    /// Print the completions for a shell
    Completions(Completions),
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The directory of the project
    #[arg(default_value = ".")]
    pub(crate) directory: PathBuf,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A .wf file, or the name of one in the workflow directories
    pub(crate) workflow: String,
    /// An input: K=TEXT, K:=JSON, or K=@FILE for the content of a file; may be repeated
    #[arg(short, long, value_name = "K=V")]
    pub(crate) input: Vec<String>,
    /// A JSON or TOML file with inputs; -i wins
    #[arg(long, value_name = "FILE")]
    pub(crate) input_file: Option<PathBuf>,
    /// A variable that the host injects, over inputs of the same name; may be repeated
    #[arg(long, value_name = "K=V")]
    pub(crate) var: Vec<String>,
    /// Enter no action that could change anything outside
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Hold a file without an edition to the rules of edition 1
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) locking: Locking,
    /// What you call this run: started again with the same id, workflow and inputs, it is the same run
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Begin the run and leave it to a host at work (`cofferdam work`); prints its id
    #[arg(long)]
    pub(crate) detach: bool,
}

/// Which components may be used.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Locking {
    /// Use only plugins that are built in or listed in cofferdam.lock, as they are listed
    #[arg(long)]
    pub(crate) locked: bool,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The run: an id, the last six or more characters of one, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) locking: Locking,
}

/// Arguments of `retry`.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The run: an id, the last six or more characters of one, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
    /// The step to go on from, by its name or its path; not needed for a run that did not complete
    #[arg(long, value_name = "STEP")]
    pub(crate) from: Option<String>,
    /// Go on with the workflow and the plugins as they are now, not as they were when the run started
    #[arg(long)]
    pub(crate) latest: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// In whose name something is asked, and who carries on.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Asking {
    /// In whose name; the user of this process if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// If no host works on the run, let it decide and leave it; else it is carried on here
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) locking: Locking,
}

/// Arguments of `cancel`.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The run: an id, the last six or more characters of one, or `last`
    pub(crate) run: String,
    /// Why, for whoever looks at the run later
    #[arg(long, value_name = "TEXT", default_value = "cancelled from the command line")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// Arguments of `kill`.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The run: an id, the last six or more characters of one, or `last`
    pub(crate) run: String,
    /// Why, for whoever looks at the run later
    #[arg(long, value_name = "TEXT", default_value = "killed from the command line")]
    pub(crate) reason: String,
    /// In whose name; the user of this process if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

/// Arguments of `pause`.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The run: an id, the last six or more characters of one, or `last`
    pub(crate) run: String,
    /// Why, for whoever looks at the run later
    #[arg(long, value_name = "TEXT", default_value = "paused from the command line")]
    pub(crate) reason: String,
    /// In whose name; the user of this process if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

/// Arguments of `approve` and `reject`.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The run: an id, the last six or more characters of one, or `last`
    pub(crate) run: String,
    /// The gate: its name or its path; not needed where only one is open
    pub(crate) gate: Option<String>,
    /// What later steps find in `gate_feedback`
    #[arg(long, value_name = "TEXT")]
    pub(crate) feedback: Option<String>,
    /// One of the options of the gate; may be repeated
    #[arg(long, value_name = "OPTION")]
    pub(crate) select: Vec<String>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// Arguments of `signal`.
#[derive(Debug, Args)]
pub(crate) struct Signal {
    /// The run: an id, the last six or more characters of one, or `last`
    #[arg(required_unless_present = "to_all")]
    pub(crate) run: Option<String>,
    /// What happened: the `event` of the `wait`
    #[arg(required_unless_present = "to_all")]
    pub(crate) topic: Option<String>,
    /// Tell every run that waits for this topic now, in place of one run
    #[arg(long = "topic", value_name = "TOPIC", conflicts_with_all = ["run", "topic"])]
    pub(crate) to_all: Option<String>,
    /// Which one of its kind: the `correlation` of the `wait`
    #[arg(long, value_name = "TEXT")]
    pub(crate) correlation: Option<String>,
    /// What is told about it, as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) data: Option<String>,
    /// What the sender calls it: a second signal of that name is the first one
    #[arg(long, value_name = "TEXT")]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

/// Arguments of `work`.
#[derive(Debug, Args)]
pub(crate) struct Work {
    /// End when no run can go on by itself; runs that wait for somebody stay
    #[arg(long)]
    pub(crate) until_idle: bool,
    #[command(flatten)]
    pub(crate) locking: Locking,
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The run: an id, the last six or more characters of one, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The workflows, or directories of them; all of the workflow directories if none is given
    pub(crate) files: Vec<PathBuf>,
    /// Hold files without an edition to the rules of edition 1
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the findings as SARIF 2.1.0, for code hosts and editors
    #[arg(long, conflicts_with = "json")]
    pub(crate) sarif: bool,
    #[command(flatten)]
    pub(crate) locking: Locking,
}

/// Arguments of `fmt`.
#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// The workflows; `-` is stdin
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Change nothing; exit 4 if a file is not in canonical form
    #[arg(long, conflicts_with = "stdout")]
    pub(crate) check: bool,
    /// Print the canonical form instead of writing it
    #[arg(long)]
    pub(crate) stdout: bool,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code such as CF0201; all of them if none is given
    pub(crate) code: Option<String>,
}

/// Arguments of `ast`.
#[derive(Debug, Args)]
pub(crate) struct Ast {
    /// The workflow
    #[arg(required_unless_present = "schema")]
    pub(crate) file: Option<PathBuf>,
    /// Print the JSON Schema of trees instead
    #[arg(long, conflicts_with = "file")]
    pub(crate) schema: bool,
}

/// Arguments of `graph`.
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// A .wf file, the name of a workflow, or a run: an id, the end of one, or `last`
    pub(crate) what: String,
    /// What to draw it as
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: GraphFormat,
}

/// What a graph is drawn as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Text that GitHub and many editors draw
    #[default]
    Mermaid,
    /// The language of Graphviz
    Dot,
    /// A picture
    Svg,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The definition before: a file, or the name of a workflow
    pub(crate) before: String,
    /// The definition after
    pub(crate) after: String,
    /// Exit 1 if there is a difference
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// Arguments of `inventory`.
#[derive(Debug, Args)]
pub(crate) struct Inventory {
    /// The workflows, or directories of them; all of the workflow directories if none is given
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub(crate) struct Runs {
    /// Only runs of this status: running, interrupted, waiting, paused, completed, failed, cancelled, killed; may be repeated
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<String>,
    /// Only runs of this workflow
    #[arg(long, value_name = "NAME")]
    pub(crate) workflow: Option<String>,
    /// At most so many, the newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: usize,
    /// Only runs that began before this one: the next page after the last run that was shown
    #[arg(long, value_name = "RUN")]
    pub(crate) before: Option<String>,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run: an id, the last six or more characters of one, or `last`; with --effective a workflow
    #[arg(default_value = "last")]
    pub(crate) run: String,
    /// Show everything that applies to the steps of a workflow: what its file says, and every default
    #[arg(long)]
    pub(crate) effective: bool,
    /// Show what each attempt used, beside what it was allowed
    #[arg(long, conflicts_with = "effective")]
    pub(crate) attempts: bool,
}

/// Arguments of `events`.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// The run: an id, the last six or more characters of one, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
    /// Only events after this number
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) after: u64,
    /// Wait for further events until the run ends
    #[arg(long)]
    pub(crate) follow: bool,
    /// The events of all runs, in the order in which they became durable
    #[arg(long, conflicts_with_all = ["run", "after"])]
    pub(crate) all: bool,
    /// Only events behind this cursor, as `--all --json` prints it with each event; `end` is behind all of them
    #[arg(long, value_name = "CURSOR", requires = "all")]
    pub(crate) behind: Option<String>,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The run: an id, the last six or more characters of one, or `last`
    #[arg(default_value = "last")]
    pub(crate) run: String,
    /// Only this step, by its path or name
    pub(crate) step: Option<String>,
}

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// List the plugins and what they may touch
    List,
    /// Show one plugin, one action (PLUGIN.ACTION), or a .wasm file
    Inspect(PluginInspect),
    /// Start a new plugin in Rust
    New(PluginNew),
    /// Build the plugin in a directory
    Build(PluginBuild),
    /// Say whether a .wasm file can be used, and everything that is wrong with it
    Check(PluginCheck),
    /// Let a component from a file have the grants that the configuration gives to its name
    Accept(PluginAccept),
    /// Put a .wasm file where workflows find it
    Install(PluginInstall),
    /// Take a plugin away from workflows; runs that started with it keep their copy
    Remove(PluginRemove),
    /// Switch a plugin off in the project's configuration
    Disable(PluginSwitch),
    /// Switch a plugin on again
    Enable(PluginSwitch),
    /// Make a key to sign components with, and print what others need to know of it
    Keygen(PluginKeygen),
    /// Vouch for a component with a key: writes FILE.sig
    Sign(PluginSign),
    /// Say which keys vouch for a component
    Verify(PluginVerify),
    /// Run one action, outside of any workflow
    Run(PluginRun),
}

/// Arguments of `plugin install`.
#[derive(Debug, Args)]
pub(crate) struct PluginInstall {
    /// The component
    pub(crate) file: PathBuf,
    /// What to call it; the name of the file if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Let it take the place of another one of its name
    #[arg(long)]
    pub(crate) replace: bool,
}

/// Arguments of `plugin remove`.
#[derive(Debug, Args)]
pub(crate) struct PluginRemove {
    /// The plugin
    pub(crate) name: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Arguments of `plugin disable` and `plugin enable`.
#[derive(Debug, Args)]
pub(crate) struct PluginSwitch {
    /// The plugin
    pub(crate) name: String,
}

/// Arguments of `plugin accept`.
#[derive(Debug, Args)]
pub(crate) struct PluginAccept {
    /// A plugin, or a .wasm file
    pub(crate) what: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Arguments of `plugin inspect`.
#[derive(Debug, Args)]
pub(crate) struct PluginInspect {
    /// A plugin, PLUGIN.ACTION, or a .wasm file
    pub(crate) what: String,
}

/// Arguments of `plugin new`.
#[derive(Debug, Args)]
pub(crate) struct PluginNew {
    /// The name: lower-case letters, digits and hyphens; also the directory
    pub(crate) name: String,
    /// Where the SDK is, instead of the copy that comes with this binary
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

/// Arguments of `plugin build`.
#[derive(Debug, Args)]
pub(crate) struct PluginBuild {
    /// The directory of the plugin
    #[arg(default_value = ".")]
    pub(crate) directory: PathBuf,
    /// Copy the component to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
}

/// Arguments of `plugin check`.
#[derive(Debug, Args)]
pub(crate) struct PluginCheck {
    /// The components
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of `plugin keygen`.
#[derive(Debug, Args)]
pub(crate) struct PluginKeygen {
    /// Where to write the key, for you alone; nothing may be there
    pub(crate) file: PathBuf,
}

/// Arguments of `plugin sign`.
#[derive(Debug, Args)]
pub(crate) struct PluginSign {
    /// The component
    pub(crate) file: PathBuf,
    /// The key, as `plugin keygen` wrote it
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The plugin that it is; the name of the file if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Arguments of `plugin verify`.
#[derive(Debug, Args)]
pub(crate) struct PluginVerify {
    /// The component
    pub(crate) file: PathBuf,
    /// The public key that must have signed it, instead of the keys of the project; may be repeated
    #[arg(long, value_name = "ed25519:..")]
    pub(crate) key: Vec<String>,
    /// The plugin that it is to be; the name of the file if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Arguments of `plugin run`.
#[derive(Debug, Args)]
pub(crate) struct PluginRun {
    /// PLUGIN.ACTION, or FILE.wasm followed by ACTION
    pub(crate) action: String,
    /// The action, if the first argument is a file
    pub(crate) of_file: Option<String>,
    /// The parameters as one JSON object, or @FILE
    #[arg(long, default_value = "{}", value_name = "JSON")]
    pub(crate) params: String,
    #[command(flatten)]
    pub(crate) locking: Locking,
}

/// Arguments of `trust`.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Take the trust back
    #[arg(long, conflicts_with = "yes")]
    pub(crate) forget: bool,
}

/// Arguments of `grants`.
#[derive(Debug, Args)]
pub(crate) struct Grants {
    /// Only this plugin
    #[arg(long, value_name = "NAME")]
    pub(crate) plugin: Option<String>,
    /// In the workflow of this name, less what its sections take away from it
    #[arg(long, value_name = "NAME")]
    pub(crate) workflow: Option<String>,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say everything that is wrong with the configuration
    Check,
    /// Print the configuration that applies
    Show(ConfigShow),
}

/// What to do with the secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Read each secret, and say where it comes from and how long it is; never what it is
    Check(SecretsCheck),
}

/// Arguments of `secrets check`.
#[derive(Debug, Args)]
pub(crate) struct SecretsCheck {
    /// Only these; all of them if none is given
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// Arguments of `config show`.
#[derive(Debug, Args)]
pub(crate) struct ConfigShow {
    /// Print every default that applies, too
    #[arg(long)]
    pub(crate) effective: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
