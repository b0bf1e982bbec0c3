//! An engine that sends what no engine sends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::super::super::BuildImage;
use super::super::super::protobuf::Message;
use super::super::control::Control;
use super::super::export::LocalOutput;
use super::super::grpc::put;
use super::super::server::Serving;
use super::super::solve::Solve;
use super::{Engine, Offer};

const SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const OUTPUT: &str = "/moby.filesync.v1.FileSend/DiffCopy";

/// Sends bytes as the body of a call; returns the status and its text.
async fn refused(engine: &mut Engine, method: &str, body: &[u8]) -> (String, String) {
    let mut call = engine.begin(method, &[]).await;
    call.outgoing
        .send_data(Bytes::copy_from_slice(body), true)
        .unwrap();
    let (headers, mut body) = call.answer().await;
    let headers = match headers.contains_key("grpc-status") {
        true => headers,
        false => body.trailers().await.unwrap().unwrap(),
    };
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    (
        text("grpc-status").unwrap(),
        text("grpc-message").unwrap_or_default(),
    )
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    put(&mut frame, message);
    frame.to_vec()
}

#[tokio::test]
async fn frames_that_are_no_requests_are_rejected() {
    let mut engine = Offer::default().called().await;
    for (body, status) in [
        (&b""[..], "13"),                   // no message
        (b"\0\0\0", "13"),                  // cut in the head
        (b"\0\0\0\0\x09\x0a", "13"),        // cut in the message
        (b"\x01\0\0\0\0", "12"),            // compressed
        (b"\0\xff\xff\xff\xff", "3"),       // 4 GiB
        (b"\0\0\x10\0\x01", "3"),           // a byte more than 1 MiB
        (b"\0\0\0\0\x02\x0a\x09", "13"),    // a field longer than the message
        (b"\0\0\0\0\x03\x0a\x01\xff", "3"), // a name that is not UTF-8
    ] {
        let refused = refused(&mut engine, SECRET, body).await;
        assert_eq!(refused.0, status, "{body:?}: {refused:?}");
    }
    let health = engine.call("/grpc.health.v1.Health/Check", b"").await;
    assert_eq!(health.unwrap(), &b"\x08\x01"[..], "the session goes on");
}

#[tokio::test]
async fn secret_that_is_not_offered_is_refused_briefly() {
    let mut engine = Offer::default().called().await;
    let name = "x".repeat(200 << 10);
    let request = Message::default().bytes(1, name.as_bytes()).into_bytes();
    let (status, text) = refused(&mut engine, SECRET, &framed(&request)).await;
    assert_eq!(status, "5");
    assert!(
        text.starts_with("the build has no secret") && text.len() < 1100,
        "{}",
        text.len()
    );
}

/// An archive with these entries: name, kind, and the target of a link.
fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, target) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        // Not through the functions that check names.
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        gnu.linkname[..target.len()].copy_from_slice(target.as_bytes());
        let data: &[u8] = if kind.is_file() { b"hostile" } else { b"" };
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data).unwrap();
    }
    builder.into_inner().unwrap()
}

async fn exported(output: LocalOutput, archive: &[u8]) -> (String, String) {
    let offer = Offer {
        output: Some(output),
        ..Offer::default()
    };
    let mut engine = offer.called().await;
    let piece = Message::default().bytes(1, archive).into_bytes();
    refused(&mut engine, OUTPUT, &framed(&piece)).await
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn output_does_not_leave_its_directory() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let absolute = tempfile::tempdir().unwrap();
    let outside = absolute.path().to_str().unwrap().to_owned();
    let through = format!("{outside}/through");
    for entries in [
        &[("../escaped", Regular, "")][..],
        &[("a", Directory, ""), ("a/../../escaped", Regular, "")],
        &[("link", Symlink, ".."), ("link/escaped", Regular, "")],
        &[("link", Symlink, &outside), ("link/escaped", Regular, "")],
        &[("link", Symlink, &through), ("link", Regular, "")],
        &[("hard", Link, "../kept"), ("hard", Regular, "")],
        &[
            ("one", Symlink, "two"),
            ("two", Symlink, ".."),
            ("one/escaped", Regular, ""),
        ],
    ] {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("kept"), "kept").unwrap();
        let output = parent.path().join("out");
        let (status, text) = exported(LocalOutput::Directory(output.clone()), &archive(entries)).await;
        assert!(names(absolute.path()).is_empty(), "{entries:?}");
        assert_eq!(
            fs::read(parent.path().join("kept")).unwrap(),
            b"kept",
            "{entries:?}"
        );
        match status.as_str() {
            // A link that is replaced by a file leads nowhere.
            "0" => assert_eq!(names(&output), ["link"], "{entries:?}"),
            _ => {
                assert!(text.contains("output of the build"), "{text}");
                assert_eq!(names(parent.path()), ["kept"], "{entries:?}: {text}");
            }
        }
    }
    // An absolute name is below the directory.
    let parent = tempfile::tempdir().unwrap();
    let entries = [("/etc/escaped", Regular, "")];
    let (status, _) = exported(LocalOutput::Directory(parent.path().into()), &archive(&entries)).await;
    assert_eq!(status, "0");
    assert!(parent.path().join("etc/escaped").exists());
}

