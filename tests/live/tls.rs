//! An engine that wants certificates, found as the docker command finds it.
//!
//! `TLS_ENGINE` is its address, and `TLS_CERTIFICATES` a folder as `tests/certificates` makes it. The
//! variables that a client reads are those of a process: each attempt is a process of its own, this
//! program again with the one test that is ignored otherwise.

use std::path::{Path, PathBuf};
use std::process::Command;

use engine_api::containers::CreateContainer;
use engine_api::exec::{CreateExec, StartExec};
use engine_api::{Docker, Hijacked};
use tests::scenarios::{UNTIL_TOLD, remove, shell, started};

use crate::support::{not_run, said, told};

/// More than a TLS record, a frame or a pipe holds.
const LENGTH: usize = 300_000;

/// What an attempt prints before what came of it.
const OUTCOME: &str = "outcome: ";

/// The engine's address and its folder of certificates; `None`, and a line that says so, without them.
fn engine() -> Option<(String, PathBuf)> {
    let found = said("TLS_ENGINE").zip(said("TLS_CERTIFICATES").map(PathBuf::from));
    if found.is_none() {
        not_run("TLS_ENGINE and TLS_CERTIFICATES name no engine with TLS");
    }
    found
}

/// What comes of using the engine with these variables.
fn attempt(address: &str, variables: &[(&str, &Path)]) -> String {
    let mut attempt = Command::new(std::env::current_exe().unwrap());
    attempt.args(["--exact", "tls::an_attempt", "--ignored", "--nocapture"]);
    for variable in [
        "DOCKER_TLS",
        "DOCKER_TLS_VERIFY",
        "DOCKER_CERT_PATH",
        "DOCKER_CONTEXT",
    ] {
        attempt.env_remove(variable);
    }
    // The user's own certificates are no part of this.
    attempt.env("DOCKER_CONFIG", "/nonexistent");
    attempt.env("DOCKER_HOST", address);
    attempt.envs(variables.iter().copied());
    let output = attempt.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let outcome = text.lines().find_map(|line| line.split_once(OUTCOME));
    outcome.unwrap_or_else(|| panic!("{text}")).1.to_owned()
}

/// Uses the engine that the variables name: a command whose input ends before its output does.
#[tokio::test]
#[ignore = "the other tests run it, with variables of its own"]
async fn an_attempt() {
    let outcome = match Docker::from_env().await {
        Ok(docker) => echo(&docker).await,
        Err(error) => Err(error),
    };
    let text = match outcome {
        Ok(length) => format!("{length} bytes from {}", said("DOCKER_HOST").unwrap()),
        Err(error) => format!("failed: {}", told(&error).replace('\n', " ")),
    };
    // On a line of its own: the test's name comes before it.
    println!("\n{OUTCOME}{text}");
}

/// How many bytes come back of those that were sent, once their end was.
async fn echo(docker: &Docker) -> engine_api::Result<usize> {
    let name = format!("tls_{}", std::process::id());
    let container = CreateContainer {
        name: None,
        ..shell(&name, UNTIL_TOLD)
    };
    let id = started(docker, container).await?;
    let outcome = exec(docker, &id).await;
    remove(docker, &id).await?;
    outcome
}

async fn exec(docker: &Docker, id: &str) -> engine_api::Result<usize> {
    let sum = CreateExec {
        cmd: ["sh", "-c", "cat; echo the end was seen >&2"]
            .map(String::from)
            .to_vec(),
        attach_stdin: true,
        attach_stdout: true,
        attach_stderr: true,
        ..CreateExec::default()
    };
    let exec = docker.execs().create(id, sum).await?.id;
    let started = docker.execs().start(&exec, StartExec::default()).await?;
    let Hijacked {
        mut input, output, ..
    } = started;
    let sent: Vec<u8> = (0..LENGTH).map(|n| (n % 251) as u8).collect();
    let copy = sent.clone();
    let writing = tokio::spawn(async move {
        input.write(&copy).await?;
        input.close().await
    });
    let (stdout, stderr) = output.collect().await?;
    writing.await.unwrap()?;
    assert!(stdout == sent, "{} bytes came back", stdout.len());
    assert_eq!(&stderr[..], b"the end was seen\n");
    Ok(stdout.len())
}

#[test]
fn client_certificates_work() {
    let Some((address, folder)) = engine() else { return };
    let works = format!("{LENGTH} bytes from {address}");
    let certificates = ("DOCKER_CERT_PATH", &*folder.join("client"));
    let verify = ("DOCKER_TLS_VERIFY", Path::new("1"));
    assert_eq!(attempt(&address, &[verify, certificates]), works);
    // Certificates alone mean TLS that trusts any engine, as with the docker command.
    assert_eq!(attempt(&address, &[certificates]), works);
}

#[test]
fn untrusted_engine_is_rejected_unless_allowed() {
    let Some((address, folder)) = engine() else { return };
    let mixed = tempfile::tempdir().unwrap();
    for (from, name) in [
        ("strange", "ca.pem"),
        ("client", "cert.pem"),
        ("client", "key.pem"),
    ] {
        std::fs::copy(folder.join(from).join(name), mixed.path().join(name)).unwrap();
    }
    let certificates = ("DOCKER_CERT_PATH", mixed.path());
    let outcome = attempt(&address, &[("DOCKER_TLS_VERIFY", Path::new("1")), certificates]);
    assert!(
        outcome.starts_with("failed: ") && outcome.contains("the right ca.pem?"),
        "{outcome}"
    );
    let outcome = attempt(&address, &[("DOCKER_TLS", Path::new("1")), certificates]);
    assert_eq!(outcome, format!("{LENGTH} bytes from {address}"));
}

#[test]
fn missing_or_unknown_client_certificate_is_reported() {
    let Some((address, folder)) = engine() else { return };
    let verify = ("DOCKER_TLS_VERIFY", Path::new("1"));
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(folder.join("client/ca.pem"), other.path().join("ca.pem")).unwrap();
    let outcome = attempt(&address, &[verify, ("DOCKER_CERT_PATH", other.path())]);
    assert!(outcome.starts_with("failed: "), "{outcome}");
    assert!(outcome.contains("wants a certificate of ours"), "{outcome}");
    for name in ["cert.pem", "key.pem"] {
        std::fs::copy(folder.join("strange").join(name), other.path().join(name)).unwrap();
    }
    let outcome = attempt(&address, &[verify, ("DOCKER_CERT_PATH", other.path())]);
    assert!(outcome.starts_with("failed: "), "{outcome}");
    assert!(outcome.contains("does not accept our certificate"), "{outcome}");
}

#[test]
fn engine_that_requires_tls_is_reported() {
    let Some((address, _)) = engine() else { return };
    let outcome = attempt(&address, &[]);
    assert!(outcome.contains("TLS") || outcome.contains("HTTPS"), "{outcome}");
}
