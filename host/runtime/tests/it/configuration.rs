//! What does `cofferdam.toml` allow, and what is refused in which words?

use cofferdam_engine::{Data, Digest};
use cofferdam_runtime::configuration::{
    AsksChange, Configuration, EXPLANATIONS, Overrides, Problems, Project, Provenance, TrustError, TrustStore, Trusted,
    Untrusted, template,
};
use cofferdam_wasm::{Access, LIMITS, LimitName, Need, Signatures};
use proptest::prelude::proptest;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A project in a directory of its own.
struct Place {
    _directory: TempDir,
    root: PathBuf,
}

impl Place {
    fn new(text: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap().join("shop");
        for inner in ["src", "data", ".git", "plugins", "workflows", ".cofferdam"] {
            fs::create_dir_all(root.join(inner)).unwrap();
        }
        let place = Self {
            _directory: directory,
            root,
        };
        if let Some(text) = text {
            place.write(text);
        }
        place
    }

    fn write(&self, text: &str) {
        let file = self.root.join("cofferdam.toml");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn load(&self) -> Result<Configuration, Problems> {
        self.load_with(&Overrides::default())
    }

    fn load_with(&self, overrides: &Overrides) -> Result<Configuration, Problems> {
        let project = Project::discover(&self.root, overrides).unwrap();
        Configuration::load(&project, overrides)
    }

    /// The problems as they are shown, without where the project happens to be.
    fn problems(&self) -> String {
        let problems = self
            .load()
            .err()
            .map(|problems| problems.to_string())
            .unwrap_or_default();
        problems.replace(&format!("{}/", self.root.display()), "")
    }
}

fn refused(text: &str) -> String {
    Place::new(Some(text)).problems()
}

fn need(kind: &str) -> Need {
    Need {
        kind: kind.to_owned(),
        reason: None,
        path: None,
        data: Data::Null,
    }
}

const HEAD: &str = "config = 1\n";

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let text = r#"config = 1
[limits]
memroy = "64 MiB"
cpu = "10 MiB"
wall = 0
memory = "2 GiB"
output = "unlimited"
open_files = "many"
[state]
durability = "off"
[plugins.http]
settings = { a = 1 }
dirs = [{ guest = "out", host = "data", access = "write" }]
[identities.github]
env = { A = "secret:x" }
[sever]
"#;
    let expected = r#"cofferdam.toml:3:1: `[limits]` has no key `memroy` (CF0631)
  = help: did you mean `memory`?
cofferdam.toml:4:7: `cpu` must be a duration such as "30s"; the units are ms, s, m, h, d (CF0633)
cofferdam.toml:5:8: `wall` cannot be 0; its largest value is 1 h (CF0634)
cofferdam.toml:6:10: `memory` is 2048 MiB, its largest value is 1024 MiB (CF0634)
cofferdam.toml:7:10: `output` cannot be unlimited; its largest value is "64 MiB" (CF0634)
cofferdam.toml:8:14: `open_files` must be a plain number such as 64 (CF0633)
cofferdam.toml:10:14: `durability` must be "full" or "process"; it cannot be off (CF0633)
cofferdam.toml:12:1: `settings` is understood but not enforced in this release (CF0632)
cofferdam.toml:13:19: `out` is no guest path: it must start with `/`, and hold neither `..` nor `//` (CF0633)
cofferdam.toml:14:2: `[identities]` is understood but not enforced in this release: identities will come (CF0632)
cofferdam.toml:16:2: this file has no key `sever` (CF0631)
  = help: known here: config, project, state, host, limits, registry, plugins, secrets, workflows, actions, gates, variables"#;
    assert_eq!(refused(text), expected);
}

// key config
#[test]
fn what_is_no_toml_is_refused_with_its_place() {
    assert_eq!(
        refused("config = 1\nconfig = 1\n"),
        "cofferdam.toml:2:1: duplicate key (CF0630)"
    );
    assert!(refused("config = 1\n[limits\n").starts_with("cofferdam.toml:2:"));
    let missing =
        "cofferdam.toml:1:1: the format of this file is not said (CF0635)\n  = help: begin the file with: config = 1";
    assert_eq!(refused("[project]\nname = \"x\"\n"), missing);
    assert_eq!(
        refused("config = 2\n"),
        "cofferdam.toml:1:10: this file has format 2; this cofferdam knows format 1 (CF0633)"
    );
    let place = Place::new(Some(HEAD));
    fs::write(place.root.join("cofferdam.toml"), [0xff, 0xfe, 0x00]).unwrap();
    assert_eq!(
        place.problems(),
        "cofferdam.toml:1:1: the file is not UTF-8 text (CF0630)"
    );
}

#[test]
fn every_planned_key_has_a_message_of_its_own() {
    for (section, key) in [
        ("host", "runs = 256"),
        ("limits", "component = \"64 MiB\""),
        ("plugins.jira", "settings = { url = \"x\" }"),
        ("project", "scripts = [\".\"]"),
        ("state", "retain = { completed = \"30d\" }"),
    ] {
        let name = key.split(' ').next().unwrap();
        let message = refused(&format!("{HEAD}[{section}]\n{key}\n"));
        let expected = format!("cofferdam.toml:3:1: `{name}` is understood but not enforced in this release (CF0632)");
        assert_eq!(message, expected);
    }
    let sync = "[plugins.fs]\ndirs = [{ guest = \"/out\", host = \"data\", access = \"write\", sync = true }]\n";
    assert!(refused(&format!("{HEAD}{sync}")).contains("`sync` is understood but not enforced in this release"));
}

