//! `init`, `config`, `trust`: what the one who is responsible sees.

use crate::project::Project;
use insta::assert_snapshot;

#[test]
fn a_configuration_to_start_from_is_written_once() {
    let project = Project::empty();
    let transcript = [
        project.transcript(&["init"]),
        project.transcript(&["init"]),
        project.transcript(&["config", "check"]),
        project.transcript(&["init", "deep/er"]),
    ];
    assert_snapshot!(transcript.join("\n"));
    assert!(project.path("deep/er/cofferdam.toml").is_file());
}

// key project.name
#[test]
fn what_applies_is_shown() {
    let text = "config = 1\n\n[plugins.fs]\ndirs = [{ guest = \"/\", host = \".\", access = \"read\" }]\nlimits = { wall = \"5s\" }\n\n[variables]\nrepo = \"x\"\n";
    let project = Project::with(&[("cofferdam.toml", text)]);
    assert_snapshot!("config_show", project.transcript(&["config", "show"]));
    assert_snapshot!(
        "config_show_effective",
        project.transcript(&["config", "show", "--effective"])
    );
    assert_snapshot!("config_show_absent", Project::empty().transcript(&["config", "show"]));
}

#[test]
fn everything_that_is_wrong_with_a_configuration_is_said() {
    let text = "config = 1\n\n[plugin.fs]\n\n[plugins.fs]\ndir = 3\nlimits = { wall = \"0s\" }\n";
    let project = Project::with(&[("cofferdam.toml", text)]);
    assert_snapshot!("config_wrong", project.transcript(&["config", "check"]));
    assert_snapshot!("config_newer", {
        project.write("cofferdam.toml", "config = 7\n");
        project.transcript(&["runs"])
    });
    assert_snapshot!("config_no_toml", {
        project.write("cofferdam.toml", "config = = 1\n");
        project.transcript(&["runs"])
    });
    assert_snapshot!("config_absent", project.transcript(&["--config", "nope.toml", "runs"]));
}

#[test]
fn a_project_that_wants_more_is_asked_about_until_it_is_trusted() {
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let elsewhere_path = elsewhere.path().display().to_string();
    let dirs = |access: &str| {
        format!(
            "config = 1\n\n[plugins.fs]\ndirs = [{{ guest = \"/\", host = \".\", access = \"read\" }}, {{ guest = \"/data\", host = \"{elsewhere_path}\", access = \"{access}\" }}]\n"
        )
    };
    let gate = "workflow gate edition 1 {\n  gate human_review go { prompt = \"Go?\" }\n}\n";
    let list = "workflow list edition 1 {\n  call list { use = fs.list  params { root = \"/data\" } }\n  outputs { count = (steps.list.output.count) }\n}\n";
    let project = Project::with(&[("cofferdam.toml", &dirs("read")), ("list.wf", list), ("gate.wf", gate)]);
    project.write("cofferdam.toml", "config = 1\n");
    // Whoever gives the project away may have begun a run of it.
    assert_eq!(project.say(&["run", "gate.wf", "--progress", "none"]).code, Some(6));
    project.write("cofferdam.toml", dirs("read"));
    let run = ["run", "list.wf", "--progress", "none"];
    let mut transcript = vec![
        project.transcript(&run),
        project.transcript(&["trust"]),
        project.transcript(&["trust", "--yes"]),
        project.transcript(&["trust"]),
        project.transcript(&run),
    ];
    project.write("cofferdam.toml", dirs("write"));
    transcript.push(project.transcript(&run));
    transcript.push(project.transcript(&["trust", "--yes"]));
    transcript.push(project.transcript(&["trust", "--forget"]));
    transcript.push(project.transcript(&run));
    assert_snapshot!(transcript.join("\n").replace(&elsewhere_path, "[elsewhere]"));
}

const GLUED: &str = r#"workflow glued edition 1 {
  call glue { params { items = ["a", "b"]  separator = "-" } }
  outputs { text = (steps.glue.output.text) }
}
"#;

/// Returns the same with the name of the action.
fn joined() -> String {
    GLUED.replace("{ params", "{ use = text.join  params")
}

// row E01
// key actions.alias
#[test]
fn an_alias_stands_for_an_action() {
    let project = Project::with(&[
        (
            "cofferdam.toml",
            "config = 1\n[actions]\nalias = { glue = \"text.join\" }\n",
        ),
        ("glued.wf", GLUED),
        ("typo.wf", &GLUED.replace("glue", "gleu")),
    ]);
    let said = project.say(&["run", "glued.wf", "--progress", "none"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "  text  \"a-b\"\n"),
        "{said}"
    );
    assert_snapshot!("alias_typo", project.transcript(&["check", "typo.wf"]));
    project.write(
        "cofferdam.toml",
        "config = 1\n[actions]\nalias = { glue = \"text.jion\" }\n",
    );
    assert_snapshot!("alias_unknown", project.transcript(&["check", "glued.wf"]));
}

