//! `http`: requests that leave, that do not, and secrets that are nowhere afterwards.

use crate::project::{Project, Said};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

#[path = "../../../wasm/src/host/http/tests/server.rs"]
#[expect(dead_code, reason = "the tests of the sandbox need more of it")]
mod server;

/// A server that answers each request, counted from 0, with a whole answer.
struct Site {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn start(answer: impl Fn(usize, &str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = request(&mut stream);
                let number = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(request.clone());
                    kept.len() - 1
                };
                let _ = stream.write_all(answer(number, &request).as_bytes());
            }
        });
        Self { port, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request with its body.
fn request(stream: &mut TcpStream) -> String {
    let mut request = server::head(stream);
    let length = request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    request.push_str(&String::from_utf8_lossy(&body));
    request
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

const JSON: &str = "content-type: application/json\r\n";

/// Returns a project that lets `http` do this, and that its user trusts.
fn project(plugin: &str, rest: &str, workflow: &str) -> Project {
    let file = format!("config = 1\n\n[plugins.http]\n{plugin}\n{rest}");
    let project = Project::with(&[("cofferdam.toml", &file), ("w.wf", workflow)]);
    let trusted = project.say(&["trust", "--yes"]);
    assert_eq!(trusted.code, Some(0), "{trusted}");
    project
}

fn completed(said: &Said) {
    assert_eq!(said.code, Some(0), "{said}");
}

// row C30
#[test]
fn a_request_that_is_granted_is_answered() {
    let site = Site::start(|_, _| answer("200 OK", JSON, "{\"items\": [1, 2]}"));
    let port = site.port;
    let project = project(
        &format!(
            "network = [{{ url = \"http://127.0.0.1:{port}/api\", methods = [\"GET\", \"POST\"], private = true }}]"
        ),
        "",
        &format!(
            "workflow w edition 1 {{\n  call get {{ use = http.request  params {{ url = \"http://127.0.0.1:{port}/api/x\"  query {{ q = \"a b\" }}  headers {{ X-Test = \"yes\" }} }} }}\n  call post {{ use = http.request  params {{ url = \"http://127.0.0.1:{port}/api/y\"  json {{ n = (steps.get.output.json.items[1]) }} }} }}\n  call form {{ use = http.request  params {{ url = \"http://127.0.0.1:{port}/api/z\"  form {{ a = \"1&2\" }} }} }}\n  outputs {{ status = (steps.post.output.status)  items = (steps.get.output.json.items) }}\n}}\n"
        ),
    );
    let said = project.say(&["run", "w.wf", "--json"]);
    completed(&said);
    let run: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(run["outputs"], serde_json::json!({ "status": 200, "items": [1, 2] }));
    let requests = site.requests();
    assert!(
        requests[0].starts_with("GET /api/x?q=a%20b HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(
        requests[0].to_lowercase().contains("x-test: yes\r\n"),
        "{}",
        requests[0]
    );
    assert!(
        requests[1].starts_with("POST /api/y ") && requests[1].ends_with("\r\n\r\n{\"n\":2}"),
        "{}",
        requests[1]
    );
    assert!(
        requests[1].to_lowercase().contains("idempotency-key: "),
        "{}",
        requests[1]
    );
    assert!(requests[2].ends_with("\r\n\r\na=1%262"), "{}", requests[2]);
}

// row E10, row E14
#[test]
fn a_request_that_is_not_granted_names_the_line_that_grants_it() {
    let site = Site::start(|_, _| answer("200 OK", JSON, "{}"));
    let port = site.port;
    let workflow = format!(
        "workflow w edition 1 {{\n  call send {{ use = http.request  params {{ url = \"http://127.0.0.1:{port}/x\"  method = \"POST\" }} }}\n}}\n"
    );
    let bare = Project::with(&[("cofferdam.toml", "config = 1\n"), ("w.wf", &workflow)]);
    let said = bare.say(&["run", "w.wf"]);
    assert_eq!(said.code, Some(4), "{said}");
    assert!(
        said.stderr.contains("CF0610") && said.stderr.contains("network = [{ url = "),
        "{said}"
    );

    let get_only = project(
        &format!("network = [{{ url = \"http://127.0.0.1:{port}\", methods = [\"GET\"], private = true }}]"),
        "",
        &workflow,
    );
    let said = get_only.say(&["run", "w.wf"]);
    assert_eq!(said.code, Some(1), "{said}");
    for expected in [
        format!("error[CF0610]: `http` may not reach http://127.0.0.1:{port} (POST)"),
        format!("GET http://127.0.0.1:{port} (private address)   cofferdam.toml:4"),
        "add to network of [plugins.http], cofferdam.toml:4".to_owned(),
        format!("{{ url = \"http://127.0.0.1:{port}\", methods = [\"POST\"] }},"),
    ] {
        assert!(said.stderr.contains(&expected), "{expected}\n{said}");
    }

    let public_only = project(
        &format!("network = [{{ url = \"http://127.0.0.1:{port}\" }}]"),
        "",
        &workflow,
    );
    let said = public_only.say(&["run", "w.wf"]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(said.stderr.contains("is loopback"), "{said}");
    assert!(said.stderr.contains("methods = [\"POST\"], private = true }"), "{said}");
    assert!(site.requests().is_empty());
}

// row C30
#[test]
fn a_server_that_is_busy_is_asked_again_with_the_same_token() {
    let site = Site::start(|number, _| match number {
        0 => answer("503 Service Unavailable", "retry-after: 0\r\n", "later"),
        1 => answer("429 Too Many Requests", "", "later"),
        _ => answer("200 OK", JSON, "{}"),
    });
    let port = site.port;
    let project = project(
        &format!("network = [{{ url = \"http://127.0.0.1:{port}\", private = true }}]"),
        "",
        &format!(
            "workflow w edition 1 {{\n  call send {{\n    use = http.request\n    retry {{ attempts = 4  backoff = 1ms  on = [transient, timeout] }}\n    params {{ url = \"http://127.0.0.1:{port}/\"  text = \"x\" }}\n  }}\n}}\n"
        ),
    );
    completed(&project.say(&["run", "w.wf"]));
    let requests = site.requests();
    assert_eq!(requests.len(), 3);
    let token = |request: &String| {
        let line = request
            .lines()
            .find(|line| line.to_lowercase().starts_with("idempotency-key: "));
        line.unwrap().to_owned()
    };
    assert_eq!(token(&requests[0]), token(&requests[2]));
}

// row C30
#[test]
fn pages_are_collected_and_a_file_is_downloaded() {
    let site = Site::start(|_, request| {
        let path = request.split(' ').nth(1).unwrap();
        match path {
            "/list" => answer("200 OK", &format!("{JSON}link: <?page=2>; rel=\"next\"\r\n"), "[1, 2]"),
            "/list?page=2" => answer("200 OK", JSON, "[3]"),
            "/file" => answer("200 OK", "content-type: text/csv\r\n", &"a,b\n".repeat(50_000)),
            _ => answer("404 Not Found", "", ""),
        }
    });
    let port = site.port;
    let project = project(
        &format!(
            "network = [{{ url = \"http://127.0.0.1:{port}\", methods = [\"GET\"], private = true }}]\ndirs = [{{ guest = \"/out\", host = \"out\", access = \"write\", create = true }}]"
        ),
        "",
        &format!(
            "workflow w edition 1 {{\n  call list {{ use = http.pages  params {{ url = \"http://127.0.0.1:{port}/list\" }} }}\n  call file {{ use = http.download  params {{ url = \"http://127.0.0.1:{port}/file\"  path = \"out/x.csv\" }} }}\n  call small {{ use = http.download  on_fail = continue  params {{ url = \"http://127.0.0.1:{port}/file\"  path = \"out/small.csv\"  max_body = 1000 }} }}\n  outputs {{ items = (steps.list.output.items)  size = (steps.file.output.size)  small = (steps.small.error.message) }}\n}}\n"
        ),
    );
    let said = project.say(&["run", "w.wf", "--json"]);
    completed(&said);
    let run: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(run["outputs"]["items"], serde_json::json!([1, 2, 3]), "{said}");
    assert_eq!(std::fs::read(project.path("out/x.csv")).unwrap().len(), 200_000);
    assert!(
        run["outputs"]["small"]
            .as_str()
            .unwrap()
            .contains("longer than 1000 bytes"),
        "{said}"
    );
    let left: Vec<_> = std::fs::read_dir(project.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["x.csv"], "nothing half is left");
}

const CANARY: &str = "canary-5f0c3f0e1d5c2b7a";

/// Returns a project whose secret `github` is the canary and goes to the server.
fn secretive(server: &server::TlsServer, workflow: &str) -> Project {
    let url = format!("https://localhost:{}", server.port);
    let keys = tempfile::tempdir().unwrap().keep();
    let token = keys.join("token");
    std::fs::write(&token, format!("{CANARY}\n")).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let authority = keys.join("ca.pem");
    std::fs::write(&authority, &server.authority).unwrap();
    project(
        &format!(
            "network = [{{ url = \"{url}\", private = true, ca = \"{}\" }}]\nsecrets = [\"github\"]\n",
            authority.display()
        ),
        &format!(
            "[secrets.github]\nfile = \"{}\"\nto = [\"{url}\"]\n\n[plugins.fs]\ndirs = [{{ guest = \"/out\", host = \"out\", access = \"write\", create = true }}]\n\n[state]\nrun_logs = true\n",
            token.display()
        ),
        workflow,
    )
}

/// Fails if the canary, or its base64, is in a file below `directory`.
fn nowhere_in(directory: &Path) -> usize {
    let mut looked = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            looked += nowhere_in(&path);
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        looked += 1;
        // The second is what basic authentication makes of `me:` and the canary.
        for needle in [CANARY, "bWU6Y2FuYXJ5LTVmMGMzZjBlMWQ1YzJiN2E"] {
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found, "the secret is in {}", path.display());
        }
    }
    looked
}

// row E14
#[test]
fn other_certificates_are_asked_about_again() {
    let server = server::TlsServer::start("localhost");
    let project = secretive(
        &server,
        "workflow w edition 1 {\n  call a { use = text.join  params { items = [\"a\"] } }\n}\n",
    );
    completed(&project.say(&["run", "w.wf"]));
    let file = project.say(&["config", "show"]);
    let other = server::TlsServer::start("localhost");
    let configuration = std::fs::read_to_string(project.path("cofferdam.toml")).unwrap();
    let authority = configuration
        .split("ca = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let authority = authority.unwrap_or_else(|| panic!("{file}"));
    std::fs::write(authority, &other.authority).unwrap();
    let said = project.say(&["run", "w.wf"]);
    assert_eq!(said.code, Some(4), "{said}");
    assert!(said.stderr.contains("CF0620"), "{said}");
    assert!(said.stderr.contains("believing the certificates of"), "{said}");
    completed(&project.say(&["trust", "--yes"]));
    completed(&project.say(&["run", "w.wf"]));
}

// row J16
#[test]
fn a_secret_is_in_no_file_and_on_no_screen() {
    let server = server::TlsServer::start("localhost");
    let url = format!("https://localhost:{}", server.port);
    // The server sends back all it gets: in the body, in a header, and in the message of a failure.
    let workflow = format!(
        "workflow w edition 1 {{\n  call bearer {{ use = http.request  params {{ url = \"{url}/a\"  headers {{ Authorization = \"Bearer {{{{secrets.github}}}}\" }} }} }}\n  call basic {{ use = http.request  params {{ url = \"{url}/b\"  basic {{ user = \"me\"  secret = \"github\" }} }} }}\n  call body {{ use = http.request  on_fail = continue  params {{ url = \"{url}/c\"  query {{ key = (secrets.github) }} }} }}\n  outputs {{ text = (steps.bearer.output.text)  basic = (steps.basic.output.text)  error = (steps.body.error.message) }}\n}}\n"
    );
    let project = secretive(&server, &workflow);
    let mut screens = Vec::new();
    let run = project.say(&["run", "w.wf", "--json"]);
    completed(&run);
    assert!(
        server.last().contains("Basic bWU6Y2FuYXJ5LTVmMGMzZjBlMWQ1YzJiN2E"),
        "{}",
        server.last()
    );
    assert!(run.stdout.contains("Bearer ***************"), "{run}");
    assert!(
        run.stdout.contains("may stand in"),
        "a secret in the query is denied: {run}"
    );
    screens.push(run);
    for command in [
        &["events", "last", "--json"][..],
        &["events", "last"],
        &["logs", "last"],
        &["show", "last"],
        &["show", "last", "--json"],
        &["why", "last"],
        &["runs", "--json"],
        &["config", "show", "--effective"],
        &["config", "show", "--json"],
        &["grants"],
        &["plugin", "inspect", "http"],
        &["check", "w.wf"],
        &["graph", "w.wf"],
    ] {
        screens.push(project.say(command));
    }
    for screen in &screens {
        assert!(!format!("{screen}").contains(CANARY), "{screen}");
    }
    assert!(project.path(".cofferdam/state.db").exists());
    assert!(project.path(".cofferdam/logs").exists());
    assert!(nowhere_in(&project.path("")) > 2);
    assert!(nowhere_in(&project.home()) > 0, "what is trusted is remembered there");
}

// row C30, row J16
#[test]
fn the_sample_that_pages_through_issues_runs() {
    let server = server::TlsServer::start_answering("localhost", |request| {
        let (path, next) = match request.split(' ').nth(1).unwrap_or_default() {
            path if path.contains("page=2") => (path.to_owned(), String::new()),
            path => (
                path.to_owned(),
                format!("link: <https://localhost:PORT{path}&page=2>; rel=\"next\"\r\n"),
            ),
        };
        let number = if next.is_empty() { 2 } else { 1 };
        let body = format!("[{{\"number\": {number}, \"title\": \"of {}\"}}]", path.len());
        let lines = format!("content-type: application/json\r\n{next}");
        (lines, body)
    });
    let sample = include_str!("../../../dsl/tests/data/paginate.wf")
        .replace("https://api.github.com", &format!("https://localhost:{}", server.port))
        .replace("\"issues.jsonl\"", "\"out/issues.jsonl\"")
        // Not carried out yet.
        .replace("  on_exhausted = pause", "");
    let project = secretive(&server, &sample);
    let said = project.say(&["run", "w.wf", "-i", "repo=example/shop", "--json"]);
    completed(&said);
    let run: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(run["outputs"], serde_json::json!({ "pages": 2 }), "{said}");
    let lines = std::fs::read_to_string(project.path("out/issues.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(server.last().contains(&format!("Bearer {CANARY}")), "{}", server.last());
}

// row E14
#[test]
fn lines_of_the_configuration_that_mean_too_much_are_refused_all_at_once() {
    let project = Project::with(&[(
        "cofferdam.toml",
        "config = 1\n\n[plugins.http]\nnetwork = [\n  { url = \"https://*\" },\n  { url = \"api.example.org\" },\n  { url = \"https://a.example.org\", methods = [\"get\"] },\n  { url = \"http://2130706433\" },\n  { methods = [\"GET\"] },\n]\nsecrets = [\"githab\", \"nobody\"]\n\n[secrets]\nplain = \"hunter2-hunter2\"\n\n[secrets.github]\nenv = \"GITHUB_TOKEN\"\nto = [\"http://api.github.com\"]\nonly = [\"cookie\"]\n\n[secrets.everywhere]\nenv = \"X\"\n\n[secrets.two]\nenv = \"X\"\nfile = \"x\"\nto = []\n\n[secrets.shell]\ncommand = [\"pass\", \"show\"]\nto = []\n",
    )]);
    let said = project.say(&["config", "check"]);
    assert!(!format!("{said}").contains("hunter2"), "{said}");
    insta::assert_snapshot!("http_config_wrong", project.transcript(&["config", "check"]));
}

// row E14
// key workflows.network.url
// key workflows.network.url, workflows.network.methods
#[test]
fn a_workflow_reaches_what_it_is_left_of_the_network() {
    let site = Site::start(|_, _| answer("200 OK", JSON, "{}"));
    let port = site.port;
    let rest = format!(
        "\n[workflows.w]\nnetwork = [{{ url = \"http://127.0.0.1:{port}/v1\", methods = [\"GET\"] }}]\n\n[workflows.deaf]\nnetwork = \"none\"\n"
    );
    let workflow = format!(
        "workflow w edition 1 {{\n  call get {{ use = http.request  params {{ url = \"http://127.0.0.1:{port}/v1/x\" }} }}\n  call post {{ use = http.request  params {{ url = \"http://127.0.0.1:{port}/v1/x\"  method = \"POST\" }} }}\n}}\n"
    );
    let project = project(
        &format!("network = [{{ url = \"http://127.0.0.1:{port}\", private = true }}]"),
        &rest,
        &workflow,
    );
    let said = project.say(&["run", "w.wf"]);
    assert_eq!(said.code, Some(1), "{said}");
    let reason = "narrowed: [workflows.\"w\"], cofferdam.toml:6 takes it away from this workflow";
    assert!(said.stderr.contains(reason), "{said}");
    assert!(!said.stderr.contains("if it should: add to"), "{said}");
    assert_eq!(site.requests().len(), 1, "{:?}", site.requests());
    project.write("deaf.wf", workflow.replace("workflow w", "workflow deaf"));
    let refused = project.say(&["run", "deaf.wf"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(
        refused.stderr.contains(
            "`http` may not send requests in this workflow: [workflows.\"deaf\"], cofferdam.toml:9 takes it away"
        ),
        "{refused}"
    );
    assert_eq!(site.requests().len(), 1);
}
