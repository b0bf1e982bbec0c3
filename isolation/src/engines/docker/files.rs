//! Files and directories copied into a container and out of it, as archives.

use std::path::{Path, PathBuf};

use engine_api::containers::{PathStat, UploadArchive};
use engine_api::{ErrorKind, Upload, archive};

use super::failure::told;
use super::place::Place;
use super::settle;
use crate::environment::Source;
use crate::error::{Error, Result};
use crate::validate;

/// How many links lead to a file at most, before they are taken for a circle.
const LINKS: usize = 40;

/// Copies in; `target` is absolute and without dots.
///
/// The archive is unpacked at the root and names the whole path: so the engine makes the directories above,
/// and a link among them leads to where it leads inside.
pub(super) async fn copy_in(place: &Place, source: Source, target: &str) -> Result<()> {
    let name = target.trim_start_matches('/');
    let whole = name.is_empty();
    let archive: Upload = match source {
        Source::Bytes { .. } if whole => return Err(a_directory(target)),
        Source::Bytes { content, mode } => archive::file(name, mode & 0o7777, content).map_err(told)?,
        Source::Path(path) => {
            validate::source("the source of the copy", &path)?;
            let path = followed(path).await?;
            if whole && !path.is_dir() {
                return Err(a_directory(target));
            }
            archive::pack(path, if whole { "." } else { name }).map_err(unreadable)?
        }
    };
    let options = UploadArchive {
        no_overwrite_dir_non_dir: true,
        ..UploadArchive::default()
    };
    let containers = place.docker.containers();
    let uploaded = containers.upload(&place.container, "/", archive, options).await;
    uploaded.map_err(|error| match error.message() {
        Some(message) if is_mix_up(message) => a_directory(target),
        _ => unreadable(error),
    })
}

/// What Docker and Podman say when a file would replace a directory, or the other way round.
fn is_mix_up(message: &str) -> bool {
    let podman = ["file exists", "not a directory", "is a directory"];
    message.contains("cannot overwrite") || podman.iter().any(|end| message.ends_with(end))
}

fn a_directory(target: &str) -> Error {
    Error::invalid(format!(
        "{target} is a directory and the source is none, or the other way round; say what the copy in it is called"
    ))
}

/// What went wrong on this side is no failure of the engine.
fn unreadable(error: engine_api::Error) -> Error {
    match error.kind() {
        ErrorKind::UploadSource | ErrorKind::Unpack => Error::invalid(error.to_string()),
        _ => told(error),
    }
}

/// What was named may be a link: what it leads to is meant.
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

/// Copies out; `source` is absolute and without dots. Nothing is at `target` before all has come.
pub(super) async fn copy_out(place: &Place, source: &str, target: &Path) -> Result<()> {
    let (source, stat) = find(place, source).await?;
    if !stat.is_dir() && !stat.is_file() {
        let why = format!("{source} is a socket, a pipe or a device, which cannot be copied");
        return Err(Error::invalid(why));
    }
    let staging = settle::Staging::beside(target);
    let containers = place.docker.containers();
    let archive = containers.download(&place.container, &source).await;
    let archive = archive.map_err(|error| absent(error, &source))?;
    archive::unpack(archive, staging.path())
        .await
        .map_err(unreadable)?;
    staging.settle(target.to_owned()).await
}

/// Follows the link that was named, if it was one.
async fn find(place: &Place, source: &str) -> Result<(String, PathStat)> {
    let mut path = source.to_owned();
    for _ in 0..LINKS {
        let stat = place.docker.containers().stat(&place.container, &path).await;
        let stat = stat.map_err(|error| absent(error, source))?;
        if !stat.is_symlink() || stat.link_target.is_empty() {
            return Ok((path, stat));
        }
        let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
        path = super::paths::resolve(parent, &stat.link_target)?;
    }
    Err(Error::invalid(format!(
        "the links from {source} lead in a circle"
    )))
}

/// Asked by HEAD the engine answers without words, so 404 means the path; a container that is gone is
/// known from its status before.
fn absent(error: engine_api::Error, source: &str) -> Error {
    match error.status() {
        Some(404) => Error::not_found(format!("there is no {source} in the environment")),
        _ => told(error),
    }
}
