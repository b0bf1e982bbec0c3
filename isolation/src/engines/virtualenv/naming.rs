//! Finds the files and links of a virtual environment that name the directory in which it is, while
//! they are copied. A file that was searched before, and was not changed since, is not read again.

use std::collections::{BTreeSet, HashMap};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{DIRECTORY, scripts};
use crate::snapshots::Seen;

/// How much of a file is read at a time, at most and at least.
const PIECE: usize = 256 << 10;
const SMALLEST: usize = 4 << 10;

/// How long ago the last change of a file must be, so that the next one has another time.
const SETTLED: Duration = Duration::from_secs(1);

/// The most files that are remembered.
const MOST: usize = 1 << 18;

/// Files that do not name the directory in which they are.
#[derive(Debug, Default)]
pub(super) struct Searched(Mutex<HashMap<Place, State>>);

/// A file, and the directory that it does not name.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Place {
    root: Arc<Path>,
    device: u64,
    inode: u64,
}

/// Changes with the file: its size, and the time of the last change of the inode.
#[derive(Debug, PartialEq, Eq)]
struct State(u64, i64, i64);

/// A search in the files of one virtual environment.
#[derive(Debug)]
pub(super) struct Search {
    root: Arc<Path>,
    began: SystemTime,
    searched: Arc<Searched>,
    found: Mutex<BTreeSet<PathBuf>>,
}

impl Search {
    /// `root` is the directory of the environment that the files may name.
    pub(super) fn new(root: &Path, searched: &Arc<Searched>) -> Self {
        Self {
            root: root.into(),
            began: SystemTime::now(),
            searched: Arc::clone(searched),
            found: Mutex::default(),
        }
    }

    /// Searches a file or a link, whose path is relative to the directory of the environment.
    pub(super) fn look(&self, path: &Path, seen: Seen<'_>) -> io::Result<()> {
        let Ok(relative) = path.strip_prefix(DIRECTORY) else {
            return Ok(());
        };
        // The interpreter corrects the path in compiled code when it loads it.
        if relative.iter().any(|part| part == "__pycache__") {
            return Ok(());
        }
        let (file, meta) = match seen {
            Seen::File(file, meta) => (file, meta),
            Seen::Link(target) => {
                if target.starts_with(&self.root) {
                    self.all().insert(relative.to_owned());
                }
                return Ok(());
            }
        };
        let key = Place {
            root: Arc::clone(&self.root),
            device: meta.dev(),
            inode: meta.ino(),
        };
        let state = State(meta.len(), meta.ctime(), meta.ctime_nsec());
        if self.searched.all().get(&key) == Some(&state) {
            return Ok(());
        }
        if names(file, meta.len(), self.root.as_os_str().as_bytes())? {
            self.all().insert(relative.to_owned());
        } else if self.is_settled(meta) {
            let mut searched = self.searched.all();
            if searched.len() >= MOST {
                searched.clear();
            }
            searched.insert(key, state);
        }
        Ok(())
    }

    /// The files and links that name the directory, relative to the virtual environment.
    pub(super) fn found(&self) -> BTreeSet<PathBuf> {
        self.all().clone()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_settled(&self, meta: &Metadata) -> bool {
        let Ok(seconds) = u64::try_from(meta.ctime()) else {
            return true;
        };
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds + 1);
        changed + SETTLED < self.began
    }
}

