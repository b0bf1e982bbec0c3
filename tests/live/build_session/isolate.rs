//! The same builds by the command `isolate build`: options, log, Ctrl-C.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_api::Version;
use engine_api::images::{ListHistory, RemoveImage};
use isolation::engines::docker::DockerEngine;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::{CLIENT, agent, compile, docker_engines, files, image_files, write};
use crate::support::Subject;
use crate::token_registry::{MARKER, PASSWORD, TokenRegistry, USER};

/// Secrets of a file and of a variable.
const IN_FILE: &str = "secret-of-a-file";
const IN_VARIABLE: &str = "secret-of-a-variable";

/// The program, which is built with the workspace.
pub(crate) fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("isolate");
    assert!(program.exists(), "build it: cargo build -p isolation-cli");
    program
}

/// `isolate build` of a directory, with credentials for a registry and a secret in a variable.
fn isolate(subject: &Subject, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(["--host", &subject.docker.address(), "build"])
        .args(arguments)
        .env("DOCKER_CONFIG", home)
        .env("ISOLATE_STATE_DIR", home.join("state"))
        .env("BUILD_SECRET", IN_VARIABLE)
        .env_remove("DOCKER_AUTH_CONFIG")
        .kill_on_drop(true);
    command
}

/// Runs it to its success; returns its standard output and the log.
async fn built(subject: &Subject, home: &Path, arguments: &[&str]) -> (String, String) {
    let ended = isolate(subject, home, arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, log) = (text(ended.stdout), text(ended.stderr));
    assert!(ended.status.success(), "{}: {arguments:?}: {log}", subject.name);
    for secret in [IN_FILE, IN_VARIABLE, PASSWORD] {
        assert!(!log.contains(secret) && !out.contains(secret), "{log}");
    }
    (out, log)
}

#[tokio::test]
async fn isolate_build_serves_all_that_a_build_asks_for() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent");
    let agent = agent(&socket);
    write(directory.path(), &[("secret", IN_FILE), ("named/other", "named")]);
    for subject in docker_engines().await {
        let (name, docker) = (&subject.name, &subject.docker);
        let registry = TokenRegistry::start(&subject).await;
        let login = format!(
            r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#,
            registry.name,
            STANDARD.encode(format!("{USER}:{PASSWORD}"))
        );
        let (home, context) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(home.path(), &[("config.json", &login)]);
        let has_contexts = docker.version().await.unwrap() >= Version::new(1, 42);
        let dockerfile = format!(
            "FROM {} AS private\n\
             FROM busybox:latest AS steps\n\
             WORKDIR /out\n\
             RUN --mount=type=secret,id=file,required rev /run/secrets/file > file\n\
             RUN --mount=type=secret,id=variable,target=/s,required rev /s > variable\n\
             COPY client /bin/client\n\
             RUN --mount=type=ssh,required client > ssh\n\
             COPY --from=private /marker marker\n\
             {}\
             FROM scratch\n\
             COPY --from=steps /out /out\n",
            registry.image,
            if has_contexts {
                "COPY --from=named other .\n"
            } else {
                ""
            },
        );
        compile(context.path(), CLIENT);
        write(context.path(), &[("Dockerfile", &dockerfile)]);
        let path = |name: &str| directory.path().join(name).display().to_string();
        let secret = format!("id=file,src={}", path("secret"));
        let ssh = format!("default={}", socket.display());
        let named = format!("named={}", path("named"));
        let mut arguments = vec![
            "--secret",
            &secret,
            "--secret",
            "id=variable,env=BUILD_SECRET",
            "--ssh",
            &ssh,
        ];
        if has_contexts {
            arguments.extend(["--build-context", &named]);
        }
        let context = context.path().display().to_string();
        let out = tempfile::tempdir().unwrap();
        let output = format!("type=local,dest={}", out.path().display());
        let local = [&arguments[..], &["--no-cache", "--output", &output, &context]].concat();
        let (_, log) = built(&subject, home.path(), &local).await;
        assert!(
            log.contains("RUN --mount=type=ssh") && log.contains("DONE"),
            "{name}: {log}"
        );
        let found = files(&out.path().join("out"));
        let text = |name: &str| String::from_utf8_lossy(&found[name]).trim().to_owned();
        let reversed = |text: &str| text.chars().rev().collect::<String>();
        assert_eq!(text("file"), reversed(IN_FILE), "{name}");
        assert_eq!(text("variable"), reversed(IN_VARIABLE), "{name}");
        assert_eq!(text("marker"), MARKER, "{name}");
        assert!(text("ssh").starts_with("[12, 0, 0, 0, 0]"), "{name}");
        assert_eq!(found.contains_key("other"), has_contexts, "{name}");

        let tag = "ptest/isolate_build:1";
        let tagged = [&arguments[..], &["-t", tag, &context]].concat();
        let (printed, _) = built(&subject, home.path(), &tagged).await;
        assert_eq!(image_files(docker, tag).await, found, "{name}");
        let images = docker.images();
        let history = images.history(tag, ListHistory::default()).await.unwrap();
        let inspected = images.inspect(tag, Default::default()).await.unwrap();
        let shown = format!("{history:?} {inspected:?}");
        for secret in [IN_FILE, IN_VARIABLE, PASSWORD] {
            assert!(!shown.contains(secret), "{name}: {shown}");
        }
        // So `isolate image prune` finds it once its other name is removed.
        let listed = DockerEngine::new(docker.clone()).images().list().await.unwrap();
        let built: Vec<_> = listed.iter().filter(|image| image.built).collect();
        assert!(
            built
                .iter()
                .any(|image| image.names.iter().any(|name| name == tag)),
            "{name}: {listed:?}"
        );
        for image in [tag, printed.trim(), &registry.image] {
            let removed = images.remove(image, RemoveImage::default()).await;
            assert!(removed.is_ok(), "{name}: {image}: {removed:?}");
        }
        registry.stop(&subject).await;
    }
    agent.abort();
}

#[tokio::test]
async fn ctrl_c_ends_a_build_on_the_daemon() {
    for subject in docker_engines().await {
        let (home, context) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // Only one step at a time has the mount. A build that went on would keep the next waiting.
        let dockerfile = "FROM busybox:latest\nARG SECONDS\n\
            RUN --mount=type=cache,id=ptest_ctrl_c,target=/c,sharing=locked sleep $SECONDS\n";
        write(context.path(), &[("Dockerfile", dockerfile)]);
        let context = context.path().display().to_string();
        let mut building = isolate(
            &subject,
            home.path(),
            &["--no-cache", "--build-arg", "SECONDS=1000", &context],
        )
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let mut log = BufReader::new(building.stderr.take().unwrap()).lines();
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("sleep") {
                break;
            }
        }
        let pid = building.id().unwrap().to_string();
        let signalled = Command::new("kill").args(["-INT", &pid]).status().await;
        assert!(signalled.unwrap().success());
        assert_eq!(
            building.wait().await.unwrap().code(),
            Some(130),
            "{}",
            subject.name
        );
        let out = tempfile::tempdir().unwrap();
        let output = out.path().display().to_string();
        let next = ["--no-cache", "--build-arg", "SECONDS=0", "-o", &output, &context];
        let next = built(&subject, home.path(), &next);
        let ended = tokio::time::timeout(Duration::from_secs(60), next).await;
        assert!(ended.is_ok(), "{}: the interrupted build goes on", subject.name);
    }
}