/// Returns what is wrong with these names, given the actions that there are; `agent.run` takes the name of an agent.
fn names(section: &str) -> String {
    let place = Place::new(Some(&format!("{HEAD}[actions]\n{section}")));
    let configuration = match place.load() {
        Ok(configuration) => configuration,
        Err(_) => return place.problems(),
    };
    let known = ["agent.run", "fs.list", "fs.read", "http.request", "state.read"].into();
    let problems = configuration.check_names(&known, |action| action == "agent.run");
    problems.to_string().replace(&format!("{}/", place.root.display()), "")
}

// row E01
#[test]
fn names_for_actions_must_lead_somewhere() {
    // An alias says which of several actions of one name is meant, and may say what a name means anyway.
    let right = "fallback = \"agent.run\"\n[actions.alias]\nread = \"fs.read\"\nlist = \"fs.list\"\n\"csv.parse\" = \"fs.read\"\n";
    assert_eq!(names(right), "");
    for (section, expected) in [
        (
            "alias = { notify = \"htp.request\" }",
            "cofferdam.toml:3:20: the alias `notify` stands for `htp.request`, which no plugin has (CF0642)\n  = help: did you mean `http.request`?",
        ),
        (
            "alias = { notify = \"list\" }",
            "cofferdam.toml:3:20: the alias `notify` stands for `list`, which no plugin has (CF0642)\n  = help: write `plugin.action`; cofferdam plugin list shows those that are there",
        ),
        (
            "alias = { \"fs.list\" = \"fs.read\" }",
            "cofferdam.toml:3:23: the alias `fs.list` would hide the action `fs.list` (CF0642)\n  = help: give the alias another name: the name of an action always means it",
        ),
        (
            "alias = { list = \"fs.read\" }",
            "cofferdam.toml:3:18: the alias `list` would hide the action `fs.list`, which goes by that name (CF0642)\n  = help: give the alias another name",
        ),
        (
            "alias = { a = \"b\", b = \"fs.list\" }",
            "cofferdam.toml:3:15: the alias `a` stands for `b`, which is an alias too (CF0642)\n  = help: name the action: \"fs.list\"",
        ),
        (
            "alias = { a = \"b\", b = \"a\" }",
            "cofferdam.toml:3:15: the alias `a` leads back to itself: a -> b -> a (CF0642)\n  = help: let it stand for an action\n\
             cofferdam.toml:3:24: the alias `b` leads back to itself: b -> a -> b (CF0642)\n  = help: let it stand for an action",
        ),
        (
            "alias = { a = \"fs.list\", a = \"fs.read\" }",
            "cofferdam.toml:3:26: duplicate key (CF0630)",
        ),
        (
            "alias = { csv.parse = \"fs.read\" }",
            "cofferdam.toml:3:11: `csv` must be the full name of an action (CF0642)\n  = help: a name with a dot stands in quotes: \"csv.NAME\" = \"plugin.action\"",
        ),
        (
            "alias = { \"a b\" = \"fs.read\" }",
            "cofferdam.toml:3:11: `a b` cannot be called: letters, digits, `_` and `-`, with one dot at most (CF0642)",
        ),
        (
            "alias = { a = 1 }",
            "cofferdam.toml:3:15: `a` must be the full name of an action, such as \"http.request\", this is a TOML integer (CF0633)",
        ),
        (
            "fallback = \"agent.rnu\"",
            "cofferdam.toml:3:12: the fallback is `agent.rnu`, which no plugin has (CF0642)\n  = help: did you mean `agent.run`?",
        ),
        (
            "fallback = \"fs.read\"",
            "cofferdam.toml:3:12: `fs.read` cannot be the fallback: it is not told which name was called (CF0642)\n  = help: the fallback is an action with a parameter `agent`",
        ),
        (
            "fallback = [\"agent.run\", \"fs.read\"]",
            "cofferdam.toml:3:12: there is one `fallback` at most (CF0642)\n  = help: a name that no action has goes to one action, or to none",
        ),
        (
            "fallbak = \"agent.run\"",
            "cofferdam.toml:3:1: `[actions]` has no key `fallbak` (CF0631)\n  = help: did you mean `fallback`?",
        ),
    ] {
        assert_eq!(names(&format!("{section}\n")), expected, "{section}");
    }
}

#[test]
fn a_plugin_cannot_be_allowed_to_grant_itself_the_rest() {
    for (host, reason) in [
        (".", "the configuration lies in it (`cofferdam.toml`)"),
        ("..", "the configuration lies in it (`cofferdam.toml`)"),
        ("plugins", "a plugins directory lies in it (`plugins`)"),
        ("workflows", "a workflows directory lies in it (`workflows`)"),
        ("./data/../workflows", "a workflows directory lies in it (`workflows`)"),
        (".git", "the repository lies in it (`.git`)"),
    ] {
        let text =
            format!("{HEAD}[plugins.evil]\ndirs = [{{ guest = \"/out\", host = \"{host}\", access = \"write\" }}]\n");
        let expected = format!(
            "cofferdam.toml:3:34: `evil` cannot be allowed to write `{host}`: {reason} (CF0636)\n  = help: grant a directory that holds nothing but results, such as host = \"out\""
        );
        assert_eq!(refused(&text), expected);
    }
    let place = Place::new(Some(&format!(
        "{HEAD}[plugins.evil]\ndirs = [{{ guest = \"/out\", host = \"plugins/deep\", access = \"write\" }}]\n"
    )));
    fs::create_dir(place.root.join("plugins/deep")).unwrap();
    assert!(place.problems().contains("it lies in a plugins directory (`plugins`)"));
    fs::create_dir_all(place.root.join("data/sub/.git")).unwrap();
    place.write(&format!(
        "{HEAD}[plugins.evil]\ndirs = [{{ guest = \"/out\", host = \"data/sub\", access = \"write\" }}]\n"
    ));
    assert!(place.problems().contains("a repository lies in it (`data/sub/.git`)"));
    // One that is there, and ones that would come to be.
    for (within, reason) in [
        (".git/hooks", "it lies in the repository (`.git`)"),
        ("data/sub/.git", "a repository (`data/sub/.git`)"),
        ("data/new/.GIT/hooks", "it lies in a repository (`data/new/.GIT`)"),
    ] {
        place.write(&format!(
            "{HEAD}[plugins.evil]\ndirs = [{{ guest = \"/out\", host = \"{within}\", access = \"write\", create = true }}]\n"
        ));
        let problems = place.problems();
        assert!(problems.contains(reason), "{problems}");
    }
}

