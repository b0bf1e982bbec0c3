//! The facts of a layer that the archive of an image needs: its digest and size, and the headers of
//! files.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

/// The digest and the size of the bytes that are written to it.
#[derive(Default)]
pub(crate) struct Measured {
    digest: Sha256,
    size: u64,
}

impl Measured {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The SHA-256 digest in hexadecimal digits.
    pub(crate) fn into_digest(self) -> String {
        let bytes = self.digest.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Write for Measured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The header of a file in the archive of an image.
pub(crate) fn file_header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_measured_as_they_are_written() {
        let mut measured = Measured::default();
        measured.write_all(b"a").unwrap();
        measured.write_all(b"bc").unwrap();
        measured.flush().unwrap();
        assert_eq!(measured.size(), 3);
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(measured.into_digest(), digest);
    }
}
