//! Planted failures, whose cause is named.
//!
//! `EVIDENCE=record` writes what was collected to `tests/evidence/ENGINE/CASE.json`, from which
//! `tests/it/isolation/diagnoses.rs` names the causes without an engine.

use std::path::Path;
use std::time::Duration;

use engine_api::images::ImportImage;
use isolation::LikelyCause::{self, *};
use isolation::engines::docker::{DockerEngine, PullPolicy};
use isolation::{
    Command, CopyIn, Environment, EnvironmentSpec, Evidence, HealthSpec, Main, Mount, NetworkMode,
    NetworkSpec, Readiness, ResourceLimits, SecuritySpec, WaitFor, diagnose,
};
use serde_json::json;

use super::{active, create, engine, manager, manager_of, spec};
use crate::support::{Subject, engines};

/// What fails.
enum Plant {
    /// The creation, the start or the wait for readiness.
    Start(EnvironmentSpec),
    /// A command in an environment.
    Command(EnvironmentSpec, Command),
    /// The main process.
    Main(EnvironmentSpec),
}

use Plant::{Main as Ends, Start};

struct Case {
    name: &'static str,
    expected: LikelyCause,
    plant: Plant,
}

fn sh(script: &str) -> Command {
    Command::shell(script)
}

fn command(name: &'static str, expected: LikelyCause, script: &str) -> Case {
    case(name, expected, Plant::Command(spec(), sh(script)))
}

fn case(name: &'static str, expected: LikelyCause, plant: Plant) -> Case {
    Case {
        name,
        expected,
        plant,
    }
}

fn main(argv: &[&str]) -> EnvironmentSpec {
    EnvironmentSpec {
        main: Main::Command(Command::new(argv.iter().copied())),
        ..spec()
    }
}

fn ready(wait_for: WaitFor) -> Option<Readiness> {
    Some(Readiness {
        wait_for,
        timeout: Some(Duration::from_millis(1500)),
    })
}

fn limits(limits: ResourceLimits) -> EnvironmentSpec {
    EnvironmentSpec { limits, ..spec() }
}

fn network(mode: NetworkMode) -> EnvironmentSpec {
    let network = NetworkSpec {
        mode,
        ..NetworkSpec::default()
    };
    EnvironmentSpec { network, ..spec() }
}

fn image(name: &str) -> EnvironmentSpec {
    EnvironmentSpec {
        image: Some(name.to_owned()),
        ..spec()
    }
}

/// An environment whose main process is a file with this content and mode.
fn script(directory: &Path, content: &[u8], mode: u32) -> EnvironmentSpec {
    use std::os::unix::fs::PermissionsExt;
    let source = directory.join(format!("{}-{mode:o}", content.len()));
    std::fs::write(&source, content).unwrap();
    std::fs::set_permissions(&source, std::fs::Permissions::from_mode(mode)).unwrap();
    EnvironmentSpec {
        copies: vec![CopyIn {
            source,
            target: "/program".into(),
        }],
        ..main(&["/program"])
    }
}

/// The header of a program for another machine: arm64.
fn foreign_program() -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    header.extend([2, 0, 0xb7, 0, 1, 0, 0, 0]);
    header.resize(4096, 0);
    header
}

/// The header of a program of this machine, with a loader that does not exist.
fn program_without_loader() -> Vec<u8> {
    std::fs::read("/bin/true").unwrap()
}

fn with_copies(copies: EnvironmentSpec, main: Main) -> EnvironmentSpec {
    EnvironmentSpec { main, ..copies }
}

fn of_programs(directory: &Path) -> Vec<Case> {
    let idle = |spec: EnvironmentSpec| with_copies(spec, Main::Idle);
    let run = || Command::new(["/program"]);
    let missing = script(directory, b"#!/no/such/interpreter -x\necho\n", 0o755);
    let carriage = script(directory, b"#!/bin/sh\r\necho text\r\n", 0o755);
    let no_mode = script(directory, b"#!/bin/sh\necho not executable\n", 0o644);
    let foreign = script(directory, &foreign_program(), 0o755);
    let loader = script(directory, &program_without_loader(), 0o755);
    vec![
        case("main_missing", ProgramMissing, Start(main(&["no-such-program"]))),
        case(
            "main_not_executable",
            ProgramNotExecutable,
            Start(no_mode.clone()),
        ),
        case(
            "command_missing",
            ProgramMissing,
            Plant::Command(spec(), Command::new(["no-such-program"])),
        ),
        command(
            "command_missing_in_a_script",
            ProgramMissing,
            "no-such-program --help",
        ),
        case(
            "command_not_executable",
            ProgramNotExecutable,
            Plant::Command(idle(no_mode), run()),
        ),
        case(
            "command_without_interpreter",
            InterpreterMissing,
            Plant::Command(idle(missing), run()),
        ),
        case(
            "command_with_carriage_return",
            CarriageReturn,
            Plant::Command(idle(carriage), run()),
        ),
        case(
            "command_of_another_machine",
            WrongPlatform,
            Plant::Command(idle(foreign), run()),
        ),
        case(
            "command_without_loader",
            LibraryMissing,
            Plant::Command(idle(loader), run()),
        ),
    ]
}

