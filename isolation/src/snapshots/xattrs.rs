//! The extended attributes of files of this machine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use super::entry::Bytes;

/// Those that can be written again: of users, of programs, and access lists.
#[cfg(target_os = "linux")]
const KEPT: [&str; 3] = ["user.", "security.capability", "system.posix_acl_"];

/// The longest value and the longest list that Linux has.
#[cfg(target_os = "linux")]
const LONGEST: usize = 64 << 10;

/// The length of most lists.
#[cfg(target_os = "linux")]
const USUAL: usize = 256;

/// The extended attributes of a file or directory.
#[cfg(target_os = "linux")]
pub(super) fn read(file: &File) -> io::Result<BTreeMap<String, Bytes>> {
    let mut found = BTreeMap::new();
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
    for name in names.filter_map(|name| std::str::from_utf8(name).ok()) {
        if !KEPT.iter().any(|kept| name.starts_with(kept)) {
            continue;
        }
        let mut value = vec![0; LONGEST];
        match rustix::fs::fgetxattr(file, name, &mut value[..]) {
            Ok(length) => drop(found.insert(name.to_owned(), value[..length].into())),
            // Removed meanwhile.
            Err(rustix::io::Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Sets extended attributes; those of programs only for root.
#[cfg(target_os = "linux")]
pub(super) fn write(file: &File, attributes: &BTreeMap<String, Bytes>, is_root: bool) -> io::Result<()> {
    let possible = |name: &str| is_root || !name.starts_with("security.");
    for (name, value) in attributes.iter().filter(|(name, _)| possible(name)) {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::fsetxattr(file, name.as_str(), value.as_slice(), flags)?;
    }
    Ok(())
}

/// Extended attributes are read and written on Linux only.
#[cfg(not(target_os = "linux"))]
pub(super) fn read(_: &File) -> io::Result<BTreeMap<String, Bytes>> {
    Ok(BTreeMap::new())
}

/// Extended attributes are read and written on Linux only.
#[cfg(not(target_os = "linux"))]
pub(super) fn write(_: &File, attributes: &BTreeMap<String, Bytes>, _: bool) -> io::Result<()> {
    match attributes.is_empty() {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this system has no such extended attributes",
        )),
    }
}