// row E14
// key state.path
#[test]
fn no_guest_sees_the_state() {
    for host in [".cofferdam", "./data/../.cofferdam"] {
        let text =
            format!("{HEAD}[plugins.fs]\ndirs = [{{ guest = \"/src\", host = \"{host}\", access = \"read\" }}]\n");
        let expected =
            format!("`{host}` cannot be granted: it lies in the state directory, which no guest sees (CF0638)");
        assert!(refused(&text).ends_with(&expected), "{}", refused(&text));
    }
    let message = refused(&format!("{HEAD}[state]\npath = \"state.db\"\n"));
    assert!(
        message.contains("needs a directory of its own: it is hidden from every guest (CF0638)"),
        "{message}"
    );
    let place = Place::new(Some(&format!("{HEAD}[state]\npath = \"var/state.db\"\n")));
    assert_eq!(
        place.load().unwrap().hidden(),
        [place.root.join("var"), place.root.join(".cofferdam")]
    );
}

// row E14
#[test]
fn no_guest_sees_what_cofferdam_keeps_for_the_user() {
    let at = |host: &str, access: &str| {
        let text =
            format!("{HEAD}[plugins.fs]\ndirs = [{{ guest = \"/x\", host = \"{host}\", access = \"{access}\" }}]\n");
        let place = Place::new(Some(&text));
        fs::create_dir_all(place.root.join("data/home/cache")).unwrap();
        let overrides = Overrides {
            private: vec![place.root.join("data/home/cache"), place.root.join("data/home/state")],
            ..Overrides::default()
        };
        let loaded = place.load_with(&overrides);
        (loaded.map_err(|problems| problems.to_string()), place)
    };
    let reason = "cofferdam keeps compiled code there, or what you have trusted, which no guest sees (CF0638)";
    for access in ["read", "write"] {
        let refused = at("data/home/cache", access).0.unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
    // Nor is what lies above them ever writable, not even before they are there.
    let refused = at("data/home", "write").0.unwrap_err();
    assert!(refused.contains("what cofferdam keeps for you lies in it"), "{refused}");
    let (loaded, place) = at("data", "read");
    let allowed = loaded
        .unwrap()
        .grants_for("fs", Provenance::BuiltIn, &[need("read")])
        .allowed();
    assert!(
        allowed.hidden.contains(&place.root.join("data/home/cache")),
        "{allowed:?}"
    );
    assert!(
        allowed.hidden.contains(&place.root.join("data/home/state")),
        "{allowed:?}"
    );
}

// row E14
#[test]
fn a_text_that_shows_as_another_one_is_refused() {
    for text in [
        "[plugins.fs]\ndirs = [{ guest = \"/x\", host = \"/tmp\\n(1 of 1 shown)\\u001b[8m\", access = \"read\" }]\n",
        "[registry]\ndirs = [\"/tmp/\\u202Egnp\"]\n",
        "[state]\npath = \"/tmp/\\u009b1m/state.db\"\n",
        "[secrets.s]\nfile = \"/run/\\u001b[31mx\"\nto = [\"https://example.org\"]\n",
    ] {
        let message = refused(&format!("{HEAD}{text}"));
        assert!(message.contains("holds a character that nobody sees"), "{message}");
        assert!(!message.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{message:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_kernel_tells_cannot_be_granted() {
    for (host, name) in [("/proc", "proc"), ("/proc/sys", "proc"), ("/sys/kernel", "sysfs")] {
        let text =
            format!("{HEAD}[plugins.fs]\ndirs = [{{ guest = \"/src\", host = \"{host}\", access = \"read\" }}]\n");
        let expected = format!(
            "cofferdam.toml:3:34: cannot grant `{host}`: it is in a file system of the kernel (`{name}`), which tells about this machine and its processes (CF0637)\n  = help: grant a directory that holds files; a variable of the environment is granted with `env`"
        );
        assert_eq!(refused(&text), expected);
    }
}

#[test]
fn a_host_path_exists_and_holds_no_link() {
    let grant = |host: &str, access: &str| {
        format!("{HEAD}[plugins.fs]\ndirs = [{{ guest = \"/x\", host = \"{host}\", access = \"{access}\" }}]\n")
    };
    let place = Place::new(Some(&grant("none", "read")));
    assert_eq!(
        place.problems(),
        "cofferdam.toml:3:32: the directory `none` does not exist (CF0637)\n  = help: make it, or take this line away"
    );
    place.write(&grant("none", "write"));
    assert!(
        place
            .problems()
            .ends_with("make it, or add `create = true` to this line")
    );
    symlink("/", place.root.join("link")).unwrap();
    for host in ["link", "link/etc"] {
        place.write(&grant(host, "read"));
        let expected = format!(
            "cofferdam.toml:3:32: cannot grant `{host}`: `link` is a symbolic link: name what it points to (CF0637)"
        );
        assert_eq!(place.problems(), expected);
    }
    place.write(&grant("~/x", "read"));
    assert!(place.problems().contains("`~` is not expanded"));
    place.write(&grant("cofferdam.toml", "read"));
    assert!(place.problems().contains("`cofferdam.toml` is no directory"));
}

#[test]
fn a_file_that_anybody_can_write_configures_nothing() {
    let place = Place::new(Some(HEAD));
    let file = place.root.join("cofferdam.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let message = place.problems();
    assert!(
        message.starts_with("cofferdam.toml:1:1: everybody on this machine can write this file (CF0640)"),
        "{message}"
    );
}

#[test]
fn a_section_needs_its_plugin() {
    let place = Place::new(Some(&format!(
        "{HEAD}[plugins.htpp]\n[plugins.old]\nenabled = false\n[plugins.wholly-else]\n"
    )));
    let configuration = place.load().unwrap();
    let problems = configuration.check_plugins(["fs", "http", "text"]).to_string();
    assert_eq!(
        problems.replace(&format!("{}/", place.root.display()), ""),
        "cofferdam.toml:2:10: there is no plugin `htpp` (CF0639)\n  = help: did you mean `http`?\n\
         cofferdam.toml:5:10: there is no plugin `wholly-else` (CF0639)\n  = help: cofferdam plugin list shows those that are there"
    );
    assert!(!configuration.is_enabled("old") && configuration.is_enabled("fs"));
}

#[test]
fn the_frame_shows_the_project_and_lets_out_be_written() {
    let place = Place::new(None);
    let configuration = place.load().unwrap();
    assert_eq!(
        TrustStore::at(place.root.join("none")).check(&configuration).unwrap(),
        Trusted::NotNeeded
    );

    let reading = configuration.grants_for("fs", Provenance::BuiltIn, &[need("read")]);
    assert!(reading.is_complete());
    // Reading makes nothing.
    reading.prepare().unwrap();
    assert!(!place.root.join("out").exists());
    let allowed = reading.allowed();
    assert_eq!(allowed.directories.len(), 1);
    assert_eq!(
        (allowed.directories[0].guest.as_str(), &allowed.directories[0].host),
        ("/", &place.root)
    );
    assert_eq!(allowed.hidden, [place.root.join(".cofferdam")]);

    let writing = configuration.grants_for("report", Provenance::BuiltIn, &[need("write")]);
    writing.prepare().unwrap();
    assert!(place.root.join("out").is_dir());
    let directories = writing.allowed().directories;
    assert_eq!(directories.len(), 1);
    assert_eq!(
        (directories[0].guest.as_str(), directories[0].access),
        ("/out", Access::Write)
    );
    assert_eq!(directories[0].host, place.root.join("out"));

    let stranger = configuration.grants_for(
        "stranger",
        Provenance::File {
            digest: &Digest::of(b"a stranger"),
            signatures: &Signatures::default(),
        },
        &[need("read"), need("network")],
    );
    assert!(stranger.allowed().directories.is_empty());
    let refusals: Vec<String> = stranger.refusals().map(ToString::to_string).collect();
    assert_eq!(
        refusals,
        [
            "`stranger` may not read any directory; to grant it, add to [plugins.stranger] in cofferdam.toml (cofferdam init makes one): dirs = [{ guest = \"/\", host = \".\", access = \"read\" }]",
            "`stranger` may not send requests to any address; to grant it, add to [plugins.stranger] in cofferdam.toml (cofferdam init makes one): network = [{ url = \"https://api.example.org\", methods = [\"GET\"] }]",
        ]
    );
}

fn need_of(kind: &str, facts: &[(&'static str, Data)]) -> Need {
    Need {
        data: Data::map(facts.iter().map(|(name, value)| (*name, value.clone()))),
        ..need(kind)
    }
}

// row E10
// key plugins.network
#[test]
fn addresses_are_granted_as_far_as_they_are_asked_for() {
    let place = Place::new(Some(&format!(
        "{HEAD}[plugins.http]\nnetwork = [{{ url = \"https://*.example.org\", methods = [\"GET\"] }}]\n"
    )));
    let configuration = place.load().unwrap();
    let asks = configuration.asks();
    assert_eq!(asks[0].what, "`http` sends GET to https://*.example.org");
    let any = configuration.grants_for("http", Provenance::BuiltIn, &[need("network")]);
    assert!(any.is_complete());
    let opened = cofferdam_wasm::effective(&[need("network")], &any.allowed()).unwrap();
    assert_eq!(opened.class(), cofferdam_wasm::EffectClass::Effectful);
    let unasked = cofferdam_wasm::effective(&[], &any.allowed()).unwrap();
    assert_eq!(
        unasked.class(),
        cofferdam_wasm::EffectClass::Quiet,
        "what is not asked for is not granted"
    );
    let elsewhere = need_of("network", &[("url", Data::text("https://other.org/v1"))]);
    let refused = configuration.grants_for("http", Provenance::BuiltIn, &[elsewhere]);
    assert_eq!(
        refused.refusals().next().unwrap().to_string(),
        "`http` may not send requests to https://other.org/v1; to grant it, add to network of [plugins.http], cofferdam.toml:3: { url = \"https://other.org/v1\" },"
    );
    let optional = need_of(
        "network",
        &[("url", Data::text("https://other.org")), ("optional", Data::Bool(true))],
    );
    let without = configuration.grants_for("http", Provenance::BuiltIn, &[optional]);
    assert!(
        without.is_complete() && without.granted() == 0,
        "the action does without"
    );
}

// row J16
// key plugins.secrets, plugins.reveal
#[test]
fn to_use_a_secret_is_one_grant_and_to_be_told_it_another() {
    let place = Place::new(Some(&format!(
        "{HEAD}[plugins.a]\nsecrets = [\"one\"]\n[plugins.b]\nreveal = [\"one\"]\n[secrets.one]\nenv = \"ONE\"\nto = [\"https://a.b\"]\n"
    )));
    let configuration = place.load().unwrap();
    let (using, told) = (need("secret"), need_of("reveal", &[("name", Data::text("one"))]));
    let a = configuration.grants_for("a", Provenance::BuiltIn, &[using.clone(), told.clone()]);
    assert_eq!((a.granted(), a.is_complete()), (1, false));
    let refused = a.refusals().next().unwrap().to_string();
    assert!(
        refused.ends_with("[plugins.a], cofferdam.toml:2: reveal = [\"one\"]"),
        "{refused}"
    );
    let b = configuration.grants_for("b", Provenance::BuiltIn, std::slice::from_ref(&told));
    assert!(b.is_complete());
    let opened = cofferdam_wasm::effective(&[told], &b.allowed()).unwrap();
    assert_eq!(
        opened.class(),
        cofferdam_wasm::EffectClass::Effectful,
        "a value that is told can leave"
    );
    let opened = cofferdam_wasm::effective(&[using], &a.allowed()).unwrap();
    assert_eq!(
        opened.class(),
        cofferdam_wasm::EffectClass::Quiet,
        "a placeholder is no value"
    );
    let asks: Vec<String> = configuration.asks().into_iter().map(|ask| ask.what).collect();
    assert_eq!(
        asks,
        [
            "`a` uses the secret `one`",
            "`b` is told the secret `one`",
            "takes the secret `one` from variable ONE"
        ]
    );
    assert!(
        configuration
            .grants_for("c", Provenance::BuiltIn, &[need("secret")])
            .granted()
            == 0
    );
}

// row E14
#[test]
fn the_state_is_hidden_before_the_first_run_makes_it() {
    let place = Place::new(None);
    fs::remove_dir(place.root.join(".cofferdam")).unwrap();
    let grants = place
        .load()
        .unwrap()
        .grants_for("fs", Provenance::BuiltIn, &[need("read")]);
    grants.prepare().unwrap();
    let hidden = &grants.allowed().hidden[0];
    assert_eq!(fs::metadata(hidden).unwrap().permissions().mode() & 0o777, 0o700);
    let opened = cofferdam_wasm::effective(&[need("read")], &grants.allowed()).unwrap();
    assert_eq!(opened.directories().len(), 1);
}

#[test]
fn an_output_directory_can_be_named_where_nothing_is_configured() {
    let place = Place::new(None);
    let elsewhere = place.root.join("data/results");
    let overrides = Overrides {
        output: Some(elsewhere.clone()),
        state: Some(place.root.join("data/state/state.db")),
        ..Overrides::default()
    };
    let configuration = place.load_with(&overrides).unwrap();
    let grants = configuration.grants_for("report", Provenance::BuiltIn, &[need("write")]);
    grants.prepare().unwrap();
    assert!(elsewhere.is_dir());
    assert_eq!(grants.directories[0].source.to_string(), "command line");
    assert_eq!(
        configuration.hidden(),
        [place.root.join("data/state"), place.root.join(".cofferdam")]
    );
    let overrides = Overrides {
        output: Some(place.root.join("plugins")),
        ..Overrides::default()
    };
    assert!(
        place
            .load_with(&overrides)
            .unwrap_err()
            .to_string()
            .contains("cannot be the output directory: a plugins directory lies in it")
    );
}

#[test]
fn a_link_in_the_place_of_the_output_is_not_followed() {
    let place = Place::new(None);
    symlink("/tmp", place.root.join("out")).unwrap();
    let grants = place
        .load()
        .unwrap()
        .grants_for("report", Provenance::BuiltIn, &[need("write")]);
    let error = grants.prepare().unwrap_err();
    assert!(error.to_string().starts_with("cannot make the directory"), "{error}");
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("symbolic link")
    );
}

// row E14
// key plugins.dirs
#[test]
fn a_grant_is_what_is_asked_for_and_allowed() {
    let text = format!(
        "{HEAD}[plugins.fs]\ndirs = [\n  {{ guest = \"/src\", host = \"src\", access = \"read\" }},\n  {{ guest = \"/out\", host = \"data\", access = \"write\" }},\n]\n[plugins.idle]\n"
    );
    let configuration = Place::new(Some(&text)).load().unwrap();
    let asked_nothing = configuration.grants_for("fs", Provenance::BuiltIn, &[]);
    assert!(asked_nothing.directories.is_empty());

    let reading = configuration.grants_for("fs", Provenance::BuiltIn, &[need("read")]);
    let seen: Vec<_> = reading
        .directories
        .iter()
        .map(|d| (d.guest.as_str(), d.access))
        .collect();
    assert_eq!(
        seen,
        [("/src", Access::Read), ("/out", Access::Read)],
        "writing was not asked for"
    );
    let json = serde_json::to_value(&reading).unwrap();
    assert_eq!(json["needs"][0]["granted"][1]["access"], "read");
    assert_eq!(json["needs"][0]["granted"][1]["source"], "cofferdam.toml:5");

    let named = Need {
        path: Some("/src".to_owned()),
        ..need("read")
    };
    assert_eq!(
        configuration
            .grants_for("fs", Provenance::BuiltIn, &[named])
            .directories
            .len(),
        1
    );
    let named = Need {
        path: Some("/src".to_owned()),
        ..need("write")
    };
    let refused = configuration.grants_for("fs", Provenance::BuiltIn, &[named]);
    assert_eq!(
        refused.refusals().next().unwrap().to_string(),
        "`fs` may not write any directory as /src; to grant it, add to dirs of [plugins.fs], cofferdam.toml:4: { guest = \"/src\", host = \"out\", access = \"write\", create = true },"
    );
    let refused = configuration.grants_for("report", Provenance::BuiltIn, &[need("write")]);
    assert!(!refused.is_complete(), "a file that is there says everything");
    let line = refused.refusals().next().unwrap().line.clone().unwrap();
    assert_eq!(
        line,
        "dirs = [{ guest = \"/out\", host = \"out\", access = \"write\", create = true }]"
    );
}

#[test]
fn a_line_that_is_printed_as_the_remedy_grants() {
    let place = Place::new(Some(HEAD));
    let refused = place
        .load()
        .unwrap()
        .grants_for("report", Provenance::BuiltIn, &[need("write"), need("read")]);
    let lines: Vec<_> = refused
        .refusals()
        .map(|refusal| refusal.line.clone().unwrap())
        .collect();
    for line in lines {
        place.write(&format!("{HEAD}[plugins.report]\n{line}\n"));
        let kind = if line.contains("write") { "write" } else { "read" };
        assert!(
            place
                .load()
                .unwrap()
                .grants_for("report", Provenance::BuiltIn, &[need(kind)])
                .is_complete()
        );
    }
}

#[test]
fn a_project_that_asks_for_more_needs_trust_and_again_when_it_changes() {
    let wants = |more: &str| {
        format!("{HEAD}[plugins.fs]\ndirs = [{{ guest = \"/home\", host = \"/usr\", access = \"read\" }}{more}]\n")
    };
    let place = Place::new(Some(&wants("")));
    let store = TrustStore::at(place.root.parent().unwrap().join("user/state"));
    let untrusted = |configuration: &Configuration| -> Untrusted {
        match store.check(configuration) {
            Err(TrustError::Untrusted(untrusted)) => untrusted,
            other => panic!("{other:?}"),
        }
    };
    let first = place.load().unwrap();
    let message = untrusted(&first)
        .to_string()
        .replace(&format!("{}/", place.root.display()), "");
    assert_eq!(
        message,
        "this project wants more than reading its own tree and writing one directory in it\n    `fs` reads `/usr`  (cofferdam.toml:3)\nlook at cofferdam.toml, then: cofferdam trust"
    );
    let change = store.trust(&first).unwrap();
    assert_eq!(change.added, ["`fs` reads `/usr`"]);
    assert_eq!(store.check(&first).unwrap(), Trusted::Given);

    place.write(&wants(
        ", { guest = \"/tmp\", host = \"/usr/share\", access = \"write\" }",
    ));
    let second = place.load().unwrap();
    let untrusted_again = untrusted(&second);
    let kept = vec!["`fs` reads `/usr`".to_owned()];
    let expected = AsksChange {
        added: vec!["`fs` writes `/usr/share`".to_owned()],
        removed: Vec::new(),
        kept,
    };
    assert_eq!(untrusted_again.change, Some(expected));
    assert!(untrusted_again.to_string().contains(
        "changed since you trusted it\n    `fs` reads `/usr`  (cofferdam.toml:3)\n  + `fs` writes `/usr/share`"
    ));
    assert_eq!(
        store.check(&first).unwrap(),
        Trusted::Given,
        "the text that was trusted still is"
    );

    assert!(store.forget(&first).unwrap());
    assert!(store.check(&first).is_err());
}

#[test]
fn more_than_the_usual_limits_needs_trust() {
    let asks = |text: &str| -> Vec<String> {
        let place = Place::new(Some(&format!("{HEAD}{text}")));
        place.load().unwrap().asks().into_iter().map(|ask| ask.what).collect()
    };
    let usual = "[host]\nattempts = 64\n[limits]\nmemory = \"64 MiB\"\ncpu = \"10s\"\ncompile = { wall = \"60s\" }\n";
    assert_eq!(asks(usual), [""; 0]);
    assert_eq!(
        asks(
            "[host]\nattempts = 65\n[limits]\ncpu = \"11s\"\ncompile = { memory = \"3 GiB\" }\n\
             [plugins.fs.limits]\nmemory = \"1 GiB\"\nlog = \"1 KiB\"\n"
        ),
        [
            "every plugin uses up to 11 s of `cpu`, not 10 s",
            "`fs` uses up to 1024 MiB of `memory`, not 128 MiB",
            "compiles a component for up to 60 s with 3072 MiB",
            "lets 65 guests be at work at once, not 64",
        ]
    );
}

#[test]
fn one_output_directory_inside_needs_no_trust_but_two_do() {
    let dirs = |plugin: &str, host: &str| {
        format!(
            "[plugins.{plugin}]\ndirs = [{{ guest = \"/out\", host = \"{host}\", access = \"write\", create = true }}]\n"
        )
    };
    let place = Place::new(Some(&format!("{HEAD}{}{}", dirs("fs", "out"), dirs("report", "out"))));
    assert!(place.load().unwrap().asks().is_empty());
    place.write(&format!("{HEAD}{}{}", dirs("fs", "out"), dirs("report", "results")));
    let asks: Vec<_> = place.load().unwrap().asks().into_iter().map(|ask| ask.what).collect();
    assert_eq!(asks, ["`fs` writes `out`", "`report` writes `results`"]);
    place.write(&format!(
        "{HEAD}[registry]\ndirs = [\"/opt/plugins\"]\n[state]\npath = \"/var/lib/shop/state.db\"\n"
    ));
    let asks: Vec<_> = place.load().unwrap().asks().into_iter().map(|ask| ask.what).collect();
    assert_eq!(
        asks,
        [
            "loads plugins from `/opt/plugins`",
            "keeps its state in `/var/lib/shop/state.db`"
        ]
    );
}

#[test]
fn a_damaged_record_of_trust_is_refused_and_kept() {
    let place = Place::new(Some(&format!("{HEAD}[registry]\ndirs = [\"/opt/plugins\"]\n")));
    let directory = place.root.parent().unwrap().join("user");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("trust.json"), "{").unwrap();
    let error = TrustStore::at(&directory).trust(&place.load().unwrap()).unwrap_err();
    assert!(error.to_string().contains("is of no use"), "{error}");
    assert_eq!(fs::read_to_string(directory.join("trust.json")).unwrap(), "{");
}

// key plugins.limits
#[test]
fn limits_come_from_the_plugin_then_the_file_then_the_table() {
    let text = format!(
        "{HEAD}[limits]\nmemory = \"64 MiB\"\ncpu = \"5s\"\n[plugins.fs.limits]\ncpu = \"1m\"\n[host]\nattempts = 8\ncancel_grace = \"1m\"\nshutdown_grace = \"250ms\"\n"
    );
    let configuration = Place::new(Some(&text)).load().unwrap();
    assert_eq!(configuration.limits_for("fs").get(LimitName::Cpu), 60_000);
    assert_eq!(configuration.limits_for("fs").get(LimitName::Memory), 64 << 20);
    assert_eq!(configuration.limits_for("text").get(LimitName::Cpu), 5000);
    assert_eq!(
        configuration.limits_for("text").get(LimitName::Output),
        LimitName::Output.row().default
    );
    assert_eq!(configuration.attempts(), 8);
    assert_eq!(configuration.cancel_grace(), Duration::from_secs(60));
    assert_eq!(configuration.shutdown_grace(), Duration::from_millis(250));
    let settings = configuration.settings();
    let cpu: Vec<_> = settings.iter().filter(|setting| setting.key == "cpu").collect();
    assert_eq!(
        (cpu[0].value.as_str(), cpu[0].source.to_string().as_str()),
        ("\"5s\"", "cofferdam.toml:4")
    );
    assert_eq!(
        (cpu[1].section.as_str(), cpu[1].value.as_str()),
        ("plugins.fs.limits", "\"1m\"")
    );
    assert_eq!(cpu[0].maximum.as_deref(), Some("\"1h\""));
    assert_eq!(
        settings.iter().filter(|setting| setting.section == "limits").count(),
        LIMITS.len() + 1,
        "those of attempts, and what compiling may take"
    );
    let message = refused(&format!("{HEAD}[limits]\nwall = \"30m\"\nwall_max = \"10m\"\n"));
    assert!(
        message.contains("`wall` is 1800 s, more than `wall_max`, which is 600 s"),
        "{message}"
    );
}

#[test]
fn a_grace_is_a_duration_of_at_most_an_hour() {
    let usual = Place::new(Some(HEAD)).load().unwrap();
    assert_eq!(usual.cancel_grace(), Duration::from_secs(5));
    assert_eq!(usual.shutdown_grace(), Duration::from_secs(5));
    let message = refused(&format!("{HEAD}[host]\ncancel_grace = \"2h\"\n"));
    assert!(
        message.contains("`cancel_grace` must be at most 60 minutes"),
        "{message}"
    );
    let message = refused(&format!("{HEAD}[host]\nshutdown_grace = \"soon\"\n"));
    assert!(
        message.contains("`shutdown_grace` must be a duration such as \"30s\""),
        "{message}"
    );
    let message = refused(&format!("{HEAD}[host]\nshutdown_grace = 5\n"));
    assert!(message.contains("`shutdown_grace`"), "{message}");
}

#[test]
fn variables_are_plain_values() {
    let text = format!("{HEAD}[variables]\nrepo_name = \"shop\"\nports = [1, 2.5]\nmore = {{ on = true }}\n");
    let configuration = Place::new(Some(&text)).load().unwrap();
    let variables: Vec<_> = configuration
        .variables()
        .map(|(name, value)| format!("{name}={}", value.to_json()))
        .collect();
    assert_eq!(variables, ["more={\"on\":true}", "ports=[1,2.5]", "repo_name=\"shop\""]);
    let message = refused(&format!(
        "{HEAD}[variables]\nbranch = {{ command = [\"/usr/bin/git\"] }}\nday = 2026-11-21\n"
    ));
    assert!(message.contains("`branch`: a `command` is understood but not enforced in this release"));
    assert!(message.contains("`day` must be a text, a number, true, false, or a list or map of them"));
}

#[test]
fn the_template_has_no_problems_and_needs_no_trust() {
    let place = Place::new(Some(&template("shop \"x\"\n")));
    let configuration = place.load().unwrap();
    assert_eq!(configuration.name(), "shop x");
    assert!(configuration.asks().is_empty());
    assert!(
        configuration
            .grants_for("fs", Provenance::BuiltIn, &[need("read"), need("write")])
            .is_complete()
    );
    // What is commented out must be as good as what is not.
    let text: String = template("shop")
        .lines()
        .map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let setting = bare.starts_with('[') || bare.split('#').next().unwrap_or_default().contains(" = ");
            if setting && !bare.starts_with("Limits") {
                format!("{bare}\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    assert!(text.contains("\n[plugins.wordcount]\n"));
    let place = Place::new(Some(&text));
    place.load().unwrap_or_else(|problems| panic!("{problems}\n{text}"));
}

#[test]
fn explanations_have_one_number_each() {
    let mut numbers: Vec<_> = EXPLANATIONS
        .iter()
        .map(|explanation| explanation.code.number())
        .collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count);
    assert!(EXPLANATIONS.iter().all(|explanation| explanation.text.len() > 40));
}

/// Loads `text` as a project file; what matters is that it returns.
fn load_anything(root: &Path, text: &str) {
    let file = root.join("cofferdam.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let project = Project::discover(root, &Overrides::default()).unwrap();
    match Configuration::load(&project, &Overrides::default()) {
        Ok(configuration) => {
            assert!(!configuration.settings().is_empty());
            let grants = configuration.grants_for("fs", Provenance::BuiltIn, &[need("read"), need("write")]);
            assert!(grants.granted() <= 2);
            assert!(configuration.asks().len() < 10_000);
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(
                problems
                    .as_slice()
                    .iter()
                    .all(|problem| problem.line >= 1 && problem.column >= 1)
            );
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let directory = tempfile::tempdir().unwrap();
        load_anything(directory.path(), &text);
    }

    #[test]
    fn no_mangled_template_makes_it_panic(from in 0usize..3000, length in 0usize..40, with in "[\\[\\]{}=\"\\n0a.é-]{0,6}") {
        let directory = tempfile::tempdir().unwrap();
        let mut text = template("x").replace("# ", "");
        let start = text.floor_char_boundary(from);
        let end = text.floor_char_boundary(start + length).max(start);
        text.replace_range(start..end, &with);
        load_anything(directory.path(), &text);
    }
}

#[test]
fn deep_and_large_files_are_refused() {
    let deep = format!("config = 1\nx = {}", "[".repeat(100_000));
    assert!(!refused(&deep).is_empty());
    let large = format!("config = 1\n# {}", "x".repeat(2 << 20));
    assert_eq!(
        refused(&large),
        "cofferdam.toml:1:1: the file has 2097165 bytes; a configuration has 1 MiB at most (CF0630)"
    );
}

const NARROWED: &str = r#"config = 1
[plugins.http]
network = [{ url = "https://*.example.org" }]
[plugins.fs]
dirs = [
  { guest = "/src", host = "src", access = "read" },
  { guest = "/data", host = "data", access = "write" },
]
limits = { cpu = "2s", wall = "20s" }
[workflows."csv-*"]
network = "none"
dirs = { "/data" = "read" }
limits = { cpu = "5s", memory = "64 MiB", wall_max = "10s" }
[workflows."*-nightly"]
network = [{ url = "https://api.example.org/v1", methods = ["GET"] }]
dirs = { "/src" = "none" }
limits = { cpu = "1s" }
"#;

// row E14
// key workflows.network.url, workflows.dirs, workflows.limits
#[test]
fn a_workflow_is_given_less_by_every_section_that_means_it() {
    let place = Place::new(Some(NARROWED));
    let configuration = place.load().unwrap();
    assert!(
        configuration.asks().iter().all(|ask| !ask.what.contains("workflow")),
        "who takes away asks for nothing"
    );
    let files = [need("read"), need("write")];
    let shown = |workflow: &str| {
        let of = |plugin: &str, needs: &[Need]| {
            let grants = configuration.grants_in(workflow, plugin, Provenance::BuiltIn, needs);
            let opened = cofferdam_wasm::effective(needs, &grants.allowed()).unwrap();
            // What is shown is what is opened.
            for (shown, opened) in grants.needs.iter().zip(opened.decisions()) {
                assert_eq!(shown.granted.len(), opened.granted.len(), "{workflow} {plugin}");
                assert_eq!(shown.refused.is_some(), opened.refused.is_some(), "{workflow} {plugin}");
            }
            let granted = opened.decisions().iter().flat_map(|decision| decision.granted.clone());
            granted.collect::<Vec<_>>()
        };
        [of("fs", &files), of("http", &[need("network")])].concat().join(" ")
    };
    assert_eq!(shown("other"), "read /src read /data write /data https://*.example.org");
    assert_eq!(shown("csv-quality"), "read /src read /data");
    assert_eq!(shown("nightly"), shown("other"));
    assert_eq!(
        shown("a-nightly"),
        "read /data write /data GET https://api.example.org/v1"
    );
    assert_eq!(shown("csv-nightly"), "read /data");

    let refused = configuration.grants_in("csv-x", "fs", Provenance::BuiltIn, &files);
    assert_eq!(
        refused.refusals().next().unwrap().to_string(),
        "`fs` may not write any directory in this workflow: [workflows.\"csv-*\"], cofferdam.toml:10 takes it away"
    );
    let refused = configuration.grants_in("csv-x", "http", Provenance::BuiltIn, &[need("network")]);
    assert_eq!(
        refused.refusals().next().unwrap().to_string(),
        "`http` may not send requests in this workflow: [workflows.\"csv-*\"], cofferdam.toml:10 takes it away"
    );

    let limits = |workflow: &str, limit| configuration.limits_in(workflow, "fs").get(limit);
    assert_eq!(limits("csv-x", LimitName::Cpu), 2_000, "less than the workflow may");
    assert_eq!(limits("csv-nightly", LimitName::Cpu), 1_000);
    assert_eq!(limits("csv-x", LimitName::Memory), 64 << 20);
    assert_eq!(limits("csv-x", LimitName::WallMax), 10_000);
    assert_eq!(
        limits("csv-x", LimitName::Wall),
        10_000,
        "no longer than a step may ask for"
    );
    assert_eq!(limits("other", LimitName::Wall), 20_000);
    let source = |workflow, limit| configuration.limit_source(workflow, "fs", limit).to_string();
    assert_eq!(source(None, LimitName::Cpu), "cofferdam.toml:9");
    assert_eq!(source(Some("csv-x"), LimitName::Cpu), "cofferdam.toml:9");
    assert_eq!(source(Some("csv-nightly"), LimitName::Cpu), "cofferdam.toml:17");
    assert_eq!(source(Some("csv-x"), LimitName::Memory), "cofferdam.toml:13");
    assert_eq!(source(Some("other"), LimitName::Memory), "built in");
}
