//! For authors of engines: environments whose files can be saved.

use crate::BoxFuture;
use crate::error::Result;
use crate::snapshots::{Contents, PartReader, PartWriter};

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

    /// Saves the files of one directory, which becomes the root of the part, for a migration;
    /// `None` if the engine can only copy them. Owners are those of the environment.
    fn save_directory<'a>(
        &'a self,
        path: &'a str,
        part: PartWriter,
    ) -> BoxFuture<'a, Result<Option<PartWriter>>> {
        let _ = (path, part);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Creates the files of a part in a directory, and replaces files that exist; `None` if the
    /// engine can only copy them. Returns the number of files whose owner the environment cannot
    /// have. Nothing runs in it yet.
    fn write_directory<'a>(&'a self, path: &'a str, part: PartReader) -> BoxFuture<'a, Result<Option<u64>>> {
        let _ = (path, part);
        Box::pin(std::future::ready(Ok(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::snapshots::{SnapshotStore, testing};

    /// An engine of another author, with only the required methods.
    struct Least;

    impl Saves for Least {
        fn contents(&self) -> BoxFuture<'_, Result<Contents>> {
            Box::pin(std::future::ready(Err(Error::invalid(
                "the engine saves no files",
            ))))
        }

        fn save(&self, part: PartWriter) -> BoxFuture<'_, Result<PartWriter>> {
            Box::pin(std::future::ready(Ok(part)))
        }
    }

    /// Then the files of a directory are copied.
    #[tokio::test]
    async fn directory_is_not_saved_without_the_method() {
        let (directory, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = SnapshotStore::open(Some(kept.path())).unwrap();
        let reader = testing::reader(&store, directory.path()).await;
        assert_eq!(Least.changed().await.unwrap(), None);
        let saved = Least.save_directory("/srv", testing::part(&store)).await;
        assert!(saved.unwrap().is_none());
        assert_eq!(Least.write_directory("/srv", reader).await.unwrap(), None);
    }
}
