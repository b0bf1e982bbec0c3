//! Images without a daemon: imported from archives, registries and Docker daemons, kept once for
//! all environments.
//!
//! - `registry`, `registry_access`, `registry_auth`, `http` download an image into an OCI layout.
//! - `blobs`, `description` read archives and layouts; `entries`, `streams`, `unpack`, `owners`
//!   turn layers into a tree.
//! - `store` keeps the trees.
//!
//! ```no_run
//! use isolation::engines::sandbox::SandboxEngine;
//! use isolation::engines::sandbox::images::{ImageSource, ImportImage};
//!
//! # async fn demo() -> isolation::Result<()> {
//! let engine = SandboxEngine::new();
//! let source = ImageSource::Path("busybox.tar".into()); // made by `docker save busybox`
//! let image = engine.images().import(source, ImportImage::default()).await?;
//! println!("{} has {} bytes", image.id, image.size);
//! # Ok(()) }
//! ```

mod blobs;
mod config;
mod description;
mod given;
mod http;
mod kept;
mod owners;
mod registry;
mod registry_access;
mod registry_auth;
mod store;
mod streams;
mod unpack;
mod zstd;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use engine_api::RawBytes;
use serde::Serialize;

use super::identity::Identity;
use super::{NAME, SandboxEngine, mapped, probe};
use crate::engines::docker::ImageNames;
use crate::engines::host::blocking;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::{Stop, StopOnDrop};
use crate::files::remove_tree::remove_tree;
use crate::short::short;
use crate::snapshots::archive_entries::corrupt;

use blobs::Blobs;
pub(super) use config::{Defaults, changed, left_out, user_left_out};
use description::{Platform, familiar};
use kept::Note;
pub(super) use kept::{Kept, Restored};
pub use registry_access::RegistryAccess;
pub(super) use store::ImageStore;
use store::Unfinished;
use streams::Budget;
pub(super) use unpack::LeftOut;
use unpack::Tree;

/// The most bytes that an import unpacks, unless an option names another limit.
const MOST_BYTES: u64 = 32 << 30;

/// The images of the engine `sandbox`: [`SandboxEngine::images`].
#[derive(Debug, Clone, Copy)]
pub struct SandboxImages<'a> {
    engine: &'a SandboxEngine,
}

/// From where an image is imported.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImageSource {
    /// An archive of `docker save` or an OCI archive, also compressed with gzip or zstd, or the
    /// directory of an OCI layout.
    Path(PathBuf),
    /// An archive of one image, as a Docker daemon
    /// [gives](crate::engines::docker::Images::save) it.
    Archive(RawBytes),
    /// The registry of the image, or the one that the engine
    /// [has](SandboxEngine::with_image_names) for names without a registry; only this one gets
    /// credentials. Registries other than those of this machine need the feature `tls`.
    Registry(RegistryAccess),
}

/// The image to import.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ImportImage {
    /// The name or ID of the image in its source; needed if the source has several images. Another
    /// name for the image is [`name`](Self::name).
    pub image: Option<String>,
    /// The name under which it is kept; by default the names that the source has for it.
    pub name: Option<String>,
    /// The most bytes that are unpacked; by default 32 GiB, and never more than the free space.
    pub most_bytes: Option<u64>,
}

impl ImportImage {
    /// The name of the only image that a daemon or a registry gives. It is kept under this name, if
    /// it does not pin a digest.
    fn take_image(&mut self) -> Result<String> {
        let image = self
            .image
            .take()
            .ok_or_else(|| Error::invalid("name the image"))?;
        if self.name.is_none() && check_name(&image).is_ok() {
            self.name = Some(image.clone());
        }
        Ok(image)
    }
}

/// An image of the engine `sandbox`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SandboxImage {
    /// The ID: `sha256:` and the digest of its configuration, as Docker has it.
    pub id: String,
    /// Its names, `busybox:1.36`.
    pub names: Vec<String>,
    /// The size of its files in bytes.
    pub size: u64,
    /// When it was imported, in seconds since 1970.
    pub imported: u64,
    /// The IDs of the environments that use it, of all processes.
    pub environments: BTreeSet<String>,
    /// The settings of the image that environments do not have, as sentences for people.
    pub left_out: Vec<String>,
}