impl Searched {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Place, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a file of about this size names a path. Its position stays.
fn names(file: &File, size: u64, path: &[u8]) -> io::Result<bool> {
    let needed = usize::try_from(size).unwrap_or(PIECE).clamp(SMALLEST, PIECE);
    let mut buffer = vec![0; needed + path.len() + 2];
    let (mut kept, mut at) = (0, 0);
    loop {
        let read = match file.read_at(&mut buffer[kept..], at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        at += read as u64;
        let piece = &buffer[..kept + read];
        // At the end of a piece, the byte behind the path is not known yet.
        let certain = match read {
            0 => piece.len(),
            _ => piece.len().saturating_sub(1),
        };
        if scripts::contains_before(piece, path, certain) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        let end = piece.len();
        kept = end.min(path.len() + 1);
        buffer.copy_within(end - kept..end, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn path_is_found_at_every_place_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        let old = b"/old/env";
        for at in [
            0,
            1,
            PIECE - 9,
            PIECE - 8,
            PIECE - 7,
            PIECE - 1,
            PIECE,
            2 * PIECE - 20,
            3 * PIECE,
        ] {
            for (behind, expected) in [(&b""[..], true), (b"/bin", true), (b"x", false), (b"-2 ", false)] {
                let content = [&vec![b' '; at][..], old, behind].concat();
                fs::write(&path, &content).unwrap();
                for size in [content.len() as u64, 0] {
                    let found = names(&File::open(&path).unwrap(), size, old).unwrap();
                    assert_eq!(found, expected, "{at} {behind:?}");
                }
                assert_eq!(scripts::contains(&content, old), expected);
            }
        }
    }

    #[test]
    fn changed_file_is_searched_again() {
        let directory = tempfile::tempdir().unwrap();
        let environment = directory.path().join(DIRECTORY);
        fs::create_dir(&environment).unwrap();
        let path = environment.join("f");
        let searched = Arc::default();
        let found = |text: &str, began: Duration| {
            fs::write(&path, text).unwrap();
            let mut search = Search::new(Path::new("/old/env"), &searched);
            search.began += began;
            let file = File::open(&path).unwrap();
            let relative = Path::new(DIRECTORY).join("f");
            let meta = file.metadata().unwrap();
            search.look(&relative, Seen::File(&file, &meta)).unwrap();
            search.found().len()
        };
        assert_eq!(found("none", Duration::ZERO), 0);
        assert!(searched.all().is_empty(), "it may change within the same time");
        assert_eq!(found("none", Duration::from_secs(5)), 0);
        assert_eq!(searched.all().len(), 1);
        assert_eq!(found("/old/env/bin", Duration::from_secs(5)), 1);
        // Of another directory nothing is known.
        let search = Search::new(Path::new("/other"), &searched);
        fs::write(&path, "/other/x").unwrap();
        let file = File::open(&path).unwrap();
        let meta = file.metadata().unwrap();
        for path in [".venv/f", ".venv/__pycache__/f", "src/f"] {
            search.look(Path::new(path), Seen::File(&file, &meta)).unwrap();
        }
        assert_eq!(search.found(), [PathBuf::from("f")].into());
    }

    #[test]
    fn link_to_the_directory_is_found() {
        let search = Search::new(Path::new("/old/env"), &Arc::default());
        for (path, target) in [
            (".venv/a", "/old/env/bin"),
            (".venv/d/b", "/old/env"),
            (".venv/c", "/old/envy"),
            (".venv/e", "../old/env"),
            ("src/f", "/old/env"),
        ] {
            search
                .look(Path::new(path), Seen::Link(Path::new(target)))
                .unwrap();
        }
        assert_eq!(search.found(), [PathBuf::from("a"), PathBuf::from("d/b")].into());
    }

    #[test]
    fn files_that_are_remembered_are_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "none").unwrap();
        let searched: Arc<Searched> = Arc::default();
        let mut search = Search::new(Path::new("/old/env"), &searched);
        search.began += Duration::from_secs(5);
        let place = |number: usize| Place {
            root: Arc::clone(&search.root),
            device: 0,
            inode: number as u64,
        };
        let many = (0..MOST).map(|number| (place(number), State(0, 0, 0)));
        searched.all().extend(many);
        let file = File::open(&path).unwrap();
        let meta = file.metadata().unwrap();
        let relative = Path::new(DIRECTORY).join("f");
        search.look(&relative, Seen::File(&file, &meta)).unwrap();
        assert_eq!(searched.all().len(), 1);
        assert!(search.found().is_empty());
    }
}
