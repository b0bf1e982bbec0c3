//! Tests of starts that do not succeed, with other programs than `bwrap`.

use super::*;
use crate::engines::sandbox::identity::Identity;
use crate::error::ErrorKind;

fn memory(text: &str) -> File {
    let file = rustix::fs::memfd_create("isolation-test", MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(file);
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn sleeper() -> Child {
    Command::new("sleep").arg("1000").spawn().unwrap()
}

/// A start whose program has printed this.
fn starting(child: Child, printed: &str) -> Starting {
    Starting {
        child: Some(child),
        lifeline: None,
        users: Users::new(Identity::Caller),
        is_overlay: false,
        inner: None,
        report: memory(""),
        output: memory(printed),
    }
}

#[test]
fn start_that_takes_too_long_is_given_up() {
    let child = sleeper();
    let pid = i32::try_from(child.id()).unwrap();
    let process = Process::running(pid).unwrap();
    let mut starting = starting(child, "");
    let error = starting.until_ready_within(Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    assert!(
        format!("{error:?}").contains("was not ready within 0 s"),
        "{error:?}"
    );
    drop(starting);
    assert!(!process.runs(), "it is killed and waited for");
}

#[test]
fn root_without_a_program_is_an_error() {
    let mut starting = starting(sleeper(), "a warning\nisolate-ready: env setsid\n");
    let error = starting.until_ready_within(READY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "the root of the environment lacks: env setsid");
}

#[test]
fn child_that_does_not_end_is_killed() {
    let mut child = sleeper();
    end(&mut child, Duration::ZERO);
    let status = child.try_wait().unwrap().unwrap();
    assert!(!status.success(), "{status}");
    let mut child = Command::new("true").spawn().unwrap();
    end(&mut child, READY);
    assert!(child.try_wait().unwrap().unwrap().success());
}
