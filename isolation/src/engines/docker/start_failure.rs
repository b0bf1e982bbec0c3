//! Recognises why a container could not be started.

/// Whether a daemon has no init program: Docker reports that at the start, Podman at the creation.
pub(super) fn is_init_missing(message: &str) -> bool {
    ["docker-init", "catatonit", "init binary"]
        .iter()
        .any(|name| message.contains(name))
}

/// The difference that a daemon without an init program makes.
pub(super) const NO_INIT: &str = "the daemon has no init program: the main process is process 1, which ignores signals \
     that it does not handle, so that a stop takes its whole time";

/// Whether a daemon cannot open the log of a container with its default driver.
pub(super) fn is_log_broken(message: &str) -> bool {
    ["logging driver", "log driver", "log-driver"]
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

/// The texts of runc, crun and the daemons, in lower case.
const PORT_TAKEN: [&str; 2] = ["port is already allocated", "address already in use"];
const NO_PROGRAM: [&str; 3] = [
    "executable file not found",
    "executable file `",
    "no such file or directory",
];
const NOT_EXECUTABLE: [&str; 2] = ["permission denied", "exec format error"];

/// The runtimes name the program with these words. A mount, a device or a working directory may be
/// missing, too.
const ABOUT_A_PROGRAM: [&str; 6] = [
    "exec: ",
    "exec /",
    "exec user process",
    "exec format error",
    "executable",
    "command that",
];
const ABOUT_ANOTHER_THING: [&str; 4] = ["error mounting", "failed to mount", "mounting volume", "chdir"];

/// Why a container could not be started, by the message of the daemon.
pub(super) fn start_failure(message: &str) -> Option<StartFailure> {
    let message = message.to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if has(&PORT_TAKEN) {
        return Some(StartFailure::PortTaken);
    }
    if !has(&ABOUT_A_PROGRAM) || has(&ABOUT_ANOTHER_THING) {
        return None;
    }
    match (has(&NO_PROGRAM), has(&NOT_EXECUTABLE)) {
        (true, _) => Some(StartFailure::NoProgram),
        (false, true) => Some(StartFailure::NotExecutable),
        (false, false) => None,
    }
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
            (
                "crun: open executable: Permission denied: OCI permission denied",
                Some(NotExecutable),
            ),
            (
                "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"/x\": \
                 stat /x: no such file or directory: unknown",
                Some(NoProgram),
            ),
            (
                "error while mounting volume '/v/_data': failed to mount local volume: mount /no/such/dir:/v/_data, \
                 flags: 0x1000: no such file or directory",
                None,
            ),
            (
                "error gathering device information while adding custom device \"/dev/x\": no such file or directory",
                None,
            ),
            (
                "crun: chdir to `/no/such`: No such file or directory: OCI runtime attempted to invoke a command \
                 that was not found",
                None,
            ),
            (
                "runc create failed: unable to start container process: error during container init: chdir to cwd \
                 (\"/x\") set in config.json failed: permission denied",
                None,
            ),
        ] {
            assert_eq!(start_failure(message), expected, "{message}");
        }
    }
}
