//! Engines behind ssh: a program that stands in for it leads to a scripted engine, or fails as ssh does.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use engine_api::connect::SshConnector;
use engine_api::exec::StartExec;
use engine_api::{Docker, ErrorKind, Hijacked};
use tempfile::TempDir;

use crate::support::fails;

/// A program that stands in for ssh, in a folder of its own. It notes its arguments and its process in
/// the files `args` and `pid` there.
fn program(script: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ssh");
    let here = folder.path().display();
    let text = format!("#!/bin/sh\necho \"$@\" >{here}/args\necho $$ >{here}/pid\n{script}\n");
    // Written under another name: a program that is still open for writing cannot be run, and a process
    // that another test starts at this moment would hold it open.
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
    folder
}

fn client(folder: &TempDir) -> Docker {
    let connector = SshConnector::new("build").unwrap().user("me").unwrap().port(2222);
    let connector = connector.program(folder.path().join("ssh"));
    Docker::with_connector(connector).with_version("1.51".parse().unwrap())
}

/// An engine in a few lines of shell: it reads a request's head, then answers with `answer`.
fn engine(answer: &str) -> String {
    format!("while read -r line && [ ${{#line}} -gt 1 ]; do :; done\n{answer}")
}

#[tokio::test]
async fn request_goes_through_the_program() {
    let answer = r"printf 'HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 2\r\n\r\nOK'";
    let folder = program(&engine(answer));
    client(&folder).system().ping().await.unwrap();
    let args = std::fs::read_to_string(folder.path().join("args")).unwrap();
    assert_eq!(args.trim(), "-l me -p 2222 -- build docker system dial-stdio");
}

#[tokio::test]
async fn output_continues_after_the_input_is_closed() {
    let answer = r"printf 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n'; exec cat";
    let folder = program(&engine(answer));
    let docker = client(&folder);
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
    // These few lines do not know where the request's body ends.
    let back = out.strip_prefix(br#"{"Tty":true}"#);
    assert!(back == Some(&*sent), "{} bytes came back", out.len());
}

#[tokio::test]
async fn ssh_stderr_is_in_the_error() {
    let folder = program("echo 'ssh: Could not resolve hostname build' >&2; exit 255");
    let outcome = client(&folder).system().ping().await;
    let text = fails(outcome, ErrorKind::Disconnected).to_string();
    assert!(text.contains("Could not resolve hostname build"), "{text}");
    let missing = tempfile::tempdir().unwrap();
    let outcome = client(&missing).system().ping().await;
    let text = fails(outcome, ErrorKind::Unreachable).to_string();
    assert!(text.contains("cannot run "), "{text}");
}

#[tokio::test]
async fn the_program_ends_with_the_connection() {
    let folder = program("exec sleep 60");
    let docker = client(&folder);
    let call = tokio::time::timeout(Duration::from_millis(500), docker.system().ping()).await;
    assert!(call.is_err());
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
    for _ in 0..100 {
        if !process.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("process {} is still there", pid.trim());
}
