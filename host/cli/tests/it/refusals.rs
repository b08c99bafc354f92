//! What a configuration, a project or an environment must not be able to do, each with the words in which it is refused.

use crate::project::Project;
use insta::assert_snapshot;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Returns what `config check` says about this text, after the line that names the format.
fn checked(text: &str) -> String {
    project(text).transcript(&["config", "check"])
}

fn project(text: &str) -> Project {
    let project = Project::with(&[("cofferdam.toml", &format!("config = 1\n{text}"))]);
    for directory in ["src", "data", ".git", "plugins", "workflows"] {
        fs::create_dir_all(project.path(directory)).expect("a directory of the project");
    }
    project
}

const LISTS: &str = "workflow lists edition 1 {\n  call list { use = fs.list  params { root = \"/\" } }\n  outputs { files = (steps.list.output.files) }\n}\n";

// row E14, refusal 1
#[test]
fn keys_that_nobody_enforces_wrong_units_and_duplicates() {
    let text = r#"
[plugins.fs]
dirs = [
  { guest = "/src", host = "src", access = "read", quota = "1 MiB", sync = true },
  { guest = "/data", host = "data", access = "append" },
  { guest = "/src", host = "data", access = "write" },
]
context = ["ticket.*"]
settings = { a = 1 }
limits = { memory = "64 MB", cpu = 10, wal = "5s" }

[scripts.native]
enabled = true

[identities.developer]
secrets = ["github"]

[schedules]
allow = ["*"]

[webhooks]
allow = { "/hooks/x" = "y" }

[state]
url_env = "DATABASE_URL"
retain = { completed = "30d" }

[workflows."csv-*"]
dirs = { "/out" = "write", "out" = "none" }
limits = { cost_usd = 5.0, run = "1h", cpu = "0s", memory = "2 GiB" }
secrets = "none"

[workflows."a b"]
network = "none"

[workflows.x]
network = [{ url = "example.org" }, { url = "https://a.b", private = true }, "https://c.d"]
"#;
    assert_snapshot!("refusal_01_keys", checked(text));
    assert_snapshot!("refusal_01_twice", checked("[limits]\ncpu = \"1s\"\ncpu = \"2s\"\n"));
}

// row E14, refusal 2
#[test]
fn a_project_file_that_nobody_here_trusted() {
    let project = project(
        r#"
[plugins.http]
network = [{ url = "https://api.example.org" }]
secrets = ["token"]
env = ["LANG"]

[secrets.token]
command = ["/usr/bin/touch", "was-run"]
to = ["https://api.example.org"]
"#,
    );
    project.write("lists.wf", LISTS);
    assert_snapshot!("refusal_02", project.transcript(&["run", "lists.wf"]));
    for looking in [
        &["check", "lists.wf"][..],
        &["grants"],
        &["plugin", "list"],
        &["config", "check"],
    ] {
        project.say(looking);
    }
    assert!(
        !project.path("was-run").exists(),
        "nothing of an untrusted file is executed"
    );
}

