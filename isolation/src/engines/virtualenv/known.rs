//! Answers of interpreters, kept beside the templates: a start of Python takes longer than the copy
//! of a template.
//!
//! An answer is valid for one file: another size, time or inode makes another key. A script, such
//! as a shim of pyenv, may answer differently each time, so it is run each time.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::interpreter::{Interpreter, QUESTION};
use super::template::private;
use crate::environment::id::random_hex;

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 16 << 10;

/// Where answers are kept; without a directory every interpreter is run.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Option<PathBuf>);

impl Known {
    /// Answers that are kept in this directory.
    pub(super) fn below(directory: PathBuf) -> Self {
        Self(Some(directory))
    }

    /// The report of a candidate. It is run unless the same file has answered before.
    pub(super) fn ask(&self, candidate: &Path) -> Result<Interpreter, String> {
        let kept = self.place(candidate);
        if let Some(found) = kept.as_deref().and_then(read) {
            return Ok(found);
        }
        let found = Interpreter::ask(candidate)?;
        if let Some(path) = kept {
            // The next process runs it again if the answer cannot be kept.
            let _ = write(&path, &found);
        }
        Ok(found)
    }

    /// The file of the answer; `None` if it cannot be kept.
    fn place(&self, candidate: &Path) -> Option<PathBuf> {
        let key = key(candidate)?;
        let directory = private(self.0.as_deref()?).ok()?;
        Some(directory.join(format!("interpreter-{key}.json")))
    }
}

/// Changes with the program, and with the virtual environment to which it belongs.
fn key(candidate: &Path) -> Option<String> {
    let real = candidate.canonicalize().ok()?;
    let mut start = [0; 2];
    fs::File::open(&real).ok()?.read_exact(&mut start).ok()?;
    if &start == b"#!" {
        return None;
    }
    let mut hash = Sha256::new();
    for part in [QUESTION.as_bytes(), bytes(candidate), bytes(&real)] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(identity(&real)?);
    let directories = candidate.ancestors().skip(1).take(2);
    for file in directories.map(|directory| directory.join("pyvenv.cfg")) {
        hash.update([0]);
        hash.update(identity(&file).unwrap_or_default());
    }
    let digest = hash.finalize();
    Some(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

fn identity(file: &Path) -> Option<String> {
    let meta = file.metadata().ok()?;
    Some(format!(
        "{} {} {} {}.{} {}.{}",
        meta.dev(),
        meta.ino(),
        meta.len(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec(),
    ))
}

fn read(path: &Path) -> Option<Interpreter> {
    let mut text = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(LONGEST)
        .read_to_end(&mut text)
        .ok()?;
    // A damaged answer is replaced.
    let found: Interpreter = serde_json::from_slice(&text).ok()?;
    found.executable.is_file().then_some(found)
}

/// Renamed into place, so that no reader gets half of it.
fn write(path: &Path, found: &Interpreter) -> io::Result<()> {
    let new = path.with_extension(random_hex());
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let written = file
        .write_all(&serde_json::to_vec(found)?)
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // The first error counts.
        let _ = fs::remove_file(&new);
    }
    written
}

fn bytes(path: &Path) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A script is always run, and a program that is replaced is run again.
    #[test]
    fn answer_belongs_to_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let kept = tempfile::tempdir().unwrap();
        let program = directory.path().join("python3");
        let known = Known::below(kept.path().join("answers"));
        fs::write(&program, "#!/bin/sh\n").unwrap();
        assert_eq!(known.place(&program), None);
        fs::write(&program, "\u{7f}ELF one").unwrap();
        let first = known.place(&program).unwrap();
        assert_eq!(known.place(&program).unwrap(), first);
        let link = directory.path().join("python");
        std::os::unix::fs::symlink(&program, &link).unwrap();
        assert_ne!(
            known.place(&link).unwrap(),
            first,
            "its virtual environment is another one"
        );
        fs::write(directory.path().join("pyvenv.cfg"), "home = /x\n").unwrap();
        let of_environment = known.place(&program).unwrap();
        assert_ne!(of_environment, first);
        let new = directory.path().join("new");
        fs::write(&new, "\u{7f}ELF two").unwrap();
        fs::rename(&new, &program).unwrap();
        assert_ne!(known.place(&program).unwrap(), of_environment);
    }

    #[test]
    fn kept_answer_needs_its_interpreter() {
        let kept = tempfile::tempdir().unwrap();
        let path = kept.path().join("interpreter-x.json");
        let mut found = Interpreter::sample();
        found.executable = "/bin/sh".into();
        write(&path, &found).unwrap();
        assert_eq!(read(&path), Some(found.clone()));
        found.executable = "/no/such/python".into();
        write(&path, &found).unwrap();
        assert_eq!(read(&path), None);
        fs::write(&path, "{").unwrap();
        assert_eq!(read(&path), None);
        assert_eq!(fs::read_dir(kept.path()).unwrap().count(), 1, "something is left");
        fs::remove_file(&path).unwrap();
        fs::create_dir_all(path.join("in the way")).unwrap();
        write(&path, &found).unwrap_err();
        assert_eq!(fs::read_dir(kept.path()).unwrap().count(), 1, "something is left");
    }

    #[test]
    fn directory_of_other_users_keeps_nothing() {
        let kept = tempfile::tempdir().unwrap();
        fs::set_permissions(kept.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let known = Known::below(kept.path().to_owned());
        assert_eq!(known.place(Path::new("/bin/sh")), None);
    }
}
