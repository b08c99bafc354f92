//! Components that are signed: whose signature lets one be used, and what is said where none does.

use crate::project::{Listener, Project, Said, another};
use insta::assert_snapshot;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const LISTS: &str = r#"workflow lists edition 1 {
  call list { use = tool.list  params { root = "/" } }
  outputs { count = (steps.list.output.count) }
}
"#;

/// A run that waits between two calls.
const WAITS: &str = r#"workflow waits edition 1 {
  call one { use = tool.list  params { root = "/" } }
  wait go { event = "go" }
  call two { use = tool.list  params { root = "/" } }
}
"#;

/// Returns the plugin `fs` as somebody else's: each name of a section makes another component of it.
fn tool(section: &str) -> Vec<u8> {
    another("fs", section)
}

fn ended(said: &Said, code: i32) {
    assert_eq!(said.code, Some(code), "{said}");
}

/// A project whose plugin `tool` must be signed by one of two keys; somebody else has a third.
struct Signing {
    project: Project,
    /// What stands in the configuration of each.
    public: [String; 3],
}

const OWNERS: [&str; 3] = ["release", "team", "stranger"];

impl Signing {
    fn new() -> Self {
        let project = Project::with(&[("lists.wf", LISTS), ("waits.wf", WAITS), ("data/a.txt", "a")]);
        project.write("plugins/tool.wasm", tool("one"));
        let public = OWNERS.map(|owner| {
            let file = format!("{owner}.key");
            let made = project
                .command(&["plugin", "keygen", &file])
                .output()
                .expect("it starts");
            assert!(made.status.success());
            let mode = fs::metadata(project.path(&file)).expect("a key").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            String::from_utf8(made.stdout).expect("text").trim().to_owned()
        });
        let signing = Self { project, public };
        signing.configured("signed_by = [\"release\", \"team\"]\n");
        signing
    }

    /// Writes the configuration, with these lines in the section of the plugin, and trusts it.
    fn configured(&self, lines: &str) {
        let [release, team, _] = &self.public;
        let text = format!(
            "config = 1\n\n[registry]\nkeys = {{ release = \"{release}\", team = \"{team}\" }}\n\n[plugins.tool]\n\
             dirs = [{{ guest = \"/\", host = \"data\", access = \"read\" }}]\n{lines}"
        );
        self.project.write("cofferdam.toml", text);
        ended(&self.say(&["trust", "--yes"]), 0);
    }

    fn say(&self, arguments: &[&str]) -> Said {
        self.project.say(arguments)
    }

    fn sign(&self, file: &str, owner: &str, name: &str) {
        let key = format!("{owner}.key");
        ended(&self.say(&["plugin", "sign", file, "--key", &key, "--name", name]), 0);
    }

    fn beside(&self) -> String {
        fs::read_to_string(self.project.path("plugins/tool.wasm.sig")).expect("signatures")
    }

    /// What is said where the plugin is not used, and that it is not.
    fn refused(&self) -> String {
        let run = self.say(&["run", "lists.wf"]);
        ended(&run, 4);
        assert!(
            run.stderr.contains("warning[CF0512]: plugins/tool.wasm is not loaded"),
            "{run}"
        );
        assert!(
            !self.project.path(".cofferdam/state.db").exists(),
            "nothing was started"
        );
        self.project.transcript(&["plugin", "verify", "plugins/tool.wasm"])
    }
}

