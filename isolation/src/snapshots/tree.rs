//! The list of the files of a part.

use std::collections::HashSet;
use std::io::Read;

use super::entry::{Entry, EntryKind, TreePath};
use super::manifest::Part;
use super::store::Session;
use super::store::writer::from_reader;
use crate::error::{Error, ErrorKind, Result};

/// The largest list of entries that is read, in bytes.
const LARGEST_TREE: u64 = 1 << 30;

impl Part {
    /// Its entries: each directory before its contents. This blocks.
    pub(crate) fn entries(&self, session: &Session) -> Result<Vec<Entry>> {
        let text = self.text(session, LARGEST_TREE)?;
        let mut entries: Vec<Entry> = Vec::new();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let entry = serde_json::from_slice(line).map_err(|error| {
                let why = format!("the list of the files of {} is damaged: {error}", self.name);
                Error::new(ErrorKind::Corrupt, why)
            })?;
            entries.push(entry);
        }
        check(&entries)?;
        Ok(entries)
    }

    /// The text of the list, which may have `largest` bytes.
    pub(super) fn text(&self, session: &Session, largest: u64) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let read = session
            .content(&self.tree)
            .take(largest + 1)
            .read_to_end(&mut text);
        if read.map_err(from_reader)? as u64 > largest {
            let why = format!("the list of the files of {} is too long", self.name);
            return Err(Error::new(ErrorKind::Corrupt, why));
        }
        Ok(text)
    }
}

/// Refuses a list from which files would be created outside of their directory: it may come from
/// another machine.
fn check(entries: &[Entry]) -> Result<()> {
    let wrong = |entry: &Entry, why: &str| {
        let why = format!("the list of files is invalid: {} {why}", entry.path);
        Err(Error::new(ErrorKind::Corrupt, why))
    };
    match entries.first() {
        Some(first) if first.path.is_root() && first.kind == EntryKind::Directory => {}
        _ => return Err(Error::new(ErrorKind::Corrupt, "the list of files has no root")),
    }
    let mut directories = HashSet::new();
    let mut files = HashSet::new();
    let mut last: Option<&TreePath> = None;
    for entry in entries {
        entry.path.check()?;
        if last.is_some_and(|last| *last >= entry.path) {
            return wrong(entry, "is not in order");
        }
        last = Some(&entry.path);
        if entry
            .path
            .parent()
            .is_some_and(|parent| !directories.contains(&parent))
        {
            return wrong(entry, "is in no directory");
        }
        let takes_attributes = matches!(
            entry.kind,
            EntryKind::Directory | EntryKind::File { .. } | EntryKind::HardLink { .. }
        );
        if !entry.xattrs.is_empty() && !takes_attributes {
            return wrong(entry, "has extended attributes");
        }
        match &entry.kind {
            EntryKind::Directory => drop(directories.insert(entry.path.clone())),
            EntryKind::File { .. } => drop(files.insert(entry.path.clone())),
            EntryKind::HardLink { target } if !files.contains(target) => {
                return wrong(entry, "is a name of no file");
            }
            EntryKind::Link { target } if target.as_slice().contains(&0) => {
                return wrong(entry, "has an invalid target");
            }
            _ => {}
        }
    }
    Ok(())
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
            xattrs: [("user.x".to_owned(), b"y".into())].into(),
            ..entry
        };
        let root = || at("", EntryKind::Directory);
        check(&[root(), marked(at("a", file()))]).unwrap();
        check(&[root(), at("a", file()), at("b", hard("a"))]).unwrap();
        for (entries, why) in [
            (vec![], "no root"),
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
