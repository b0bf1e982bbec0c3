//! Recognises messages of daemons, runtimes, C libraries and common programs.

use super::{Diagnosis, Evidence, LikelyCause};
use crate::error::ErrorKind;

/// A cause, and texts in lower case, one of which must occur; `*` matches any text.
type Rule = (LikelyCause, &'static [&'static str]);

/// Messages of daemons and registries.
const OF_ERROR: &[Rule] = &[
    (
        LikelyCause::AddressPoolExhausted,
        &[
            "non-overlapping ipv4 address pool",
            "address pools have been fully subnetted",
            "could not find free subnet",
            "no available network",
        ],
    ),
    (
        LikelyCause::WrongPlatform,
        &[
            "wrong platform: the image",
            "no matching manifest for",
            "no match for platform",
            "does not match the specified platform",
            "does not provide the specified platform",
            "no image found in image index for architecture",
            "no image found in manifest list for architecture",
            "not match the expected platform",
        ],
    ),
    (
        LikelyCause::Unauthorized,
        &["no basic auth credentials", "incorrect username or password"],
    ),
    (
        LikelyCause::ImageMissing,
        &[
            "manifest unknown",
            "name unknown",
            "pull access denied",
            "repository does not exist",
            "does not have the image",
            "no such image",
            "manifest not found",
        ],
    ),
    (
        LikelyCause::Unauthorized,
        &[
            "unauthorized",
            "authentication required",
            "requested access to the resource is denied",
            "no credentials found",
        ],
    ),
    (
        LikelyCause::PortTaken,
        &[
            "port is already allocated",
            "address already in use",
            "is taken by",
        ],
    ),
    (
        LikelyCause::UserMissing,
        &[
            "unable to find user",
            "unable to find group",
            "no matching entries in",
        ],
    ),
    (
        LikelyCause::MountSourceMissing,
        &[
            "bind source path does not exist",
            "the source of a mount",
            "statfs ",
        ],
    ),
    (
        LikelyCause::VolumeMissing,
        &["no such volume", "the volume * does not exist"],
    ),
    (
        LikelyCause::NetworkMissing,
        &[
            "unable to find network",
            "network * not found",
            "no such network",
            "the network * does not exist",
        ],
    ),
    (
        LikelyCause::WorkingDirectoryMissing,
        &["chdir to cwd", "working directory", "cwd must be", "chdir: "],
    ),
    (
        LikelyCause::DiskFull,
        &["no space left on device", "disk quota exceeded"],
    ),
    (LikelyCause::ReadOnlyFileSystem, &["read-only file system"]),
    (
        LikelyCause::TooManyProcesses,
        &["resource temporarily unavailable", "can't fork", "cannot fork"],
    ),
    (
        LikelyCause::OutOfMemory,
        &[
            "cannot allocate memory",
            "container init was oom-killed",
            "memory limit too low",
        ],
    ),
];

/// Messages about requests to a registry, only in the error of a pull.
const OF_PULL: &[Rule] = &[
    (
        LikelyCause::RegistryUnreachable,
        &[
            "connection refused",
            "no such host",
            "server misbehaving",
            "i/o timeout",
            "http response to https client",
            "x509:",
            "tls: ",
            "network is unreachable",
            "no route to host",
            "deadline exceeded",
            "request canceled",
            "pinging container registry",
            "connection reset",
            "eof",
        ],
    ),
    (LikelyCause::ImageMissing, &["not found"]),
];

