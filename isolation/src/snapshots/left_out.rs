//! The parts of an environment that do not belong to its snapshot.

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::counted::counted;

/// The parts of an environment that do not belong to its snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The subject: files, values, connections.
    pub what: String,
    /// Why it is left out.
    pub why: String,
}

impl LeftOut {
    /// Something that is left out.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }

    /// The files of a file system in memory that is mounted at this path.
    pub(crate) fn in_memory(path: &str) -> Self {
        Self::new(
            format!("the files in memory at {}", path.trim_end_matches('/')),
            "they are gone at each end of the environment",
        )
    }

    /// Times that the archives of a daemon do not have.
    pub(crate) fn parts_of_seconds() -> Self {
        Self::new(
            "the parts of a second in the times of files",
            "the archives of the daemon have whole seconds",
        )
    }

    /// Times that daemons do not set; `None` without such files.
    pub(crate) fn early_times<'a>(mut entries: impl Iterator<Item = &'a Entry>) -> Option<Self> {
        let is_early = |entry: &Entry| entry.mtime.0 < 0;
        let first = entries.find(|entry| is_early(entry))?;
        let others = entries.filter(|entry| is_early(entry)).count();
        Some(Self::new(
            format!(
                "the times before 1970 of {}, such as {}",
                counted(others + 1, "file", "files"),
                first.path
            ),
            "most daemons set 1970 in a container",
        ))
    }

    /// A socket at this path.
    pub(crate) fn socket(path: impl std::fmt::Display) -> Self {
        Self::new(format!("the socket {path}"), "a socket ends with its process")
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::TreePath;
    use super::*;

    #[test]
    fn times_before_1970_are_counted() {
        let at = |name: &str, seconds| Entry {
            mtime: (seconds, 0),
            ..Entry::directory(TreePath::normal(name.as_bytes()).unwrap())
        };
        assert_eq!(LeftOut::early_times([at("a", 0)].iter()), None);
        let left = LeftOut::early_times([at("a", 0), at("b", -1), at("c", -2)].iter());
        assert_eq!(left.unwrap().what, "the times before 1970 of 2 files, such as /b");
    }
}
