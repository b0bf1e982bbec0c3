//! Reads the files of a container and of its volumes into a snapshot.

use engine_api::containers::{Container, MountType};
use engine_api::images::InspectImage;
use engine_api::{RawBytes, Upload};

use super::listed::{Listed, Read, Reading, may_be_linked};
use super::stream::{for_thread, from_thread};
use super::{image, volumes};
use crate::BoxFuture;
use crate::engine::saves::Saves;
use crate::engines::docker::diagnostics::to_error;
use crate::engines::docker::instance::DockerInstance;
use crate::engines::docker::{NAME, files, paths};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::{Contents, LeftOut, PartKind, PartReader, PartWriter, TreePath};

/// The files that the daemon itself puts into every container.
const OF_DAEMON: [&[u8]; 6] = [
    b".dockerenv",
    b"etc/hosts",
    b"etc/hostname",
    b"etc/resolv.conf",
    b"etc/mtab",
    b"run/.containerenv",
];

impl Saves for DockerInstance {
    fn contents(&self) -> BoxFuture<'_, Result<Contents>> {
        Box::pin(async move {
            let container = self.look_closely().await?;
            let docker = &self.container.docker;
            let images = docker.images();
            let found = images.inspect(&container.image, InspectImage::default()).await;
            let found = found.map_err(to_error)?;
            let (parts, mut left_out) = parts(&container);
            left_out.push(LeftOut::parts_of_seconds());
            Ok(Contents {
                parts,
                left_out,
                source: container.id.clone(),
                engine_detail: docker.address(),
                platform: format!("{}/{}", found.os, found.architecture),
                location: None,
                image: Some(image::clean_config(found.config.unwrap_or_default())?),
            })
        })
    }

    fn changed(&self) -> BoxFuture<'_, Result<Option<Vec<String>>>> {
        Box::pin(async move {
            let containers = self.container.docker.containers();
            let list = |name: String| async move { containers.changes(&name).await };
            let changes = self.container.call(list).await.map_err(to_error)?;
            let paths = changes.into_iter().map(|change| change.path);
            let is_own =
                |path: &String| !TreePath::normal(path.as_bytes()).is_ok_and(|path| is_of_daemon(&path));
            Ok(Some(paths.filter(is_own).collect()))
        })
    }

    fn save(&self, mut part: PartWriter) -> BoxFuture<'_, Result<PartWriter>> {
        Box::pin(async move {
            let (volume, target) = match part.kind() {
                PartKind::Root => return self.save_root(part).await,
                PartKind::Volume { target, volume, .. } => (volume.clone(), target.clone()),
            };
            part.start_anew();
            let archive = volumes::read(&self.container, &volume, &target).await?;
            let mut part = added(part, archive, |_| false).await?;
            note_early_times(&mut part);
            Ok(part)
        })
    }

    fn save_directory<'a>(
        &'a self,
        path: &'a str,
        mut part: PartWriter,
    ) -> BoxFuture<'a, Result<Option<PartWriter>>> {
        Box::pin(async move {
            let path = paths::resolve(&self.working_dir, path)?;
            if self.container.podman {
                part.leave_out(LeftOut::new(
                    "the owners of the files",
                    "the archives of Podman do not have them",
                ));
            }
            part.leave_out(LeftOut::parts_of_seconds());
            let found = files::directory(&self.container, &self.mounts, &path).await?;
            let mut in_memory = Vec::new();
            for mount in self.mounts.memory_below(&found.path) {
                part.leave_out(LeftOut::in_memory(&format!("{path}/{}", mount.display())));
                in_memory.push(TreePath::normal(mount.as_os_str().as_encoded_bytes())?);
            }
            // Podman shows what is in memory while the container runs.
            let skip = move |path: &TreePath| {
                let inside = |mount: &TreePath| path != mount && path.is_below(mount);
                in_memory.iter().any(inside)
            };
            let name = found.name().as_bytes().to_vec();
            let reader = for_thread(found.archive);
            let reading = tokio::task::spawn_blocking(move || {
                part.add_archive_below(reader, &TreePath::root(), &name, skip)?;
                Ok(Some(part))
            });
            reading.await.map_err(|ended| Error::engine(NAME, ended))?
        })
    }

    fn write_directory<'a>(&'a self, path: &'a str, part: PartReader) -> BoxFuture<'a, Result<Option<u64>>> {
        Box::pin(async move {
            let path = paths::resolve(&self.working_dir, path)?;
            // Where something is mounted, the copy takes the right way.
            if self.mounts.has_own() {
                return Ok(None);
            }
            let top = TreePath::normal(path.as_bytes())?;
            // Podman rounds the times of archives.
            let whole_seconds = self.container.podman;
            let (mut writer, pieces) = from_thread();
            let writing = tokio::task::spawn_blocking(move || {
                let written = part.write_archive_below(&top, whole_seconds, &mut writer);
                let written = written.and_then(|()| writer.end().map_err(|error| Error::engine(NAME, error)));
                if let Err(error) = &written {
                    writer.fail(&error.to_string());
                }
                written
            });
            let uploaded = files::extract(&self.container, "/", Upload::reader(pieces), &path).await;
            let written = writing.await.map_err(|ended| Error::engine(NAME, ended))?;
            match (written, uploaded) {
                (Err(error), _) if error.kind() == ErrorKind::Corrupt => Err(error),
                (_, Err(error)) | (Err(error), _) => Err(error),
                (Ok(()), Ok(())) => Ok(Some(0)),
            }
        })
    }
}

/// Notes times that the snapshot has, and that a container restored from it does not get.
fn note_early_times(part: &mut PartWriter) {
    if let Some(left) = LeftOut::early_times(part.entries().values()) {
        part.leave_out(left);
    }
}

