//! Export a volume as a tar archive, and import one.

use engine_api::containers::UploadArchive;
use engine_api::{Docker, RawBytes, Upload};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::access::PLACE;
use super::{VolumeInfo, Volumes};
use crate::engines::docker::NAME;
use crate::engines::docker::diagnostics::to_error;
use crate::error::{Error, ErrorKind, Result};

/// The version of Podman's own API by which a volume is exported with the owners of its files. Its
/// version of Docker's API gives all files to root.
const PODMAN: &str = "/v5.0/libpod";

impl Volumes<'_> {
    /// Writes the files of a volume as a tar archive, with their owners, modes and links. The names
    /// in it start at the root of the volume. Returns the number of bytes.
    ///
    /// On Docker this needs an image on the daemon, of which nothing runs: the default one, or any.
    /// On Podman it needs version 5.6.
    pub async fn export(&self, reference: &str, target: impl AsyncWrite + Send) -> Result<u64> {
        let exported = async {
            let volume = self.find(reference).await?;
            let docker = self.engine.docker().await?;
            if self.engine.podman(docker).await? {
                return write(podman_export(docker, &volume.on_daemon).await?, target).await;
            }
            let access = self.access(&volume).await?;
            let containers = docker.containers();
            let written = match containers.download(access.name(), &format!("{PLACE}/.")).await {
                Ok(archive) => write(archive, target).await,
                Err(error) => Err(to_error(error)),
            };
            access.remove().await;
            written
        };
        let exported = exported.await;
        exported.map_err(|error| error.during("export the volume", reference))
    }

    /// Adds the files of a tar archive, plain or compressed, to a volume, with their owners, modes
    /// and links. A file replaces one of the same name.
    ///
    /// This needs an image on the daemon, of which nothing runs: the default one, or any.
    ///
    /// # Errors
    ///
    /// If the archive is damaged; files before the damage are in the volume.
    pub async fn import(&self, reference: &str, source: impl AsyncRead + Send + 'static) -> Result<()> {
        let imported = async {
            let volume = self.find(reference).await?;
            self.fill(&volume, Upload::reader(source)).await
        };
        let imported = imported.await;
        imported.map_err(|error| error.during("import into the volume", reference))
    }

    /// Unpacks an archive in a volume.
    pub(in crate::engines::docker) async fn fill(&self, volume: &VolumeInfo, archive: Upload) -> Result<()> {
        let docker = self.engine.docker().await?;
        let options = UploadArchive {
            // Podman gives the files to the user of the container if this is set.
            copy_uid_gid: !self.engine.podman(docker).await?,
            ..UploadArchive::default()
        };
        let access = self.access(volume).await?;
        let containers = docker.containers();
        let uploaded = containers.upload(access.name(), PLACE, archive, options);
        let uploaded = uploaded.await.map_err(|error| match error.kind() {
            engine_api::ErrorKind::UploadSource => Error::invalid(format!("{error:#}")),
            _ => to_error(error),
        });
        access.remove().await;
        uploaded
    }
}

/// The files of a volume of Podman; `volume` is its name on the daemon.
pub(in crate::engines::docker) async fn podman_export(docker: &Docker, volume: &str) -> Result<RawBytes> {
    let path = format!("{PODMAN}/volumes/{volume}/export");
    let reply = docker.raw("GET", &path).send().await.map_err(to_error)?;
    match reply.status {
        200 => Ok(reply.body),
        404 => {
            let text = "this version of Podman cannot export volumes; use version 5.6 or later";
            Err(Error::new(ErrorKind::Unsupported, text))
        }
        status => {
            let body = reply.body.collect().await.map_err(to_error)?;
            let text = format!(
                "Podman replied with {status}: {}",
                String::from_utf8_lossy(&body).trim()
            );
            Err(Error::new(ErrorKind::Engine, text))
        }
    }
}

async fn write(mut archive: RawBytes, target: impl AsyncWrite + Send) -> Result<u64> {
    let mut target = std::pin::pin!(target);
    let failed = |error| Error::io("write", "the archive".as_ref(), error);
    let mut written = 0;
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(|error| Error::engine(NAME, error))?;
        target.write_all(&piece).await.map_err(failed)?;
        written += u64::try_from(piece.len()).unwrap_or_default();
    }
    target.flush().await.map_err(failed)?;
    Ok(written)
}
