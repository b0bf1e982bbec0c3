//! Files with holes: places of zeros that take no room on the disk.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// The shortest hole, in bytes: the size of a block of most file systems.
const SHORTEST: usize = 4096;

/// Writes a new file, in which pieces of zeros become holes.
pub(super) struct WithHoles<'a> {
    file: &'a mut File,
    /// Whether the last piece was a hole.
    open: bool,
}

impl<'a> WithHoles<'a> {
    pub(super) fn new(file: &'a mut File) -> Self {
        Self { file, open: false }
    }

    /// Ends the file, also if a hole is its end.
    pub(super) fn finish(self) -> io::Result<()> {
        match self.open {
            true => {
                let end = self.file.stream_position()?;
                self.file.set_len(end)
            }
            false => Ok(()),
        }
    }
}

impl Write for WithHoles<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.open = piece.len() >= SHORTEST && piece.iter().all(|byte| *byte == 0);
        if self.open {
            let length = i64::try_from(piece.len()).map_err(io::Error::other)?;
            self.file.seek(SeekFrom::Current(length))?;
            return Ok(piece.len());
        }
        self.file.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Copies the content of a file from its beginning, and leaves out its holes.
pub(super) fn copy(mut from: &File, to: &mut File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::SeekFrom::{Data, Hole};
        use rustix::io::Errno;
        use std::io::Read;

        let mut end = from.metadata()?.len();
        let mut at = 0;
        while at < end {
            let start = match rustix::fs::seek(from, Data(at)) {
                Ok(start) => start,
                // The rest is a hole.
                Err(Errno::NXIO) => break,
                // The file system does not know where its holes are.
                Err(_) if at == 0 => {
                    from.seek(SeekFrom::Start(0))?;
                    return io::copy(&mut from, to).map(drop);
                }
                Err(error) => return Err(error.into()),
            };
            at = rustix::fs::seek(from, Hole(start))?;
            from.seek(SeekFrom::Start(start))?;
            to.seek(SeekFrom::Start(start))?;
            let copied = io::copy(&mut from.take(at - start), to)?;
            if copied < at - start {
                // It has become shorter meanwhile.
                end = start + copied;
            }
        }
        to.set_len(end)
    }
    #[cfg(not(target_os = "linux"))]
    io::copy(&mut from, to).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    #[test]
    fn zeros_become_holes_and_are_read_as_zeros() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let pieces = [
            vec![1; 10],
            vec![0; 1 << 20],
            vec![2; 5000],
            vec![0; 10],
            vec![0; 1 << 20],
        ];
        for count in 0..=pieces.len() {
            let mut file = File::create(&path).unwrap();
            let mut writer = WithHoles::new(&mut file);
            pieces[..count]
                .iter()
                .for_each(|piece| writer.write_all(piece).unwrap());
            writer.flush().unwrap();
            writer.finish().unwrap();
            assert_eq!(fs::read(&path).unwrap(), pieces[..count].concat());
        }
        // Some file systems have no holes: only a size that is known to be smaller is compared.
        let written = fs::metadata(&path).unwrap();
        assert!(
            written.blocks() * 512 <= written.size() + (1 << 20),
            "{}",
            written.blocks()
        );
    }

    #[test]
    fn copy_has_the_same_content_and_size() {
        let directory = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| directory.path().join(name));
        let source = File::create(&from).unwrap();
        source.write_all_at(b"one", 0).unwrap();
        source.write_all_at(b"two", 3 << 20).unwrap();
        for size in [5 << 20, 3 << 20, 1, 0] {
            source.set_len(size).unwrap();
            let mut target = File::create(&to).unwrap();
            copy(&File::open(&from).unwrap(), &mut target).unwrap();
            assert_eq!(fs::read(&to).unwrap(), fs::read(&from).unwrap(), "{size}");
        }
        // A directory cannot be read.
        let mut target = File::create(&to).unwrap();
        let directory = File::open(directory.path()).unwrap();
        assert!(copy(&directory, &mut target).is_err() || directory.metadata().unwrap().len() == 0);
    }

    /// The system makes this file when it is read, and does not know where it has holes.
    #[cfg(target_os = "linux")]
    #[test]
    fn file_without_known_holes_is_copied_as_a_whole() {
        let source = std::path::Path::new("/sys/devices/system/cpu/possible");
        if !source.exists() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let to = directory.path().join("to");
        let mut target = File::create(&to).unwrap();
        copy(&File::open(source).unwrap(), &mut target).unwrap();
        assert_eq!(fs::read(&to).unwrap(), fs::read(source).unwrap());
    }
}
