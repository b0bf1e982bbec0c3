//! Copies. The other program runs on this machine, so a path names the same file in both programs.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::instance::RemoteInstance;
use crate::environment::id::random_hex;
use crate::error::{Error, Result};
use crate::files::{CopySource, FileKind};
use crate::protocol::answer;
use crate::protocol::call::Call;
use crate::protocol::data::Data;
use crate::protocol::params::{AtPath, CopyIn, CopyOut};

/// The longest content that is sent in a message; a longer one is passed as a file.
const IN_A_MESSAGE: usize = 64 << 10;

pub(super) async fn copy_in(instance: &RemoteInstance, source: CopySource, target: &str) -> Result<()> {
    let mut copy = CopyIn {
        environment: instance.id.to_string(),
        source: None,
        content: None,
        mode: 0o644,
        target: target.to_owned(),
    };
    // Removed after the copy, or when this future is dropped.
    let mut _passed = None;
    match source {
        CopySource::Path(path) => copy.source = Some(absolute(&path)?),
        CopySource::Bytes { content, mode } if content.len() <= IN_A_MESSAGE => {
            copy.mode = mode;
            copy.content = Some(Data::of(&content));
        }
        CopySource::Bytes { content, mode } => {
            let file = Passed::create(content, mode).await?;
            copy.source = Some(file.0.clone());
            _passed = Some(file);
        }
    }
    instance.tell(Call::CopyIn(copy)).await
}

pub(super) async fn copy_out(instance: &RemoteInstance, source: &str, target: &Path) -> Result<()> {
    let copy = CopyOut {
        environment: instance.id.to_string(),
        source: source.to_owned(),
        target: absolute(target)?,
    };
    instance.tell(Call::CopyOut(copy)).await
}

pub(super) async fn kind(instance: &RemoteInstance, path: &str) -> Result<Option<FileKind>> {
    let at = AtPath {
        environment: instance.id.to_string(),
        path: path.to_owned(),
    };
    let found: answer::AtPath = instance.ask(Call::FileKind(at)).await?;
    Ok(found.kind)
}

/// The working directory of the other program may differ.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::io("find", path, error))
}

/// A file with content for the other program.
struct Passed(PathBuf);

impl Passed {
    async fn create(content: Bytes, mode: u32) -> Result<Self> {
        // Only this user can enter the directory, whatever the permissions of the file are.
        let directory = std::env::temp_dir().join(format!("isolation-copy-{}", random_hex()));
        let file = Self(directory.join("content"));
        let to = file.0.clone();
        let written = tokio::task::spawn_blocking(move || write(&to, &content, mode)).await;
        let written = written.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        written.map_err(|error| Error::io("write", &file.0, error))?;
        Ok(file)
    }
}

/// Writes a new file in a new directory of this user alone.
fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    DirBuilder::new().mode(0o700).create(directory)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

impl Drop for Passed {
    fn drop(&mut self) {
        // If it was never created, there is nothing to remove.
        if let Some(directory) = self.0.parent() {
            let _ = fs::remove_dir_all(directory);
        }
    }
}
