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
    let list = "workflow list edition 1 {\n  call list { use = fs.list  params { root = \"/data\" } }\n  outputs { count = (steps.list.output.count) }\n}\n";
    let project = Project::with(&[("cofferdam.toml", &dirs("read")), ("list.wf", list)]);
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
