//! `isolate image`, on an engine in memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::{Engine, Memory, plain};
use crate::support::{Ended, Workspace};

struct Place {
    workspace: Workspace,
    memory: Memory,
}

impl Place {
    fn new() -> Self {
        let (workspace, memory) = (Workspace::new(), Memory::start());
        Self { workspace, memory }
    }

    fn isolate(&self, arguments: &[&str]) -> Ended {
        let address = self.memory.address();
        let first = ["--host", address.as_str(), "image"];
        self.workspace.isolate(&[&first, arguments].concat())
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.stderr());
        ended.stdout()
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let ended = self.isolate(arguments);
        assert_eq!(ended.code(), Some(125), "{arguments:?}: {}", ended.stdout());
        ended.stderr()
    }
}

#[test]
fn images_are_listed_named_and_removed() {
    let place = Place::new();
    assert_eq!(place.ok(&["tag", "busybox", "app:1"]), "app:1\n");
    let table = place.ok(&["ls"]);
    assert!(table.contains("NAME") && table.contains("app:1"), "{table}");
    let ended = place.isolate(&["ls", "--json"]);
    let listed = &ended.lines()[0][0];
    assert_eq!(listed["containers"], 0);
    assert!(listed["names"].as_array().unwrap().contains(&"app:1".into()));
    assert_eq!(place.ok(&["ls", "--ids"]).lines().count(), 1);
    assert_eq!(place.ok(&["rm", "app:1"]), "app:1\n");
    let error = place.fails(&["rm", "app:1", "none:2"]);
    assert!(error.contains("app:1") && error.contains("none:2"), "{error}");
    assert_eq!(place.ok(&["prune"]), "");
}

#[test]
fn image_in_use_shows_its_environment() {
    let place = Place::new();
    let address = place.memory.address();
    let created = place
        .workspace
        .isolate(&["--host", &address, "create", "--image", "busybox"]);
    let id = created.stdout();
    let table = place.ok(&["ls"]);
    assert!(table.contains(id.trim()), "{table}");
    let error = place.fails(&["rm", "busybox"]);
    assert!(error.contains("is using its referenced image"), "{error}");
}

#[test]
fn images_are_saved_to_a_file_and_loaded() {
    let place = Place::new();
    let file = place.workspace.home().join("image.tar");
    let path = file.to_str().unwrap();
    place.ok(&["save", "-o", path, "busybox"]);
    place.ok(&["rm", "busybox"]);
    assert_eq!(place.ok(&["load", "-i", path]), "busybox:latest\n");
    let bytes = place.isolate(&["save", "busybox"]).0.stdout;
    assert_eq!(bytes.len() as u64, std::fs::metadata(&file).unwrap().len());
    let address = place.memory.address();
    let arguments = ["--host", &address, "--json", "image", "load"];
    let ended = place.workspace.isolate_with(&arguments, &bytes);
    assert_eq!(ended.lines()[0]["images"][0], "busybox:latest");
    // A failed save leaves no file.
    let other = place.workspace.home().join("other.tar");
    place.fails(&["save", "-o", other.to_str().unwrap(), "none:1"]);
    assert!(!other.exists());
}

#[test]
fn pull_prints_progress_and_the_name() {
    let place = Place::new();
    let memory = place.memory.engine.clone().with_registry_image("app:1");
    drop(memory);
    let ended = place.isolate(&["pull", "app:1"]);
    assert_eq!(ended.stdout(), "app:1\n", "{}", ended.stderr());
    assert!(ended.stderr().contains("pulling the image app:1"));
    let lines = place.isolate(&["pull", "--json", "app:1"]).lines();
    assert_eq!(lines[0]["type"], "pull");
    let last = lines.last().unwrap();
    assert_eq!((&last["name"], &last["pulled"]), (&"app:1".into(), &true.into()));
    let lines = place
        .isolate(&["pull", "--if-missing", "--json", "app:1"])
        .lines();
    assert_eq!((lines.len(), &lines[0]["pulled"]), (1, &false.into()));
    let error = place.fails(&["pull", "none:1"]);
    assert!(
        error.contains("the registry docker.io has no such image"),
        "{error}"
    );
    let error = place.fails(&["pull", "--platform", "linux/", "app:1"]);
    assert!(error.contains("write os/architecture"), "{error}");
    let error = place.fails(&["push", "reg.test/app"]);
    assert!(error.contains("cannot push the image reg.test/app"), "{error}");
}

