//! Snapshots: the state of an environment, saved, restored, multiplied and carried elsewhere.
//!
//! A snapshot is in a [`SnapshotStore`], a directory of this user. It has the files of an
//! environment with their modes, owners, links and times, its volumes, the configuration and the
//! list of packages. Its [`Manifest`] lists what it does not have: memory, sockets, directories of
//! the host, and values of environment variables, which may be secret. The paths that activate a
//! virtual environment of Python are kept.
//!
//! ```no_run
//! use isolation::snapshots::{RestoreOptions, SnapshotOptions, SnapshotStore};
//! use isolation::{Environment, Manager};
//!
//! # async fn demo(manager: &Manager, environment: &Environment) -> isolation::Result<()> {
//! let store = SnapshotStore::open(None)?;
//! let snapshot = environment.snapshot(&store, SnapshotOptions::default()).await?.snapshot;
//! for left in &snapshot.manifest.left_out {
//!     println!("not saved: {} ({})", left.what, left.why);
//! }
//! let restored = manager.restore(&store, &snapshot, RestoreOptions::default()).await?;
//! println!("{} has the same files", restored.environment.name());
//! # Ok(())
//! # }
//! ```
//!
//! **Authors of engines** implement the facet [`Saves`](crate::Saves): a [`PartWriter`] takes a
//! directory or a tar archive, a [`PartReader`] writes one.

mod activation;
pub(crate) mod archive_entries;
mod attributes;
mod bytes;
mod carried;
mod clone_tree;
mod contents;
mod copy_content;
mod create;
mod diff;
mod digest;
mod directory_in;
mod directory_out;
mod entry;
mod holes;
mod image_archive;
mod image_config;
mod image_layer;
mod left_out;
mod manifest;
mod owners;
mod part_reader;
mod part_writer;
mod progress;
mod put;
mod restore;
mod saved_state;
mod store;
mod tar_archive;
#[cfg(test)]
pub(crate) mod testing;
mod transfer;
mod tree;
mod xattrs;

use crate::error::{Error, Result};

pub use attributes::Attributes;
pub use bytes::Bytes;
pub(crate) use carried::{begin as begin_carried, complete as complete_carried};
pub(crate) use clone_tree::{Seen, clone_tree, clone_tree_with};
pub use contents::{Contents, PartKind};
pub(crate) use copy_content::copy_content;
pub use create::{Saved, SnapshotOptions};
pub use diff::{Change, ConfigurationChange, FileChange, SnapshotDifference};
pub use digest::Digest;
pub(crate) use directory_in::View;
pub(crate) use directory_out::{Differing, not_created};
pub use entry::{Entry, EntryKind, TreePath};
pub(crate) use image_config::image_config;
pub(crate) use image_layer::{Measured, file_header};
pub use left_out::LeftOut;
pub use manifest::{Manifest, Part, Snapshot};
pub(crate) use owners::Owners;
pub use part_reader::PartReader;
pub use part_writer::PartWriter;
pub use progress::{OnProgress, Progress};
pub(crate) use put::put;
pub use restore::{RestoreOptions, Restored};
pub use saved_state::SavedState;
pub use store::{Collected, SnapshotList, SnapshotStore, StoreUsage, VARIABLE, Verified};

/// Runs blocking work on a thread for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) => Err(Error::engine("snapshots", ended)),
    }
}
