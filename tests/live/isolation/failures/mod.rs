//! Planted failures, whose cause is named.
//!
//! `EVIDENCE=record` writes what was collected to `tests/evidence/ENGINE/CASE.json`, from which
//! `tests/it/isolation/diagnoses.rs` names the causes without an engine.

mod cases; // the failures, with their causes

use std::path::Path;
use std::time::Duration;

use engine_api::images::ImportImage;
use isolation::LikelyCause::{self, *};
use isolation::engines::docker::{DockerEngine, PullPolicy};
use isolation::{Command, Environment, EnvironmentSpec, Evidence, NetworkSpec, WaitFor, diagnose};
use serde_json::json;

use super::{active, create, engine, manager, manager_of, spec};
use crate::support::{Subject, engines};

/// The number of failures that are planted at the same time.
const AT_ONCE: usize = 3;

/// The part that fails.
enum Plant {
    /// The creation, the start or the wait for readiness.
    Start(EnvironmentSpec),
    /// A command in an environment.
    Command(EnvironmentSpec, Command),
    /// The main process.
    Main(EnvironmentSpec),
}

use Plant::{Main as Ends, Start};
use cases::{
    case, foreign_program, image, main, of_ends, of_images, of_limits, of_networks, of_programs,
    of_specifications,
};

struct Case {
    name: &'static str,
    expected: LikelyCause,
    plant: Plant,
}

/// The facts that were collected about a planted failure.
async fn plant(subject: &Subject, plant: Plant) -> Evidence {
    let (manager, prefix) = manager(subject);
    let evidence = match plant {
        Start(spec) => match create(&manager, spec).await {
            Ok(environment) => panic!("it has started: {environment:?}"),
            Err(error) => error.evidence().cloned().unwrap_or_else(|| Evidence {
                // The specification was rejected before an engine was asked.
                error: vec![error.to_string()],
                kind: Some(error.kind()),
                ..Evidence::default()
            }),
        },
        Plant::Command(spec, command) => {
            let environment = active(&manager, spec).await;
            match environment.run(command).await {
                Ok(output) => {
                    assert!(!output.exit.success(), "{output:?}");
                    of_environment(&environment).await
                }
                Err(error) => error.evidence().cloned().unwrap(),
            }
        }
        Ends(spec) => {
            let healthy = spec.health.is_some();
            let environment = active(&manager, spec).await;
            match healthy {
                true => {
                    while environment.health_checks().is_empty() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    let wait = environment.wait_until(&WaitFor::Port(1), Duration::from_millis(800));
                    wait.await.unwrap_err().evidence().cloned().unwrap()
                }
                false => {
                    environment.wait().await.unwrap();
                    of_environment(&environment).await
                }
            }
        }
    };
    manager.shutdown().await.unwrap();
    subject.until_nothing_is_left(&prefix).await;
    evidence
}

async fn of_environment(environment: &Environment) -> Evidence {
    environment.evidence().await
}

/// Keeps what was collected, for the tests without an engine.
fn record(subject: &Subject, case: &str, expected: LikelyCause, evidence: &Evidence) {
    if std::env::var("EVIDENCE").is_ok_and(|mode| mode == "record") {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("evidence")
            .join(&subject.name);
        std::fs::create_dir_all(&directory).unwrap();
        let value = json!({ "cause": expected, "evidence": evidence });
        std::fs::write(directory.join(format!("{case}.json")), format!("{value:#}\n")).unwrap();
    }
}

