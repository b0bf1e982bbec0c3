//! The docker command's configuration and variables of this user: each test runs in a process of
//! its own, with other variables.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use engine_api::Docker;
use engine_api::images::BuildSecret;
use fake_engine::scripted::{JSON, ScriptedEngine, ok, reply};
use fake_engine::{FakeEngine, Fault};
use isolation::engines::docker::{BuildSpec, DockerEngine, PullImage};
use isolation::{Engine, FileKind};
use tests::chain;

use super::docker_engine::{IMAGE, create, on, spec as environment_spec};
use crate::support::{block_on, in_own_process, is_own_process};

const DOCKER: &[&str] = &["Api-Version: 1.51", "Builder-Version: 2"];

const DIGEST: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// An engine that builds only the second time: first, a registry rejects the credentials.
fn building(builds: &Arc<AtomicUsize>) -> ScriptedEngine {
    let builds = Arc::clone(builds);
    ScriptedEngine::new(move |mut peer| {
        let builds = Arc::clone(&builds);
        async move {
            while let Some(request) = peer.request().await? {
                let target = request.target.as_str();
                if target.contains("/session") {
                    let head =
                        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
                    peer.write(head).await?;
                    return peer.until_gone().await;
                }
                let bytes = match request.method.as_str() {
                    "HEAD" => reply(200, DOCKER, ""),
                    "GET" if target.contains("_ping") => reply(200, DOCKER, "OK"),
                    "POST" if target.contains("/build") => match builds.fetch_add(1, Ordering::AcqRel) {
                        0 => ok(r#"{"errorDetail":{"message":"401 Unauthorized"},"error":"failed"}"#),
                        _ => ok(&format!(
                            r#"{{"id":"moby.image.id","aux":{{"ID":"sha256:{DIGEST}"}}}}"#
                        )),
                    },
                    "POST" if target.contains("/tag") => reply(201, &[], ""),
                    _ => reply(404, &[JSON], r#"{"message":"No such image"}"#),
                };
                peer.write(bytes).await?;
            }
            Ok(())
        }
    })
}

/// A build that has a session.
fn spec() -> BuildSpec {
    BuildSpec {
        files: [("Dockerfile".to_owned(), b"FROM scratch\n".to_vec())].into(),
        secrets: [("token".to_owned(), BuildSecret::Bytes(b"hunter2".to_vec()))].into(),
        ..BuildSpec::default()
    }
}

/// Runs a test with this configuration, and with the programs in its directory.
fn with_configuration(test: &str, directory: &Path, config: &str) {
    std::fs::write(directory.join("config.json"), config).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", directory.display());
    let variables = [
        ("DOCKER_CONFIG", directory.to_str().unwrap()),
        ("PATH", path.as_str()),
    ];
    in_own_process(&format!("isolation::own_configuration::{test}"), &variables);
}

#[test]
fn daemon_is_found_by_its_variable() {
    if is_own_process() {
        return block_on(async {
            let engine = DockerEngine::default();
            assert!(engine.probe().await.availability.is_available());
        });
    }
    let fake = FakeEngine::new();
    let socket = fake.on_unix().unwrap();
    let variables = [("DOCKER_HOST", &*socket.address())];
    in_own_process(
        "isolation::own_configuration::daemon_is_found_by_its_variable",
        &variables,
    );
    assert!(!fake.requests().is_empty());
}

#[test]
fn credentials_that_cannot_be_read_are_a_reason() {
    if is_own_process() {
        return block_on(async {
            let fake = FakeEngine::new().with_registry_image(IMAGE);
            for _ in 0..3 {
                let refused = Fault::internal_error("unauthorized: authentication required");
                fake.fail_next("POST", "/images/create", refused);
            }
            let engine = DockerEngine::new(Docker::with_connector(fake.clone()));
            let pulled = engine.images().pull(IMAGE, PullImage::default(), |_| ()).await;
            let text = chain(&pulled.unwrap_err());
            assert!(text.contains("no credentials found: "), "{text}");
            assert!(text.contains("config.json"), "{text}");
            // A build may not need them, so it begins.
            let builds = Arc::default();
            let engine = DockerEngine::new(building(&builds).docker());
            let mut log = String::new();
            let built = engine.images().build(&spec(), |text| log.push_str(text)).await;
            let text = chain(&built.unwrap_err());
            assert!(text.contains("401 Unauthorized"), "{text}");
            assert_eq!(builds.load(Ordering::Acquire), 1, "there are no newer ones");
            let warnings = log.lines().filter(|line| line.starts_with("WARNING: "));
            assert_eq!(warnings.count(), 1, "{log}");
            assert!(log.contains("config.json"), "{log}");
        });
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "credentials_that_cannot_be_read_are_a_reason";
    with_configuration(test, directory.path(), "{\"auths\": 7");
}

#[cfg(unix)]
#[test]
fn rejected_build_runs_again_with_newer_credentials() {
    if is_own_process() {
        return block_on(async {
            let builds = Arc::default();
            let engine = DockerEngine::new(building(&builds).docker());
            let mut log = String::new();
            let built = engine.images().build(&spec(), |text| log.push_str(text)).await;
            let built = built.unwrap_or_else(|error| panic!("{}", chain(&error)));
            assert_eq!(built.id, format!("sha256:{DIGEST}"));
            assert_eq!(builds.load(Ordering::Acquire), 2);
            assert!(!log.contains("secret-") && !log.contains("WARNING"), "{log}");
        });
    }
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let count = directory.path().join("count");
    let helper = directory.path().join("docker-credential-counting");
    let script = format!(
        "#!/bin/sh\n\
         case $1 in\n\
         list) echo '{{\"https://reg.test\": \"alice\"}}';;\n\
         get) echo >>{count}; n=$(wc -l <{count}); n=$((n))\n\
         echo '{{\"ServerURL\": \"https://reg.test\", \"Username\": \"alice\", \"Secret\": \"secret-'$n'\"}}';;\n\
         esac\n",
        count = count.display()
    );
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, PermissionsExt::from_mode(0o700)).unwrap();
    let test = "rejected_build_runs_again_with_newer_credentials";
    with_configuration(test, directory.path(), "{\"credsStore\": \"counting\"}");
    let gets = std::fs::read_to_string(count).unwrap();
    assert_eq!(gets.lines().count(), 2, "asked once for each build");
}

/// A file with the headers of a static program, which cannot run in the container.
fn static_program() -> Vec<u8> {
    let mut file = vec![0; 200];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file[32] = 64; // where the program headers are
    file[54] = 56; // the size of one
    file[56] = 1; // how many
    file[64] = 1; // it is loaded
    file
}

#[test]
fn busybox_of_this_machine_is_copied_in() {
    if is_own_process() {
        return block_on(async {
            let fake = FakeEngine::new().with_image(IMAGE);
            let manager = on(&fake);
            let environment = create(&manager, environment_spec()).await.unwrap();
            let error = environment.expose_host(8080).await.unwrap_err();
            let text = chain(&error);
            assert!(text.contains("busybox cannot be used instead"), "{text}");
            let copied = environment.file_kind("/busybox-isolate").await.unwrap();
            assert_eq!(copied, Some(FileKind::File));
            environment.destroy().await.unwrap();
        });
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("busybox"), static_program()).unwrap();
    in_own_process(
        "isolation::own_configuration::busybox_of_this_machine_is_copied_in",
        &[("PATH", directory.path().to_str().unwrap())],
    );
}
