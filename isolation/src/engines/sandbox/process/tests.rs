//! Tests of commands whose first process does not answer.

use tokio::io::AsyncWriteExt;

use super::*;
use crate::engines::host::directory::Directory;
use crate::environment::id::EnvironmentId;

/// The paths of an environment whose first process is this program, if there is one.
fn layout(base: &std::path::Path, runs: bool) -> Layout {
    let directory = Directory::create(NAME, base, &EnvironmentId::random()).unwrap();
    let layout = Layout::of(&directory, Identity::Caller);
    if runs {
        let this = i32::try_from(std::process::id()).unwrap();
        let record = Process::running(this).unwrap().record();
        std::fs::write(layout.holder(), record).unwrap();
    }
    layout
}

fn command(layout: Layout) -> (SandboxProcess, tokio::net::unix::pipe::Sender) {
    let (sender, reports) = tokio::net::unix::pipe::pipe().unwrap();
    let process = SandboxProcess {
        layout,
        role: Role::Command,
        tee: None,
        reports: Reports::new(reports),
        outputs: Outputs::new(None, None),
        terminal: None,
        pids: None,
        sent: None,
        end: None,
    };
    (process, sender)
}

#[test]
fn refusals_are_those_of_a_shell() {
    for (why, code) in [("not-found", 127), ("not-executable", 126), ("format", 126)] {
        let begun = refused(why, "/").unwrap();
        assert!(
            matches!(begun, Begun::Refused(found, _) if found == code),
            "{why}"
        );
    }
    let kind = |why| refused(why, "/w").err().unwrap().kind();
    assert_eq!(kind("cwd"), ErrorKind::NotFound);
    assert_eq!(kind("helper"), ErrorKind::Corrupt);
}

#[test]
fn request_that_is_not_taken_says_why() {
    let base = tempfile::tempdir().unwrap();
    let broken = || io::Error::from(rustix::io::Errno::PIPE);
    let ready = layout(base.path(), true);
    assert_eq!(ended(&ready, broken()).kind(), ErrorKind::Engine);
    let without_reader = ended(&ready, rustix::io::Errno::NXIO.into());
    assert_eq!(without_reader.kind(), ErrorKind::Conflict);
    assert!(
        without_reader.to_string().contains("keep it there first"),
        "{without_reader}"
    );
    let stopped = layout(base.path(), false);
    let error = ended(&stopped, broken());
    assert_eq!(error.kind(), ErrorKind::WrongStatus);
    std::fs::remove_dir(stopped.top()).unwrap();
    assert_eq!(ended(&stopped, broken()).kind(), ErrorKind::Lost);
}

#[tokio::test]
async fn command_whose_end_is_unknown_says_why() {
    let base = tempfile::tempdir().unwrap();
    let lost = |layout: &Layout| command(layout.clone()).0.lost();
    let ready = layout(base.path(), true);
    let error = lost(&ready);
    assert!(
        format!("{error:?}").contains("how the command ended is unknown"),
        "{error:?}"
    );
    let stopped = layout(base.path(), false);
    assert_eq!(lost(&stopped).kind(), ErrorKind::WrongStatus);
    std::fs::remove_dir(stopped.top()).unwrap();
    assert_eq!(lost(&stopped).kind(), ErrorKind::Lost);
}

#[tokio::test(start_paused = true)]
async fn first_process_that_does_not_answer_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    let (mut process, _sender) = command(layout(base.path(), true));
    let error = process.first_report().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("within 60 s"), "{error}");
    let (mut process, _sender) = command(layout(base.path(), false));
    assert_eq!(process.first_report().await.unwrap(), None);
}

#[tokio::test]
async fn signal_after_the_end_of_everything_is_no_error() {
    let base = tempfile::tempdir().unwrap();
    let (mut process, _sender) = command(layout(base.path(), false));
    process.pids = Some((7, 5));
    process.send(Signal::Terminate).unwrap();
    let (mut process, _sender) = command(layout(base.path(), true));
    process.pids = Some((7, 5));
    let error = process.send(Signal::Terminate).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
}

#[tokio::test]
async fn first_report_is_that_of_a_beginning() {
    let base = tempfile::tempdir().unwrap();
    for (report, expected) in [("B 7 5\n", None), ("F cwd\n", Some("cwd".to_owned()))] {
        let (mut process, mut sender) = command(layout(base.path(), true));
        sender.write_all(report.as_bytes()).await.unwrap();
        assert_eq!(process.begun().await.unwrap(), expected);
        assert_eq!(process.pids, expected.is_none().then_some((7, 5)));
    }
    let (mut process, mut sender) = command(layout(base.path(), true));
    sender.write_all(b"E 3\n").await.unwrap();
    let error = process.begun().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    assert!(format!("{error:?}").contains("an invalid report"), "{error:?}");
    // Without its first process, the environment has stopped.
    let (mut process, _sender) = command(layout(base.path(), false));
    let error = process.begun().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStatus, "{error}");
}

#[tokio::test]
async fn command_without_output_is_awaited() {
    let base = tempfile::tempdir().unwrap();
    let (mut process, mut sender) = command(layout(base.path(), true));
    assert_eq!(process.next_chunk().await.unwrap(), None);
    sender.write_all(b"E 3\n").await.unwrap();
    assert_eq!(process.ending().await.unwrap().code, 3);
}