/// Messages of programs.
const OF_OUTPUT: &[Rule] = &[
    (
        LikelyCause::DiskFull,
        &[
            "no space left on device",
            "enospc",
            "disk quota exceeded",
            "disk full",
        ],
    ),
    (
        LikelyCause::ReadOnlyFileSystem,
        &["read-only file system", "erofs"],
    ),
    (
        LikelyCause::TooManyProcesses,
        &[
            "can't fork",
            "cannot fork",
            "fork: ",
            "can't start new thread",
            "unable to create new native thread",
        ],
    ),
    (LikelyCause::TooManyFiles, &["too many open files", "emfile"]),
    (
        LikelyCause::NameNotResolved,
        &[
            "bad address",
            "could not resolve host",
            "name or service not known",
            "temporary failure in name resolution",
            "name does not resolve",
            "no such host",
            "nodename nor servname",
            " enotfound",
            "eai_again",
            "unknown host",
            "can't resolve",
            "temporary failure resolving",
            "nxdomain",
        ],
    ),
    (
        LikelyCause::NoNetwork,
        &["network is unreachable", "network unreachable", "enetunreach"],
    ),
    (
        LikelyCause::PortTaken,
        &["address already in use", "address in use", "eaddrinuse"],
    ),
    (
        LikelyCause::CertificateRejected,
        &[
            "certificate verify failed",
            "ssl certificate problem",
            "x509: ",
            "self-signed certificate",
        ],
    ),
    (
        LikelyCause::ConnectionRefused,
        &["connection refused", "econnrefused"],
    ),
    (
        LikelyCause::OutOfMemory,
        &[
            "out of memory",
            "cannot allocate memory",
            "memoryerror",
            "outofmemoryerror",
            "enomem",
            "std::bad_alloc",
        ],
    ),
    (
        LikelyCause::LibraryMissing,
        &[
            "error while loading shared libraries",
            "error loading shared library",
            "error relocating",
        ],
    ),
    (
        LikelyCause::PermissionDenied,
        &[
            "permission denied",
            "operation not permitted",
            "eacces",
            "eperm",
            "access denied",
            "permissionerror",
        ],
    ),
    (
        LikelyCause::FileMissing,
        &[
            "no such file or directory",
            "enoent",
            "filenotfounderror",
            "can't open",
            "cannot open",
        ],
    ),
];

/// Whether a line contains all parts of a text in this order.
fn is_in(text: &str, line: &str) -> bool {
    let mut rest = line;
    text.split('*').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn first(rules: &[Rule], lines: &[&str]) -> Option<Diagnosis> {
    rules.iter().find_map(|(cause, texts)| {
        // The last line is the most likely one to describe the failure.
        let is_it = |line: &&&str| {
            let line = line.to_lowercase();
            texts.iter().any(|text| is_in(text, &line))
        };
        let line = lines.iter().rfind(is_it)?;
        Some(Diagnosis::new(*cause, line.trim()))
    })
}

/// Recognises a cause by the error, whose texts come from the daemon.
pub(super) fn of_error(evidence: &Evidence) -> Option<Diagnosis> {
    let reason = || evidence.error.last().cloned().unwrap_or_default();
    match evidence.kind {
        Some(ErrorKind::Unavailable) => {
            return Some(Diagnosis::new(LikelyCause::DaemonUnreachable, reason()));
        }
        Some(ErrorKind::OutOfMemory) => return Some(Diagnosis::new(LikelyCause::OutOfMemory, reason())),
        _ => {}
    }
    let silent = |line: &&String| line.contains("the engine has not answered");
    if let Some(line) = evidence.error.iter().find(silent) {
        return Some(Diagnosis::new(LikelyCause::DaemonUnreachable, line));
    }
    // The error of a wait contains output of programs.
    let lines: Vec<&str> = evidence
        .error
        .iter()
        .map(String::as_str)
        .filter(|line| !is_of_a_wait(line))
        .collect();
    let pulls = evidence.error.iter().any(|line| line.contains("pull the image"));
    let found = first(OF_ERROR, &lines);
    let found = found.or_else(|| if pulls { first(OF_PULL, &lines) } else { None });
    let late = |line: &&String| line.contains("it took longer than");
    found.or_else(|| {
        let late = evidence.error.iter().find(late)?;
        Some(Diagnosis::new(LikelyCause::DaemonSlow, late))
    })
}

/// Whether a line is that of a wait for readiness.
pub(super) fn is_of_a_wait(line: &str) -> bool {
    line.starts_with("not ready after") || line.starts_with("the main process ended after")
}

/// Recognises a cause by the output of programs. A missing network is reported as the cause
/// of an unknown name.
pub(super) fn of_output(evidence: &Evidence) -> Option<Diagnosis> {
    let failed = evidence.ended().is_some_and(|exit| !exit.success());
    let unready = evidence.error.iter().any(|line| is_of_a_wait(line));
    if !failed && !unready {
        return None;
    }
    let waits = evidence
        .error
        .iter()
        .map(String::as_str)
        .filter(|line| is_of_a_wait(line));
    let lines: Vec<&str> = evidence
        .output()
        .flat_map(|text| text.lines())
        .chain(waits)
        .collect();
    let mut found = first(OF_OUTPUT, &lines)?;
    if evidence.without_network && found.cause == LikelyCause::NameNotResolved {
        found.cause = LikelyCause::NoNetwork;
    }
    Some(found)
}
