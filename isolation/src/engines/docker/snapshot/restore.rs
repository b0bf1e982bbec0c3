//! Creates an environment with the files of a snapshot: an image of one layer, and new volumes.

use engine_api::Docker;

use super::stream::from_thread;
use super::{Prepared, REPOSITORY, image};
use crate::engine::NewEnvironment;
use crate::engines::docker::instance::DockerInstance;
use crate::engines::docker::owned::{Kind, Owned, completed};
use crate::engines::docker::{DockerEngine, NAME};
use crate::environment::id::random_hex;
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::{PartKind, PartReader, SavedState};
use crate::spec::EnvironmentSpec;
use crate::spec::mount::MountSource;

impl DockerEngine {
    /// Leaves out the image and the volumes, which the files of the snapshot replace.
    pub(in crate::engines::docker) fn adapt_spec(
        state: &SavedState,
        spec: &mut EnvironmentSpec,
    ) -> Result<()> {
        let manifest = state.manifest();
        // Other engines with images save whole systems, too.
        if manifest.engine != NAME && manifest.image.is_none() {
            let why = format!(
                "the snapshot is one of the engine {0}, and its files do not make an image; restore it on the \
                 engine {0}, then migrate the environment: isolate migrate ENVIRONMENT {NAME}",
                manifest.engine
            );
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let is_saved = |target: &str| {
            manifest.parts.iter().any(|part| match &part.kind {
                PartKind::Volume { target: saved, .. } => {
                    saved.trim_end_matches('/') == target.trim_end_matches('/')
                }
                PartKind::Root => false,
            })
        };
        spec.mounts.retain(|mount| match mount.source {
            MountSource::Volume(_) => !is_saved(&mount.target),
            _ => true,
        });
        Ok(())
    }

    pub(in crate::engines::docker) async fn make_from(
        &self,
        new: NewEnvironment<'_>,
        state: &SavedState,
    ) -> Result<DockerInstance> {
        let docker = self.docker().await?;
        let manifest = state.manifest();
        let Some(root) = manifest.part(&PartKind::Root.name()) else {
            return Err(Error::new(ErrorKind::Corrupt, "the snapshot has no file system"));
        };
        let mut prepared = Prepared::default();
        let name = format!("{REPOSITORY}:{}", random_hex());
        let owned = Owned::expecting(docker, Kind::Image, &name, new.id.as_str(), new.context.journal())?;
        let config = manifest.image.clone().unwrap_or_else(|| serde_json::json!({}));
        let platform = manifest.platform.clone();
        let (client, part, tag) = (docker.clone(), state.part(root), name.clone());
        // The daemon may complete it after the caller is dropped.
        let loading = async move { image::load_part(&client, part, config, platform, &tag).await };
        let (owned, ()) = completed(owned, Box::pin(loading)).await?;
        prepared.owned.push(owned);
        prepared.image = Some(name);
        for part in &manifest.parts {
            if let PartKind::Volume {
                target, read_only, ..
            } = &part.kind
            {
                let volume = self.restored_volume(docker, new, state.part(part)).await?;
                prepared
                    .volumes
                    .push((target.clone(), volume.name().to_owned(), *read_only));
                prepared.owned.push(volume);
            }
        }
        Box::pin(self.make(new, prepared)).await
    }

    async fn restored_volume(
        &self,
        docker: &Docker,
        new: NewEnvironment<'_>,
        part: PartReader,
    ) -> Result<Owned> {
        let (mut writer, pieces) = from_thread();
        let writing = tokio::task::spawn_blocking(move || {
            let written = part.write_archive(&mut writer, |_| true);
            let written = written.and_then(|()| writer.end().map_err(|error| Error::engine(NAME, error)));
            if let Err(error) = &written {
                writer.fail(&error.to_string());
            }
            written
        });
        let volume = self.filled_volume(docker, new, pieces).await;
        let written = writing.await.map_err(|ended| Error::engine(NAME, ended))?;
        match (written, volume) {
            (Err(error), _) if error.kind() == ErrorKind::Corrupt => Err(error),
            (_, Err(error)) | (Err(error), _) => Err(error),
            (Ok(()), Ok(volume)) => Ok(volume),
        }
    }
}
