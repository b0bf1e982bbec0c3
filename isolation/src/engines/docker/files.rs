//! Copies files and directories into and out of a container, as archives.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use engine_api::containers::{PathStat, UploadArchive};
use engine_api::{ErrorKind, RawBytes, Upload, archive};

use super::container::ContainerRef;
use super::diagnostics::to_error;
use super::mount_table::{MountTable, Way};
use super::staged_copy::StagedCopy;
use crate::error::{Error, Result};
use crate::files::merge;
use crate::files::{CopySource, FileKind};
use crate::spec::validate;

/// How many links are followed before they count as a circle.
const LINKS: usize = 40;

/// Copies in; `target` is absolute, without `.` and `..`. Where the daemon does not see the target,
/// a command in the container makes the copy.
pub(super) async fn copy_in(
    container: &ContainerRef,
    mounts: &MountTable,
    source: CopySource,
    target: &str,
) -> Result<()> {
    let target = &real_parent(container, mounts, target).await?;
    match mounts.way_in(target, &source)? {
        Way::Daemon => upload(container, "/", source, target).await,
        Way::Command => {
            let staged = StagedCopy::new(container);
            upload(container, "/", source, &staged.path()).await?;
            staged.put(target).await
        }
    }
}

/// Uploads an archive; `target` starts at the directory `root`.
///
/// It is extracted there and contains the whole path. So the daemon creates missing parent
/// directories, and follows a link among them inside the container.
pub(super) async fn upload(
    container: &ContainerRef,
    root: &str,
    source: CopySource,
    target: &str,
) -> Result<()> {
    let name = target.trim_start_matches('/');
    let whole = name.is_empty();
    let source = match source {
        CopySource::Bytes { .. } if whole => return Err(wrong_type(target)),
        CopySource::Path(path) => {
            validate::source("the source of the copy", &path)?;
            let path = followed(path).await?;
            if whole && !path.is_dir() {
                return Err(wrong_type(target));
            }
            CopySource::Path(path)
        }
        source @ CopySource::Bytes { .. } => source,
    };
    // A directory that exists keeps its owner and its permissions, as with `docker cp`.
    let is_there = match &source {
        CopySource::Path(path) if path.is_dir() => whole || is_directory(container, root, name).await?,
        _ => false,
    };
    let pack = |source: &CopySource| match source {
        CopySource::Bytes { content, mode } => {
            archive::file(name, mode & 0o7777, content.clone()).map_err(to_error)
        }
        CopySource::Path(path) if is_there => {
            archive::pack_contents(path.clone(), if whole { "." } else { name }).map_err(unreadable)
        }
        CopySource::Path(path) => archive::pack(path.clone(), name).map_err(unreadable),
    };
    let used = container.id();
    let sent = match send(container, root, pack(&source)?).await {
        Err(error) if container.is_renamed(used, &error).await => send(container, root, pack(&source)?).await,
        sent => sent,
    };
    sent.map_err(|error| not_extracted(error, target))
}

/// Whether a path below the directory `root` is a directory.
async fn is_directory(container: &ContainerRef, root: &str, name: &str) -> Result<bool> {
    let path = &format!("{}/{name}", root.trim_end_matches('/'));
    let containers = container.docker.containers();
    let stat = |name: String| async move { containers.stat(&name, path).await };
    match container.call(stat).await {
        Ok(stat) => Ok(stat.is_dir()),
        // The upload reports a missing container.
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(to_error(error)),
    }
}

/// Extracts an archive in the directory `root`. Its paths begin with `target`, which messages name.
pub(super) async fn extract(
    container: &ContainerRef,
    root: &str,
    archive: Upload,
    target: &str,
) -> Result<()> {
    let sent = send(container, root, archive).await;
    sent.map_err(|error| not_extracted(error, target))
}

async fn send(container: &ContainerRef, root: &str, archive: Upload) -> engine_api::Result<()> {
    let options = UploadArchive {
        no_overwrite_dir_non_dir: true,
        ..UploadArchive::default()
    };
    let containers = container.docker.containers();
    containers.upload(container.id(), root, archive, options).await
}

