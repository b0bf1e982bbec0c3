//! Hijacked connections of the fake engine, compared byte for byte with those of Docker 28.

use std::io::{Read, Write};
use std::net::TcpStream;

use engine_api::connect::Connector;
use engine_api::containers::{CreateContainer, HostConfig};
use engine_api::exec::CreateExec;
use engine_api::{Docker, Result};
use fake_engine::FakeEngine;
use tests::scenarios::{shell, started};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::containers::engine;

const SCRIPT: &str = "echo a; echo b >&2";

/// A request with the type of a JSON body.
fn request(target: &str, body: &str, upgrade: bool) -> String {
    let upgrade = if upgrade {
        "Connection: Upgrade\r\nUpgrade: tcp\r\n"
    } else {
        ""
    };
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{upgrade}\r\n{body}")
}

/// The whole reply to a request and the input after it: the status, the content type, the rest.
async fn reply(fake: &FakeEngine, request: &str, input: &str) -> (String, String, String) {
    let mut stream = fake.connect().await.unwrap();
    // With the request, as a client may send it that expects no refusal.
    stream
        .write_all([request, input].concat().as_bytes())
        .await
        .unwrap();
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    // The end of the input, not of the connection.
    stream.shutdown().await.unwrap();
    stream.read_to_end(&mut bytes).await.unwrap();
    parts(&bytes)
}

fn parts(bytes: &[u8]) -> (String, String, String) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, rest) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let kind = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Type: application/vnd.docker."));
    let status = head
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("HTTP/1.1 ");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    (
        status.to_owned(),
        kind.unwrap_or_default().to_owned(),
        rest.to_owned(),
    )
}

async fn exec(docker: &Docker, id: &str, options: CreateExec) -> Result<String> {
    Ok(docker.execs().create(id, options).await?.id)
}

fn both(tty: bool, script: &str) -> CreateExec {
    CreateExec {
        cmd: ["sh", "-c", script].into(),
        attach_stdout: true,
        attach_stderr: true,
        tty,
        ..CreateExec::default()
    }
}

/// A frame with a text.
fn frame(stream: u8, text: &str) -> String {
    let head = [stream, 0, 0, 0, 0, 0, 0, u8::try_from(text.len()).unwrap()];
    String::from_utf8(head.to_vec()).unwrap() + text
}