#[test]
fn mirror_of_the_configuration_is_used_for_pulls() {
    let place = Place::new();
    drop(
        place
            .memory
            .engine
            .clone()
            .with_registry_image("mirror.test/library/app:1"),
    );
    let file = place.workspace.home().join("mirror.json");
    std::fs::write(&file, r#"{"docker": {"registry_mirror": "mirror.test"}}"#).unwrap();
    let pulled = place.ok(&["--config", file.to_str().unwrap(), "pull", "app:1"]);
    assert_eq!(pulled, "mirror.test/library/app:1\n");
}

/// How often an image was asked for, by the names of the tests.
static PULLS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// A registry that rejects the first credentials, or all.
fn rejecting(title: &str, at: usize, accepted: bool) -> (u16, &'static str) {
    const REJECTED: &str =
        r#"{"message":"Head \"https://registry.test/v2/\": unauthorized: authentication required"}"#;
    match title {
        _ if title.contains("/images/create") => {
            let before = PULLS[at].fetch_add(1, Ordering::SeqCst);
            match before > 0 && accepted {
                true => (200, "{}"),
                false => (500, REJECTED),
            }
        }
        _ if title.contains("/images/") => (200, r#"{"Id":"sha256:1","Os":"linux","Architecture":"amd64"}"#),
        _ => plain(title),
    }
}

#[test]
fn pull_is_tried_again_with_newer_credentials() {
    let pulled = |engine: &Engine, passwords: &str| {
        let workspace = Workspace::new();
        let home = workspace.home().join("docker");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("config.json"), r#"{"credsStore":"isolate-test"}"#).unwrap();
        let helper = home.join("docker-credential-isolate-test");
        let count = home.join("count").display().to_string();
        let script = format!(
            "#!/bin/sh\nread server\necho x >>{count}\nn=$(wc -l <{count})\n\
             echo \"{{\\\"Username\\\":\\\"a\\\",\\\"Secret\\\":\\\"{passwords}\\\"}}\"\n"
        );
        // Written by a shell: a file that this process holds open for writing cannot be run.
        let write = format!("cat >{0} <<'END'\n{script}END\nchmod 755 {0}", helper.display());
        assert!(
            std::process::Command::new("sh")
                .args(["-c", &write])
                .status()
                .unwrap()
                .success()
        );
        let path = format!("{}:{}", home.display(), std::env::var("PATH").unwrap());
        let address = engine.address();
        let line = ["--host", &address, "image", "pull", "registry.test/app:1"];
        let mut command = workspace.command(&line);
        command.env("PATH", path).env("DOCKER_CONFIG", &home);
        command.output().unwrap()
    };
    let engine = Engine::start(|title| rejecting(title, 0, true));
    let ended = pulled(&engine, "$n");
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    assert_eq!(PULLS[0].load(Ordering::SeqCst), 2);
    // Without newer ones, there is no second try.
    let engine = Engine::start(|title| rejecting(title, 1, false));
    assert!(!pulled(&engine, "same").status.success());
    assert_eq!(PULLS[1].load(Ordering::SeqCst), 1);
}

#[test]
fn credentials_are_not_stored_in_a_replay() {
    let place = Place::new();
    for line in [
        &["--replay", "x", "login", "-u", "a"][..],
        &["--record", "x", "logout"],
    ] {
        let ended = place.workspace.isolate(line);
        assert_eq!(ended.code(), Some(125), "{line:?}");
        assert!(
            ended.stderr().contains("cannot be stored or erased"),
            "{}",
            ended.stderr()
        );
    }
}
