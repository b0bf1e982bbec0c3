//! The list of the files of a part.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};

use super::entry::{Entry, EntryKind, TreePath};
use super::manifest::Part;
use super::store::Session;
use super::store::writer::from_reader;
use crate::error::{Error, ErrorKind, Result};

/// The nanoseconds of a second.
const NANOS: u32 = 1_000_000_000;

/// How long the list of the files of a part may be, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListLimits {
    pub(super) whole: u64,
    /// The longest line, which is one file: it names the chunks of the file.
    pub(super) entry: u64,
}

impl ListLimits {
    /// A file of 128 GiB has an entry of some 256 MiB.
    pub(super) const USUAL: Self = Self {
        whole: 1 << 30,
        entry: 256 << 20,
    };
}

impl Part {
    /// Its entries: each directory before its contents. This blocks.
    pub(crate) fn entries(&self, session: &Session) -> Result<Vec<Entry>> {
        self.entries_within(session, ListLimits::USUAL)
    }

    /// The same within other limits. Each entry is checked before the next one is read: a short
    /// file can have a list in which one chunk is repeated many times.
    pub(super) fn entries_within(&self, session: &Session, limits: ListLimits) -> Result<Vec<Entry>> {
        let mut text = BufReader::new(session.content(&self.tree));
        let (mut entries, mut seen) = (Vec::new(), Seen::default());
        let (mut line, mut left) = (Vec::new(), limits.whole);
        loop {
            line.clear();
            let most = left.min(limits.entry);
            let mut piece = text.by_ref().take(most + 1);
            let read = piece.read_until(b'\n', &mut line).map_err(from_reader)? as u64;
            if read > most {
                let what = match most == left {
                    true => "is too long",
                    false => "has an entry that is too long",
                };
                let why = format!("the list of the files of {} {what}", self.name);
                return Err(Error::new(ErrorKind::Corrupt, why));
            }
            if read == 0 {
                break;
            }
            left -= read;
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let entry: Entry = serde_json::from_slice(line).map_err(|error| {
                let why = format!("the list of the files of {} is damaged: {error}", self.name);
                Error::new(ErrorKind::Corrupt, why)
            })?;
            seen.check(&entry)?;
            entries.push(entry);
        }
        match entries.is_empty() {
            true => Err(no_root()),
            false => Ok(entries),
        }
    }
}

fn no_root() -> Error {
    Error::new(ErrorKind::Corrupt, "the list of files has no root")
}

/// The facts about the next entry of a list that the earlier ones show.
#[derive(Default)]
struct Seen {
    directories: HashSet<TreePath>,
    files: HashSet<TreePath>,
    last: Option<TreePath>,
}

impl Seen {
    /// Refuses an entry with which a file would be created outside of the directory: the list may
    /// come from another machine.
    fn check(&mut self, entry: &Entry) -> Result<()> {
        let wrong = |why: &str| {
            let why = format!("the list of files is invalid: {} {why}", entry.path);
            Err(Error::new(ErrorKind::Corrupt, why))
        };
        entry.path.check()?;
        match &self.last {
            None if !entry.path.is_root() || entry.kind != EntryKind::Directory => return Err(no_root()),
            Some(last) if *last >= entry.path => return wrong("is not in order"),
            _ => {}
        }
        let parent = entry.path.parent();
        if parent.is_some_and(|parent| !self.directories.contains(&parent)) {
            return wrong("is in no directory");
        }
        // Programs take other numbers for commands, such as one to leave the time as it is.
        if entry.mtime.1 >= NANOS {
            return wrong("has an invalid time");
        }
        if entry.mode > 0o7777 {
            return wrong("has invalid permissions");
        }
        let takes_attributes = matches!(
            entry.kind,
            EntryKind::Directory | EntryKind::File { .. } | EntryKind::HardLink { .. }
        );
        if !entry.xattrs.is_empty() && !takes_attributes {
            return wrong("has extended attributes");
        }
        match &entry.kind {
            EntryKind::Directory => drop(self.directories.insert(entry.path.clone())),
            EntryKind::File { .. } => drop(self.files.insert(entry.path.clone())),
            EntryKind::HardLink { target } if !self.files.contains(target) => {
                return wrong("is a name of no file");
            }
            EntryKind::Link { target } if target.as_slice().contains(&0) => {
                return wrong("has an invalid target");
            }
            _ => {}
        }
        self.last = Some(entry.path.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_that_would_write_elsewhere_is_refused() {
        let path = |text: &str| TreePath::normal(text.as_bytes()).unwrap();
        let at = |text: &str, kind: EntryKind| Entry {
            kind,
            ..Entry::directory(path(text))
        };
        let link = || EntryKind::Link {
            target: b"/etc".into(),
        };
        let file = || EntryKind::File {
            size: 0,
            chunks: Vec::new(),
        };
        let hard = |text: &str| EntryKind::HardLink { target: path(text) };
        let cut = || EntryKind::Link {
            target: b"/etc\0/passwd".into(),
        };
        let marked = |entry: Entry| Entry {
            xattrs: [("user.x".into(), b"y".into())].into(),
            ..entry
        };
        let timed = |nanos: u32| Entry {
            mtime: (0, nanos),
            ..at("a", file())
        };
        let permitted = |mode: u32| Entry {
            mode,
            ..at("a", file())
        };
        let root = || at("", EntryKind::Directory);
        let check = |entries: &[Entry]| {
            let mut seen = Seen::default();
            entries.iter().try_for_each(|entry| seen.check(entry))
        };
        check(&[root(), marked(at("a", file()))]).unwrap();
        check(&[root(), at("a", file()), at("b", hard("a"))]).unwrap();
        check(&[root(), timed(NANOS - 1)]).unwrap();
        check(&[root(), permitted(0o7777)]).unwrap();
        for (entries, why) in [
            (vec![root(), timed(NANOS)], "has an invalid time"),
            // The number with which a system leaves the time as it is.
            (vec![root(), timed((1 << 30) - 2)], "has an invalid time"),
            (vec![root(), permitted(0o10000)], "has invalid permissions"),
            (vec![at("a", file())], "no root"),
            (
                vec![root(), at("a", link()), at("a/b", file())],
                "in no directory",
            ),
            (vec![root(), at("b", file()), at("a", file())], "not in order"),
            (vec![root(), at("a", file()), at("a", file())], "not in order"),
            (
                vec![root(), at("a", hard("b")), at("b", file())],
                "name of no file",
            ),
            (
                vec![root(), at("a", link()), at("b", hard("a"))],
                "name of no file",
            ),
            (vec![root(), at("a", cut())], "has an invalid target"),
            (vec![root(), marked(at("a", link()))], "has extended attributes"),
        ] {
            let error = check(&entries).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
