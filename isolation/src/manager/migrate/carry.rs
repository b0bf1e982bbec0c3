//! The files that move: read into a directory of this machine, and written into the new
//! environment. Facts that the directory cannot have, such as other owners, are beside it.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::tree::{Side, blocking};
use crate::command::Command;
use crate::counted::counted;
use crate::engines::docker;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::files::CopySource;
use crate::files::copy::{Stop, StopOnDrop};
use crate::snapshots::{Entry, EntryKind, LeftOut, Owners, TreePath, View, begin_carried, complete_carried};

/// How many lost files are named.
const NAMED: usize = 5;

/// The properties that the files in the directory on the way had in the old environment.
pub(super) type Entries = BTreeMap<TreePath, Entry>;

/// The sockets in the directory of a container, which no archive has.
pub(super) async fn sockets(source: &Environment, from: &Side) -> Result<Vec<LeftOut>> {
    if source.engine() != docker::NAME {
        return Ok(Vec::new());
    }
    let argv = ["find", &from.path, "-xdev", "-type", "s"];
    let output = source.run(Command::new(argv)).await?;
    // Without the program, the general loss of sockets is all that is known.
    let text = output.stdout_text();
    let top = from.path.trim_end_matches('/');
    let inside = text.lines().filter_map(|line| line.strip_prefix(top));
    Ok(inside.map(LeftOut::socket).collect())
}

/// Reads the files into the new directory `to`. Returns what they had in the environment, and what
/// is left out. `store` is a path where nothing is.
pub(super) async fn read(
    source: &Environment,
    from: &Side,
    to: &Path,
    store: &Path,
) -> Result<(Entries, Vec<LeftOut>)> {
    let stop = Stop::default();
    let _guard = StopOnDrop(stop.clone());
    let (store, stopping) = (store.to_owned(), stop.clone());
    let part = blocking(move || begin_carried(&store, &stopping)).await?;
    let saved = match source.shared().instance.saves() {
        Some(saves) => saves.save_directory(&from.path, part).await?,
        None => None,
    };
    let Some(mut part) = saved else {
        source.copy_out(&from.path, to).await?;
        return Ok((Entries::new(), vec![lost_owners()]));
    };
    let to = to.to_owned();
    blocking(move || {
        let mut devices = Vec::new();
        for entry in part.entries().values() {
            if let EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } = entry.kind {
                devices.push(entry.path.clone());
            }
        }
        devices.iter().for_each(|path| part.remove(path));
        let (reader, mut left) = complete_carried(part)?;
        left.extend(named(
            &devices,
            ["device", "devices"],
            "they belong to the machine",
        ));
        let made = DirBuilder::new().mode(0o700).create(&to);
        made.map_err(|e| Error::io("create the directory", &to, e))?;
        reader.write_directory_as(&to, Owners::Same, &stop)?;
        let entries = reader.entries()?.into_iter();
        Ok((entries.map(|entry| (entry.path.clone(), entry)).collect(), left))
    })
    .await
}

fn lost_owners() -> LeftOut {
    LeftOut::new(
        "the owners of the files, and the bits that run a program as its owner (setuid, setgid)",
        "the copies belong to the user of the new environment",
    )
}

/// Files that are lost, the first of them with their names.
fn named(paths: &[impl ToString], [one, many]: [&str; 2], why: &str) -> Option<LeftOut> {
    let (count, shown) = (paths.len(), paths.iter().take(NAMED).map(ToString::to_string));
    let shown: Vec<String> = shown.collect();
    let what = counted(count, one, many);
    (count > 0).then(|| LeftOut::new(format!("{what}: {}", shown.join(", ")), why))
}

