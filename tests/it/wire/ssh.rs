//! Engines behind ssh. A program in the place of ssh connects to a scripted engine, or fails as ssh
//! does.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use engine_api::connect::SshConnector;
use engine_api::exec::StartExec;
use engine_api::{Docker, ErrorKind, Hijacked};
use tempfile::TempDir;

use crate::support::fails;

/// A program in the place of ssh, in a directory of its own. It writes its arguments and its PID to
/// the files `args` and `pid` there.
fn program(script: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ssh");
    let here = directory.path().display();
    let text = format!("#!/bin/sh\necho \"$@\" >{here}/args\necho $$ >{here}/pid\n{script}\n");
    // The program is written under another name and renamed: a program that is open for writing
    // cannot be run, and a process that another test starts at this moment would keep it open.
    let copy = format!(
        "cat >{0}.new && chmod 755 {0}.new && mv {0}.new {0}",
        path.display()
    );
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &copy]).stdin(std::process::Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    std::io::Write::write_all(&mut shell.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    directory
}

fn client(directory: &TempDir) -> Docker {
    let connector = SshConnector::new("build").unwrap().user("me").unwrap().port(2222);
    let connector = connector.program(directory.path().join("ssh"));
    Docker::with_connector(connector).with_version("1.51".parse().unwrap())
}

/// An engine as a short shell script: it reads the head of a request, then replies with `answer`.
fn engine(answer: &str) -> String {
    format!("while read -r line && [ ${{#line}} -gt 1 ]; do :; done\n{answer}")
}

#[tokio::test]
async fn request_goes_through_the_program() {
    let answer = r"printf 'HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 2\r\n\r\nOK'";
    let directory = program(&engine(answer));
    client(&directory).system().ping().await.unwrap();
    let args = std::fs::read_to_string(directory.path().join("args")).unwrap();
    assert_eq!(args.trim(), "-l me -p 2222 -- build docker system dial-stdio");
}

#[tokio::test]
async fn output_continues_after_the_input_is_closed() {
    let answer = r"printf 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n'; exec cat";
    let directory = program(&engine(answer));
    let docker = client(&directory);
    let options = StartExec {
        tty: true,
        ..StartExec::default()
    };
    let Hijacked {
        mut input, output, ..
    } = docker.execs().start("e1", options).await.unwrap();
    let sent = vec![b'x'; 20_000];
    input.write(&sent).await.unwrap();
    input.close().await.unwrap();
    let (out, _) = output.collect().await.unwrap();
    // The script does not know where the body of the request ends.
    let back = out.strip_prefix(br#"{"Tty":true}"#);
    assert!(back == Some(&*sent), "{} bytes came back", out.len());
}

#[tokio::test]
async fn ssh_stderr_is_in_the_error() {
    let directory = program("echo 'ssh: Could not resolve hostname build' >&2; exit 255");
    let outcome = client(&directory).system().ping().await;
    let text = format!("{:#}", fails(outcome, ErrorKind::Disconnected));
    assert!(text.contains("Could not resolve hostname build"), "{text}");
    let missing = tempfile::tempdir().unwrap();
    let outcome = client(&missing).system().ping().await;
    let text = format!("{:#}", fails(outcome, ErrorKind::Unreachable));
    assert!(text.contains("cannot run "), "{text}");
}

#[tokio::test]
async fn the_program_ends_with_the_connection() {
    let directory = program("exec sleep 60");
    let docker = client(&directory);
    let call = tokio::time::timeout(Duration::from_millis(500), docker.system().ping()).await;
    assert!(call.is_err());
    let pid = std::fs::read_to_string(directory.path().join("pid")).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
    for _ in 0..100 {
        if !process.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("process {} is still there", pid.trim());
}

/// With `ControlPersist`, ssh leaves a process in the background.
#[tokio::test]
async fn process_that_ssh_leaves_does_not_delay_the_error() {
    let directory = program("sleep 3 >/dev/null & echo locked >&2; exit 7");
    let outcome = client(&directory).system().ping().await;
    let text = format!("{:#}", fails(outcome, ErrorKind::Disconnected));
    assert!(text.contains("locked"), "{text}");
}
