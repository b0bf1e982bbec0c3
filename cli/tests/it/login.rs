//! Credentials for registries: `isolate login` and `logout`, and second tries with newer ones.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::{Engine, plain};
use crate::support::Workspace;

/// A workspace with a directory for the configuration and the helpers of the docker command.
struct Place {
    workspace: Workspace,
    home: PathBuf,
}

impl Place {
    fn new() -> Self {
        let workspace = Workspace::new();
        let home = workspace.home().join("docker");
        std::fs::create_dir(&home).unwrap();
        Self { workspace, home }
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.home.join("config.json"), text).unwrap();
    }

    fn config(&self) -> serde_json::Value {
        let text = std::fs::read(self.home.join("config.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Writes a program, by a shell: a file that this process holds open for writing cannot be run.
    fn program(&self, name: &str, script: &str) {
        let write = format!(
            "cat >{0} <<'END'\n#!/bin/sh\n{script}\nEND\nchmod 755 {0}",
            self.home.join(name).display()
        );
        let status = std::process::Command::new("sh").args(["-c", &write]).status();
        assert!(status.unwrap().success());
    }

    fn isolate(&self, engine: &Engine, arguments: &[&str], input: Option<&Path>) -> Output {
        let address = engine.address();
        let line = [&["--host", address.as_str()], arguments].concat();
        let path = format!("{}:{}", self.home.display(), std::env::var("PATH").unwrap());
        let mut command = self.workspace.command(&line);
        command.env("PATH", path).env("DOCKER_CONFIG", &self.home);
        if let Some(input) = input {
            command.stdin(std::fs::File::open(input).unwrap());
        }
        command.output().unwrap()
    }
}

fn errors(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

/// An engine whose registry accepts every login.
fn accepting(title: &str) -> (u16, &'static str) {
    match title.ends_with("/auth") {
        true => (200, r#"{"Status":"Login Succeeded"}"#),
        false => plain(title),
    }
}

/// A helper that keeps what it stores beside it.
const KEEPING: &str = r#"file=$(dirname "$0")/kept
case $1 in
  store) cat >"$file" ;;
  get) cat "$file" ;;
  erase) rm "$file" ;;
esac"#;

// As the docker command does: it chooses `pass` where that program is, and writes its choice down.
#[cfg(target_os = "linux")]
#[test]
fn login_chooses_the_helper_of_the_platform() {
    let place = Place::new();
    place.program("pass", "exit 1");
    place.program("docker-credential-pass", KEEPING);
    let password = place.home.join("password");
    std::fs::write(&password, "correct-horse\n").unwrap();
    let engine = Engine::start(accepting);
    let login = ["login", "-u", "alice", "registry.test:5000"];
    let ended = place.isolate(&engine, &login, Some(&password));
    assert!(ended.status.success(), "{}", errors(&ended));
    assert!(
        errors(&ended).contains("credential helper pass"),
        "{}",
        errors(&ended)
    );
    let config = serde_json::json!({"auths": {"registry.test:5000": {}}, "credsStore": "pass"});
    assert_eq!(place.config(), config);
    let kept = std::fs::read_to_string(place.home.join("kept")).unwrap();
    assert!(kept.contains("correct-horse"), "{kept}");

    let ended = place.isolate(&engine, &["logout", "registry.test:5000"], None);
    assert!(ended.status.success(), "{}", errors(&ended));
    assert!(!place.home.join("kept").exists());
    let config = serde_json::json!({"auths": {}, "credsStore": "pass"});
    assert_eq!(place.config(), config);
}

#[test]
fn login_stores_in_a_file_that_names_registries() {
    let place = Place::new();
    place.program("pass", "exit 1");
    place.program("docker-credential-pass", KEEPING);
    place.configure(r#"{"auths":{"other.test":{"auth":"YTpi"}}}"#);
    let password = place.home.join("password");
    std::fs::write(&password, "correct-horse\n").unwrap();
    let engine = Engine::start(accepting);
    let ended = place.isolate(&engine, &["login", "-u", "a", "registry.test"], Some(&password));
    assert!(ended.status.success(), "{}", errors(&ended));
    assert!(errors(&ended).contains("not encrypted"), "{}", errors(&ended));
    let config = place.config();
    assert_eq!(config["auths"]["registry.test"]["auth"], "YTpjb3JyZWN0LWhvcnNl");
    assert_eq!(config.get("credsStore"), None);
}

/// How often an image was asked for, by the numbers of the tests.
static TRIES: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];

const REJECTED: &str =
    r#"{"message":"Head \"https://registry.test/v2/\": unauthorized: authentication required"}"#;
const REJECTED_IN_STREAM: &str = r#"{"errorDetail":{"message":"unauthorized: authentication required"},"error":"unauthorized: authentication required"}"#;

/// A registry that rejects the first credentials, or all.
fn rejecting(title: &str, test: usize, accepted: bool) -> (u16, &'static str) {
    let pushes = title.contains("/push");
    match title {
        _ if pushes || title.contains("/images/create") => {
            let before = TRIES[test].fetch_add(1, Ordering::SeqCst);
            match (before > 0 && accepted, pushes) {
                (true, _) => (200, "{}"),
                (false, true) => (200, REJECTED_IN_STREAM),
                (false, false) => (500, REJECTED),
            }
        }
        _ if title.contains("/images/") => (200, r#"{"Id":"sha256:1","Os":"linux","Architecture":"amd64"}"#),
        _ => plain(title),
    }
}

/// Runs `isolate image` with a helper that gives another password at each call, or the same.
fn with_helper(engine: &Engine, verb: &str, password: &str) -> Output {
    let place = Place::new();
    place.configure(r#"{"credsStore":"isolate-test"}"#);
    let script = format!(
        "read server\ncount=$(dirname \"$0\")/count\necho x >>$count\nn=$(wc -l <$count)\n\
         echo \"{{\\\"Username\\\":\\\"a\\\",\\\"Secret\\\":\\\"{password}\\\"}}\""
    );
    place.program("docker-credential-isolate-test", &script);
    place.isolate(engine, &["image", verb, "registry.test/app:1"], None)
}

#[test]
fn pull_is_tried_again_with_newer_credentials() {
    let engine = Engine::start(|title| rejecting(title, 0, true));
    let ended = with_helper(&engine, "pull", "$n");
    assert!(ended.status.success(), "{}", errors(&ended));
    assert_eq!(TRIES[0].load(Ordering::SeqCst), 2);
    // Without newer ones, there is no second try.
    let engine = Engine::start(|title| rejecting(title, 1, false));
    assert!(!with_helper(&engine, "pull", "same").status.success());
    assert_eq!(TRIES[1].load(Ordering::SeqCst), 1);
}

#[test]
fn push_is_tried_again_with_newer_credentials() {
    let engine = Engine::start(|title| rejecting(title, 2, true));
    let ended = with_helper(&engine, "push", "$n");
    assert!(ended.status.success(), "{}", errors(&ended));
    assert_eq!(TRIES[2].load(Ordering::SeqCst), 2);
    // A helper that always has others does not make a third try.
    let engine = Engine::start(|title| rejecting(title, 3, false));
    let ended = with_helper(&engine, "push", "$n");
    assert!(
        !ended.status.success() && !errors(&ended).contains("Secret"),
        "{}",
        errors(&ended)
    );
    assert_eq!(TRIES[3].load(Ordering::SeqCst), 2);
}

/// A daemon behind a proxy that requires the headers of the docker command's configuration.
#[test]
fn record_sends_headers_of_the_configuration() {
    let place = Place::new();
    place.configure(r#"{"HttpHeaders":{"X-Token":"correct-horse-token"}}"#);
    let engine = Engine::guarded(Some(("x-token", "correct-horse-token")), plain);
    let file = place.home.join("web.json");
    let record = [
        "--record",
        file.to_str().unwrap(),
        "api",
        "GET",
        "/containers/web/json",
    ];
    let ended = place.isolate(&engine, &record, None);
    assert!(ended.status.success(), "{}", errors(&ended));
    let recorded = std::fs::read_to_string(&file).unwrap();
    assert!(
        !recorded.contains("correct-horse") && !recorded.contains("x-token"),
        "{recorded}"
    );
    // It can be replayed without that configuration.
    place.configure("{}");
    let replay = [
        "--replay",
        file.to_str().unwrap(),
        "api",
        "GET",
        "/containers/web/json",
    ];
    let ended = place.workspace.isolate(&replay);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
}

#[test]
fn credentials_are_not_stored_in_a_replay() {
    let workspace = Workspace::new();
    for line in [
        &["--replay", "x", "login", "-u", "a"][..],
        &["--record", "x", "logout"],
    ] {
        let ended = workspace.isolate(line);
        assert_eq!(ended.code(), Some(125), "{line:?}");
        assert!(
            ended.stderr().contains("cannot be stored or erased"),
            "{}",
            ended.stderr()
        );
    }
}
