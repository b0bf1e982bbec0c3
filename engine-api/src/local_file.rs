//! Reading files of this machine: configuration and certificates.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The maximum size of a file, in bytes. A configuration is much shorter; a device has no end.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

/// Some editors write it at the start of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The content of a file, without a byte order mark; `None` if there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LONGEST_FILE {
        let text = format!("it is longer than {LONGEST_FILE} bytes");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    if content.starts_with(BYTE_ORDER_MARK) {
        content.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(Some(content))
}

/// A text without its byte order mark.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_mark_is_skipped_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for (content, read_as) in [
            (&b"\xEF\xBB\xBF{}"[..], &b"{}"[..]),
            (b"{}", b"{}"),
            (b"\xEF\xBB\xBF", b""),
            (b"\xEF\xBB\xBF\xEF\xBB\xBF{}", b"\xEF\xBB\xBF{}"),
            (b"\xEF\xBB", b"\xEF\xBB"),
        ] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read(&path).unwrap().unwrap(), read_as);
            assert_eq!(without_mark(content), read_as);
        }
        assert!(read(&directory.path().join("missing")).unwrap().is_none());
        assert!(read(&path.join("below")).unwrap().is_none());
        assert!(read(directory.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn file_without_end_is_an_error() {
        let error = read(Path::new("/dev/zero")).unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn link_to_itself_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("link", &link).unwrap();
        assert!(read(&link).is_err());
        assert_eq!(read(&directory.path().join("none")).unwrap(), None);
    }
}
