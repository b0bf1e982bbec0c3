//! Second tries with newer credentials: a helper whose first password the registry rejects.

use std::path::Path;
use std::process::{Command, Output};

use engine_api::Docker;
use engine_api::images::RemoveImage;
use tests::scenarios::images::tiny;

use crate::build_session::isolate::program;
use crate::support::{engines, required};

/// The image in the registry; its user is alice.
const IMAGE: &str = "127.0.0.1:5000/ptest/renewed:1";

/// A helper that gives a wrong password at first.
const HELPER: &str = r#"#!/bin/sh
here=$(dirname "$0")
case $1 in
  list) echo '{"127.0.0.1:5000":"alice"}'; exit ;;
esac
echo x >>"$here/count"
case $(wc -l <"$here/count") in
  1) secret=expired-password ;;
  *) secret=s3cret ;;
esac
echo "{\"Username\":\"alice\",\"Secret\":\"$secret\"}"
"#;

/// Runs `isolate` with a helper that has not been asked before; returns how often it was asked.
fn isolate(docker: &Docker, arguments: &[&str]) -> (Output, usize) {
    let home = tempfile::tempdir().unwrap();
    let helper = home.path().join("docker-credential-renewed");
    let config = r#"{"credHelpers":{"127.0.0.1:5000":"renewed"}}"#;
    std::fs::write(home.path().join("config.json"), config).unwrap();
    write_program(&helper, HELPER);
    let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap());
    let ended = Command::new(program())
        .args(["--host", &docker.address()])
        .args(arguments)
        .env("DOCKER_CONFIG", home.path())
        .env("ISOLATE_STATE_DIR", home.path().join("state"))
        .env("PATH", path)
        .env_remove("DOCKER_AUTH_CONFIG")
        .output();
    let asked = std::fs::read_to_string(home.path().join("count")).unwrap_or_default();
    (ended.unwrap(), asked.lines().count())
}

/// Writes a program by a shell: a file that this process holds open for writing cannot be run.
fn write_program(path: &Path, text: &str) {
    let script = format!("cat >{0} <<'END'\n{text}END\nchmod 755 {0}", path.display());
    assert!(
        Command::new("sh")
            .args(["-c", &script])
            .status()
            .unwrap()
            .success()
    );
}

#[tokio::test]
#[ignore = "needs a registry: set REGISTRY"]
async fn second_try_takes_newer_credentials() {
    required("REGISTRY");
    for subject in engines() {
        let (name, docker) = (&subject.name, &subject.docker);
        docker.version().await.unwrap();
        let images = docker.images();
        let local = tiny(docker).await.unwrap();
        images.tag(&local, IMAGE).await.unwrap();
        let succeeds = |arguments: &[&str]| {
            let (ended, asked) = isolate(docker, arguments);
            let log = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(ended.status.success(), "{name}: {arguments:?}: {log}");
            assert!(
                !log.contains("expired-password") && !log.contains("s3cret"),
                "{log}"
            );
            assert!(asked >= 2, "{name}: {arguments:?}: {asked}: {log}");
        };
        succeeds(&["image", "push", IMAGE]);
        for image in [IMAGE, &local] {
            images.remove(image, RemoveImage::default()).await.unwrap();
        }
        succeeds(&["image", "pull", IMAGE]);
        images.remove(IMAGE, RemoveImage::default()).await.unwrap();

        let context = tempfile::tempdir().unwrap();
        let dockerfile =
            format!("FROM busybox:latest\nRUN --mount=from={IMAGE},target=/m cat /m/hello >/copy\n");
        std::fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
        if docker.is_podman() == Some(false) {
            let context = context.path().display().to_string();
            succeeds(&["build", "-t", "ptest/renewed:1", "--no-cache", &context]);
            images
                .remove("ptest/renewed:1", RemoveImage::default())
                .await
                .unwrap();
        }
        // A second try that is rejected, too, is not repeated.
        let (ended, asked) = isolate(docker, &["image", "pull", "127.0.0.1:5000/ptest/nowhere:1"]);
        assert!(!ended.status.success() && asked == 2, "{name}: {asked}");
    }
}