// row E02, row E14
// key registry.keys, plugins.signed_by
#[test]
fn a_component_has_its_grants_with_the_signature_of_a_key_that_counts() {
    let signing = Signing::new();
    assert_snapshot!("unsigned_run", signing.project.transcript(&["run", "lists.wf"]));
    assert_snapshot!("unsigned", signing.refused());
    signing.sign("plugins/tool.wasm", "stranger", "tool");
    assert_snapshot!("stranger", signing.refused());
    signing.sign("plugins/tool.wasm", "team", "tool");
    assert_eq!(
        signing.beside().lines().count(),
        3,
        "a second signature stands beside the first"
    );
    let run = signing.say(&["run", "lists.wf"]);
    ended(&run, 0);
    assert_eq!(run.stdout, "  count  1\n", "{run}");
    assert_snapshot!(
        "verified",
        signing.project.transcript(&["plugin", "verify", "plugins/tool.wasm"])
    );
    let inspected = signing.say(&["plugin", "inspect", "tool"]);
    let expected = "signed      by [key], a key that is not known here\n            by `team`\n";
    assert!(inspected.stdout.contains(expected), "{inspected}");
    let listed = signing.say(&["plugin", "list"]);
    let line = listed
        .stdout
        .lines()
        .find(|line| line.starts_with("tool"))
        .expect("the tool");
    assert!(line.contains("1 of 2") && line.trim_end().ends_with("team"), "{listed}");
    let output = signing
        .project
        .command(&["plugin", "inspect", "tool", "--json"])
        .output();
    let output: serde_json::Value = serde_json::from_slice(&output.expect("it starts").stdout).expect("JSON");
    let told: Vec<(&str, &str)> = output["signatures"]
        .as_array()
        .expect("signatures")
        .iter()
        .map(|signature| {
            (
                signature["name"].as_str().unwrap_or("-"),
                signature["worth"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("-", "genuine"), ("team", "genuine")]);
    // Nobody has to accept what is signed; the lock file lists it all the same, and is still asked.
    ended(&signing.say(&["run", "lists.wf", "--locked"]), 4);
    let accepted = signing.say(&["plugin", "accept", "tool"]);
    ended(&accepted, 0);
    assert!(
        accepted.stderr.contains("it is signed by `team` (cofferdam.toml:8)"),
        "{accepted}"
    );
    ended(&signing.say(&["run", "lists.wf", "--locked"]), 0);
    // A newer one needs no acceptance either, but another entry in the lock file.
    signing.project.write("plugins/tool.wasm", tool("two"));
    signing.sign("plugins/tool.wasm", "release", "tool");
    assert_eq!(
        signing.beside().lines().count(),
        2,
        "what is about another component is gone"
    );
    ended(&signing.say(&["run", "lists.wf"]), 0);
    let unlisted = signing.say(&["run", "lists.wf", "--locked"]);
    assert!(unlisted.stderr.contains("error[CF0622]"), "{unlisted}");
    // Another user is asked about the key, and not about the component.
    let other = tempfile::TempDir::new().expect("a home");
    let trusting = signing
        .project
        .command(&["trust", "--yes"])
        .env("HOME", other.path())
        .output();
    assert_snapshot!("trusted", signing.project.said(&trusting.expect("it starts")));
}

// row E02, row E14
#[test]
fn everything_that_is_wrong_with_signatures_is_said() {
    let signing = Signing::new();
    let project = &signing.project;
    signing.sign("plugins/tool.wasm", "release", "text");
    signing.sign("plugins/tool.wasm", "stranger", "tool");
    assert_snapshot!("other_name", signing.refused());
    // A bit of the component is another one.
    signing.sign("plugins/tool.wasm", "release", "tool");
    let mut bytes = tool("one");
    *bytes.last_mut().expect("bytes") ^= 1;
    project.write("plugins/tool.wasm", &bytes);
    assert_snapshot!("flipped", signing.refused());
    // A bit of a signature is another one, and one that is right was given to another component.
    project.write("plugins/tool.wasm", tool("one"));
    signing.sign("plugins/tool.wasm", "team", "tool");
    let (head, last) = signing
        .beside()
        .trim_end()
        .rsplit_once(' ')
        .map(|(head, last)| (head.to_owned(), last.to_owned()))
        .unwrap();
    let first = if last.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{head} {first}{}\n", &last[1..]);
    let kept: Vec<&str> = forged
        .lines()
        .filter(|line| line.starts_with("cofferdam") || line.ends_with(&last[1..]))
        .collect();
    project.write("plugins/tool.wasm.sig", kept.join("\n"));
    assert_snapshot!("forged", signing.refused());
    project.write(
        "plugins/tool.wasm.sig",
        "cofferdam signatures 1\n\ned25519:x Tool sha256:1 zz\nhello\n# whatever\n",
    );
    assert_snapshot!("damaged", signing.refused());
    let untouched = project.transcript(&["plugin", "sign", "plugins/tool.wasm", "--key", "team.key"]);
    assert_snapshot!("damaged_sign", untouched);
    fs::remove_file(project.path("plugins/tool.wasm.sig")).expect("it is ours");
    // A key that others can read signs nothing, and one that is there is not overwritten.
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(project.path("team.key"), open).expect("it is ours");
    assert_snapshot!(
        "open_key",
        project.transcript(&["plugin", "sign", "plugins/tool.wasm", "--key", "team.key"])
    );
    ended(&signing.say(&["plugin", "keygen", "release.key"]), 5);
    ended(
        &signing.say(&["plugin", "sign", "plugins/tool.wasm", "--key", "lists.wf"]),
        5,
    );
    assert!(!project.path("plugins/tool.wasm.sig").exists());
}

// row E02
// key registry.require_signature
#[test]
fn every_plugin_from_a_file_can_be_made_to_need_a_signature() {
    let signing = Signing::new();
    let project = &signing.project;
    let text = fs::read_to_string(project.path("cofferdam.toml")).expect("the configuration");
    let text = text.replace("[registry]\n", "[registry]\nrequire_signature = true\n");
    let text = text.replace("signed_by = [\"release\", \"team\"]\n", "");
    project.write("cofferdam.toml", &text);
    let add = |name: &str| project.write(&format!("downloads/{name}.wasm"), tool(name));
    add("other");
    for arguments in [
        &["plugin", "install", "downloads/other.wasm"][..],
        &["plugin", "run", "downloads/other.wasm", "list"],
    ] {
        let said = signing.say(arguments);
        ended(&said, 5);
        let expected = "error[CF0512]: as `other` it is not signed by `release` or `team`: no signature lies beside it";
        assert!(said.stderr.contains(expected), "{said}");
    }
    signing.sign("downloads/other.wasm", "team", "other");
    ended(&signing.say(&["plugin", "install", "downloads/other.wasm"]), 0);
    assert!(
        project.path("plugins/other.wasm.sig").is_file(),
        "it goes with the component"
    );
    let listed = signing.say(&["plugin", "list"]);
    assert!(listed.stdout.contains("plugins/other.wasm  team"), "{listed}");
    assert!(listed.stdout.contains("plugins/tool.wasm   not signed by"), "{listed}");
    // A signature lets it be used; that it has its grants with it is another word.
    signing.sign("plugins/tool.wasm", "team", "tool");
    let run = signing.say(&["run", "lists.wf"]);
    assert!(run.stderr.contains("nobody has accepted it yet"), "{run}");
    ended(&signing.say(&["plugin", "remove", "other", "--yes"]), 0);
    assert!(!project.path("plugins/other.wasm.sig").exists());
    assert_snapshot!("keys_wrong", {
        let [release, ..] = &signing.public;
        project.write(
            "cofferdam.toml",
            format!(
                "config = 1\n[registry.keys]\none = \"{release}\"\ntwo = \"{release}\"\nthree = 3\n\"a b\" = \"\"\nfour = \"x\"\n\
                 [plugins.tool]\nsigned_by = [\"on\", \"nobody\"]\n[plugins.other]\nsigned_by = []\n"
            ),
        );
        let wrong = project.transcript(&["config", "check"]);
        let secret = "ed25519-secret:AAAA";
        project.write(
            "cofferdam.toml",
            format!(
                "config = 1\n[registry]\nrequire_signature = true\n[plugins.tool]\nsigned_by = [\"x\"]\n# {secret}\n"
            ),
        );
        wrong + &project.transcript(&["config", "check"])
    });
}

// row E02, row K11
#[test]
fn a_run_keeps_what_vouches_for_its_component_as_long_as_the_key_counts() {
    let signing = Signing::new();
    let project = &signing.project;
    signing.sign("plugins/tool.wasm", "release", "tool");
    ended(&signing.say(&["run", "waits.wf"]), 6);
    ended(&signing.say(&["run", "waits.wf"]), 6);
    project.write("plugins/tool.wasm", tool("two"));
    signing.sign("plugins/tool.wasm", "team", "tool");
    ended(&signing.say(&["signal", "last", "go"]), 0);
    // The key of the first one does not count any more: what is installed goes on, the old run does not.
    signing.configured("signed_by = [\"team\"]\n");
    ended(&signing.say(&["run", "lists.wf"]), 0);
    let runs = project
        .command(&["runs", "--status", "waiting", "--json"])
        .output()
        .expect("it starts");
    let runs: serde_json::Value = serde_json::from_slice(&runs.stdout).expect("JSON");
    let old = runs["runs"][0]["run"].as_str().expect("a run that waits").to_owned();
    let refused = signing.say(&["signal", &old, "go"]);
    ended(&refused, 4);
    assert!(
        refused.stderr.contains("error[CF0512]") && refused.stderr.contains("is none of them"),
        "{refused}"
    );
    signing.configured("signed_by = [\"team\", \"release\"]\n");
    ended(&signing.say(&["signal", &old, "go"]), 0);
}

// row E02
#[test]
fn a_host_at_work_takes_a_component_in_when_it_is_signed() {
    let signing = Signing::new();
    let project = &signing.project;
    signing.sign("plugins/tool.wasm", "release", "tool");
    let (child, mut host) = Listener::at_work(project);
    project.write("plugins/.new", tool("two"));
    fs::rename(project.path("plugins/.new"), project.path("plugins/tool.wasm")).expect("it is ours");
    host.wait_for(
        "warning[CF0512]: plugins/tool.wasm is not loaded: not signed by `release` or `team`: line 2: `release` signed another component",
    );
    host.wait_for("goes on in its place (sha256:");
    signing.sign("plugins/tool.wasm", "team", "tool");
    host.wait_for("plugin `tool` is another component from now on (sha256:");
    host.stop(child);
}
