//! The files of a directory, requested like by an engine.

use std::fs;
use std::path::Path;

use super::super::super::protobuf::{Fields, Message, Value};
use super::super::grpc::{Incoming, LONGEST_ANSWER};
use super::{Call, Engine, Offer};

/// A packet of fsutil: its kind, its number, its data or its metadata.
fn packet(message: &[u8]) -> (u64, u64, Vec<u8>) {
    let mut packet = (0, 0, Vec::new());
    for field in Fields::of(message) {
        match field.unwrap() {
            (1, Value::Number(kind)) => packet.0 = kind,
            (3, Value::Number(id)) => packet.1 = id,
            (2 | 4, Value::Bytes(bytes)) => packet.2 = bytes.to_vec(),
            other => panic!("{other:?}"),
        }
    }
    packet
}

/// The path in a file's metadata, and its mode.
fn path_and_mode(stat: &[u8]) -> (String, u64) {
    let mut found = (String::new(), 0);
    for field in Fields::of(stat) {
        match field.unwrap() {
            (1, Value::Bytes(path)) => found.0 = String::from_utf8(path.to_vec()).unwrap(),
            (2, Value::Number(mode)) => found.1 = mode,
            _ => {}
        }
    }
    found
}

/// Names and values.
type Headers<'a> = &'a [(&'a str, &'a str)];

fn request(id: u64) -> Vec<u8> {
    Message::default().number(1, 1).number(3, id).into_bytes()
}

/// Asks for the list of files, and leaves the call open.
async fn listed(engine: &mut Engine, headers: &[(&str, &str)]) -> (Call, Incoming, Vec<String>) {
    let mut call = engine.begin("/moby.filesync.v1.FileSync/DiffCopy", headers).await;
    let (_, body) = call.answer().await;
    let mut incoming = Incoming::new(body, LONGEST_ANSWER);
    let mut paths = Vec::new();
    loop {
        let message = incoming.message().await.unwrap().unwrap();
        let (kind, _, stat) = packet(&message);
        assert_eq!(kind, 0, "{}", String::from_utf8_lossy(&stat));
        if stat.is_empty() {
            return (call, incoming, paths);
        }
        let (path, mode) = path_and_mode(&stat);
        let mark = if mode & 1 << 31 != 0 { "/" } else { "" };
        paths.push(path + mark);
    }
}

