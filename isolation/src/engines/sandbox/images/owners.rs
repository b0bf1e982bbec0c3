//! Gives the files of an image to their users, if the caller cannot do that itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::identity::Identity;
use super::super::mapped;
use super::unpack::Owners;
use crate::error::{Error, Result};

/// Changes owners, and then the modes that this has cleared: the root, the directories of lists.
const GIVE: &str = r#"cd -- "$1" || exit 1
for list in "$2"/*; do
[ ! -f "$list" ] || xargs -0 chown -h -- "${list##*/}" <"$list" || exit 1
done
for list in "$3"/*; do
[ ! -f "$list" ] || xargs -0 chmod -- "${list##*/}" <"$list" || exit 1
done"#;

/// The bits of a mode that a change of the owner clears.
const CLEARED: u32 = 0o6000;

/// Gives files of a tree to their users. The lists are written to a new directory. This blocks.
pub(super) fn give(identity: Identity, root: &Path, given: &Owners, lists: &Path) -> Result<()> {
    if given.is_empty() {
        return Ok(());
    }
    let (mut owners, mut modes) = (BTreeMap::new(), BTreeMap::new());
    for (path, (user, group)) in given {
        add(&mut owners, format!("{user}:{group}"), path);
        let meta = root.join(path).symlink_metadata();
        let meta = meta.map_err(|e| Error::io("inspect", path, e))?;
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_file() && mode & CLEARED != 0 {
            add(&mut modes, format!("{mode:o}"), path);
        }
    }
    let (by_owner, by_mode) = (lists.join("owners"), lists.join("modes"));
    for (directory, all) in [(&by_owner, owners), (&by_mode, modes)] {
        fs::create_dir_all(directory).map_err(|e| Error::io("create the directory", directory, e))?;
        for (name, paths) in all {
            let file = directory.join(name);
            fs::write(&file, paths).map_err(|e| Error::io("write", &file, e))?;
        }
    }
    mapped::run(identity, GIVE, &[root, &by_owner, &by_mode])
}

/// Adds a path to a list, with an end that no path holds.
fn add(lists: &mut BTreeMap<String, Vec<u8>>, name: String, path: &Path) {
    let list = lists.entry(name).or_default();
    list.extend_from_slice(path.as_os_str().as_bytes());
    list.push(0);
}