impl SandboxEngine {
    /// The images of this engine.
    pub fn images(&self) -> SandboxImages<'_> {
        SandboxImages { engine: self }
    }

    /// Sets from where images are [imported](ImageSource::Registry) whose name has no
    /// registry.
    ///
    /// # Errors
    ///
    /// If the mirror or the prefix cannot be a part of an image's name.
    pub fn with_image_names(mut self, names: ImageNames) -> Result<Self> {
        names.validate()?;
        self.image_names = names;
        Ok(self)
    }

    /// The store of images for the users of this process.
    pub(super) fn image_store(&self, identity: Identity) -> Result<ImageStore> {
        let top = self.cache()?;
        let store = ImageStore::open(&top, identity)?;
        match probe::closed_to(store.top(), identity) {
            None => Ok(store),
            Some(closed) => Err(Error::invalid(format!(
                "the root of an environment cannot enter {}, above the images in {}; set XDG_CACHE_HOME to \
                 a directory that every user may enter",
                closed.display(),
                store.top().display()
            ))),
        }
    }

    /// The directory of images. The root of an environment cannot enter the home directory of root.
    fn cache(&self) -> Result<PathBuf> {
        if let Some(cache) = &self.cache {
            return Ok(cache.clone());
        }
        let is_root = rustix::process::geteuid().is_root();
        cache_directory(is_root, |name| std::env::var_os(name).map(PathBuf::from))
    }
}

/// The directory of images of a user with these environment variables.
fn cache_directory(is_root: bool, variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    const OWN: &str = "isolate/sandbox";
    let variable = |name: &str| variable(name).filter(|path| path.is_absolute());
    if let Some(cache) = variable("XDG_CACHE_HOME") {
        return Ok(cache.join(OWN));
    }
    if is_root {
        return Ok(Path::new("/var/cache").join(OWN));
    }
    let missing = "there is no directory for images; set HOME or XDG_CACHE_HOME to an absolute path";
    let home = variable("HOME").ok_or_else(|| Error::invalid(missing))?;
    Ok(home.join(".cache").join(OWN))
}