/// Writes the files into an environment, with what they had in the old one; returns what is lost.
/// `store` is that of [`read`].
pub(super) async fn write(
    target: &Environment,
    files: &Path,
    entries: Entries,
    to: &Side,
    store: &Path,
) -> Result<Vec<LeftOut>> {
    let stop = Stop::default();
    let _guard = StopOnDrop(stop.clone());
    let (directory, store) = (files.to_owned(), store.to_owned());
    let known = entries.clone();
    let (reader, early) = blocking(move || {
        let mut part = begin_carried(&store, &stop)?;
        // Only root can have given them to other users.
        let owners = match rustix::process::geteuid().is_root() {
            true => Owners::Same,
            false => Owners::Caller,
        };
        part.add_directory_as(&directory, &View::of(owners))?;
        part.change(|entry| {
            if let Some(before) = known.get(&entry.path) {
                as_before(entry, before);
            }
        });
        let early = LeftOut::early_times(part.entries().values());
        Ok((complete_carried(part)?.0, early))
    })
    .await?;
    let early = early.filter(|_| target.engine() == docker::NAME);
    let written = match target.shared().instance.saves() {
        Some(saves) => saves.write_directory(&to.path, reader).await?,
        None => None,
    };
    match written {
        Some(0) => Ok(early.into_iter().collect()),
        Some(differing) => Ok(vec![LeftOut::new(
            format!(
                "the owners of {}, and the bits setuid and setgid",
                counted(differing, "file", "files")
            ),
            "the new environment has no such users: its own user has what they owned",
        )]),
        None => {
            let (directory, lost) = (files.to_owned(), entries);
            let lost = blocking(move || flatten(&directory, &lost)).await?;
            let source = CopySource::Path(files.to_owned());
            target.copy_in(source, &to.path).await?;
            Ok(lost)
        }
    }
}

/// Gives a file what it had, unless it has become something else.
fn as_before(entry: &mut Entry, before: &Entry) {
    let is_link = |entry: &Entry| matches!(entry.kind, EntryKind::Link { .. });
    (entry.uid, entry.gid) = (before.uid, before.gid);
    if is_link(entry) == is_link(before) {
        entry.mode = before.mode;
        entry.xattrs.clone_from(&before.xattrs);
    }
}

/// Removes what a plain copy refuses; returns what it does not carry.
fn flatten(files: &Path, entries: &Entries) -> Result<Vec<LeftOut>> {
    let (mut pipes, mut linked) = (Vec::new(), Vec::new());
    let (mut attributed, mut owned) = (Vec::new(), 0_u64);
    for entry in entries.values() {
        let path = entry.path.below(files);
        if path.symlink_metadata().is_err() {
            continue; // It stays behind.
        }
        match entry.kind {
            EntryKind::Pipe => {
                fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
                pipes.push(entry.path.clone());
            }
            EntryKind::HardLink { .. } => linked.push(entry.path.clone()),
            _ => {}
        }
        if !entry.xattrs.is_empty() {
            attributed.push(entry.path.clone());
        }
        owned += u64::from((entry.uid, entry.gid) != (0, 0) || entry.mode & 0o6000 != 0);
    }
    let mut lost = Vec::new();
    lost.extend(named(
        &pipes,
        ["named pipe", "named pipes"],
        "the target is filled by a copy, which leaves pipes out",
    ));
    let why = "each name has a file of its own then";
    lost.extend(named(
        &linked,
        ["more name of a file", "more names of files"],
        why,
    ));
    lost.extend(named(
        &attributed,
        ["file with extended attributes", "files with extended attributes"],
        "the target is filled by a copy, which leaves the attributes out",
    ));
    lost.extend((owned > 0).then(lost_owners));
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_copy_loses_owners_links_and_pipes() {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path();
        let path = |text: &str| TreePath::normal(text.as_bytes()).unwrap();
        let mut entries = Entries::new();
        let mut add = |name: &str, kind: EntryKind, uid: u64| {
            fs::write(files.join(name), "").unwrap();
            let entry = Entry {
                kind,
                uid,
                ..Entry::directory(path(name))
            };
            entries.insert(path(name), entry);
        };
        let file = || EntryKind::File {
            size: 0,
            chunks: Vec::new(),
        };
        add("a", file(), 0);
        add("pipe", EntryKind::Pipe, 0);
        add("z", EntryKind::HardLink { target: path("a") }, 0);
        let shown = |entries: &Entries| -> Vec<String> {
            let lost = flatten(files, entries).unwrap();
            lost.into_iter().map(|left| left.what).collect()
        };
        assert_eq!(
            shown(&entries),
            ["1 named pipe: /pipe", "1 more name of a file: /z"]
        );
        entries.get_mut(&path("a")).unwrap().xattrs = [("user.a".into(), "b".into())].into();
        assert!(!files.join("pipe").exists() && files.join("z").exists());
        entries.get_mut(&path("a")).unwrap().uid = 5;
        let lost = shown(&entries);
        assert_eq!(lost[1], "1 file with extended attributes: /a");
        assert!(lost[2].starts_with("the owners of the files"), "{lost:?}");
    }
}