// row J16, refusal 3
#[test]
fn a_secret_in_the_file_and_files_that_others_can_write() {
    let text = r#"
[secrets.one]
value = "hunter2hunter2"

[secrets.two]
command = ["pass", "show", "two"]
to = []

[secrets.three]
env = "THREE"
file = "three"
to = []

[plugins.http]
env = ["FOUR", "not a name"]

[secrets.four]
env = "FOUR"
to = ["https://api.example.org"]
"#;
    let said = checked(text);
    assert!(!said.contains("hunter2"), "{said}");
    assert_snapshot!("refusal_03_values", said);
    let project = project("");
    let file = project.path("cofferdam.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("the file is ours");
    assert_snapshot!("refusal_03_writable", project.transcript(&["config", "check"]));
}

// row E14, refusal 4
#[test]
fn a_directory_to_write_with_which_a_plugin_could_grant_itself_the_rest() {
    let places = [
        ".",
        ".git",
        "plugins",
        "workflows",
        "agents",
        "snippets",
        "schemas",
        "plugins/inner",
    ];
    let lines: Vec<String> = places
        .iter()
        .enumerate()
        .map(|(at, place)| format!("  {{ guest = \"/{at}\", host = \"{place}\", access = \"write\", create = true }},"))
        .collect();
    let text = format!("[plugins.fs]\ndirs = [\n{}\n]\n", lines.join("\n"));
    assert_snapshot!("refusal_04", checked(&text));
}

// row E14, refusal 5
#[test]
fn the_state_is_granted_to_nobody_and_shown_to_nobody() {
    let text = "[plugins.fs]\ndirs = [{ guest = \"/a\", host = \".cofferdam\", access = \"read\", create = true }]\n";
    let granted = project(text);
    fs::create_dir(granted.path(".cofferdam")).expect("a directory of the project");
    assert_snapshot!("refusal_05_granted", granted.transcript(&["config", "check"]));
    let around = project("[plugins.fs]\ndirs = [{ guest = \"/\", host = \".\", access = \"read\" }]\n");
    around.write("lists.wf", LISTS);
    let reads =
        "workflow reads edition 1 {\n  call read { use = fs.read  params { path = \"/.cofferdam/state.db\" } }\n}\n";
    around.write("reads.wf", reads);
    for _ in 0..2 {
        let listed = around.say(&["run", "lists.wf"]);
        assert_eq!(listed.code, Some(0), "{listed}");
        assert!(listed.stdout.contains("cofferdam.toml"), "{listed}");
        assert!(!listed.stdout.contains("state.db"), "{listed}");
    }
    assert_snapshot!("refusal_05_named", around.transcript(&["run", "reads.wf"]));
}

// row E10, refusal 6
#[test]
fn addresses_that_mean_too_much_or_carry_a_secret_in_the_open() {
    let text = r#"
[plugins.http]
network = [
  { url = "*" },
  { url = "https://*" },
  { url = "https://*.com" },
  { url = "api.example.org" },
  { url = "https://user:pass@example.org" },
  { url = "https://example.org/a?b=c" },
  { url = "https://example.org", methods = ["get", "CONNECT"] },
  { url = "https://example.org", methods = [] },
  { url = "https://example.org:20-8000" },
]

[secrets.open]
env = "OPEN"
to = ["http://api.example.org"]

[secrets.nowhere]
env = "NOWHERE"
"#;
    assert_snapshot!("refusal_06", checked(text));
}

// row E10, refusal 7
#[test]
fn limits_that_are_off_or_too_large() {
    let text = r#"
[limits]
wall = 0
cpu = "unlimited"
memory = "2 GiB"
open_files = -1
log_lines = 20_000
compile = { wall = "0s", memory = "unlimited" }

[plugins.fs]
limits = { wall = "2h", wall_max = "1m" }
dirs = [{ guest = "/data", host = "data", access = "write", quota = 0, files = 2_000_000 }]

[host]
attempts = 0
cancel_grace = "2h"
"#;
    assert_snapshot!("refusal_07", checked(text));
}

// row E14, refusal 8
#[test]
fn scripts_of_the_host_are_not_there_to_be_allowed() {
    assert_snapshot!(
        "refusal_08_configuration",
        checked("[scripts.native]\nenabled = true\nfiles = [\"**\"]\nshell = true\n")
    );
    let script = "workflow builds edition 1 {\n  script build { run = \"make\" }\n}\n";
    let project = Project::with(&[("builds.wf", script)]);
    let said = project.say(&["run", "builds.wf"]);
    assert_eq!(said.code, Some(4), "{said}");
    assert_snapshot!("refusal_08_workflow", project.transcript(&["run", "builds.wf"]));
}

// row E02, refusal 9
#[test]
fn sections_without_a_plugin_and_names_that_two_files_want() {
    let text = "[plugins.htpp]\nnetwork = [{ url = \"https://a.b\" }]\n[plugins.mine]\nlimits = { cpu = \"1s\" }\n";
    assert_snapshot!("refusal_09_section", checked(text));
    let project = Project::empty();
    let component = built_in("json");
    project.write("plugins/my_tool.wasm", &component);
    project.write("plugins/my-tool.wasm", &component);
    project.write("plugins/http.wasm", &component);
    let said = project.say(&["plugin", "list"]).stdout;
    let refused = said.split("not loaded").nth(1).expect("files that are not loaded");
    assert_snapshot!("refusal_09_names", refused);
}

// row E14, refusal 10
#[test]
fn nobody_listens_anywhere() {
    assert_snapshot!(
        "refusal_10",
        checked("[server]\nlisten = \"0.0.0.0:7070\"\ntokens = [\"plain-text-token\"]\n")
    );
}

// row E14, refusal 11
#[test]
fn a_state_that_would_be_lost_or_changed_by_others() {
    assert_snapshot!(
        "refusal_11_configuration",
        checked("[state]\npath = \"state.db\"\ndurability = \"off\"\n")
    );
    let open = project("");
    open.write("lists.wf", LISTS);
    fs::create_dir(open.path(".cofferdam")).expect("a directory of the project");
    fs::set_permissions(open.path(".cofferdam"), fs::Permissions::from_mode(0o777)).expect("the directory is ours");
    open.write(
        "cofferdam.toml",
        "config = 1\n[plugins.fs]\ndirs = [{ guest = \"/\", host = \".\", access = \"read\" }]\n",
    );
    assert_snapshot!("refusal_11_open", open.transcript(&["run", "lists.wf"]));
}

// row E14, refusal 12
#[test]
fn a_workflow_that_needs_what_is_refused_does_not_begin() {
    let project = project(
        r#"
[plugins.fs]
dirs = [{ guest = "/data", host = "data", access = "write" }]
[workflows."*-read-only"]
dirs = { "/data" = "read" }
"#,
    );
    project.write(
        "wants-read-only.wf",
        r#"workflow wants-read-only edition 1 {
  call list { use = fs.list  params { root = "/data" } }
  call write { use = fs.write  params { path = "/data/x"  text = "x" } }
  call page { use = report.html  params { path = "/out/x"  title = "x"  sections = [] } }
  call get { use = http.request  params { url = "https://example.org" } }
}
"#,
    );
    assert_snapshot!("refusal_12", project.transcript(&["run", "wants-read-only.wf"]));
    assert!(!project.path(".cofferdam/state.db").exists(), "nothing was started");
    assert!(!project.path("data/x").exists());
}

// row E14, refusal 13
#[test]
fn no_variable_of_the_environment_opens_a_door() {
    let project = project("");
    project.write("lists.wf", LISTS);
    let plain = project.say(&["run", "lists.wf"]);
    assert_eq!(plain.code, Some(4), "{plain}");
    let mut command = project.command(&["run", "lists.wf"]);
    for name in [
        "COFFERDAM_ALLOW_ALL",
        "COFFERDAM_TRUST",
        "COFFERDAM_INSECURE",
        "COFFERDAM_DEV",
        "COFFERDAM_UNSAFE",
        "COFFERDAM_CONFIG",
        "COFFERDAM_PLUGINS",
    ] {
        command.env(name, "1");
    }
    let opened = project.said(&command.output().expect("the binary starts"));
    assert_eq!((opened.code, &opened.stderr), (plain.code, &plain.stderr));
    assert_snapshot!("refusal_13", plain);
}

fn built_in(name: &str) -> Vec<u8> {
    let target = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it lies in the target directory");
    fs::read(target.join(format!("plugins/{name}.wasm"))).expect("`cargo xtask plugins` builds it")
}