fn not_extracted(error: engine_api::Error, target: &str) -> Error {
    match error.message() {
        Some(message) if is_type_conflict(message) => wrong_type(target),
        _ => unreadable(error),
    }
}

/// Whether this is the message of Docker or Podman when a file would replace a directory, or a
/// directory a file.
fn is_type_conflict(message: &str) -> bool {
    let podman = ["file exists", "not a directory", "is a directory"];
    message.contains("cannot overwrite") || podman.iter().any(|end| message.ends_with(end))
}

pub(super) fn wrong_type(target: &str) -> Error {
    Error::invalid(format!(
        "cannot replace the directory {target} with a file (or a file with a directory); give the full target path"
    ))
}

/// Errors of the local source are not errors of the daemon.
fn unreadable(error: engine_api::Error) -> Error {
    match error.kind() {
        ErrorKind::UploadSource | ErrorKind::Unpack => Error::invalid(format!("{error:#}")),
        _ => to_error(error),
    }
}

/// The path without links: if the source is a link, its target is copied.
async fn followed(path: PathBuf) -> Result<PathBuf> {
    let real = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || path.canonicalize()).await
    };
    match real {
        Ok(real) => real.map_err(|error| Error::io("read", &path, error)),
        Err(ended) => Err(Error::engine(super::NAME, ended)),
    }
}

/// Copies out; `source` is absolute, without `.` and `..`. `target` appears only when everything
/// has arrived.
pub(super) async fn copy_out(
    container: &ContainerRef,
    mounts: &MountTable,
    source: &str,
    target: &Path,
) -> Result<()> {
    let source = Source::find(container, mounts, source).await?;
    if source
        .stat
        .as_ref()
        .is_some_and(|stat| !stat.is_dir() && !stat.is_file())
    {
        let why = format!("cannot copy {}: it is a socket, a pipe or a device", source.path);
        return Err(Error::invalid(why));
    }
    download(container, &source.path, target).await
}

/// An archive of a directory as it is on disk, also of a paused container.
pub(super) struct DirectoryArchive {
    pub(super) archive: RawBytes,
    /// The path of the directory without links at its end.
    pub(super) path: String,
}

