//! One file, directory or link of a snapshot.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::attributes::{self, Attributes};
use super::bytes::Bytes;
use super::digest::Digest;
use crate::error::{Error, ErrorKind, Result};

/// A path in a part of a snapshot, without `/` at its beginning; the root is empty. A directory
/// comes before its contents in the order of paths.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TreePath(Bytes);

impl TreePath {
    /// The root of the part.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path as an archive writes it: `./a//b/` is `a/b`.
    ///
    /// # Errors
    ///
    /// If it leads out with `..`, or has a zero byte.
    pub fn normal(path: &[u8]) -> Result<Self> {
        let parts = path
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && *part != b".");
        let joined = parts.collect::<Vec<_>>().join(&b'/');
        let path = Self(joined.into());
        path.check()?;
        Ok(path)
    }

    /// The path of an entry of a directory.
    #[must_use]
    pub fn join(&self, name: &[u8]) -> Self {
        match self.is_root() {
            true => Self(name.into()),
            false => Self([self.as_bytes(), name].join(&b'/').into()),
        }
    }

    /// The directory of it; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let bytes = self.as_bytes();
        if bytes.is_empty() {
            return None;
        }
        let end = memchr::memrchr(b'/', bytes).unwrap_or(0);
        Some(Self(bytes[..end].into()))
    }

    /// Whether it is `other`, or below it.
    pub fn is_below(&self, other: &Self) -> bool {
        match self.as_bytes().strip_prefix(other.as_bytes()) {
            Some(rest) => other.is_root() || rest.is_empty() || rest.starts_with(b"/"),
            None => false,
        }
    }

    /// The bytes of the path.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The path below a directory of this machine.
    pub(crate) fn below(&self, top: &Path) -> PathBuf {
        match self.is_root() {
            true => top.to_owned(),
            false => top.join(OsStr::from_bytes(self.as_bytes())),
        }
    }

    /// Refuses a path that would lead out of the directory in which it is created.
    pub(crate) fn check(&self) -> Result<()> {
        let bytes = self.as_bytes();
        let is_bad = |part: &[u8]| matches!(part, b"" | b"." | b"..");
        if !bytes.is_empty() && (bytes.split(|byte| *byte == b'/').any(is_bad) || bytes.contains(&0)) {
            let why = format!("{self:?} is not a path in a snapshot");
            return Err(Error::new(ErrorKind::Corrupt, why));
        }
        Ok(())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", String::from_utf8_lossy(self.as_bytes()))
    }
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.as_bytes(), other.as_bytes());
        one.split(|byte| *byte == b'/')
            .cmp(two.split(|byte| *byte == b'/'))
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A file, directory or link of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it is.
    pub path: TreePath,
    /// The kind.
    #[serde(flatten)]
    pub kind: EntryKind,
    /// The permissions, such as `0o4755`.
    pub mode: u32,
    /// The user.
    pub uid: u64,
    /// The group.
    pub gid: u64,
    /// The time of the last change: seconds since 1970, and nanoseconds.
    pub mtime: (i64, u32),
    /// The extended attributes. Like the name of a file, that of an attribute need not be UTF-8.
    #[serde(default, skip_serializing_if = "Attributes::is_empty", with = "attributes")]
    pub xattrs: Attributes,
    /// How the engine recognises that a file was not changed since: its inode and the time of the
    /// last change of the inode, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<(u64, i128)>,
}

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its size in bytes.
        size: u64,
        /// The chunks of its content, in order.
        chunks: Vec<Digest>,
    },
    /// A symbolic link.
    Link {
        /// The target.
        target: Bytes,
    },
    /// Another name of a file.
    HardLink {
        /// The first name of the file.
        target: TreePath,
    },
    /// A named pipe.
    Pipe,
    /// A character device.
    CharDevice {
        /// The major number.
        major: u32,
        /// The minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// The major number.
        major: u32,
        /// The minor number.
        minor: u32,
    },
}

impl Entry {
    /// A directory with usual attributes, for one that an archive does not list.
    pub(crate) fn directory(path: TreePath) -> Self {
        Self {
            path,
            kind: EntryKind::Directory,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: (0, 0),
            xattrs: Attributes::new(),
            stamp: None,
        }
    }

    /// The size of its content in bytes.
    pub fn size(&self) -> u64 {
        match &self.kind {
            EntryKind::File { size, .. } => *size,
            _ => 0,
        }
    }

    /// The chunks of its content.
    pub(crate) fn chunks(&self) -> &[Digest] {
        match &self.kind {
            EntryKind::File { chunks, .. } => chunks,
            _ => &[],
        }
    }

    /// The same in a directory, which the root becomes.
    pub(crate) fn in_directory(&self, top: &TreePath) -> Self {
        let inside = |path: &TreePath| match path.is_root() {
            true => top.clone(),
            false => top.join(path.as_bytes()),
        };
        let kind = match &self.kind {
            EntryKind::HardLink { target } => EntryKind::HardLink {
                target: inside(target),
            },
            kind => kind.clone(),
        };
        Self {
            path: inside(&self.path),
            kind,
            ..self.clone()
        }
    }

    /// Whether everything but the stamp is equal: also in another environment.
    pub fn is_same(&self, other: &Self) -> bool {
        let without = |entry: &Self| Self {
            stamp: None,
            ..entry.clone()
        };
        without(self) == without(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_comes_before_its_contents() {
        let mut paths: Vec<TreePath> = ["a-b", "a/c", "a", "", "b", "a/c/d"]
            .map(|path| TreePath::normal(path.as_bytes()).unwrap())
            .into();
        paths.sort();
        let shown: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["/", "/a", "/a/c", "/a/c/d", "/a-b", "/b"]);
        assert!(paths[3].is_below(&paths[1]) && !paths[4].is_below(&paths[1]));
        assert_eq!(paths[3].parent(), Some(paths[2].clone()));
        assert_eq!(paths[1].parent(), Some(TreePath::root()));
        assert_eq!(TreePath::root().parent(), None);
    }

    #[test]
    fn path_that_leads_out_is_refused() {
        assert_eq!(TreePath::normal(b"./a//b/").unwrap().to_string(), "/a/b");
        for bad in [&b"../a"[..], b"a/../../b", b"a\0b"] {
            assert_eq!(TreePath::normal(bad).unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let hostile: TreePath = serde_json::from_str(r#""/etc/passwd""#).unwrap();
        hostile.check().unwrap_err();
    }

    #[test]
    fn name_that_is_no_text_survives() {
        let path = TreePath::normal(b"a/\xff\xfe").unwrap();
        let text = serde_json::to_string(&path).unwrap();
        assert_eq!(serde_json::from_str::<TreePath>(&text).unwrap(), path);
    }

    #[test]
    fn entry_in_a_directory_has_longer_paths() {
        let path = |text: &str| TreePath::normal(text.as_bytes()).unwrap();
        let name = Entry {
            kind: EntryKind::HardLink {
                target: path("a/file"),
            },
            ..Entry::directory(path("a/name"))
        };
        let moved = name.in_directory(&path("top"));
        assert_eq!(moved.path, path("top/a/name"));
        let target = path("top/a/file");
        assert_eq!(moved.kind, EntryKind::HardLink { target });
        let root = Entry::directory(TreePath::root()).in_directory(&path("top"));
        assert_eq!((root.path, root.kind), (path("top"), EntryKind::Directory));
    }
}
