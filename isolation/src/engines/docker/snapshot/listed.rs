//! The changes of a container against its image, as its daemon lists them, and the part of them
//! that is read for a snapshot that follows another one.
//!
//! The list names no contents, and not the earlier state of what has become as in the image again.
//! So each entry of a snapshot notes how it differed from the image, and the root notes the removed
//! paths. Where the two do not suffice for an exact result, everything is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use engine_api::containers::{Change, ChangeKind};
use sha2::{Digest as _, Sha256};

use crate::snapshots::{Entry, EntryKind, TreePath};

/// How many requests read the changed files. Beyond that, reading everything is as fast.
const MOST: usize = 100;

/// How an entry differs from the image; the first number of its stamp.
const OF_IMAGE: u64 = 0;
const ADDED: u64 = 1;
const MODIFIED: u64 = 2;

type Previous = BTreeMap<TreePath, Entry>;

/// The paths that differ from the image.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    added: BTreeSet<TreePath>,
    modified: BTreeSet<TreePath>,
    deleted: BTreeSet<TreePath>,
}

/// The archives that are read, and the entries that are taken over from the earlier snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) kept: Vec<Entry>,
    pub(super) reads: Vec<Read>,
}

/// One archive of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// A file, or a directory with everything in it.
    Whole(TreePath),
    /// The attributes of a directory.
    Directory(TreePath),
}

impl Listed {
    pub(super) fn new(changes: Vec<Change>, skip: impl Fn(&TreePath) -> bool) -> Self {
        let mut listed = Self::default();
        for change in changes {
            // A daemon lists no path that leads out; such a one would only be read.
            let Ok(path) = TreePath::normal(change.path.as_bytes()) else {
                continue;
            };
            if path.is_root() || skip(&path) {
                continue;
            }
            match change.kind {
                ChangeKind::Added => listed.added.insert(path),
                ChangeKind::Deleted => listed.deleted.insert(path),
                _ => listed.modified.insert(path),
            };
        }
        listed
    }

    /// How an entry differs from the image.
    pub(super) fn stamp(&self, path: &TreePath) -> (u64, i128) {
        if path.is_root() {
            return (self.removed(), 0);
        }
        let number = match (self.is_below_added(path), self.modified.contains(path)) {
            (true, _) => ADDED,
            (false, true) => MODIFIED,
            (false, false) => OF_IMAGE,
        };
        (number, 0)
    }

