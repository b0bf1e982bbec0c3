//! Bundles of environments on the docker engine contain no secret.

use std::fs;
use std::path::Path;

use fake_engine::FakeEngine;
use isolation::{Command, EnvironmentSpec, HealthSpec, Main, Mount};

use super::docker_engine::{IMAGE, create, on, spec};

/// Secrets of any length; none is a part of another text.
const OF_SPEC: &str = "canary-of-the-specification";
const SHORT: &str = "q7Z!";
const LINES: &str = "canary-first-line\ncanary \"second\" line";
const OF_COMMAND: &str = "canary-of-a-command";
const OF_CHECK: &str = "canary-of-the-check";
const OF_LABEL: &str = "canary-of-a-label";
const OF_MOUNT: &str = "canary-in-a-mounted-file";
const OF_ADDRESS: &str = "canary-in-an-address";

fn secrets() -> Vec<&'static str> {
    let whole = [OF_SPEC, OF_COMMAND, OF_CHECK, OF_LABEL, OF_MOUNT, OF_ADDRESS];
    whole.into_iter().chain(LINES.lines()).collect()
}

/// The files of a directory, by name.
fn files(directory: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

#[tokio::test(start_paused = true)]
async fn bundle_of_a_container_contains_no_secret() {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("token"), OF_MOUNT).unwrap();
    let fake = FakeEngine::new().with_image(IMAGE);
    let manager = on(&fake);
    let check = Command {
        env: [("CHECK", OF_CHECK)].into(),
        ..Command::new(["true"])
    };
    let spec = EnvironmentSpec {
        name: Some("canaries".to_owned()),
        env: [
            ("TOKEN", OF_SPEC.to_owned()),
            ("PIN", SHORT.to_owned()),
            ("KEY", LINES.to_owned()),
            ("URL", format!("http://me:{OF_ADDRESS}@proxy.test:3128/x")),
        ]
        .into(),
        labels: [("l".to_owned(), OF_LABEL.to_owned())].into(),
        main: Main::Command(Command::new(["sleep", "100"])),
        mounts: vec![Mount {
            read_only: true,
            ..Mount::host(host.path(), "/run/secrets")
        }],
        health: Some(HealthSpec {
            check: Some(check),
            ..HealthSpec::default()
        }),
        ..spec()
    };
    let environment = create(&manager, spec).await.unwrap();
    let prints = Command {
        env: [("OWN", OF_COMMAND)].into(),
        ..Command::shell("echo \"$TOKEN $KEY $OWN $URL\"; echo \"PIN=$PIN\" >&2; exit 3")
    };
    environment.run(prints).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("bundle");
    environment.bundle(&bundle).await.unwrap();
    let files = files(&bundle);
    assert!(files.len() > 5, "{files:?}");
    for (name, text) in &files {
        for secret in secrets() {
            assert!(!text.contains(secret), "{secret} in {name}: {text}");
        }
    }
    // A short value could be a part of any text. It is hidden where the container has it.
    let inspect = &files.iter().find(|(name, _)| name == "inspect.json").unwrap().1;
    assert!(
        inspect.contains("PIN=***") && !inspect.contains(SHORT),
        "{inspect}"
    );
    // Nor does any error or Debug text of it.
    let shown = format!("{environment:?} {:?}", environment.spec());
    for secret in [OF_SPEC, SHORT, OF_CHECK] {
        assert!(!shown.contains(secret), "{shown}");
    }
    environment.destroy().await.unwrap();
}