#[tokio::test(start_paused = true)]
async fn exec_is_framed_as_its_start_wants() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("framed", "sleep 1000")).await.unwrap();
    let (a, b) = (frame(1, "a\n"), frame(2, "b\n"));
    for (tty, start, raw, output) in [
        (false, r#"{"Detach":false}"#, false, a.clone() + &b),
        (false, r#"{"Tty":false}"#, false, a.clone() + &b),
        // Standard error has no place in a raw stream.
        (false, r#"{"Tty":true}"#, true, "a\n".into()),
        (true, r#"{"Tty":true}"#, true, "a\r\nb\r\n".into()),
        (
            true,
            r#"{"Tty":false}"#,
            false,
            frame(1, "a\r\n") + &frame(1, "b\r\n"),
        ),
        (true, "{}", false, frame(1, "a\r\n") + &frame(1, "b\r\n")),
    ] {
        for upgrade in [true, false] {
            let exec = exec(&docker, &id, both(tty, SCRIPT)).await.unwrap();
            let request = request(&format!("/exec/{exec}/start"), start, upgrade);
            let (status, kind, rest) = reply(&fake, &request, "").await;
            let expected = match (upgrade, raw) {
                (true, false) => ("101 UPGRADED", "multiplexed-stream"),
                (true, true) => ("101 UPGRADED", "raw-stream"),
                (false, _) => ("200 OK", "raw-stream"),
            };
            let what = format!("{tty} {start} {upgrade}");
            assert_eq!((status.as_str(), kind.as_str()), expected, "{what}");
            assert_eq!(rest, output, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn exec_sends_only_the_streams_attached() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("attached", "sleep 1000")).await.unwrap();
    for (stdout, stderr, output) in [
        (true, false, frame(1, "a\n")),
        (false, true, frame(2, "b\n")),
        (false, false, String::new()),
    ] {
        let options = CreateExec {
            attach_stdout: stdout,
            attach_stderr: stderr,
            ..both(false, SCRIPT)
        };
        let exec = exec(&docker, &id, options).await.unwrap();
        let request = request(&format!("/exec/{exec}/start"), "{}", true);
        assert_eq!(reply(&fake, &request, "").await.2, output);
    }
}

#[tokio::test(start_paused = true)]
async fn input_that_comes_with_the_request_is_read() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("input", "sleep 1000")).await.unwrap();
    for upgrade in [true, false] {
        let options = CreateExec {
            attach_stdin: true,
            ..both(false, "cat; echo end")
        };
        let exec = exec(&docker, &id, options).await.unwrap();
        let request = request(&format!("/exec/{exec}/start"), "{}", upgrade);
        let rest = reply(&fake, &request, "typed\n").await.2;
        assert_eq!(rest, frame(1, "typed\n") + &frame(1, "end\n"), "{upgrade}");
    }
}

#[tokio::test(start_paused = true)]
async fn attach_reads_booleans_in_any_case() {
    let (fake, docker) = engine();
    let (a, b) = (frame(1, "a\n"), frame(2, "b\n"));
    for (query, output) in [
        ("logs=1&stream=0&stdout=1&stderr=1", a.clone() + &b),
        ("logs=t&stdout=T&stderr=False", a.clone()),
        ("logs=TRUE&stdout=no&stderr=2", b.clone()),
        ("logs=none&stdout=1&stream=false", String::new()),
        ("logs=yes&stdout=%20True%20", a.clone()),
    ] {
        for upgrade in [true, false] {
            let create = CreateContainer {
                open_stdin: true,
                ..shell("case", "echo a; sleep 1; echo b >&2")
            };
            let id = started(&docker, create).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            let request = request(&format!("/containers/{id}/attach?{query}"), "", upgrade);
            let (status, kind, rest) = reply(&fake, &request, "").await;
            let expected = match upgrade {
                true => ("101 UPGRADED", "multiplexed-stream"),
                false => ("200 OK", "raw-stream"),
            };
            assert_eq!((status.as_str(), kind.as_str()), expected, "{query}");
            assert_eq!(rest, output, "{query}");
            tests::scenarios::remove(&docker, &id).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn terminal_has_the_size_of_its_request() {
    let (fake, docker) = engine();
    let create = CreateContainer {
        tty: true,
        host_config: HostConfig {
            console_size: Some([40, 100].into()),
            ..HostConfig::default()
        },
        ..shell("size", "stty size; sleep 1000")
    };
    let id = started(&docker, create).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let attach = format!("/containers/{id}/attach?logs=1&stdout=1");
    assert_eq!(
        reply(&fake, &request(&attach, "", true), "").await.2,
        "40 100\r\n"
    );
    for (start, size) in [
        (r#"{"Tty":true}"#, "30 90\r\n"),
        (r#"{"Tty":true,"ConsoleSize":[31,91]}"#, "31 91\r\n"),
    ] {
        let options = CreateExec {
            console_size: Some([30, 90].into()),
            ..both(true, "stty size")
        };
        let exec = exec(&docker, &id, options).await.unwrap();
        let request = request(&format!("/exec/{exec}/start"), start, true);
        assert_eq!(reply(&fake, &request, "").await.2, size);
    }
}

/// Reads the head and, in one call, what is there with it: all that docker-py keeps.
fn first_read(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 8192];
    let count = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

#[tokio::test]
async fn output_on_a_socket_comes_after_the_head() {
    let (fake, docker) = engine();
    let id = started(&docker, shell("socket", "sleep 1000")).await.unwrap();
    let socket = fake.on_tcp().unwrap();
    let address = socket.address();
    for upgrade in [true, false] {
        let exec = exec(&docker, &id, both(false, SCRIPT)).await.unwrap();
        let mut stream = TcpStream::connect(address.trim_start_matches("tcp://")).unwrap();
        let request = request(&format!("/exec/{exec}/start"), "{}", upgrade);
        stream.write_all(request.as_bytes()).unwrap();
        let head = first_read(&mut stream);
        assert!(head.ends_with("\r\n\r\n"), "{head:?}");
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, frame(1, "a\n") + &frame(2, "b\n"));
    }
}