impl DirectoryArchive {
    /// The name with which the paths of the archive begin.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// An archive of a directory; `source` is absolute, without `.` and `..`.
pub(super) async fn directory(
    container: &ContainerRef,
    mounts: &MountTable,
    source: &str,
) -> Result<DirectoryArchive> {
    let in_memory = |path: &str| match mounts.memory_around(path) {
        None => Ok(()),
        Some(mount) => Err(Error::in_memory(path, mount)),
    };
    let source = real_parent(container, mounts, source).await?;
    in_memory(&source)?;
    let (path, stat) = find(container, &source).await?;
    in_memory(&path)?;
    if !stat.is_dir() {
        return Err(Error::invalid(format!("{path} is not a directory")));
    }
    let containers = container.docker.containers();
    let archive = containers.download(container.id(), &path).await;
    let archive = archive.map_err(|error| absent(error, &path))?;
    Ok(DirectoryArchive { archive, path })
}

/// A path that the daemon sees.
pub(super) struct Source {
    path: String,
    /// The type of the file; `None` for a copy that a command has made.
    stat: Option<PathStat>,
    /// Removes the copy in the container.
    _staged: Option<StagedCopy>,
}

impl Source {
    async fn find(container: &ContainerRef, mounts: &MountTable, source: &str) -> Result<Self> {
        let mut source = real_parent(container, mounts, source).await?;
        if mounts.way_of_copy_out(&source) == Way::Daemon {
            let (found, stat) = find(container, &source).await?;
            if mounts.way_of_copy_out(&found) == Way::Daemon {
                return Ok(Self {
                    path: found,
                    stat: Some(stat),
                    _staged: None,
                });
            }
            source = found;
        }
        let staged = StagedCopy::new(container);
        staged.get(&source).await?;
        Ok(Self {
            path: staged.path(),
            stat: None,
            _staged: Some(staged),
        })
    }
}

/// The path without links above its last part, if a link could lead to a mount.
async fn real_parent(container: &ContainerRef, mounts: &MountTable, path: &str) -> Result<String> {
    if !mounts.has_own() {
        return Ok(path.to_owned());
    }
    let mut left: VecDeque<String> = path.split('/').skip(1).map(str::to_owned).collect();
    let (mut found, mut links) = (String::new(), 0);
    while let Some(name) = left.pop_front() {
        let next = format!("{found}/{name}");
        let is_last = left.is_empty();
        let stat = match is_last {
            true => None,
            false => container
                .docker
                .containers()
                .stat(container.id(), &next)
                .await
                .ok(),
        };
        match stat.filter(|stat| stat.is_symlink() && !stat.link_target.is_empty()) {
            None => found = next,
            Some(_) if links == LINKS => {
                return Err(circle(path));
            }
            Some(stat) => {
                links += 1;
                let parent = if found.is_empty() { "/" } else { &found };
                let target = super::paths::resolve(parent, &stat.link_target)?;
                let parts = target.split('/').skip(1).map(str::to_owned);
                left = parts.chain(left).collect();
                found.clear();
            }
        }
    }
    Ok(found)
}

async fn download(container: &ContainerRef, source: &str, target: &Path) -> Result<()> {
    let staging = merge::Staging::beside(target);
    let containers = container.docker.containers();
    let read = |name: String| async move { containers.download(&name, source).await };
    let archive = container.call(read).await;
    let archive = archive.map_err(|error| absent(error, source))?;
    archive::unpack(archive, staging.path())
        .await
        .map_err(unreadable)?;
    staging.move_to(target.to_owned()).await
}

/// The kind of the file at a path; `path` is absolute, without `.` and `..`.
pub(super) async fn kind(container: &ContainerRef, path: &str) -> Result<Option<FileKind>> {
    match find(container, path).await {
        Ok((_, stat)) if stat.is_dir() => Ok(Some(FileKind::Directory)),
        Ok((_, stat)) if stat.is_file() => Ok(Some(FileKind::File)),
        Ok(_) => Ok(Some(FileKind::Other)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Follows links at the end of the path, and returns the path and its metadata.
async fn find(container: &ContainerRef, source: &str) -> Result<(String, PathStat)> {
    let mut path = source.to_owned();
    for _ in 0..LINKS {
        let (containers, at) = (container.docker.containers(), path.as_str());
        let stat = |name: String| async move { containers.stat(&name, at).await };
        let stat = match container.call(stat).await {
            Ok(stat) => stat,
            Err(error) => return Err(explained(container, &path, error, source).await),
        };
        if !stat.is_symlink() || stat.link_target.is_empty() {
            return Ok((path, stat));
        }
        let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
        path = super::paths::resolve(parent, &stat.link_target)?;
    }
    Err(circle(source))
}

fn circle(path: &str) -> Error {
    Error::invalid(format!("the links at {path} form a circle"))
}

/// The error of a `HEAD` request with the message of the daemon, which only a `GET` request gets.
async fn explained(container: &ContainerRef, path: &str, error: engine_api::Error, source: &str) -> Error {
    if error.status() != Some(500) {
        return absent(error, source);
    }
    let read = |name: String| async move { container.docker.containers().download(&name, path).await };
    match container.call(read).await {
        Err(error) if error.message().is_some_and(|text| text.contains("too many l")) => circle(source),
        Err(error) => absent(error, source),
        Ok(_) => to_error(error),
    }
}

/// The reply to a HEAD request has no message, so a 404 means that the path does not exist. A
/// container that does not exist is noticed before by its status.
fn absent(error: engine_api::Error, source: &str) -> Error {
    match error.status() {
        Some(404) => Error::not_found(format!("{source} does not exist in the environment")),
        _ => to_error(error),
    }
}