impl SandboxImages<'_> {
    /// Imports an image. One that is kept already only gets the names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if a digest is wrong, or the source is damaged or hostile: nothing is
    /// kept then.
    pub async fn import(&self, source: ImageSource, options: ImportImage) -> Result<SandboxImage> {
        let what = match (&source, &options.image) {
            (_, Some(image)) => image.clone(),
            (ImageSource::Path(path), None) => path.display().to_string(),
            (_, None) => String::new(),
        };
        let imported = self.try_import(source, options).await;
        imported.map_err(|error| error.during("import the image", &what))
    }

    async fn try_import(&self, source: ImageSource, options: ImportImage) -> Result<SandboxImage> {
        if let Some(name) = &options.name {
            check_name(name)?;
        }
        if let ImageSource::Registry(access) = &source {
            access.check()?;
        }
        let store = self.store().await?;
        let stop = Stop::default();
        let _guard = StopOnDrop(stop.clone());
        let beginning = store.clone();
        let most = options.most_bytes.unwrap_or(MOST_BYTES);
        let (made, mut budget) = blocking(NAME, move || {
            let budget = Budget {
                left: most.min(free_space(beginning.top())?),
            };
            Ok((beginning.begin(mapped::remove_tree)?, budget))
        })
        .await?;
        let mut options = options;
        let from = match source {
            ImageSource::Path(path) => path,
            ImageSource::Archive(archive) => {
                options.take_image()?;
                let file = made.file("saved.tar");
                save(archive, &file, &mut budget).await?;
                file
            }
            ImageSource::Registry(access) => {
                let image = options.take_image()?;
                let layout = made.file("layout");
                let pulled = self.pulled_name(&image);
                let done = registry::download(&pulled, access, &layout, &mut budget).await;
                done.map_err(|error| match pulled == image {
                    true => error,
                    false => error.during("pull the image", &pulled),
                })?;
                layout
            }
        };
        blocking(NAME, move || {
            let kept = unpack_into(&store, &made, &from, &options, budget, &stop)?;
            described(&kept)
        })
        .await
    }

    /// The name by which a registry is asked for an image. It is kept under its own name.
    pub fn pulled_name(&self, image: &str) -> String {
        self.engine.image_names.pulled(image)
    }

    /// Lists the images, the newest first, with what uses them.
    pub async fn list(&self) -> Result<Vec<SandboxImage>> {
        let store = self.store().await?;
        blocking(NAME, move || store.list()?.iter().map(described).collect()).await
    }

    /// Removes a name of an image, or all names with an ID. The last one removes the image, which
    /// is an error if an environment uses it. Returns what was removed.
    pub async fn remove(&self, image: &str) -> Result<Vec<String>> {
        let (store, name) = (self.store().await?, image.to_owned());
        let removed = blocking(NAME, move || store.remove(&name, mapped::remove_tree)).await;
        removed.map_err(|error| error.during("remove the image", image))
    }

    /// Removes the images that no environment uses. Returns the IDs.
    pub async fn prune(&self) -> Result<Vec<String>> {
        let store = self.store().await?;
        blocking(NAME, move || {
            let mut removed = Vec::new();
            for kept in store.list()? {
                if !kept.users()?.is_empty() {
                    continue;
                }
                let id = format!("sha256:{}", kept.id());
                match store.remove(&id, mapped::remove_tree) {
                    Ok(_) => removed.push(id),
                    // Somebody has begun to use it, or has removed it, meanwhile.
                    Err(error) if error.kind() == ErrorKind::Conflict || error.is_not_found() => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(removed)
        })
        .await
    }

    async fn store(&self) -> Result<ImageStore> {
        let engine = self.engine.clone();
        blocking(NAME, move || engine.image_store(Identity::of_this_process()?)).await
    }
}

/// The platform of the images, as Docker names it.
pub(super) fn platform() -> String {
    let Platform { os, architecture } = Platform::here();
    format!("{os}/{architecture}")
}

/// Rejects what is no name of an image, and what pins its content.
fn check_name(name: &str) -> Result<()> {
    match familiar(name) {
        Some(parsed) if !parsed.contains('@') => Ok(()),
        _ => Err(Error::invalid(format!(
            "{name:?} is not a name of an image; write `name` or `name:tag`",
            name = short(name)
        ))),
    }
}

/// The bytes that may still be written to a directory.
fn free_space(directory: &Path) -> Result<u64> {
    let found = rustix::fs::statvfs(directory);
    let found = found.map_err(|e| Error::io("inspect", directory, e.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Writes an archive of a Docker daemon to a file.
async fn save(mut archive: RawBytes, to: &Path, budget: &mut Budget) -> Result<()> {
    use tokio::io::AsyncWriteExt;
    let failed = |e| Error::io("write", to, e);
    let mut file = tokio::fs::File::create(to).await.map_err(failed)?;
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(|error| Error::engine("docker", error))?;
        budget.spend(piece.len() as u64)?;
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

/// Unpacks an image of a path, and keeps it.
fn unpack_into(
    store: &ImageStore,
    made: &Unfinished,
    from: &Path,
    options: &ImportImage,
    mut budget: Budget,
    stop: &Stop,
) -> Result<Kept> {
    let blobs = Blobs::open(from, &made.file("unpacked.tar"), &mut budget, stop)?;
    let description = blobs.describe(options.image.as_deref())?;
    let own = options.name.as_deref().and_then(familiar);
    let names = own.map_or(description.names, |name| vec![name]);
    if store.with_id(&description.id)?.is_some() {
        store.name(&description.id, &names)?;
        if let Some(kept) = store.with_id(&description.id)? {
            return Ok(kept);
        }
    }
    let before = budget.left;
    let mut tree = Tree::new(&made.root(), store.identity(), budget, stop)?;
    for (file, digests) in description.layers {
        let layer = blobs.file(&file)?;
        let layer = layer.ok_or_else(|| corrupt(format!("the layer {file} is missing")))?;
        tree.add(layer, digests)?;
    }
    let (left_out, left, given) = tree.finish()?;
    owners::give(store.identity(), &made.root(), &given, &made.file("lists"))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let note = Note {
        id: description.id,
        config: description.config,
        size: before - left,
        imported: now.unwrap_or_default().as_secs(),
        left_out,
    };
    for file in ["saved.tar", "unpacked.tar", "layout", "lists"] {
        let path = made.file(file);
        remove_tree(&path).map_err(|e| Error::io("remove", &path, e))?;
    }
    store.finish(made, &note, &names)
}

fn described(kept: &Kept) -> Result<SandboxImage> {
    Ok(SandboxImage {
        id: format!("sha256:{}", kept.id()),
        names: kept.names.clone(),
        size: kept.note.size,
        imported: kept.note.imported,
        environments: kept.users()?,
        left_out: left_out(kept),
    })
}

#[cfg(test)]
mod tests;
