//! Copies the content of a file.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use super::holes;

/// A file that is copied in less time than its content is shared.
const SMALL: u64 = 64 << 10;

/// Copies the content of a file of this size, from its beginning; shared with the original if the
/// file system can do that, and it saves time.
pub(crate) fn copy_content(from: &File, size: u64, to: &mut File) -> io::Result<()> {
    if size <= SMALL {
        let mut content = vec![0; usize::try_from(size).unwrap_or_default()];
        let mut length = 0;
        while length < content.len() {
            match from.read_at(&mut content[length..], length as u64) {
                Ok(0) => content.truncate(length),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        return to.write_all(&content);
    }
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(&*to, from).is_ok() {
        return Ok(());
    }
    holes::copy(from, to)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn file_that_shrinks_is_copied_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| directory.path().join(name));
        fs::write(&from, "short").unwrap();
        let source = File::open(&from).unwrap();
        let mut target = File::create(&to).unwrap();
        copy_content(&source, 1000, &mut target).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"short");
        // A directory cannot be read.
        let source = File::open(directory.path()).unwrap();
        copy_content(&source, 1000, &mut target).unwrap_err();
    }
}
