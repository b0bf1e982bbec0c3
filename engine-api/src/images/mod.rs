//! Images of an engine.
//!
//! ```no_run
//! use engine_api::Docker;
//! use engine_api::images::PullImage;
//!
//! # async fn demo(docker: Docker) -> engine_api::Result<()> {
//! let mut progress = docker.images().pull("busybox:1.36", PullImage::default(), None).await?;
//! while let Some(line) = progress.next().await {
//!     println!("{}", line?.status); // a pull that fails ends with an error here
//! }
//! let image = docker.images().inspect("busybox:1.36", Default::default()).await?;
//! println!("{} bytes", image.size);
//! # Ok(())
//! # }
//! ```

mod attestations;
mod build;
mod commit;
mod history;
mod identity;
mod import;
mod inspect;
mod list;
mod load;
mod manifest;
mod platform;
mod progress;
mod prune;
mod pull;
mod pull_if_missing;
mod pull_with_retry;
mod push;
mod reference;
mod remote;
mod remove;
mod save;
mod search;
mod tag;

pub use attestations::{Attestation, ListAttestations};
pub use build::{
    BuildArgs, BuildCacheFilters, BuildCachePruned, BuildContext, BuildImage, BuildLog, BuildOutput,
    BuildStatus, BuildStep, BuildTrace, BuildWarning, Builder, PreparedContext, PruneBuildCache,
};
#[cfg(feature = "buildkit")]
pub use build::{BuildSecret, BuildSession, LocalOutput, NamedContext, SshAgent};
pub use commit::{CommitImage, ImageCommitted};
pub use history::{HistoryEntry, ListHistory};
pub use identity::{
    BuildIdentity, Identity, KnownSigner, PullIdentity, SignatureIdentity, SignatureTimestamp,
    SignatureTimestampType, SignatureType, SignerIdentity,
};
pub use import::ImportImage;
pub use inspect::{Image, ImageConfig, ImageMetadata, InspectImage, RootFs};
pub use list::{ImageFilters, ImageSummary, ListImages};
pub use load::LoadImages;
pub use manifest::{
    ImageManifest, ManifestAttestation, ManifestImage, ManifestKind, ManifestSize, UnpackedSize,
};
pub use progress::{ErrorDetail, Progress, ProgressDetail};
pub use prune::{ImagesPruned, PruneImages};
pub use pull::PullImage;
pub use push::PushImage;
pub use reference::ImageReference;
pub use remove::{ImageRemoved, RemoveImage};
pub use save::SaveImages;
pub use search::{ImageFound, SearchImages};

use crate::client::Docker;
use crate::wire::operation::OperationInfo;

/// Calls on images; see [`Docker::images`].
///
/// Every `image` is a name with tag or digest, an ID, or a unique prefix of an ID.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    docker: &'a Docker,
}

impl Docker {
    /// The images of this engine.
    pub fn images(&self) -> Images<'_> {
        Images { docker: self }
    }
}

pub(crate) static OPERATIONS: &[&OperationInfo] = &[
    &list::LIST.info,
    &inspect::INSPECT.info,
    &history::HISTORY.info,
    &attestations::ATTESTATIONS.info,
    &tag::TAG.info,
    &remove::REMOVE.info,
    &search::SEARCH.info,
    &prune::PRUNE.info,
    &commit::COMMIT.info,
    &pull::CREATE.info,
    &push::PUSH.info,
    &save::SAVE.info,
    &save::SAVE_ALL.info,
    &load::LOAD.info,
    &build::BUILD.info,
    &build::prune_cache::PRUNE.info,
];