#[tokio::test]
async fn second_output_does_not_replace_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.tar");
    let offer = Offer {
        output: Some(LocalOutput::Tar(path.clone())),
        ..Offer::default()
    };
    let mut engine = offer.called().await;
    let piece = |text: &[u8]| framed(&Message::default().bytes(1, text).into_bytes());
    assert_eq!(refused(&mut engine, OUTPUT, &piece(b"one")).await.0, "0");
    assert_eq!(refused(&mut engine, OUTPUT, &piece(b"two")).await.0, "6");
    assert_eq!(fs::read(path).unwrap(), b"one");
}

#[tokio::test]
async fn output_that_cannot_be_written_ends_the_call() {
    let directory = tempfile::tempdir().unwrap();
    let offer = Offer {
        output: Some(LocalOutput::Tar(directory.path().join("no/out.tar"))),
        ..Offer::default()
    };
    let mut engine = offer.called().await;
    // More pieces than wait to be written.
    let piece = framed(&Message::default().bytes(1, b"piece").into_bytes());
    let (status, text) = refused(&mut engine, OUTPUT, &piece.repeat(20)).await;
    assert_eq!(status, "13");
    assert!(
        text.starts_with("the output of the build cannot be written"),
        "{text}"
    );
    assert!(names(directory.path()).is_empty());
}

#[tokio::test]
async fn connection_without_http_ends_the_session() {
    let (ours, mut theirs) = tokio::io::duplex(16 << 10);
    let _serving = Serving::start(Box::new(ours), Offer::default().services().await);
    theirs.write_all(&[b'x'; 100]).await.unwrap();
    let mut answer = Vec::new();
    theirs.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.windows(4).any(|bytes| bytes == b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn output_that_is_cut_leaves_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.tar");
    fs::write(&path, "old").unwrap();
    let offer = Offer {
        output: Some(LocalOutput::Tar(path.clone())),
        ..Offer::default()
    };
    let mut engine = offer.called().await;
    let mut call = engine.begin(OUTPUT, &[]).await;
    call.send(&Message::default().bytes(1, b"new").into_bytes());
    let _body = call.answer().await.1;
    while names(directory.path()).len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    call.outgoing.send_reset(h2::Reason::CANCEL);
    // The thread that writes removes what it has begun.
    while names(directory.path()).len() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(fs::read(path).unwrap(), b"old");
}

#[cfg(unix)]
#[tokio::test]
async fn calls_that_wait_for_an_agent_are_limited() {
    use super::super::server::CALLS;
    use super::super::ssh::SshAgent;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            silent.push(listener.accept().await);
        }
    });
    let offer = Offer {
        ssh: [("default".to_owned(), SshAgent::Socket(path))].into(),
        ..Offer::default()
    };
    let mut engine = offer.called().await;
    for _ in 0..CALLS {
        let mut call = engine.begin("/moby.sshforward.v1.SSH/ForwardAgent", &[]).await;
        call.send(&Message::default().bytes(1, b"\0\0\0\x01\x0b").into_bytes());
        let _body = call.answer().await.1;
        call.outgoing.send_reset(h2::Reason::CANCEL);
    }
    let refused = engine.call("/grpc.health.v1.Health/Check", b"").await;
    assert_eq!(refused.unwrap_err(), "8");
}

#[tokio::test(start_paused = true)]
async fn progress_without_end_does_not_hold_the_result() {
    let (ours, theirs) = tokio::io::duplex(16 << 10);
    tokio::spawn(async move {
        let mut connection = h2::server::handshake(theirs).await.unwrap();
        let mut open = Vec::new();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
            if request.uri().path().ends_with("/Solve") {
                let entry = Message::default()
                    .bytes(1, b"containerimage.digest")
                    .bytes(2, b"sha256:1");
                let answer = Message::default().bytes(1, &entry.into_bytes());
                stream
                    .send_data(framed(&answer.into_bytes()).into(), false)
                    .unwrap();
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                stream.send_trailers(trailers).unwrap();
            }
            open.push((request, stream));
        }
    });
    let control = Control::over(Box::new(ours)).await.unwrap();
    let solve = Solve::new(&BuildImage::default(), "1", None, BTreeMap::new()).unwrap();
    let mut tasks = JoinSet::new();
    let mut lines = String::new();
    let mut progress = solve.start(control, &mut tasks);
    progress.read_to_string(&mut lines).await.unwrap();
    assert!(lines.contains("sha256:1"), "{lines}");
}
