//! One use of a store: the lock, the index of all chunks, and their content.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::SnapshotStore;
use super::disk::{NO_FILE, open_file};
use super::lock::{self, Use};
use super::pack::{self, Location};
use crate::error::{Error, ErrorKind, Result};
use crate::snapshots::digest::Digest;

/// How a snapshot gets its content back.
const REPAIR: &str = "import the snapshot from a file that `isolate snapshot export` has written before, \
                      or remove it: isolate snapshot rm SNAPSHOT";

/// How many packs are open at the same time.
const OPEN: usize = 32;

/// A use of a store. No chunk that it finds is removed before it is dropped.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) store: SnapshotStore,
    _lock: File,
    pub(super) packs: Vec<PathBuf>,
    /// Packs whose index cannot be read, and why.
    pub(super) damaged: Vec<(PathBuf, String)>,
    pub(super) index: HashMap<Digest, (usize, Location)>,
    /// More places of chunks that several packs have.
    others: HashMap<Digest, Vec<(usize, Location)>>,
    open: Mutex<HashMap<usize, Arc<File>>>,
}

impl Session {
    /// Waits for the lock, and reads the index. This blocks.
    pub(super) fn begin(store: &SnapshotStore, with: Use) -> Result<Self> {
        let lock = lock::lock(&store.path().join("lock"), with)?;
        let directory = store.packs();
        let mut session = Self {
            store: store.clone(),
            _lock: lock,
            packs: Vec::new(),
            damaged: Vec::new(),
            index: HashMap::new(),
            others: HashMap::new(),
            open: Mutex::default(),
        };
        let listed = fs::read_dir(&directory).map_err(|e| Error::io("list", &directory, e))?;
        let mut paths = Vec::new();
        for entry in listed {
            paths.push(entry.map_err(|e| Error::io("list", &directory, e))?.path());
        }
        paths.sort();
        for path in paths {
            let read = open_file(&path).and_then(|file| match file {
                Some(file) => pack::read_index(&file),
                None => Ok(Err(NO_FILE.to_owned())),
            });
            match read.map_err(|e| Error::io("read", &path, e))? {
                Ok(chunks) => {
                    let number = session.packs.len();
                    session.packs.push(path);
                    for (digest, at) in chunks {
                        session.place(digest, (number, at));
                    }
                }
                Err(why) => session.damaged.push((path, why)),
            }
        }
        Ok(session)
    }

    fn place(&mut self, digest: Digest, place: (usize, Location)) {
        match self.index.entry(digest) {
            Entry::Vacant(entry) => drop(entry.insert(place)),
            Entry::Occupied(_) => self.others.entry(digest).or_default().push(place),
        }
    }

    /// Puts the places of chunks that can be read before damaged ones. This blocks.
    pub(super) fn prefer_sound(&mut self) {
        let several: Vec<Digest> = self.others.keys().copied().collect();
        for digest in several {
            let places = self.places(&digest);
            let sound = places.iter().find(|place| self.read(&digest, **place).is_ok());
            if let Some(sound) = sound {
                self.index.insert(digest, *sound);
            }
        }
    }

    /// Whether the store has the chunk without damage: these bytes. This blocks.
    pub(super) fn has_same(&self, digest: &Digest, chunk: &[u8]) -> bool {
        let is_same = |place| self.bytes(place).is_some_and(|bytes| bytes == chunk);
        self.has(digest) && self.places(digest).into_iter().any(is_same)
    }

    /// The bytes that the store has for a chunk, which may be damaged. This blocks.
    pub(super) fn unchecked(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.bytes(*self.index.get(digest)?)
    }

    fn bytes(&self, (number, location): (usize, Location)) -> Option<Vec<u8>> {
        let file = self.file(number).ok()?;
        pack::read_bytes(&file, location).ok()?
    }

    fn places(&self, digest: &Digest) -> Vec<(usize, Location)> {
        let others = self.others.get(digest).into_iter().flatten();
        self.index
            .get(digest)
            .into_iter()
            .chain(others)
            .copied()
            .collect()
    }

    /// Whether the store has the chunk.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.index.contains_key(digest)
    }

    /// The length of the chunk in bytes, if the store has it.
    pub(crate) fn length(&self, digest: &Digest) -> Option<u32> {
        self.index.get(digest).map(|(_, location)| location.length)
    }

    /// Reads a chunk, and compares it with its digest. This blocks.
    pub(crate) fn chunk(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut failed = None;
        for place in self.places(digest) {
            match self.read(digest, place) {
                Ok(chunk) => return Ok(chunk),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| self.missing(digest)))
    }

    fn read(&self, digest: &Digest, (number, location): (usize, Location)) -> Result<Vec<u8>> {
        let path = &self.packs[number];
        let read = self
            .file(number)
            .and_then(|file| pack::read_chunk(&file, digest, location));
        read.map_err(|e| Error::io("read", path, e))?.map_err(|why| {
            let why = format!("{} is damaged: {why}; {REPAIR}", path.display());
            Error::new(ErrorKind::Corrupt, why)
        })
    }

    fn missing(&self, digest: &Digest) -> Error {
        let why = match self.damaged.first() {
            Some((path, why)) => format!("{} is damaged: {why}; {REPAIR}", path.display()),
            None => format!("the chunk {} is missing; {REPAIR}", digest.short()),
        };
        Error::new(ErrorKind::Corrupt, why)
    }

    fn file(&self, number: usize) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&number) {
            return Ok(Arc::clone(file));
        }
        if open.len() >= OPEN {
            open.clear();
        }
        let file = open_file(&self.packs[number])?;
        let file = Arc::new(file.ok_or_else(|| io::Error::other(NO_FILE))?);
        open.insert(number, Arc::clone(&file));
        Ok(file)
    }

    /// The content of chunks in order, piece by piece. This blocks.
    pub(crate) fn content<'a>(&'a self, chunks: &'a [Digest]) -> Content<'a> {
        Content {
            session: self,
            chunks: chunks.iter(),
            piece: io::Cursor::new(Vec::new()),
        }
    }
}

/// The content of a file of a snapshot.
pub(crate) struct Content<'a> {
    session: &'a Session,
    chunks: std::slice::Iter<'a, Digest>,
    piece: io::Cursor<Vec<u8>>,
}

impl io::Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(digest) = self.chunks.next() else {
                return Ok(0);
            };
            // The error itself comes back at the other end of the copy.
            let chunk = self.session.chunk(digest).map_err(io::Error::other)?;
            self.piece = io::Cursor::new(chunk);
        }
    }
}
