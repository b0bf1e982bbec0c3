//! Listing the changes of a container's file system against its image.

use serde::{Deserialize, Serialize};

use super::Containers;
use crate::error::Result;
use crate::wire::decode::Json;
use crate::wire::operation::Operation;

pub(super) static CHANGES: Operation<Json<Vec<Change>>> =
    Operation::get("ContainerChanges", "/containers/{id}/changes");

impl Containers<'_> {
    /// Lists the files and directories that differ from the image.
    pub async fn changes(&self, id: &str) -> Result<Vec<Change>> {
        self.docker.call(&CHANGES).at(id).send().await
    }
}

/// A file or directory that differs from the image. Definition `FilesystemChange`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Change {
    /// The path inside the container.
    pub path: String,
    /// Kind of change.
    pub kind: ChangeKind,
}

/// Kind of change of a file or directory. Definition `ChangeType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub enum ChangeKind {
    /// It was modified, or for a directory, something in it.
    #[default]
    Modified,
    /// It was added.
    Added,
    /// It was deleted.
    Deleted,
    /// A number that this crate does not know.
    Other(u64),
}

impl From<u64> for ChangeKind {
    fn from(number: u64) -> Self {
        match number {
            0 => Self::Modified,
            1 => Self::Added,
            2 => Self::Deleted,
            other => Self::Other(other),
        }
    }
}

impl From<ChangeKind> for u64 {
    fn from(kind: ChangeKind) -> Self {
        match kind {
            ChangeKind::Modified => 0,
            ChangeKind::Added => 1,
            ChangeKind::Deleted => 2,
            ChangeKind::Other(number) => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::decode;

    #[test]
    fn changes_may_be_null_and_of_unknown_kind() {
        assert_eq!(decode::<Vec<Change>>(b"null").unwrap(), []);
        let text = r#"[{"Path":"/a","Kind":0},{"Path":"/b","Kind":2},{"Path":"/c","Kind":9}]"#;
        let changes: Vec<Change> = decode(text.as_bytes()).unwrap();
        assert_eq!(
            changes.iter().map(|c| c.kind).collect::<Vec<_>>(),
            [ChangeKind::Modified, ChangeKind::Deleted, ChangeKind::Other(9)]
        );
        assert_eq!(serde_json::to_string(&changes).unwrap(), text);
    }
}
