//! Calls that end early, and files that change.

use std::fs;
use std::future::{pending, ready};

use super::*;

fn failed(text: &str) -> Result<(), Status> {
    Err(Status::new(Code::Internal, text))
}

#[tokio::test]
async fn first_failure_of_two_ends_the_wait() {
    let text = |outcome: Result<(), Status>| outcome.unwrap_err().message;
    assert_eq!(text(both(ready(failed("one")), pending()).await), "one");
    assert_eq!(text(both(pending(), ready(failed("other"))).await), "other");
    let late = || async {
        tokio::task::yield_now().await;
        Ok(())
    };
    both(late(), ready(Ok(()))).await.unwrap();
    both(ready(Ok(())), late()).await.unwrap();
}

/// Packets whose call has ended, with a full piece.
fn ended() -> Packets {
    let mut packets = Packets::new(mpsc::channel(1).0);
    packets.piece.resize(PIECE, 0);
    packets
}

fn file(directory: &Path, length: usize) -> (PathBuf, Metadata) {
    let path = directory.join("file");
    fs::write(&path, vec![b'x'; length]).unwrap();
    let metadata = path.metadata().unwrap();
    (path, metadata)
}

#[test]
fn call_that_has_ended_ends_the_list() {
    let directory = tempfile::tempdir().unwrap();
    file(directory.path(), 1);
    fs::write(directory.path().join("other"), "").unwrap();
    let wanted = Wanted {
        root: directory.path().to_owned(),
        include: Vec::new(),
        exclude: Vec::new(),
        follow: Vec::new(),
        modified: None,
    };
    let files = Files::default();
    send_stats(&wanted, ended(), &files);
    assert_eq!(files.lock().unwrap().len(), 1, "the second one is not looked at");
}

#[test]
fn call_that_has_ended_ends_the_contents() {
    let directory = tempfile::tempdir().unwrap();
    let (path, metadata) = file(directory.path(), 1);
    let sent = send_file(0, &path, &metadata, &mut ended());
    assert!(matches!(sent, Ok(Err(Ended))));
    let (request, requests) = mpsc::unbounded_channel();
    request.send((0, path.clone(), metadata.clone())).unwrap();
    request.send((1, path, metadata)).unwrap();
    send_files(requests, ended());
    // It waits for no further request: this one is not received.
    assert!(request.is_closed());
}

#[test]
fn file_that_shrinks_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let (path, metadata) = file(directory.path(), 100);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(10)
        .unwrap();
    let mut packets = Packets::new(mpsc::channel(1).0);
    let error = send_file(0, &path, &metadata, &mut packets).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}
