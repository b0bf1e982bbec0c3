//! A tar archive that is read: its beginning shows whether it is one.

use std::io::Cursor;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::CliError;

/// The length of the header of a file in an archive, and where its checksum is.
const HEADER: usize = 512;
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// The beginnings of compressed files: gzip, bzip2, xz, zstd.
const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"];

/// Returns the whole input, unless it is no tar archive. `what` names the input.
pub(crate) async fn checked<R>(
    what: &str,
    mut input: R,
) -> Result<impl AsyncRead + Send + 'static + use<R>, CliError>
where
    R: AsyncRead + Unpin + Send + 'static,
{
    let mut head = Vec::new();
    let read = (&mut input).take(HEADER as u64).read_to_end(&mut head).await;
    read.map_err(|error| CliError::new(format!("cannot read {what}")).because(&error))?;
    match is_archive(&head) {
        true => Ok(Cursor::new(head).chain(input)),
        false => {
            let error = CliError::new(format!("{what} is not a tar archive"));
            Err(error.hint("give an archive, plain or compressed"))
        }
    }
}

fn is_archive(head: &[u8]) -> bool {
    if COMPRESSED.iter().any(|begin| head.starts_with(begin)) {
        return true;
    }
    if head.len() < HEADER {
        return false;
    }
    // The end of an archive without files.
    if head.iter().all(|byte| *byte == 0) {
        return true;
    }
    let written = String::from_utf8_lossy(&head[CHECKSUM]);
    let written = i32::from_str_radix(written.trim_matches(['\0', ' ']), 8);
    // The field of the sum itself counts as blanks.
    let counted = |(at, byte): (usize, &u8)| if CHECKSUM.contains(&at) { b' ' } else { *byte };
    let counted = || head.iter().enumerate().map(counted);
    // Some old programs count bytes with a sign.
    let sums = [
        counted().map(i32::from).sum::<i32>(),
        counted().map(|byte| i32::from(i8::from_ne_bytes([byte]))).sum(),
    ];
    written.is_ok_and(|written| sums.contains(&written))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a file without content, as the program tar writes it.
    fn header() -> Vec<u8> {
        let mut header = vec![0; HEADER];
        header[..1].copy_from_slice(b"f");
        header[100..107].copy_from_slice(b"0000644");
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar ");
        header[CHECKSUM].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header
    }

    #[test]
    fn archive_of_an_old_program_is_known() {
        let mut header = header();
        header[1] = 0xe9;
        let counted = |signed: bool| {
            let byte = |byte: &u8| {
                if signed {
                    i32::from(i8::from_ne_bytes([*byte]))
                } else {
                    i32::from(*byte)
                }
            };
            let around = header[..148].iter().chain(&header[156..]);
            around.map(byte).sum::<i32>() + 8 * 32
        };
        for sum in [counted(false), counted(true)] {
            let mut written = header.clone();
            written[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert!(is_archive(&written), "{sum}");
        }
        assert!(!is_archive(&header), "the sum is that of another name");
    }

    #[test]
    fn archive_is_known_by_its_header() {
        assert!(is_archive(&header()) && is_archive(&[0; HEADER]));
        assert!(is_archive(b"\x1f\x8b\x08"), "a short compressed one");
        let mut damaged = header();
        damaged[0] = b'g';
        for other in [&damaged[..], b"", b"{}", &[b'x'; HEADER], &header()[..100]] {
            assert!(!is_archive(other), "{other:?}");
        }
    }

    #[tokio::test]
    async fn archive_is_read_from_its_beginning() {
        let archive = [header(), vec![0; 2 * HEADER]].concat();
        let input = Cursor::new(archive.clone());
        let mut read = Vec::new();
        let checked = checked("x.tar", input).await.unwrap();
        std::pin::pin!(checked).read_to_end(&mut read).await.unwrap();
        assert_eq!(read, archive);
        let error = super::checked("x.tar", Cursor::new(b"no".to_vec()))
            .await
            .err()
            .unwrap();
        assert!(error.mentions("x.tar is not a tar archive"));
    }
}
