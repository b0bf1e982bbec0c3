//! Sends the files of directories: only files that the engine does not have, or that have changed.
//!
//! The protocol is that of fsutil. This client sends the metadata of all files, and an empty
//! message at the end. At the same time it sends the contents of each file that the engine requests
//! by its number.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tokio::sync::mpsc;

use super::super::Builder;
use super::super::ignore::Ignore;
use super::super::pack::walk;
use super::super::protobuf::{Fields, Message, Value};
use super::file_stat::stat;
use super::follow_links::follow;
use super::grpc::{Code, Incoming, Reply, Status, put};
use crate::archive;

/// The number of pieces that wait to be sent.
const WAITING: usize = 8;

/// The size of a piece, and of a read of a file.
const PIECE: usize = 64 << 10;

/// The kinds of packets.
mod kind {
    pub(super) const STAT: u64 = 0;
    pub(super) const REQUEST: u64 = 1;
    pub(super) const DATA: u64 = 2;
    pub(super) const FINISH: u64 = 3;
    pub(super) const ERROR: u64 = 4;
}

/// The directories that the engine may read, by their names.
#[derive(Default)]
pub(super) struct FileSync {
    directories: BTreeMap<String, PathBuf>,
    /// Replaces the modification time of every file.
    modified: Option<SystemTime>,
}

/// The files of a directory that the engine requests.
struct Wanted {
    root: PathBuf,
    include: Vec<Vec<u8>>,
    exclude: Vec<Vec<u8>>,
    follow: Vec<Vec<u8>>,
    modified: Option<SystemTime>,
}

/// The files that the engine may request, by their numbers; `None` for every other file.
type Files = Arc<Mutex<Vec<Option<(PathBuf, Metadata)>>>>;

impl FileSync {
    pub(super) fn new(directories: BTreeMap<String, PathBuf>, modified: Option<SystemTime>) -> Self {
        Self {
            directories,
            modified,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.directories.is_empty()
    }

    fn wanted(&self, headers: &HeaderMap) -> Result<Wanted, Status> {
        let name = values(headers, "dir-name").concat();
        let name = String::from_utf8_lossy(&name);
        let missing = || Status::new(Code::NotFound, format!("the build has no directory {name:?}"));
        Ok(Wanted {
            root: self.directories.get(&*name).ok_or_else(missing)?.clone(),
            include: values(headers, "include-patterns"),
            exclude: values(headers, "exclude-patterns"),
            follow: values(headers, "followpaths"),
            modified: self.modified,
        })
    }

    /// `FileSync.DiffCopy`.
    pub(super) async fn diff_copy(
        &self,
        headers: &HeaderMap,
        incoming: Incoming,
        reply: &mut Reply,
    ) -> Result<(), Status> {
        let wanted = self.wanted(headers)?;
        reply.begin()?;
        let files = Files::default();
        let (send, packets) = mpsc::channel(WAITING);
        // Each file is requested once, so there are never more requests than files.
        let (request, requests) = mpsc::unbounded_channel();
        let (stats, data) = (Packets::new(send.clone()), Packets::new(send.clone()));
        tokio::task::spawn_blocking({
            let files = Arc::clone(&files);
            move || send_stats(&wanted, stats, &files)
        });
        tokio::task::spawn_blocking(move || send_files(requests, data));
        both(
            send_packets(packets, reply),
            receive(incoming, &files, request, send),
        )
        .await
    }
}

/// The values of a header. Values that are not ASCII are percent-encoded, as in a form.
fn values(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    let encoded = headers.get(format!("{name}-encoded"));
    let encoded = encoded.is_some_and(|value| matches!(value.as_bytes(), b"1" | b"t" | b"true"));
    let values = headers.get_all(name).iter().map(|value| value.as_bytes());
    let decode = |value: &[u8]| {
        let spaced: Vec<u8> = value
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        percent_encoding::percent_decode(&spaced).collect()
    };
    match encoded {
        true => values.map(decode).collect(),
        false => values.map(<[u8]>::to_vec).collect(),
    }
}

/// Awaits both futures; the first failure ends the wait.
async fn both(
    one: impl Future<Output = Result<(), Status>>,
    other: impl Future<Output = Result<(), Status>>,
) -> Result<(), Status> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let mut done = [false; 2];
    std::future::poll_fn(|cx| {
        if !done[0] {
            match one.as_mut().poll(cx) {
                Poll::Ready(Err(status)) => return Poll::Ready(Err(status)),
                outcome => done[0] = outcome.is_ready(),
            }
        }
        if !done[1] {
            match other.as_mut().poll(cx) {
                Poll::Ready(Err(status)) => return Poll::Ready(Err(status)),
                outcome => done[1] = outcome.is_ready(),
            }
        }
        match done {
            [true, true] => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    })
    .await
}

async fn send_packets(mut packets: mpsc::Receiver<Bytes>, reply: &mut Reply) -> Result<(), Status> {
    while let Some(frames) = packets.recv().await {
        reply.frames(frames).await?;
    }
    Ok(())
}

/// Receives the engine's requests, until the engine sends the end.
async fn receive(
    mut incoming: Incoming,
    files: &Files,
    request: mpsc::UnboundedSender<(u32, PathBuf, Metadata)>,
    send: mpsc::Sender<Bytes>,
) -> Result<(), Status> {
    while let Some(message) = incoming.message().await? {
        let packet = Packet::read(&message)?;
        match packet.kind {
            kind::REQUEST => {
                let unknown = || Status::new(Code::InvalidArgument, format!("no file {}", packet.id));
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                let file = files.get_mut(packet.id as usize).and_then(Option::take);
                let (path, metadata) = file.ok_or_else(unknown)?;
                // If a file could not be read, the thread has ended, and has reported the error to
                // the engine.
                drop(request.send((packet.id, path, metadata)));
            }
            kind::ERROR => {
                let text = String::from_utf8_lossy(packet.data).into_owned();
                return Err(Status::new(Code::Internal, text));
            }
            kind::FINISH => {
                let mut frame = BytesMut::new();
                put(
                    &mut frame,
                    &Message::default().number(1, kind::FINISH).into_bytes(),
                );
                drop(send.send(frame.freeze()).await);
                return Ok(());
            }
            _ => {}
        }
    }
    Err(Status::new(
        Code::Unavailable,
        "the engine cancelled the transfer of files",
    ))
}

/// A packet that the engine sends.
struct Packet<'a> {
    kind: u64,
    id: u32,
    data: &'a [u8],
}