    /// A number for the set of the removed paths.
    fn removed(&self) -> u64 {
        let mut digest = Sha256::new();
        for path in &self.deleted {
            digest.update(path.as_bytes());
            digest.update([0]);
        }
        let bytes = digest.finalize();
        let first = bytes.iter().take(8);
        first.fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn is_below_added(&self, path: &TreePath) -> bool {
        let mut next = Some(path.clone());
        while let Some(at) = next {
            if self.added.contains(&at) {
                return true;
            }
            next = at.parent();
        }
        false
    }

    /// The part to read after an earlier snapshot; `None` if that is everything. `mounts` are
    /// the paths at which something is mounted.
    pub(super) fn reading(&self, previous: &Previous, mounts: &[TreePath]) -> Option<Reading> {
        let root = previous.get(&TreePath::root())?;
        // A path that was removed then, and exists now, may be as in the image.
        if root.stamp != Some((self.removed(), 0)) || mounts.iter().any(|mount| is_linked(previous, mount)) {
            return None;
        }
        let mut reading = Reading {
            kept: Vec::new(),
            reads: Vec::new(),
        };
        self.keep(previous, mounts, &mut reading)?;
        self.read(previous, mounts, &mut reading)?;
        (reading.reads.len() <= MOST).then_some(reading)
    }

    fn keep(&self, previous: &Previous, mounts: &[TreePath], reading: &mut Reading) -> Option<()> {
        let is_removed = |path: &TreePath| self.deleted.iter().any(|deleted| path.is_below(deleted));
        let mut kept = BTreeSet::new();
        for (path, entry) in previous {
            if path.is_root() || is_removed(path) {
                continue;
            }
            let listed = self.is_below_added(path) || self.modified.contains(path);
            let keeps = match (mounts.contains(path), listed, entry.stamp.map(|stamp| stamp.0)) {
                // The daemon would show what is mounted.
                (true, _, _) => true,
                (false, true, _) => false,
                (false, false, Some(OF_IMAGE)) => true,
                // It was added, and is gone.
                (false, false, Some(ADDED)) => false,
                // It is as in the image again.
                (false, false, _) => return None,
            };
            if keeps {
                kept.insert(path);
                reading.kept.push(entry.clone());
            }
        }
        // A link whose file has changed has the earlier content.
        reading.kept.iter().try_for_each(|entry| match &entry.kind {
            EntryKind::HardLink { target } if !kept.contains(target) => None,
            _ => Some(()),
        })
    }

    fn read(&self, previous: &Previous, mounts: &[TreePath], reading: &mut Reading) -> Option<()> {
        let has_mount = |path: &TreePath| mounts.iter().any(|mount| mount.is_below(path));
        let removed = self.deleted.iter();
        let added = self.added.iter();
        for path in removed.chain(added) {
            let inside = path.parent().is_some_and(|parent| self.is_below_added(&parent));
            if inside || (mounts.contains(path) && previous.contains_key(path)) {
                continue;
            }
            if has_mount(path) {
                return None;
            }
            reading.reads.push(Read::Whole(path.clone()));
        }
        for path in &self.modified {
            if self.is_below_added(path) || mounts.contains(path) {
                continue;
            }
            match previous.get(path).map(|entry| &entry.kind) {
                Some(EntryKind::Directory) => reading.reads.push(Read::Directory(path.clone())),
                Some(_) if !has_mount(path) => reading.reads.push(Read::Whole(path.clone())),
                _ => return None,
            }
        }
        Some(())
    }
}

/// Whether the path of a mount leads through a link, so that it is elsewhere.
fn is_linked(previous: &Previous, mount: &TreePath) -> bool {
    let mut next = Some(mount.clone());
    while let Some(path) = next {
        if let Some(EntryKind::Link { .. }) = previous.get(&path).map(|entry| &entry.kind) {
            return true;
        }
        next = path.parent();
    }
    false
}

/// Whether files of two archives may be one file with two names: only one archive shows links.
pub(super) fn may_be_linked(entries: &BTreeMap<TreePath, Entry>, reads: &[Read]) -> bool {
    let mut seen = HashMap::new();
    for (number, read) in reads.iter().enumerate() {
        let Read::Whole(top) = read else { continue };
        let below = entries
            .range(top.clone()..)
            .take_while(|(path, _)| path.is_below(top));
        for (_, entry) in below {
            let EntryKind::File { chunks, .. } = &entry.kind else {
                continue;
            };
            let same = (entry.mode, entry.uid, entry.gid, entry.mtime, chunks);
            if *seen.entry(same).or_insert(number) != number {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::normal(text.as_bytes()).unwrap()
    }

    fn listed(changes: &[(&str, ChangeKind)]) -> Listed {
        let changes = changes.iter().map(|(path, kind)| {
            let json = format!(r#"{{"Path": "{path}", "Kind": {}}}"#, u64::from(*kind));
            serde_json::from_str(&json).unwrap()
        });
        Listed::new(changes.collect(), |_| false)
    }

    fn earlier(listed: &Listed, paths: &[(&str, EntryKind)]) -> Previous {
        let all = paths.iter().map(|(name, kind)| (path(name), kind.clone()));
        let root = [(TreePath::root(), EntryKind::Directory)];
        root.into_iter()
            .chain(all)
            .map(|(path, kind)| {
                let entry = Entry {
                    kind,
                    stamp: Some(listed.stamp(&path)),
                    ..Entry::directory(path.clone())
                };
                (path, entry)
            })
            .collect()
    }

    fn file(size: u64) -> EntryKind {
        EntryKind::File {
            size,
            chunks: Vec::new(),
        }
    }

    #[test]
    fn only_listed_paths_are_read() {
        let before = listed(&[("/root", ChangeKind::Modified), ("/root/a", ChangeKind::Added)]);
        let previous = earlier(
            &before,
            &[
                ("bin", EntryKind::Directory),
                ("bin/sh", file(1)),
                ("root", EntryKind::Directory),
                ("root/a", file(2)),
            ],
        );
        let now = listed(&[
            ("/root", ChangeKind::Modified),
            ("/root/d", ChangeKind::Added),
            ("/root/d/x", ChangeKind::Added),
            ("/bin", ChangeKind::Modified),
            ("/bin/sh", ChangeKind::Modified),
        ]);
        let reading = now.reading(&previous, &[]).unwrap();
        assert!(reading.kept.is_empty(), "{reading:?}");
        let expected = [
            Read::Whole(path("root/d")),
            Read::Directory(path("bin")),
            Read::Whole(path("bin/sh")),
            Read::Directory(path("root")),
        ];
        assert_eq!(reading.reads, expected);
        // A file that was added is gone; that of the image stays.
        let now = listed(&[("/root", ChangeKind::Modified)]);
        let reading = now.reading(&previous, &[]).unwrap();
        let kept: Vec<_> = reading.kept.iter().map(|entry| entry.path.clone()).collect();
        assert_eq!(kept, [path("bin"), path("bin/sh")]);
    }

    #[test]
    fn state_that_the_list_does_not_show_is_read_anew() {
        let before = listed(&[
            ("/etc", ChangeKind::Modified),
            ("/etc/conf", ChangeKind::Modified),
            ("/etc/gone", ChangeKind::Deleted),
        ]);
        let link = EntryKind::HardLink {
            target: path("etc/one"),
        };
        let previous = earlier(
            &before,
            &[
                ("etc", EntryKind::Directory),
                ("etc/conf", file(1)),
                ("etc/one", file(1)),
                ("etc/two", link),
            ],
        );
        assert!(before.reading(&previous, &[]).is_some());
        for now in [
            // As in the image again.
            vec![("/etc", ChangeKind::Modified), ("/etc/gone", ChangeKind::Deleted)],
            vec![
                ("/etc", ChangeKind::Modified),
                ("/etc/conf", ChangeKind::Modified),
            ],
            // The other name has the earlier content.
            vec![
                ("/etc", ChangeKind::Modified),
                ("/etc/conf", ChangeKind::Modified),
                ("/etc/gone", ChangeKind::Deleted),
                ("/etc/one", ChangeKind::Modified),
            ],
        ] {
            assert_eq!(listed(&now).reading(&previous, &[]), None, "{now:?}");
        }
        // A mount below a directory that is new, or behind a link.
        let now = listed(&[
            ("/etc", ChangeKind::Modified),
            ("/etc/conf", ChangeKind::Modified),
            ("/etc/gone", ChangeKind::Deleted),
            ("/srv", ChangeKind::Added),
        ]);
        assert_eq!(now.reading(&previous, &[path("srv/data")]), None);
        let linked = earlier(
            &before,
            &[(
                "data",
                EntryKind::Link {
                    target: b"srv".into(),
                },
            )],
        );
        assert!(is_linked(&linked, &path("data/one")) && !is_linked(&linked, &path("srv/one")));
        assert_eq!(before.reading(&linked, &[path("data/one")]), None);
        // A path that was not there, without its addition.
        let odd = listed(&[("/etc", ChangeKind::Modified), ("/new", ChangeKind::Modified)]);
        assert_eq!(
            odd.reading(&earlier(&odd, &[("etc", EntryKind::Directory)]), &[]),
            None
        );
        assert!(now.reading(&previous, &[path("data")]).is_some());
    }

    #[test]
    fn path_that_leads_out_is_not_listed() {
        let odd = [("/../x", ChangeKind::Added), ("/", ChangeKind::Modified)];
        let below = [("/d", ChangeKind::Added), ("/d/x", ChangeKind::Modified)];
        let both: Vec<_> = odd.into_iter().chain(below).collect();
        let listed = listed(&both);
        assert_eq!(listed.added, [path("d")].into());
        assert_eq!(listed.modified, [path("d/x")].into());
        // The whole directory is read.
        let reading = listed.reading(&earlier(&listed, &[]), &[]).unwrap();
        assert_eq!(reading.reads, [Read::Whole(path("d"))]);
    }

    #[test]
    fn equal_files_of_two_archives_may_be_linked() {
        let all = [
            ("a", EntryKind::Directory),
            ("a/x", file(3)),
            ("b", EntryKind::Directory),
            ("b/x", file(3)),
        ];
        let all = earlier(&listed(&[]), &all);
        let reads = [Read::Whole(path("a")), Read::Whole(path("b"))];
        assert!(may_be_linked(&all, &reads));
        assert!(!may_be_linked(&all, &reads[..1]));
    }
}