/// Checks the causes; the faults of all cases are reported together.
async fn check(cases: impl Fn(&Path) -> Vec<Case>) {
    let mut wrong = Vec::new();
    for subject in engines() {
        let directory = tempfile::tempdir().unwrap();
        let mut cases = cases(directory.path());
        // Podman does not report it for commands.
        cases.retain(|case| case.name != "command_out_of_memory" || !subject.name.starts_with("podman"));
        let mut cases = cases.into_iter();
        let mut planted = tokio::task::JoinSet::new();
        loop {
            while planted.len() < AT_ONCE {
                let Some(case) = cases.next() else { break };
                let subject = subject.clone();
                planted.spawn(async move {
                    let evidence = Box::pin(plant(&subject, case.plant)).await;
                    (case.name, case.expected, evidence)
                });
            }
            let Some(done) = planted.join_next().await else {
                break;
            };
            let (name, expected, evidence) = done.unwrap();
            record(&subject, name, expected, &evidence);
            let found = diagnose(&evidence);
            if found.cause != expected {
                wrong.push(format!("{} {name}: {found:?}\n{evidence:#?}", subject.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn causes_of_programs_are_named() {
    check(of_programs).await;
}

#[tokio::test]
async fn causes_of_limits_are_named() {
    check(|_| of_limits()).await;
}

#[tokio::test]
async fn causes_of_networks_are_named() {
    check(|_| of_networks()).await;
}

#[tokio::test]
async fn causes_of_specifications_are_named() {
    check(|_| of_specifications()).await;
}

#[tokio::test]
async fn causes_of_ends_are_named() {
    check(|_| of_ends()).await;
}

#[tokio::test]
async fn causes_of_images_are_named() {
    check(|_| of_images()).await;
}

/// Needs the registry of `tests/engines`.
#[tokio::test]
#[ignore = "needs a registry: set REGISTRY"]
async fn causes_of_a_registry_are_named() {
    check(|_| {
        vec![
            case(
                "image_missing",
                ImageMissing,
                Start(image("127.0.0.1:5001/bundle/no-such:1")),
            ),
            case(
                "unauthorized",
                Unauthorized,
                Start(image("127.0.0.1:5000/bundle/no-such:1")),
            ),
        ]
    })
    .await;
}

#[tokio::test]
async fn image_of_another_platform_is_named() {
    for subject in engines() {
        let mut archive = tar::Builder::new(Vec::new());
        let program = foreign_program();
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(program.len() as u64);
        archive
            .append_data(&mut header, "bin/sh", program.as_slice())
            .unwrap();
        let options = ImportImage {
            repo: "bundle-foreign".into(),
            platform: Some("linux/arm64".into()),
            ..ImportImage::default()
        };
        let images = subject.docker.images();
        let archive = archive.into_inner().unwrap();
        let mut progress = images.import(archive, options).await.unwrap();
        while let Some(line) = progress.next().await {
            line.unwrap();
        }
        let spec = EnvironmentSpec {
            image: Some("bundle-foreign:latest".into()),
            ..main(&["/bin/sh"])
        };
        // A daemon that keeps the platform of an import refuses the creation; on others the program
        // fails.
        let image = images.inspect("bundle-foreign:latest", Default::default()).await;
        let planted = match image.unwrap().architecture.as_str() {
            "arm64" => Start(spec),
            _ => Ends(spec),
        };
        let evidence = Box::pin(plant(&subject, planted)).await;
        record(&subject, "image_of_another_platform", WrongPlatform, &evidence);
        images
            .remove("bundle-foreign:latest", Default::default())
            .await
            .unwrap();
        assert_eq!(
            diagnose(&evidence).cause,
            WrongPlatform,
            "{}: {evidence:#?}",
            subject.name
        );
    }
}

#[tokio::test]
async fn port_of_another_container_is_named() {
    for subject in engines() {
        let (manager, prefix) = manager(&subject);
        let spec = EnvironmentSpec {
            network: NetworkSpec {
                ports: vec!["127.0.0.1:47811:80".parse().unwrap()],
                ..NetworkSpec::default()
            },
            ..main(&["sleep", "1000"])
        };
        let _first = active(&manager, spec.clone()).await;
        let error = create(&manager, spec).await.unwrap_err();
        let evidence = error.evidence().unwrap();
        record(&subject, "port_taken", PortTaken, evidence);
        assert_eq!(
            diagnose(evidence).cause,
            PortTaken,
            "{}: {evidence:#?}",
            subject.name
        );
        manager.shutdown().await.unwrap();
        subject.until_nothing_is_left(&prefix).await;
    }
}

#[tokio::test]
async fn missing_image_that_must_not_be_pulled_is_named() {
    for subject in engines() {
        let manager = manager_of(engine(&subject).0.with_pull(PullPolicy::Never));
        let error = create(&manager, image("bundle-no-such:1")).await.unwrap_err();
        let evidence = error.evidence().unwrap();
        record(&subject, "image_not_pulled", ImageMissing, evidence);
        assert_eq!(
            diagnose(evidence).cause,
            ImageMissing,
            "{}: {evidence:#?}",
            subject.name
        );
    }
}

#[tokio::test]
async fn daemon_that_does_not_answer_is_named() {
    let docker = engine_api::Docker::from_address("unix:///no/such/docker.sock").unwrap();
    let error = create(&manager_of(DockerEngine::new(docker)), spec())
        .await
        .unwrap_err();
    assert_eq!(error.diagnosis().unwrap().cause, DaemonUnreachable, "{error:?}");
}