impl<'a> Packet<'a> {
    fn read(message: &'a [u8]) -> Result<Self, Status> {
        let (mut kind, mut id, mut data) = (kind::STAT, 0, &b""[..]);
        for field in Fields::of(message) {
            match field? {
                (1, Value::Number(number)) => kind = number,
                (3, Value::Number(number)) => {
                    let large = |_| Status::new(Code::InvalidArgument, "the number of a file is too large");
                    id = u32::try_from(number).map_err(large)?;
                }
                (4, Value::Bytes(bytes)) => data = bytes,
                _ => {}
            }
        }
        Ok(Self { kind, id, data })
    }
}

/// Packets for the engine, several in a piece.
struct Packets {
    send: mpsc::Sender<Bytes>,
    piece: BytesMut,
}

/// The call has ended, so no packets can be sent.
struct Ended;

impl Packets {
    fn new(send: mpsc::Sender<Bytes>) -> Self {
        let piece = BytesMut::new();
        Self { send, piece }
    }

    fn add(&mut self, packet: Message) -> Result<(), Ended> {
        put(&mut self.piece, &packet.into_bytes());
        match self.piece.len() < PIECE {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> Result<(), Ended> {
        match self.piece.is_empty() {
            true => Ok(()),
            false => self
                .send
                .blocking_send(self.piece.split().freeze())
                .map_err(|_| Ended),
        }
    }

    /// Reports why the files cannot be sent. The engine fails the build with it.
    fn fail(mut self, error: &io::Error) {
        let packet = Message::default()
            .number(1, kind::ERROR)
            .bytes(4, error.to_string().as_bytes());
        // The engine may have ended the call.
        drop(self.add(packet).and_then(|()| self.flush()));
    }
}

/// Sends the metadata of all files.
fn send_stats(wanted: &Wanted, mut packets: Packets, files: &Files) {
    let found = match find(wanted) {
        Ok(found) => found,
        Err(error) => return packets.fail(&error),
    };
    for relative in found {
        let path = wanted.root.join(&relative);
        let (stat, file) = match stat(&path, &relative, wanted.modified) {
            Ok(stat) => stat,
            Err(error) => return packets.fail(&archive::at(&path, &error)),
        };
        let file = file.map(|metadata| (path, metadata));
        files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        if packets.add(Message::default().present(2, &stat)).is_err() {
            return;
        }
    }
    // The end of the list. The engine may have ended the call.
    drop(packets.add(Message::default()).and_then(|()| packets.flush()));
}

fn find(wanted: &Wanted) -> io::Result<Vec<PathBuf>> {
    let invalid = |text| io::Error::new(io::ErrorKind::InvalidInput, text);
    let mut include = wanted.include.clone();
    let followed = match wanted.follow.as_slice() {
        [] => None,
        paths => follow(&wanted.root, paths)?,
    };
    include.extend(followed.into_iter().flatten());
    let exclude = Ignore::excluding(&wanted.exclude).map_err(invalid)?;
    let only = match include.is_empty() {
        true => None,
        false => Some(Ignore::selecting(&include).map_err(invalid)?),
    };
    walk(&wanted.root, &exclude, only.as_ref(), Builder::BuildKit)
}

/// Sends the contents of requested files.
fn send_files(mut requests: mpsc::UnboundedReceiver<(u32, PathBuf, Metadata)>, mut packets: Packets) {
    loop {
        let next = match requests.try_recv() {
            Ok(next) => Some(next),
            // Buffered packets are sent before a wait for the next request.
            Err(_) if packets.flush().is_err() => return,
            Err(_) => requests.blocking_recv(),
        };
        let Some((id, path, metadata)) = next else {
            return;
        };
        match send_file(id, &path, &metadata, &mut packets) {
            Ok(Ok(())) => {}
            Ok(Err(Ended)) => return,
            Err(error) => return packets.fail(&archive::at(&path, &error)),
        }
    }
}

fn send_file(
    id: u32,
    path: &Path,
    metadata: &Metadata,
    packets: &mut Packets,
) -> io::Result<Result<(), Ended>> {
    let data = |bytes: &[u8]| {
        Message::default()
            .number(1, kind::DATA)
            .number(3, id.into())
            .bytes(4, bytes)
    };
    // If a file grows while it is read, only the announced length is sent.
    let mut file = archive::open(path, metadata)?.take(metadata.len());
    let mut piece = vec![0; PIECE.min(usize::try_from(metadata.len()).unwrap_or(PIECE) + 1)];
    loop {
        let n = file.read(&mut piece)?;
        if n == 0 && file.limit() > 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file shrank while it was read",
            ));
        }
        // A packet without data marks the end of the file.
        if packets.add(data(&piece[..n])).is_err() {
            return Ok(Err(Ended));
        }
        if n == 0 {
            return Ok(Ok(()));
        }
    }
}

#[cfg(test)]
mod tests;
