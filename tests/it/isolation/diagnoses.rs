//! The causes of the failures that `tests/live/isolation/failures.rs` has planted and recorded, and
//! of texts that no engine of the tests writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use isolation::{ErrorKind, Evidence, ExitStatus, LikelyCause, diagnose};
use serde::Deserialize;

/// A recorded failure.
#[derive(Deserialize)]
struct Recorded {
    cause: LikelyCause,
    evidence: Evidence,
}

#[test]
fn causes_of_recorded_failures_are_named() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("evidence");
    let (mut wrong, mut engines, mut cases) = (Vec::new(), 0, BTreeSet::new());
    let mut texts = BTreeMap::new();
    for engine in std::fs::read_dir(directory).unwrap() {
        engines += 1;
        for file in std::fs::read_dir(engine.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let recorded: Recorded = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let found = diagnose(&recorded.evidence);
            if found.cause != recorded.cause {
                wrong.push(format!("{}: {found:?}", file.display()));
            }
            assert!(!found.because.is_empty(), "{}", file.display());
            cases.insert(file.file_stem().unwrap().to_owned());
            // Each cause has a sentence of its own.
            let before = texts.insert(found.cause.to_string(), found.cause);
            assert!(
                before.is_none_or(|before| before == found.cause),
                "{}",
                found.cause
            );
            assert!(!found.cause.hint().is_empty() && !found.cause.hint().ends_with('.'));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        engines >= 5 && cases.len() >= 40,
        "{engines} engines, {} cases",
        cases.len()
    );
}

/// The cause of an error with these sources, outermost first.
fn of_error(lines: &[&str]) -> LikelyCause {
    diagnose(&Evidence {
        error: lines.iter().map(|line| (*line).to_owned()).collect(),
        kind: Some(ErrorKind::Engine),
        ..Evidence::default()
    })
    .cause
}

#[test]
fn causes_of_other_daemons_texts_are_named() {
    use LikelyCause::*;
    let pull = "cannot pull the image app: engine `docker` failed";
    for (lines, cause) in [
        (
            &["could not find an available, non-overlapping IPv4 address pool among the defaults"][..],
            AddressPoolExhausted,
        ),
        (
            &["all predefined address pools have been fully subnetted"],
            AddressPoolExhausted,
        ),
        (
            &["could not find free subnet from subnet pools"],
            AddressPoolExhausted,
        ),
        (
            &[
                pull,
                "no matching manifest for linux/arm64/v8 in the manifest list entries",
            ],
            WrongPlatform,
        ),
        (
            &["image with reference app was found but does not provide the specified platform (linux/arm64)"],
            WrongPlatform,
        ),
        (
            &[pull, "no image found in image index for architecture \"arm64\""],
            WrongPlatform,
        ),
        (
            &[pull, "http: server gave HTTP response to HTTPS client"],
            RegistryUnreachable,
        ),
        (
            &[
                pull,
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            ],
            RegistryUnreachable,
        ),
        (&[pull, "dial tcp 10.0.0.1:443: i/o timeout"], RegistryUnreachable),
        (
            &[
                pull,
                "pull access denied for app, repository does not exist or may require 'docker login'",
            ],
            ImageMissing,
        ),
        (
            &[pull, "unauthorized: incorrect username or password"],
            Unauthorized,
        ),
        (
            &["OCI runtime create failed: exec: \"/a\": permission denied: unknown"],
            ProgramNotExecutable,
        ),
        (
            &["OCI runtime create failed: chdir to cwd (\"/x\") set in config.json failed"],
            WorkingDirectoryMissing,
        ),
        (
            &["crun: executable file `x` not found in $PATH: No such file or directory"],
            ProgramMissing,
        ),
        (
            &["mkdir /var/lib/docker/overlay2/x: no space left on device"],
            DiskFull,
        ),
        (&["the engine has not answered for 30.0 s"], DaemonUnreachable),
        (
            &["it took longer than 300.0 s; is the daemon overloaded?"],
            DaemonSlow,
        ),
        (
            &["driver failed: Bind for 127.0.0.1:80 failed: port is already allocated"],
            PortTaken,
        ),
        (&["connection refused"], Unknown),
    ] {
        assert_eq!(of_error(lines), cause, "{lines:?}");
    }
}

/// The cause of a main process that wrote this and ended with this code.
fn of_output(text: &str, code: i32) -> LikelyCause {
    diagnose(&Evidence {
        stderr: text.lines().map(str::to_owned).collect(),
        exit: Some(ExitStatus::from_code(code)),
        ..Evidence::default()
    })
    .cause
}

#[test]
fn causes_of_programs_texts_are_named() {
    use LikelyCause::*;
    for (text, code, cause) in [
        ("curl: (6) Could not resolve host: db", 6, NameNotResolved),
        (
            "psql: error: could not translate host name \"db\" to address: Name or service not known",
            2,
            NameNotResolved,
        ),
        ("Error: getaddrinfo ENOTFOUND db", 1, NameNotResolved),
        (
            "ConnectionRefusedError: [Errno 111] Connection refused",
            1,
            ConnectionRefused,
        ),
        ("OSError: [Errno 98] Address already in use", 1, PortTaken),
        ("OSError: [Errno 24] Too many open files: 'x'", 1, TooManyFiles),
        ("java.lang.OutOfMemoryError: Java heap space", 1, OutOfMemory),
        ("MemoryError", 1, OutOfMemory),
        ("RuntimeError: can't start new thread", 1, TooManyProcesses),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: 'settings.ini'",
            1,
            FileMissing,
        ),
        (
            "PermissionError: [Errno 13] Permission denied: '/data'",
            1,
            PermissionDenied,
        ),
        (
            "ssl.SSLCertVerificationError: certificate verify failed: self-signed certificate",
            1,
            CertificateRejected,
        ),
        (
            "app: error while loading shared libraries: libssl.so.3: cannot open shared object file",
            1,
            LibraryMissing,
        ),
        (
            "initdb: error: could not write: No space left on device",
            1,
            DiskFull,
        ),
        ("terminate called without an active exception", 134, Crashed),
        ("", 143, Killed),
        ("usage: app FILE", 2, ProgramFailed),
        ("all good", 0, Unknown),
    ] {
        assert_eq!(of_output(text, code), cause, "{text}");
    }
}
