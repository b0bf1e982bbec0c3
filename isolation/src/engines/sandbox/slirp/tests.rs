//! Tests of the program without sandboxes, with scripts in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use super::*;

/// Starts a script in place of the program; returns the other end of its input.
fn script(text: &str, limit: Duration) -> (Result<Child, String>, UnixStream) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let this = i32::try_from(std::process::id()).unwrap();
    let (ours, exit) = UnixStream::pair().unwrap();
    // Another thread that forks meanwhile has the file open for writing.
    let start = || {
        started(
            &path,
            Process::running(this).unwrap(),
            Identity::Caller,
            exit.into(),
            limit,
        )
    };
    (start(), ours)
}

#[test]
fn program_that_is_ready_ends_with_its_input() {
    let (child, input) = script(
        "echo 1 warning; printf 1; echo a banner; read -r line; exit 7",
        READY,
    );
    let mut child = child.unwrap();
    assert!(matches!(child.try_wait(), Ok(None)), "it runs");
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn messages_without_a_reader_do_not_stop_it() {
    let noise = "trap '' PIPE; i=0; while [ $i -lt 2000 ]; do echo noise >&2; i=$((i + 1)); done; exit 3";
    let (child, _input) = script(&format!("printf 1; {noise}"), READY);
    assert_eq!(child.unwrap().wait().unwrap().code(), Some(3));
}

#[test]
fn program_that_fails_is_an_error_with_its_message() {
    let text = "echo 'WARNING: Support for seccomp is experimental' >&2
        echo 'sent tapfd=5 for tap0' >&2; echo 'open(\"/dev/net/tun\"): Permission denied' >&2; exit 1";
    let (child, _input) = script(text, READY);
    assert_eq!(child.unwrap_err(), "open(\"/dev/net/tun\"): Permission denied");
    let (child, _input) = script("exit 0", READY);
    assert_eq!(child.unwrap_err(), "it ended without a message");
    let (child, _input) = script("exec sleep 1000", Duration::ZERO);
    assert_eq!(child.unwrap_err(), "it was not ready within 0 s");
}

#[test]
fn device_of_every_user_is_recognised() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for (mode, is_open) in [(0o666, true), (0o600, false), (0o664, false)] {
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(is_open_to_all(file.path()), is_open, "{mode:o}");
    }
    assert!(!is_open_to_all(Path::new("/no-such-device")));
}
