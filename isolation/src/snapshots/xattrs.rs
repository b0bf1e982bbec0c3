//! The extended attributes of files of this machine.

use std::fs::File;
use std::io;

use super::attributes::Attributes;
use super::bytes::Bytes;

/// Those that can be written again: of users, of programs, and access lists.
#[cfg(target_os = "linux")]
const KEPT: [&[u8]; 3] = [b"user.", b"security.capability", b"system.posix_acl_"];

/// The longest value and the longest list that Linux has.
#[cfg(target_os = "linux")]
const LONGEST: usize = 64 << 10;

/// The length of most lists.
#[cfg(target_os = "linux")]
const USUAL: usize = 256;

/// The extended attributes of a file or directory.
#[cfg(target_os = "linux")]
pub(super) fn read(file: &File) -> io::Result<Attributes> {
    let mut found = Attributes::new();
    let mut list = vec![0; USUAL];
    let length = loop {
        match rustix::fs::flistxattr(file, &mut list[..]) {
            Ok(length) => break length,
            Err(rustix::io::Errno::RANGE) if list.len() < LONGEST => list.resize(LONGEST, 0),
            Err(rustix::io::Errno::NOTSUP) => return Ok(found),
            Err(error) => return Err(error.into()),
        }
    };
    let names = list[..length].split(|byte| *byte == 0);
    for name in names {
        if !KEPT.iter().any(|kept| name.starts_with(kept)) {
            continue;
        }
        // It may have been removed meanwhile.
        found.extend(value(file, name)?.map(|value| (name.into(), value)));
    }
    Ok(found)
}

/// The value of an attribute, if the file has it.
#[cfg(target_os = "linux")]
fn value(file: &File, name: &[u8]) -> io::Result<Option<Bytes>> {
    let mut value = vec![0; LONGEST];
    match rustix::fs::fgetxattr(file, name, &mut value[..]) {
        Ok(length) => Ok(Some(value[..length].into())),
        Err(rustix::io::Errno::NODATA) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sets extended attributes; those of programs only for root.
#[cfg(target_os = "linux")]
pub(super) fn write(file: &File, attributes: &Attributes, is_root: bool) -> io::Result<()> {
    let possible = |name: &Bytes| is_root || !name.as_slice().starts_with(b"security.");
    for (name, value) in attributes.iter().filter(|(name, _)| possible(name)) {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::fsetxattr(file, name.as_slice(), value.as_slice(), flags)?;
    }
    Ok(())
}

/// Extended attributes are read and written on Linux only.
#[cfg(not(target_os = "linux"))]
pub(super) fn read(_: &File) -> io::Result<Attributes> {
    Ok(Attributes::new())
}

/// Extended attributes are read and written on Linux only.
#[cfg(not(target_os = "linux"))]
pub(super) fn write(_: &File, attributes: &Attributes, _: bool) -> io::Result<()> {
    match attributes.is_empty() {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this system has no such extended attributes",
        )),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    #[test]
    fn attributes_beyond_the_usual_number_are_read() {
        let file = tempfile::tempfile().unwrap();
        let name = |number: usize| format!("user.attribute-{number:03}");
        // The list of these names is longer than that of most files.
        let mut wanted: Attributes = (0..2 * USUAL / name(0).len())
            .map(|number| (name(number).into(), b"value".into()))
            .collect();
        wanted.insert(b"user.no text \xff".into(), b"\xfe".into());
        match write(&file, &wanted, false) {
            // The file system of temporary files may not have extended attributes.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}"),
            Ok(()) => {
                assert_eq!(read(&file).unwrap(), wanted);
                assert_eq!(value(&file, b"user.none").unwrap(), None);
            }
        }
    }

    #[test]
    fn file_that_cannot_be_read_is_an_error() {
        let only_a_name = i32::try_from(rustix::fs::OFlags::PATH.bits()).unwrap();
        let mut options = std::fs::OpenOptions::new();
        let opened = options.read(true).custom_flags(only_a_name).open("/").unwrap();
        let errors = [
            read(&opened).unwrap_err(),
            value(&opened, b"user.none").unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()));
        }
    }
}
