//! Writes the result of a build on this machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::BuildOutput;
use super::grpc::{Code, Incoming, Reply, Status, bytes};
use crate::archive;

/// The number of pieces that wait to be written.
const WAITING: usize = 4;

/// The output of a build on this machine, instead of an image in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalOutput {
    /// The files of the result, in a directory. Existing files are replaced, other existing files
    /// stay; see [`archive::unpack`]. `docker build --output
    /// type=local,dest=…`.
    Directory(PathBuf),
    /// The files of the result, as a tar archive. `docker build --output type=tar,dest=…`.
    Tar(PathBuf),
    /// The image as a tar archive in OCI layout. Docker can do this with the containerd image
    /// store. `docker build --output type=oci,dest=…`.
    Oci(PathBuf),
}

impl LocalOutput {
    /// The exporter that sends the output. The files of a directory are sent as an archive, too.
    pub(super) fn exporter(&self) -> BuildOutput {
        let kind = match self {
            Self::Directory(_) | Self::Tar(_) => "tar",
            Self::Oci(_) => "oci",
        };
        BuildOutput {
            kind: kind.into(),
            ..BuildOutput::default()
        }
    }
}

/// The output of a build while it is received.
pub(super) struct Export {
    output: LocalOutput,
    /// The session's id, for the name of an incomplete file.
    session: String,
    /// Whether the engine has begun to send it.
    begun: AtomicBool,
}

impl Export {
    pub(super) fn new(output: LocalOutput, session: String) -> Self {
        Self {
            output,
            session,
            begun: AtomicBool::new(false),
        }
    }

    /// `FileSend.DiffCopy`: an archive in pieces. The build ends after the reply, so all files are
    /// written before. A second output is rejected: it would replace the first.
    pub(super) async fn receive(&self, mut incoming: Incoming, reply: &mut Reply) -> Result<(), Status> {
        if self.begun.swap(true, Ordering::Relaxed) {
            return Err(Status::new(Code::AlreadyExists, "the build has one output"));
        }
        reply.begin()?;
        let (send, pieces) = mpsc::channel(WAITING);
        let writing = match self.output.clone() {
            LocalOutput::Directory(directory) => {
                tokio::task::spawn_blocking(move || archive::unpack_all(pieces, &directory))
            }
            LocalOutput::Tar(path) | LocalOutput::Oci(path) => {
                let partial = partial(&path, &self.session);
                tokio::task::spawn_blocking(move || write(pieces, &partial, &path))
            }
        };
        while let Some(message) = incoming.message().await? {
            let piece = message.slice_ref(bytes(&message, 1)?);
            // The thread ends before the stream only after an error of its own.
            if !piece.is_empty() && send.send(piece).await.is_err() {
                break;
            }
        }
        // The thread may have ended with an error, which it returns below.
        drop(send.send(archive::END).await);
        let written = writing.await.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        written.map_err(|error| {
            let text = format!("the output of the build cannot be written: {error}");
            Status::new(Code::Internal, text)
        })
    }
}

/// The name of the file until it is complete.
fn partial(path: &Path, session: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{session}.partial"));
    path.with_file_name(name)
}

/// Writes the pieces up to the mark of the end. Only a complete file replaces an existing one.
fn write(pieces: mpsc::Receiver<Bytes>, partial: &Path, path: &Path) -> io::Result<()> {
    let written = write_all(pieces, partial).and_then(|()| fs::rename(partial, path));
    written.map_err(|error| {
        // The file does not exist if it could not be created.
        drop(fs::remove_file(partial));
        archive::at(path, &error)
    })
}

fn write_all(mut pieces: mpsc::Receiver<Bytes>, path: &Path) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    loop {
        match pieces.blocking_recv() {
            Some(piece) if piece == archive::END => return Ok(()),
            Some(piece) => file.write_all(&piece)?,
            None => {
                return Err(io::Error::new(
                    io::ErrorKind::BrokenPipe,
                    "the build was cancelled",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&'static [u8]], path: &Path) -> io::Result<()> {
        let (send, receive) = mpsc::channel(8);
        for piece in pieces {
            send.try_send(Bytes::from_static(piece)).unwrap();
        }
        drop(send);
        write(receive, &partial(path, "1"), path)
    }

    #[test]
    fn only_a_complete_output_replaces_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.tar");
        fs::write(&path, "old").unwrap();
        let error = written(&[b"new"], &path).unwrap_err();
        assert!(error.to_string().contains("out.tar"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        written(&[b"ne", b"w", b""], &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let nowhere = directory.path().join("no/out.tar");
        assert!(written(&[b""], &nowhere).is_err());
    }
}
