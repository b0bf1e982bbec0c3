//! Images: list, inspect, pull, push, tag, remove, save, load.

mod archive;
mod attestations;
mod create;
mod history;
mod identity;
mod inspect;
mod list;
mod manifest;
mod platform;
mod progress;
mod push;
mod reference;
mod remove;
mod search;
pub(crate) mod tag;

pub use archive::{LoadImages, SaveImages};
pub use attestations::{Attestation, ListAttestations};
pub use create::{ImportImage, PullImage};
pub use history::{HistoryEntry, ListHistory};
pub use identity::{
    BuildIdentity, Identity, KnownSigner, PullIdentity, SignatureIdentity, SignatureTimestamp,
    SignatureTimestampType, SignatureType, SignerIdentity,
};
pub use inspect::{Image, ImageConfig, ImageMetadata, InspectImage, RootFs};
pub use list::{ImageFilters, ImageSummary, ListImages};
pub use manifest::{
    ImageManifest, ManifestAttestation, ManifestImage, ManifestKind, ManifestSize, UnpackedSize,
};
pub use progress::{ErrorDetail, Progress, ProgressDetail};
pub use push::PushImage;
pub use reference::ImageReference;
pub use remove::{ImageRemoved, ImagesPruned, PruneImages, RemoveImage};
pub use search::{ImageFound, SearchImages};