fn project(root: &Path) {
    for directory in ["src/deep", "target"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for (name, text) in [
        ("a b", "spaced"),
        ("src/deep/x", "deep"),
        ("src/main", "main"),
        ("target/big", "big"),
    ] {
        fs::write(root.join(name), text).unwrap();
    }
}

fn offered(root: &Path) -> Offer {
    Offer {
        directories: [("context".to_owned(), root.to_owned())].into(),
        ..Offer::default()
    }
}

#[tokio::test]
async fn files_are_listed_as_the_engine_selects_them() {
    let directory = tempfile::tempdir().unwrap();
    project(directory.path());
    let mut engine = offered(directory.path()).called().await;
    let name = ("dir-name", "context");
    let cases: [(Headers<'_>, &[&str]); 7] = [
        (
            &[],
            &[
                "a b",
                "src/",
                "src/deep/",
                "src/deep/x",
                "src/main",
                "target/",
                "target/big",
            ],
        ),
        (
            &[("exclude-patterns", "target"), ("exclude-patterns", "src/deep")],
            &["a b", "src/", "src/main"],
        ),
        (
            &[("exclude-patterns", "*"), ("exclude-patterns", "!src/*/x")],
            &["src/", "src/deep/", "src/deep/x"],
        ),
        (
            &[("followpaths", "src/main"), ("followpaths", "missing")],
            &["src/", "src/main"],
        ),
        (
            &[("include-patterns", "src/d*")],
            &["src/", "src/deep/", "src/deep/x"],
        ),
        (&[("followpaths", "a+b"), ("followpaths-encoded", "1")], &["a b"]),
        (
            &[("followpaths", "src"), ("exclude-patterns", "**/x")],
            &["src/", "src/deep/", "src/main"],
        ),
    ];
    for (headers, expected) in cases {
        let headers = [&[name], headers].concat();
        let (_, _, paths) = listed(&mut engine, &headers).await;
        assert_eq!(paths, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn contents_are_sent_only_when_they_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    project(directory.path());
    let long = vec![b'x'; 300_000];
    fs::write(directory.path().join("long"), &long).unwrap();
    let mut engine = offered(directory.path()).called().await;
    let (mut call, mut incoming, paths) = listed(&mut engine, &[("dir-name", "context")]).await;
    assert_eq!(paths[1], "long");
    call.send(&request(1));
    let mut contents = Vec::new();
    loop {
        let (kind, id, data) = packet(&incoming.message().await.unwrap().unwrap());
        assert_eq!((kind, id), (2, 1));
        if data.is_empty() {
            break;
        }
        contents.extend(data);
    }
    assert_eq!(contents, long);
    call.send(&Message::default().number(1, 3).into_bytes());
    assert_eq!(packet(&incoming.message().await.unwrap().unwrap()).0, 3);
    assert_eq!(incoming.message().await.unwrap(), None);
}

#[tokio::test]
async fn transfer_that_the_engine_ends_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    project(directory.path());
    let mut engine = offered(directory.path()).called().await;
    let error = Message::default().number(1, 4).bytes(4, b"disk full");
    // A kind that does not exist, with a field that does not exist.
    let unknown = Message::default().number(1, 9).number(9, 1);
    for (message, status, words) in [
        (Some(error), "13", "disk full"),
        (Some(unknown), "14", "cancelled"),
        (None, "14", "cancelled"),
    ] {
        let mut call = engine
            .begin("/moby.filesync.v1.FileSync/DiffCopy", &[("dir-name", "context")])
            .await;
        if let Some(message) = message {
            call.send(&message.into_bytes());
        }
        call.end();
        let (_, mut body) = call.answer().await;
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data.unwrap().len()).unwrap();
        }
        let trailers = body.trailers().await.unwrap().unwrap();
        let text = |name| trailers[name].to_str().unwrap().to_owned();
        assert_eq!(text("grpc-status"), status);
        assert!(text("grpc-message").contains(words), "{trailers:?}");
    }
}

#[tokio::test]
async fn directory_that_is_gone_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = offered(&directory.path().join("gone")).called().await;
    let mut call = engine
        .begin("/moby.filesync.v1.FileSync/DiffCopy", &[("dir-name", "context")])
        .await;
    let (_, body) = call.answer().await;
    let message = Incoming::new(body, LONGEST_ANSWER)
        .message()
        .await
        .unwrap()
        .unwrap();
    let (kind, _, text) = packet(&message);
    assert_eq!(kind, 4);
    assert!(String::from_utf8_lossy(&text).contains("gone"), "{text:?}");
}

#[tokio::test]
async fn wrong_requests_for_files_end_the_call() {
    let directory = tempfile::tempdir().unwrap();
    project(directory.path());
    let mut engine = offered(directory.path()).called().await;
    // A directory, no file at all, and a file for the second time.
    for ids in [&[1][..], &[1 << 20], &[1 << 40], &[0, 0]] {
        let (mut call, mut incoming, _) = listed(&mut engine, &[("dir-name", "context")]).await;
        ids.iter().for_each(|id| call.send(&request(*id)));
        while let Ok(Some(message)) = incoming.message().await {
            assert_eq!(packet(&message).0, 2);
        }
    }
    let other = engine.begin("/moby.filesync.v1.FileSync/DiffCopy", &[("dir-name", "/etc")]);
    let (headers, _) = other.await.answer().await;
    assert_eq!(headers["grpc-status"], "5");
}

#[tokio::test]
async fn file_that_cannot_be_sent_is_reported_to_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    project(directory.path());
    let mut engine = offered(directory.path()).called().await;
    let (mut call, mut incoming, _) = listed(&mut engine, &[("dir-name", "context")]).await;
    fs::remove_file(directory.path().join("a b")).unwrap();
    call.send(&request(0));
    let (kind, _, text) = packet(&incoming.message().await.unwrap().unwrap());
    assert_eq!(kind, 4);
    assert!(String::from_utf8(text).unwrap().contains("a b"));
}