/// Takes the files of an archive of the daemon.
async fn added(
    mut part: PartWriter,
    archive: RawBytes,
    skip: impl Fn(&TreePath) -> bool + Send + 'static,
) -> Result<PartWriter> {
    let reader = for_thread(archive);
    let reading = tokio::task::spawn_blocking(move || {
        part.add_archive(reader, skip)?;
        Ok(part)
    });
    reading.await.map_err(|ended| Error::engine(NAME, ended))?
}

impl DockerInstance {
    /// Reads the file system: what differs from the image, if an earlier snapshot has the rest.
    async fn save_root(&self, mut part: PartWriter) -> Result<PartWriter> {
        let containers = self.container.docker.containers();
        let list = |name: String| async move { containers.changes(&name).await };
        let changes = self.container.call(list).await.map_err(to_error)?;
        let listed = Listed::new(changes, is_of_daemon);
        let mounts = mounts(&self.look_closely().await?);
        // The archives of Podman show no owners; its export does.
        let reading = part
            .previous_whole()
            .filter(|_| !self.container.podman)
            .and_then(|previous| listed.reading(previous, &mounts));
        let mut complete = false;
        if let Some(reading) = reading {
            (part, complete) = self.save_changed(part, reading).await?;
        }
        if !complete {
            part.start_anew();
            let archive = containers.export(self.container.id()).await.map_err(to_error)?;
            part = added(part, archive, is_of_daemon).await?;
        }
        part.root_is_unknown()?;
        part.stamp(|path| listed.stamp(path));
        note_early_times(&mut part);
        Ok(part)
    }

    /// Reads what has changed; returns whether the result is certain.
    async fn save_changed(&self, mut part: PartWriter, reading: Reading) -> Result<(PartWriter, bool)> {
        let containers = self.container.docker.containers();
        for entry in reading.kept {
            part.add(entry)?;
        }
        for read in &reading.reads {
            let (Read::Whole(path) | Read::Directory(path)) = read;
            let Ok(text) = std::str::from_utf8(path.as_bytes()) else {
                return Ok((part, false));
            };
            let archive = match containers
                .download(self.container.id(), &format!("/{text}"))
                .await
            {
                // It was removed, or has a name that the daemon does not find.
                Err(error) if error.is_not_found() => continue,
                opened => opened.map_err(to_error)?,
            };
            let (reader, at) = (for_thread(archive), path.clone());
            let whole = matches!(read, Read::Whole(_));
            let work = move || {
                let name = at.as_bytes().rsplit(|byte| *byte == b'/').next();
                let name = name.unwrap_or_default().to_vec();
                let fits = match whole {
                    true => part
                        .add_archive_below(reader, &at, &name, is_of_daemon)
                        .map(|()| true)?,
                    false => part.add_first_below(reader, &at, &name)?,
                };
                Ok((part, fits))
            };
            let done: Result<(PartWriter, bool)> = tokio::task::spawn_blocking(work)
                .await
                .map_err(|ended| Error::engine(NAME, ended))?;
            let fits;
            (part, fits) = done?;
            if !fits {
                return Ok((part, false));
            }
        }
        let certain = !may_be_linked(part.entries(), &reading.reads);
        Ok((part, certain))
    }

    pub(super) async fn look_closely(&self) -> Result<Container> {
        let inspected = self.container.inspect().await;
        inspected.map_err(|error| match error.is_not_found() {
            true => Error::lost(),
            false => to_error(error),
        })
    }
}

/// The file system and the volumes of a container, and what else is mounted in it.
pub(super) fn parts(container: &Container) -> (Vec<PartKind>, Vec<LeftOut>) {
    let (mut parts, mut left_out) = (vec![PartKind::Root], Vec::new());
    for mount in &container.mounts {
        match &mount.kind {
            MountType::Volume => parts.push(PartKind::Volume {
                target: mount.destination.clone(),
                volume: mount.name.clone(),
                read_only: !mount.rw,
            }),
            MountType::Tmpfs => left_out.push(LeftOut::in_memory(&mount.destination)),
            _ => left_out.push(LeftOut::new(
                format!("{} at {}", mount.source, mount.destination),
                "it belongs to the host, and is mounted again at the restore",
            )),
        }
    }
    for target in container.host_config.tmpfs.keys() {
        left_out.push(LeftOut::in_memory(target));
    }
    parts.sort_by_key(PartKind::name);
    (parts, left_out)
}

/// The paths at which something is mounted.
fn mounts(container: &Container) -> Vec<TreePath> {
    let targets = container.mounts.iter().map(|mount| &mount.destination);
    let targets = targets.chain(container.host_config.tmpfs.keys());
    targets
        .filter_map(|target| TreePath::normal(target.as_bytes()).ok())
        .collect()
}

/// Whether the daemon makes the file anew in every container.
fn is_of_daemon(path: &TreePath) -> bool {
    let bytes = path.as_bytes();
    OF_DAEMON.contains(&bytes) || bytes.starts_with(b"dev/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::copy::Stop;
    use crate::snapshots::{Entry, begin_carried, complete_carried};

    #[test]
    fn times_before_1970_are_left_out() {
        for seconds in [0, -1] {
            let directory = tempfile::tempdir().unwrap();
            let mut part = begin_carried(&directory.path().join("store"), &Stop::default()).unwrap();
            let entry = Entry {
                mtime: (seconds, 0),
                ..Entry::directory(TreePath::normal(b"old").unwrap())
            };
            part.add(entry).unwrap();
            note_early_times(&mut part);
            let (_, left_out) = complete_carried(part).unwrap();
            // Nothing is known of the top directory.
            assert_eq!(left_out.len(), 1 + usize::from(seconds < 0), "{left_out:?}");
        }
    }
}
