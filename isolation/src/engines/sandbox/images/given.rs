//! The users of files that belong to root as long as nothing gives them away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::files::dir::Dir;

/// The user and the group inside of files, by path.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<PathBuf, (u32, u32)>);

impl Given {
    /// Notes the owner of a file, if it is not root.
    pub(super) fn set(&mut self, path: &Path, owner: (u32, u32)) {
        match owner {
            (0, 0) => self.0.remove(path),
            owner => self.0.insert(path.to_owned(), owner),
        };
    }

    /// The files that are still in the tree, as paths below it. A later layer may have replaced a
    /// directory above one by a link.
    pub(super) fn below(self, root: &Dir, top: &Path) -> BTreeMap<PathBuf, (u32, u32)> {
        let inner = self.0.into_iter().filter_map(|(path, owner)| {
            let inner = path.strip_prefix(top).unwrap_or(&path);
            let Some(name) = inner.file_name() else {
                return Some((PathBuf::from("."), owner));
            };
            let parent = open_below(root, inner.parent().unwrap_or(Path::new("")))?;
            let is_there = matches!(parent.kind(name), Ok(Some(_)));
            is_there.then(|| (Path::new(".").join(inner), owner))
        });
        inner.collect()
    }
}

/// Opens a directory below the root without following a link; `None` if it does not exist.
pub(super) fn open_below(root: &Dir, path: &Path) -> Option<Dir> {
    let mut directory = root.try_clone().ok()?;
    for part in path {
        directory = directory.directory(part).ok()?;
    }
    Some(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_of_the_root_itself_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path();
        std::fs::write(top.join("file"), "x").unwrap();
        let mut given = Given::default();
        given.set(top, (7, 8));
        given.set(&top.join("file"), (1, 2));
        given.set(&top.join("gone"), (3, 4));
        let found = given.below(&Dir::open(top).unwrap(), top);
        let expected = [(".", (7, 8)), ("./file", (1, 2))];
        assert_eq!(found, expected.map(|(path, owner)| (path.into(), owner)).into());
    }
}