// row E01
// key project.agents, actions.fallback
#[test]
fn a_fallback_that_is_not_told_the_name_is_refused() {
    let project = Project::with(&[
        ("cofferdam.toml", "config = 1\n[actions]\nfallback = \"text.join\"\n"),
        ("glued.wf", GLUED),
        ("agents/glue.md", "You glue.\n"),
    ]);
    assert_snapshot!(project.transcript(&["run", "glued.wf"]));
}

#[test]
fn places_that_are_not_what_they_must_be_are_named() {
    let project = Project::with(&[("glued.wf", &joined()), ("dir/x", "")]);
    let pipe = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, project.path("dir/pipe"), pipe, mode, 0).expect("a pipe");
    let transcript = [
        project.transcript(&["runs", "--state", "/dev/null"]),
        project.transcript(&["run", "glued.wf", "--state", "/dev/null"]),
        project.transcript(&["run", "glued.wf", "--state", "dir/pipe"]),
        project.transcript(&["run", "glued.wf", "--state", "dir"]),
        project.transcript(&["run", "glued.wf", "--plugins", "nowhere"]),
        project.transcript(&["run", "glued.wf", "--plugins", "glued.wf"]),
        project.transcript(&["resume", "last"]),
    ];
    assert_snapshot!("places", transcript.join("\n"));
    project.write(
        "cofferdam.toml",
        "config = 1\n[plugins.fs]\ndirs = [{ guest = \"/\", host = \"\", access = \"read\" }]\n",
    );
    assert_snapshot!("empty_host", project.transcript(&["config", "check"]));
}

#[test]
fn output_that_does_not_get_out_is_no_success() {
    let project = Project::with(&[("glued.wf", &joined())]);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("a full device");
    let mut command = project.command(&["run", "glued.wf", "--progress", "none"]);
    let output = command.stdout(full).output().expect("the binary starts");
    assert_snapshot!("full", project.said(&output));
}

// key variables
#[test]
fn variables_reach_every_run() {
    let project = Project::with(&[
        ("cofferdam.toml", "config = 1\n[variables]\nrepo = \"shop\"\n"),
        (
            "w.wf",
            "workflow w edition 1 {\n  call join { use = text.join  params { items = [\"{{repo}}\"]  separator = \"\" } }\n  outputs { repo = (steps.join.output.text) }\n}\n",
        ),
    ]);
    let said = project.say(&["run", "w.wf"]);
    assert_eq!(
        (said.code, said.stdout.as_str()),
        (Some(0), "  repo  \"shop\"\n"),
        "{said}"
    );
    project.write("cofferdam.toml", "config = 1\n");
    assert_eq!(project.say(&["run", "w.wf"]).code, Some(4));
}

// key gates
#[test]
fn a_kind_of_gate_that_somebody_decides_is_configured() {
    let project = Project::with(&[
        ("cofferdam.toml", "config = 1\n"),
        (
            "w.wf",
            "workflow w edition 1 {\n  gate pr_approval { prompt = \"Go?\" }\n}\n",
        ),
    ]);
    let said = project.say(&["check", "w.wf"]);
    assert!(said.stderr.contains("CF0331"), "{said}");
    project.write("cofferdam.toml", "config = 1\n[gates]\npr_approval = \"human\"\n");
    let said = project.say(&["check", "w.wf"]);
    assert!(!said.stderr.contains("CF0331"), "{said}");
}

// key state.durability
#[test]
fn a_run_that_need_not_survive_the_machine_flushes_nothing() {
    let text =
        "workflow w edition 1 {\n  call join { use = text.join  params { items = [\"a\"]  separator = \"\" } }\n}\n";
    let flushes = |durability: &str| {
        let project = Project::with(&[
            (
                "cofferdam.toml",
                &format!("config = 1\n[state]\ndurability = \"{durability}\"\n"),
            ),
            ("w.wf", text),
        ]);
        let output = project.command(&["run", "w.wf"]).output().expect("the binary starts");
        assert!(output.status.success(), "{}", project.said(&output));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(!flushes("full").contains(" 0 flushes"));
    assert!(flushes("process").contains(" 0 flushes"), "{}", flushes("process"));
}
