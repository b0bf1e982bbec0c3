//! For authors of engines: takes the files of a part into a snapshot.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use super::contents::PartKind;
use super::digest::Digest;
use super::entry::{Entry, EntryKind, TreePath};
use super::left_out::LeftOut;
use super::manifest::Part;
use super::progress::Reporter;
use super::store::writer::StoreWriter;
use super::tree::ListLimits;
use crate::counted::counted;
use crate::error::{Error, ErrorKind, Result};
use crate::files::copy::Stop;

/// A part in an earlier snapshot.
#[derive(Debug, Default)]
pub(super) struct Previous {
    /// Its entries, without those whose content is missing.
    pub(super) entries: BTreeMap<TreePath, Entry>,
    /// Whether that is all of them.
    pub(super) is_whole: bool,
    /// The chunks of the list of its entries.
    pub(super) tree: Vec<Digest>,
}

impl Previous {
    /// The chunks of a file; empty without one.
    fn chunks(&self, path: &TreePath) -> &[Digest] {
        match self.entries.get(path).map(|entry| (&entry.kind, entry)) {
            Some((EntryKind::HardLink { target }, _)) => {
                self.entries.get(target).map(Entry::chunks).unwrap_or_default()
            }
            Some((_, entry)) => entry.chunks(),
            None => &[],
        }
    }
}

/// Takes the files of one part into a snapshot. Its calls block.
///
/// An entry replaces an earlier one with the same path. Entries may come in any order.
pub struct PartWriter {
    pub(super) store: StoreWriter,
    kind: PartKind,
    entries: BTreeMap<TreePath, Entry>,
    previous: Option<Arc<Previous>>,
    /// Whether everything is read anew.
    is_anew: bool,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) progress: Reporter,
    pub(super) bytecode: bool,
    stop: Stop,
}

impl fmt::Debug for PartWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartWriter")
            .field("kind", &self.kind)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl PartWriter {
    pub(super) fn new(
        store: StoreWriter,
        kind: PartKind,
        previous: Option<Previous>,
        progress: Reporter,
        bytecode: bool,
        stop: &Stop,
    ) -> Self {
        Self {
            store,
            kind,
            entries: BTreeMap::new(),
            previous: previous.map(Arc::new),
            is_anew: false,
            left_out: Vec::new(),
            progress,
            bytecode,
            stop: stop.clone(),
        }
    }

    /// The kind of the part.
    pub fn kind(&self) -> &PartKind {
        &self.kind
    }

    /// Whether compiled Python code belongs to the snapshot.
    pub fn has_bytecode(&self) -> bool {
        self.bytecode
    }

    /// From now on, compiled Python code belongs to it.
    #[cfg(target_os = "linux")]
    pub(crate) fn keep_bytecode(&mut self) {
        self.bytecode = true;
    }

    /// The entries of this part in the snapshot on which this one is based; `None` for a full one.
    pub fn previous(&self) -> Option<&BTreeMap<TreePath, Entry>> {
        let previous = self.previous.as_deref().filter(|_| !self.is_anew);
        previous.map(|previous| &previous.entries)
    }

    /// As [`previous`](Self::previous), if nothing of it is missing in the store.
    pub fn previous_whole(&self) -> Option<&BTreeMap<TreePath, Entry>> {
        let is_whole = self.previous.as_ref().is_some_and(|previous| previous.is_whole);
        self.previous().filter(|_| is_whole)
    }

    /// From now on there is no earlier snapshot: everything is read anew. The new contents are
    /// still compared with the earlier ones, so that equal parts are stored once and soon found.
    pub fn start_anew(&mut self) {
        self.is_anew = true;
        self.entries.clear();
        self.progress.begin_anew();
    }

    /// Adds an entry without content, or one whose content the earlier snapshot has.
    pub fn add(&mut self, entry: Entry) -> Result<()> {
        self.progress.bytes(entry.size());
        self.put(entry)
    }

    fn put(&mut self, entry: Entry) -> Result<()> {
        self.stop.check()?;
        entry.path.check()?;
        self.progress.entry();
        self.entries.insert(entry.path.clone(), entry);
        Ok(())
    }

    /// Adds a file with its content. The kind of the entry is replaced.
    pub fn add_file(&mut self, mut entry: Entry, content: impl Read) -> Result<()> {
        let previous = self.previous.clone();
        let before = previous.as_deref().map(|previous| previous.chunks(&entry.path));
        let content = Counting {
            content,
            progress: &mut self.progress,
        };
        let (size, chunks) = self.store.content(content, before.unwrap_or_default())?;
        entry.kind = EntryKind::File { size, chunks };
        self.put(entry)
    }

    /// Removes a path and everything below it.
    pub fn remove(&mut self, path: &TreePath) {
        self.entries.retain(|one, _| !one.is_below(path));
    }

    /// The entries so far.
    pub fn entries(&self) -> &BTreeMap<TreePath, Entry> {
        &self.entries
    }

    /// Adds a root whose attributes the engine does not report.
    pub fn root_is_unknown(&mut self) -> Result<()> {
        if self.entries.contains_key(&TreePath::root()) {
            return Ok(());
        }
        let what = format!(
            "mode, owner and time of the top directory of the part {}",
            self.kind.name()
        );
        self.leave_out(LeftOut::new(what, "the engine does not report them"));
        self.add(Entry::directory(TreePath::root()))
    }

    /// Changes the entries, but not their paths.
    pub(crate) fn change(&mut self, change: impl FnMut(&mut Entry)) {
        self.entries.values_mut().for_each(change);
    }

    /// Gives each entry the mark by which the engine recognises it in the next snapshot.
    pub fn stamp(&mut self, mark: impl Fn(&TreePath) -> (u64, i128)) {
        for (path, entry) in &mut self.entries {
            entry.stamp = Some(mark(path));
        }
    }

    /// Notes something that belongs to the environment, but not to the snapshot.
    pub fn leave_out(&mut self, left: LeftOut) {
        self.left_out.push(left);
    }

    /// Completes the part.
    ///
    /// # Errors
    ///
    /// The kind is [`Unsupported`](ErrorKind::Unsupported) if its list would be too long to be read
    /// again.
    pub(super) fn finish(self) -> Result<(StoreWriter, Part, Vec<LeftOut>)> {
        self.finish_within(ListLimits::USUAL)
    }

    pub(super) fn finish_within(mut self, limits: ListLimits) -> Result<(StoreWriter, Part, Vec<LeftOut>)> {
        self.root_is_unknown()?;
        complete_directories(&mut self.entries)?;
        choose_first_names(&mut self.entries)?;
        let mut text = Vec::new();
        let mut bytes = 0;
        for entry in self.entries.values() {
            bytes += entry.size();
            let begin = text.len();
            serde_json::to_writer(&mut text, entry)
                .map_err(|error| Error::new(ErrorKind::Corrupt, error.to_string()))?;
            text.push(b'\n');
            let why = if (text.len() - begin) as u64 > limits.entry {
                let size = counted(entry.size(), "byte", "bytes");
                format!("{} is too large for a snapshot: it has {size}", entry.path)
            } else if text.len() as u64 > limits.whole {
                let count = counted(self.entries.len() as u64, "entry", "entries");
                format!("{} has too much for a snapshot: {count}", self.kind.name())
            } else {
                continue;
            };
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let before = self.previous.as_deref().map(|previous| &previous.tree[..]);
        let (_, tree) = self.store.content(&text[..], before.unwrap_or_default())?;
        let part = Part {
            name: self.kind.name(),
            kind: self.kind,
            entries: self.entries.len() as u64,
            bytes,
            tree,
        };
        Ok((self.store, part, self.left_out))
    }
}

/// The content of a file, whose bytes are counted while they are read.
struct Counting<'a, R> {
    content: R,
    progress: &'a mut Reporter,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.progress.bytes(read as u64);
        Ok(read)
    }
}

