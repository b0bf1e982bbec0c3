//! The files with which an environment begins.

use std::path::Path;

use engine_api::images::ImageConfig;

use super::identity::{COUNT, Identity};
use super::images::{self, Defaults, Kept, LeftOut, Restored};
use super::layout::Layout;
use super::mapped;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::Stop;
use crate::files::dir::Dir;
use crate::files::remove_tree::remove_tree;
use crate::files::root;
use crate::snapshots::{Differing, Digest, Owners, PartKind, PartReader, SavedState};

/// The files with which an environment begins.
#[derive(Debug)]
pub(super) enum Beginning {
    /// Those of an image, or of this machine.
    New(Option<Box<Kept>>),
    /// Those of another environment.
    Fork(Layout),
    /// Those of a snapshot, and the configuration of its image.
    Saved(SavedState, Option<Box<ImageConfig>>),
}

impl Beginning {
    /// From a snapshot.
    pub(super) fn saved(state: &SavedState) -> Result<Self> {
        let config = match &state.manifest().image {
            Some(config) => Some(serde_json::from_value(config.clone()).map_err(|error| {
                let why = format!("the configuration of the image is damaged: {error}");
                Error::new(ErrorKind::Corrupt, why)
            })?),
            None => None,
        };
        Ok(Self::Saved(state.clone(), config))
    }

    /// The settings of the image for commands.
    pub(super) fn defaults(&self) -> Defaults {
        match self {
            Self::New(image) => image.as_deref().map(Defaults::of),
            Self::Fork(layout) => layout.kept_image().as_ref().map(Defaults::of),
            Self::Saved(_, config) => config.as_deref().map(Defaults::of_config),
        }
        .unwrap_or_default()
    }

    /// Whether they are those of an image, and not of this machine.
    pub(super) fn has_image(&self) -> bool {
        match self {
            Self::New(image) => image.is_some(),
            Self::Fork(layout) => layout.has_image(),
            Self::Saved(_, config) => config.is_some(),
        }
    }

    /// A note for the owner of the environment.
    pub(super) fn warnings(&self, layout: &Layout) -> Vec<String> {
        let image = match self {
            Self::New(image) => image.as_deref().cloned(),
            Self::Fork(_) | Self::Saved(..) => layout.kept_image(),
        };
        image
            .as_ref()
            .and_then(images::user_left_out)
            .into_iter()
            .collect()
    }
}

impl Layout {
    /// Copies the files of another environment, which shares its image with this one.
    pub(super) fn copy_of(&self, source: &Self, stop: &Stop) -> Result<()> {
        self.share_image(source)?;
        match source.is_overlay() {
            true => {
                self.make_overlay_directories()?;
                mapped::copy(self.identity(), &source.upper(), &self.upper(), stop)
            }
            false => {
                self.make_empty_root()?;
                mapped::copy(self.identity(), &source.root(), &self.root(), stop)
            }
        }
    }

    /// Writes the files of a snapshot. Returns what its owner should know.
    pub(super) fn write_saved(
        &self,
        state: &SavedState,
        config: Option<&ImageConfig>,
        stop: &Stop,
    ) -> Result<Vec<String>> {
        let mut differing = Differing::default();
        let mut warnings = Vec::new();
        let manifest = state.manifest();
        let Some(part) = manifest.part(&PartKind::Root.name()) else {
            return Err(Error::new(ErrorKind::Corrupt, "the snapshot has no file system"));
        };
        self.make_empty_root()?;
        let owners = self.identity().owners();
        let mut write = |part: PartReader, directory: &Path| {
            let written = part.write_directory_as(directory, owners, stop)?;
            differing.owners += written.owners;
            differing.devices += written.devices;
            differing.links += written.links;
            Result::Ok(())
        };
        write(state.part(part), &self.root())?;
        for part in &manifest.parts {
            if let PartKind::Volume { target, volume, .. } = &part.kind {
                let directory = self.emptied(target)?;
                write(state.part(part), &directory)?;
                warnings.push(format!(
                    "the files of the volume {volume} are files of the environment, in {target}"
                ));
            }
        }
        warnings.extend(differing.about_links());
        let left_out = LeftOut {
            devices: differing.devices,
            owners: differing.owners,
        };
        match config {
            Some(config) => {
                let text = serde_json::to_vec(config)
                    .map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
                let image = Restored {
                    id: Digest::of(&text),
                    config: config.clone(),
                    left_out,
                };
                self.make_own_image(image)?;
            }
            None => warnings.extend(images::changed(left_out, self.identity())),
        }
        Ok(warnings)
    }

    /// An empty directory in the root, in which nothing runs yet.
    fn emptied(&self, path: &str) -> Result<std::path::PathBuf> {
        let top = self.root();
        let failed = |e| Error::io("create the directory", Path::new(path), e);
        let owner = self.identity().owner();
        let root = Dir::open_root(&top, owner).map_err(failed)?;
        let place = root::place(&root, "/", path, true)?;
        place.make_directory()?;
        // The messages of the place begin at the root.
        let inside = place.into_directory()?.path().to_owned();
        let directory = top.join(inside.strip_prefix("/").unwrap_or(&inside));
        for entry in std::fs::read_dir(&directory).map_err(failed)? {
            // The volume hid it.
            remove_tree(&entry.map_err(failed)?.path()).map_err(failed)?;
        }
        Ok(directory)
    }
}

impl Identity {
    /// The users of an environment, for its snapshots.
    pub(super) fn owners(self) -> Owners {
        match self {
            Self::Caller => Owners::Caller,
            Self::Mapped { first } => Owners::Mapped { first, count: COUNT },
            Self::Range { first } => Owners::Range { first, count: COUNT },
        }
    }
}
