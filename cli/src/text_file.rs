//! Reads text files that an option or argument names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The maximum size of a file. A person writes these files, so they are short.
const LONGEST: u64 = 1 << 20;

/// Reads a text file, which must not be longer than 1 MiB.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LONGEST {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is longer than 1 MiB",
        )),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = File::create(&path).unwrap();
        for (length, fits) in [(LONGEST, true), (LONGEST + 1, false)] {
            file.set_len(length).unwrap();
            assert_eq!(read(&path).is_ok(), fits, "{length}");
        }
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero")).is_err());
    }
}
