//! Recognises why a container could not be started.

/// Whether a daemon has no init program: Docker reports that at the start, Podman at the creation.
pub(super) fn is_init_missing(message: &str) -> bool {
    ["docker-init", "catatonit", "init binary"]
        .iter()
        .any(|name| message.contains(name))
}

/// Why a container could not be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartFailure {
    NoProgram,
    NotExecutable,
    PortTaken,
}

/// The texts of runc, crun and the daemons.
const START_FAILURES: [(&str, StartFailure); 9] = [
    ("executable file not found", StartFailure::NoProgram),
    ("executable file `", StartFailure::NoProgram),
    ("no such file or directory", StartFailure::NoProgram),
    ("No such file or directory", StartFailure::NoProgram),
    ("permission denied", StartFailure::NotExecutable),
    ("Permission denied", StartFailure::NotExecutable),
    ("exec format error", StartFailure::NotExecutable),
    ("port is already allocated", StartFailure::PortTaken),
    ("address already in use", StartFailure::PortTaken),
];

/// Why a container could not be started, by the message of the daemon.
pub(super) fn start_failure(message: &str) -> Option<StartFailure> {
    let found = START_FAILURES.iter().find(|(text, _)| message.contains(text));
    found.map(|(_, failure)| *failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_failures_of_every_runtime_are_recognised() {
        use StartFailure::{NoProgram, NotExecutable, PortTaken};
        for (message, expected) in [
            (
                "failed to create task for container: failed to create shim task: OCI runtime create failed: \
                 runc create failed: unable to start container process: exec: \"sh\": executable file not found \
                 in $PATH: unknown",
                Some(NoProgram),
            ),
            (
                "crun: executable file `no-such` not found in $PATH: No such file or directory: OCI runtime \
                 attempted to invoke a command that was not found",
                Some(NoProgram),
            ),
            (
                "runc create failed: unable to start container process: exec: \"/etc\": permission denied: unknown",
                Some(NotExecutable),
            ),
            (
                "driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already \
                 allocated",
                Some(PortTaken),
            ),
            (
                "listen tcp4 127.0.0.1:80: bind: address already in use",
                Some(PortTaken),
            ),
            ("no space left on device", None),
        ] {
            assert_eq!(start_failure(message), expected, "{message}");
        }
    }
}
