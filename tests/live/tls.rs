//! An engine that requires client certificates, found as the docker command finds it.
//!
//! `TLS_ENGINE` is its address, and `TLS_CERTIFICATES` a directory as `tests/certificates` makes
//! it. A client reads the environment variables of its process. So each attempt is a process of its
//! own: this program again, with the same test and with [`ATTEMPT`] set.

use std::path::{Path, PathBuf};
use std::process::Command;

use engine_api::containers::CreateContainer;
use engine_api::exec::{CreateExec, StartExec};
use engine_api::{Docker, Hijacked};
use tests::scenarios::{UNTIL_TOLD, remove, shell, started};

use crate::support::{one_line, required};

/// More than a TLS record, a frame or a pipe holds.
const LENGTH: usize = 300_000;

/// The environment variable that makes a test one attempt to use the engine.
const ATTEMPT: &str = "TLS_ATTEMPT";

/// The output of an attempt before its outcome.
const OUTCOME: &str = "outcome: ";

/// The engine with TLS, and the test that uses it.
struct Subject {
    test: &'static str,
    address: String,
    certificates: PathBuf,
}

/// Runs a test. In the process of an attempt, it uses the engine once and prints the outcome.
fn with_engine(test: &'static str, body: impl FnOnce(&Subject)) {
    if std::env::var_os(ATTEMPT).is_some() {
        return print_outcome();
    }
    body(&Subject {
        test,
        address: required("TLS_ENGINE"),
        certificates: required("TLS_CERTIFICATES").into(),
    });
}

impl Subject {
    /// The outcome of using the engine with these environment variables.
    fn attempt(&self, variables: &[(&str, &Path)]) -> String {
        let mut attempt = Command::new(std::env::current_exe().unwrap());
        attempt.args(["--exact", &format!("tls::{}", self.test)]);
        attempt.args(["--include-ignored", "--nocapture"]);
        for variable in [
            "DOCKER_TLS",
            "DOCKER_TLS_VERIFY",
            "DOCKER_CERT_PATH",
            "DOCKER_CONTEXT",
        ] {
            attempt.env_remove(variable);
        }
        attempt.env(ATTEMPT, "1");
        // The user's own certificates must not be found.
        attempt.env("DOCKER_CONFIG", "/nonexistent");
        attempt.env("DOCKER_HOST", &self.address);
        attempt.envs(variables.iter().copied());
        let output = attempt.output().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let outcome = text.lines().find_map(|line| line.split_once(OUTCOME));
        outcome.unwrap_or_else(|| panic!("{text}")).1.to_owned()
    }

    /// The outcome of an attempt that succeeds.
    fn success(&self) -> String {
        format!("{LENGTH} bytes from {}", self.address)
    }
}

#[allow(clippy::print_stdout)] // read by `Subject::attempt`
/// Uses the engine that the environment variables name: a command whose input ends before its
/// output does.
fn print_outcome() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runtime.block_on(async { echo(&Docker::from_env().await?).await });
    let text = match outcome {
        Ok(length) => format!("{length} bytes from {}", required("DOCKER_HOST")),
        Err(error) => format!("failed: {}", one_line(&error).replace('\n', " ")),
    };
    // On a line of its own, because libtest prints the name of the test before it.
    println!("\n{OUTCOME}{text}");
}

/// Returns how many bytes of the input came back after its end.
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
    let options = CreateExec {
        cmd: ["sh", "-c", "cat; echo the end was seen >&2"].into(),
        attach_stdin: true,
        attach_stdout: true,
        attach_stderr: true,
        ..CreateExec::default()
    };
    let exec = docker.execs().create(id, options).await?.id;
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
#[ignore = "needs an engine with TLS: set TLS_ENGINE and TLS_CERTIFICATES"]
fn client_certificates_work() {
    with_engine("client_certificates_work", |engine| {
        let client = engine.certificates.join("client");
        let certificates = ("DOCKER_CERT_PATH", client.as_path());
        let verify = ("DOCKER_TLS_VERIFY", Path::new("1"));
        assert_eq!(engine.attempt(&[verify, certificates]), engine.success());
        // Certificates alone mean TLS that trusts any engine, as with the docker command.
        assert_eq!(engine.attempt(&[certificates]), engine.success());
    });
}

#[test]
#[ignore = "needs an engine with TLS: set TLS_ENGINE and TLS_CERTIFICATES"]
fn request_without_tls_names_the_variable() {
    with_engine("request_without_tls_names_the_variable", |engine| {
        let outcome = engine.attempt(&[]);
        assert!(
            outcome.starts_with("failed: ") && outcome.contains("DOCKER_TLS_VERIFY=1"),
            "{outcome}"
        );
    });
}

#[test]
#[ignore = "needs an engine with TLS: set TLS_ENGINE and TLS_CERTIFICATES"]
fn untrusted_engine_is_rejected_unless_allowed() {
    with_engine("untrusted_engine_is_rejected_unless_allowed", |engine| {
        let mixed = tempfile::tempdir().unwrap();
        for (from, name) in [
            ("strange", "ca.pem"),
            ("client", "cert.pem"),
            ("client", "key.pem"),
        ] {
            let source = engine.certificates.join(from).join(name);
            std::fs::copy(source, mixed.path().join(name)).unwrap();
        }
        let certificates = ("DOCKER_CERT_PATH", mixed.path());
        let outcome = engine.attempt(&[("DOCKER_TLS_VERIFY", Path::new("1")), certificates]);
        assert!(
            outcome.starts_with("failed: ") && outcome.contains("the right ca.pem?"),
            "{outcome}"
        );
        let outcome = engine.attempt(&[("DOCKER_TLS", Path::new("1")), certificates]);
        assert_eq!(outcome, engine.success());
    });
}

#[test]
#[ignore = "needs an engine with TLS: set TLS_ENGINE and TLS_CERTIFICATES"]
fn rejected_client_certificate_is_reported() {
    with_engine("rejected_client_certificate_is_reported", |engine| {
        let verify = ("DOCKER_TLS_VERIFY", Path::new("1"));
        let other = tempfile::tempdir().unwrap();
        let authority = engine.certificates.join("client/ca.pem");
        std::fs::copy(authority, other.path().join("ca.pem")).unwrap();
        let outcome = engine.attempt(&[verify, ("DOCKER_CERT_PATH", other.path())]);
        assert!(outcome.starts_with("failed: "), "{outcome}");
        assert!(outcome.contains("requires a client certificate"), "{outcome}");
        for name in ["cert.pem", "key.pem"] {
            let strange = engine.certificates.join("strange").join(name);
            std::fs::copy(strange, other.path().join(name)).unwrap();
        }
        let outcome = engine.attempt(&[verify, ("DOCKER_CERT_PATH", other.path())]);
        assert!(outcome.starts_with("failed: "), "{outcome}");
        assert!(outcome.contains("rejects the client certificate"), "{outcome}");
    });
}
