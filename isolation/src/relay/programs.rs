//! The programs inside that relays use: those of the image, or a static BusyBox of this machine
//! that is copied in.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Start;
use crate::command::Command;
use crate::error::{Error, ErrorKind, Result};
use crate::files::CopySource;

/// The path of a copied BusyBox. It runs the program of its first argument if its own name begins
/// with `busybox`.
pub(super) const COPIED: &str = "/busybox-isolate";

/// The names of a BusyBox on this machine.
const NAMES: [&str; 3] = ["busybox", "busybox.static", "busybox-static"];

/// The largest BusyBox that is copied, in bytes.
const LARGEST: u64 = 16 << 20;

/// The number of bytes of a program that hold its headers.
const HEAD: u64 = 4096;

/// The programs that a relay uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Programs {
    /// Those of the image.
    Image,
    /// Those of the copied BusyBox.
    Copied,
}

impl Programs {
    /// The path of the copied BusyBox; empty for programs of the image.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Image => "",
            Self::Copied => COPIED,
        }
    }

    /// A command with one of these programs.
    pub(super) fn command(self, argv: &[&str]) -> Command {
        let before = (self == Self::Copied).then_some(COPIED);
        Command::new(before.into_iter().chain(argv.iter().copied()))
    }

    /// Copies a BusyBox in, because the programs of the image do not suffice.
    ///
    /// # Errors
    ///
    /// The error `missing`, with the reason why no BusyBox can be copied.
    pub(super) async fn copy(start: &dyn Start, missing: &Error) -> Result<Self> {
        if runs(start).await.is_ok() {
            return Ok(Self::Copied);
        }
        let failed = |why: &str| Error::new(ErrorKind::Unsupported, format!("{missing}; {why}"));
        let Some(busybox) = start.busybox() else {
            return Err(failed(
                "use an image with one of them, or install a static BusyBox on this machine, which is copied in then",
            ));
        };
        let named = |why: &str| failed(&format!("{} cannot be used instead: {why}", busybox.display()));
        let content = read(&busybox).map_err(|error| named(&error.to_string()))?;
        let source = CopySource::Bytes {
            content: content.into(),
            mode: 0o755,
        };
        let copied = start.copy_in(source, COPIED).await;
        copied.map_err(|error| named(&error.to_string()))?;
        runs(start).await.map_err(|why| named(&why))?;
        Ok(Self::Copied)
    }
}

/// Whether the copied BusyBox runs; if not, its message.
async fn runs(start: &dyn Start) -> std::result::Result<(), String> {
    let command = Programs::Copied.command(&["true"]);
    let ended = async { start.start(&command).await?.output().await };
    let output = ended.await.map_err(|error| error.to_string())?;
    match output.exit.success() {
        true => Ok(()),
        false => Err(format!("{}; {}", output.exit, output.stderr_text().trim())),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut content)?;
    match content.len() as u64 > LARGEST {
        true => Err(std::io::Error::other("it is larger than 16 MiB")),
        false => Ok(content),
    }
}

/// A BusyBox of this machine that needs no library.
pub(crate) fn static_busybox() -> Option<PathBuf> {
    first_static(&std::env::var_os("PATH")?)
}

fn first_static(directories: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(directories)
        .filter(|directory| directory.is_absolute())
        .flat_map(|directory| NAMES.map(|name| directory.join(name)))
        .find(|path| is_static(path))
}

/// Whether a file is a program of 64 bits, little-endian, without an interpreter that loads its
/// libraries.
fn is_static(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && has_no_interpreter(&head).unwrap_or(false)
}

/// `None` if these are not the headers of such a program.
fn has_no_interpreter(head: &[u8]) -> Option<bool> {
    const START: [u8; 6] = *b"\x7fELF\x02\x01";
    const PROGRAM_HEADERS: usize = 32;
    const SIZE_OF_HEADER: usize = 54;
    const COUNT: usize = 56;
    const INTERPRETER: u32 = 3;
    let short = |at: usize| Some(usize::from(u16::from_le_bytes(*head.get(at..)?.first_chunk()?)));
    if !head.starts_with(&START) {
        return None;
    }
    let first = u64::from_le_bytes(*head.get(PROGRAM_HEADERS..)?.first_chunk()?);
    let (size, count) = (short(SIZE_OF_HEADER)?, short(COUNT)?);
    for number in 0..count {
        let at = usize::try_from(first).ok()?.checked_add(number * size)?;
        if u32::from_le_bytes(*head.get(at..)?.first_chunk()?) == INTERPRETER {
            return Some(false);
        }
    }
    Some(count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program with these types of headers.
    fn program(types: &[u8]) -> Vec<u8> {
        let mut head = vec![0; 64 + 56 * types.len()];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[32] = 64;
        head[54] = 56;
        head[56] = u8::try_from(types.len()).unwrap();
        for (number, kind) in types.iter().enumerate() {
            head[64 + 56 * number] = *kind;
        }
        head
    }

    #[test]
    fn program_without_libraries_is_static() {
        assert_eq!(has_no_interpreter(&program(&[1, 2])), Some(true));
        assert_eq!(has_no_interpreter(&program(&[6, 3, 1])), Some(false));
        assert_eq!(has_no_interpreter(&program(&[])), Some(false));
        let cut = &program(&[1, 1])[..100];
        assert_eq!(has_no_interpreter(cut), None);
        for other in [
            b"#!/bin/sh\n".as_slice(),
            b"",
            b"\x7fELF\x01\x01",
            b"\x7fELF\x02\x01",
        ] {
            assert_eq!(has_no_interpreter(other), None, "{other:?}");
        }
        let mut far = program(&[1]);
        far[32..40].copy_from_slice(&[0xff; 8]);
        assert_eq!(has_no_interpreter(&far), None);
        assert!(!is_static(Path::new("/no/such/program")));
    }

    #[test]
    fn program_that_is_too_large_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("busybox");
        File::create(&path).unwrap().set_len(LARGEST).unwrap();
        assert_eq!(read(&path).unwrap().len() as u64, LARGEST);
        File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("16 MiB"));
    }

    #[test]
    fn first_static_busybox_of_the_path_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| directory.path().join(name));
        for place in [&first, &second] {
            std::fs::create_dir(place).unwrap();
        }
        let needs_libraries = first.join("busybox");
        std::fs::write(&needs_libraries, program(&[6, 3, 1])).unwrap();
        let path = std::env::join_paths([Path::new("relative"), &first, &second]).unwrap();
        assert_eq!(first_static(&path), None);
        let is_static = second.join("busybox.static");
        std::fs::write(&is_static, program(&[1])).unwrap();
        assert_eq!(first_static(&path), Some(is_static));
        let here = std::env::var_os("PATH").and_then(|path| first_static(&path));
        assert_eq!(static_busybox(), here);
    }
}
