//! `isolate doctor` without a Docker daemon, and behind a proxy that refuses a part of the API.

use fake_engine::scripted::{Request, ScriptedEngine, ok, reply};

use crate::support::{Ended, NOWHERE, Workspace};

#[test]
fn doctor_lists_the_address_tried_and_its_error() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["doctor"]);
    assert_eq!(ended.code(), Some(1));
    assert!(
        ended.stdout().contains(&format!("{NOWHERE} (DOCKER_HOST): ")),
        "{}",
        ended.stdout()
    );
    assert!(ended.stdout().contains("No such file"), "{}", ended.stdout());
    let ended = workspace.isolate(&["doctor", "--host", "unix:///else/where.sock"]);
    assert!(
        ended.stdout().contains("unix:///else/where.sock (--host): "),
        "{}",
        ended.stdout()
    );
}

#[test]
fn doctor_prints_the_same_report_as_json() {
    let workspace = Workspace::new();
    let ended = workspace.isolate(&["doctor", "--json"]);
    assert_eq!(ended.code(), Some(1));
    let report = &ended.lines()[0];
    assert_eq!(report["endpoints"][0]["address"], NOWHERE);
    assert_eq!(
        (&report["sufficient"], &report["daemon"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

#[test]
fn doctor_tries_default_addresses_without_docker_host() {
    let workspace = Workspace::new();
    let mut command = workspace.command(&["doctor", "--json"]);
    // A home without sockets; the system's own may answer.
    command.env_remove("DOCKER_HOST").env("HOME", "/no/such/home");
    let output = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let endpoints = report["endpoints"].as_array().unwrap();
    assert!(endpoints.len() > 5, "{endpoints:?}");
    assert_eq!(endpoints[0]["source"], "the default socket");
}

#[cfg(unix)]
#[test]
fn doctor_without_a_daemon_fits_on_a_screen() {
    let workspace = Workspace::new();
    let mut command = workspace.command_without_a_daemon(&["doctor"]);
    command.env("HOME", "/home/a-user-with-a-name");
    let ended = Ended(command.output().unwrap());
    assert_ne!(ended.code(), Some(0));
    // A line that is longer than the screen is wide takes several.
    let rows = |line: &str| line.chars().count().div_ceil(80).max(1);
    let text = ended.stdout();
    let height: usize = text.lines().map(rows).sum();
    assert!(height <= 22, "{height} lines and the prompt:\n{text}");
    assert!(text.lines().count() > 8, "{text}");
    let verbose = workspace
        .command_without_a_daemon(&["doctor", "--verbose"])
        .output();
    let verbose = String::from_utf8(verbose.unwrap().stdout).unwrap();
    assert!(
        verbose.contains("(Podman): SystemPing: cannot reach"),
        "{verbose}"
    );
}

/// A daemon behind a proxy that refuses what `refused` selects.
fn behind_proxy(refused: fn(&Request) -> bool) -> ScriptedEngine {
    ScriptedEngine::answering(move |request| {
        let path = request.target.split('?').next().unwrap_or_default();
        if refused(request) {
            let page = "<html><body><h1>403 Forbidden</h1></body></html>";
            return reply(403, &["Content-Type: text/html"], page);
        }
        match path {
            "/_ping" => reply(200, &["Api-Version: 1.51"], "OK"),
            path if path.ends_with("/version") => ok(r#"{"Version":"28.5.2","ApiVersion":"1.51"}"#),
            path if path.ends_with("/info") => {
                ok(r#"{"MemoryLimit":true,"CpuCfsQuota":true,"CpuCfsPeriod":true,"PidsLimit":true}"#)
            }
            path if path.ends_with("/containers/json") => ok("[]"),
            _ => reply(404, &[], r#"{"message":"No such container: _isolate_doctor"}"#),
        }
    })
}

/// The report of `doctor`, as text, and whether the daemon is sufficient.
#[track_caller]
fn report(engine: &ScriptedEngine) -> (String, bool) {
    let workspace = Workspace::new();
    let socket = engine.on_unix().unwrap();
    let ended = workspace.isolate(&["doctor", "--host", &socket.client().address()]);
    let sufficient = ended.code() == Some(0);
    assert!(sufficient || ended.code() == Some(1), "{}", ended.stderr());
    (ended.stdout(), sufficient)
}

#[test]
fn doctor_shows_a_refused_create() {
    let (text, sufficient) = report(&behind_proxy(|_| false));
    assert!(sufficient && !text.contains("refused"), "{text}");
    let (text, sufficient) = report(&behind_proxy(|request| request.method != "GET"));
    assert!(!sufficient, "{text}");
    let row = "  POST /containers/create (status 403): needed to create an environment\n";
    assert!(text.contains(row) && text.lines().count() < 40, "{text}");
}

#[test]
fn doctor_goes_on_without_ping_version_and_info() {
    let (text, sufficient) = report(&behind_proxy(|request| {
        ["/_ping", "/version"]
            .iter()
            .any(|path| request.target.ends_with(path))
    }));
    assert!(sufficient, "{text}");
    assert!(text.contains("GET /_ping (status 403): used to"), "{text}");
    assert!(
        text.contains("negotiated 1.41") && text.contains("version     unknown"),
        "{text}"
    );
    let (text, sufficient) = report(&behind_proxy(|request| request.target.ends_with("/info")));
    assert!(!sufficient && !text.contains("rootless"), "{text}");
    assert!(text.contains("GET /info (status 403): needed to"), "{text}");
}

#[test]
fn doctor_changes_nothing() {
    let engine = behind_proxy(|_| false);
    report(&engine);
    for request in engine.received() {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let named = format!("{}{body}", request.target).contains("_isolate_doctor");
        let reads = ["GET", "HEAD"].contains(&request.method.as_str());
        assert!(reads || named, "{} {}", request.method, request.target);
    }
}
