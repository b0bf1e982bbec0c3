//! Recognises messages of daemons, runtimes, C libraries and common programs.

use super::rules::{OF_ERROR, OF_OUTPUT, OF_PULL, Rule};
use super::{Diagnosis, Evidence, LikelyCause};
use crate::error::ErrorKind;

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
        Some(ErrorKind::OutOfMemory) => return Some(Diagnosis::new(LikelyCause::OutOfMemory, reason())),
        Some(ErrorKind::Lost) => return Some(Diagnosis::new(LikelyCause::RemovedByOthers, reason())),
        _ => {}
    }
    let silent = |line: &&String| line.contains("the engine has not answered");
    if let Some(line) = evidence.error.iter().find(silent) {
        return Some(Diagnosis::new(LikelyCause::DaemonUnreachable, line));
    }
    let outside =
        |line: &&String| is_of_a_wait(line) && line.contains("is open inside, but cannot be reached at");
    if let Some(line) = evidence.error.iter().find(outside) {
        return Some(Diagnosis::new(LikelyCause::PortUnreachable, line));
    }
    // The error of a wait contains output of programs.
    let lines: Vec<&str> = evidence
        .error
        .iter()
        .map(String::as_str)
        .filter(|line| !is_of_a_wait(line))
        .collect();
    let pulls = evidence.error.iter().any(|line| line.contains("pull the image"));
    let found = first(OF_ERROR, &lines).or_else(|| unavailable(evidence));
    let found = found.or_else(|| if pulls { first(OF_PULL, &lines) } else { None });
    let late = |line: &&String| line.contains("it took longer than");
    found.or_else(|| {
        let late = evidence.error.iter().find(late)?;
        Some(Diagnosis::new(LikelyCause::DaemonSlow, late))
    })
}

/// Why an engine, a daemon or a port does not answer. The texts are those of this crate and its
/// client.
fn unavailable(evidence: &Evidence) -> Option<Diagnosis> {
    if !matches!(evidence.kind, Some(ErrorKind::Unavailable | ErrorKind::NoEngine)) {
        return None;
    }
    let all = evidence.error.join("\n").to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| all.contains(text));
    let daemon = has(&[
        "cannot reach the engine",
        "no docker daemon answers",
        "to the engine",
    ]);
    let cause = if has(&["does a program listen"]) {
        LikelyCause::ConnectionRefused
    } else if has(&["cannot be reached from here"]) {
        LikelyCause::PortUnreachable
    } else if has(&["secure connection to the engine"]) {
        LikelyCause::DaemonCertificate
    } else if daemon && has(&["permission denied"]) {
        LikelyCause::DaemonForbids
    } else if daemon || has(&["the engine answered", "engine `docker` is not available"]) {
        LikelyCause::DaemonUnreachable
    } else if has(&["pull the image", "the registry"]) {
        LikelyCause::RegistryUnreachable
    } else {
        LikelyCause::EngineUnavailable
    };
    let reason = evidence.error.last()?;
    Some(Diagnosis::new(cause, reason))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_why_nothing_answers_is_named() {
        let cause = |kind, lines: &[&str]| {
            let error = lines.iter().map(|line| (*line).to_owned()).collect();
            let kind = Some(kind);
            of_error(&Evidence {
                error,
                kind,
                ..Evidence::default()
            })
            .map(|found| found.cause)
        };
        for (lines, expected) in [
            (
                ["connect", "Connection refused; does a program listen?"],
                LikelyCause::ConnectionRefused,
            ),
            (
                [
                    "wait",
                    "not ready after 1.0 s; port 80 is open inside, but cannot be reached at 127.0.0.1:9: \
                     Connection refused",
                ],
                LikelyCause::PortUnreachable,
            ),
            (
                ["find the port", "which cannot be reached from here"],
                LikelyCause::PortUnreachable,
            ),
            (
                ["probe", "the secure connection to the engine failed"],
                LikelyCause::DaemonCertificate,
            ),
            (
                ["probe", "cannot reach the engine: Permission denied"],
                LikelyCause::DaemonForbids,
            ),
            (
                ["probe", "no Docker daemon answers"],
                LikelyCause::DaemonUnreachable,
            ),
            (
                ["probe", "the engine answered 502"],
                LikelyCause::DaemonUnreachable,
            ),
            (
                ["pull the image x", "dial tcp: something"],
                LikelyCause::RegistryUnreachable,
            ),
            (["probe", "bwrap cannot be run"], LikelyCause::EngineUnavailable),
        ] {
            assert_eq!(cause(ErrorKind::Unavailable, &lines), Some(expected), "{lines:?}");
        }
        let memory = ["start", "it was killed"];
        assert_eq!(
            cause(ErrorKind::OutOfMemory, &memory),
            Some(LikelyCause::OutOfMemory)
        );
        let late = ["stop", "it took longer than 10 s"];
        assert_eq!(cause(ErrorKind::Timeout, &late), Some(LikelyCause::DaemonSlow));
        assert_eq!(cause(ErrorKind::Engine, &["probe", "bwrap cannot be run"]), None);
    }
}