fn of_limits() -> Vec<Case> {
    let memory = ResourceLimits {
        memory: Some(16 << 20),
        ..ResourceLimits::default()
    };
    let pids = ResourceLimits {
        pids: Some(12),
        ..ResourceLimits::default()
    };
    let forks = sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 3 & done; wait");
    let read_only = EnvironmentSpec {
        security: SecuritySpec {
            read_only_root: true,
            ..SecuritySpec::default()
        },
        ..spec()
    };
    let tmpfs = EnvironmentSpec {
        mounts: vec![Mount::tmpfs("/t", Some(1 << 20))],
        ..spec()
    };
    let tail = Command::new(["tail", "/dev/zero"]);
    let late = Command {
        timeout: Some(Duration::from_millis(300)),
        ..Command::new(["sleep", "100"])
    };
    let of_main = EnvironmentSpec {
        main: Main::Command(tail.clone()),
        ..limits(memory.clone())
    };
    vec![
        case("main_out_of_memory", OutOfMemory, Ends(of_main)),
        case(
            "command_out_of_memory",
            OutOfMemory,
            Plant::Command(limits(memory), tail),
        ),
        case("processes", TooManyProcesses, Plant::Command(limits(pids), forks)),
        case(
            "read_only",
            ReadOnlyFileSystem,
            Plant::Command(read_only, sh("echo text > /file")),
        ),
        case(
            "disk_full",
            DiskFull,
            Plant::Command(tmpfs, sh("dd if=/dev/zero of=/t/file bs=64k")),
        ),
        case("timeout", TimedOut, Plant::Command(spec(), late)),
    ]
}

fn of_networks() -> Vec<Case> {
    let none = || network(NetworkMode::None);
    vec![
        command(
            "name_not_resolved",
            NameNotResolved,
            "wget http://no-such-host.invalid/",
        ),
        command(
            "connection_refused",
            ConnectionRefused,
            "wget http://127.0.0.1:1/",
        ),
        command("port_in_use_inside", PortTaken, "httpd -p 8080; httpd -f -p 8080"),
        case(
            "no_network",
            NoNetwork,
            Plant::Command(none(), sh("wget http://10.1.2.3/")),
        ),
        case(
            "no_network_for_names",
            NoNetwork,
            Plant::Command(none(), sh("wget http://db.test/")),
        ),
        case(
            "network_missing",
            NetworkMissing,
            Start(network(NetworkMode::Named("bundle-no-such".into()))),
        ),
    ]
}

fn of_specifications() -> Vec<Case> {
    let mount = |mount| EnvironmentSpec {
        mounts: vec![mount],
        ..spec()
    };
    let user = |user: &str| EnvironmentSpec {
        user: Some(user.to_owned()),
        ..spec()
    };
    vec![
        case(
            "mount_source_missing",
            MountSourceMissing,
            Start(mount(Mount::host("/no/such/source", "/m"))),
        ),
        case(
            "volume_missing",
            VolumeMissing,
            Start(mount(Mount::volume("bundle-no-such", "/m"))),
        ),
        case("user_missing", UserMissing, Start(user("no-such-user"))),
        case(
            "permission_denied",
            PermissionDenied,
            Plant::Command(user("65534"), sh("echo x > /etc/file")),
        ),
        command("file_missing", FileMissing, "cat /no/such/file"),
    ]
}

fn of_ends() -> Vec<Case> {
    let early = |script: &str| EnvironmentSpec {
        ready: ready(WaitFor::Port(80)),
        ..main(&["sh", "-c", script])
    };
    let healthy = EnvironmentSpec {
        health: Some(HealthSpec {
            check: Some(sh("echo not yet >&2; exit 1")),
            interval: Some(Duration::from_millis(100)),
            ..HealthSpec::default()
        }),
        ..main(&["sleep", "100"])
    };
    vec![
        case(
            "never_ready",
            NeverReady,
            Start(early("echo starting; sleep 100")),
        ),
        case("ended_early", EndedEarly, Start(early("echo bye"))),
        case(
            "failed_early",
            ProgramFailed,
            Start(early("echo bad configuration >&2; exit 3")),
        ),
        case(
            "refused_early",
            ConnectionRefused,
            Start(early("wget http://127.0.0.1:1/")),
        ),
        case("never_healthy", NeverHealthy, Ends(healthy)),
        command("killed", Killed, "kill -KILL $$"),
        command("crashed", Crashed, "kill -SEGV $$"),
        command("program_failed", ProgramFailed, "echo assertion failed; exit 7"),
        case(
            "main_killed",
            Killed,
            Ends(main(&["sh", "-c", "sleep 0.2; kill -KILL $$"])),
        ),
    ]
}

fn of_images() -> Vec<Case> {
    vec![
        case(
            "registry_down",
            RegistryUnreachable,
            Start(image("127.0.0.1:9/app:1")),
        ),
        case(
            "registry_unknown",
            RegistryUnreachable,
            Start(image("no-such-registry.invalid/app:1")),
        ),
    ]
}

/// What was collected about a planted failure.
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
        for case in cases(directory.path()) {
            if case.name == "command_out_of_memory" && subject.name.starts_with("podman") {
                // Podman does not report it for commands.
                continue;
            }
            let evidence = plant(&subject, case.plant).await;
            record(&subject, case.name, case.expected, &evidence);
            let found = diagnose(&evidence);
            if found.cause != case.expected {
                wrong.push(format!(
                    "{} {}: {found:?}\n{evidence:#?}",
                    subject.name, case.name
                ));
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
        let evidence = plant(&subject, Ends(spec)).await;
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
            ..main(&["sleep", "100"])
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
