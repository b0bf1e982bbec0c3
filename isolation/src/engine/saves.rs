//! For authors of engines: environments whose files can be saved.

use crate::BoxFuture;
use crate::error::Result;
use crate::snapshots::{Contents, PartWriter};

/// The facet of environments whose files can be saved. It may run during the save; it is paused if
/// its engine supports that.
pub trait Saves: Send + Sync {
    /// The contents of a snapshot, and the omitted parts.
    fn contents(&self) -> BoxFuture<'_, Result<Contents>>;

    /// The absolute paths that differ from the image of the environment; `None` if the engine does
    /// not list them. A directory differs if something in it does.
    fn changed(&self) -> BoxFuture<'_, Result<Option<Vec<String>>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Saves the files of the part of the writer.
    fn save(&self, part: PartWriter) -> BoxFuture<'_, Result<PartWriter>>;
}