/// Adds directories that an archive does not list.
fn complete_directories(entries: &mut BTreeMap<TreePath, Entry>) -> Result<()> {
    let mut missing = vec![TreePath::root()];
    for path in entries.keys() {
        let mut next = path.parent();
        while let Some(parent) = next {
            next = parent.parent();
            missing.push(parent);
        }
    }
    for path in missing {
        let entry = entries
            .entry(path.clone())
            .or_insert_with(|| Entry::directory(path.clone()));
        if entry.kind != EntryKind::Directory {
            let why = format!("{path} is not a directory, but has files in it");
            return Err(Error::new(ErrorKind::Corrupt, why));
        }
    }
    Ok(())
}

/// Gives the content of a file with several names to the first of them, so that a list depends on
/// the files alone.
fn choose_first_names(entries: &mut BTreeMap<TreePath, Entry>) -> Result<()> {
    let mut groups: BTreeMap<TreePath, Vec<TreePath>> = BTreeMap::new();
    for (path, entry) in entries.iter() {
        if let EntryKind::HardLink { target } = &entry.kind {
            let mut target = target.clone();
            // An archive may name another link.
            for _ in 0..entries.len() {
                match entries.get(&target).map(|entry| &entry.kind) {
                    Some(EntryKind::HardLink { target: next }) => target = next.clone(),
                    _ => break,
                }
            }
            groups.entry(target).or_default().push(path.clone());
        }
    }
    for (target, mut names) in groups {
        let Some(file) = entries.get(&target).cloned() else {
            let why = format!("{} is another name of {target}, which is missing", names[0]);
            return Err(Error::new(ErrorKind::Corrupt, why));
        };
        names.push(target);
        names.sort();
        let first = names[0].clone();
        for name in names {
            let is_file = matches!(file.kind, EntryKind::File { .. });
            let kind = match name == first || !is_file {
                // Also each name of a symbolic link or a pipe, which has no content to share.
                true => file.kind.clone(),
                false => EntryKind::HardLink {
                    target: first.clone(),
                },
            };
            let entry = Entry {
                path: name.clone(),
                kind,
                ..file.clone()
            };
            entries.insert(name, entry);
        }
    }
    Ok(())
}
